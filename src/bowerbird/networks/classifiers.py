"""AlexNet, VGG-16 and VGG-19 with their heads, by torchvision's names of their tensors.

Convolutions, then three linear layers over 6 x 6 (AlexNet) or 7 x 7 (VGG) positions.

Source: Krizhevsky 2014, arXiv:1404.5997 (the one-column AlexNet, five convolutions of 64, 192,
384, 256, 256 channels); Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, columns D and E.

Departures: pictures may have any size, as the last features are averaged to 6 x 6 or 7 x 7 (as in
torchvision); dropout is left out, as the weights are constant; layers may have any width, which is
taken from the tensors.
"""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.networks.vgg_layers import BLOCKS

Name = Literal["alexnet", "vgg16", "vgg19"]
# stride and padding of AlexNet's convolutions, and whether a 3 x 3 pooling of stride 2 follows
ALEXNET = ((4, 2, True), (1, 2, True), (1, 1, False), (1, 1, False), (1, 1, True))
HEADS = {"alexnet": (6, (1, 4, 6)), "vgg16": (7, (0, 3, 6)), "vgg19": (7, (0, 3, 6))}


class HeadedNetwork(nn.Module):
    """Convolutions with pooling between them, and three linear layers; constant weights.

    ``state`` has ``features.N.weight`` and ``classifier.N.weight`` with their biases. Raises
    KeyError for a missing tensor and ValueError for shapes that don't fit.
    """

    def __init__(self, network: Name, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        layers = _alexnet(state) if network == "alexnet" else _vgg(network, state)
        self.layers = nn.Sequential(*layers)
        self.side, numbers = HEADS[network]
        self.head_layers = nn.ModuleList(_linear(state, number) for number in numbers)
        outputs = [m for m in layers if isinstance(m, nn.Conv2d)][-1].out_channels
        first = self.head_layers[0]
        if first.in_features != outputs * self.side**2:
            raise ValueError(
                f"its head has {first.in_features} inputs, but the features are "
                f"{outputs} x {self.side} x {self.side}"
            )

    def features(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Return the features after the last pooling; pictures are preprocessed, at least 63 px."""
        dtype = next(self.parameters()).dtype
        return self.layers(x.to(dtype, memory_format=torch.channels_last))

    def head(self, features: Float[Tensor, "b c h2 w2"]) -> Float[Tensor, "b classes"]:
        """Return the logits of the classes from the last features."""
        x = F.adaptive_avg_pool2d(features, self.side).flatten(1)
        for layer in self.head_layers[:-1]:
            x = F.relu(layer(x))
        return self.head_layers[-1](x)

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b classes"]:
        """Return the logits of the classes for preprocessed pictures."""
        return self.head(self.features(x))


def _vgg(network: Name, state: Mapping[str, Tensor]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for depth in BLOCKS[network]:
        for _ in range(depth):
            layers += [_convolution(state, len(layers), 1, 1), nn.ReLU(inplace=True)]
        layers.append(nn.MaxPool2d(2))
    return layers


def _alexnet(state: Mapping[str, Tensor]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for stride, padding, pooled in ALEXNET:
        layers += [_convolution(state, len(layers), stride, padding), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(3, 2)] if pooled else []
    return layers


def _convolution(state: Mapping[str, Tensor], number: int, stride: int, padding: int) -> nn.Conv2d:
    """Return a convolution with these constant weights."""
    weight, bias = state[f"features.{number}.weight"], state[f"features.{number}.bias"]
    outputs, inputs, side, _ = weight.shape
    layer = nn.Conv2d(inputs, outputs, side, stride, padding, device="meta")
    layer.weight = nn.Parameter(
        weight.contiguous(memory_format=torch.channels_last), requires_grad=False
    )
    layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer


def _linear(state: Mapping[str, Tensor], number: int) -> nn.Linear:
    """Return a linear layer with these constant weights."""
    weight = state[f"classifier.{number}.weight"]
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.bias = nn.Parameter(state[f"classifier.{number}.bias"], requires_grad=False)
    return layer
