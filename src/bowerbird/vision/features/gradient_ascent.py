"""The slope of an activation over the pixels of a picture: taken in tiles, made even over scales.

A whole layer's activation is its energy, ``E = 1/2 sum max(A, 0)^2``, which lets what is strong
grow stronger; that of chosen channels is ``S = sum max(A_c, A_c / 10)``. Both are sums over
positions. (A plain sum can't be raised in a channel that answers to edges: the other side of each
edge is as far below zero. A rectified one has no slope where nothing answers yet.)

The slope of a deep layer is mostly fine grain. It is split into a Laplacian pyramid (Burt and
Adelson 1983): ``L_i = G_i - up(G_{i+1})``, where ``G_0`` is the slope, ``G_{i+1}`` its half size
and the last band what is left; each band is divided by its root mean square, all are added again,
and the sum is divided by its mean magnitude, so that a step is a known change of a pixel.

Source: Mordvintsev, Olah, Tyka 2015, "Inceptionism" and the notebook that TensorFlow published with
it (normalised slopes, jitter, tiles under a grid that moves); Olah, Mordvintsev, Schubert 2017,
"Feature visualization" (distill.pub), on why slopes need their frequencies evened.
Departures: halves are means of 2 x 2 px enlarged linearly, instead of a kernel of 5 x 5.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import stride
from bowerbird.vision.features.network import convolution_of

NARROWEST = 32  # px; a narrower tile would see little but its own border
LEAK = 0.1  # share of what is below zero in the score of a channel
TINY = 1e-12  # a slope that is zero everywhere stays zero


@dataclass(frozen=True)
class Target:
    """What is to be raised: channels of a layer, or all of it."""

    layer: str
    channels: tuple[int, ...] = ()
    """Numbers of the channels; none is the whole layer."""

    def score(self, network: VGG, picture: Float[Tensor, "1 3 h w"]) -> Tensor:
        """Return the sum over positions of the activation, shape ()."""
        layer = convolution_of(self.layer) if self.channels else self.layer
        features = network(picture, [layer])[layer]
        if self.channels:
            chosen = features[:, list(self.channels)].float()
            return F.leaky_relu(chosen, LEAK).sum()
        return 0.5 * F.relu(features.float()).square().sum()


def slope(
    network: VGG,
    picture: Float[Tensor, "1 3 h w"],
    target: Target,
    tile: int,
    corner: tuple[int, int] = (0, 0),
) -> tuple[Float[Tensor, "1 3 h w"], float]:
    """Return the gradient of the target over the pixels, and the target, a mean over the pixels.

    A picture with a side over ``tile`` px is seen in tiles, each alone, whose corners meet at
    ``corner`` (row, column).
    """
    gradient = torch.zeros_like(picture)
    least = max(NARROWEST, stride(target.layer))
    total = 0.0
    for rows in spans(picture.shape[2], tile, corner[0], least):
        for columns in spans(picture.shape[3], tile, corner[1], least):
            piece = picture[..., rows, columns].detach().requires_grad_()
            score = target.score(network, piece)
            gradient[..., rows, columns] = torch.autograd.grad(score, piece)[0]
            total += float(score.detach())
    return gradient, total / (picture.shape[2] * picture.shape[3])


def spans(length: int, tile: int, cut: int, least: int) -> list[slice]:
    """Cut a length that is over ``tile`` px at ``cut`` and every ``tile`` px from there.

    A piece under ``least`` px at either end stays with its neighbour.
    """
    if length <= tile:
        return [slice(0, length)]
    cuts = [at for at in range(cut % tile, length, tile) if least <= at <= length - least]
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, length], strict=True)]


def even(gradient: Float[Tensor, "b 3 h w"], bands: int) -> Float[Tensor, "b 3 h w"]:
    """Return a slope whose bands of frequency are equally strong and whose mean magnitude is 1.

    The memory of ``gradient`` is used for it.
    """
    merged = _even(gradient, bands)
    return merged.div_(merged.abs().mean() + TINY)


def _even(gradient: Tensor, bands: int) -> Tensor:
    """Return the bands, each over its root mean square, added up."""
    height, width = gradient.shape[-2:]
    if bands == 1 or min(height, width) < 4:
        return gradient.div_(_size(gradient))
    half = F.adaptive_avg_pool2d(gradient, (-(-height // 2), -(-width // 2)))
    gradient.sub_(_enlarged(half, height, width))
    gradient.div_(_size(gradient))
    return gradient.add_(_enlarged(_even(half, bands - 1), height, width))


def _size(x: Tensor) -> Tensor:
    """Return the root mean square, without a copy of x."""
    return torch.linalg.vector_norm(x) / x.numel() ** 0.5 + TINY


def _enlarged(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)


def pushed(picture: Float[Tensor, "1 3 h w"], push: tuple[int, int]) -> Float[Tensor, "1 3 h2 w2"]:
    """Push a picture down and right by so many px; what comes in is its mirror image."""
    down, right = push
    return F.pad(picture, (right, 0, down, 0), "reflect") if down or right else picture


def pulled(x: Float[Tensor, "1 3 h2 w2"], push: tuple[int, int]) -> Float[Tensor, "1 3 h w"]:
    """Undo ``pushed``."""
    return x[..., push[0] :, push[1] :]
