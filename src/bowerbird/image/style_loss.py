"""The style loss: how far the statistics of an image are from those of the styles to reach.

The style loss of a layer with N channels and M positions is ``E = 1 / (4 N^2 M^2) sum (G - A)^2``
for Gram matrices G and A; or the distance of means and standard deviations; or the squared
Wasserstein-2 distance between Gaussians with the same moments.

Source: Gatys, Ecker, Bethge 2015, "A neural algorithm of artistic style" (arXiv:1508.06576),
equations 3 to 6. The Wasserstein-2 distance between Gaussians: Olkin and Pukelsheim 1982; for style
transfer first by K. Crowson, style-transfer-pytorch.

Departures: the formula for E is undefined where the two images have different numbers of positions;
here each Gram matrix is divided by its own number, which is the paper's formula when they agree.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.image.config import ObjectiveConfig
from bowerbird.image.statistics import Moments

# Added to both covariances, as a fraction of the sum of the style's variances: in directions in
# which an image does not vary at all, the root of the covariance has no finite slope. A thousandth
# of the largest variance is the least that float32 allows (tested on all five style layers).
VARIANCE_FLOOR = 5e-4
# And at least this fraction of the style's energy: an image of one color has almost no variance,
# and what float32 sums leave of it is rounding, of either sign (up to 5e-5, at relu1_1 in white).
ENERGY_FLOOR = 1e-4


@dataclass(frozen=True)
class StyleTarget:
    """A style to reach in a region of the image."""

    moments: Mapping[str, Moments]
    """Moments to reach at each style layer, per position (weight 1)."""
    mask: Float[Tensor, "h w"] | None = None
    """The region, 0 to 1, at the image's size; None is everywhere."""
    weight: float = 1.0
    """Weight of this style relative to the others."""


class StyleLoss:
    """The style loss of an image with one or several styles."""

    def __init__(
        self, config: ObjectiveConfig, styles: Sequence[StyleTarget], device: torch.device
    ) -> None:
        # Apple's GPU has no eigendecomposition: there the small matrices go to the CPU
        self.device = torch.device("cpu") if device.type == "mps" else device
        self.config, self.weight = config, config.effective_weights[1]
        self.styles = [
            replace(style, moments={n: m.to(self.device) for n, m in style.moments.items()})
            for style in styles
        ]
        roots = config.style_loss == "wasserstein"
        self.roots = [
            {n: target_root(m) for n, m in s.moments.items()} if roots else {} for s in self.styles
        ]

    def gradients(self, current: Sequence[Mapping[str, Moments]]) -> tuple[float, list[Tensor]]:
        """Return the weighted loss and its gradients with respect to the ``flat`` sums.

        ``current`` has the whole image's moments: for each style, those of its region by layer.
        """
        leaves = [
            {
                name: Moments(
                    m.weight, m.first.detach().requires_grad_(), m.second.detach().requires_grad_()
                )
                for name, m in ((name, m.to(self.device)) for name, m in region.items())
            }
            for region in current
        ]
        loss, inputs = self._loss(leaves), flat(leaves)
        gradients = torch.autograd.grad(loss, inputs, allow_unused=True)
        return float(loss.detach()), [
            (torch.zeros_like(t) if g is None else g).to(sums.device)
            for t, g, sums in zip(inputs, gradients, flat(current), strict=True)
        ]

    def _loss(self, current: Sequence[Mapping[str, Moments]]) -> Tensor:
        terms = []
        for style, roots, region in zip(self.styles, self.roots, current, strict=True):
            area = style.weight * (1.0 if style.mask is None else float(style.mask.mean()))
            for name, weight in self.config.layer_weights.items():
                if not float(region[name].weight) > 0:  # a region with no position at this layer
                    continue
                loss = self._layer_loss(region[name], style.moments[name], roots.get(name))
                terms.append(loss * (weight * area * self.weight))
        return torch.stack(terms).sum() if terms else torch.zeros((), requires_grad=True)

    def _layer_loss(self, current: Moments, target: Moments, root: Tensor | None) -> Tensor:
        """Return the loss of one layer, normalized as configured."""
        normalization, channels = self.config.normalization, len(target.first)
        if self.config.style_loss == "gram":
            loss = gram_loss(current, target)
            if normalization == "relative":
                return loss * 4 / target.gram.square().mean()
            return loss * 4 / channels**2 if normalization == "mean" else loss
        if root is not None:
            loss = wasserstein_loss(current, target, root)
        else:
            loss = mean_std_loss(current, target)
        return loss / target.energy if normalization == "relative" else loss / channels


def flat(regions: Sequence[Mapping[str, Moments]]) -> list[Tensor]:
    """Return the sums of all regions and layers in one list."""
    return [t for region in regions for m in region.values() for t in (m.first, m.second)]


def gram_loss(current: Moments, target: Moments) -> Float[Tensor, ""]:
    """Return E = 1 / (4 N^2) sum (G / M_G - A / M_A)^2, the paper's equation 4 if M_G = M_A."""
    return (current.gram - target.gram).square().mean() / 4


def mean_std_loss(current: Moments, target: Moments) -> Float[Tensor, ""]:
    """Return the squared distance of means and of standard deviations, channel by channel.

    Source: Li, Wang, Liu, Hou 2017, "Demystifying neural style transfer" (arXiv:1701.01036), 4.2.
    """
    floor = VARIANCE_FLOOR * target.energy / len(target.first)
    current_std = (current.covariance.diagonal().clamp(min=0) + floor).sqrt()
    target_std = (target.covariance.diagonal().clamp(min=0) + floor).sqrt()
    mean_loss = (current.mean - target.mean).square().sum()
    return mean_loss + (current_std - target_std).square().sum()


def wasserstein_loss(
    current: Moments, target: Moments, root: Float[Tensor, "n n"]
) -> Float[Tensor, ""]:
    """Return the squared Wasserstein-2 distance between the two Gaussians.

    ``|m - m'|^2 + tr(C + C' - 2 (C'^1/2 C C'^1/2)^1/2)``, both covariances with the same floor;
    ``root`` is C'^1/2, from ``target_root``.
    """
    covariance = add_floor(current.covariance, target)
    traces = covariance.diagonal().sum() + root.square().sum()
    common = _TraceOfRoot.apply(covariance, root)
    return (current.mean - target.mean).square().sum() + traces - 2 * common


def target_root(target: Moments) -> Float[Tensor, "n n"]:
    """Return the symmetric square root of a target's covariance, for ``wasserstein_loss``."""
    return symmetric_root(add_floor(target.covariance, target))


def add_floor(covariance: Float[Tensor, "n n"], target: Moments) -> Float[Tensor, "n n"]:
    """Return a covariance plus the same small variance in every direction."""
    variance = torch.maximum(
        VARIANCE_FLOOR * target.covariance.diagonal().sum(), ENERGY_FLOOR * target.energy
    )
    return covariance + variance * torch.eye(len(covariance), device=covariance.device)


def symmetric_root(matrix: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Return the symmetric square root of a positive semi-definite matrix."""
    values, vectors = _eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and eigenvectors, all NaN if the matrix has none that can be computed."""
    if bool(matrix.isfinite().all()):
        for dtype in (matrix.dtype, torch.float64):  # LAPACK sometimes fails to converge in float32
            with suppress(torch.linalg.LinAlgError):
                values, vectors = torch.linalg.eigh(matrix.to(dtype))
                return values.to(matrix), vectors.to(matrix)
    undefined = torch.full_like(matrix, math.nan)
    return undefined.diagonal(), undefined


class _TraceOfRoot(torch.autograd.Function):
    """tr (R B R)^1/2 for a constant symmetric R; gradient 1/2 R (R B R)^-1/2 R."""

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, root: Tensor) -> Tensor:
        product = root @ covariance @ root
        # NaN after a step that was too long: the optimizer sees it and takes a shorter one
        values, vectors = _eigh((product + product.T) / 2)
        values = values.clamp(min=float(values[-1].clamp(min=1e-30)) * 1e-7)  # above rounding error
        ctx.save_for_backward(values, vectors, root)
        return values.sqrt().sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        values, vectors, root = ctx.saved_tensors
        turned = root @ vectors
        return grad * 0.5 * (turned * values.rsqrt()) @ turned.T, None
