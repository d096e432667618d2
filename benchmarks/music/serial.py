"""A piano roll as a stream of signs, foreseen by the network that writes text and tunes.

A frame is its keys from the lowest to the highest, then a sign that ends it; a mark stands before
each piece. A frame can be told in one way only, so its chance is the product of those of its signs,
and its nats are their sum. Signs that can't come next (a key that is not above the last one, the
mark) are left out before the chances are taken, so those of all 2^88 frames sum to 1.
"""

from collections.abc import Iterable

import numpy as np
import torch
from frames import KEYS, Rolls
from torch import Tensor

from bowerbird.learning.fit import FitConfig, fit_steps
from bowerbird.learning.sequence import Rows, SequenceTask
from bowerbird.networks.recurrent import Recurrent, RecurrentConfig

END, MARK = KEYS, KEYS + 1


def told(piece: np.ndarray) -> np.ndarray:
    """Return the signs of a piece (frames, 88), after a mark."""
    frames = [np.append(np.flatnonzero(frame), END) for frame in piece]
    return np.concatenate([[MARK], *frames])


def serial_network(
    rolls: Rolls, config: RecurrentConfig, fit: FitConfig, dtype: torch.dtype
) -> Recurrent:
    """Return a network that has learned the stream of the pieces."""
    torch.manual_seed(fit.seed)
    network = Recurrent(KEYS + 2, config, dtype)
    network.initialize(fit.seed)
    order = np.random.default_rng(fit.seed).permutation(len(rolls.train))
    streams = [
        np.concatenate([told(piece) for piece in pieces])
        for pieces in ([rolls.train[i] for i in order], rolls.valid)
    ]
    rows = Rows(streams[0], 16, 96, fit.seed)
    for _ in fit_steps(SequenceTask(network, rows, streams[1], torch.device("cpu")), fit):
        pass
    return network


@torch.no_grad()
def serial_nats(network: Recurrent, pieces: Iterable[np.ndarray]) -> float:
    """Return the nats a frame over pieces: of all frames but each piece's first."""
    network.eval()
    nats = count = 0.0
    for piece in pieces:
        signs = torch.from_numpy(told(piece))
        scores = network(signs[None, :-1])[0][0].double()
        targets = signs[1:]
        chances = scores.masked_fill(~possible(signs[:-1]), -torch.inf).log_softmax(-1)
        later = (targets == END).cumsum(0) - (targets == END).int() > 0  # not in the first frame
        nats -= float(chances.gather(1, targets[:, None])[later].sum())
        count += len(piece) - 1
    return nats / count


def possible(signs: Tensor) -> Tensor:
    """Return (T, signs): what may follow each sign."""
    keys = torch.arange(KEYS + 2)
    last = torch.where(signs < KEYS, signs, -1)[:, None]  # a new frame may begin with any key
    return (keys > last) & (keys <= END)
