"""Calibrated probabilities that digits and lines were read right.

A classifier of single digits is confident about much that is not a digit: among ten bricks one
looks like a 0. The page is better evidence: digits have the height, contrast and stroke width of
their neighbors, stand in a row on clean paper, and are most of what is written there. From such
features x, and those of the classifier,

    P(right) = 1 / (1 + exp(-(w . x + b)))

(logistic regression; for probabilities from one score: Platt 1999). A line is right if all of its
digits are and none is missing: its features are those of its digits, and the writing around it
that was not read. Weights: benchmarks/digits/calibration.py, on synthetic pages, print and
photographs.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.digits.components import stroke_width
from bowerbird.vision.digits.config import NO_DIGIT
from bowerbird.vision.digits.segmentation import Candidate

Array = NDArray[Any]  # float64
MIN_DIGIT = 0.5  # probability from which a neighbor counts as a digit
# in heights of a typical digit
NEAR_X, NEAR_Y = 2.5, 0.6  # distance of neighbors
SMALL, LARGE = 0.3, 2.0  # height of components that may be writing
MIN_GAP, MAX_GAP = 1.2, 1.9  # distance of centers between which a digit may be missing
UNREAD_HEIGHT = 0.5  # height of a component between digits that is not a dash or a point
UNREAD_AREA, UNREAD_CONTRAST = 0.3, 0.5  # of it, relative to those of the line
SHORT = 3  # digits of a line below which it may be nothing but strokes
WEIGHTS = "calibration.json"


@dataclass(frozen=True, eq=False)
class Sizes:
    """Measurements of components, as arrays (n,)."""

    x: Array  # px
    y: Array  # px
    height: Array  # px
    area: Array  # px
    contrast: Array
    score: Array  # 0..1

    @staticmethod
    def of(candidates: list[Candidate]) -> "Sizes":
        """Measure components."""
        rows = [
            (c.left + c.width / 2, c.top + c.height / 2, c.height, c.image.sum(), c.contrast)
            for c in (one.component for one in candidates)
        ]
        x, y, height, area, contrast = np.array(rows, float).reshape(-1, 5).T
        score = np.array([one.score for one in candidates], float)
        return Sizes(x, y, height, area, contrast, score)


def digit_features(digits: list[Candidate], candidates: list[Candidate]) -> Array:
    """Return the features of digits (n, 20); ``candidates`` are all components of the page."""
    own, page = Sizes.of(digits), Sizes.of(candidates)
    typical = float(np.median(own.height))
    probabilities = np.stack([one.probabilities.numpy() for one in digits]).astype(float)
    probabilities = probabilities.clip(1e-6, 1 - 1e-6)
    ranked = np.sort(probabilities[:, :NO_DIGIT], 1)
    widths = np.array([stroke_width(one.component) for one in digits]).clip(0.5)
    unclean = (np.array([1 - one.component.clean_fraction for one in digits]) * 10).clip(0, 3)
    ones = np.array([one.digit == 1 for one in digits], float)
    logit = np.log(ranked[:, -1] / (1 - ranked[:, -1])).clip(-4, 5)
    margin = np.log(ranked[:, -1] / ranked[:, -2]).clip(0, 6)
    height, contrast, width = map(_deviation, (own.height, own.contrast, widths))
    fraction, neighbors = _neighbors(own, page, typical)
    writing = (page.height > SMALL * typical) & (page.height < LARGE * typical)
    of_digit = [
        *(logit, margin, np.log(probabilities[:, NO_DIGIT]).clip(-7), unclean),
        *(height, contrast, width, [one.resegmented for one in digits], ones),
        *(fraction, np.log1p(neighbors)),
    ]
    of_page = [
        *(np.log1p(len(digits)), len(digits) / max(1, int(writing.sum()))),
        *(height.mean(), contrast.mean(), width.mean(), ones.mean(), unclean.mean()),
        *(logit.mean(), own.area.sum() / max(page.area.sum(), 1.0)),
    ]
    return np.column_stack([*of_digit, np.tile(of_page, (len(digits), 1))]).astype(float)


def line_features(
    lines: list[list[int]], digits: list[Candidate], candidates: list[Candidate], p: Array
) -> Array:
    """Return the features of lines (n, 11); ``p`` (m,) are the probabilities of the digits."""
    own = Sizes.of(digits)
    read = {id(one) for one in digits}
    unread = Sizes.of([one for one in candidates if id(one) not in read])
    typical = float(np.median(own.height))
    rows = []
    for line in lines:
        clipped, x, y = p[line].clip(1e-4, 1 - 1e-4), own.x[line], own.y[line]
        level = np.interp(unread.x, x, y)
        inside = (unread.x > x.min() - 1.5 * typical) & (unread.x < x.max() + 1.5 * typical)
        inside &= (np.abs(unread.y - level) < NEAR_Y * typical) & (unread.height < LARGE * typical)
        missed = unread.area[inside] / max(float(np.median(own.area[line])), 1.0)
        ones = np.mean([digits[index].digit == 1 for index in line])
        worst = clipped.min()
        gaps = np.diff(np.sort(x)) / typical
        probabilities = np.stack([digits[i].probabilities[:NO_DIGIT].numpy() for i in line])
        second, first = np.sort(probabilities, 1)[:, -2:].T
        rows.append(
            [
                *(np.log(clipped).sum(), np.log(worst / (1 - worst)), np.log(len(line))),
                *(np.log1p(10 * missed.sum()), p.mean(), _deviation(own.height)[line].max()),
                *(missed.max(initial=0).clip(0, 1), ones, ones * (len(line) < SHORT)),
                float(((gaps > MIN_GAP) & (gaps < MAX_GAP)).sum()),
                np.log(first / second.clip(1e-6)).min().clip(0, 6),
            ]
        )
    return np.array(rows, float)


def has_unread(
    lines: list[list[int]], digits: list[Candidate], candidates: list[Candidate]
) -> list[bool]:
    """Return for each line whether writing as large as its digits, between them, was not read."""
    read = {id(one.component) for one in digits}
    own, unread = (
        Sizes.of(digits),
        Sizes.of([one for one in candidates if id(one.component) not in read]),
    )
    found = []
    for line in lines:
        height, area, contrast = (
            float(np.median(sizes[line])) for sizes in (own.height, own.area, own.contrast)
        )
        x, y = own.x[line], own.y[line]
        inside = (unread.x > x.min() - MAX_GAP * height) & (unread.x < x.max() + MAX_GAP * height)
        inside &= np.abs(unread.y - np.interp(unread.x, x, y)) < NEAR_Y * height
        inside &= (unread.height > UNREAD_HEIGHT * height) & (unread.height < LARGE * height)
        inside &= (unread.area > UNREAD_AREA * area) & (
            unread.contrast > UNREAD_CONTRAST * contrast
        )
        found.append(bool(inside.any()))
    return found


@cache
def _weights(name: str) -> tuple[Array, float]:
    """Return the weights (n,) and the bias for digits, lines or single digits."""
    text = files("bowerbird.vision.digits").joinpath(WEIGHTS).read_text("utf-8")
    model = json.loads(text)[name]
    return np.array(model["weights"], float), float(model["bias"])


def calibrated_probability(features: Array, name: str) -> Array:
    """Return the probability (n,) that each row is right; ``name`` is digit, line or single."""
    weights, bias = _weights(name)
    return 1 / (1 + np.exp(-(features @ weights + bias)))


def _deviation(sizes: Array) -> Array:
    """Return the absolute logarithm of the ratio of each size to the median."""
    return np.abs(np.log(sizes / np.median(sizes))).clip(0, 2)


def _neighbors(own: Sizes, page: Sizes, typical: float) -> tuple[Array, Array]:
    """Return the fraction of the components beside each digit that are digits, and how many."""
    x, y = np.abs(own.x[:, None] - page.x), np.abs(own.y[:, None] - page.y)
    writing = (page.height > SMALL * typical) & (page.height < LARGE * typical)
    beside = (x < NEAR_X * typical) & (y < NEAR_Y * typical) & writing & ((x > 0) | (y > 0))
    digits = beside & (page.score > MIN_DIGIT) & (page.height > typical / LARGE)
    count = digits.sum(1)
    return (count + 1) / (beside.sum(1) + 1.5), count
