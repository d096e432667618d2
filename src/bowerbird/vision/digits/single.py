"""A picture that holds one digit and nothing else, at any size, as a tablet's canvas does.

Paper is what most of the picture is (of a small one, its rim), ink what differs from it. Ink that
reaches the rim on all sides is a frame, and goes. A picture holds one mark if nearly all ink that
is left hangs together, on paper that is of one shade; pictures as small as MNIST's always do. It is
normalized as MNIST's makers did.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.digits.binarize import Array
from bowerbird.vision.digits.calibration import probability
from bowerbird.vision.digits.components import Mark
from bowerbird.vision.digits.margins import INK, inked, is_strong
from bowerbird.vision.digits.reader import NONE, DigitReader
from bowerbird.vision.digits.segmentation import Found, read_again, recognized
from bowerbird.vision.results import Box, Line, Seen

SMALL = 48  # px of the long side of a picture that is taken for one digit
RIM = 0.03  # of the shorter side, in which a frame may lie
MAIN = 0.85  # least share of the ink that is of one piece, or above, below or in it
LEAST = 0.2  # of the longer side, that the mark is high or wide at least
WIDE = 1.8  # heights that one digit is wide at most: a 5 with a long roof


def read_alone(
    values: Array, reader: DigitReader, shown: float = 0.0, *, light: bool | None = None
) -> Seen | None:
    """Return the digit of a picture (h, w, 3) in 0..1 that holds one mark.

    None if it holds more, or if its mark is none of the digits, or one with a probability below
    ``shown``; small pictures then have no digits. ``light`` ink is that on a board, None either.
    """
    small = max(values.shape[:2]) <= SMALL
    mark = single(values, small=small, light=light)
    empty = Seen(boxes=(), text="", lines=(), confidence=0.0)
    if mark is None:
        return empty if small else None
    (one,) = read_again(recognized([mark], reader), reader)
    if int(one.told.argmax()) == NONE:
        return empty if small else None
    sure = float(probability(alone_features(one)[None], "alone")[0])
    if sure < shown:
        return empty if small else None
    name = str(one.digit)
    box = Box(name, sure, mark.box)
    return Seen(boxes=(box,), text=name, lines=(Line(name, sure),), confidence=sure)


def single(values: Array, *, small: bool, light: bool | None = None) -> Mark | None:
    """Return the one mark of a picture (h, w, 3) in 0..1, or None if there is none, or more.

    ``light`` ink is that on a board, None either.
    """
    gray = values.mean(axis=2)
    rim = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    away = gray - np.median(rim if small else gray)
    away = np.abs(away) if light is None else np.maximum(away if light else -away, 0)
    if not small:
        away = _unframed(away)
    ink = inked(away)
    if ink is None or not (small or _is_one(ink)):
        return None
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    cut = np.ascontiguousarray(ink[top : rows[-1] + 1, left : columns[-1] + 1])
    return Mark(left, top, cut, float(away.max()), 1.0)


def _unframed(away: Array) -> Array:
    """Return how far px are from paper, without a frame: what reaches all four sides of the rim."""
    high, wide = away.shape
    body = (away > INK * away.max()).astype(np.uint8)
    count, names, facts, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    band = max(2, round(RIM * min(high, wide)))
    clear = away.copy()
    for name in range(1, count):
        left, top, w, h, area = facts[name].tolist()
        around = max(left, top, wide - left - w, high - top - h) <= band
        if around and area < band * 4 * (high + wide):
            frame = (names == name).astype(np.uint8)
            clear[cv2.dilate(frame, np.ones((2 * band + 1, 2 * band + 1), np.uint8)) > 0] = 0
    return clear


def _is_one(ink: Array) -> bool:
    """Tell whether ink 0..1 is one mark on paper: neither small nor wide, nor half-tones."""
    body = ink > INK
    count, _, facts, _ = cv2.connectedComponentsWithStats(body.astype(np.uint8), connectivity=8)
    rows, columns = (np.flatnonzero(body.any(axis)) for axis in (1, 0))
    if count < 2 or not is_strong(ink):
        return False
    high, wide = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    large = max(high, wide) > LEAST * max(ink.shape)
    return bool(large and wide < WIDE * high and _hang_together(facts[1:]))


def _hang_together(facts: NDArray[Any]) -> bool:
    """Tell whether pieces are one mark: a large one, and what is above, below or in it."""
    left, wide, area = (facts[:, n] for n in (cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH, 4))
    main = int(area.argmax())
    over = np.minimum(left + wide, left[main] + wide[main]) - np.maximum(left, left[main])
    return bool(area[over > wide / 2].sum() > MAIN * area.sum())


def alone_features(one: Found) -> NDArray[Any]:
    """Return what tells whether a digit that stands alone is right, (2,)."""
    told = one.told.numpy().astype(float).clip(1e-6, 1 - 1e-6)
    ranked = np.sort(told[:-1])
    return np.array(
        [
            np.log(ranked[-1] / (1 - ranked[-1])).clip(-4, 5),
            np.log(ranked[-1] / ranked[-2]).clip(0, 6),
        ]
    )
