"""Masks: which part of a picture, at the positions of each layer, belongs to which painting.

A position of a layer counts for a painting by the share of its own square of px (1 at relu1_1, 16 x
16 at relu5_1) that lies in the painting's region, so that each painting reaches its border.

Source: Gatys et al. 2016, "Controlling perceptual factors in neural style transfer"
(arXiv:1611.07865), section 4.

Departure: regions are not eroded. A position near a border sees across it, but the shallow layers,
which see a few px, hold each painting to its own side; eroded by the reach of relu5_1 (78 px), a
band along every border was no painting's (docs/decisions.md, with what was tried).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg_layers import stride

OUTSIDE = 0.02  # of a mask is black: compressed masks have a little noise there


def fitted(
    masks: Sequence[Float[Tensor, "h w"]], size: tuple[int, int]
) -> list[Float[Tensor, "h2 w2"]]:
    """Return masks, 0 to 1, at another (height, width); where they overlap they share."""
    smaller = [
        F.interpolate(mask[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
        for mask in masks
    ]
    crowd = torch.stack(smaller).sum(0).clamp(min=1)
    return [mask / crowd for mask in smaller]


def at_layer(mask: Float[Tensor, "h w"], layer: str) -> Float[Tensor, "h2 w2"]:
    """Return the weight, 0 to 1, of each position of a layer in the region of a mask."""
    step = stride(layer)
    return F.avg_pool2d(mask[None, None], step)[0, 0] if step > 1 else mask


def covered(masks: Sequence[Float[Tensor, "h w"]]) -> Float[Tensor, "h w"]:
    """Return how much of each pixel is any painting's, 0 to 1; the rest is the photograph's."""
    together = torch.stack(list(masks)).sum(0).clamp(max=1)
    return together * (together > OUTSIDE)
