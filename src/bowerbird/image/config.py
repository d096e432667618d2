"""Settings of everything that optimizes the pixels of an image; importing them needs no torch.

``ObjectiveConfig`` is the loss. ``OptimizeConfig`` is how it is minimized; transfer, texture and
reconstruction each add their own fields to that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bowerbird.learning.config import Precision
from bowerbird.learning.validate import check_choices, check_range
from bowerbird.networks.vgg_layers import (
    PaddingMode,
    Pooling,
    check_layers,
    layer_names,
    stride,
)

StyleLoss = Literal["wasserstein", "gram", "mean-std"]
Normalization = Literal["relative", "paper", "mean"]
Optimizer = Literal["lbfgs", "adam"]
Init = Literal["content", "noise", "gray"]
InitWithoutContent = Literal["noise", "gray"]
Color = Literal["style", "luminance", "match"]
Target = Literal["content", "style"]

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
MIN_SIDE = 16  # px; smaller images have no position at the deepest layers
MIN_COARSE_SIZE = 192  # px; the first scale unless num_scales is given: faces are lost below
MAX_COARSE_ITERATIONS = 500  # at one of the smaller scales; further ones change nothing


@dataclass(frozen=True)
class ObjectiveConfig:
    """The loss: which features and statistics of which layers, and their weights."""

    strength: float = 0.5
    """Strength of the style, 0 to 1: 0 keeps the content image, 1 only starts from it."""
    content_layers: tuple[str, ...] = ("relu4_2",)
    """Layers whose features are the content (arXiv:1508.06576: conv4_2)."""
    style_layers: tuple[str, ...] = STYLE_LAYERS
    """Layers whose statistics are the style (arXiv:1508.06576: conv1_1 to conv5_1)."""
    style_layer_weights: tuple[float, ...] = (1.0,)
    """Weight of each style layer, divided by their sum; one number applies to all."""
    style_loss: StyleLoss = "wasserstein"
    """Distance of styles: wasserstein (of Gaussians), gram (as in the paper) or mean-std."""
    normalization: Normalization = "relative"
    """relative: divided by the targets' energy; paper: sums as in the paper; mean: per feature."""
    content_weight: float = 0.08
    """Weight of the content loss at strength 0.5 (alpha in the paper)."""
    style_weight: float = 1.0
    """Weight of the style loss at strength 0.5 (beta in the paper)."""
    tv_weight: float = 1.0
    """Weight of total variation at strength 0.5, on pixels in [0, 1]; suppresses grain."""
    tv_power: Literal[1, 2] = 2
    """Absolute (1) or squared (2) differences in the total variation."""
    range_weight: float = 100.0
    """Weight of the mean square of pixel values outside [0, 1], which saving would clip."""
    pooling: Pooling = "max"
    """Pooling of the network: max, average or l2 (arXiv:1508.06576 finds average smoother)."""
    padding_mode: PaddingMode = "replicate"
    """Padding at the image's border: zeros, replicate, reflect, or circular (tileable)."""

    def __post_init__(self) -> None:
        for name in ("content_layers", "style_layers"):
            _check_layer_names(name, getattr(self, name))
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength must be between 0 and 1, got {self.strength}")
        if len(self.style_layer_weights) not in (1, len(self.style_layers)):
            raise ValueError(
                f"style_layer_weights has {len(self.style_layer_weights)} values for "
                f"{len(self.style_layers)} style layers; give one value, or one per layer"
            )
        for name in ("content_weight", "style_weight", "tv_weight", "range_weight"):
            _check_weights(name, (getattr(self, name),))
        _check_weights("style_layer_weights", self.style_layer_weights)
        check_choices(self)

    @property
    def layer_weights(self) -> dict[str, float]:
        """The weight of each style layer; they sum to 1."""
        weights = self.style_layer_weights
        if len(weights) == 1:
            weights = weights * len(self.style_layers)
        total = sum(weights) or 1.0
        return {n: w / total for n, w in zip(self.style_layers, weights, strict=True)}

    @property
    def effective_weights(self) -> tuple[float, float, float]:
        """The weights of content, style and total variation at this ``strength``."""
        style, content = 2 * self.strength, 2 * (1 - self.strength)
        return content * self.content_weight, style * self.style_weight, style * self.tv_weight

    @property
    def last_layer(self) -> str:
        """The deepest layer that the loss needs."""
        names = in_depth_order((*self.content_layers, *self.style_layers))
        return names[-1] if names else "relu1_1"

    @property
    def min_side(self) -> int:
        """The px that a side needs for the deepest layer to have a position."""
        return max(MIN_SIDE, stride(self.last_layer))


def in_depth_order(layers: Sequence[str]) -> list[str]:
    """Return layers from the shallowest to the deepest."""
    return sorted(layers, key=layer_names().index)


def _check_layer_names(setting: str, layers: tuple[str, ...]) -> None:
    """Raise ValueError for a name that is empty, unknown or repeated."""
    if "" in layers:
        raise ValueError(f"{setting} has an empty name; write layers like relu1_1,relu2_1")
    check_layers(layers)
    repeated = [layer for layer in layers if layers.count(layer) > 1]
    if repeated:
        raise ValueError(f"{setting} has {repeated[0]} more than once; give its weight instead")


def _check_weights(name: str, weights: Sequence[float]) -> None:
    for weight in weights:
        if not 0 <= weight < math.inf:
            raise ValueError(f"{name} must be finite and at least 0, got {weight}")


@dataclass(frozen=True)
class OptimizeConfig:
    """How the loss is minimized over the pixels of an image."""

    iterations: int = 40
    """Optimizer steps at the final scale."""
    num_scales: int = 0
    """Scales from coarse to fine, each half the size of the next; 0: all down to 192 px."""
    coarse_iterations_ratio: float = 1.5
    """Steps at each smaller scale, as a multiple of those at the next larger one."""
    optimizer: Optimizer = "lbfgs"
    """lbfgs, with line search; or adam, whose result is an average of its iterates."""
    learning_rate: float = 0.02
    """Step size of Adam, on pixels in [0, 1]."""
    ema_decay: float = 0.99
    """Decay of the moving average of Adam's iterates that is the result; 0: the last iterate."""
    init: Init = "content"
    """Initial image of the first scale: the content image, noise or gray."""
    seed: int = 0
    """Seed of the initial noise."""
    weights: str = "vgg19-codebook"
    """Weights of VGG-19: a name (``bowerbird models list``) or a file."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    precision: Precision = "auto"
    """Precision of the network: auto takes bfloat16 where it is faster, else float32."""
    max_memory: float = 0.0
    """Memory limit in GB; larger images are processed in tiles. 0: half of the machine's."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    """The loss."""

    def __post_init__(self) -> None:
        check_range(self, 1, math.inf, "iterations")
        check_range(self, 0, math.inf, "num_scales", "coarse_iterations_ratio")
        for name, valid, requirement in (
            ("learning_rate", 0 < self.learning_rate < math.inf, "positive"),
            ("ema_decay", 0 <= self.ema_decay < 1, "in [0, 1)"),
            ("seed", 0 <= self.seed < 2**63, "between 0 and 2^63 - 1"),
            ("max_memory", 0 <= self.max_memory < math.inf, "finite and at least 0 (in GB)"),
        ):
            if not valid:
                raise ValueError(f"{name} must be {requirement}, got {getattr(self, name)}")
        check_choices(self)

    def scale_schedule(self, size: int) -> list[tuple[int, int]]:
        """Return (long side in px, iterations) of every scale up to ``size``, coarsest first."""
        schedule = [(size, self.iterations)]
        iterations = float(self.iterations)
        minimum = MIN_SIDE if self.num_scales else MIN_COARSE_SIZE
        while len(schedule) != self.num_scales and schedule[-1][0] // 2 >= minimum:
            iterations *= self.coarse_iterations_ratio
            schedule.append((schedule[-1][0] // 2, min(round(iterations), MAX_COARSE_ITERATIONS)))
        return [(side, count) for side, count in reversed(schedule) if count]


@dataclass(frozen=True)
class TransferConfig(OptimizeConfig):
    """How a content image is rendered in the style of others."""

    size: int = 512
    """Long side of the result, in px."""
    style_scale: tuple[float, ...] = (1.0,)
    """Size of each style image relative to the result (1: same long side); one applies to all."""
    style_weights: tuple[float, ...] = (1.0,)
    """Weight of each style image, divided by their sum; one number applies to all."""
    color: Color = "style"
    """style: the style's colors; luminance: the content's; match: a palette like the content's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_size(self.size)
        if not (self.style_scale and all(0 < scale < math.inf for scale in self.style_scale)):
            values = ", ".join(map(str, self.style_scale)) or "nothing"
            raise ValueError(f"style_scale must be positive, got {values}")
        if not self.style_weights:
            raise ValueError("style_weights is empty; give one value, or one per style image")
        _check_weights("style_weights", self.style_weights)
        if not sum(self.style_weights) > 0:
            raise ValueError("at least one of the style_weights must be positive")


@dataclass(frozen=True)
class TextureConfig(OptimizeConfig):
    """How a texture is synthesized."""

    width: int = 512
    """Width of the texture, in px."""
    height: int = 512
    """Height of the texture, in px."""
    style_scale: float = 1.0
    """Size of the style image relative to the texture (1: same long side)."""
    tileable: bool = False
    """Whether copies fit side by side; sides are rounded to multiples of 16 px."""
    init: InitWithoutContent = "noise"
    """Initial image of the first scale: noise or gray."""
    objective: ObjectiveConfig = field(
        default_factory=lambda: ObjectiveConfig(pooling="average", tv_weight=2.0)
    )
    """The loss; average pooling as in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.height) < MIN_SIDE:
            raise ValueError(
                f"width and height must be at least {MIN_SIDE} px, got {self.width} x {self.height}"
            )
        if not 0 < self.style_scale < math.inf:
            raise ValueError(f"style_scale must be positive, got {self.style_scale}")


@dataclass(frozen=True)
class ReconstructConfig(OptimizeConfig):
    """What is reconstructed from which layer."""

    layer: str = "relu4_2"
    """The layer whose content is matched, or the deepest one whose style is."""
    target: Target = "content"
    """content: the layer's features; style: the statistics of all style layers up to it."""
    size: int = 384
    """Long side of the result, in px."""
    init: InitWithoutContent = "noise"
    """Initial image of the first scale: noise or gray."""
    num_scales: int = 1
    """Scales from coarse to fine, each half the size of the next."""
    iterations: int = 200
    """Optimizer steps at the final scale."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layers([self.layer])
        _check_size(self.size)

    @property
    def target_objective(self) -> ObjectiveConfig:
        """The loss of this reconstruction: the content of one layer, or the style up to it."""
        if self.target == "content":
            return replace(self.objective, strength=0.0, content_layers=(self.layer,))
        order = layer_names()
        nested = [n for n in STYLE_LAYERS if order.index(n) <= order.index(self.layer)]
        layers = tuple(nested) or (self.layer,)
        return replace(
            self.objective, strength=1.0, style_layers=layers, style_layer_weights=(1.0,)
        )


def _check_size(size: int) -> None:
    if size < MIN_SIDE:
        raise ValueError(f"size must be at least {MIN_SIDE} px, got {size}")
