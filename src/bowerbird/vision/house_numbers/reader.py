"""House numbers in photographs of any size: where they are, what they read, and how confidently.

The network (``networks/multi_digit.py``) scans an image pyramid, each level half as large as the
one above. Each detected region is cropped, its box is refined, and it is cropped again and read as
a whole, as in Goodfellow, Bulatov, Ibarz, Arnoud and Shet 2013 (arXiv:1312.6082). A number is read
from three crops, whose log P(S | X) are averaged; its probability is the confidence.

A number is confident if its score reaches the threshold stored in the model file: the one at which
98 % of the predictions were right on generated validation scenes (section 5.3 of the paper:
coverage at 98 % accuracy).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bowerbird.errors import ModelError
from bowerbird.learning.device import Compute, select_compute
from bowerbird.learning.model_file import (
    REPLACE,
    ModelHeader,
    load_weights,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.models import model_path
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.networks.multi_digit import MAX_DIGITS, MultiDigit, Reading, as_input, most_probable
from bowerbird.pictures.pixels import Picture
from bowerbird.vision.boxes import area, iou, overlap, shared
from bowerbird.vision.house_numbers.assets import to_pixels
from bowerbird.vision.house_numbers.config import HouseNumberConfig
from bowerbird.vision.house_numbers.crops import CELL, Box, Pixels, crop, enlarged, to_absolute
from bowerbird.vision.proposals import non_max_suppression
from bowerbird.vision.results import Box as ResultBox, VisionResult

KIND = "house-numbers"
CLASSES = {"classes": "0123456789"}
TOO_LONG = "more than 5 digits"
READING_SCALES = (1.15, 1.3, 1.5)  # of the crops that are read, relative to the number's box
REFINING_SCALE = 1.5  # of the crop in which a detected box is refined
FINDER_EXPONENT = 0.5  # of the finder's probability in the score; chosen on validation scenes
BATCH_SIZE = 64  # numbers
SAME_IOU = 0.35  # of two boxes, above which they are around one number
SAME_OVERLAP = 0.7  # fraction of the smaller of two boxes, above which they are around one number
LARGER, SIMILAR = 1.3, 0.4  # area and score of a whole number, relative to those of its part
MIN_LEVEL = 48  # px: long side of the smallest level of the pyramid


@dataclass(frozen=True, eq=False)
class HouseNumber:
    """A number that was read."""

    text: str  # its digits, or TOO_LONG; empty if there is no number
    probability: float  # P(S | X)
    finder_probability: float  # 1 if the box was given
    box: Box  # left, top, right, bottom in px
    digit_boxes: NDArray[Any]  # (n, 4) in px

    @property
    def score(self) -> float:
        """Confidence that this number is there: read right, and detected."""
        return self.probability * self.finder_probability**FINDER_EXPONENT


class HouseNumberReader:
    """A trained network that detects and reads house numbers."""

    def __init__(self, network: MultiDigit, provenance: dict[str, Any], compute: Compute) -> None:
        self.network = network.to(compute.device).eval()
        self.provenance, self.compute = provenance, compute

    @property
    def threshold(self) -> float:
        """Score above which 98 % of the numbers detected in whole photographs were right."""
        return float(self.provenance.get("threshold", 0.9))

    @property
    def read_threshold(self) -> float:
        """Probability above which 98 % of the readings were right where the box was given."""
        return float(self.provenance.get("read_threshold", self.threshold))

    def save(self, path: Path) -> None:
        """Write the model in half precision, atomically."""
        header = ModelHeader(KIND, asdict(self.network.config), CLASSES, self.provenance)
        write_model(path, header, stored_weights(self.network, half=True))

    def predict(
        self, picture: Picture, config: HouseNumberConfig = HouseNumberConfig()
    ) -> VisionResult:
        """Return the numbers of a picture: all boxes, and the text of the confident ones."""
        pixels = to_pixels(picture.over())
        numbers = self.find_numbers(pixels, config)
        boxes = tuple(
            ResultBox(number.text, number.score, _clipped(number.box, pixels.shape))
            for number in numbers
        )
        text = " ".join(n.text for n in numbers if self.is_confident(n, config))
        confidence = max((number.score for number in numbers), default=None)
        return VisionResult(boxes=boxes, text=text, confidence=confidence)

    def confident_threshold(self, config: HouseNumberConfig) -> float:
        """Return the score from which a number is confident."""
        return config.confident_threshold or self.threshold

    def is_confident(self, number: HouseNumber, config: HouseNumberConfig) -> bool:
        """Return whether a number reaches the threshold."""
        return number.score >= self.confident_threshold(config)

    def find_numbers(self, pixels: Pixels, config: HouseNumberConfig) -> list[HouseNumber]:
        """Detect and read all numbers of an image; the most probable one comes first."""
        regions = self.find_regions(pixels, config)
        boxes = self._refined(pixels, [box for _, box in regions])
        numbers = [
            replace(number, finder_probability=probability)
            for (probability, _), number in zip(
                regions, self.read([(pixels, box) for box in boxes]), strict=True
            )
            if number.text
        ]
        wholes = [one for one in numbers if not any(_is_part(one, other) for other in numbers)]
        numbers = [number for number in wholes if number.score >= config.report_threshold]
        numbers.sort(key=lambda number: number.score, reverse=True)
        return non_max_suppression(numbers, lambda one, better: is_same(one.box, better.box))

    def find_regions(self, pixels: Pixels, config: HouseNumberConfig) -> list[tuple[float, Box]]:
        """Return probabilities and boxes of regions that may be numbers, the best first."""
        regions: list[tuple[float, Box]] = []
        scale = min(1.0, config.max_side / max(pixels.shape[:2]))
        level = _resized(pixels, scale)
        while max(level.shape[:2]) >= MIN_LEVEL and min(level.shape[:2]) >= CELL:
            factors = np.array(pixels.shape[1::-1]) / level.shape[1::-1]
            for probability, box in self._find_at_level(level, config.finder_threshold):
                regions.append((probability, (box * np.tile(factors, 2)).astype(np.float32)))
            level = _resized(level, 0.5)
        return distinct(regions)[: config.max_regions]

    def read(self, regions: Sequence[tuple[Pixels, Box]]) -> list[HouseNumber]:
        """Read the number in a box (px) of each image; the text is empty where there is none."""
        numbers = []
        for start in range(0, len(regions), BATCH_SIZE):
            numbers += self._read_batch(regions[start : start + BATCH_SIZE])
        return numbers

    def _read_batch(self, regions: Sequence[tuple[Pixels, Box]]) -> list[HouseNumber]:
        crops = [(pixels, enlarged(box, s)) for pixels, box in regions for s in READING_SCALES]
        views = self._forward(crops)
        n = len(READING_SCALES)
        lengths = views.lengths.unflatten(0, (-1, n)).mean(1).log_softmax(1)
        digits = views.digits.unflatten(0, (-1, n)).mean(1).log_softmax(2)
        boxes, digit_boxes = views.box[1::n].numpy(), views.boxes[1::n].numpy()
        length, values, log = most_probable(Reading(lengths, digits, views.box, views.boxes))
        numbers = []
        for k, (_, region) in enumerate(crops[1::n]):
            count = min(int(length[k]), MAX_DIGITS)
            too_long = int(length[k]) > MAX_DIGITS
            text = TOO_LONG if too_long else "".join(map(str, values[k, :count].tolist()))
            box = to_absolute(boxes[k : k + 1], region)[0]
            each = to_absolute(digit_boxes[k, :count], region)
            numbers.append(HouseNumber(text, math.exp(float(log[k])), 1.0, box, each))
        return numbers

    def _find_at_level(self, level: Pixels, threshold: float) -> list[tuple[float, Box]]:
        """Return the regions on one level of the pyramid, in its px."""
        h, w = level.shape[:2]
        padded = cv2.copyMakeBorder(level, 0, -h % CELL, 0, -w % CELL, cv2.BORDER_REPLICATE)
        with torch.inference_mode():
            cells = self.network.find(self._input(padded[None]))[0].float().cpu()
        scores = cells[0].sigmoid()
        rows, columns = (scores >= threshold).nonzero(as_tuple=True)
        sides = cells[1:, rows, columns].clamp(max=4).exp() * CELL
        x, y = (columns + 0.5) * CELL, (rows + 0.5) * CELL
        boxes = torch.stack([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], 1).numpy()
        return list(zip(scores[rows, columns].tolist(), boxes, strict=True))

    def _refined(self, pixels: Pixels, boxes: list[Box]) -> list[Box]:
        """Return the boxes that the network predicts in a crop around each box."""
        if not boxes:
            return []
        regions = [enlarged(box, REFINING_SCALE) for box in boxes]
        predicted = self._forward([(pixels, region) for region in regions]).box.numpy()
        refined = []
        for box, relative, region in zip(boxes, predicted, regions, strict=True):
            better = to_absolute(relative[None], region)[0]
            refined.append(better if (better[2:] - better[:2] > 2).all() else box)
        return refined

    def _forward(self, regions: Sequence[tuple[Pixels, Box]]) -> Reading:
        side = self.network.config.crop_size
        crops = np.stack([crop(pixels, region, side) for pixels, region in regions])
        with torch.inference_mode():
            out = self.network.read(self._input(crops))
        return Reading(*(t.cpu() for t in (out.lengths, out.digits, out.box, out.boxes)))

    def _input(self, pixels: Pixels) -> Tensor:
        return as_input(torch.from_numpy(pixels).to(self.compute.device), self.compute.dtype)


def load_house_number_reader(
    path_or_name: str | Path = "house-numbers", device: str = "auto"
) -> HouseNumberReader:
    """Return the reader in a model file; the default is the shipped one.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path_or_name)
    header, tensors = read_model(path, KIND)
    try:
        channels = tuple(header.config.get("channels", ()))
        network = MultiDigit(MultiDigitConfig(**{**header.config, "channels": channels}))
        load_weights(network, tensors)
    except (TypeError, ValueError, KeyError, RuntimeError, MemoryError) as error:
        reason = str(error).split("\n")[0]
        raise ModelError(f"{path} is damaged: {reason}; {REPLACE}") from error
    for key in ("threshold", "read_threshold"):
        threshold = header.provenance.get(key, 0.9)
        if not isinstance(threshold, float) or not 0 <= threshold <= 1:
            raise ModelError(f"{path}: {key} must be a probability in [0, 1]; train it again")
    return HouseNumberReader(network, dict(header.provenance), select_compute(device))


def is_same(a: Box, b: Box) -> bool:
    """Return whether two boxes are around one number: they overlap, or one is in the other."""
    return iou(a, b) > SAME_IOU or overlap(a, b) > SAME_OVERLAP


def distinct(regions: list[tuple[float, Box]]) -> list[tuple[float, Box]]:
    """Return the best of each group of overlapping regions, the best first."""
    ranked = sorted(regions, key=lambda region: -region[0])
    return non_max_suppression(ranked, lambda one, better: iou(one[1], better[1]) > SAME_IOU)


def _is_part(one: HouseNumber, other: HouseNumber) -> bool:
    """Return whether a number is a part of a larger one that is nearly as probable."""
    larger = area(other.box) > LARGER * area(one.box)
    inside = shared(one.box, other.box) > SAME_OVERLAP * area(one.box)
    return larger and inside and other.score > SIMILAR * one.score


def _resized(pixels: Pixels, scale: float) -> Pixels:
    if scale == 1:
        return pixels
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _clipped(box: Box, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Return a box without what is outside of an image of this shape (h, w, 3)."""
    h, w = shape[:2]
    left, top, right, bottom = np.minimum(np.clip(box, 0, None), np.array([w, h, w, h])).tolist()
    return left, top, right, bottom
