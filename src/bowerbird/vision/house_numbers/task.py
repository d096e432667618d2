"""The training task of the house-number network: batches of scenes, and the loss.

The loss is -log P(S | X) of Goodfellow et al. 2013, in nats per number, plus the box errors, plus
the finder's loss: focal loss (Lin et al. 2017, arXiv:1708.02002) on each cell and the error of its
sides where there is a number.

Scenes are generated during training. A pool holds the newest ones, and each is cropped many times
at random; scene number k of a run is the same on every machine, so a run can be resumed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from bowerbird.networks.multi_digit import (
    MAX_DIGITS,
    MultiDigit,
    Reading,
    as_input,
    log_probability,
)
from bowerbird.vision.house_numbers.config import ScenePoolConfig
from bowerbird.vision.house_numbers.scenes.streets import Scene
from bowerbird.vision.house_numbers.training_crops import finder_crop, reading_crop

BOX_WEIGHT = 10.0  # nats for an error of a whole crop side
FINDER_WEIGHT = 1.0
BOX_BETA = 0.05  # of a crop's side: smaller box errors are squared (smooth L1)
SIDE_BETA = 0.1  # the same for the sides that the finder predicts, in logarithms of cells
GAMMA = 2.0  # of the focal loss
PREDICTED_FRACTION = 0.5  # of the crops that are read in predicted boxes, as at inference
SceneSource = Callable[[int], Scene]  # number k is always the same scene
MIN_POSITIVES = 4  # cells, by whose number the finder's loss is divided


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops for reading and for the finder, with their targets."""

    crops: Float[Tensor, "B 3 side side"]
    lengths: Int[Tensor, " B"]
    digits: Int[Tensor, "B 5"]
    box: Float[Tensor, "B 4"]
    boxes: Float[Tensor, "B 5 4"]
    finder_crops: Float[Tensor, "N 3 H W"]
    labels: Float[Tensor, "N h w"]
    sides: Float[Tensor, "N 4 h w"]
    given: Float[Tensor, "B 5 4"] | None = None  # digit boxes to read; NaN: the predicted ones


class HouseNumberTask:
    """A network with its training and validation scenes, for ``learning.trainer``."""

    network: nn.Module

    def __init__(
        self,
        network: MultiDigit,
        train: SceneSource,
        validation: SceneSource,
        config: ScenePoolConfig,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network, self.config, self.seed, self.dtype = network, config, seed, dtype
        self.side = network.config.crop_size
        self.train, self.validation = train, validation
        self.step = 0
        self.pool: list[Scene] = []

    def loss(self, network: nn.Module) -> Tensor:
        """Return the loss of the next batch."""
        config = self.config
        if not self.pool:
            self._fill_pool()
        random = np.random.default_rng((self.seed, 1, self.step))
        indices = random.integers(0, len(self.pool), config.batch_size)
        scenes = [self.pool[k] for k in indices]
        batch = self._batch(scenes, config.finder_batch_size, random, training=True)
        newest = self.step * config.new_scenes_per_step + config.pool_size
        for index in range(newest, newest + config.new_scenes_per_step):
            self.pool[index % config.pool_size] = self.train(index)
        self.step += 1
        return self._loss(network, batch)

    def validate(self, network: nn.Module) -> float:
        """Return the mean loss on the validation scenes."""
        network.eval()
        total = 0.0
        with torch.inference_mode():
            for batch in self._validation_batches:
                total += float(self._loss(network, batch)) * len(batch.lengths)
        return total / sum(len(batch.lengths) for batch in self._validation_batches)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the position in the sequence of scenes."""
        return {"step": torch.tensor(self.step)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a position; the scenes of the pool are generated again."""
        self.step = int(state["step"])
        self._fill_pool()

    def _fill_pool(self) -> None:
        """Generate the newest scenes; number k stands at k modulo the pool's size."""
        size, first = self.config.pool_size, self.step * self.config.new_scenes_per_step
        numbers = sorted(range(first, first + size), key=lambda number: number % size)
        self.pool = [self.train(number) for number in numbers]

    @cached_property
    def _validation_batches(self) -> list[Batch]:
        scenes = [self.validation(k) for k in range(self.config.validation_scenes)]
        random = np.random.default_rng((self.seed, 2))
        return [
            self._batch(scenes[start : start + 50], 16, random, training=False)
            for start in range(0, len(scenes), 50)
        ]

    def _batch(
        self, scenes: Sequence[Scene], finder_batch_size: int, random: Generator, *, training: bool
    ) -> Batch:
        reading = [reading_crop(random, scene, self.side) for scene in scenes]
        others = [scenes[k] for k in random.integers(0, len(scenes), finder_batch_size)]
        finding = [finder_crop(random, scene) for scene in others]
        crops, lengths, digits, box, boxes = map(self._stacked, zip(*reading, strict=True))
        finder_crops, labels, sides = map(self._stacked, zip(*finding, strict=True))
        crops, finder_crops = as_input(crops, self.dtype), as_input(finder_crops, self.dtype)
        given = _jittered(random, boxes) if training else None
        return Batch(crops, lengths, digits, box, boxes, finder_crops, labels, sides, given)

    def _stacked(self, rows: Sequence[NDArray[Any]]) -> Tensor:
        device = next(self.network.parameters()).device
        return torch.from_numpy(np.stack(rows)).to(device)

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        reading, cells = network(batch.crops, batch.finder_crops, batch.given)
        return reading_loss(reading, batch) + FINDER_WEIGHT * finder_loss(cells, batch)


def reading_loss(reading: Reading, batch: Batch) -> Tensor:
    """Return -log P(S | X) plus the box errors, in nats per crop."""
    nats = -log_probability(reading, batch.lengths, batch.digits).mean()
    present = (batch.lengths > 0).float()
    position = torch.arange(MAX_DIGITS, device=present.device)
    counted = (position < batch.lengths[:, None]).float()
    whole = F.smooth_l1_loss(reading.box, batch.box, beta=BOX_BETA, reduction="none").mean(1)
    each = F.smooth_l1_loss(reading.boxes, batch.boxes, beta=BOX_BETA, reduction="none").mean(2)
    error = (whole * present).sum() / present.sum().clamp(min=1)
    error = error + (each * counted).sum() / counted.sum().clamp(min=1)
    return nats + BOX_WEIGHT * error / 2


def finder_loss(cells: Float[Tensor, "N 5 h w"], batch: Batch) -> Tensor:
    """Return the focal loss of the cells per number, plus the error of the sides."""
    logits, labels = cells[:, 0], batch.labels
    counted, positive = (labels >= 0).float(), (labels > 0).float()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, positive, reduction="none")
    error = (positive - logits.detach().sigmoid()).abs()
    count = positive.sum().clamp(min=MIN_POSITIVES)
    focal = (counted * error**GAMMA * cross_entropy).sum() / count
    sides = F.smooth_l1_loss(cells[:, 1:], batch.sides, beta=SIDE_BETA, reduction="none").mean(1)
    return focal + (sides * positive).sum() / count


def _jittered(random: Generator, boxes: Tensor) -> Tensor:
    """Return true boxes moved by a tenth of their sides, and NaN for half of the crops."""
    sides = (boxes[..., 2:] - boxes[..., :2]).cpu().numpy()[..., [0, 1, 0, 1]]
    jittered = boxes.cpu().numpy() + sides * random.normal(0, 0.1, sides.shape)
    jittered[random.random(len(jittered)) < PREDICTED_FRACTION] = np.nan
    return torch.from_numpy(jittered.astype(np.float32)).to(boxes.device)
