"""Reading the digits on a photographed page: ink, marks, what they are, in lines.

Each mark of ink is read as one digit; pieces are joined and touching digits cut apart
(handwriting/pieces.py). What the network takes for a digit is one among others only if the page
speaks for it: how probable that is, is told by handwriting/sureness.py, for each digit and for each
line. Digits that are not probable are left out. A line is sure from the probability on from which
98 % of the lines were right on pages that nothing was learned from. A picture that holds one mark
is one digit, at any size (handwriting/alone.py).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.validate import check_choice
from bowerbird.vision.digits.binarize import Array, find_ink
from bowerbird.vision.digits.calibration import digit_features, line_features, probability
from bowerbird.vision.digits.components import find_marks
from bowerbird.vision.digits.lines import Place, in_lines, spelled
from bowerbird.vision.digits.margins import laid_out
from bowerbird.vision.digits.reader import DigitReader
from bowerbird.vision.digits.segmentation import Found, mended, read_again, recognized
from bowerbird.vision.digits.single import read_alone
from bowerbird.vision.drawing import draw
from bowerbird.vision.results import Box, Line, Seen

Kind = Literal["auto", "dark", "light"]
CERTAIN = 0.6  # probability of digits by which the usual height is told
LEAST = 8  # px that a mark is high at least, in the picture as it was
ALIKE = 1.5  # times that digits differ in height where they are of one size
SMALLEST, LARGEST = 0.3, 3.0  # heights of a digit, of the usual one
WEAKEST = 0.4  # strength of a digit's ink, of the usual one


@dataclass(frozen=True)
class ReadConfig:
    """How digits on a page are found."""

    threshold: float = 0.35
    """Least probability by the network, 0..1, at which a mark may be a digit."""
    shown: float = 0.2
    """Least probability, 0..1, with which a digit is told, sure or not."""
    written: float = 0.5
    """Least mean probability of these digits, 0..1: else there is no writing in the picture."""
    sure: float = 0.935
    """Least probability, 0..1, with which a line, or a digit, is told as sure."""
    ink: Kind = "auto"
    """dark ink on light paper, light on a dark board, or auto: what more is read in."""
    clean: float = 0.8
    """Least share of the paper around a digit that is without half-tones, 0..1."""
    long_side: int = 1600
    """Larger pictures are made smaller to this, px, before they are looked at."""

    def __post_init__(self) -> None:
        check_choice(self.ink, get_args(Kind))
        shares = self.threshold, self.shown, self.written, self.sure, self.clean
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("threshold, shown, written, sure and clean are in 0..1")
        if not 100 <= self.long_side <= 10000:
            raise ValueError(f"long_side is 100 to 10000 px, not {self.long_side}")


@dataclass(frozen=True, eq=False)
class Reading:
    """The digits in one kind of ink, and all marks that were looked at."""

    read: list[Found]
    sure: Array  # (n,) probability of each
    found: list[Found]


def read_page(
    rgb: Float[Tensor, "3 h w"], reader: DigitReader, config: ReadConfig = ReadConfig()
) -> Seen:
    """Return the digits on a picture: text and lines, boxes in that order, confidence.

    The confidence is the mean probability of the digits.
    """
    values = np.ascontiguousarray(rgb.permute(1, 2, 0).numpy(), np.float32)
    light = None if config.ink == "auto" else config.ink == "light"
    alone = read_alone(values, reader, config.shown, light=light)
    if alone is not None:
        return alone
    laid = laid_out(values)
    factor = enlargement(max(laid.values.shape[:2]), config.long_side)
    readings = readings_of(laid.values, reader, config)
    best = max(readings, key=lambda one: float(one.sure.sum()))
    return _seen(best, factor, laid.margin)


def readings_of(values: Array, reader: DigitReader, config: ReadConfig) -> list[Reading]:
    """Read a picture (h, w, 3), 0..1, in each kind of ink that may be on it."""
    high, wide = values.shape[:2]
    factor = enlargement(max(high, wide), config.long_side)
    if factor != 1:
        size = max(1, round(wide * factor)), max(1, round(high * factor))
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        values = np.clip(cv2.resize(values, size, interpolation=way), 0, 1)
    kinds = [config.ink == "light"] if config.ink != "auto" else [False, True]
    return [_read(values, reader, config, light, LEAST * factor) for light in kinds]


def boxed(
    rgb: Float[Tensor, "3 h w"], seen: Seen, sure: float = ReadConfig.sure
) -> Float[Tensor, "3 h w"]:
    """Return a picture with the digits' boxes drawn in it, those that are not sure with a ?."""
    return draw(rgb, seen.questioned(sure))


def enlargement(side: int, longest: int) -> float:
    """Return how many times as large a picture is made that is ``side`` px long: small ones too."""
    return longest / side if side > longest else max(1.0, min(4.0, 400 / side))


def _read(
    values: Array, reader: DigitReader, config: ReadConfig, light: bool, least: float
) -> Reading:
    """Return the digits in one kind of ink, at least so many px high, in no order."""
    marks = find_marks(find_ink(values, light=light))
    found = recognized([mark for mark in marks if mark.high >= least], reader)
    certain = [one for one in found if one.score >= CERTAIN]
    if certain:
        found = mended(found, _usual(certain), reader)
    likely = read_again(_likely(found, config), reader)
    if not likely:
        return Reading([], np.zeros(0), found)
    sure = probability(digit_features(likely, found), "digit")
    kept = sure >= config.shown
    if not kept.any() or sure[kept].mean() < config.written:
        return Reading([], np.zeros(0), found)
    return Reading([one for one, k in zip(likely, kept, strict=True) if k], sure[kept], found)


def _usual(found: list[Found]) -> float:
    """Return the usual height of digits, px: the one to which most others are near.

    Each counts as the root of its height, so that many specks do not outweigh some digits, nor one
    large thing.
    """
    high = np.array([float(one.mark.high) for one in found])
    near = np.abs(np.log(high[:, None] / high)) < np.log(ALIKE)
    best = int((near * np.sqrt(high)).sum(1).argmax())
    return float(np.median(high[near[best]]))


def _likely(found: list[Found], config: ReadConfig) -> list[Found]:
    """Return what may be a digit: by itself, on clean paper, not far from the others in size."""
    likely = [
        one for one in found if one.score >= config.threshold and one.mark.clean >= config.clean
    ]
    if not likely:
        return []
    usual = _usual(likely)
    strong = float(np.median([one.mark.strength for one in likely]))
    return [
        one
        for one in likely
        if SMALLEST * usual < one.mark.high < LARGEST * usual
        and one.mark.strength > WEAKEST * strong
    ]


def _seen(reading: Reading, factor: float, margin: int) -> Seen:
    """Return the digits in lines, their boxes in px of the picture as it was, without margins."""
    read = reading.read
    if not read:
        return Seen(boxes=(), text="", lines=(), confidence=0.0)
    places = [Place(*one.mark.box) for one in read]
    names = [str(one.digit) for one in read]
    lines = in_lines(places)
    sure = probability(line_features(lines, read, reading.found, reading.sure), "line")
    told = [spelled(line, names, places) for line in lines]
    boxes = []
    for index in (index for line in lines for index in line):
        left, top, right, bottom = (side / factor - margin for side in read[index].mark.box)
        boxes.append(Box(names[index], float(reading.sure[index]), (left, top, right, bottom)))
    return Seen(
        boxes=tuple(boxes),
        text="\n".join(told),
        lines=tuple(Line(text, float(p)) for text, p in zip(told, sure, strict=True)),
        confidence=float(reading.sure.mean()),
    )
