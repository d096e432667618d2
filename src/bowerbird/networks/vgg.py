"""VGG-16 and VGG-19 as a source of features by layer NAME, for pictures in [0, 1].

The names, order and sizes of the layers are in ``vgg_layers.py``.

Source: Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, columns D and E.

Departures: pooling can be the average (Gatys, Ecker, Bethge 2015 recommend it) or the root mean
square; padding can repeat the picture's edge instead of being zero; only the layers up to the last
requested one are computed; on a CPU without bfloat16 units the wide layers use Winograd's algorithm
(``winograd.py``).
"""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.networks.vgg_layers import PaddingMode, Pooling, check_layers, layer_names
from bowerbird.networks.winograd import Transforms, WinogradConvolution

Preprocessing = Literal["caffe", "torchvision"]

# Mean and standard deviation of each set of weights, for RGB in [0, 1].
# Caffe's means are 103.939, 116.779, 123.68 for blue, green, red in [0, 255]; it doesn't scale.
CAFFE = ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255))
TORCHVISION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
WINOGRAD_PRODUCT = 128 * 256  # product of channels from which Winograd is faster (measured)


class DirectConvolution(nn.Module):
    """A 3 x 3 convolution with constant weights, by torch's own kernel."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Float[Tensor, "o i 3 3"], bias: Float[Tensor, " o"]) -> None:
        super().__init__()
        weight = weight.detach().contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias.detach().clone())

    def forward(
        self, x: Float[Tensor, "b i h w"], rectify: bool = False, padded: bool = False
    ) -> Tensor:
        """Return the convolution of x plus the bias, rectified if asked.

        The result has the size of x; if x is already ``padded`` by one, its size before padding.
        """
        y = F.conv2d(x, self.weight, self.bias, padding=0 if padded else 1)
        return F.relu_(y) if rectify else y


class VGG(nn.Module):
    """The convolutional part of VGG-16 or VGG-19 with constant weights.

    ``weights`` maps ``conv1_1`` ... to (weight ``(O, I, 3, 3)``, bias ``(O,)``), ``preprocessing``
    is that of their training. Layers after ``last`` are left out.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        weights: Mapping[str, tuple[Tensor, Tensor]],
        preprocessing: Preprocessing = "caffe",
        *,
        pooling: Pooling = "max",
        padding_mode: PaddingMode = "zeros",
        last: str = "relu5_4",
        winograd: bool = False,
    ) -> None:
        super().__init__()
        self.network: Literal["vgg16", "vgg19"] = "vgg19" if "conv3_4" in weights else "vgg16"
        check_layers([last], self.names())
        if pooling not in get_args(Pooling):
            raise ValueError(
                f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling!r}"
            )
        if padding_mode not in get_args(PaddingMode):
            raise ValueError(
                f"padding_mode must be one of {', '.join(get_args(PaddingMode))}, "
                f"got {padding_mode!r}"
            )
        self.pooling, self.last = pooling, last
        self.padding_mode: PaddingMode = padding_mode
        mean, std = CAFFE if preprocessing == "caffe" else TORCHVISION
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        transforms = Transforms()
        self.convolutions = nn.ModuleDict()
        for name in self._included():
            if not name.startswith("conv"):
                continue
            weight, bias = weights[name]
            if name == "conv1_1" and preprocessing == "caffe":
                weight = weight.flip(1)  # trained on blue, green, red
            wide = weight.shape[0] * weight.shape[1] >= WINOGRAD_PRODUCT
            self.convolutions[name] = (
                WinogradConvolution(weight, bias, transforms)
                if winograd and wide
                else DirectConvolution(weight, bias)
            )

    def names(self) -> tuple[str, ...]:
        """Return the names of all layers of this network, also those after ``last``."""
        return layer_names(self.network)

    def _included(self) -> tuple[str, ...]:
        names = self.names()
        name = self.last.replace("relu", "conv")
        return names[: names.index(name) + (2 if name != self.last else 1)]

    def forward(
        self,
        pictures: Float[Tensor, "b 3 h w"],
        layers: Iterable[str],
        padding_mode: PaddingMode | None = None,
    ) -> dict[str, Float[Tensor, "b c h2 w2"]]:
        """Return the features of pictures (RGB in [0, 1]) at each of the layers, by name.

        A layer of stride s has ``h2 = h // s``; ``padding_mode`` overrides the network's.
        Raises ValueError for a layer that doesn't exist or was left out.
        """
        padding_mode = padding_mode or self.padding_mode
        wanted = set(layers)
        check_layers(wanted, self._included())
        features: dict[str, Tensor] = {}
        x = (pictures - self.mean) / self.std
        x = x.to(self.dtype, memory_format=torch.channels_last)
        for name in self._included():
            if len(features) == len(wanted):
                break
            if name.startswith("conv"):
                # the relu after a conv that isn't wanted itself can be computed in place
                rectify = name not in wanted
                x = self._convolve(x, name, rectify, padding_mode)
            elif name.startswith("relu"):
                x = x if name.replace("relu", "conv") not in wanted else F.relu(x)
            else:
                x = self._pool(x)
            if name in wanted:
                features[name] = x
        return features

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights and so of the features."""
        return next(m for m in self.convolutions.values()).bias.dtype  # type: ignore[return-value]

    def _convolve(self, x: Tensor, name: str, rectify: bool, padding_mode: PaddingMode) -> Tensor:
        convolution = self.convolutions[name]
        if padding_mode == "zeros" or (padding_mode != "circular" and name != "conv1_1"):
            return convolution(x, rectify)
        single = min(x.shape[2:]) == 1  # a single row can't be reflected
        mode = "replicate" if single else padding_mode
        return convolution(F.pad(x, (1, 1, 1, 1), mode), rectify, padded=True)

    def _pool(self, x: Tensor) -> Tensor:
        if self.pooling == "max":
            return F.max_pool2d(x, 2)
        if self.pooling == "average":
            return F.avg_pool2d(x, 2)
        # a small constant keeps the gradient of the root finite where all four are zero
        return (F.avg_pool2d(x * x, 2) + 1e-12).sqrt()
