"""How a memory limit is divided between the optimizer and the network.

A forward and backward pass of VGG-19 keeps about PASS_BYTES bytes of features per pixel; the
optimizer keeps NUM_IMAGES images of three float32 per pixel and two more for each pair of its
history; the libraries, the weights and the strips of a convolution need BASE_BYTES. The numbers
are fitted to runs of the whole command (benchmarks/transfer/README.md, "The memory limit").
"""

import math
from dataclasses import dataclass

import psutil

from bowerbird.learning.device import Compute

BASE_BYTES = 0.9e9  # interpreter, torch, VGG-19 and its transformed weights
PASS_BYTES = {4: 3000, 2: 1600}  # per px processed at once, by bytes per feature, up to relu5_1
NUM_IMAGES = 22  # the image, candidate, gradients, direction, preview, and temporary copies
MASK_BYTES = 500  # per px and mask: a weighted copy of the style layers' features
HISTORIES = (20, 12, 8, 5, 3)  # pairs that L-BFGS stores: the first that fits is taken
READ_BYTES = 32  # per px of a file that is read: decoded, in floats, upright, in order
LIBRARY_BYTES = 0.4e9  # interpreter and torch, before the weights
MIN_TILE = 352**2  # px: a core of 192 px between two halos of 80 (relu5_1)
LARGE_TILE = 768**2  # px: larger ones save little


@dataclass(frozen=True)
class MemoryUse:
    """What needs memory besides the image that is optimized."""

    features: float = 8.0
    """Content features stored per px; 8 at relu4_2."""
    num_masks: int = 0
    """Regions with a style of their own."""
    input_px: int = 0
    """Pixels of the input images at their own sizes."""
    style_px: int = 0
    """Pixels of the largest style image at the size at which the network processes it."""


@dataclass(frozen=True)
class MemoryPlan:
    """What fits into memory."""

    max_px: int
    """The largest number of px that the network processes at once."""
    history: int
    """The number of pairs of images that L-BFGS stores."""


def plan_memory(
    gigabytes: float,
    size: tuple[int, int],
    compute: Compute,
    use: MemoryUse = MemoryUse(),
    untiled: bool = False,
) -> MemoryPlan:
    """Return what fits into a limit for an image of this (height, width).

    A limit of 0 is half of this machine's memory, which Apple's GPU shares, and no limit on CUDA,
    whose memory is its own. An ``untiled`` image gets a shorter history rather than tiles. Raises
    ValueError, with the memory that is needed, if the limit is too low.
    """
    if compute.device.type == "cuda" and not gigabytes:
        return MemoryPlan(1 << 62, HISTORIES[0])
    limit = gigabytes * 1e9 or 0.5 * psutil.virtual_memory().total
    px, pass_bytes = (
        size[0] * size[1],
        PASS_BYTES[compute.dtype.itemsize] + MASK_BYTES * use.num_masks,
    )
    images = NUM_IMAGES + 2 * bool(use.num_masks)  # the content image, and the composite
    base, stored = BASE_BYTES + 12 * use.input_px, 0.0
    # style images have the same limit, also one that is larger than the result
    smallest = max(px if untiled else min(MIN_TILE, px), min(MIN_TILE, use.style_px))
    large = max(px if untiled else min(LARGE_TILE, px), smallest)
    for history in HISTORIES:
        stored = px * (12 * (images + 2 * history) + use.features * compute.dtype.itemsize)
        max_px = int((limit - base - stored) / pass_bytes)
        if max_px >= large:
            return MemoryPlan(max_px, history)
    if max_px >= smallest:
        return MemoryPlan(max_px, history)
    needed = math.ceil((base + stored + smallest * pass_bytes) / 1e8) / 10
    reason = ", which is tileable and can't be split," if untiled else ""
    raise ValueError(
        f"an image of {size[1]} x {size[0]} px{reason} needs at least {needed} GB; "
        "raise max_memory or lower the size"
    )


def check_reading(size: tuple[int, int], gigabytes: float) -> None:
    """Raise ValueError if a picture file of this (height, width) can't be read within a limit.

    A limit of 0 is half of this machine's memory.
    """
    limit = gigabytes * 1e9 or 0.5 * psutil.virtual_memory().total
    needed = LIBRARY_BYTES + READ_BYTES * size[0] * size[1]
    if needed > limit:
        raise ValueError(
            f"it has {size[1]} x {size[0]} px and needs {math.ceil(needed / 1e8) / 10} GB to be "
            "read; downscale it first or raise max_memory"
        )
