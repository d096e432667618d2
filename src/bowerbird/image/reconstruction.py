"""What a layer preserves of an image: noise, optimized until that layer alone matches the image.

Content of one layer, or style of all style layers up to one: the two rows of figure 1 of Gatys,
Ecker, Bethge 2015 (arXiv:1508.06576), after Mahendran and Vedaldi 2014 (arXiv:1412.0035).
"""

from collections.abc import Iterator
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.config import ReconstructConfig
from bowerbird.image.optimize import Inputs, optimize_steps
from bowerbird.image.style_transfer import as_input
from bowerbird.learning.step import Step, run_to_end


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
