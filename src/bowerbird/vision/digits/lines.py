"""Reading order: lines from top to bottom, digits from left to right.

Each digit is appended to the line that continues at its height, where "its height" follows the
slope of the page. Slopes are estimated from neighbors, so lines may lean.
"""

from dataclasses import dataclass

import numpy as np

# in heights of a digit
MAX_NEIGHBOR = 3.0  # distance of the next digit that gives the slope
MAX_OFFSET = 0.5  # of a digit above or below its line
MIN_BLANK = 0.7  # gap that is a blank
MAX_SLOPE = 0.25  # px per px


@dataclass(frozen=True)
class Place:
    """The box of a digit, px."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def x(self) -> float:
        """Horizontal middle."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        """Vertical middle."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """Height."""
        return self.bottom - self.top


def group_lines(places: list[Place]) -> list[list[int]]:
    """Return the indices of the digits of each line, in reading order."""
    if not places:
        return []
    height = float(np.median([place.height for place in places]))
    slope = _slope(places, height)
    order = sorted(range(len(places)), key=lambda i: places[i].x)
    lines: list[list[int]] = []
    for index in order:
        place = places[index]
        best, min_offset = None, MAX_OFFSET * height
        for line in lines:
            last = places[line[-1]]
            # a digit above or below the last one is not the next digit
            if place.x - last.x < 0.2 * height and abs(place.y - last.y) > 0.3 * height:
                continue
            offset = abs(place.y - _expected_y(line, places, place.x, slope))
            if offset < min_offset:
                best, min_offset = line, offset
        if best is None:
            lines.append([index])
        else:
            best.append(index)
    return sorted(lines, key=lambda line: _mean_y(line, places, slope))


def line_text(line: list[int], digits: list[str], places: list[Place]) -> str:
    """Return the digits of a line, with a blank at each wide gap."""
    height = float(np.median([places[i].height for i in line]))
    text, end = "", None
    for index in line:
        if end is not None and places[index].left - end > MIN_BLANK * height:
            text += " "
        text += digits[index]
        end = max(places[index].right, end or 0)
    return text


def _slope(places: list[Place], height: float) -> float:
    """Return how far lines descend, px per px: the median over neighbors."""
    slopes = []
    for place in places:
        right = [p for p in places if 0.2 * height < p.x - place.x < MAX_NEIGHBOR * height]
        right = [p for p in right if abs(p.y - place.y) < MAX_OFFSET * height]
        if right:
            neighbor = min(right, key=lambda p: p.x)
            slopes.append((neighbor.y - place.y) / (neighbor.x - place.x))
    return float(np.clip(np.median(slopes), -MAX_SLOPE, MAX_SLOPE)) if len(slopes) > 2 else 0.0


def _expected_y(line: list[int], places: list[Place], x: float, slope: float) -> float:
    """Return the height at which a line continues at ``x``, from its last digits."""
    last = [places[i] for i in line[-4:]]
    return float(np.mean([place.y + slope * (x - place.x) for place in last]))


def _mean_y(line: list[int], places: list[Place], slope: float) -> float:
    return float(np.mean([places[i].y - slope * places[i].x for i in line]))
