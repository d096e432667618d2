"""Pieces of pictures for the network that reads numbers, and what it is to tell of them.

A number's box is widened by 30 % and squeezed into a square, as in Goodfellow et al. 2013 (section
5.1). A box that is very narrow or very flat is first widened, so that a 1 stays a stroke.

On the finder's cells (FCOS) a number counts where it has the size that is looked for: the square
root of its area. Larger and smaller ones are found on other levels of the picture's pyramid.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]  # (h, w, 3), RGB
Box = NDArray[Any]  # left, top, right, bottom in px
WIDEN = 1.3  # of the box, as in the paper
NARROW, FLAT = 0.5, 0.3  # least width in heights, least height in widths
FOUND = (16.0, 64.0)  # px: sizes that the finder finds
DOUBTFUL = (12.0, 84.0)  # px: sizes for which it may say what it likes
LEAST_SEEN, MOST_SEEN = 0.7, 0.9  # shares of a number in a picture: none below, one above
CELL = 8  # px


def widened(box: Box, factor: float = WIDEN) -> Box:
    """Return the piece of a picture in which the number of this box is read."""
    left, top, right, bottom = box.tolist()
    wide, high = right - left, bottom - top
    wide, high = max(wide, NARROW * high), max(high, FLAT * wide)
    x, y = (left + right) / 2, (top + bottom) / 2
    half = np.array([wide, high]) * factor / 2
    return np.array([x - half[0], y - half[1], x + half[0], y + half[1]], np.float32)


def cut(pixels: Pixels, box: Box, side: int) -> Pixels:
    """Return a piece as (side, side, 3); beyond the edge the picture's last pixels go on.

    Each pixel is the mean of what it covers.
    """
    left, top, right, bottom = box.tolist()
    wide, high = max(right - left, 1e-3), max(bottom - top, 1e-3)
    kx, ky = (int(np.clip(np.ceil(length / side), 1, 8)) for length in (wide, high))
    sx, sy = wide / (side * kx), high / (side * ky)
    matrix = np.array([[sx, 0, left + sx / 2 - 0.5], [0, sy, top + sy / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (side * kx, side * ky)
    piece = cv2.warpAffine(pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if kx * ky > 1:
        piece = cv2.resize(piece, (side, side), interpolation=cv2.INTER_AREA)
    return piece.astype(np.uint8)


def into(boxes: NDArray[Any], piece: Box) -> NDArray[Any]:
    """Return boxes (n, 4) in px of a picture as shares of a piece of it."""
    return ((boxes - piece[[0, 1, 0, 1]]) / (piece[2:] - piece[:2])[[0, 1, 0, 1]]).astype(
        np.float32
    )


def out_of(boxes: NDArray[Any], piece: Box) -> NDArray[Any]:
    """Return boxes (n, 4) that are shares of a piece in px of its picture."""
    return (boxes * (piece[2:] - piece[:2])[[0, 1, 0, 1]] + piece[[0, 1, 0, 1]]).astype(np.float32)


def cell_targets(box: Box | None, height: int, width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what the finder is to tell of a picture with this number, or none.

    (h / 8, w / 8) with 1 where a number's middle is, 0 where none is, -1 where nothing is asked;
    and (4, h / 8, w / 8), logarithms of the distances to the box's sides in cells.
    """
    rows, columns = height // CELL, width // CELL
    there = np.zeros((rows, columns), np.float32)
    sides = np.zeros((4, rows, columns), np.float32)
    if box is None:
        return there, sides
    left, top, right, bottom = box.tolist()
    x = (np.arange(columns, dtype=np.float32) + 0.5)[None, :] * CELL
    y = (np.arange(rows, dtype=np.float32) + 0.5)[:, None] * CELL
    wide, high = right - left, bottom - top
    size = (wide * high) ** 0.5
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    # the middle two fifths, and at least one cell
    near_x = np.abs(x - (left + right) / 2) <= max(0.2 * wide, CELL / 2)
    near_y = np.abs(y - (top + bottom) / 2) <= max(0.2 * high, CELL / 2)
    across = min(right, width) - max(left, 0)
    seen = max(across, 0) * max(min(bottom, height) - max(top, 0), 0) / max(wide * high, 1e-6)
    if not DOUBTFUL[0] < size < DOUBTFUL[1] or seen < LEAST_SEEN:
        return there, sides
    there[inside] = -1
    if seen > MOST_SEEN and FOUND[0] <= size <= FOUND[1]:
        there[near_x & near_y] = 1
    for side, distance in enumerate((x - left, y - top, right - x, bottom - y)):
        sides[side] = np.log(np.maximum(distance, 1.0) / CELL)
    return there, sides
