"""How a bound on memory is shared out between the descent and what the network looks at.

Looking at one pixel with VGG-19 and coming back with a gradient keeps about PER_PIXEL bytes of
features; descent keeps PICTURES pictures of three float32 a pixel and two more for each pair of
its history; the libraries, the weights and the strips of a convolution need BASE bytes. The
numbers are fitted to runs of the whole command (benchmarks/transfer/README.md, "The bound").
"""

import math
from dataclasses import dataclass

import psutil

from bowerbird.learning.device import Compute

BASE = 0.9e9  # bytes: interpreter, torch, VGG-19 and its transformed weights
PER_PIXEL = {4: 3000, 2: 1600}  # bytes a px seen at once, by bytes a feature, for relu5_1
PICTURES = 22  # picture, candidate, slopes, direction, preview, and passing copies
MASK = 500  # bytes a px and mask: a weighted copy of the style layers' features
HISTORIES = (20, 12, 8, 5, 3)  # pairs that L-BFGS remembers, the most that fit
SMALLEST_TILE = 352**2  # px: a core of 192 px between two halos of 80 (relu5_1)
ROOMY_TILE = 768**2  # px: larger ones waste little on their halos


@dataclass(frozen=True)
class Kept:
    """What needs memory besides the picture that is made."""

    features: float = 8.0
    """Features kept of each px of the photograph; 8 at relu4_2."""
    masks: int = 0
    """Regions with a painting of their own."""
    given: int = 0
    """Pixels of the photograph and the paintings as they were read."""
    painting: int = 0
    """Pixels of the largest painting at the size at which it is seen."""


@dataclass(frozen=True)
class Share:
    """What fits into memory."""

    px_at_once: int
    """The most px that the network looks at together."""
    history: int
    """The pairs of pictures that L-BFGS remembers."""


def share_out(
    gigabytes: float,
    size: tuple[int, int],
    compute: Compute,
    keeps: Kept = Kept(),
    whole: bool = False,
) -> Share:
    """Return what fits into a bound for a picture of this (height, width).

    A bound of 0 is half of this machine's memory, which Apple's GPU shares, and no bound on CUDA,
    whose memory is its own. A picture that has to be seen ``whole`` gets a shorter history rather
    than tiles. Raises ValueError, with the least memory that would do, if it is too low.
    """
    if compute.device.type == "cuda" and not gigabytes:
        return Share(1 << 62, HISTORIES[0])
    bound = gigabytes * 1e9 or 0.5 * psutil.virtual_memory().total
    px, each = size[0] * size[1], PER_PIXEL[compute.dtype.itemsize] + MASK * keeps.masks
    pictures = PICTURES + 2 * bool(keeps.masks)  # the photograph, and the picture laid over it
    base, kept = BASE + 12 * keeps.given, 0.0
    # paintings are seen with the same bound, also one that is larger than the picture
    least = max(px if whole else min(SMALLEST_TILE, px), min(SMALLEST_TILE, keeps.painting))
    roomy = max(px if whole else min(ROOMY_TILE, px), least)
    for history in HISTORIES:
        kept = px * (12 * (pictures + 2 * history) + keeps.features * compute.dtype.itemsize)
        most = int((bound - base - kept) / each)
        if most >= roomy:
            return Share(most, history)
    if most >= least:
        return Share(most, history)
    enough = math.ceil((base + kept + least * each) / 1e8) / 10
    reason = " that meets itself at its edges has to be seen whole and" if whole else ""
    raise ValueError(
        f"a picture of {size[1]} x {size[0]} px{reason} needs at least {enough} GB; "
        "raise the memory or lower the size"
    )
