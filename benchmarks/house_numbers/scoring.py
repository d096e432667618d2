"""Metrics of house-number readings: whole numbers, digits, boxes, and confident answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bowerbird.networks.multi_digit import MAX_DIGITS
from bowerbird.vision.boxes import iou
from bowerbird.vision.house_numbers.calibration import true_text
from bowerbird.vision.house_numbers.reader import HouseNumber
from bowerbird.vision.house_numbers.scenes.streets import Scene


@dataclass(frozen=True)
class Metrics:
    """Metrics on scenes whose boxes are known, with and without a number."""

    numbers: int
    accuracy: float  # fraction of numbers that are read exactly
    digit_accuracy: float  # fraction of right digits, of numbers whose length is right
    iou: float  # mean, of the predicted with the true box
    coverage: float  # fraction of numbers that are answered at the threshold
    threshold: float
    answer_accuracy: float  # fraction of right answers at the threshold, false positives included
    false_positive_rate: float  # fraction of regions without a number with a confident answer


def evaluate(scenes: Sequence[Scene], numbers: Sequence[HouseNumber], threshold: float) -> Metrics:
    """Compare readings with the truth; a number that is read where there is none is wrong."""
    pairs = list(zip(scenes, numbers, strict=True))
    positives = [(scene, number) for scene, number in pairs if scene.text]
    confident = [bool(n.text) and n.probability >= threshold for _, n in pairs]
    right = [number.text == true_text(scene) for scene, number in pairs]
    digits = [
        a == b
        for scene, number in positives
        if len(scene.text) == len(number.text) <= MAX_DIGITS
        for a, b in zip(scene.text, number.text, strict=True)
    ]
    return Metrics(
        numbers=len(positives),
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
