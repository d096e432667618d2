"""Masks: which part of a picture, at the positions of each layer, belongs to which painting.

A position near the border of a region sees across it, the deeper its layer the farther. It belongs
to neither side: regions are eroded by the reach of each layer, so that no painting pulls at the
pixels of its neighbour.

Source: Gatys et al. 2016, "Controlling perceptual factors in neural style transfer"
(arXiv:1611.07865), section 4.

Departure: where a region is so small that nothing would be left, it is eroded as far as a fifth of
it remains, and a little of its manner crosses the border.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg import reach, stride

LEFT = 0.2  # of a region's area that must be left after erosion


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
    small = F.avg_pool2d(mask[None, None], step) if step > 1 else mask[None, None]
    radius = -(-reach(layer) // step)
    while radius:
        inner = -F.max_pool2d(-small, 2 * radius + 1, 1, radius)
        if float(inner.sum()) >= LEFT * float(small.sum()):
            return inner[0, 0]
        radius //= 2
    return small[0, 0]
