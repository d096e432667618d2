"""Style statistics: the moments of a layer's features over all positions.

Style of a layer is what remains of its features F when positions are forgotten: the mean of the
feature vectors and the mean of their outer products. The Gram matrix ``G = F F^T`` is the second
moment times the number of positions. Moments are sums over positions, so an image can be processed
tile by tile, several style images blend, and a region is a weighting of positions.

Source: Gatys, Ecker, Bethge 2015, "A neural algorithm of artistic style" (arXiv:1508.06576),
equation 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Sums over positions: of weights, of features and of their outer products."""

    weight: Tensor
    """Sum of the weights of the positions, shape ()."""
    first: Tensor
    """Weighted sum of the feature vectors, shape (N,)."""
    second: Tensor
    """Weighted sum of their outer products, shape (N, N)."""

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.weight + other.weight, self.first + other.first, self.second + other.second
        )

    def scaled(self, factor: float | Tensor) -> "Moments":
        """Return the moments of the same positions with every weight multiplied."""
        return Moments(self.weight * factor, self.first * factor, self.second * factor)

    def to(self, device: torch.device) -> "Moments":
        """Return the same sums on another device."""
        return Moments(self.weight.to(device), self.first.to(device), self.second.to(device))

    @property
    def mean(self) -> Float[Tensor, " n"]:
        """The mean feature vector."""
        return self.first / self.weight

    @property
    def gram(self) -> Float[Tensor, "n n"]:
        """The second moment: the Gram matrix F F^T divided by the number of positions."""
        return self.second / self.weight

    @property
    def covariance(self) -> Float[Tensor, "n n"]:
        """The covariance of the feature vectors."""
        return self.gram - torch.outer(self.mean, self.mean)

    @property
    def energy(self) -> Tensor:
        """The mean squared length of a feature vector, shape ()."""
        return self.gram.diagonal().sum()


def add_moments(a: Mapping[str, Moments], b: Mapping[str, Moments]) -> dict[str, Moments]:
    """Return the sums of two sets of positions, by layer."""
    return {name: a[name] + b[name] for name in b}


def moments(
    features: Float[Tensor, "1 n h w"], weights: Float[Tensor, "h w"] | None = None
) -> Moments:
    """Return the sums over positions, in float32, with one weight per position (1 if None).

    Without weights the sum of weights is ``h * w``; features may be of any precision.
    """
    first, second = _Sums.apply(features, weights)
    if weights is None:
        count = torch.tensor(float(features.shape[2] * features.shape[3]), device=features.device)
    else:
        count = weights.to(features.dtype).sum(dtype=torch.float32)
    return Moments(count, first, second)


class _Sums(torch.autograd.Function):
    """Sums of weighted features and of their outer products, without intermediate tensors."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        x = features[0].permute(1, 2, 0).flatten(0, 1)  # (positions, N), no copy if channels-last
        w = None if weights is None else weights.flatten()[:, None].to(x.dtype)
        ctx.save_for_backward(features, w)
        weighted = x if w is None else x * w
        ones = x.new_ones(1, len(x))
        return _product(ones, weighted)[0], _product(x.T, weighted)

    @staticmethod
    def backward(ctx: Any, first: Tensor, second: Tensor) -> tuple[Tensor, None]:
        features, w = ctx.saved_tensors
        x = features[0].permute(1, 2, 0).flatten(0, 1)
        gradient = torch.addmm(first.to(x.dtype), x, (second + second.T).to(x.dtype))
        if w is not None:
            gradient *= w
        return gradient.unflatten(0, features.shape[2:]).permute(2, 0, 1)[None], None


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b in float32, whatever precision they are in.

    On a CPU a bfloat16 product is summed in float32 and rounded at the end; a second product, of
    the rounding error, brings the error down to 5e-6 of the largest entry in half the time of
    float32. A GPU may also round partial sums, so it computes in float32.
    """
    if a.dtype != torch.bfloat16 or a.device.type != "cpu":
        return a.float() @ b.float()
    rounded = a @ b
    return rounded.float() + torch.addmm(rounded, a, b, beta=-1)
