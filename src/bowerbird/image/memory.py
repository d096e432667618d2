"""How many pixels a network may look at together, so that memory stays within a bound.

Looking at one pixel with VGG-19 and coming back with a gradient keeps about PER_PIXEL bytes of
features; descent keeps PICTURES pictures of three float32 a pixel; the libraries, the weights and
the strips of a convolution need BASE bytes.
"""

import os

from bowerbird.learning.device import Compute

BASE = 0.8e9  # bytes, measured: interpreter, torch, VGG-19 and its transformed weights
PER_PIXEL = {4: 2300, 2: 1300}  # bytes a px by bytes a feature; see benchmarks/transfer
PICTURES = 60  # L-BFGS with 20 pairs, the candidate, the photograph, the previews
CONTENT = 8  # features kept of each px of the photograph at relu4_2
SMALLEST_TILE = 288**2  # px: a core of 96 px beside two halos of 96


def px_at_once(gigabytes: float, size: tuple[int, int], compute: Compute) -> int:
    """Return the most px to look at together for a picture of this (height, width).

    Raises ValueError, with the least memory that would do, if the bound is too low.
    """
    if compute.device.type != "cpu" and not gigabytes:
        return 1 << 62
    bound = gigabytes * 1e9 or 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kept = size[0] * size[1] * (12 * PICTURES + CONTENT * compute.dtype.itemsize)
    each = PER_PIXEL[compute.dtype.itemsize]
    most = int((bound - BASE - kept) / each)
    if most < SMALLEST_TILE:
        least = (BASE + kept + SMALLEST_TILE * each) / 1e9
        raise ValueError(
            f"a picture of {size[1]} x {size[0]} px needs at least {least:.1f} GB; "
            "raise the memory or lower the size"
        )
    return most
