"""Digits as other hands might have written them: elastic and affine distortions, other pens.

Elastic (P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
applied to visual document analysis", ICDAR 2003, section 2): every px is fetched from a place that
is off by (dx, dy), two fields of even random numbers in -1..1, smoothed by a Gaussian of sigma px
and multiplied by alpha. Affine: turned, scaled along both axes, sheared and moved by even random
numbers. Pens: some digits are made thicker or thinner, by a share of a dilation or erosion by
3 x 3 px, or lighter.

Departures: the field reaches beyond the picture, so that borders are as wild as the middle.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class DistortionConfig:
    """How far digits are distorted."""

    alpha: float = 34.0
    """Strength of elastic distortions, px (Simard et al. 2003: 34)."""
    sigma: float = 4.0
    """Smoothness of elastic distortions, px (Simard et al. 2003: 4)."""
    turn: float = 12.0
    """Largest turn, degrees."""
    scale: float = 0.15
    """Largest change of height and of width, as a share."""
    shear: float = 0.2
    """Largest shear, px a px."""
    shift: float = 1.5
    """Largest move along each axis, px."""
    pen: float = 0.3
    """Share of digits that get another pen."""

    def __post_init__(self) -> None:
        for name in ("alpha", "turn", "shear", "shift"):
            if not 0 <= getattr(self, name) < 1000:
                raise ValueError(f"{name} is not below 0 (and below 1000)")
        if not 0.1 <= self.sigma <= 100:
            raise ValueError(f"sigma lies between 0.1 and 100 px, not at {self.sigma}")
        if not 0 <= self.scale < 1 or not 0 <= self.pen <= 1:
            raise ValueError("scale is in 0..1 without 1, and pen in 0..1")


def distort(
    ink: Float[Tensor, "b 1 s s"], config: DistortionConfig, random: torch.Generator | None = None
) -> Float[Tensor, "b 1 s s"]:
    """Return each picture distorted in a way of its own; ink is 0..1, and 0 beyond the border."""
    side = ink.shape[-1]
    grid = _affine(len(ink), side, config, random)
    if config.alpha:
        grid = grid + elastic(len(ink), side, config, random) * (2 / side)
    moved = F.grid_sample(ink, grid.to(ink), "bilinear", "zeros", align_corners=False)
    return _penned(moved, config.pen, random) if config.pen else moved


def elastic(
    count: int, side: int, config: DistortionConfig, random: torch.Generator | None = None
) -> Float[Tensor, "count side side 2"]:
    """Return fields of (dx, dy), px."""
    reach = round(3 * config.sigma)
    whole = side + 2 * reach
    away = torch.arange(whole)[None] - reach - torch.arange(side)[:, None]
    gauss = torch.exp(-(away.float() ** 2) / (2 * config.sigma**2))
    gauss = gauss / gauss.sum(1, keepdim=True)
    noise = torch.rand((count, 2, whole, whole), generator=random) * 2 - 1
    return (config.alpha * (gauss @ noise @ gauss.T)).permute(0, 2, 3, 1)


def _even(count: int, most: float, random: torch.Generator | None) -> Tensor:
    return (torch.rand(count, generator=random) * 2 - 1) * most


def _affine(
    count: int, side: int, config: DistortionConfig, random: torch.Generator | None
) -> Tensor:
    """Return the places that each px comes from, (count, side, side, 2) in -1..1."""
    angle = _even(count, config.turn, random).deg2rad()
    wide, high = (1 + _even(count, config.scale, random) for _ in range(2))
    shear = _even(count, config.shear, random)
    x, y = (_even(count, config.shift * 2 / side, random) for _ in range(2))
    cos, sin = angle.cos(), angle.sin()
    rows = [
        torch.stack([cos / wide, (shear * cos - sin) / wide, x], 1),
        torch.stack([sin / high, (shear * sin + cos) / high, y], 1),
    ]
    return F.affine_grid(torch.stack(rows, 1), [count, 1, side, side], align_corners=False)


def _penned(ink: Tensor, share: float, random: torch.Generator | None) -> Tensor:
    """Return the pictures, some of them thicker, thinner or lighter."""
    kind, how = torch.rand((2, len(ink), 1, 1, 1), generator=random).to(ink.device)
    thick = kind < share / 2
    some = torch.where(thick[:, 0, 0, 0])[0]
    ink = ink.index_add(0, some, how[some] * (F.max_pool2d(ink[some], 3, 1, 1) - ink[some]))
    thin = (kind >= share / 2) & (kind < share)
    some = torch.where(thin[:, 0, 0, 0])[0]
    eroded = -F.max_pool2d(-ink[some], (1, 2), 1, (0, 1))[..., :-1]
    thinner = ink[some] + 0.8 * how[some] * (eroded - ink[some])
    return ink.index_copy(0, some, thinner)
