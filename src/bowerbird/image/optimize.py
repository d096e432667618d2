"""Minimize an objective over the pixels of an image, from coarse to fine.

Transfer, texture and reconstruction are this optimization with different inputs. Each scale starts
from the enlarged result of the one before (Gatys et al. 2016, "Controlling perceptual factors in
neural style transfer", arXiv:1611.07865, section 6), so that large forms are found where steps are
cheap.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.image.config import ObjectiveConfig, OptimizeConfig
from bowerbird.image.masks import resize_masks
from bowerbird.image.objective import Evaluation, Objective, style_statistics
from bowerbird.image.optimizers import LBFGS, Adam, Optimizer
from bowerbird.image.statistics import Moments, add_moments
from bowerbird.image.style_loss import StyleTarget
from bowerbird.image.tiles import MemoryPlan, MemoryUse, plan_memory
from bowerbird.learning.device import Compute, generator, keep_freed_memory, select_compute
from bowerbird.learning.pretrained_weights import open_vgg19
from bowerbird.learning.step import Step
from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import num_channels, stride
from bowerbird.pictures.pixels import fit_long_side, resize

MAX_PROPOSED_SIZE = 4096  # px; the largest size proposed for a narrow image


@dataclass(frozen=True)
class Inputs:
    """The images that an optimization is given."""

    shape: tuple[int, int]
    """Height and width whose proportions the result has, in px."""
    content: Float[Tensor, "3 h w"] | None = None
    """The content image, sRGB in [0, 1], or None."""
    styles: Sequence[Float[Tensor, "3 h2 w2"]] = ()
    """The style images, sRGB in [0, 1]."""
    style_scales: Sequence[float] = ()
    """The size of each style image relative to the result (1: the same long side)."""
    style_weights: Sequence[float] = ()
    """The weight of each style image."""
    masks: Sequence[Float[Tensor, "h w"]] | None = None
    """The region of each style image, 0 to 1; None blends all of them everywhere."""
    init: Float[Tensor, "3 h3 w3"] | None = None
    """The initial image, instead of the configured one."""
    extra_px: int = 0
    """Pixels of images in memory besides these: originals of recolored images."""
    side_multiple: int = 1
    """Sides of the result are multiples of this (16: a tileable image)."""

    @property
    def total_px(self) -> int:
        """The pixels of all images at their own sizes, and of those in memory besides them."""
        images = [*self.styles, *(self.masks or ()), self.content, self.init]
        return self.extra_px + sum(i.shape[-2] * i.shape[-1] for i in images if i is not None)

    def size(self, long_side: int) -> tuple[int, int]:
        """Return the (height, width) of the result with this long side in px."""
        height, width = fit_long_side(*self.shape, long_side)
        step = self.side_multiple
        return max(step, round(height / step) * step), max(step, round(width / step) * step)

    def check_size(self, long_side: int, min_side: int) -> None:
        """Raise ValueError if a side of the result would be shorter than ``min_side`` px."""
        height, width = self.size(long_side)
        if min(height, width) >= min_side:
            return
        sufficient = math.ceil(min_side * max(self.shape) / min(self.shape))
        fix = f"raise the size to {sufficient} px"
        if sufficient > MAX_PROPOSED_SIZE:
            fix = "crop it to a less narrow shape"
        raise ValueError(
            f"the result would be {width} x {height} px, but each side needs at least "
            f"{min_side} px; {fix}"
        )

    def style_sizes(self, size: tuple[int, int], min_side: int) -> list[tuple[int, int]]:
        """Return the (height, width) of each style image for a result of this (height, width).

        The short side of each is at least ``min_side`` px.
        """
        sizes = []
        for style, scale in zip(self.styles, self.style_scales, strict=True):
            short, long = sorted(style.shape[1:])
            target = min(round(max(size) * scale), long)  # enlarging adds no detail
            side = max(target, -(-min_side * long // short))
            sizes.append(fit_long_side(style.shape[1], style.shape[2], side))
        return sizes


def optimize_steps(
    inputs: Inputs, config: OptimizeConfig, size: int
) -> Iterator[Step[Float[Tensor, "3 h w"]]]:
    """Yield the image, in [0, 1] and on the CPU, after every step; its long side is ``size`` px.

    Raises ValueError for a device that does not exist and for too little memory, and DownloadError.
    """
    started = time.perf_counter()
    min_side = config.objective.min_side
    inputs.check_size(size, min_side)
    schedule = [s for s in config.scale_schedule(size) if min(inputs.size(s[0])) >= min_side]
    compute = select_compute(config.device, config.precision)
    # a final scale that does not fit into memory is refused before anything is computed
    plans = [_plan_memory(inputs, config, side, compute) for side, _ in reversed(schedule)]
    keep_freed_memory()
    network = open_network(config.weights, config.objective, compute)
    optimization = _Optimization(network, config, inputs)
    total, number = sum(iterations for _, iterations in schedule), 0
    image: Tensor | None = inputs.init
    optimizer: Optimizer | None = None
    for (side, iterations), plan in zip(schedule, reversed(plans), strict=True):
        coarser = optimizer if isinstance(optimizer, Adam) else None
        optimizer = None  # frees its history before the next one's is allocated
        optimizer = optimization.at_scale(inputs.size(side), plan, image, coarser)
        for i in range(iterations):
            losses = optimizer.step()
            number += 1
            if optimizer.converged:
                total -= iterations - i - 1
            image = optimization.composite(optimizer.image)[0].detach().clamp(0, 1).cpu()
            scale = f"{image.shape[2]} x {image.shape[1]} px" if i == 0 else ""
            note = optimizer.note or scale
            yield Step(number, total, losses, time.perf_counter() - started, image, note)
            if optimizer.converged:
                break
        image = optimizer.image[0]


def _plan_memory(
    inputs: Inputs, config: OptimizeConfig, long_side: int, compute: Compute
) -> MemoryPlan:
    """Return what fits into memory at one scale; raise ValueError if too little does."""
    objective, size = config.objective, inputs.size(long_side)
    layers = objective.content_layers if inputs.content is not None else ()
    features = sum(num_channels(name) / stride(name) ** 2 for name in layers)
    styles = inputs.style_sizes(size, objective.min_side)
    style_px = max((height * width for height, width in styles), default=0)
    use = MemoryUse(features, len(inputs.masks or ()), inputs.total_px, style_px)
    untiled = objective.padding_mode == "circular"
    return plan_memory(config.max_memory, size, compute, use, untiled)


def open_network(weights: str, objective: ObjectiveConfig, compute: Compute) -> VGG:
    """Return VGG-19 up to the last layer that the objective needs, on its device."""
    opened = open_vgg19(weights)
    network = VGG(
        opened.layers,
        opened.preprocessing,
        pooling=objective.pooling,
        padding_mode=objective.padding_mode,
        last=objective.last_layer,
        winograd=compute.winograd,
    )
    network.convolutions.to(compute.dtype)
    return network.to(compute.device)


class _Optimization:
    """The inputs, resized to one scale after the other."""

    def __init__(self, network: VGG, config: OptimizeConfig, inputs: Inputs) -> None:
        self.network, self.config, self.inputs = network, config, inputs
        self.device = network.mean.device
        self.background: tuple[Tensor, Tensor] | None = None
        """The content image at this scale and, per pixel, how much of it is covered by masks."""

    def composite(self, image: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 h w"]:
        """Return the image over the content image, which remains where no mask covers it."""
        if self.background is None:
            return image
        content, coverage = self.background
        return torch.lerp(content, image, coverage)

    def at_scale(
        self, size: tuple[int, int], plan: MemoryPlan, image: Tensor | None, coarser: Adam | None
    ) -> Optimizer:
        """Return the optimizer of a scale; ``image`` and ``coarser`` are those of the last one."""
        config, content = self.config, self.inputs.content
        if content is not None:
            content = resize(content, size)[None].to(self.device)
        styles = self._style_targets(size, plan.max_px)
        objective = Objective(self.network, config.objective, content, styles, plan.max_px)
        image = self._initial_image(size) if image is None or self._is_unchanged() else image
        start = resize(image.cpu(), size)[None].to(self.device)
        coverage, self.background = objective.coverage, None
        if coverage is not None and content is not None:
            self.background = content, coverage

        def evaluate(image: Tensor) -> Evaluation:
            evaluation = objective.evaluate(self.composite(image))
            if self.background is not None:  # the chain rule
                evaluation.gradient.mul_(self.background[1])
            return evaluation

        if config.optimizer == "adam":
            return Adam(evaluate, start, config.learning_rate, config.ema_decay, coarser)
        return LBFGS(evaluate, start, plan.history)

    def _is_unchanged(self) -> bool:
        """Return whether the result is the content image itself, at every scale."""
        config, inputs = self.config, self.inputs
        from_content = config.init == "content" and inputs.init is None
        return config.objective.strength == 0 and from_content and inputs.content is not None

    def _initial_image(self, size: tuple[int, int]) -> Tensor:
        if self.config.init == "content" and self.inputs.content is not None:
            return self.inputs.content
        gray = torch.full((3, *size), 0.5)
        if self.config.init == "gray":
            return gray
        return gray + 0.1 * torch.randn(gray.shape, generator=generator(self.config.seed))

    def _style_targets(self, size: tuple[int, int], max_px: int) -> list[StyleTarget]:
        """Return the targets at this scale: one per mask, or one blend of all style images."""
        inputs, objective = self.inputs, self.config.objective
        statistics = []
        sizes = inputs.style_sizes(size, objective.min_side)
        for style, style_size in zip(inputs.styles, sizes, strict=True):
            image = resize(style, style_size)[None].to(self.device)
            statistics.append(style_statistics(self.network, image, objective, max_px))
        if not statistics:
            return []
        if inputs.masks is None:
            return [StyleTarget(_blend(statistics, inputs.style_weights))]
        masks = [mask.to(self.device) for mask in resize_masks(inputs.masks, size)]
        mean = sum(inputs.style_weights) / len(masks)
        weights = [weight / mean for weight in inputs.style_weights]
        return [StyleTarget(*target) for target in zip(statistics, masks, weights, strict=True)]


def _blend(
    statistics: Sequence[dict[str, Moments]], weights: Sequence[float]
) -> dict[str, Moments]:
    """Return the weighted mean of the moments of several style images."""
    total = sum(weights) or 1.0
    return reduce(
        add_moments,
        (
            {name: m.scaled(weight / total) for name, m in moments.items()}
            for moments, weight in zip(statistics, weights, strict=True)
        ),
    )
