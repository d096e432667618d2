"""Piano rolls told as signs: which of 88 keys sound in each frame, foreseen by an LSTM.

The data are the splits of Boulanger-Lewandowski, Bengio, Vincent 2012 (arXiv:1206.6392) as the
repository of TCN (Bai, Kolter, Koltun 2018, arXiv:1803.01271) keeps them. The loss is TCN's: of all
frames but each piece's first, over all 88 keys, in nats, divided by the number of frames.

A frame is its keys from the lowest to the highest, then a sign that ends it; a mark stands before
each piece. A frame can be told in one way only, so its chance is the product of those of its signs,
and its nats are their sum. Signs that can't come next (a key that is not above the last one, the
mark) are left out before the chances are taken, so those of all 2^88 frames sum to 1.

From the same network comes what keys do on their own, given the past: the chance that a key sounds
is its mean over all frames that may follow, estimated from some that are drawn. Of each draw counts
not the key that was drawn but the chances before each choice (Rao, Blackwell), which a key is
chosen by at most once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.io import loadmat
from torch import Tensor

from bowerbird.learning.fit import FitConfig, fit_steps
from bowerbird.learning.sequence import Rows, SequenceTask
from bowerbird.networks.recurrent import Recurrent, RecurrentConfig

KEYS = 88
END, MARK = KEYS, KEYS + 1
RARE = 1e-2  # share of the keys' plain frequencies in their chances; chosen on validation pieces
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class Rolls:
    """The three parts of a data set; a piece is (frames, 88) of 0 and 1."""

    train: list[np.ndarray]
    valid: list[np.ndarray]
    test: list[np.ndarray]

    def frequencies(self) -> Tensor:
        """Return how often each key sounds where is learned from, by Laplace's rule."""
        frames = np.concatenate(self.train)
        return torch.from_numpy((frames.sum(0) + 1) / (len(frames) + 2))


@dataclass(frozen=True)
class Recipe:
    """How a data set is learned."""

    network: RecurrentConfig
    fit: FitConfig
    rows: int = 16
    window: int = 96


def read_rolls(path: Path) -> Rolls:
    """Return the splits of a file of MATLAB."""
    kept = loadmat(path)
    parts = [kept[name][0] for name in ("traindata", "validdata", "testdata")]
    return Rolls(*([np.asarray(piece, np.uint8) for piece in part] for part in parts))


def told(piece: np.ndarray) -> np.ndarray:
    """Return the signs of a piece (frames, 88), after a mark."""
    frames = [np.append(np.flatnonzero(frame), END) for frame in piece]
    return np.concatenate([[MARK], *frames])


def learned(rolls: Rolls, recipe: Recipe, seed: int, dtype: torch.dtype) -> Recurrent:
    """Return a network that has learned the pieces, one after the other; it computes in ``dtype``."""
    torch.manual_seed(seed)
    network = Recurrent(KEYS + 2, recipe.network, dtype)
    network.initialize(seed)
    order = np.random.default_rng(seed).permutation(len(rolls.train))
    streams = [
        np.concatenate([told(piece) for piece in pieces])
        for pieces in ([rolls.train[i] for i in order], rolls.valid)
    ]
    rows = Rows(streams[0], recipe.rows, recipe.window, seed)
    for _ in fit_steps(SequenceTask(network, rows, streams[1], torch.device("cpu")), recipe.fit):
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


@torch.no_grad()
def nats_apart(
    networks: Sequence[Recurrent], rolls: Rolls, pieces: Sequence[np.ndarray], draws: int
) -> float:
    """Return the nats a frame of pieces, with each key told from the past frames alone."""
    usual, random = rolls.frequencies(), torch.Generator().manual_seed(0)
    nats = count = 0.0
    for piece in pieces:
        sounds = torch.zeros(len(piece) - 1, KEYS, dtype=torch.float64)
        for network in networks:
            for some, place in _states(network, piece):
                sounds[place] += marginals(network, some, draws, random) / len(networks)
        chance = (1 - RARE) * sounds.clamp(0, 1) + RARE * usual
        there = torch.from_numpy(piece[1:]) > 0
        nats -= float(torch.where(there, chance, 1 - chance).log().sum())
        count += len(piece) - 1
    return nats / count


@torch.no_grad()
def _states(
    network: Recurrent, piece: np.ndarray, most: int = 128
) -> Iterator[tuple[tuple[Tensor, State], slice]]:
    """Yield scores and states after each frame of a piece but the last, for some frames at once."""
    state, kept, done = network.start(1), [], 0
    for sign in told(piece[:-1]).tolist():
        scores, state = network.step(torch.tensor([sign]), state)
        if sign == END:
            kept.append((scores, *state))
        if len(kept) == most or (sign == END and done + len(kept) == len(piece) - 1):
            scores, *states = (torch.cat(parts) for parts in zip(*kept, strict=True))
            yield (scores, tuple(states)), slice(done, done + len(kept))
            done, kept = done + len(kept), []


@torch.no_grad()
def marginals(
    network: Recurrent, after: tuple[Tensor, State], draws: int, random: torch.Generator
) -> Tensor:
    """Return (frames, 88), float64: the chance of each key in the frame that follows each state."""
    frames = len(after[0])
    scores = after[0].repeat_interleave(draws, 0)
    state = tuple(s.repeat_interleave(draws, 0) for s in after[1])
    found = torch.zeros(frames, KEYS, dtype=torch.float64)
    frame = torch.arange(frames).repeat_interleave(draws)
    sign = torch.full((len(frame),), END)
    while len(sign):
        each = scores.masked_fill(~possible(sign), -torch.inf).softmax(-1)
        found.index_add_(0, frame, each[:, :KEYS].double())
        sign = torch.multinomial(each, 1, generator=random)[:, 0]
        goes = sign < END
        sign, frame = sign[goes], frame[goes]
        if len(sign):
            scores, state = network.step(sign, tuple(s[goes] for s in state))
    return found / draws
