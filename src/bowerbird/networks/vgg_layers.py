"""The layers of VGG-16 and VGG-19 by name: their order, channels, strides and receptive fields.

Sixteen (or thirteen) 3 x 3 convolutions in five blocks, each followed by rectification, each block
by 2 x 2 pooling. ``conv3_1`` is the first convolution of block 3, ``relu3_1`` its rectified
output; ``pool3`` is the output of the block. This module doesn't import torch, so that settings
can check the names of layers.

Source: Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, columns D and E.
"""

from collections.abc import Iterable
from typing import Literal

Pooling = Literal["max", "average", "l2"]
PaddingMode = Literal["zeros", "replicate", "reflect", "circular"]

BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions per block
WIDTHS = (64, 128, 256, 512, 512)  # channels per block


def layer_names(network: Literal["vgg16", "vgg19"] = "vgg19") -> tuple[str, ...]:
    """Return every layer's name, in the order of computation."""
    names: list[str] = []
    for block, depth in enumerate(BLOCKS[network], start=1):
        for i in range(1, depth + 1):
            names += [f"conv{block}_{i}", f"relu{block}_{i}"]
        names.append(f"pool{block}")
    return tuple(names)


def stride(layer: str) -> int:
    """Return how many pixels of the picture, across, one position of a layer stands for."""
    block = int(layer[4])
    return 2 ** (block if layer.startswith("pool") else block - 1)


def num_channels(layer: str) -> int:
    """Return the number of channels of a layer."""
    return WIDTHS[int(layer[4]) - 1]


def receptive_radius(layer: str) -> int:
    """Return the radius, in px, of the receptive field of a position in a layer of VGG-19."""
    field = 1  # px across
    for name in layer_names("vgg19"):
        if name.startswith("conv"):
            field += 2 * stride(name)
        elif name.startswith("pool"):
            field += stride(name) // 2
        if name == layer:
            break
    return field // 2


def check_layers(layers: Iterable[str], names: tuple[str, ...] = layer_names()) -> None:
    """Raise ValueError, listing the valid layers, for a layer that is not among them."""
    for layer in layers:
        if layer not in names:
            raise ValueError(f"there is no layer {layer!r}; the layers are {', '.join(names)}")


def check_channels(layer: str, channels: Iterable[int]) -> None:
    """Raise ValueError for a layer, or for channels of it, that VGG-19 does not have."""
    check_layers([layer])
    for channel in channels:
        if not 0 <= channel < num_channels(layer):
            raise ValueError(
                f"{layer} has no channel {channel}; its channels are 0 to {num_channels(layer) - 1}"
            )
