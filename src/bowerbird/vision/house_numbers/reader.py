"""Numbers in photographs of any size: where they are, how they read, and how sure that is.

The network (``networks/multidigit.py``) looks over a pyramid of the picture, each level half as
large as the one above. What it finds is cut out, boxed anew, cut out again and read as a whole, as
in Goodfellow, Bulatov, Ibarz, Arnoud and Shet 2013 (arXiv:1312.6082). A number is read from three
crops, of which the mean of log P(S | X) counts; its probability is the confidence.

A number is told as sure if its probability reaches the threshold that the model brings along: the
one at which 98 % of the answers were right on generated scenes that it never learned from (the
paper, section 5.3: coverage at 98 % accuracy).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
    ModelHeader,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.models import model_path
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.networks.multi_digit import MAX_DIGITS, MultiDigit, Reading, as_input, most_probable
from bowerbird.pictures.pixels import Picture
from bowerbird.vision.boxes import area, iou, overlap, shared
from bowerbird.vision.house_numbers.crops import CELL, Box, Pixels, cut, out_of, widened
from bowerbird.vision.proposals import suppressed
from bowerbird.vision.results import Box as SeenBox
from bowerbird.vision.results import Seen

KIND = "house-numbers"
MORE = "more than 5 digits"
VIEWS = (1.15, 1.3, 1.5)  # how much the crops that are read are wider than the number
FINDING = 0.5  # power of the finder's probability in the score; chosen on validation scenes
AT_ONCE = 64  # numbers
FIRST_VIEW = 1.5  # ... the crop in which a found number is boxed anew
SAME = 0.35  # overlap (intersection over union) of two boxes from which they are one number
INSIDE = 0.7  # share of the smaller box in the larger one from which they are one number
LARGER, NEARLY = 1.3, 0.4  # times that a part's whole is as large; share of the part's score
SMALLEST_LEVEL = 48  # px: long side of the pyramid's last level


@dataclass(frozen=True)
class NumbersConfig:
    """How numbers are looked for."""

    largest_side: int = 1536
    """Long side in px to which larger pictures are shrunk before the search."""
    found: float = 0.15
    """Least probability of the finder, 0..1, with which a place is read."""
    shown: float = 0.45
    """Least score, 0..1, with which a number is told as unsure."""
    sure: float = 0.0
    """Least score of a number that is told as sure; 0 takes the model's own threshold."""
    most: int = 16
    """Most places of a picture that are read."""

    def __post_init__(self) -> None:
        if self.largest_side < 64:
            raise ValueError(f"largest_side is at least 64 px, not {self.largest_side}")
        for name in ("found", "shown", "sure"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability in 0..1, not {getattr(self, name)}")
        if self.most < 1:
            raise ValueError(f"most is at least 1, not {self.most}")


@dataclass(frozen=True, eq=False)
class Number:
    """A number that was read."""

    text: str  # its digits, or MORE
    probability: float  # P(S | X)
    found: float  # the finder's probability, 1 if the place was given
    box: Box  # left, top, right, bottom in px
    digits: NDArray[Any]  # (n, 4) of its digits, in px

    @property
    def score(self) -> float:
        """How sure it is that this number stands there: read so, and found there."""
        return self.probability * self.found**FINDING


class NumberReader:
    """A model of numbers, ready to look at pictures."""

    def __init__(self, network: MultiDigit, told: dict[str, Any], compute: Compute) -> None:
        self.network = network.to(compute.device).eval()
        self.told, self.compute = told, compute

    @property
    def threshold(self) -> float:
        """Score from which 98 % of the numbers told of whole photographs were right."""
        return float(self.told.get("threshold", 0.9))

    @property
    def read_threshold(self) -> float:
        """Probability from which 98 % of the readings were right where the place was given."""
        return float(self.told.get("read_threshold", self.threshold))

    def save(self, path: Path) -> None:
        """Write the model in half precision, whole or not at all."""
        card = ModelHeader(KIND, asdict(self.network.config), {"classes": "0123456789"}, self.told)
        write_model(path, card, stored_weights(self.network, half=True))

    def find(self, pixels: Pixels, config: NumbersConfig) -> list[tuple[float, Box]]:
        """Return the probabilities and boxes of places that look like numbers, the best first."""
        found: list[tuple[float, Box]] = []
        scale = min(1.0, config.largest_side / max(pixels.shape[:2]))
        level = _resized(pixels, scale)
        while max(level.shape[:2]) >= SMALLEST_LEVEL and min(level.shape[:2]) >= CELL:
            factors = np.array(pixels.shape[1::-1]) / level.shape[1::-1]
            for score, box in self._find_here(level, config.found):
                found.append((score, (box * np.tile(factors, 2)).astype(np.float32)))
            level = _resized(level, 0.5)
        return distinct(found)[: config.most]

    def read(self, pixels: Pixels, boxes: list[Box]) -> list[Number]:
        """Read the numbers in these boxes (px), as a whole; an empty text where there is none."""
        return self.read_all([(pixels, box) for box in boxes])

    def read_all(self, places: Sequence[tuple[Pixels, Box]]) -> list[Number]:
        """Read the number in each box (px) of each picture."""
        numbers = []
        for start in range(0, len(places), AT_ONCE):
            numbers += self._read_some(places[start : start + AT_ONCE])
        return numbers

    def _read_some(self, places: Sequence[tuple[Pixels, Box]]) -> list[Number]:
        pieces = [(pixels, widened(box, view)) for pixels, box in places for view in VIEWS]
        views = self._look(pieces)
        n = len(VIEWS)
        lengths = views.lengths.unflatten(0, (-1, n)).mean(1).log_softmax(1)
        digits = views.digits.unflatten(0, (-1, n)).mean(1).log_softmax(2)
        whole, each = views.box[1::n].numpy(), views.boxes[1::n].numpy()
        length, signs, log = most_probable(Reading(lengths, digits, views.box, views.boxes))
        numbers = []
        for k, (_, piece) in enumerate(pieces[1::n]):
            count = int(length[k])
            some = min(count, MAX_DIGITS)
            text = MORE if count > MAX_DIGITS else "".join(map(str, signs[k, :some].tolist()))
            box, boxes = out_of(whole[k : k + 1], piece)[0], out_of(each[k, :some], piece)
            numbers.append(Number(text, math.exp(float(log[k])), 1.0, box, boxes))
        return numbers

    def look(self, pixels: Pixels, config: NumbersConfig) -> list[Number]:
        """Find and read all numbers of a picture; the most probable one comes first."""
        found = self.find(pixels, config)
        boxes = self._boxed_anew(pixels, [box for _, box in found])
        read = self.read(pixels, boxes)
        numbers = [
            Number(one.text, one.probability, score, one.box, one.digits)
            for (score, _), one in zip(found, read, strict=True)
            if one.text
        ]
        whole = [one for one in numbers if not any(_is_part(one, other) for other in numbers)]
        numbers = [one for one in whole if one.score >= config.shown]
        numbers.sort(key=lambda one: one.score, reverse=True)
        return suppressed(numbers, lambda one, better: same(one.box, better.box))

    def see(self, picture: Picture, config: NumbersConfig) -> Seen:
        """Return what numbers are in a picture: boxes of all, text of those that are sure."""
        pixels = (picture.over() * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        numbers = self.look(pixels, config)
        boxes = tuple(
            SeenBox(one.text, one.score, _inside(one.box, pixels.shape)) for one in numbers
        )
        text = " ".join(one.text for one in numbers if self.is_sure(one, config))
        confidence = max((one.score for one in numbers), default=None)
        return Seen(boxes=boxes, text=text, confidence=confidence)

    def sure(self, config: NumbersConfig) -> float:
        """Return the score from which a number is told as sure."""
        return config.sure or self.threshold

    def is_sure(self, number: Number, config: NumbersConfig) -> bool:
        """Tell whether a number is told as sure."""
        return number.score >= self.sure(config)

    def _find_here(self, level: Pixels, least: float) -> list[tuple[float, Box]]:
        """Return what is found on one level of the pyramid, in its px."""
        h, w = level.shape[:2]
        down, right = -h % CELL, -w % CELL
        padded = cv2.copyMakeBorder(level, 0, down, 0, right, cv2.BORDER_REPLICATE)
        with torch.inference_mode():
            cells = self.network.find(self._input(padded[None]))[0].float().cpu()
        scores = cells[0].sigmoid()
        rows, columns = (scores >= least).nonzero(as_tuple=True)
        sides = cells[1:, rows, columns].clamp(max=4).exp() * CELL
        x, y = (columns + 0.5) * CELL, (rows + 0.5) * CELL
        boxes = torch.stack([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], 1).numpy()
        return list(zip(scores[rows, columns].tolist(), boxes, strict=True))

    def _boxed_anew(self, pixels: Pixels, boxes: list[Box]) -> list[Box]:
        if not boxes:
            return []
        pieces = [widened(box, FIRST_VIEW) for box in boxes]
        told = self._look([(pixels, piece) for piece in pieces]).box.numpy()
        anew = []
        for box, share, piece in zip(boxes, told, pieces, strict=True):
            better = out_of(share[None], piece)[0]
            sound = bool((better[2:] - better[:2] > 2).all())
            anew.append(better if sound else box)
        return anew

    def _look(self, pieces: Sequence[tuple[Pixels, Box]]) -> Reading:
        side = self.network.config.crop_size
        crops = np.stack([cut(pixels, piece, side) for pixels, piece in pieces])
        with torch.inference_mode():
            told = self.network.read(self._input(crops))
        return Reading(*(t.cpu() for t in (told.lengths, told.digits, told.box, told.boxes)))

    def _input(self, pixels: Pixels) -> Tensor:
        return as_input(torch.from_numpy(pixels).to(self.compute.device), self.compute.dtype)


def load(path_or_name: str | Path = "house-numbers", device: str = "auto") -> NumberReader:
    """Return the reader in a model file; the default is shipped.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path_or_name)
    card, tensors = read_model(path, KIND)
    try:
        shape = dict(card.config)
        network = MultiDigit(MultiDigitConfig(**{**shape, "channels": tuple(shape["channels"])}))
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (TypeError, ValueError, KeyError, RuntimeError, MemoryError) as error:
        raise ModelError(f"{path} does not fit its description; train it again") from error
    for told in ("threshold", "read_threshold"):
        threshold = card.provenance.get(told, 0.9)
        if not isinstance(threshold, float) or not 0 <= threshold <= 1:
            raise ModelError(f"{path} has no probability as its {told}; train it again")
    return NumberReader(network, dict(card.provenance), select_compute(device))


def same(a: Box, b: Box) -> bool:
    """Tell whether two boxes are around one number: they overlap, or one lies in the other."""
    return iou(a, b) > SAME or overlap(a, b) > INSIDE


def distinct(found: list[tuple[float, Box]]) -> list[tuple[float, Box]]:
    """Return what is left of many boxes, the best first, if each number has one."""
    ranked = sorted(found, key=lambda one: -one[0])
    return suppressed(ranked, lambda one, better: iou(one[1], better[1]) > SAME)


def _is_part(one: Number, other: Number) -> bool:
    """Tell whether a number is a part of another, larger one that is nearly as likely."""
    larger = area(other.box) > LARGER * area(one.box)
    inside = shared(one.box, other.box) > INSIDE * area(one.box)
    return larger and inside and other.score > NEARLY * one.score


def _resized(pixels: Pixels, scale: float) -> Pixels:
    if scale == 1:
        return pixels
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _inside(box: Box, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    h, w = shape[:2]
    low, high = np.clip(box, 0, None), np.array([w, h, w, h])
    left, top, right, bottom = np.minimum(low, high).tolist()
    return left, top, right, bottom
