"""What a layer knows of a picture: the picture that noise becomes when only that layer is matched.

Content of one layer, or style of all style layers up to one: the two rows of figure 1 of Gatys,
Ecker, Bethge 2015 (arXiv:1508.06576), after Mahendran and Vedaldi 2014 (arXiv:1412.0035).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from bowerbird.image.objective import STYLE_LAYERS, ObjectiveConfig
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
from bowerbird.networks.vgg_layers import check_layers, layer_names

Of = Literal["content", "style"]


@dataclass(frozen=True)
class ReconstructConfig(PaintingConfig):
    """What is kept of a picture."""

    layer: str = "relu4_2"
    """The layer whose content is kept, or the deepest one whose style is."""
    of: Of = "content"
    """content: the features of the layer; style: statistics of all style layers up to it."""
    size: int = 384
    """Long side of the result, in px."""
    start: Start = "noise"
    """What the first scale begins with: noise or gray."""
    scales: int = 1
    """Sizes that the picture goes through, each half the next one."""
    iterations: int = 200
    """Steps of descent at the final scale."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layers([self.layer])
        check_choice(self.of, get_args(Of))
        if self.size < SMALLEST:
            raise ValueError(f"size is at least {SMALLEST} px, not {self.size}")
        check_choice(self.start, ("noise", "gray"))


def reconstruct(
    picture: Float[Tensor, "3 h w"], config: ReconstructConfig | None = None
) -> Float[Tensor, "3 h2 w2"]:
    """Return what a layer keeps of a picture, both sRGB in [0, 1].

    Raises ValueError for a picture under 16 px a side or with numbers that are no color.
    """
    return run_to_end(reconstruct_steps(picture, config))


def reconstruct_steps(
    picture: Float[Tensor, "3 h w"], config: ReconstructConfig | None = None
) -> Iterator[Step[Tensor]]:
    """Yield the reconstruction after every step of descent; errors as in ``reconstruct``."""
    config = config or ReconstructConfig()
    picture = taken("picture", picture)
    shape = (picture.shape[1], picture.shape[2])
    if config.of == "content":
        materials = Materials(shape, content=picture)
    else:
        materials = Materials(shape, None, [picture], [1.0], [1.0])
    yield from paint_steps(materials, replace(config, objective=objective_of(config)), config.size)


def objective_of(config: ReconstructConfig) -> ObjectiveConfig:
    """Return what a reconstruction is to reach: one layer's content, or the style up to it."""
    if config.of == "content":
        return replace(config.objective, strength=0.0, content_layers=(config.layer,))
    order = layer_names()
    nested = [n for n in STYLE_LAYERS if order.index(n) <= order.index(config.layer)]
    layers = tuple(nested) or (config.layer,)
    return replace(config.objective, strength=1.0, style_layers=layers, style_layer_weights=(1.0,))
