"""Predict the next frame of a piano roll as tokens, with the network of text and tunes.

A frame is its keys from the lowest to the highest, then an end token; a start token stands before
each piece. A frame has exactly one encoding, so its probability is the product of those of its
tokens, and its nats are their sum. Tokens that can't come next (a key that is not above the last
one, the start) are masked before the softmax, so the probabilities of all 2^88 frames sum to 1.
"""

from collections.abc import Sequence

import numpy as np
import torch
from rolls import KEYS, Rolls
from torch import Tensor

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.sequences.batches import SequenceBatches, SequenceTask
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent

END, START = KEYS, KEYS + 1
BATCH_SIZE, SEQUENCE_LENGTH = 16, 96  # in tokens, of which a frame has about five


def encode(piece: np.ndarray) -> np.ndarray:
    """Return the tokens of a piece (frames, 88), with the start."""
    frames = [np.append(np.flatnonzero(frame), END) for frame in piece]
    return np.concatenate([[START], *frames])


def train(
    rolls: Rolls, config: RecurrentConfig, trainer: TrainerConfig, dtype: torch.dtype
) -> Recurrent:
    """Return a network trained on the pieces, one after the other, in ``dtype``."""
    torch.manual_seed(trainer.seed)
    network = Recurrent(KEYS + 2, config, dtype)
    network.initialize(trainer.seed)
    order = np.random.default_rng(trainer.seed).permutation(len(rolls.train))
    streams = [
        np.concatenate([encode(piece) for piece in pieces])
        for pieces in ([rolls.train[i] for i in order], rolls.valid)
    ]
    batches = SequenceBatches(streams[0], BATCH_SIZE, SEQUENCE_LENGTH, trainer.seed)
    task = SequenceTask(network, batches, streams[1], torch.device("cpu"))
    for _ in train_steps(task, trainer):
        pass
    return network.eval()


def allowed(tokens: Tensor) -> Tensor:
    """Return a mask (..., tokens) of what may follow each token."""
    keys = torch.arange(KEYS + 2)
    last = torch.where(tokens < KEYS, tokens, -1)[..., None]  # a new frame may begin with any key
    return (keys > last) & (keys <= END)


def probabilities(networks: Sequence[Recurrent], tokens: Tensor) -> Tensor:
    """Return (T, tokens), float64: the networks' mean probability of what follows each token."""
    mean = torch.zeros(len(tokens), KEYS + 2, dtype=torch.float64)
    for network in networks:
        logits = network(tokens[None])[0][0].double()
        mean += logits.masked_fill(~allowed(tokens), -torch.inf).softmax(-1)
    return mean / len(networks)


@torch.no_grad()
def nats_per_frame(networks: Sequence[Recurrent], pieces: Sequence[np.ndarray]) -> float:
    """Return the nats per frame of pieces, each key given the lower keys of its frame."""
    nats = count = 0.0
    for piece in pieces:
        tokens = torch.from_numpy(encode(piece))
        following = probabilities(networks, tokens[:-1]).gather(1, tokens[1:, None])
        first = int(piece[0].sum()) + 1  # tokens of the first frame, which is given
        nats -= float(following.log()[first:, 0].sum())
        count += len(piece) - 1
    return nats / count
