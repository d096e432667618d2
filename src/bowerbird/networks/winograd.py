"""Winograd's 3 x 3 convolutions, with fewer multiplications, for CPUs without bfloat16 units.

A 4 x 4 tile of the result needs 36 multiplications per pair of channels, instead of 144:
``Y = A^T [(G g G^T) . (B^T d B)] A``, where d is the 6 x 6 tile of the input, g the kernel and the
dot a product at each of 36 positions, summed over channels: 36 matrix products.

Source: Lavin and Gray 2015, "Fast algorithms for convolutional neural networks" (arXiv:1509.09308),
section 4; the matrices by Toom and Cook's construction.

Departures: (1) the interpolation points are 0, +-sqrt(2), +-1/sqrt(2) and infinity instead of
0, +-1, +-2 and infinity. Rounding errors are about half (measured in the test). And these points
are closed under p -> 1/p, which is what reversing a kernel does to its transform: the gradient with
respect to the input, a convolution with the reversed kernel, uses the same transformed weights
(transposed, at permuted positions), so they are stored once. (2) The result is computed in strips
of rows whose buffers stay in the cache; bias and ReLU are applied to a strip while it is there.

Weights are constants here: there is no gradient with respect to them.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

TILE = 4  # rows and columns of a tile of results
PATCH = TILE + 2  # rows and columns of input that a tile needs
TILES_PER_STRIP = 256  # about: enough rows for a fast matrix product
POINTS = (0.0, 2**0.5, -(2**0.5), 2**-0.5, -(2**-0.5))  # and infinity


def matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A^T (4, 6), G (6, 3) and B^T (6, 6), Toom and Cook's for POINTS, in float64."""
    a, g, b = np.zeros((TILE, PATCH)), np.zeros((PATCH, 3)), np.zeros((PATCH, PATCH))
    for i, point in enumerate(POINTS):
        others = [q for q in POINTS if q != point]
        a[:, i] = [point**k for k in range(TILE)]
        g[i] = np.array([point**k for k in range(3)]) / np.prod([point - q for q in others])
        b[i, : PATCH - 1] = np.poly(others)[::-1]
    a[-1, -1], g[-1, -1], b[-1] = 1.0, 1.0, np.poly(POINTS)[::-1]
    return a, g, b


def reversal() -> tuple[np.ndarray, np.ndarray]:
    """Return (order, scale), each (6,), with ``G @ flip(g) == scale * (G @ g)[order]``."""
    _, g, _ = matrices()
    order, scale = np.zeros(PATCH, dtype=int), np.zeros(PATCH)
    for i, row in enumerate(g):
        reversed_row = row[::-1]
        for j, other in enumerate(g):
            factor = (reversed_row @ other) / (other @ other)
            if np.allclose(reversed_row, factor * other, atol=1e-9):
                order[i], scale[i] = j, factor
    return order, scale


class Transforms:
    """B^T (6, 6) and A^T (4, 6) in float32, for the convolution and for its gradient."""

    def __init__(self) -> None:
        a, _, b = matrices()
        order, scale = reversal()
        reversed_a, reversed_b = np.zeros_like(a), np.zeros_like(b)
        reversed_a[:, order], reversed_b[order] = a, scale[:, None] * b
        self.forward = _float32(b), _float32(a)
        self.gradient = _float32(reversed_b), _float32(reversed_a)


def _float32(matrix: np.ndarray) -> Tensor:
    return torch.from_numpy(matrix).float()


def transform_weights(weight: Float[Tensor, "o i 3 3"]) -> Float[Tensor, "36 o i"]:
    """Return G g G^T for every pair of channels, position first."""
    outputs, inputs = weight.shape[:2]
    both = torch.from_numpy(np.kron(matrices()[1], matrices()[1]))  # rows and columns at once
    spread = torch.empty(PATCH * PATCH, outputs, inputs)
    for some in torch.arange(outputs).split(64):  # float64 keeps the rounding of one step
        kernels = weight[some].detach().cpu().double().reshape(-1, 9)
        spread[:, some] = (both @ kernels.T).float().view(PATCH * PATCH, len(some), inputs)
    return spread


class _Convolve(torch.autograd.Function):
    """Convolution, bias and, if asked, ReLU, with a gradient for the input only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: "WinogradConvolution", rectify: bool) -> Tensor:
        ctx.layer = layer
        y = _strips(
            x, layer.spread.transpose(1, 2), layer.transforms.forward, (layer.bias, rectify, None)
        )
        ctx.save_for_backward(*([y] if rectify else []))
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        spread = ctx.layer.spread
        active = ctx.saved_tensors[0] if ctx.saved_tensors else None
        extra = (None, False, active)
        return _strips(grad, spread, ctx.layer.transforms.gradient, extra), None, None


def _strips(
    x: Float[Tensor, "b i h w"],
    spread: Float[Tensor, "36 i o"],
    transforms: tuple[Tensor, Tensor],
    extra: tuple[Tensor | None, bool, Tensor | None],
) -> Float[Tensor, "b o h w"]:
    """Convolve strip by strip; ``extra`` is (bias, rectify, outputs whose zeros mask x)."""
    bias, rectify, active = extra
    batch, _, height, width = x.shape
    across = -(-width // TILE)
    rows = min(
        max(1, -(-TILES_PER_STRIP // across)), -(-height // TILE)
    )  # rows of tiles in a strip
    x = x.permute(0, 2, 3, 1).contiguous()
    mask = None if active is None else active.permute(0, 2, 3, 1)
    y = x.new_empty((batch, height, width, spread.shape[2]))
    strip = _Strip(x, spread, (rows, across), transforms)
    for image in range(batch):
        for top in range(0, height, rows * TILE):
            bottom = min(top + rows * TILE, height)
            strip.fill(x[image], None if mask is None else mask[image], top, bottom)
            tiles = strip.convolve(-(-(bottom - top) // TILE))
            if bias is not None:
                tiles += bias
            if rectify:
                tiles.relu_()
            down = tiles.shape[2]
            placed = tiles.permute(2, 0, 3, 1, 4)  # tile row, row, tile column, column, channel
            if width % TILE == 0 and (bottom - top) % TILE == 0:
                y[image, top:bottom].view(down, TILE, across, TILE, -1).copy_(placed)
            else:
                joined = placed.reshape(down * TILE, across * TILE, -1)
                y[image, top:bottom] = joined[: bottom - top, :width]
    return y.permute(0, 3, 1, 2)


class _Strip:
    """The buffers of one strip of tiles, reused for the next."""

    def __init__(
        self,
        x: Float[Tensor, "b h w i"],
        spread: Float[Tensor, "36 i o"],
        shape: tuple[int, int],
        transforms: tuple[Tensor, Tensor],
    ) -> None:
        """Allocate buffers for ``shape`` (rows, columns) tiles of x."""
        (rows, self.across), (self.channels, outputs) = shape, spread.shape[1:]
        self.spread, (self.into, self.back) = spread, transforms
        positions, tiles = PATCH * PATCH, rows * self.across
        columns = self.across * TILE + 2
        self.padded = x.new_zeros((rows * TILE + 2, columns, self.channels))
        self.lines = x.new_empty(PATCH * rows * columns * self.channels)
        self.patches = x.new_empty(positions * tiles * self.channels)
        self.spectrum = x.new_empty(positions * tiles * self.channels)
        self.product = x.new_empty(positions * tiles * outputs)
        self.half = x.new_empty(PATCH * TILE * tiles * outputs)
        self.tiles = x.new_empty(TILE * TILE * tiles * outputs)

    def fill(self, x: Tensor, active: Tensor | None, top: int, bottom: int) -> None:
        """Copy rows top to bottom of x (h, w, i) and the rows around them; zeros outside."""
        first, last = max(top - 1, 0), min(bottom + 1, x.shape[0])
        begin, end = first - top + 1, last - top + 1
        self.padded[:begin].zero_()
        self.padded[end:].zero_()
        inner = self.padded[begin:end, 1 : x.shape[1] + 1]
        if active is None:
            inner.copy_(x[first:last])
        else:
            torch.mul(x[first:last], active[first:last] > 0, out=inner)

    def convolve(self, down: int) -> Float[Tensor, "4 4 down across o"]:
        """Return ``down`` rows of tiles of the result: row and column within the tile first."""
        channels, across = self.channels, self.across
        line = self.padded.stride(0)
        bands = self.padded.as_strided((down, PATCH, line), (TILE * line, line, 1))
        lines = self.lines[: bands.numel()].view(down, PATCH, line)
        torch.bmm(self.into.expand(down, PATCH, PATCH), bands, out=lines)  # B^T d
        count = down * across
        patches = self.patches[: PATCH * PATCH * count * channels]
        patches.view(PATCH, PATCH, down, across, channels).copy_(
            lines.as_strided(
                (PATCH, PATCH, down, across, channels),
                (line, channels, PATCH * line, TILE * channels, 1),
            )
        )
        spectrum = self.spectrum[: patches.numel()].view(PATCH, PATCH, -1)
        columns = self.into.expand(PATCH, PATCH, PATCH)
        torch.bmm(columns, patches.view(PATCH, PATCH, -1), out=spectrum)  # (B^T d) B
        product = self.product[: PATCH * PATCH * count * self.spread.shape[2]]
        torch.bmm(
            spectrum.view(PATCH * PATCH, count, channels),
            self.spread,
            out=product.view(PATCH * PATCH, count, -1),
        )
        half = self.half[: product.numel() // PATCH * TILE].view(PATCH, TILE, -1)
        columns = self.back.expand(PATCH, TILE, PATCH)
        torch.bmm(columns, product.view(PATCH, PATCH, -1), out=half)
        tiles = self.tiles[: half.numel() // PATCH * TILE].view(TILE, -1)
        torch.mm(self.back, half.view(PATCH, -1), out=tiles)
        return tiles.view(TILE, TILE, down, across, -1)


class WinogradConvolution(nn.Module):
    """A 3 x 3 convolution (stride 1, zeros outside) with constant weights.

    Takes and returns ``(B, C, H, W)`` in any memory format; the result is channels-last.
    """

    spread: Tensor
    bias: Tensor

    def __init__(
        self, weight: Float[Tensor, "o i 3 3"], bias: Float[Tensor, " o"], transforms: Transforms
    ) -> None:
        super().__init__()
        self.transforms = transforms
        self.register_buffer("spread", transform_weights(weight))
        self.register_buffer("bias", bias.detach().clone())

    def forward(
        self, x: Float[Tensor, "b i h w"], rectify: bool = False, padded: bool = False
    ) -> Tensor:
        """Return the convolution of x plus the bias, rectified if asked.

        The result has the size of x; if x is already ``padded`` by one, its size before padding.
        """
        y = _Convolve.apply(x, self, rectify)
        return y[:, :, 1:-1, 1:-1] if padded else y
