"""Neural style transfer: a photograph in the manner of paintings, by descent over its pixels.

The picture x minimises ``alpha L_content(x, photograph) + beta L_style(x, paintings)``
(``objective.py``), from coarse to fine (``painting.py``).

Source: Gatys, Ecker, Bethge 2015, "A neural algorithm of artistic style" (arXiv:1508.06576).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.color import keep_luminance, luminance, match_color, match_luminance
from bowerbird.image.optimize import (
    SMALLEST,
    Materials,
    PaintingConfig,
    paint_steps,
)
from bowerbird.learning.step import Step, run_to_end
from bowerbird.learning.validate import check_choice
from bowerbird.pictures.pixels import fit_long_side, resize

Color = Literal["painting", "luminance", "match"]

BEYOND = 0.5  # how far below 0 or above 1 resampling and sharpening may have left a picture


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
        scales, weights = self.style_scale, self.style_weights
        if not (scales and all(0 < scale < math.inf for scale in scales)):
            raise ValueError("style_scale has numbers above 0")
        if not (weights and all(0 <= weight < math.inf for weight in weights)):
            raise ValueError("style_weights has numbers from 0 on")
        if not sum(weights) > 0:
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

    Pictures are sRGB in [0, 1], of any float type and on any device; the result is float32 on the
    processor, its long side ``config.size`` px. ``masks``, one a painting, at the photograph's
    size, 0 to 1 or bool, give each painting its region; where there is none
    the photograph stays. ``start`` is a picture to begin with; at strength 0 the result is the
    photograph, whatever the start. Raises ValueError as ``transfer_steps`` does.
    """
    return run_to_end(transfer_steps(content, styles, config, masks=masks, start=start))


def transfer_steps(
    content: Float[Tensor, "3 h w"],
    styles: Sequence[Float[Tensor, "3 h2 w2"]],
    config: TransferConfig | None = None,
    *,
    masks: Sequence[Float[Tensor, "h w"]] | None = None,
    start: Float[Tensor, "3 h3 w3"] | None = None,
) -> Iterator[Step[Tensor]]:
    """Yield the picture after every step of descent; arguments and result as in ``transfer``.

    Raises ValueError for pictures under 16 px or with numbers that are no color, no painting, and
    masks of another size or number.
    """
    config = config or TransferConfig()
    if not styles:
        raise ValueError("a transfer needs at least one painting")
    content = taken("photograph", content)
    if config.objective.strength == 0:  # the photograph itself, not what its content comes to
        config = replace(config, start="photograph")
    materials = _materials(content, styles, config, masks, start)
    photograph: Tensor | None = None  # at the size of the picture
    for step in paint_steps(materials, config, config.size):
        picture = step.preview
        if config.color == "luminance" and picture is not None:
            if photograph is None or photograph.shape != picture.shape:
                photograph = resize(content, (picture.shape[1], picture.shape[2]))
            picture = keep_luminance(picture, photograph)
        yield replace(step, preview=picture)


def taken(name: str, picture: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """Return a picture in float32 on the processor, without its gradient, once it is checked."""
    check_picture(name, picture)
    return picture.detach().cpu().float()


def check_picture(name: str, picture: Tensor) -> None:
    """Raise ValueError, naming the picture, unless it is (3, h, w) of at least 16 px a side.

    Its numbers are finite and lie between 0 and 1, or a little beyond.
    """
    if picture.ndim != 3 or picture.shape[0] != 3:
        raise ValueError(f"the {name} has the shape (3, h, w), not {tuple(picture.shape)}")
    if not picture.is_floating_point():
        raise ValueError(f"the {name} has numbers from 0 to 1 (float32), not {picture.dtype}")
    height, width = picture.shape[1:]
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"the {name} has {width} x {height} px; take one of at least {SMALLEST} px a side"
        )
    _check_range(name, picture)


def _check_range(name: str, values: Tensor) -> None:
    """Raise ValueError, naming the picture, for numbers that mean no color."""
    low, high = (float(value) for value in values.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"the {name} holds NaN or infinity; give it numbers from 0 to 1")
    if low < -BEYOND or high > 1 + BEYOND:
        raise ValueError(
            f"the {name} has numbers from {low:.4g} to {high:.4g} where 0 to 1 is expected; "
            "divide pixels of 0 to 255 by 255"
        )


def _one_each(values: tuple[float, ...], count: int, name: str) -> list[float]:
    if len(values) not in (1, count):
        raise ValueError(
            f"{name} has {len(values)} numbers for {_counted(count, 'painting')}; give one number, "
            "or one for each painting"
        )
    return list(values) * (count if len(values) == 1 else 1)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _taken_masks(
    content: Tensor, count: int, masks: Sequence[Tensor] | None
) -> list[Tensor] | None:
    """Return masks in float32 on the processor, once they are checked."""
    if masks is None:
        return None
    if len(masks) != count:
        there = "is" if len(masks) == 1 else "are"
        raise ValueError(
            f"there {there} {_counted(len(masks), 'mask')} for {_counted(count, 'painting')}; "
            "give one mask for each painting, in their order"
        )
    made = [mask.detach().cpu().float() for mask in masks]
    for mask in made:
        if mask.ndim != 2:
            raise ValueError(f"a mask has the shape (h, w), not {tuple(mask.shape)}")
        if mask.shape != content.shape[1:]:
            raise ValueError(
                f"a mask has {mask.shape[1]} x {mask.shape[0]} px and the photograph "
                f"{content.shape[2]} x {content.shape[1]} px; give it the photograph's size"
            )
        _check_range("mask", mask)
        if not float(mask.max()) > 0:
            raise ValueError("a mask is black everywhere; white is where its painting goes")
    return [mask.clamp(0, 1) for mask in made]


def _materials(
    content: Tensor,
    styles: Sequence[Tensor],
    config: TransferConfig,
    masks: Sequence[Tensor] | None,
    start: Tensor | None,
) -> Materials:
    """Return what the picture is made of, in the colors that are wished for."""
    paintings = [taken("painting", style) for style in styles]
    begin = None if start is None else taken("picture to start with", start)
    regions = _taken_masks(content, len(paintings), masks)
    shape, gray = (content.shape[1], content.shape[2]), config.color == "luminance"
    shown = luminance(content) if gray else content
    begun = luminance(begin) if gray and begin is not None else begin
    colored = _colored(content, paintings, config, regions)
    pairs = [(content, shown), (begin, begun), *zip(paintings, colored, strict=True)]
    kept = [given for given, used in pairs if given is not None and given is not used]
    beside = sum(picture.shape[1] * picture.shape[2] for picture in kept)
    if gray:  # the photograph at the picture's size, whose colors the picture gets
        beside += math.prod(fit_long_side(*shape, config.size))
    return Materials(
        shape,
        shown,
        colored,
        _one_each(config.style_scale, len(paintings), "style_scale"),
        _one_each(config.style_weights, len(paintings), "style_weights"),
        regions,
        begun if config.objective.strength else None,
        beside,
    )


def _colored(
    content: Tensor,
    styles: Sequence[Tensor],
    config: TransferConfig,
    masks: Sequence[Tensor] | None,
) -> list[Tensor]:
    """Return the paintings as the wish for color needs them, each as its region needs it."""
    regions: Sequence[Tensor | None] = masks or [None] * len(styles)
    pairs = zip(styles, regions, strict=True)
    if config.color == "match":
        return [match_color(style, content, target_weights=mask) for style, mask in pairs]
    if config.color == "luminance":
        return [match_luminance(style, content, weights=mask) for style, mask in pairs]
    return list(styles)
