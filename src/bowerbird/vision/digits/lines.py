"""Marks in the order in which they are read: lines from the top, digits from the left.

Each mark is followed by the nearest one to its right that stands at its height, where "at its
height" follows the slope of the page; so come chains, and chains that continue each other are
joined. Slopes are told by neighbors, so that lines may lean differently.
"""

from dataclasses import dataclass

import numpy as np

NEAR = 3.0  # heights of a digit to the next one that tells the slope
LEVEL = 0.5  # heights of a digit that a neighbor may stand higher or lower
BLANK = 0.7  # heights of a digit from which on a gap is a blank


@dataclass(frozen=True)
class Place:
    """Where a mark is, px."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def x(self) -> float:
        """The middle."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        """The middle."""
        return (self.top + self.bottom) / 2


def in_lines(places: list[Place]) -> list[list[int]]:
    """Return the numbers of the marks in each line, lines from the top, marks from the left."""
    if not places:
        return []
    high = float(np.median([place.bottom - place.top for place in places]))
    slope = _slope(places, high)
    order = sorted(range(len(places)), key=lambda i: places[i].x)
    lines: list[list[int]] = []
    for index in order:
        place = places[index]
        best, nearest = None, LEVEL * high
        for line in lines:
            last = places[line[-1]]
            # what overlaps is beside, not above: the same x is no next digit
            if place.x - last.x < 0.2 * high and abs(place.y - last.y) > 0.3 * high:
                continue
            off = abs(place.y - _foreseen(line, places, place.x, slope))
            if off < nearest:
                best, nearest = line, off
        if best is None:
            lines.append([index])
        else:
            best.append(index)
    return sorted(lines, key=lambda line: _height(line, places, slope))


def spelled(line: list[int], names: list[str], places: list[Place]) -> str:
    """Return the signs of a line, with a blank where the gap is wide."""
    high = float(np.median([places[i].bottom - places[i].top for i in line]))
    words, before = "", None
    for index in line:
        if before is not None and places[index].left - before > BLANK * high:
            words += " "
        words += names[index]
        before = max(places[index].right, before or 0)
    return words


def _slope(places: list[Place], high: float) -> float:
    """Return how far lines sink, px a px: the median over neighbors."""
    found = []
    for one in places:
        right = [p for p in places if 0.2 * high < p.x - one.x < NEAR * high]
        right = [p for p in right if abs(p.y - one.y) < LEVEL * high]
        if right:
            next_one = min(right, key=lambda p: p.x)
            found.append((next_one.y - one.y) / (next_one.x - one.x))
    return float(np.clip(np.median(found), -0.25, 0.25)) if len(found) > 2 else 0.0


def _foreseen(line: list[int], places: list[Place], x: float, slope: float) -> float:
    """Return the height at which a line goes on at ``x``, by its last marks."""
    last = [places[i] for i in line[-4:]]
    return float(np.mean([place.y + slope * (x - place.x) for place in last]))


def _height(line: list[int], places: list[Place], slope: float) -> float:
    return float(np.mean([places[i].y - slope * places[i].x for i in line]))
