"""Reading order: lines from top to bottom, digits from left to right.

Each digit is appended to the line that continues at its height, where "its height" follows the
slope of the page. Slopes are estimated from neighbors, so lines may lean.
"""

import numpy as np

from bowerbird.vision.digits.binarize import Array

# in heights of a digit
MAX_NEIGHBOR = 3.0  # distance of the next digit that gives the slope
MAX_OFFSET = 0.5  # of a digit above or below its line
MIN_BLANK = 0.7  # gap that is a blank
MAX_SLOPE = 0.25  # px per px


def group_lines(boxes: Array) -> list[list[int]]:
    """Return the indices of the digits of each line, in reading order; boxes (n, 4) are px."""
    if not len(boxes):
        return []
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    slope = _slope(x, y, height)
    lines: list[list[int]] = []
    for index in np.argsort(x, kind="stable").tolist():
        best, min_offset = None, MAX_OFFSET * height
        for line in lines:
            last = line[-1]
            # a digit above or below the last one is not the next digit
            if x[index] - x[last] < 0.2 * height and abs(y[index] - y[last]) > 0.3 * height:
                continue
            recent = line[-4:]
            offset = abs(y[index] - np.mean(y[recent] + slope * (x[index] - x[recent])))
            if offset < min_offset:
                best, min_offset = line, offset
        if best is None:
            lines.append([index])
        else:
            best.append(index)
    return sorted(lines, key=lambda line: float(np.mean(y[line] - slope * x[line])))


def line_text(line: list[int], digits: list[str], boxes: Array) -> str:
    """Return the digits of a line, with a blank at each wide gap."""
    height = float(np.median(boxes[line, 3] - boxes[line, 1]))
    text, end = "", None
    for index in line:
        left, right = boxes[index, [0, 2]]
        if end is not None and left - end > MIN_BLANK * height:
            text += " "
        text += digits[index]
        end = max(right, end or 0)
    return text


def _slope(x: Array, y: Array, height: float) -> float:
    """Return how far lines descend, px per px: the median over neighbors."""
    dx, dy = x - x[:, None], y - y[:, None]
    right = (dx > 0.2 * height) & (dx < MAX_NEIGHBOR * height) & (abs(dy) < MAX_OFFSET * height)
    rows = np.flatnonzero(right.any(1))
    nearest = np.where(right, x, np.inf)[rows].argmin(1)
    slopes = dy[rows, nearest] / dx[rows, nearest]
    return float(np.clip(np.median(slopes), -MAX_SLOPE, MAX_SLOPE)) if len(slopes) > 2 else 0.0
