"""Data augmentation of digits: elastic and affine distortions, and other pens.

Elastic (P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
applied to visual document analysis", ICDAR 2003, section 2): every pixel is displaced by (dx, dy),
two fields of uniform random numbers in -1..1, smoothed by a Gaussian of ``elastic_sigma`` px and
multiplied by ``elastic_alpha``. Affine: rotated, scaled along both axes, sheared and shifted by
uniform random amounts. Pens: some digits are thickened or thinned, by a fraction of a dilation or
erosion with 3 x 3 px, which also makes them lighter.

Departures: the displacement field extends beyond the image, so that borders vary like the middle.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.digits.config import AugmentConfig


def distort(
    images: Float[Tensor, "b 1 s s"], config: AugmentConfig, random: torch.Generator | None = None
) -> Float[Tensor, "b 1 s s"]:
    """Return each image distorted at random; values are 0..1, and 0 beyond the border."""
    side = images.shape[-1]
    grid = _affine_grid(len(images), side, config, random)
    if config.elastic_alpha:
        grid = grid + elastic_field(len(images), side, config, random) * (2 / side)
    warped = F.grid_sample(images, grid.to(images), "bilinear", "zeros", align_corners=False)
    fraction = config.stroke_fraction
    return _with_other_strokes(warped, fraction, random) if fraction else warped


def elastic_field(
    count: int, side: int, config: AugmentConfig, random: torch.Generator | None = None
) -> Float[Tensor, "count side side 2"]:
    """Return displacement fields (dx, dy), px."""
    sigma = config.elastic_sigma
    margin = round(3 * sigma)
    size = side + 2 * margin
    distance = torch.arange(size)[None] - margin - torch.arange(side)[:, None]
    gauss = torch.exp(-(distance.float() ** 2) / (2 * sigma**2))
    gauss = gauss / gauss.sum(1, keepdim=True)
    noise = torch.rand((count, 2, size, size), generator=random) * 2 - 1
    return (config.elastic_alpha * (gauss @ noise @ gauss.T)).permute(0, 2, 3, 1)


def _uniform(count: int, bound: float, random: torch.Generator | None) -> Tensor:
    return (torch.rand(count, generator=random) * 2 - 1) * bound


def _affine_grid(
    count: int, side: int, config: AugmentConfig, random: torch.Generator | None
) -> Tensor:
    """Return the source of each pixel, (count, side, side, 2) in -1..1."""
    angle = _uniform(count, config.max_rotation, random).deg2rad()
    width, height = (1 + _uniform(count, config.max_scale, random) for _ in range(2))
    shear = _uniform(count, config.max_shear, random)
    x, y = (_uniform(count, config.max_shift * 2 / side, random) for _ in range(2))
    cos, sin = angle.cos(), angle.sin()
    rows = [
        torch.stack([cos / width, (shear * cos - sin) / width, x], 1),
        torch.stack([sin / height, (shear * sin + cos) / height, y], 1),
    ]
    return F.affine_grid(torch.stack(rows, 1), [count, 1, side, side], align_corners=False)


def _with_other_strokes(images: Tensor, fraction: float, random: torch.Generator | None) -> Tensor:
    """Return the images, a fraction of them with thicker, thinner or lighter strokes."""
    kind, amount = torch.rand((2, len(images), 1, 1, 1), generator=random).to(images.device)
    thicker = torch.where((kind < fraction / 2)[:, 0, 0, 0])[0]
    chosen = images[thicker]
    change = amount[thicker] * (F.max_pool2d(chosen, 3, 1, 1) - chosen)
    images = images.index_add(0, thicker, change)
    thinner = torch.where(((kind >= fraction / 2) & (kind < fraction))[:, 0, 0, 0])[0]
    chosen = images[thinner]
    eroded = -F.max_pool2d(-chosen, (1, 2), 1, (0, 1))[..., :-1]
    return images.index_copy(0, thinner, chosen + 0.8 * amount[thinner] * (eroded - chosen))
