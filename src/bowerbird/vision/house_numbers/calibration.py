"""Confidence thresholds of a house-number reader: coverage at 98 % accuracy.

Coverage at an accuracy is that of Goodfellow et al. 2013 (section 5.3): the largest fraction of
the numbers that can be answered, the most probable ones first, such that this fraction of the
answers is right. The probability of the last of them is the threshold.
"""

from collections.abc import Sequence
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


def true_text(scene: Scene) -> str:
    """Return the right answer for a scene."""
    return scene.text if len(scene.text) <= MAX_DIGITS else TOO_LONG


def read_scenes(reader: HouseNumberReader, scenes: Sequence[Scene]) -> list[HouseNumber]:
    """Read each scene in the box of its number, of its letters, or in the middle."""
    return reader.read([(scene.pixels, _region(scene)) for scene in scenes])


def _region(scene: Scene) -> NDArray[Any]:
    if scene.text:
        return scene.box
    if len(scene.negative_boxes):
        return bounding_box(scene.negative_boxes)
    h, w = scene.pixels.shape[:2]
    return np.array([w / 4, h / 4, 3 * w / 4, 3 * h / 4], np.float32)


def coverage_at(
    answers: Sequence[tuple[float, bool]], accuracy: float = ACCURACY
) -> tuple[float, float]:
    """Return the coverage at an accuracy and its threshold; 0 and 1 if it is never reached.

    ``answers`` are probabilities, and whether the answer is right.
    """
    ranked = sorted(answers, key=lambda answer: -answer[0])
    hits = np.cumsum([right for _, right in ranked])
    enough = np.flatnonzero(hits >= accuracy * np.arange(1, len(ranked) + 1))
    if not len(enough):
        return 0.0, 1.0
    last = int(enough[-1])
    return (last + 1) / len(ranked), float(ranked[last][0])


def calibrate(
    reader: HouseNumberReader, crops: Sequence[Scene], photos: Sequence[Scene]
) -> dict[str, float]:
    """Return the thresholds at which 98 % of the answers are right, and the coverage there.

    ``read_threshold`` is for numbers whose box is given, ``threshold`` for the detection in whole
    photographs, which has false positives. A detection is right if its text is, in a box that
    overlaps the true one by half.
    """
    readings = list(zip(crops, read_scenes(reader, crops), strict=True))
    answers = [(n.probability, n.text == true_text(s)) for s, n in readings if n.text]
    read_threshold = coverage_at(answers)[1]
    answered = [bool(n.text) and n.probability >= read_threshold for s, n in readings if s.text]
    detections = [
        (number.score, is_right(number, scene))
        for scene in photos
        for number in reader.find_numbers(scene.pixels, CALIBRATION)
    ]
    threshold = coverage_at(detections)[1]
    confident = sum(right and score >= threshold for score, right in detections)
    return {
        "read_threshold": read_threshold,
        "read_coverage": float(np.mean(answered)) if answered else 0.0,
        "threshold": threshold,
        "coverage": confident / max(1, sum(bool(scene.text) for scene in photos)),
    }


def is_right(number: HouseNumber, scene: Scene) -> bool:
    """Return whether a detection has the right text in a box that overlaps the true one by half."""
    if not scene.text or number.text != true_text(scene):
        return False
    return iou(number.box, scene.box) > MIN_IOU
