"""How a bound on memory is shared out between the descent and what the network looks at.

Looking at one pixel with VGG-19 and coming back with a gradient keeps about PER_PIXEL bytes of
features; descent keeps PICTURES pictures of three float32 a pixel and two more for each pair of
its history; the libraries, the weights and the strips of a convolution need BASE bytes.
"""

import math
import os
from dataclasses import dataclass

from bowerbird.learning.device import Compute

BASE = 0.8e9  # bytes, estimated: interpreter, torch, VGG-19 and its transformed weights
PER_PIXEL = {4: 2700, 2: 1500}  # bytes a px by bytes a feature, estimated for relu5_1
PICTURES = 12  # photograph, picture, candidate, slopes, direction and previews
MASK = 500  # bytes a px and mask: a weighted copy of the style layers' features
HISTORIES = (20, 12, 8, 5, 3)  # pairs that L-BFGS remembers, the most that fit
SMALLEST_TILE = 352**2  # px: a core of 160 px between two halos of 96
ROOMY_TILE = 768**2  # px: larger ones waste little on their halos


@dataclass(frozen=True)
class Kept:
    """What an objective keeps or copies besides pictures."""

    features: float = 8.0
    """Features kept of each px of the photograph; 8 at relu4_2."""
    masks: int = 0
    """Regions with a painting of their own."""


@dataclass(frozen=True)
class Share:
    """What fits into memory."""

    px_at_once: int
    """The most px that the network looks at together."""
    history: int
    """The pairs of pictures that L-BFGS remembers."""


def share_out(
    gigabytes: float, size: tuple[int, int], compute: Compute, keeps: Kept = Kept()
) -> Share:
    """Return what fits into a bound for a picture of this (height, width).

    A bound of 0 is half of this machine's memory, and no bound on another device. Raises
    ValueError, with the least memory that would do, if it is too low.
    """
    if compute.device.type != "cpu" and not gigabytes:
        return Share(1 << 62, HISTORIES[0])
    bound = gigabytes * 1e9 or 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    px, each = size[0] * size[1], PER_PIXEL[compute.dtype.itemsize] + MASK * keeps.masks
    kept = 0.0
    for history in HISTORIES:
        kept = px * (12 * (PICTURES + 2 * history) + keeps.features * compute.dtype.itemsize)
        most = int((bound - BASE - kept) / each)
        if most >= min(ROOMY_TILE, px):
            return Share(most, history)
    if most >= min(SMALLEST_TILE, px):
        return Share(most, history)
    least = math.ceil((BASE + kept + min(SMALLEST_TILE, px) * each) / 1e8) / 10
    raise ValueError(
        f"a picture of {size[1]} x {size[0]} px needs at least {least} GB; "
        "raise the memory or lower the size"
    )
