"""Pictures as tensors: colors, opacity, sizes.

Pictures are sRGB-encoded (IEC 61966-2-1), float32, in 0..1, and upright.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Picture:
    """A picture: sRGB-encoded colors and the opacity of each pixel."""

    rgb: Float[Tensor, "3 h w"]
    """float32 in 0..1; straight (not multiplied by alpha)."""
    alpha: Float[Tensor, "h w"] | None
    """0 (transparent) to 1 (opaque); None if it is opaque everywhere."""

    def over(self, background: float = 1.0) -> Float[Tensor, "3 h w"]:
        """Return the picture over a gray background, from 0 (black) to 1 (white)."""
        if self.alpha is None:
            return self.rgb
        return self.rgb * self.alpha + background * (1 - self.alpha)

    def fill_transparent(self) -> Float[Tensor, "3 h w"]:
        """Return the colors, with those of their surroundings in fully transparent pixels.

        So hidden colors have no effect on neighboring pixels. Raises ValueError for a picture that
        is transparent everywhere.
        """
        if self.alpha is None:
            return self.rgb
        if not float(self.alpha.max()) > 0:
            raise ValueError("it is transparent everywhere; use a picture with opaque pixels")
        return _fill(self.rgb, self.alpha)


def resize(rgb: Float[Tensor, "3 h w"], size: tuple[int, int]) -> Float[Tensor, "3 h2 w2"]:
    """Resample to ``size`` = (height, width): bicubic, anti-aliased when shrinking, in 0..1."""
    if tuple(rgb.shape[-2:]) == tuple(size):
        return rgb.clamp(0, 1)
    return F.interpolate(rgb[None], size=size, mode="bicubic", antialias=True)[0].clamp(0, 1)


def fit_long_side(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the (height, width), in px, of the same proportions whose long side is given."""
    if min(height, width, long_side) < 1:
        raise ValueError(
            f"sides must be at least 1 px, got {height} x {width} and a long side of {long_side}"
        )
    scale = long_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _fill(rgb: Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """Fill transparent pixels from the picture at half the size, filled in the same way."""
    if float(alpha.min()) > 0:
        return rgb
    stacked = torch.cat([rgb * alpha, alpha[None]])[None]
    half = F.avg_pool2d(stacked, 2, ceil_mode=True)[0]
    coarse = _fill(half[:3] / half[3].clamp(min=1e-12), half[3])
    size = (rgb.shape[1], rgb.shape[2])
    surroundings = F.interpolate(coarse[None], size, mode="bilinear", align_corners=False)[0]
    return torch.where(alpha > 0, rgb, surroundings)
