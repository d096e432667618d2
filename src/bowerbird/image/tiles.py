"""Process an image in tiles that fit into memory; their features are those of the whole image.

Each tile has a core and around it a halo as wide as the receptive radius of the deepest layer
(78 px for relu5_1 of VGG-19). Only features of the core are counted, so every position of every
layer is counted once; gradients are added over core and halo. Cores begin at multiples of the
deepest stride, so pooling windows are where they are in the whole image.

Departure: tiled style transfer usually hides seams by shifting the grid at random. Here the sum
over tiles is the whole image's loss and gradient up to rounding, so there is no seam to hide.

A memory limit is divided between the optimizer and the network. A forward and backward pass of
VGG-19 keeps about PASS_BYTES bytes of features per pixel; the optimizer keeps NUM_IMAGES images of
three float32 per pixel and two more for each pair of its history; the libraries, the weights and
the strips of a convolution need BASE_BYTES. The numbers are fitted to runs of the whole command
(benchmarks/transfer/README.md, "The memory limit").
"""

import math
from dataclasses import dataclass
from itertools import product

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.memory import memory_limit
from bowerbird.learning.device import Compute
from bowerbird.networks.vgg_layers import stride

GRID = 16  # px; the stride of block 5
BASE_BYTES = 0.9e9  # interpreter, torch, VGG-19 and its transformed weights
PASS_BYTES = {4: 3000, 2: 1600}  # per px processed at once, by bytes per feature, up to relu5_1
NUM_IMAGES = 22  # the image, candidate, gradients, direction, preview, and temporary copies
MASK_BYTES = 500  # per px and mask: a weighted copy of the style layers' features
HISTORIES = (20, 12, 8, 5, 3)  # pairs that L-BFGS stores: the first that fits is taken
MIN_TILE = 352**2  # px: a core of 192 px between two halos of 80 (relu5_1)
LARGE_TILE = 768**2  # px: larger ones save little


@dataclass(frozen=True)
class Span:
    """One side of a tile, in px: (start, end) with and without the halo."""

    outer: tuple[int, int]
    core: tuple[int, int]
    last: bool
    """Whether it ends where the image does."""

    def core_slice(self, step: int, origin: int = 0) -> slice:
        """Return the core among the positions of a layer of this stride, from ``origin`` px on."""
        start, end = self.core
        return slice((start - origin) // step, None if self.last else (end - origin) // step)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image with its halo."""

    rows: Span
    columns: Span

    @property
    def outer(self) -> tuple[slice, slice]:
        """The rows and columns of the image that the tile covers with its halo."""
        return slice(*self.rows.outer), slice(*self.columns.outer)

    def crop_core(
        self, features: Float[Tensor, "b n h w"], layer: str
    ) -> Float[Tensor, "b n h2 w2"]:
        """Return the part of the tile's features at a layer that is in its core."""
        if self.rows.outer == self.rows.core and self.columns.outer == self.columns.core:
            return features  # even a slice of everything would cost a copy of the gradient
        rows, columns = (s.core_slice(stride(layer), s.outer[0]) for s in (self.rows, self.columns))
        return features[..., rows, columns]

    def core_slices(self, layer: str) -> tuple[slice, slice]:
        """Return the rows and columns of the core among the whole image's positions at a layer."""
        return self.rows.core_slice(stride(layer)), self.columns.core_slice(stride(layer))


def plan_tiles(size: tuple[int, int], max_px: int, halo: int, grid: int = GRID) -> list[Tile]:
    """Return the tiles of an image of this (height, width), each of at most ``max_px`` px.

    An image of no more pixels is one tile without a halo. Cores begin at multiples of ``grid`` px,
    the stride of the deepest layer. Raises ValueError if ``max_px`` is too small for a core
    between two halos.
    """
    height, width = size
    if height * width <= max_px:
        return [Tile(*(Span((0, length), (0, length), last=True) for length in size))]
    halo = -(-halo // grid) * grid
    side = int(max_px**0.5) // grid * grid - 2 * halo
    if side < grid:
        raise ValueError(f"{max_px} px per tile leave no core between halos of {halo} px")
    rows, columns = (_spans(length, side, halo, grid) for length in size)
    return [Tile(*spans) for spans in product(rows, columns)]


def _spans(length: int, side: int, halo: int, grid: int) -> list[Span]:
    """Cut a length into cores of nearly equal size, each at most ``side``."""
    count = -(-length // side)
    equal = -(-length // count)
    core = -(-equal // grid) * grid
    spans = []
    for start in range(0, length, core):
        end = min(length, start + core)
        outer = max(0, start - halo), min(length, start + core + halo)
        spans.append(Span(outer, (start, end), end == length))
    return spans


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
    limit = memory_limit(gigabytes)
    px = size[0] * size[1]
    pass_bytes = PASS_BYTES[compute.dtype.itemsize] + MASK_BYTES * use.num_masks
    images = NUM_IMAGES + 2 * bool(use.num_masks)  # the content image, and the composite
    base, stored = BASE_BYTES + 12 * use.input_px, 0.0
    # style images have the same limit, also one that is larger than the result
    smallest = max(px if untiled else min(MIN_TILE, px), min(MIN_TILE, use.style_px))
    large = max(px if untiled else min(LARGE_TILE, px), smallest)
    for history in HISTORIES:
        stored = px * (12 * (images + 2 * history) + use.features * compute.dtype.itemsize)
        max_px = int((limit - base - stored) / pass_bytes)
        if max_px >= (large if history > HISTORIES[-1] else smallest):
            return MemoryPlan(max_px, history)
    needed = math.ceil((base + stored + smallest * pass_bytes) / 1e8) / 10
    reason = ", which is tileable and can't be split," if untiled else ""
    raise ValueError(
        f"an image of {size[1]} x {size[0]} px{reason} needs at least {needed} GB; "
        "raise max_memory or lower the size"
    )
