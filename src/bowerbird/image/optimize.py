"""The engine of the image craft: descent over pixels, from coarse to fine, towards an objective.

Transfer, texture and reconstruction are this engine with other materials. Each scale begins with
the enlarged result of the one before (Gatys et al. 2016, "Controlling perceptual factors in neural
style transfer", arXiv:1611.07865, section 6), so that large forms are found where steps are cheap.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.image.masks import fitted
from bowerbird.image.memory import Kept, Share, share_out
from bowerbird.image.objective import Evaluation, Manner, Objective, ObjectiveConfig, see
from bowerbird.image.optimizers import LBFGS, Adam, Descent
from bowerbird.image.statistics import Moments
from bowerbird.learning.config import Precision
from bowerbird.learning.device import Compute, generator, keep_freed_memory, select_compute
from bowerbird.learning.pretrained_weights import open_vgg19
from bowerbird.learning.step import Step
from bowerbird.learning.validate import check_choice
from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import stride, width
from bowerbird.pictures.pixels import fit_long_side, resize

Optimizer = Literal["lbfgs", "adam"]
Start = Literal["photograph", "noise", "gray"]

SMALLEST = 16  # px; below it the deepest layers see nothing
COARSEST = 192  # px; the long side of the first scale if none were asked for: a face is lost below
WIDEST = 4096  # px; a size that may be proposed where a shape is narrow
MOST_STEPS = 500  # at one of the smaller scales, where more change nothing any more


@dataclass(frozen=True)
class PaintingConfig:
    """How any picture is made; transfer, texture and reconstruction each add their own."""

    iterations: int = 40
    """Steps of descent at the final scale."""
    scales: int = 0
    """Sizes that the picture goes through, each half the next; 0 is all down to 192 px."""
    coarse_iterations: float = 1.5
    """Steps at each smaller scale, as a multiple of those at the next larger one."""
    optimizer: Optimizer = "lbfgs"
    """lbfgs, with line search; or adam, whose result is an average of its iterates."""
    rate: float = 0.02
    """Change a step that Adam makes in a pixel, in [0, 1]."""
    average: float = 0.99
    """Decay of the running average of Adam's iterates that is the result; 0 is the last one."""
    start: Start = "photograph"
    """What the first scale begins with: the photograph, noise or gray."""
    seed: int = 0
    """Seed of the noise that a picture may start from."""
    weights: str = "vgg19-codebook"
    """Name of VGG-19's weights (``bowerbird models list``) or a file."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    precision: Precision = "auto"
    """Precision of the network: auto takes bfloat16 where it is faster, else float32."""
    memory: float = 0.0
    """Most memory to use, in GB; 0 is half of the machine's. Larger pictures are seen in tiles."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    """What a good picture is."""

    def __post_init__(self) -> None:
        for name, good, what in (
            ("iterations", self.iterations >= 1, "at least 1"),
            ("scales", self.scales >= 0, "at least 0"),
            ("coarse_iterations", 0 <= self.coarse_iterations < math.inf, "at least 0"),
            ("rate", 0 < self.rate < math.inf, "a number above 0"),
            ("average", 0 <= self.average < 1, "at least 0 and below 1"),
            ("seed", 0 <= self.seed < 2**63, "between 0 and 2^63 - 1"),
            ("memory", 0 <= self.memory < math.inf, "a number of GB from 0 on"),
        ):
            if not good:
                raise ValueError(f"{name} has to be {what}, not {getattr(self, name)}")
        check_choice(self.optimizer, get_args(Optimizer))
        check_choice(self.start, get_args(Start))

    def ladder(self, side: int) -> list[tuple[int, int]]:
        """Return (long side in px, steps) of every scale up to ``side``, the smallest first."""
        rungs = [(side, self.iterations)]
        steps = float(self.iterations)
        least = SMALLEST if self.scales else COARSEST
        while len(rungs) != self.scales and rungs[-1][0] // 2 >= least:
            steps *= self.coarse_iterations
            rungs.append((rungs[-1][0] // 2, min(round(steps), MOST_STEPS)))
        return [(length, count) for length, count in reversed(rungs) if count]


@dataclass(frozen=True)
class Materials:
    """What a picture is made of."""

    shape: tuple[int, int]
    """Height and width that give the result its proportions, in px."""
    content: Float[Tensor, "3 h w"] | None = None
    """The photograph, sRGB in [0, 1], or None for a picture without one."""
    styles: Sequence[Float[Tensor, "3 h2 w2"]] = ()
    """The paintings, sRGB in [0, 1]."""
    style_scales: Sequence[float] = ()
    """The size of each painting beside the picture's (1: the same long side)."""
    style_weights: Sequence[float] = ()
    """The share of each painting."""
    masks: Sequence[Float[Tensor, "h w"]] | None = None
    """The region of each painting, 0 to 1; None mixes all of them everywhere."""
    start: Float[Tensor, "3 h3 w3"] | None = None
    """A picture to begin with, instead of the configuration's start."""
    beside: int = 0
    """Pixels of pictures that are kept beside these: originals of those that were recolored."""
    multiple: int = 1
    """Sides are made multiples of this (16: a picture that can be laid as tiles)."""

    @property
    def given_px(self) -> int:
        """The pixels of all pictures as they were given, and of what is kept beside them."""
        pictures = [*self.styles, *(self.masks or ()), self.content, self.start]
        return self.beside + sum(p.shape[-2] * p.shape[-1] for p in pictures if p is not None)

    def size(self, side: int) -> tuple[int, int]:
        """Return the (height, width) whose long side is ``side`` px."""
        height, width = fit_long_side(*self.shape, side)
        step = self.multiple
        return max(step, round(height / step) * step), max(step, round(width / step) * step)

    def painting_sizes(self, size: tuple[int, int], least: int) -> list[tuple[int, int]]:
        """Return the (height, width) at which each painting is seen beside a picture of a size.

        ``least`` is the length in px that its short side must have.
        """
        sizes = []
        for style, scale in zip(self.styles, self.style_scales, strict=True):
            short, long = sorted(style.shape[1:])
            wanted = min(round(max(size) * scale), long)  # enlarging adds no strokes
            side = max(wanted, -(-least * long // short))
            sizes.append(fit_long_side(style.shape[1], style.shape[2], side))
        return sizes


def paint_steps(
    materials: Materials, config: PaintingConfig, side: int
) -> Iterator[Step[Float[Tensor, "3 h w"]]]:
    """Yield the picture, in [0, 1] and on the processor, after every step of descent.

    Raises ValueError for a device that is not there and for too little memory, and DownloadError.
    """
    began = time.perf_counter()
    ladder = _wide_enough(config.ladder(side), materials, _least_side(config.objective))
    compute = select_compute(config.device, config.precision)
    # what the last scale has no memory for is refused, by its size, before anything is computed
    shares = [_share(materials, config, long_side, compute) for long_side, _ in reversed(ladder)]
    keep_freed_memory()
    painter = _Painter(open_network(config.weights, config.objective, compute), config, materials)
    total, number = sum(steps for _, steps in ladder), 0
    picture: Tensor | None = materials.start
    descent: Descent | None = None
    for (long_side, steps), share in zip(ladder, reversed(shares), strict=True):
        earlier = descent if isinstance(descent, Adam) else None
        descent = None  # its history makes room for the next one's
        descent = painter.begin(materials.size(long_side), share, picture, earlier)
        for i in range(steps):
            losses = descent.step()
            number += 1
            if descent.done:
                total -= steps - i - 1
            picture = painter.shown(descent.picture)[0].detach().clamp(0, 1).cpu()
            scale = f"{picture.shape[2]} x {picture.shape[1]} px" if i == 0 else ""
            note = descent.note or scale
            yield Step(number, total, losses, time.perf_counter() - began, picture, note)
            if descent.done:
                break
        picture = descent.picture[0]


def _least_side(objective: ObjectiveConfig) -> int:
    """Return the px that a side needs for the deepest layer to see anything."""
    return max(SMALLEST, stride(objective.last_layer))


def check_shape(shape: tuple[int, int], side: int, objective: ObjectiveConfig) -> None:
    """Raise ValueError if a picture of this (height, width) has no width left at a long side."""
    _refuse_narrow(shape, fit_long_side(*shape, side), _least_side(objective))


def _refuse_narrow(shape: tuple[int, int], size: tuple[int, int], least: int) -> None:
    """Raise ValueError, with what would do, if ``shape`` has a side below ``least`` at a size."""
    if min(size) >= least:
        return
    enough = math.ceil(least * max(shape) / min(shape))
    mend = f"raise the size to {enough} px" if enough <= WIDEST else "cut it to a wider shape"
    raise ValueError(
        f"the result would have {size[1]} x {size[0]} px and needs {least} px a side; {mend}"
    )


def _wide_enough(
    ladder: list[tuple[int, int]], materials: Materials, least: int
) -> list[tuple[int, int]]:
    """Leave out the scales at which a narrow picture has no width left."""
    _refuse_narrow(materials.shape, materials.size(ladder[-1][0]), least)
    return [(side, steps) for side, steps in ladder if min(materials.size(side)) >= least]


def _share(materials: Materials, config: PaintingConfig, long_side: int, compute: Compute) -> Share:
    """Return what fits into memory at one scale; raise ValueError, with the mend, if too little."""
    objective, size = config.objective, materials.size(long_side)
    layers = objective.content_layers if materials.content is not None else ()
    features = sum(width(name) / stride(name) ** 2 for name in layers)
    paintings = materials.painting_sizes(size, _least_side(objective))
    largest = max((height * width for height, width in paintings), default=0)
    kept = Kept(features, len(materials.masks or ()), materials.given_px, largest)
    return share_out(config.memory, size, compute, kept, objective.edge == "circular")


def open_network(weights: str, objective: ObjectiveConfig, compute: Compute) -> VGG:
    """Return VGG-19 up to the last layer that the objective needs, ready to compute."""
    opened = open_vgg19(weights)
    network = VGG(
        opened.layers,
        opened.preprocessing,
        pooling=objective.pooling,
        edge=objective.edge,
        last=objective.last_layer,
        winograd=compute.winograd,
    )
    network.convolutions.to(compute.dtype)
    return network.to(compute.device)


class _Painter:
    """The materials brought to one size after the other."""

    def __init__(self, network: VGG, config: PaintingConfig, materials: Materials) -> None:
        self.network, self.config, self.materials = network, config, materials
        self.device = network.mean.device
        self.uncovered: tuple[Tensor, Tensor] | None = None
        """The photograph at this size, and how much of each of its pixels is to be painted."""

    def shown(self, painted: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 h w"]:
        """Return the picture: what no mask covers is the photograph, softly where a mask is."""
        return (
            painted
            if self.uncovered is None
            else torch.lerp(self.uncovered[0], painted, self.uncovered[1])
        )

    def begin(
        self, size: tuple[int, int], share: Share, picture: Tensor | None, earlier: Adam | None
    ) -> Descent:
        """Return the descent at a new size; ``picture`` and ``earlier`` are the last one's."""
        config, most = self.config, share.px_at_once
        content = self.materials.content
        there = None if content is None else resize(content, size)[None].to(self.device)
        manners = self._manners(size, most)
        objective = Objective(self.network, config.objective, there, manners, most)
        picture = self._start(size) if picture is None or self._stays() else picture
        here = resize(picture.cpu(), size)[None].to(self.device)
        covered, self.uncovered = objective.covered, None
        if covered is not None and there is not None:
            self.uncovered = there, covered

        def evaluate(painted: Tensor) -> Evaluation:
            found = objective.evaluate(self.shown(painted))
            if self.uncovered is not None:  # the chain rule: where nothing shows, nothing pulls
                found.gradient.mul_(self.uncovered[1])
            return found

        if config.optimizer == "adam":
            return Adam(evaluate, here, config.rate, config.average, earlier)
        return LBFGS(evaluate, here, share.history)

    def _stays(self) -> bool:
        """Tell whether there is nothing to change in the photograph, at no scale."""
        config, materials = self.config, self.materials
        whole = config.start == "photograph" and materials.start is None
        return config.objective.strength == 0 and whole and materials.content is not None

    def _start(self, size: tuple[int, int]) -> Tensor:
        if self.config.start == "photograph" and self.materials.content is not None:
            return self.materials.content
        gray = torch.full((3, *size), 0.5)
        if self.config.start == "gray":
            return gray
        return gray + 0.1 * torch.randn(gray.shape, generator=generator(self.config.seed))

    def _manners(self, size: tuple[int, int], most: int) -> list[Manner]:
        """Return the styles at this scale: one a mask, or one blend of all paintings."""
        materials, seen = self.materials, []
        sizes = materials.painting_sizes(size, _least_side(self.config.objective))
        for style, its_size in zip(materials.styles, sizes, strict=True):
            there = resize(style, its_size)[None].to(self.device)
            seen.append(see(self.network, there, self.config.objective, most))
        if not seen:
            return []
        if materials.masks is None:
            return [Manner(_blend(seen, materials.style_weights))]
        masks = [mask.to(self.device) for mask in fitted(materials.masks, size)]
        mean = sum(materials.style_weights) / len(masks)
        shares = [weight / mean for weight in materials.style_weights]
        return [Manner(s, m, w) for s, m, w in zip(seen, masks, shares, strict=True)]


def _blend(seen: list[dict[str, Moments]], shares: Sequence[float]) -> dict[str, Moments]:
    """Mix the moments a position of several paintings by their shares."""
    whole = sum(shares) or 1.0
    blend: dict[str, Moments] = {}
    for moments, share in zip(seen, shares, strict=True):
        for name, m in moments.items():
            part = m.scaled(share / whole)
            blend[name] = blend[name] + part if name in blend else part
    return blend
