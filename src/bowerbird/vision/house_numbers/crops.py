"""Crops for the house-number network, and the targets of its finder.

As in Goodfellow et al. 2013 (section 5.1), the box of a number is enlarged by 30 % and resized to
a square. A very narrow or very flat box is first enlarged along its short side, so that a 1 stays
a stroke.

On the finder's cells (FCOS, Tian et al. 2019) a number counts if its size, the square root of its
area, is in the finder's range. Larger and smaller numbers are detected on other levels of the
image pyramid.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]  # (h, w, 3), RGB
Box = NDArray[Any]  # left, top, right, bottom in px
ENLARGE = 1.3  # of the box, as in the paper
MIN_WIDTH, MIN_HEIGHT = 0.5, 0.3  # of a box, in its heights and in its widths
POSITIVE_SIZES = (16.0, 64.0)  # px, that the finder detects
IGNORED_SIZES = (12.0, 84.0)  # px, that are negatives only outside of this range
MIN_VISIBLE, FULLY_VISIBLE = 0.7, 0.9  # fractions of a number: negative below, positive above
CELL = 8  # px


def bounding_box(boxes: NDArray[Any]) -> Box:
    """Return the box around boxes (n, 4)."""
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def enlarged(box: Box, factor: float = ENLARGE) -> Box:
    """Return the region in which the number of this box is read."""
    left, top, right, bottom = box.tolist()
    width, height = right - left, bottom - top
    width, height = max(width, MIN_WIDTH * height), max(height, MIN_HEIGHT * width)
    x, y = (left + right) / 2, (top + bottom) / 2
    half = np.array([width, height]) * factor / 2
    return np.array([x - half[0], y - half[1], x + half[0], y + half[1]], np.float32)


def crop(pixels: Pixels, box: Box, side: int) -> Pixels:
    """Return a region resized to (side, side, 3) by area averaging.

    Outside of the image its border pixels are repeated.
    """
    left, top, right, bottom = box.tolist()
    width, height = max(right - left, 1e-3), max(bottom - top, 1e-3)
    kx, ky = (int(np.clip(np.ceil(length / side), 1, 8)) for length in (width, height))
    sx, sy = width / (side * kx), height / (side * ky)
    matrix = np.array([[sx, 0, left + sx / 2 - 0.5], [0, sy, top + sy / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (side * kx, side * ky)
    region = cv2.warpAffine(pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if kx * ky > 1:
        region = cv2.resize(region, (side, side), interpolation=cv2.INTER_AREA)
    return region.astype(np.uint8)


def to_relative(boxes: NDArray[Any], region: Box) -> NDArray[Any]:
    """Return boxes (n, 4) in px of an image as fractions of a region."""
    size = (region[2:] - region[:2])[[0, 1, 0, 1]]
    return ((boxes - region[[0, 1, 0, 1]]) / size).astype(np.float32)


def to_absolute(boxes: NDArray[Any], region: Box) -> NDArray[Any]:
    """Return boxes (n, 4) that are fractions of a region in px of its image."""
    size = (region[2:] - region[:2])[[0, 1, 0, 1]]
    return (boxes * size + region[[0, 1, 0, 1]]).astype(np.float32)


def finder_targets(box: Box | None, height: int, width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the finder's targets for an image with this number, or with none.

    Labels (h / 8, w / 8): 1 at the middle of a number, 0 where there is none, -1 where the loss
    ignores the cell; and (4, h / 8, w / 8), logarithms of the distances to the box's sides in
    cells.
    """
    rows, columns = height // CELL, width // CELL
    labels = np.zeros((rows, columns), np.float32)
    sides = np.zeros((4, rows, columns), np.float32)
    if box is None:
        return labels, sides
    left, top, right, bottom = box.tolist()
    x = (np.arange(columns, dtype=np.float32) + 0.5)[None, :] * CELL
    y = (np.arange(rows, dtype=np.float32) + 0.5)[:, None] * CELL
    box_width, box_height = right - left, bottom - top
    size = (box_width * box_height) ** 0.5
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    # the middle two fifths, and at least one cell
    near_x = np.abs(x - (left + right) / 2) <= max(0.2 * box_width, CELL / 2)
    near_y = np.abs(y - (top + bottom) / 2) <= max(0.2 * box_height, CELL / 2)
    visible_width = max(min(right, width) - max(left, 0), 0)
    visible_height = max(min(bottom, height) - max(top, 0), 0)
    visible = visible_width * visible_height / max(box_width * box_height, 1e-6)
    if not IGNORED_SIZES[0] < size < IGNORED_SIZES[1] or visible < MIN_VISIBLE:
        return labels, sides
    labels[inside] = -1
    if visible > FULLY_VISIBLE and POSITIVE_SIZES[0] <= size <= POSITIVE_SIZES[1]:
        labels[near_x & near_y] = 1
    for side, distance in enumerate((x - left, y - top, right - x, bottom - y)):
        sides[side] = np.log(np.maximum(distance, 1.0) / CELL)
    return labels, sides
