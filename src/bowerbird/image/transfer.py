"""Neural style transfer: a photograph in the manner of paintings, by descent over its pixels.

The picture x minimises ``alpha L_content(x, photograph) + beta L_style(x, paintings)``
(``objective.py``), from coarse to fine (``painting.py``).

Source: Gatys, Ecker, Bethge 2015, "A neural algorithm of artistic style" (arXiv:1508.06576).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.color import keep_luminance, luminance, match_color, match_luminance
from bowerbird.image.objective import check_choice
from bowerbird.image.painting import (
    SMALLEST,
    Materials,
    PaintingConfig,
    paint_steps,
)
from bowerbird.image.pixels import resize
from bowerbird.learning.step import Step

Color = Literal["painting", "luminance", "match"]


@dataclass(frozen=True)
class TransferConfig(PaintingConfig):
    """How a photograph is painted."""

    size: int = 512
    """Long side of the result, in px."""
    style_scale: tuple[float, ...] = (1.0,)
    """Size of each painting beside the picture's (1: same long side); one number serves all."""
    style_weights: tuple[float, ...] = (1.0,)
    """Share of each painting, divided by their sum; one number serves all."""
    color: Color = "painting"
    """painting: its colors; luminance: only light and dark; match: its palette made the photo's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < SMALLEST:
            raise ValueError(f"size is at least {SMALLEST} px, not {self.size}")
        if min(self.style_scale, default=0) <= 0 or min(self.style_weights, default=-1) < 0:
            raise ValueError("style_scale is above 0, and style_weights are not below 0")
        if not sum(self.style_weights) > 0:
            raise ValueError("at least one of the style_weights is above 0")
        check_choice(self.color, get_args(Color))


def transfer(
    content: Float[Tensor, "3 h w"],
    styles: Sequence[Float[Tensor, "3 h2 w2"]],
    config: TransferConfig | None = None,
    *,
    masks: Sequence[Float[Tensor, "h w"]] | None = None,
    start: Float[Tensor, "3 h3 w3"] | None = None,
) -> Float[Tensor, "3 h4 w4"]:
    """Return the photograph ``content`` in the manner of the paintings ``styles``.

    Pictures are sRGB in [0, 1]; the result's long side is ``config.size`` px. ``masks``, one a
    painting, at the photograph's size, 0 to 1, give each painting its region; where there is none
    the photograph stays. ``start`` is a picture to begin with. Raises ValueError as
    ``transfer_steps`` does.
    """
    picture = content
    for step in transfer_steps(content, styles, config, masks=masks, start=start):
        assert step.preview is not None
        picture = step.preview
    return picture


def transfer_steps(
    content: Float[Tensor, "3 h w"],
    styles: Sequence[Float[Tensor, "3 h2 w2"]],
    config: TransferConfig | None = None,
    *,
    masks: Sequence[Float[Tensor, "h w"]] | None = None,
    start: Float[Tensor, "3 h3 w3"] | None = None,
) -> Iterator[Step[Tensor]]:
    """Yield the picture after every step of descent; arguments and result as in ``transfer``.

    Raises ValueError for pictures under 16 px, no painting, and masks of another size or number.
    """
    config = config or TransferConfig()
    if not styles:
        raise ValueError("a transfer needs at least one painting")
    check_picture("photograph", content)
    for style in styles:
        check_picture("painting", style)
    if start is not None:
        check_picture("picture to start with", start)
    _check_masks(content, styles, masks)
    materials = Materials(
        (content.shape[1], content.shape[2]),
        luminance(content) if config.color == "luminance" else content,
        _colored(content, styles, config, masks),
        _one_each(config.style_scale, len(styles), "style_scale"),
        _one_each(config.style_weights, len(styles), "style_weights"),
        masks,
        start if start is None or config.color != "luminance" else luminance(start),
    )
    for step in paint_steps(materials, config, config.size):
        picture = step.preview
        if config.color == "luminance" and picture is not None:
            there = resize(content, (picture.shape[1], picture.shape[2]))
            picture = keep_luminance(picture, there)
        yield replace(step, preview=picture)


def check_picture(name: str, picture: Tensor) -> None:
    """Raise ValueError, naming the picture, unless it is (3, h, w) of at least 16 px a side."""
    if picture.ndim != 3 or picture.shape[0] != 3:
        raise ValueError(f"the {name} has the shape (3, h, w), not {tuple(picture.shape)}")
    if not picture.is_floating_point():
        raise ValueError(f"the {name} has numbers from 0 to 1 (float32), not {picture.dtype}")
    if float(picture.median()) > 1:
        raise ValueError(f"the {name} has numbers above 1; divide pixels of 0 to 255 by 255")
    height, width = picture.shape[1:]
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"the {name} has {width} x {height} px; take one of at least {SMALLEST} px a side"
        )


def _one_each(values: tuple[float, ...], count: int, name: str) -> list[float]:
    if len(values) not in (1, count):
        raise ValueError(f"{name} has {len(values)} numbers for {count} paintings")
    return list(values) * (count if len(values) == 1 else 1)


def _check_masks(content: Tensor, styles: Sequence[Tensor], masks: Sequence[Tensor] | None) -> None:
    for mask in masks or ():
        if mask.shape != content.shape[1:]:
            raise ValueError(
                f"a mask has {mask.shape[-1]} x {mask.shape[-2]} px and the photograph "
                f"{content.shape[2]} x {content.shape[1]} px; give it the photograph's size"
            )
        if not float(mask.max()) > 0:
            raise ValueError("a mask is black everywhere; white is where its painting goes")
    if masks is not None and len(masks) != len(styles):
        raise ValueError(f"there are {len(masks)} masks for {len(styles)} paintings")


def _colored(
    content: Tensor,
    styles: Sequence[Tensor],
    config: TransferConfig,
    masks: Sequence[Tensor] | None,
) -> list[Tensor]:
    """Return the paintings as the wish for color needs them."""
    if config.color == "match":
        regions: Sequence[Tensor | None] = masks or [None] * len(styles)
        pairs = zip(styles, regions, strict=True)
        return [match_color(style, content, target_weights=mask) for style, mask in pairs]
    if config.color == "luminance":
        return [match_luminance(style, content) for style in styles]
    return list(styles)
