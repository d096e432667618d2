"""Images from noise: textures, and what a layer of the network preserves of an image.

A texture has the statistics of a style image (Gatys, Ecker, Bethge 2015, "Texture synthesis using
convolutional neural networks", arXiv:1505.07376). Pooling is the average, as in the paper: max
pooling has a gradient for the largest of four neighbors only, and the others keep their noise as
clusters of saturated pixels. Departures: from coarse to fine; a tileable texture is one whose
network pads each side with the opposite one.

A reconstruction matches the content of one layer, or the style of all style layers up to one: the
two rows of figure 1 of Gatys, Ecker, Bethge 2015 (arXiv:1508.06576), after Mahendran and Vedaldi
2014 (arXiv:1412.0035).
"""

from collections.abc import Iterator
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.config import ReconstructConfig, TextureConfig
from bowerbird.image.optimize import Inputs, optimize_steps
from bowerbird.image.style_transfer import as_input
from bowerbird.learning.step import Step, run_to_end

TILEABLE_MULTIPLE = 16  # px; pooling must divide a side evenly for its ends to meet


def texture(
    style: Float[Tensor, "3 h w"], config: TextureConfig | None = None
) -> Float[Tensor, "3 h2 w2"]:
    """Return a texture in the style of an image, both sRGB in [0, 1].

    Raises ValueError for an image under 16 px a side or with values that are no colors.
    """
    return run_to_end(texture_steps(style, config))


def texture_steps(
    style: Float[Tensor, "3 h w"], config: TextureConfig | None = None
) -> Iterator[Step[Tensor]]:
    """Yield the texture after every step; errors as in ``texture``."""
    config = config or TextureConfig()
    style = as_input("style image", style)
    objective = replace(config.objective, strength=1.0)  # there is no content to balance
    if config.tileable:
        objective = replace(objective, padding_mode="circular")
    inputs = Inputs(
        (config.height, config.width),
        styles=[style],
        style_scales=[config.style_scale],
        style_weights=[1.0],
        side_multiple=TILEABLE_MULTIPLE if config.tileable else 1,
    )
    config = replace(config, objective=objective)
    yield from optimize_steps(inputs, config, max(config.width, config.height))


def reconstruct(
    image: Float[Tensor, "3 h w"], config: ReconstructConfig | None = None
) -> Float[Tensor, "3 h2 w2"]:
    """Return what a layer preserves of an image, both sRGB in [0, 1].

    Raises ValueError for an image under 16 px a side or with values that are no colors.
    """
    return run_to_end(reconstruct_steps(image, config))


def reconstruct_steps(
    image: Float[Tensor, "3 h w"], config: ReconstructConfig | None = None
) -> Iterator[Step[Tensor]]:
    """Yield the reconstruction after every step; errors as in ``reconstruct``."""
    config = config or ReconstructConfig()
    image = as_input("image", image)
    shape = (image.shape[1], image.shape[2])
    if config.target == "content":
        inputs = Inputs(shape, content=image)
    else:
        inputs = Inputs(shape, None, [image], [1.0], [1.0])
    config = replace(config, objective=config.target_objective)
    yield from optimize_steps(inputs, config, config.size)
