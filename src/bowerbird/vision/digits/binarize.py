"""Ink on a photographed page: how much of it each px holds, whatever the light and the paper.

Paper is what most of a neighborhood is: the median of a wide window, by channel, so that shadows
and colors of paper drop out. Ink is what is darker than paper (on boards: lighter), by the channel
in which that shows most:

    strength = max over channels of (paper - px) / (paper + 0.1)

Rulings are long thin straight lines, found by opening with lines of many slopes. A px of a ruling
is ink only where it is clearly stronger than the ruling, or where ink goes on across the line.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32
Mask = NDArray[np.bool_]
WINDOW = 1 / 9  # side of the neighborhood that tells the paper, of the long side
COARSE = 4  # the paper is told on a picture so many times smaller
FLOOR = 0.1  # so that noise in the dark is no ink
NOISE = 4.0  # standard deviations above which it is no noise
LEAST = 0.06  # weakest strength of ink
RULING = 1 / 7  # shortest ruling, of the long side
FAINT = 0.6  # of the least strength of ink, is that of a ruling
GAP = 7  # px on half the size that may be missing in a ruling
SLOPES = 12  # degrees that rulings may lean, each way
STRONGER = 1.5  # ink that lies on a ruling is so many times as strong
USUAL = 75  # percentile of strength along rulings that is theirs: a part is paper, a part is ink


@dataclass(frozen=True, eq=False)
class Ink:
    """The ink of a page."""

    strength: Array  # (h, w), 0: paper; about 0.3 to 0.9 in ink
    marks: Mask  # where there is some, rulings taken away
    rulings: Mask  # where there are rulings
    noise: float  # standard deviation of strength on paper


def find_ink(rgb: Array, *, light: bool = False) -> Ink:
    """Return the ink of a picture (h, w, 3) in 0..1; ``light`` ink is that on a dark board."""
    values = cv2.GaussianBlur(rgb, (0, 0), 0.8)
    paper = _paper(values)
    if light:
        values, paper = 1 - values, 1 - paper
    away = (paper - values) / (paper + FLOOR)
    strength = np.maximum.reduce([*cv2.split(away), np.zeros_like(away[..., 0])])
    noise = float(1.4826 * np.median(np.abs(away - np.median(away))))
    least = max(LEAST, NOISE * noise)
    some = strength > least
    lines = _rulings(strength, least)
    rulings = some & (cv2.dilate(lines, np.ones((5, 5), np.uint8)) > 0)
    usual = float(np.percentile(strength[lines > 0], USUAL)) if lines.any() else 0.0
    stronger = max(STRONGER * usual, usual + least)
    return Ink(strength, _crossing(some, rulings, strength > stronger), rulings, noise)


def _paper(values: Array) -> Array:
    """Return the paper behind each px, (h, w, 3)."""
    high, wide = values.shape[:2]
    size = max(1, wide // COARSE), max(1, high // COARSE)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    window = max(3, round(max(size) * WINDOW)) | 1
    codes = cv2.medianBlur((small * 255).round().astype(np.uint8), window)
    smooth = cv2.GaussianBlur(codes.astype(np.float32) / 255, (0, 0), window / 8)
    return cv2.resize(smooth, (wide, high), interpolation=cv2.INTER_LINEAR)


def _rulings(strength: Array, least: float) -> NDArray[np.uint8]:
    """Return 1 in long thin straight lines, near to level or upright, found on half the size."""
    high, wide = strength.shape
    size = max(1, wide // 2), max(1, high // 2)
    half = cv2.resize(strength, size, interpolation=cv2.INTER_AREA)
    mask = (half > FAINT * least).astype(np.uint8)
    length = round(max(mask.shape) * RULING)
    found = np.zeros_like(mask)
    for degrees in np.arange(-SLOPES, SLOPES + 0.1, 1.0):
        kernel = _line(length, float(degrees))
        for one in (kernel, np.ascontiguousarray(kernel.T)):
            gap = np.ones((1, GAP) if one is kernel else (GAP, 1), np.uint8)
            whole = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, gap)
            found = np.maximum(found, cv2.morphologyEx(whole, cv2.MORPH_OPEN, one))
    # what is thick is no ruling, but a dark region
    thick = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    found[cv2.dilate(thick, np.ones((5, 5), np.uint8)) > 0] = 0
    return np.asarray(cv2.resize(found, (wide, high), interpolation=cv2.INTER_NEAREST))


def _line(length: int, degrees: float) -> NDArray[np.uint8]:
    """Return a line of 1 on 0, ``length`` px long, as a kernel."""
    rise = round(np.tan(np.deg2rad(degrees)) * length)
    kernel = np.zeros((abs(rise) + 1, length), np.uint8)
    first, last = (0, abs(rise)) if rise >= 0 else (abs(rise), 0)
    cv2.line(kernel, (0, first), (length - 1, last), 1)
    return kernel


def _crossing(some: Mask, rulings: Mask, strong: Mask) -> Mask:
    """Return the ink without rulings, but with the strokes that cross them, or are stronger."""
    if not rulings.any():
        return some
    kept = some & ~rulings
    bridge = np.ones((9, 1), np.uint8)
    codes = kept.astype(np.uint8)
    closed = cv2.morphologyEx(codes, cv2.MORPH_CLOSE, bridge)
    closed = np.minimum(closed, cv2.dilate(codes, np.ones((9, 3), np.uint8)))
    return kept | (rulings & strong) | (rulings & (closed > 0))
