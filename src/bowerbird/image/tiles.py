"""Process an image in tiles whose features are exactly those of the whole image.

Each tile has a core and around it a halo as wide as the receptive radius of the deepest layer
(78 px for relu5_1 of VGG-19). Only features of the core are counted, so every position of every
layer is counted once; gradients are added over core and halo. Cores begin at multiples of the
deepest stride, so pooling windows are where they are in the whole image.

Departure: tiled style transfer usually hides seams by shifting the grid at random. Here the sum
over tiles is the whole image's loss and gradient up to rounding, so there is no seam to hide.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg_layers import stride

GRID = 16  # px; the stride of block 5


@dataclass(frozen=True)
class Span:
    """One side of a tile, in px: (start, end) with and without the halo."""

    outer: tuple[int, int]
    core: tuple[int, int]

    def positions(self, step: int, last: bool) -> slice:
        """Return which of the tile's positions, at a layer of this stride, are in its core."""
        start = (self.core[0] - self.outer[0]) // step
        return slice(start, None if last else (self.core[1] - self.outer[0]) // step)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image with its halo."""

    rows: Span
    columns: Span
    bottom: bool
    right: bool

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
        step = stride(layer)
        rows = self.rows.positions(step, self.bottom)
        return features[..., rows, self.columns.positions(step, self.right)]

    def core_slices(self, layer: str) -> tuple[slice, slice]:
        """Return the rows and columns of the core among the whole image's positions at a layer."""
        step = stride(layer)
        rows, columns = self.rows.core, self.columns.core
        return (
            slice(rows[0] // step, None if self.bottom else rows[1] // step),
            slice(columns[0] // step, None if self.right else columns[1] // step),
        )


def plan_tiles(size: tuple[int, int], max_px: int, halo: int, grid: int = GRID) -> list[Tile]:
    """Return the tiles of an image of this (height, width), each of at most ``max_px`` px.

    An image of no more pixels is one tile without a halo. Cores begin at multiples of ``grid`` px,
    the stride of the deepest layer. Raises ValueError if ``max_px`` is too small for a core
    between two halos.
    """
    height, width = size
    if height * width <= max_px:
        return [Tile(Span((0, height), (0, height)), Span((0, width), (0, width)), True, True)]
    halo = -(-halo // grid) * grid
    side = int(max_px**0.5) // grid * grid - 2 * halo
    if side < grid:
        raise ValueError(f"{max_px} px per tile leave no core between halos of {halo} px")
    rows, columns = (_spans(length, side, halo, grid) for length in size)
    return [Tile(r, c, r.core[1] == height, c.core[1] == width) for r in rows for c in columns]


def _spans(length: int, side: int, halo: int, grid: int) -> list[Span]:
    """Cut a length into cores of nearly equal size, each at most ``side``."""
    count = -(-length // side)
    equal = -(-length // count)
    core = -(-equal // grid) * grid
    return [
        Span(
            (max(0, start - halo), min(length, start + core + halo)),
            (start, min(length, start + core)),
        )
        for start in range(0, length, core)
    ]
