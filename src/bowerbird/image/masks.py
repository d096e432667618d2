"""Masks: which part of an image, at the positions of each layer, belongs to which style.

A position of a layer counts for a style by the fraction of its own square of pixels (1 px at
relu1_1, 16 x 16 px at relu5_1) that is in the style's region, so every style reaches its border.

Source: Gatys et al. 2016, "Controlling perceptual factors in neural style transfer"
(arXiv:1611.07865), section 4.

Departure: regions are not eroded. A position near a border depends on pixels across it, but the
shallow layers, with receptive fields of a few px, keep each style on its own side; eroded by the
receptive radius of relu5_1 (78 px), a band along every border had no style (docs/decisions.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg_layers import stride

BLACK = 0.02  # up to this a mask is black: compressed masks have a little noise there


def resize_masks(
    masks: Sequence[Float[Tensor, "h w"]], size: tuple[int, int]
) -> list[Float[Tensor, "h2 w2"]]:
    """Return masks, 0 to 1, at another (height, width), scaled to sum to at most 1 per pixel."""
    resized = [
        F.interpolate(mask[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
        for mask in masks
    ]
    total = torch.stack(resized).sum(0).clamp(min=1)
    return [mask / total for mask in resized]


def mask_at_layer(mask: Float[Tensor, "h w"], layer: str) -> Float[Tensor, "h2 w2"]:
    """Return the weight, 0 to 1, of each position of a layer in the region of a mask."""
    step = stride(layer)
    return F.avg_pool2d(mask[None, None], step)[0, 0] if step > 1 else mask


def coverage(masks: Sequence[Float[Tensor, "h w"]]) -> Float[Tensor, "h w"]:
    """Return how much of each pixel any style covers, 0 to 1; the rest is the content image's."""
    total = torch.stack(list(masks)).sum(0).clamp(max=1)
    return total * (total > BLACK)
