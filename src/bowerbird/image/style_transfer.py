"""Neural style transfer: a content image in the style of others, by optimizing its pixels.

The result x minimizes ``alpha L_content(x, content) + beta L_style(x, styles)`` (``objective.py``),
from coarse to fine (``optimize.py``).

Source: Gatys, Ecker, Bethge 2015, "A neural algorithm of artistic style" (arXiv:1508.06576).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.color import luminance, match_color, match_luminance, restore_chroma
from bowerbird.image.config import MIN_SIDE, TransferConfig
from bowerbird.image.optimize import Inputs, optimize_steps
from bowerbird.learning.step import Step, run_to_end
from bowerbird.pictures.pixels import fit_long_side, resize

MAX_OVERSHOOT = 0.5  # below 0 or above 1, as resampling and sharpening may leave it


def transfer(
    content: Float[Tensor, "3 h w"],
    styles: Sequence[Float[Tensor, "3 h2 w2"]],
    config: TransferConfig | None = None,
    *,
    masks: Sequence[Float[Tensor, "h w"]] | None = None,
    init: Float[Tensor, "3 h3 w3"] | None = None,
) -> Float[Tensor, "3 h4 w4"]:
    """Return the content image in the style of ``styles``.

    Images are sRGB in [0, 1], of any float type and on any device; the result is float32 on the
    CPU, its long side ``config.size`` px. ``masks``, one per style image, of the content image's
    size, 0 to 1 or bool, give each style its region; where there is none the content image stays.
    ``init`` is an initial image; at strength 0 the result is the content image, whatever ``init``
    is. Raises ValueError as ``transfer_steps`` does.
    """
    return run_to_end(transfer_steps(content, styles, config, masks=masks, init=init))


def transfer_steps(
    content: Float[Tensor, "3 h w"],
    styles: Sequence[Float[Tensor, "3 h2 w2"]],
    config: TransferConfig | None = None,
    *,
    masks: Sequence[Float[Tensor, "h w"]] | None = None,
    init: Float[Tensor, "3 h3 w3"] | None = None,
) -> Iterator[Step[Tensor]]:
    """Yield the image after every step; arguments and result as in ``transfer``.

    Raises ValueError for images under 16 px a side or with values that are no colors, for no style
    image, and for masks of another size or number.
    """
    config = config or TransferConfig()
    if not styles:
        raise ValueError("a transfer needs at least one style image")
    content = as_input("content image", content)
    if config.objective.strength == 0:  # the content image itself, not what its features allow
        config = replace(config, init="content")
    inputs = _inputs(content, styles, config, masks, init)
    resized: Tensor | None = None  # the content image at the size of the result
    for step in optimize_steps(inputs, config, config.size):
        image = step.preview
        if config.color == "luminance" and image is not None:
            if resized is None or resized.shape != image.shape:
                resized = resize(content, (image.shape[1], image.shape[2]))
            image = restore_chroma(image, resized)
        yield replace(step, preview=image)


def as_input(name: str, image: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """Check an image and return it in float32 on the CPU, without its gradient."""
    check_image(name, image)
    return image.detach().cpu().float()


def check_image(name: str, image: Tensor) -> None:
    """Raise ValueError, with ``name``, unless it is (3, h, w) of at least 16 px a side.

    Its values are finite and between 0 and 1, or a little beyond.
    """
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"the {name} must have shape (3, h, w), got {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ValueError(f"the {name} must be float32 with values from 0 to 1, got {image.dtype}")
    height, width = image.shape[1:]
    if min(height, width) < MIN_SIDE:
        raise ValueError(
            f"the {name} has {width} x {height} px; use one of at least {MIN_SIDE} px a side"
        )
    _check_range(name, image)


def _check_range(name: str, values: Tensor) -> None:
    """Raise ValueError, with ``name``, for values that are no colors."""
    low, high = (float(value) for value in values.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"the {name} contains NaN or infinity; values must be from 0 to 1")
    if low < -MAX_OVERSHOOT or high > 1 + MAX_OVERSHOOT:
        raise ValueError(
            f"the {name} has values from {low:.4g} to {high:.4g}, expected 0 to 1; "
            "divide 8-bit pixels by 255"
        )


def _one_per_style(values: tuple[float, ...], count: int, name: str) -> list[float]:
    if len(values) not in (1, count):
        raise ValueError(
            f"{name} has {len(values)} values for {_counted(count, 'style image')}; give one "
            "value, or one per style image"
        )
    return list(values) * (count if len(values) == 1 else 1)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _checked_masks(
    content: Tensor, count: int, masks: Sequence[Tensor] | None
) -> list[Tensor] | None:
    """Check masks and return them in float32 on the CPU."""
    if masks is None:
        return None
    if len(masks) != count:
        raise ValueError(
            f"got {_counted(len(masks), 'mask')} for {_counted(count, 'style image')}; "
            "give one mask per style image, in the same order"
        )
    result = [mask.detach().cpu().float() for mask in masks]
    for mask in result:
        check_mask(mask, content)
    return [mask.clamp(0, 1) for mask in result]


def check_mask(
    mask: Tensor, content: Tensor, name: str = "a mask", content_name: str = "the content image"
) -> None:
    """Raise ValueError, with the names, unless a mask is (h, w) of the content image's size.

    Its values are from 0 to 1, as those of ``check_image``, and not all 0.
    """
    if mask.ndim != 2:
        raise ValueError(f"{name} must have shape (h, w), got {tuple(mask.shape)}")
    if mask.shape != content.shape[1:]:
        raise ValueError(
            f"{name} has {mask.shape[1]} x {mask.shape[0]} px and {content_name} "
            f"{content.shape[2]} x {content.shape[1]} px; resize the mask to {content_name}"
        )
    _check_range("mask", mask)
    if not float(mask.max()) > 0:
        raise ValueError(f"{name} is black everywhere; make the region of its style white")


def _inputs(
    content: Tensor,
    styles: Sequence[Tensor],
    config: TransferConfig,
    masks: Sequence[Tensor] | None,
    init: Tensor | None,
) -> Inputs:
    """Return the inputs of the optimization, recolored as configured."""
    styles = [as_input("style image", style) for style in styles]
    init = None if init is None else as_input("initial image", init)
    masks = _checked_masks(content, len(styles), masks)
    shape, gray = (content.shape[1], content.shape[2]), config.color == "luminance"
    used_content = luminance(content) if gray else content
    used_init = luminance(init) if gray and init is not None else init
    used_styles = _recolored(content, styles, config, masks)
    pairs = [(content, used_content), (init, used_init), *zip(styles, used_styles, strict=True)]
    originals = [image for image, used in pairs if image is not None and image is not used]
    extra_px = sum(image.shape[1] * image.shape[2] for image in originals)
    if gray:  # the content image at the result's size, whose colors the result gets
        extra_px += math.prod(fit_long_side(*shape, config.size))
    return Inputs(
        shape,
        used_content,
        used_styles,
        _one_per_style(config.style_scale, len(styles), "style_scale"),
        _one_per_style(config.style_weights, len(styles), "style_weights"),
        masks,
        used_init if config.objective.strength else None,
        extra_px,
    )


def _recolored(
    content: Tensor,
    styles: Sequence[Tensor],
    config: TransferConfig,
    masks: Sequence[Tensor] | None,
) -> list[Tensor]:
    """Return the style images in the colors that the configuration asks for in their regions."""
    regions: Sequence[Tensor | None] = masks or [None] * len(styles)
    pairs = zip(styles, regions, strict=True)
    if config.color == "match":
        return [match_color(style, content, target_weights=mask) for style, mask in pairs]
    if config.color == "luminance":
        return [match_luminance(style, content, weights=mask) for style, mask in pairs]
    return list(styles)
