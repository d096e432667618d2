"""Accuracy of house-number readings: whole numbers, digits, boxes, and coverage at 98 % accuracy.

Coverage at an accuracy is that of Goodfellow et al. 2013 (section 5.3): the largest fraction of
the numbers that can be answered, the most probable ones first, such that this fraction of the
answers is right. The probability of the last of them is the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.networks.multi_digit import MAX_DIGITS
from bowerbird.vision.boxes import iou
from bowerbird.vision.house_numbers.config import HouseNumberConfig, SceneConfig
from bowerbird.vision.house_numbers.crops import bounding_box
from bowerbird.vision.house_numbers.reader import TOO_LONG, HouseNumber, HouseNumberReader
from bowerbird.vision.house_numbers.scenes.streets import Scene

ACCURACY = 0.98
MIN_IOU = 0.5  # of a box with the true one
CALIBRATION = HouseNumberConfig(report_threshold=0.3)
PHOTO = SceneConfig(  # whole photographs
    height=384, width=512, min_number_size=20, max_number_size=170, empty_fraction=0.25
)


@dataclass(frozen=True)
class HouseNumberMetrics:
    """Metrics on scenes whose boxes are known, with and without a number."""

    num_numbers: int
    accuracy: float  # fraction of numbers that are read exactly
    digit_accuracy: float  # fraction of right digits, of numbers whose length is right
    iou: float  # mean, of the predicted with the true box
    coverage: float  # fraction of numbers that are answered at the threshold
    threshold: float
    answer_accuracy: float  # fraction of right answers at the threshold, false positives included
    false_positive_rate: float  # fraction of regions without a number with a confident answer


def true_text(scene: Scene) -> str:
    """Return the right answer for a scene."""
    return scene.text if len(scene.text) <= MAX_DIGITS else TOO_LONG


def read_scenes(reader: HouseNumberReader, scenes: Sequence[Scene]) -> list[HouseNumber]:
    """Read each scene in the box of its number, of its letters, or in the middle."""
    return reader.read_all([(scene.pixels, _region(scene)) for scene in scenes])


def _region(scene: Scene) -> NDArray[Any]:
    if scene.text:
        return scene.box
    if len(scene.negative_boxes):
        return bounding_box(scene.negative_boxes)
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


def calibrate(
    reader: HouseNumberReader, crops: Sequence[Scene], photos: Sequence[Scene]
) -> dict[str, float]:
    """Return the thresholds at which 98 % of the answers are right, and the coverage there.

    ``read_threshold`` is for numbers whose box is given, ``threshold`` for the detection in whole
    photographs, which has false positives. A detection is right if its text is, in a box that
    overlaps the true one by half.
    """
    readings = evaluate(crops, read_scenes(reader, crops))
    detections = [
        (
            number.score,
            bool(scene.text)
            and iou(number.box, scene.box) > MIN_IOU
            and number.text == true_text(scene),
        )
        for scene in photos
        for number in reader.find_numbers(scene.pixels, CALIBRATION)
    ]
    threshold = coverage_at([s for s, _ in detections], [right for _, right in detections])[1]
    confident = sum(right and score >= threshold for score, right in detections)
    return {
        "read_threshold": readings.threshold,
        "read_coverage": readings.coverage,
        "threshold": threshold,
        "coverage": confident / max(1, sum(bool(scene.text) for scene in photos)),
    }


def evaluate(
    scenes: Sequence[Scene], numbers: Sequence[HouseNumber], threshold: float | None = None
) -> HouseNumberMetrics:
    """Compare readings with the truth; without a threshold, the one for 98 % accuracy is chosen.

    A number that is read where there is none counts as a wrong answer.
    """
    pairs = list(zip(scenes, numbers, strict=True))
    positives = [(scene, number) for scene, number in pairs if scene.text]
    if threshold is None:  # an empty text is no answer
        answers = [(scene, number) for scene, number in pairs if number.text]
        hits = [number.text == true_text(scene) for scene, number in answers]
        threshold = coverage_at([number.probability for _, number in answers], hits)[1]
    confident = [bool(n.text) and n.probability >= threshold for _, n in pairs]
    right = [number.text == true_text(scene) for scene, number in pairs]
    digits = [
        a == b
        for scene, number in positives
        if len(scene.text) == len(number.text) <= MAX_DIGITS
        for a, b in zip(scene.text, number.text, strict=True)
    ]
    return HouseNumberMetrics(
        num_numbers=len(positives),
        accuracy=_mean([number.text == true_text(scene) for scene, number in positives]),
        digit_accuracy=_mean(digits),
        iou=_mean([iou(number.box, scene.box) for scene, number in positives]),
        coverage=_mean([c for c, (scene, _) in zip(confident, pairs, strict=True) if scene.text]),
        threshold=threshold,
        answer_accuracy=_mean([r for r, c in zip(right, confident, strict=True) if c]),
        false_positive_rate=_mean(
            [c for c, (scene, _) in zip(confident, pairs, strict=True) if not scene.text]
        ),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
