"""VGG-19 for inspection: its layers, its channels, and the pictures it accepts.

The network is that of Simonyan and Zisserman 2014 (arXiv:1409.1556), as shipped with Bowerbird. The
first layer repeats the border of a picture instead of padding with zeros, which would show a frame.
A ``relu`` or ``pool`` layer has the channels of the convolution before it. To maximize a channel,
that convolution is used, because a closed rectifier has no gradient.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.device import Compute
from bowerbird.learning.pretrained_weights import open_vgg19
from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import layer_names, stride

SMALLEST = 16  # px a side


def open_network(weights: str, layer: str, compute: Compute) -> VGG:
    """Return VGG-19 up to a layer, ready to compute; raise DownloadError, or ValueError."""
    opened = open_vgg19(weights)
    network = VGG(
        opened.layers,
        opened.preprocessing,
        padding_mode="replicate",
        last=layer,
        winograd=compute.winograd,
    )
    network.convolutions.to(compute.dtype)
    return network.to(compute.device)


def deepest(layers: Iterable[str]) -> str:
    """Return the layer that is computed last."""
    return max(layers, key=layer_names().index)


def convolution_of(layer: str) -> str:
    """Return the convolution whose channels a layer has: conv3_1 of relu3_1, conv3_4 of pool3."""
    names = layer_names()
    at = names.index(layer)
    return next(name for name in reversed(names[: at + 1]) if name.startswith("conv"))


def check_picture(picture: Float[Tensor, "3 h w"], layer: str) -> None:
    """Raise ValueError for a picture that is none, or in which a layer has no position."""
    if picture.ndim != 3 or picture.shape[0] != 3:
        raise ValueError(f"a picture must have the shape (3, h, w), got {tuple(picture.shape)}")
    if not bool(torch.isfinite(picture).all()):
        raise ValueError("the picture has values that are not finite")
    height, width = picture.shape[1:]
    min_side = max(SMALLEST, stride(layer))
    if min(height, width) < min_side:
        raise ValueError(
            f"the network would get a picture of {width} x {height} px, and {layer} needs "
            f"{min_side} px a side; take a larger or wider picture, or another size"
        )
