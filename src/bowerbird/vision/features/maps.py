"""Feature maps: how active each channel of a layer is at each place of a picture.

A channel's activation is the mean over positions of ``max(A_c, 0)``, its peak the largest, its
share ``sum max(A_c, 0)^2`` over that of all channels. A layer's heat is
``H = sqrt(sum_c max(A_c, 0)^2)``.

The heat of named channels is their sum of ``max(A_c, 0)``. That is Grad-CAM (Selvaraju et al. 2017,
arXiv:1610.02391, equations 1 and 2) for the target "these channels": the weight of channel k is the
mean gradient of the target with respect to A_k, 1 for the named channels and 0 for all others.
Departure: rectified before the sum, so that channels do not cancel each other.

A filter of conv1_1 is 3 x 3 weights for red, green and blue, so it is a picture itself:
``0.5 + w / (2 max |w|)``, gray where a weight is zero, each filter by its own largest weight.
Krizhevsky, Sutskever, Hinton 2012 (figure 3) show theirs of 11 x 11 so. Deeper kernels have as many
inputs as the layer before has channels (64 to 512): they are not pictures, and
``activation_maximization.py`` shows what activates them instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg import VGG, DirectConvolution
from bowerbird.vision.config import FIRST_LAYER


@dataclass(frozen=True)
class Channel:
    """How active one channel is on a picture."""

    channel: int
    activation: float
    """Mean over positions of the rectified activation."""
    peak: float
    """The largest."""
    share: float
    """Of the layer's energy, 0..1."""


def feature_maps(
    picture: Float[Tensor, "3 h w"], network: VGG, layers: Iterable[str]
) -> dict[str, Float[Tensor, "c h2 w2"]]:
    """Return the rectified features of a picture at each layer, float32 on the processor."""
    with torch.inference_mode():
        found = network(picture[None].to(network.mean.device), layers)
        return {layer: F.relu(maps[0].float()).cpu() for layer, maps in found.items()}


def rank(maps: Float[Tensor, "c h w"]) -> list[Channel]:
    """Return the channels of a layer's rectified features, the most active first."""
    energy = maps.double().square().sum((1, 2))
    shares = energy / energy.sum().clamp(min=1e-300)
    means, peaks = maps.double().mean((1, 2)), maps.amax((1, 2))
    order = torch.argsort(means, descending=True, stable=True).tolist()
    return [Channel(c, float(means[c]), float(peaks[c]), float(shares[c])) for c in order]


def activation_heatmap(
    maps: Float[Tensor, "c h w"], channels: tuple[int, ...] = ()
) -> Float[Tensor, "h w"]:
    """Return where a layer, or the named channels of it, are active: 0 and more."""
    if channels:
        return maps[list(channels)].sum(0)
    return maps.square().sum(0).sqrt()


def filters(network: VGG) -> Float[Tensor, "64 3 3 3"]:
    """Return the filters of conv1_1 as (filter, RGB, row, column) in [0, 1]."""
    convolution = network.convolutions[FIRST_LAYER]
    assert isinstance(convolution, DirectConvolution)
    weight = convolution.weight.float().cpu()
    return 0.5 + weight / (2 * weight.abs().amax((1, 2, 3), keepdim=True))
