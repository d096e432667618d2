"""Pictures as tensors: their colors, how opaque they are, and their sizes.

Every picture inside Bowerbird is sRGB as encoded (IEC 61966-2-1), float32, 0..1, upright.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Picture:
    """A picture: sRGB-encoded colours and how opaque each pixel is."""

    rgb: Float[Tensor, "3 h w"]  # float32, 0..1; straight (not multiplied by alpha)
    alpha: Float[Tensor, "h w"] | None  # 0 = transparent .. 1 = opaque; None = opaque everywhere

    def over(self, background: float = 1.0) -> Float[Tensor, "3 h w"]:
        """Lay the picture over a gray of 0 = black .. 1 = white and return (3, h, w) in 0..1."""
        if self.alpha is None:
            return self.rgb
        return self.rgb * self.alpha + background * (1 - self.alpha)

    def filled(self) -> Float[Tensor, "3 h w"]:
        """Return the colours, and where nothing is seen of them those of the surroundings.

        So nothing that lies under a transparent pixel reaches its neighbours. Raises ValueError
        for a picture of which nothing at all is seen.
        """
        if self.alpha is None:
            return self.rgb
        if not float(self.alpha.max()) > 0:
            raise ValueError("it is transparent everywhere; take a picture that can be seen")
        return _filled(self.rgb, self.alpha)


def resize(rgb: Float[Tensor, "3 h w"], size: tuple[int, int]) -> Float[Tensor, "3 h2 w2"]:
    """Resample to `size` = (height, width): bicubic, anti-aliased when shrinking, within 0..1."""
    if tuple(rgb.shape[-2:]) == tuple(size):
        return rgb.clamp(0, 1)
    return F.interpolate(rgb[None], size=size, mode="bicubic", antialias=True)[0].clamp(0, 1)


def fit_long_side(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the (height, width) of the same aspect, in px, whose longer side is `long_side`."""
    if min(height, width, long_side) < 1:
        raise ValueError(f"sides must be at least 1 px, not {height} x {width} -> {long_side}")
    scale = long_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _filled(rgb: Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """Fill transparent pixels from the half size, and that from its own half size where it must."""
    if float(alpha.min()) > 0:
        return rgb
    stacked = torch.cat([rgb * alpha, alpha[None]])[None]
    half = F.avg_pool2d(stacked, 2, ceil_mode=True)[0]
    coarse = _filled(half[:3] / half[3].clamp(min=1e-12), half[3])
    size = (rgb.shape[1], rgb.shape[2])
    around = F.interpolate(coarse[None], size, mode="bilinear", align_corners=False)[0]
    return torch.where(alpha > 0, rgb, around)
