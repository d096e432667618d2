"""From boxes to masks: a graph cut tells the thing in a box from what is around it.

Two mixtures of five Gaussians each, in color, of the thing and of the rest, and a smoothness that
gives way at edges; the cheapest cut, then new mixtures, and again.

Source: Rother, Kolmogorov, Blake 2004, "GrabCut" (doi:10.1145/1015706.1015720), by OpenCV.

Departures: the box comes from a classifier, not from a person, so it is widened by a tenth first;
where the map of the class is hottest the cut must keep the thing. What the network knows of shapes
is not used: this is a segmentation by color that begins at the right place.
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

SIDE = 240  # px of the long side of what is cut
WIDER = 0.1  # of the box's sides, on each side, where the thing may reach
AROUND = (
    0.25  # of the box's sides, on each side of the widened box, to learn the rest's colors from
)
CORE = 0.25  # of the box's sides: the middle that is the thing, whatever its color
ROUNDS = 4
CRUMB = 0.1  # of the largest part's area, up to which a part is left out


def with_mask(rgb: Float[Tensor, "3 h w"], box: Box) -> Box:
    """Return a box of a picture in 0..1 with the mask of the thing in it, and around that mask."""
    height, width = rgb.shape[1:]
    inner = _wider(box.xyxy, WIDER, height, width)
    outer = _wider(box.xyxy, WIDER + AROUND, height, width)
    left, top, right, bottom = outer
    crop = rgb[:, top:bottom, left:right]
    part = _cut(crop, tuple(a - b for a, b in zip(inner, (left, top, left, top), strict=True)))
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top:bottom, left:right] = part
    if not bool(mask.any()):  # nothing was told apart: the box itself is the best guess
        mask[inner[1] : inner[3], inner[0] : inner[2]] = True
    return Box(box.name, box.score, bounding_box(mask), mask)


def _wider(
    sides: tuple[float, float, float, float], share: float, height: int, width: int
) -> tuple[int, int, int, int]:
    """Return a box in whole px, wider on each side by a share of its sides, in the picture."""
    left, top, right, bottom = sides
    across, down = share * (right - left), share * (bottom - top)
    x0 = min(max(0, int(left - across)), width - 1)
    y0 = min(max(0, int(top - down)), height - 1)
    x1 = min(max(round(right + across), x0 + 1), width)
    y1 = min(max(round(bottom + down), y0 + 1), height)
    return x0, y0, x1, y1


def _cut(rgb: Float[Tensor, "3 h w"], inner: tuple[int, ...]) -> Bool[Tensor, "h w"]:
    """Return the mask of the thing that lies in the inner rectangle of a piece of a picture."""
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
    if not (labels == cv2.GC_BGD).any():  # the box is all there is: its rim is the rest
        labels[[0, -1]] = labels[:, [0, -1]] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    thing, rest = np.zeros((1, 65)), np.zeros((1, 65))
    cut, whole = np.ascontiguousarray(pixels), (0, 0, wide, high)
    cv2.grabCut(cut, labels, whole, rest, thing, ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = _main_parts(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8))
    return torch.from_numpy(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)


def _main_parts(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a mask without its crumbs: parts of less than a tenth of the largest one's area."""
    _, parts, facts, _ = cv2.connectedComponentsWithStats(mask)
    areas = facts[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the rest
    return np.isin(parts, np.flatnonzero(areas > CRUMB * areas.max())).astype(np.float32)


def bounding_box(mask: Bool[Tensor, "h w"]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of the box around a mask that is not empty, px."""
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def segment(rgb: Float[Tensor, "3 h w"], boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Return the boxes of a picture in 0..1 with masks; those that have one already keep it."""
    return tuple(box if box.mask is not None else with_mask(rgb, box) for box in boxes)
