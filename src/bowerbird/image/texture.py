"""Texture synthesis: a new surface with the statistics of a painting, from noise; no photograph.

Source: Gatys, Ecker, Bethge 2015, "Texture synthesis using convolutional neural networks"
(arXiv:1505.07376). Pooling is average, as in the paper: max pooling hears only the
largest of four neighbours, and noise stays in the others as clusters of saturated pixels.

Departures: from coarse to fine, and a tileable texture is one whose network
sees the opposite side beyond each edge.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.objective import ObjectiveConfig
from bowerbird.image.optimize import (
    SMALLEST,
    Materials,
    PaintingConfig,
    Start,
    paint_steps,
)
from bowerbird.image.transfer import taken
from bowerbird.learning.step import Step, run_to_end
from bowerbird.learning.validate import check_choice

TILEABLE_MULTIPLE = 16  # px; pooling must divide a side evenly for its ends to meet


@dataclass(frozen=True)
class TextureConfig(PaintingConfig):
    """How a texture is grown."""

    width: int = 512
    """Width of the texture, in px."""
    height: int = 512
    """Height of the texture, in px."""
    style_scale: float = 1.0
    """Size of the painting beside the texture's (1: same long side)."""
    tileable: bool = False
    """Whether copies can be laid side by side; sides are rounded to multiples of 16 px."""
    start: Start = "noise"
    """What the first scale begins with: noise or gray."""
    objective: ObjectiveConfig = field(
        default_factory=lambda: ObjectiveConfig(pooling="average", variation_weight=2.0)
    )
    """What a good texture is; average pooling as in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.height) < SMALLEST:
            raise ValueError(f"width and height are at least {SMALLEST} px")
        if not 0 < self.style_scale < math.inf:
            raise ValueError(f"style_scale is a number above 0, not {self.style_scale}")
        check_choice(self.start, ("noise", "gray"))


def texture(
    style: Float[Tensor, "3 h w"], config: TextureConfig | None = None
) -> Float[Tensor, "3 h2 w2"]:
    """Return a texture in the manner of a painting, both sRGB in [0, 1].

    Raises ValueError for a painting under 16 px a side or with numbers that are no color.
    """
    return run_to_end(texture_steps(style, config))


def texture_steps(
    style: Float[Tensor, "3 h w"], config: TextureConfig | None = None
) -> Iterator[Step[Tensor]]:
    """Yield the texture after every step of descent; errors as in ``texture``."""
    config = config or TextureConfig()
    style = taken("painting", style)
    kept = replace(config.objective, strength=1.0)  # there is no photograph to be weak beside
    config = replace(config, objective=replace(kept, edge="circular") if config.tileable else kept)
    materials = Materials(
        (config.height, config.width),
        styles=[style],
        style_scales=[config.style_scale],
        style_weights=[1.0],
        multiple=TILEABLE_MULTIPLE if config.tileable else 1,
    )
    yield from paint_steps(materials, config, max(config.width, config.height))
