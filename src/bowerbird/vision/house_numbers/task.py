"""Learning to find and to read numbers, from generated scenes, photographs of SVHN, or both.

What is minimised: -log P(S | X) of Goodfellow et al. 2013, in nats a number, plus the errors of
boxes, plus what the finder is wrong about: focal loss (Lin et al. 2017, arXiv:1708.02002) on each
cell and the error of its sides where a number is.

Scenes are made while it learns. A pool holds the newest of them, and each is cut many times in
different ways; scene number k of a run is the same on every machine, so a run can be resumed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from bowerbird.networks.multi_digit import (
    MAX_DIGITS,
    MultiDigit,
    Reading,
    as_input,
    log_probability,
)
from bowerbird.vision.house_numbers.scenes.streets import Scene
from bowerbird.vision.house_numbers.training_crops import crop_of, piece_of

BOX_WEIGHT = 10.0  # nats for an error of a whole crop side
FIND_WEIGHT = 1.0
ROUND = 0.05  # of a crop's side: below it the error of a box counts squared
FOCUS = 2.0  # the focal loss's gamma
OWN = 0.5  # of the crops are read at the boxes that the network finds, as later on


class Source(Protocol):
    """Where scenes come from: number k is always the same one."""

    def __call__(self, index: int, /) -> Scene:
        """Return a scene."""
        ...


@dataclass(frozen=True)
class PoolConfig:
    """How scenes are used."""

    batch: int = 32
    """Crops that are read in a step."""
    looked: int = 6
    """Pieces in which numbers are looked for in a step."""
    pool: int = 3000
    """Scenes that are held at a time."""
    fresh: int = 4
    """New scenes in a step."""
    validation: int = 300
    """Scenes with which is measured, of typefaces and photographs that are not learned from."""

    def __post_init__(self) -> None:
        if min(self.batch, self.looked, self.pool, self.fresh, self.validation) < 1:
            raise ValueError("batch, looked, pool, fresh and validation are at least 1")


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops to read and pieces to look in, with what is true of them."""

    crops: Float[Tensor, "B 3 side side"]
    lengths: Int[Tensor, " B"]
    digits: Int[Tensor, "B 5"]
    box: Float[Tensor, "B 4"]
    boxes: Float[Tensor, "B 5 4"]
    pieces: Float[Tensor, "N 3 H W"]
    there: Float[Tensor, "N h w"]
    sides: Float[Tensor, "N 4 h w"]
    given: Float[Tensor, "B 5 4"] | None = None  # boxes to look at; no number: the network's own


class NumbersTask:
    """What is learned; see learning/fit.py."""

    network: nn.Module

    def __init__(
        self,
        network: MultiDigit,
        learned: Source,
        measured: Source,
        config: PoolConfig,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network, self.config, self.seed, self.dtype = network, config, seed, dtype
        self.side = network.config.crop_size
        self.learned, self.measured = learned, measured
        self.step = 0
        self.pool: list[Scene] = []

    def loss(self, network: nn.Module) -> Tensor:
        """Return the loss of the next batch."""
        config = self.config
        if not self.pool:
            first = self.step * config.fresh
            self.pool = [self.learned(first + k) for k in range(config.pool)]
        random = np.random.default_rng((self.seed, 1, self.step))
        batch = self._batch(self._drawn(random, config.batch), config.looked, random, learning=True)
        newest = self.step * config.fresh + config.pool
        for index in range(newest, newest + config.fresh):
            self.pool[index % config.pool] = self.learned(index)
        self.step += 1
        return self._loss(network, batch)

    def validate(self, network: nn.Module) -> float:
        """Return the loss on scenes that are never learned from."""
        network.eval()
        total = 0.0
        with torch.inference_mode():
            for batch in self._measured:
                total += float(self._loss(network, batch)) * len(batch.lengths)
        return total / sum(len(batch.lengths) for batch in self._measured)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the place in the endless row of scenes."""
        return {"step": torch.tensor(self.step)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a place; the pool is made anew."""
        self.step, self.pool = int(state["step"]), []
        config = self.config
        if self.step:  # as it was: each place has the newest scene that fell to it
            newest = self.step * config.fresh + config.pool
            self.pool = [self.learned(k) for k in range(newest - config.pool, newest)]
            turn = newest % config.pool
            self.pool = self.pool[-turn:] + self.pool[:-turn] if turn else self.pool

    @cached_property
    def _measured(self) -> list[Batch]:
        scenes = [self.measured(k) for k in range(self.config.validation)]
        random = np.random.default_rng((self.seed, 2))
        return [
            self._batch(scenes[start : start + 50], 16, random, learning=False)
            for start in range(0, len(scenes), 50)
        ]

    def _drawn(self, random: np.random.Generator, count: int) -> list[Scene]:
        return [self.pool[k] for k in random.integers(0, len(self.pool), count)]

    def _batch(
        self, scenes: Sequence[Scene], looked: int, random: np.random.Generator, *, learning: bool
    ) -> Batch:
        rows = [crop_of(random, scene, self.side) for scene in scenes]
        others = [scenes[k] for k in random.integers(0, len(scenes), looked)]
        pieces = [piece_of(random, scene) for scene in others]
        read = [self._stacked(column) for column in zip(*rows, strict=True)]
        found = [self._stacked(column) for column in zip(*pieces, strict=True)]
        crops, lengths, digits, box, boxes = read
        looked_at, there, sides = found
        crops, looked_at = as_input(crops, self.dtype), as_input(looked_at, self.dtype)
        given = _given(random, boxes) if learning else None
        return Batch(crops, lengths, digits, box, boxes, looked_at, there, sides, given)

    def _stacked(self, rows: Sequence[NDArray[Any]]) -> Tensor:
        device = next(self.network.parameters()).device
        return torch.from_numpy(np.stack(rows)).to(device)

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        reading, cells = network(batch.crops, batch.pieces, batch.given)
        return reading_loss(reading, batch) + FIND_WEIGHT * finding_loss(cells, batch)


def reading_loss(reading: Reading, batch: Batch) -> Tensor:
    """Return -log P(S | X) plus the errors of boxes, in nats a crop."""
    nats = -log_probability(reading, batch.lengths, batch.digits).mean()
    present = (batch.lengths > 0).float()
    place = torch.arange(MAX_DIGITS, device=present.device)
    counted = (place < batch.lengths[:, None]).float()
    whole = F.smooth_l1_loss(reading.box, batch.box, beta=ROUND, reduction="none").mean(1)
    each = F.smooth_l1_loss(reading.boxes, batch.boxes, beta=ROUND, reduction="none").mean(2)
    error = (whole * present).sum() / present.sum().clamp(min=1)
    error = error + (each * counted).sum() / counted.sum().clamp(min=1)
    return nats + BOX_WEIGHT * error / 2


def finding_loss(cells: Float[Tensor, "N 5 h w"], batch: Batch) -> Tensor:
    """Return the focal loss of the cells a number, plus the error of the sides."""
    logits, there = cells[:, 0], batch.there
    asked, positive = (there >= 0).float(), (there > 0).float()
    cross = F.binary_cross_entropy_with_logits(logits, positive, reduction="none")
    wrong = (positive - logits.detach().sigmoid()).abs()
    count = positive.sum().clamp(min=4)
    focal = (asked * wrong**FOCUS * cross).sum() / count
    error = F.smooth_l1_loss(cells[:, 1:], batch.sides, beta=0.1, reduction="none").mean(1)
    return focal + (error * positive).sum() / count


def _given(random: np.random.Generator, boxes: Tensor) -> Tensor:
    """Shake the true boxes by a tenth of their sides; half of the crops keep their own."""
    sides = (boxes[..., 2:] - boxes[..., :2]).cpu().numpy()[..., [0, 1, 0, 1]]
    shaken = boxes.cpu().numpy() + sides * random.normal(0, 0.1, sides.shape)
    shaken[random.random(len(shaken)) < OWN] = np.nan
    return torch.from_numpy(shaken.astype(np.float32)).to(boxes.device)
