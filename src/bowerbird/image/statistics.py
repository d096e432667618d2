"""What a network sees in a picture: content, and style as statistics over positions.

Content of a layer is its features F themselves; ``L_content = 1/2 sum (F - P)^2``.
Style of a layer is what is left of F when positions are forgotten: the moments, that is the mean
of the feature vectors and the mean of their outer products. The Gram matrix is ``G = F F^T``, the
second moment times the number of positions M; a layer's style loss is
``E = 1 / (4 N^2 M^2) sum (G - A)^2`` for N channels.

Source: Gatys, Ecker, Bethge 2015, "A neural algorithm of artistic style" (arXiv:1508.06576),
equations 1 to 7. The Wasserstein-2 distance between Gaussians with these moments: Olkin and
Pukelsheim 1982; for style transfer first by K. Crowson, style-transfer-pytorch.

Departures: where style picture and made picture have different numbers of positions the formula
has no meaning; each Gram matrix is divided by its own number of positions, which is the paper's
formula when they agree. Moments add over positions, so a picture may be seen tile by tile, several
paintings blend, and a region is a weighting of positions.
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

# Added to both covariances, as a fraction of the sum of the style's variances: in directions in
# which a picture does not vary at all, the root of the covariance has no finite slope. A thousandth
# of the largest variance is the least that float32 bears (measured on all five style layers).
FLOOR = 5e-4
# As much of the style's energy at least: a painting of one color has next to no variance, and what
# float32 sums leave of it is rounding, of either sign (measured up to 5e-5, at relu1_1 in white).
ROUNDING = 1e-4


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
        """The second moment, F F^T / M."""
        return self.second / self.weight

    @property
    def covariance(self) -> Float[Tensor, "n n"]:
        """The covariance of the feature vectors."""
        return self.gram - torch.outer(self.mean, self.mean)

    @property
    def energy(self) -> Tensor:
        """The mean squared length of a feature vector, shape ()."""
        return self.gram.diagonal().sum()


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b in float32, whatever precision they are in.

    A bfloat16 product is summed in float32 and rounded at the end. A processor's second product,
    of what the rounding took away, brings the error down to 5e-6 of the largest entry, in half the
    time that float32 takes. A GPU may also round partial sums, so there they are float32's.
    """
    if a.dtype != torch.bfloat16 or a.device.type != "cpu":
        return a.float() @ b.float()
    rounded = a @ b
    return rounded.float() + torch.addmm(rounded, a, b, beta=-1)


class _Sums(torch.autograd.Function):
    """Sums of weighted features and outer products; one product back, no intermediate tensor."""

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
        slope = torch.addmm(first.to(x.dtype), x, (second + second.T).to(x.dtype))
        if w is not None:
            slope *= w
        return slope.unflatten(0, features.shape[2:]).permute(2, 0, 1)[None], None


def moments(
    features: Float[Tensor, "1 n h w"], weights: Float[Tensor, "h w"] | None = None
) -> Moments:
    """Return the sums over positions, in float32, with a weight a position (1 if None).

    Without weights the sum of weights is ``h * w``; features may be of any precision.
    """
    first, second = _Sums.apply(features, weights)
    if weights is None:
        count = torch.tensor(float(features.shape[2] * features.shape[3]), device=features.device)
    else:
        count = weights.to(features.dtype).sum(dtype=torch.float32)
    return Moments(count, first, second)


def content_loss(
    features: Float[Tensor, "1 n h w"], target: Float[Tensor, "1 n h w"]
) -> Float[Tensor, ""]:
    """Return 1/2 sum (F - P)^2 (equation 1 of the paper), in float32."""
    return 0.5 * (features.float() - target.float()).square().sum()


def gram_loss(made: Moments, target: Moments) -> Float[Tensor, ""]:
    """Return E = 1 / (4 N^2) sum (G / M_G - A / M_A)^2, the paper's equation 4 if M_G = M_A."""
    return (made.gram - target.gram).square().mean() / 4


def mean_deviation_loss(made: Moments, target: Moments) -> Float[Tensor, ""]:
    """Return the squared distance of means and of standard deviations, channel by channel.

    Source: Li, Wang, Liu, Hou 2017, "Demystifying neural style transfer" (arXiv:1701.01036), 4.2.
    """
    tiny = FLOOR * target.energy / len(target.first)
    deviation = (made.covariance.diagonal().clamp(min=0) + tiny).sqrt()
    wanted = (target.covariance.diagonal().clamp(min=0) + tiny).sqrt()
    return (made.mean - target.mean).square().sum() + (deviation - wanted).square().sum()


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and eigenvectors, all NaN for a matrix of which nobody can tell them."""
    if bool(matrix.isfinite().all()):
        for dtype in (matrix.dtype, torch.float64):  # LAPACK's fast way gives up now and then
            with suppress(torch.linalg.LinAlgError):
                values, vectors = torch.linalg.eigh(matrix.to(dtype))
                return values.to(matrix), vectors.to(matrix)
    nothing = torch.full_like(matrix, math.nan)
    return nothing.diagonal(), nothing


def symmetric_root(matrix: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Return the symmetric square root of a positive semi-definite matrix."""
    values, vectors = _eigen(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


class _CommonSpread(torch.autograd.Function):
    """tr (R B R)^1/2 for a constant symmetric R; gradient 1/2 R (R B R)^-1/2 R."""

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, root: Tensor) -> Tensor:
        product = root @ covariance @ root
        # not a number after too long a step: let the descent see it, and go back
        values, vectors = _eigen((product + product.T) / 2)
        values = values.clamp(min=float(values[-1].clamp(min=1e-30)) * 1e-7)  # rounding's reach
        ctx.save_for_backward(values, vectors, root)
        return values.sqrt().sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        values, vectors, root = ctx.saved_tensors
        turned = root @ vectors
        return grad * 0.5 * (turned * values.rsqrt()) @ turned.T, None


def raised(covariance: Float[Tensor, "n n"], target: Moments) -> Float[Tensor, "n n"]:
    """Return a covariance plus the same small variance in every direction."""
    variance = torch.maximum(FLOOR * target.covariance.diagonal().sum(), ROUNDING * target.energy)
    return covariance + variance * torch.eye(len(covariance), device=covariance.device)


def wasserstein_loss(
    made: Moments, target: Moments, root: Float[Tensor, "n n"]
) -> Float[Tensor, ""]:
    """Return the squared Wasserstein-2 distance between the two Gaussians.

    ``|m - m'|^2 + tr(C + C' - 2 (C'^1/2 C C'^1/2)^1/2)``, both covariances ``raised``; ``root``
    is C'^1/2, ``symmetric_root(raised(target.covariance, target))``.
    """
    covariance = raised(made.covariance, target)
    spread = covariance.diagonal().sum() + root.square().sum()
    common = _CommonSpread.apply(covariance, root)
    return (made.mean - target.mean).square().sum() + spread - 2 * common


def total_variation(
    pictures: Float[Tensor, "b 3 h w"],
    power: int = 2,
    weights: Float[Tensor, "h w"] | None = None,
    circular: bool = False,
) -> Float[Tensor, ""]:
    """Return the mean of |difference|^power between neighbours, summed over both directions.

    In units of the picture ([0, 1]); a picture of one row or column has no neighbours there, unless
    it is ``circular`` and meets itself at its edges. ``weights``, 0 to 1, say how much each pixel
    counts; two neighbours count as much as the lesser one.
    """
    means = []
    for axis in (-1, -2):
        first, second = _neighbours(pictures, axis, circular)
        if not first.numel():
            continue
        apart = second - first
        terms = apart.square() if power == 2 else apart.abs().pow(power)  # abs would keep a copy
        if weights is not None:
            there = _neighbours(weights, axis, circular)
            terms = terms * torch.minimum(*there).to(terms)
        means.append(terms.mean())
    return torch.stack(means).sum() if means else pictures.sum() * 0


def _neighbours(tensor: Tensor, axis: int, circular: bool) -> tuple[Tensor, Tensor]:
    """Return what has a neighbour along an axis, and these neighbours."""
    if circular:
        return tensor, tensor.roll(-1, axis)
    count = tensor.shape[axis] - 1
    return tensor.narrow(axis, 0, count), tensor.narrow(axis, 1, count)


def out_of_range(pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Return the mean square of what lies below 0 or above 1 and will be cut off on saving."""
    return (pictures - pictures.clamp(0, 1)).square().mean()
