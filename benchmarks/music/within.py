"""The next frame of a piano roll, told as signs and foreseen by the network of text and tunes.

A frame is its keys from the lowest to the highest, then a sign that ends it; a mark stands before
each piece. A frame can be told in one way only, so its chance is the product of those of its signs,
and its nats are their sum. Signs that can't come next (a key that is not above the last one, the
mark) are left out before the chances are taken, so those of all 2^88 frames sum to 1.
"""

from collections.abc import Sequence

import numpy as np
import torch
from rolls import KEYS, Rolls
from torch import Tensor

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.sequence_batches import SequenceBatches, SequenceTask
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent

END, MARK = KEYS, KEYS + 1
ROWS, WINDOW = 16, 96  # WINDOW in signs, five of which tell a frame


def told(piece: np.ndarray) -> np.ndarray:
    """Return the signs of a piece (frames, 88), after a mark."""
    frames = [np.append(np.flatnonzero(frame), END) for frame in piece]
    return np.concatenate([[MARK], *frames])


def learned_within(
    rolls: Rolls, config: RecurrentConfig, fit: TrainerConfig, dtype: torch.dtype
) -> Recurrent:
    """Return a network that has learned the pieces, one after the other, in ``dtype``."""
    torch.manual_seed(fit.seed)
    network = Recurrent(KEYS + 2, config, dtype)
    network.initialize(fit.seed)
    order = np.random.default_rng(fit.seed).permutation(len(rolls.train))
    streams = [
        np.concatenate([told(piece) for piece in pieces])
        for pieces in ([rolls.train[i] for i in order], rolls.valid)
    ]
    rows = SequenceBatches(streams[0], ROWS, WINDOW, fit.seed)
    for _ in train_steps(SequenceTask(network, rows, streams[1], torch.device("cpu")), fit):
        pass
    return network.eval()


def possible(signs: Tensor) -> Tensor:
    """Return (..., signs): what may follow each sign."""
    keys = torch.arange(KEYS + 2)
    last = torch.where(signs < KEYS, signs, -1)[..., None]  # a new frame may begin with any key
    return (keys > last) & (keys <= END)


def chances(networks: Sequence[Recurrent], signs: Tensor) -> Tensor:
    """Return (T, signs), float64: the mean of the networks' chances of what follows each sign."""
    found = torch.zeros(len(signs), KEYS + 2, dtype=torch.float64)
    for network in networks:
        scores = network(signs[None])[0][0].double()
        found += scores.masked_fill(~possible(signs), -torch.inf).softmax(-1)
    return found / len(networks)


@torch.no_grad()
def nats_within(networks: Sequence[Recurrent], pieces: Sequence[np.ndarray]) -> float:
    """Return the nats a frame of pieces, with each key told after the lower keys of its frame."""
    nats = count = 0.0
    for piece in pieces:
        signs = torch.from_numpy(told(piece))
        each = chances(networks, signs[:-1]).gather(1, signs[1:, None]).log()[:, 0]
        first = int(piece[0].sum()) + 1  # signs of the first frame, which is given
        nats -= float(each[first:].sum())
        count += len(piece) - 1
    return nats / count
