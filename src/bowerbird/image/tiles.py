"""A picture in tiles that see exactly what the whole picture would see.

Each tile has a core and a halo around it as wide as the reach of the deepest layer (78 px for
relu5_1 of VGG-19). Features are counted in the core alone, so every position of every layer is
counted once; gradients are added over core and halo. Cores begin at multiples of the deepest
stride, so pooling windows lie where they would in the whole picture.

Departure: tiled style transfer usually hides seams by moving the grid at random. Here the sum over
tiles is the whole picture's loss and gradient to rounding, so there is no seam to hide.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg_layers import stride

GRID = 16  # px; the stride of block 5


@dataclass(frozen=True)
class Span:
    """One side of a tile, in px: outer includes the halo."""

    outer: tuple[int, int]
    core: tuple[int, int]

    def positions(self, step: int, last: bool) -> slice:
        """Return which of the tile's positions, at a layer of this stride, lie in its core."""
        start = (self.core[0] - self.outer[0]) // step
        return slice(start, None if last else (self.core[1] - self.outer[0]) // step)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture with its halo."""

    rows: Span
    columns: Span
    bottom: bool
    right: bool

    @property
    def outer(self) -> tuple[slice, slice]:
        """The rows and columns of the picture that the tile looks at."""
        return slice(*self.rows.outer), slice(*self.columns.outer)

    def core(self, features: Float[Tensor, "b n h w"], layer: str) -> Float[Tensor, "b n h2 w2"]:
        """Return the part of the tile's features at a layer that lies in its core."""
        if self.rows.outer == self.rows.core and self.columns.outer == self.columns.core:
            return features  # a slice of everything would still cost a copy of the gradient
        step = stride(layer)
        rows = self.rows.positions(step, self.bottom)
        return features[..., rows, self.columns.positions(step, self.right)]

    def whole_positions(self, layer: str) -> tuple[slice, slice]:
        """Return where those features lie among the whole picture's at that layer."""
        step = stride(layer)
        down, across = self.rows.core, self.columns.core
        return (
            slice(down[0] // step, None if self.bottom else down[1] // step),
            slice(across[0] // step, None if self.right else across[1] // step),
        )


def plan(size: tuple[int, int], most: int, halo: int, grid: int = GRID) -> list[Tile]:
    """Return the tiles of a picture of this (height, width) with at most ``most`` px each, outer.

    A picture of no more px is one tile without a halo. Cores begin at multiples of ``grid`` px,
    the stride of the deepest layer. Raises ValueError if ``most`` leaves no room for a core.
    """
    height, width = size
    if height * width <= most:
        return [Tile(Span((0, height), (0, height)), Span((0, width), (0, width)), True, True)]
    halo = -(-halo // grid) * grid
    side = int(most**0.5) // grid * grid - 2 * halo
    if side < grid:
        raise ValueError(f"{most} px a tile leave no core beside halos of {halo} px")
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
