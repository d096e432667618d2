"""From boxes to masks: a graph cut separates the object in a box from the background.

Object and background each have a mixture of five Gaussians in color; a smoothness term is weaker
at edges. The minimum cut is computed, the mixtures are refitted, and so on.

Source: Rother, Kolmogorov, Blake 2004, "GrabCut" (doi:10.1145/1015706.1015720), by OpenCV.

Departures: the box comes from a classifier, not from a person, so it is widened by a tenth first,
and its center is fixed as the object. The network's knowledge of shapes is not used: this segments
by color from a good starting point.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from bowerbird.pictures.pixels import fit_long_side, resize
from bowerbird.vision.results import Box

SIDE = 240  # px, long side of the crop that is cut
MARGIN = 0.1  # of the box's sides, on each side, into which the object may extend
CONTEXT = 0.25  # of the box's sides, beyond the margin: the background's colors
CORE = 0.25  # of the box's sides: its center, which is always object
ROUNDS = 4
MIN_AREA_RATIO = 0.1  # of the largest component's area; smaller components are dropped


def with_mask(rgb: Float[Tensor, "3 h w"], box: Box) -> Box:
    """Return a box of a picture in [0, 1] with the mask of its object, fitted to that mask."""
    height, width = rgb.shape[1:]
    inner = _widened(box.xyxy, MARGIN, height, width)
    outer = _widened(box.xyxy, MARGIN + CONTEXT, height, width)
    left, top, right, bottom = outer
    crop = rgb[:, top:bottom, left:right]
    part = _cut(crop, tuple(a - b for a, b in zip(inner, (left, top, left, top), strict=True)))
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top:bottom, left:right] = part
    if not bool(mask.any()):  # the cut found no object: use the box itself
        mask[inner[1] : inner[3], inner[0] : inner[2]] = True
    return Box(box.name, box.score, bounding_box(mask), mask)


def _widened(
    sides: tuple[float, float, float, float], fraction: float, height: int, width: int
) -> tuple[int, int, int, int]:
    """Return a box in integer px, wider on each side by a fraction, clipped to the picture."""
    left, top, right, bottom = sides
    across, down = fraction * (right - left), fraction * (bottom - top)
    x0 = min(max(0, int(left - across)), width - 1)
    y0 = min(max(0, int(top - down)), height - 1)
    x1 = min(max(round(right + across), x0 + 1), width)
    y1 = min(max(round(bottom + down), y0 + 1), height)
    return x0, y0, x1, y1


def _cut(rgb: Float[Tensor, "3 h w"], inner: tuple[int, ...]) -> Bool[Tensor, "h w"]:
    """Return the mask of the object in the inner rectangle of a crop."""
    size = (rgb.shape[1], rgb.shape[2])
    small = resize(rgb, fit_long_side(*size, min(SIDE, max(size))))
    high, wide = small.shape[1:]
    if min(high, wide) < 4:
        return torch.zeros(size, dtype=torch.bool)
    pixels = (small.flip(0).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    labels: NDArray[np.uint8] = np.full((high, wide), cv2.GC_BGD, np.uint8)
    x0, y0, x1, y1 = (
        round(side * scale)
        for side, scale in zip(inner, (wide / size[1], high / size[0]) * 2, strict=True)
    )
    labels[y0:y1, x0:x1] = cv2.GC_PR_FGD
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    across, down = CORE * (x1 - x0) / 2, CORE * (y1 - y0) / 2
    labels[int(y - down) : int(y + down) + 1, int(x - across) : int(x + across) + 1] = cv2.GC_FGD
    if not (labels == cv2.GC_BGD).any():  # the box fills the crop: its border is background
        labels[[0, -1]] = labels[:, [0, -1]] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    foreground, background = np.zeros((1, 65)), np.zeros((1, 65))
    image, everything = np.ascontiguousarray(pixels), (0, 0, wide, high)
    cv2.grabCut(image, labels, everything, background, foreground, ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = _large_components(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8))
    return torch.from_numpy(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)


def _large_components(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a mask without components smaller than a tenth of the largest one."""
    _, components, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    large = np.flatnonzero(areas > MIN_AREA_RATIO * areas.max())
    return np.isin(components, large).astype(np.float32)


def bounding_box(mask: Bool[Tensor, "h w"]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom, in px, of the box around a non-empty mask."""
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def segment(rgb: Float[Tensor, "3 h w"], boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Return the boxes of a picture in [0, 1] with masks; existing masks are kept."""
    return tuple(box if box.mask is not None else with_mask(rgb, box) for box in boxes)
