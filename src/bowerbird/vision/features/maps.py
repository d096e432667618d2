"""Feature maps: how active each channel of a layer is at each place of a picture.

A channel's activation is the mean over positions of ``max(A_c, 0)``, its peak the largest, its
share ``sum max(A_c, 0)^2`` over that of all channels. A layer's heat is
``H = sqrt(sum_c max(A_c, 0)^2)``.

The heat of named channels is their sum of ``max(A_c, 0)``. That is Grad-CAM (Selvaraju et al. 2017,
arXiv:1610.02391, equations 1 and 2) for the target "these channels": the weight of channel k is the
mean gradient of the target with respect to A_k, 1 for the named channels and 0 for all others.
Departure: rectified before the sum, so that channels do not cancel each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg import VGG


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
