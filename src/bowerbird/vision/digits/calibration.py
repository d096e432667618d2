"""How sure it is that digits were read right: a probability for each digit and for each line.

A network that reads single digits is sure of much that is none: of ten bricks one looks like a 0.
What tells is the page: digits are as high, as strong and as broad in stroke as their neighbors,
stand in a row on clean paper, and are most of what is written there. From such numbers x, and the
network's own,

    P(right) = 1 / (1 + exp(-(w . x + b)))

(logistic regression; for probabilities of one score: Platt 1999). A line is right if all of its
digits are, and none is left out: its numbers are those of its digits, and the ink around it that
was not read. Weights: benchmarks/digits/sureness.py, on composed pages, print and photographs.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.digits.components import stroke
from bowerbird.vision.digits.reader import NONE
from bowerbird.vision.digits.segmentation import Found

Array = NDArray[Any]  # float64
DIGIT = 0.5  # probability from which a neighbor counts as a digit
NEAR = 2.5  # heights of a digit to the sides in which marks are neighbors
ROW = 0.6  # ... and upwards and downwards
SMALL, LARGE = 0.3, 2.0  # heights of a digit between which a mark may be writing too
FEW = 3  # digits of a line that may be nothing but strokes
GAP, BLANK = 1.2, 1.9  # heights from middle to middle between which a digit may be missing
WEIGHTS = "calibration.json"


@dataclass(frozen=True, eq=False)
class Writing:
    """The sizes of some marks, as arrays (n,), px."""

    x: Array
    y: Array
    high: Array
    ink: Array  # px
    strength: Array
    score: Array  # of the digit that each is most like, 0..1

    @staticmethod
    def of(found: list[Found]) -> "Writing":
        """Measure marks."""
        marks = [one.mark for one in found]
        rows = [
            (m.left + m.wide / 2, m.top + m.high / 2, m.high, m.ink.sum(), m.strength)
            for m in marks
        ]
        x, y, high, ink, strength = np.array(rows, float).reshape(-1, 5).T
        score = np.array([one.score for one in found], float)
        return Writing(x, y, high, ink, strength, score)


def digit_features(read: list[Found], found: list[Found]) -> Array:
    """Return what tells whether digits are right, (n, 20); ``found`` are all marks."""
    own, around = Writing.of(read), Writing.of(found)
    usual = float(np.median(own.high))
    told = np.stack([one.told.numpy() for one in read]).astype(float).clip(1e-6, 1 - 1e-6)
    ranked = np.sort(told[:, :NONE], 1)
    strokes = np.array([stroke(one.mark) for one in read]).clip(0.5)
    unclean = np.array([1 - one.mark.clean for one in read]) * 10
    ones = np.array([one.digit == 1 for one in read], float)
    logit = np.log(ranked[:, -1] / (1 - ranked[:, -1])).clip(-4, 5)
    high, strong, broad = (_off(size) for size in (own.high, own.strength, strokes))
    share, beside = _neighbors(own, around, usual)
    alike = (around.high > SMALL * usual) & (around.high < LARGE * usual)
    single = [
        *(logit, np.log(ranked[:, -1] / ranked[:, -2]).clip(0, 6), np.log(told[:, NONE]).clip(-7)),
        *(unclean.clip(0, 3), high, strong, broad, [one.made for one in read], ones),
        *(share, np.log1p(beside)),
    ]
    whole = [
        *(np.log1p(len(read)), len(read) / max(1, int(alike.sum())), high.mean(), strong.mean()),
        *(broad.mean(), ones.mean(), unclean.clip(0, 3).mean(), logit.mean()),
        own.ink.sum() / max(around.ink.sum(), 1.0),
    ]
    return np.column_stack([*single, np.tile(whole, (len(read), 1))]).astype(float)


def line_features(lines: list[list[int]], read: list[Found], found: list[Found], p: Array) -> Array:
    """Return what tells whether lines are right, (n, 11); ``p`` are the digits' probabilities."""
    own = Writing.of(read)
    taken = {id(one) for one in read}
    left = Writing.of([one for one in found if id(one) not in taken])
    usual = float(np.median(own.high))
    rows = []
    for line in lines:
        some, x, y = p[line].clip(1e-4, 1 - 1e-4), own.x[line], own.y[line]
        level = np.interp(left.x, x, y)
        inside = (left.x > x.min() - 1.5 * usual) & (left.x < x.max() + 1.5 * usual)
        inside &= (np.abs(left.y - level) < ROW * usual) & (left.high < LARGE * usual)
        unread = left.ink[inside] / max(float(np.median(own.ink[line])), 1.0)
        ones = np.mean([read[index].digit == 1 for index in line])
        worst = some.min()
        gaps = np.diff(np.sort(x)) / usual
        told = np.stack([np.sort(read[index].told[:NONE].numpy())[-2:] for index in line])
        rows.append(
            [
                *(np.log(some).sum(), np.log(worst / (1 - worst)), np.log(len(line))),
                *(np.log1p(10 * unread.sum()), p.mean(), _off(own.high)[line].max()),
                *(unread.max(initial=0).clip(0, 1), ones, ones * (len(line) < FEW)),
                float(((gaps > GAP) & (gaps < BLANK)).sum()),
                np.log(told[:, 1] / told[:, 0].clip(1e-6)).min().clip(0, 6),
            ]
        )
    return np.array(rows, float)


@cache
def weights(name: str) -> tuple[Array, float]:
    """Return the weights (n,) and the bias of what is asked: digit, line or alone."""
    text = files("bowerbird.vision.digits").joinpath(WEIGHTS).read_text("utf-8")
    told = json.loads(text)[name]
    return np.array(told["weights"], float), float(told["bias"])


def probability(features: Array, name: str) -> Array:
    """Return the probability, 0..1, that each row of features is of something read right."""
    weight, bias = weights(name)
    return 1 / (1 + np.exp(-(features @ weight + bias)))


def _off(sizes: Array) -> Array:
    """Return how far sizes are from the usual one, as the absolute logarithm of the ratio."""
    return np.abs(np.log(sizes / np.median(sizes))).clip(0, 2)


def _neighbors(own: Writing, around: Writing, usual: float) -> tuple[Array, Array]:
    """Return which share of the marks beside each digit are digits too, and how many."""
    x, y = np.abs(own.x[:, None] - around.x), np.abs(own.y[:, None] - around.y)
    size = (around.high > SMALL * usual) & (around.high < LARGE * usual)
    beside = (x < NEAR * usual) & (y < ROW * usual) & size & ((x > 0) | (y > 0))
    digits = beside & (around.score > DIGIT) & (around.high > usual / LARGE)
    count = digits.sum(1)
    return (count + 1) / (beside.sum(1) + 1.5), count
