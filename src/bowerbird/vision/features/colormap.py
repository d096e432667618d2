"""Numbers as colors: a map alone, and a map laid over its picture.

The colors are matplotlib's magma, whose lightness grows evenly with the number (Smith and van der
Walt 2015), so what looks twice as far apart is. A heat is laid over the picture's own gray, dimmed:
bright places are active, and the picture stays visible.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib import colormaps
from torch import Tensor

COLORS = "magma"
LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709, of the encoded values
DARK = 0.55  # of the picture's gray under a heat of 0
TOP = 0.995  # quantile of a map that has the brightest color: one peak must not darken the rest


def unit(values: Float[Tensor, "h w"], *, from_min: bool = False) -> Float[Tensor, "h w"]:
    """Return a map as 0..1: its 99.5 % quantile is 1, and 0 is 0, or its minimum on request."""
    low = float(values.min()) if from_min else 0.0
    place = max(1, round(TOP * values.numel()))
    top = float(values.flatten().kthvalue(place).values)
    top = top if top > low else float(values.max())
    if top <= low:
        return torch.zeros_like(values)
    return ((values - low) / (top - low)).clamp(0, 1)


def colored(values: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """Return a map of 0..1 in colors."""
    table = torch.tensor(colormaps[COLORS](range(256))[:, :3], dtype=torch.float32)
    index = (values.clamp(0, 1) * 255).round().long()
    return table[index].permute(2, 0, 1)


def overlaid(
    picture: Float[Tensor, "3 h w"], values: Float[Tensor, "h2 w2"]
) -> Float[Tensor, "3 h w"]:
    """Return a picture in gray under the heat of a map of 0..1, enlarged to its size."""
    size = (picture.shape[1], picture.shape[2])
    large = F.interpolate(values[None, None], size, mode="bicubic", align_corners=False)
    large = large[0, 0].clamp(0, 1)
    gray = (picture * torch.tensor(LUMA)[:, None, None]).sum(0)
    dim = (DARK * gray).expand(3, -1, -1)
    hot = colored(0.12 + 0.88 * large) * (0.75 + 0.25 * gray)
    return torch.lerp(dim, hot, 1 - (1 - large).square()).clamp(0, 1)
