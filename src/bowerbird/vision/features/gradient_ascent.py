"""The gradient of an activation with respect to the pixels: in tiles, normalized by frequency.

The objective of a whole layer is its energy, ``E = 1/2 sum max(A, 0)^2``, which favors what is
already strong; that of chosen channels is ``S = sum max(A_c, A_c / 10)``. Both are sums over
positions. (A plain sum cannot be raised in a channel that responds to edges, because the other side
of each edge is as far below zero. A rectified one has no gradient where nothing responds yet.)

The gradient of a deep layer is mostly fine grain. It is split into a Laplacian pyramid (Burt and
Adelson 1983): ``L_i = G_i - up(G_{i+1})``, where ``G_0`` is the gradient, ``G_{i+1}`` is ``G_i`` at
half the size, and the last band is the remainder. Each band is divided by its root mean square, the
bands are summed, and the sum is divided by its mean magnitude, so that a step is a known change.

Source: Mordvintsev, Olah, Tyka 2015, "Inceptionism" and the notebook that TensorFlow published with
it (normalized gradients, jitter, tiles on a moving grid); Olah, Mordvintsev, Schubert 2017,
"Feature visualization" (distill.pub), on why gradients need their frequencies
balanced. Departure: 2 x 2 averages enlarged linearly, instead of a 5 x 5 kernel.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import stride
from bowerbird.vision.features.network import convolution_of

MIN_TILE = 32  # px; smaller tiles consist mostly of their border
LEAK = 0.1  # slope for negative activations of chosen channels
TINY = 1e-12  # avoids division by zero


@dataclass(frozen=True)
class Target:
    """What is maximized: channels of a layer, or the whole layer."""

    layer: str
    channels: tuple[int, ...] = ()
    """Indices of the channels; empty for the whole layer."""

    def score(self, network: VGG, picture: Float[Tensor, "1 3 h w"]) -> Tensor:
        """Return the objective, summed over positions, shape ()."""
        layer = convolution_of(self.layer) if self.channels else self.layer
        features = network(picture, [layer])[layer]
        if self.channels:
            chosen = features[:, list(self.channels)].float()
            return F.leaky_relu(chosen, LEAK).sum()
        return 0.5 * F.relu(features.float()).square().sum()


def activation_gradient(
    network: VGG,
    picture: Float[Tensor, "1 3 h w"],
    target: Target,
    tile: int,
    corner: tuple[int, int] = (0, 0),
) -> tuple[Float[Tensor, "1 3 h w"], float]:
    """Return the gradient with respect to the pixels, and the objective per pixel.

    A picture with a side over ``tile`` px is processed in independent tiles whose corners meet at
    ``corner`` (row, column).
    """
    gradient = torch.zeros_like(picture)
    min_size = max(MIN_TILE, stride(target.layer))
    total = 0.0
    for rows in spans(picture.shape[2], tile, corner[0], min_size):
        for columns in spans(picture.shape[3], tile, corner[1], min_size):
            crop = picture[..., rows, columns].detach().requires_grad_()
            score = target.score(network, crop)
            gradient[..., rows, columns] = torch.autograd.grad(score, crop)[0]
            total += float(score.detach())
    return gradient, total / (picture.shape[2] * picture.shape[3])


def spans(length: int, tile: int, cut: int, min_size: int) -> list[slice]:
    """Split a length of over ``tile`` px at ``cut`` and every ``tile`` px from there.

    A span under ``min_size`` px at either end is merged with its neighbor.
    """
    if length <= tile:
        return [slice(0, length)]
    cuts = [at for at in range(cut % tile, length, tile) if min_size <= at <= length - min_size]
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, length], strict=True)]


def normalize_bands(gradient: Float[Tensor, "b 3 h w"], bands: int) -> Float[Tensor, "b 3 h w"]:
    """Return a gradient with equally strong frequency bands and a mean magnitude of 1.

    ``gradient`` is overwritten.
    """
    merged = _normalized(gradient, bands)
    return merged.div_(merged.abs().mean() + TINY)


def _normalized(gradient: Tensor, bands: int) -> Tensor:
    """Return the sum of the bands, each divided by its root mean square."""
    height, width = gradient.shape[-2:]
    if bands == 1 or min(height, width) < 4:
        return gradient.div_(_rms(gradient))
    half = F.adaptive_avg_pool2d(gradient, (-(-height // 2), -(-width // 2)))
    gradient.sub_(_enlarged(half, height, width))
    gradient.div_(_rms(gradient))
    return gradient.add_(_enlarged(_normalized(half, bands - 1), height, width))


def _rms(x: Tensor) -> Tensor:
    """Return the root mean square without copying x."""
    return torch.linalg.vector_norm(x) / x.numel() ** 0.5 + TINY


def _enlarged(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)


def shift(picture: Float[Tensor, "1 3 h w"], offset: tuple[int, int]) -> Float[Tensor, "1 3 h2 w2"]:
    """Shift a picture down and right by this many px, with reflection at the border."""
    down, right = offset
    return F.pad(picture, (right, 0, down, 0), "reflect") if down or right else picture


def unshift(x: Float[Tensor, "1 3 h2 w2"], offset: tuple[int, int]) -> Float[Tensor, "1 3 h w"]:
    """Undo ``shift``."""
    return x[..., offset[0] :, offset[1] :]
