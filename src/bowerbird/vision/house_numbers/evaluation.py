"""How well numbers are read: whole numbers, digits, boxes, and how many with 98 % accuracy.

Coverage at an accuracy is that of Goodfellow et al. 2013 (section 5.3): the largest share of the
numbers that can be answered, the most probable ones first, so that this share of the answers is
right. The probability of the last of them is the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.networks.multi_digit import MAX_DIGITS
from bowerbird.vision.boxes import iou
from bowerbird.vision.house_numbers.reader import MORE, Number, NumberReader, NumbersConfig
from bowerbird.vision.house_numbers.scenes.streets import Scene, StreetConfig

ACCURACY = 0.98
FOUND = 0.5  # overlap of a box with the true one
PHOTO = StreetConfig(height=384, width=512, smallest=20, largest=170, empty=0.25)  # whole photos


@dataclass(frozen=True)
class Measured:
    """What was measured on scenes with a number, whose boxes are known, and on places without."""

    numbers: int
    whole: float  # share of numbers that were read exactly
    digits: float  # share of digits that were right, of numbers whose length was right
    iou: float  # mean overlap of the box with the true one
    coverage: float  # share of numbers that are answered at the threshold
    threshold: float
    accuracy: float  # share of right answers among those at the threshold, invented ones included
    invented: float  # share of places without a number in which one was read as sure


def truth(scene: Scene) -> str:
    """Return what is to be answered for a scene."""
    return scene.text if len(scene.text) <= MAX_DIGITS else MORE


def answers(reader: NumberReader, scenes: Sequence[Scene]) -> list[Number]:
    """Read each scene's number where it is, and letters or the middle where there is none."""
    return reader.read_all([(scene.pixels, place(scene)) for scene in scenes])


def place(scene: Scene) -> NDArray[Any]:
    """Return the box of a scene's number, else of its letters, else the middle half of it."""
    if scene.text:
        return scene.box
    if len(scene.decoy):
        return np.concatenate([scene.decoy[:, :2].min(0), scene.decoy[:, 2:].max(0)])
    h, w = scene.pixels.shape[:2]
    return np.array([w / 4, h / 4, 3 * w / 4, 3 * h / 4], np.float32)


def coverage_at(
    probabilities: Sequence[float], right: Sequence[bool], accuracy: float = ACCURACY
) -> tuple[float, float]:
    """Return the coverage at an accuracy and its threshold; 0 and 1 if it is never reached."""
    if not probabilities:
        return 0.0, 1.0
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    hits = np.asarray(right, np.float64)[order].cumsum()
    enough = np.flatnonzero(hits >= accuracy * np.arange(1, len(order) + 1))
    if not len(enough):
        return 0.0, 1.0
    last = int(enough[-1])
    return (last + 1) / len(order), float(np.asarray(probabilities)[order[last]])


def told_of(reader: NumberReader, scene: Scene, config: NumbersConfig) -> list[tuple[Number, bool]]:
    """Search a whole scene; return all numbers that are told, each with whether it is right.

    Right is the exact number in a box that overlaps the true one by half.
    """
    return [
        (one, bool(scene.text) and iou(one.box, scene.box) > FOUND and one.text == truth(scene))
        for one in reader.look(scene.pixels, config)
    ]


def calibrated(
    reader: NumberReader, crops: Sequence[Scene], photos: Sequence[Scene]
) -> dict[str, float]:
    """Return the thresholds with 98 % of the answers right, and the coverage of numbers there.

    ``read_threshold`` holds where the place of a number is given, ``threshold`` where whole photos
    are searched, which finds numbers where none are.
    """
    read = measure(crops, answers(reader, crops))
    told = [pair for scene in photos for pair in told_of(reader, scene, NumbersConfig(shown=0.3))]
    limit = coverage_at([one.score for one, _ in told], [right for _, right in told])[1]
    sure = sum(right and one.score >= limit for one, right in told)
    numbers = sum(bool(scene.text) for scene in photos)
    return {
        "read_threshold": read.threshold,
        "read_coverage": read.coverage,
        "threshold": limit,
        "coverage": sure / max(1, numbers),
    }


def measure(
    scenes: Sequence[Scene], read: Sequence[Number], threshold: float | None = None
) -> Measured:
    """Compare what was read with what is there; the threshold is found here if none is given.

    The threshold counts numbers invented where none is as wrong answers.
    """
    pairs = list(zip(scenes, read, strict=True))
    real = [(scene, number) for scene, number in pairs if scene.text]
    told = [(scene, number) for scene, number in pairs if number.text]
    if threshold is None:  # that there is no number is no answer
        hits = [number.text == truth(scene) for scene, number in told]
        threshold = coverage_at([number.probability for _, number in told], hits)[1]
    sure = [bool(number.text) and number.probability >= threshold for _, number in pairs]
    right = [number.text == truth(scene) for scene, number in pairs]
    signs = [
        a == b
        for scene, number in real
        if len(scene.text) == len(number.text) <= MAX_DIGITS
        for a, b in zip(scene.text, number.text, strict=True)
    ]
    return Measured(
        len(real),
        _share([number.text == truth(scene) for scene, number in real]),
        _share(signs),
        _share([iou(number.box, scene.box) for scene, number in real]),
        _share([answered for answered, (scene, _) in zip(sure, pairs, strict=True) if scene.text]),
        threshold,
        _share([ok for ok, answered in zip(right, sure, strict=True) if answered]),
        _share([answered for answered, (s, _) in zip(sure, pairs, strict=True) if not s.text]),
    )


def _share(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
