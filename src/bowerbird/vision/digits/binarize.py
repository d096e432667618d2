"""Separation of writing from its background, in photographs with shadows and ruled paper.

The background is the median of a large window, per channel, so that shadows and the color of the
paper cancel. The contrast of a pixel is how much darker it is (on boards: lighter), in the channel
where that is largest:

    contrast = max over channels of (background - pixel) / (background + 0.1)

Rulings are long thin straight lines, found by morphological opening with lines of many slopes. A
pixel on a ruling is foreground only if it is clearly stronger than the ruling, or if the writing
continues across the line.

Scans and drawings with an even background need less: ``even_foreground``.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32
Mask = NDArray[np.bool_]
WINDOW = 1 / 9  # side of the background window, of the long side of the image
DOWNSCALE = 4  # of the image from which the background is estimated
EPSILON = 0.1  # keeps the contrast of noise in dark areas low
MIN_SIGMAS = 4.0  # contrast of foreground, in standard deviations of the noise
MIN_CONTRAST = 0.06  # of foreground
RULING_LENGTH = 1 / 7  # of the shortest ruling, of the long side
RULING_CONTRAST = 0.6  # lowest contrast of a ruling, relative to that of foreground
MAX_GAP = 7  # px at half size, in a ruling
MAX_SLOPE = 12  # degrees that rulings may lean, each way
STRONGER = 1.5  # contrast of writing on a ruling, relative to the ruling
RULING_PERCENTILE = 75  # of the contrast along rulings: a part is paper, a part is writing
MIN_EVEN_CONTRAST = 0.1  # of writing on an even background, absolute
FAINT = 0.1  # of the largest contrast: less is background
SOLID = 0.5  # of the largest contrast: more is certainly foreground
MIN_EVEN_AREA = 0.55  # fraction of the image that is background
MIN_SOLID_AREA = 0.35  # fraction of the foreground that is solid


@dataclass(frozen=True, eq=False)
class Foreground:
    """The writing on a page."""

    contrast: Array  # (h, w), 0: background; about 0.3 to 0.9 in writing
    mask: Mask  # where there is writing, without rulings
    rulings: Mask
    noise: float  # standard deviation of the contrast on the background


def binarize(rgb: Array, *, light: bool = False) -> Foreground:
    """Return the writing on a page (h, w, 3) in 0..1; ``light`` for chalk on a board."""
    values = cv2.GaussianBlur(rgb, (0, 0), 0.8)
    background = _background(values)
    if light:
        values, background = 1 - values, 1 - background
    difference = (background - values) / (background + EPSILON)
    contrast = np.maximum.reduce([*cv2.split(difference), np.zeros_like(difference[..., 0])])
    noise = float(1.4826 * np.median(np.abs(difference - np.median(difference))))
    threshold = max(MIN_CONTRAST, MIN_SIGMAS * noise)
    mask = contrast > threshold
    lines = _rulings(contrast, threshold)
    rulings = mask & (cv2.dilate(lines, np.ones((5, 5), np.uint8)) > 0)
    typical = float(np.percentile(contrast[lines > 0], RULING_PERCENTILE)) if lines.any() else 0.0
    strong = contrast > max(STRONGER * typical, typical + threshold)
    return Foreground(contrast, _without_rulings(mask, rulings, strong), rulings, noise)


def even_foreground(difference: Array) -> Array | None:
    """Return the foreground (h, w), 0..1, from absolute differences to an even background.

    None if there is none.
    """
    largest = float(difference.max())
    if largest < MIN_EVEN_CONTRAST:
        return None
    return np.where(difference < FAINT * largest, 0, difference / largest).astype(np.float32)


def is_even(foreground: Array) -> bool:
    """Return whether a foreground, 0..1, is on an even background, without half-tones."""
    even = (foreground == 0).mean() >= MIN_EVEN_AREA
    return bool(even and (foreground > SOLID).sum() > MIN_SOLID_AREA * (foreground > 0).sum())


def _background(values: Array) -> Array:
    """Return the background of each pixel, (h, w, 3)."""
    height, width = values.shape[:2]
    size = max(1, width // DOWNSCALE), max(1, height // DOWNSCALE)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    window = max(3, round(max(size) * WINDOW)) | 1
    codes = cv2.medianBlur((small * 255).round().astype(np.uint8), window)
    smooth = cv2.GaussianBlur(codes.astype(np.float32) / 255, (0, 0), window / 8)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)


def _rulings(contrast: Array, threshold: float) -> NDArray[np.uint8]:
    """Return a mask (h, w) of nearly horizontal or vertical rulings, detected at half size."""
    height, width = contrast.shape
    size = max(1, width // 2), max(1, height // 2)
    half = cv2.resize(contrast, size, interpolation=cv2.INTER_AREA)
    mask = (half > RULING_CONTRAST * threshold).astype(np.uint8)
    length = round(max(mask.shape) * RULING_LENGTH)
    lines = np.zeros_like(mask)
    for degrees in np.arange(-MAX_SLOPE, MAX_SLOPE + 0.1, 1.0):
        kernel = _line_kernel(length, float(degrees))
        gap = np.ones((1, MAX_GAP), np.uint8)
        for line, bridge in ((kernel, gap), (np.ascontiguousarray(kernel.T), gap.T)):
            closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, bridge)
            lines = np.maximum(lines, cv2.morphologyEx(closed, cv2.MORPH_OPEN, line))
    # a thick region is not a ruling, but a dark area
    thick = cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    lines[cv2.dilate(thick, np.ones((5, 5), np.uint8)) > 0] = 0
    return np.asarray(cv2.resize(lines, (width, height), interpolation=cv2.INTER_NEAREST))


def _line_kernel(length: int, degrees: float) -> NDArray[np.uint8]:
    """Return a kernel with a line of 1s, ``length`` px wide."""
    rise = round(np.tan(np.deg2rad(degrees)) * length)
    kernel = np.zeros((abs(rise) + 1, length), np.uint8)
    first, last = (0, abs(rise)) if rise >= 0 else (abs(rise), 0)
    cv2.line(kernel, (0, first), (length - 1, last), 1)
    return kernel


def _without_rulings(mask: Mask, rulings: Mask, strong: Mask) -> Mask:
    """Return a mask without rulings, but with the strokes that cross them or are stronger."""
    if not rulings.any():
        return mask
    writing = mask & ~rulings
    codes = writing.astype(np.uint8)
    closed = cv2.morphologyEx(codes, cv2.MORPH_CLOSE, np.ones((9, 1), np.uint8))
    crossing = np.minimum(closed, cv2.dilate(codes, np.ones((9, 3), np.uint8)))
    return writing | (rulings & strong) | (rulings & (crossing > 0))
