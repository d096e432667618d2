"""Marks on a page: pieces of ink that hang together, each of which may be a digit, or several.

A mark is thresholded by its own ink: the share of ink at a px is its strength over that of the
mark, so that digits in the shade are as black as others. Broken digits are joined and touching
ones are cut apart later, by what reads best (pieces.py); here only ways to do so are found.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.digits.binarize import Array, Ink

Columns = NDArray[Any]  # int64
LEAST_SIDE = 5  # px of the larger side of a mark
LEAST_AREA = 10  # px
MOST_SIDE = 0.45  # of the page's
MOST = 1500  # marks on a page that are looked at, the largest first
EDGE, FULL = 0.25, 0.7  # shares of a mark's strength at which ink begins, and is black
STROKES = 1.7  # widths of the pen that a cut may go through
ASIDE = 0.05  # ink that a step aside counts for, so that cuts are straight where nothing is gained
BODY = 0.4  # share of a mark's strength above which a px is part of it


@dataclass(frozen=True, eq=False)
class Mark:
    """A piece of ink."""

    left: int
    top: int
    ink: Array  # (h, w), 0..1, with the paper around it 0
    strength: float  # of its ink
    clean: float  # share of the px around it without any ink, 0..1

    @property
    def wide(self) -> int:
        """Its width, px."""
        return self.ink.shape[1]

    @property
    def high(self) -> int:
        """Its height, px."""
        return self.ink.shape[0]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, px."""
        return (self.left, self.top, self.left + self.wide, self.top + self.high)


def find_marks(ink: Ink) -> list[Mark]:
    """Return the marks of a page that may be digits by their size."""
    count, names, facts, _ = cv2.connectedComponentsWithStats(
        ink.marks.astype(np.uint8), connectivity=8
    )
    found: list[Mark] = []
    order = np.argsort(-facts[1:count, cv2.CC_STAT_AREA])[:MOST] + 1
    for name in order.tolist():
        left, top, wide, high, area = facts[name].tolist()
        large = wide > MOST_SIDE * names.shape[1] or high > MOST_SIDE * names.shape[0]
        if large or max(wide, high) < LEAST_SIDE or area < LEAST_AREA:
            continue
        window = slice(top, top + high), slice(left, left + wide)
        own = names[window] == name
        found += _thresholded(ink.strength[window], own, (left, top))
    return [_judged(mark, ink) for mark in found]


def joined(first: Mark, second: Mark) -> Mark:
    """Return two marks as one."""
    left, top = min(first.left, second.left), min(first.top, second.top)
    right = max(first.left + first.wide, second.left + second.wide)
    bottom = max(first.top + first.high, second.top + second.high)
    ink = np.zeros((bottom - top, right - left), np.float32)
    for one in (first, second):
        y, x = one.top - top, one.left - left
        where = ink[y : y + one.high, x : x + one.wide]
        np.maximum(where, one.ink, out=where)
    strength = max(first.strength, second.strength)
    return Mark(left, top, ink, strength, min(first.clean, second.clean))


def cut(mark: Mark, first: Columns, last: Columns) -> Mark | None:
    """Return what is between two cuts, a column for each row, or None if it is little."""
    x = np.arange(mark.wide)
    inside = (x >= first[:, None]) & (x < last[:, None])
    ink = np.where(inside, mark.ink, 0).astype(np.float32)
    codes = (ink > 0.3).astype(np.uint8)
    count, names, facts, _ = cv2.connectedComponentsWithStats(codes, connectivity=8)
    if count < 2:
        return None
    # crumbs of the neighbor fall off
    areas = facts[1:, cv2.CC_STAT_AREA]
    crumbs = np.flatnonzero(areas < 0.12 * areas.max()) + 1
    ink[cv2.dilate(np.isin(names, crumbs).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = 0
    return _trimmed(replace(mark, ink=ink))


def cuts(mark: Mark, most: int = 12) -> list[Columns]:
    """Return where a mark may be cut from top to bottom, a column for each row, from the left.

    A cut moves by at most a column a row, and goes where the ink in its way is least: of all cuts
    through a place of the middle row, the best is kept (the shortest way, by dynamic programming).
    Two digits mostly touch in one place, so a cut goes through about one stroke and not through
    two, as it would in a 0.
    """
    down, before = _ways(mark.ink)
    up, after = _ways(mark.ink[::-1])
    middle = mark.high // 2
    through = down[middle] + up[mark.high - 1 - middle] - mark.ink[middle]
    edge = max(2, round(0.1 * mark.high))
    free = through < STROKES * stroke(mark)
    free[:edge], free[-edge:] = False, False
    found: list[Columns] = []
    while free.any() and len(found) < most:
        at = int(np.where(free, through, np.inf).argmin())
        above = _followed(before, middle, at)
        below = _followed(after, mark.high - 1 - middle, at)[::-1]
        found.append(np.concatenate([above, below[1:]]))
        free[max(0, at - edge) : at + edge + 1] = False
    return sorted(found, key=lambda columns: float(columns[middle]))


def _ways(ink: Array) -> tuple[Array, Columns]:
    """Return the least ink on the way from the top to each px, and the columns it came from."""
    high, wide = ink.shape
    least, came = np.zeros((high, wide), np.float32), np.zeros((high, wide), np.int64)
    least[0], columns = ink[0], np.arange(wide)
    for row in range(1, high):
        last = np.pad(least[row - 1], 1, constant_values=np.inf)
        steps = np.stack([last[1:-1], last[:-2] + ASIDE, last[2:] + ASIDE])
        step = steps.argmin(0)
        came[row] = columns + np.array([0, -1, 1])[step]
        least[row] = steps[step, columns] + ink[row]
    return least, came


def _followed(came: Columns, row: int, column: int) -> Columns:
    """Return the columns of the way from the top to a px, one a row."""
    way = [column]
    for at in range(row, 0, -1):
        way.append(int(came[at, way[-1]]))
    return np.array(way[::-1])


def stroke(mark: Mark) -> float:
    """Return the width of a mark's pen, px: twice the mean of the farthest ways to its border."""
    body = np.pad((mark.ink > 0.4).astype(np.uint8), 1)
    away = cv2.distanceTransform(body, cv2.DIST_L2, 3)
    ridge = away[(away >= cv2.dilate(away, np.ones((3, 3), np.uint8))) & (away > 0)]
    return 2 * float(np.mean(ridge)) if len(ridge) else 1.0


def _thresholded(strength: Array, own: NDArray[np.bool_], at: tuple[int, int]) -> list[Mark]:
    """Return the pieces of a piece of ink that are left when its faint edges are taken away."""
    typical = float(np.percentile(strength[own], 85))
    body = (own & (strength > BODY * typical)).astype(np.uint8)
    around = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    share = np.where(around, np.clip((strength / typical - EDGE) / (FULL - EDGE), 0, 1), 0)
    count, names, facts, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    pieces = []
    for name in range(1, count):
        if facts[name, cv2.CC_STAT_AREA] < LEAST_AREA:
            continue
        piece = cv2.dilate((names == name).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        ink = np.where(piece, share, 0).astype(np.float32)
        mark = _trimmed(Mark(at[0], at[1], ink, typical, 1.0))
        if mark is not None and max(mark.wide, mark.high) >= LEAST_SIDE:
            pieces.append(mark)
    return pieces


def _trimmed(mark: Mark) -> Mark | None:
    """Return a mark without the empty rows and columns around it."""
    rows, columns = (np.flatnonzero((mark.ink > 0.1).any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    ink = np.ascontiguousarray(mark.ink[top : rows[-1] + 1, left : columns[-1] + 1])
    return replace(mark, left=mark.left + left, top=mark.top + top, ink=ink)


def _judged(mark: Mark, ink: Ink) -> Mark:
    """Tell how clean the paper around a mark is."""
    margin = max(3, mark.high // 5)
    y0, x0 = max(0, mark.top - margin), max(0, mark.left - margin)
    window = (
        slice(y0, mark.top + mark.high + margin),
        slice(x0, mark.left + mark.wide + margin),
    )
    own: Array = np.zeros(ink.marks[window].shape, np.uint8)
    y, x = mark.top - y0, mark.left - x0
    own[y : y + mark.high, x : x + mark.wide] = mark.ink > 0.02
    own = cv2.dilate(own, np.ones((5, 5), np.uint8))
    paper = (own == 0) & ~ink.rulings[window]
    # ink of a neighbor is as strong as the mark's own: what is in between makes paper unclean
    share = ink.strength[window] / mark.strength
    unclean = (share > 0.2) & (share < 0.6) & paper
    return replace(mark, clean=1 - float(unclean.sum()) / max(1, int(paper.sum())))
