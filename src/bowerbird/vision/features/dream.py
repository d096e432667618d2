"""DeepDream: a picture is changed so that a layer of the network is more active on it.

Step by step ``x <- x + rate * g``, where g is the slope of the layer's activation over the pixels,
its scales made even (``ascent.py``). It begins with a small copy of the picture; what was added
there is enlarged and laid over the next larger copy (an octave), so forms come in several sizes.
Each step first pushes the picture down and right at random, and pulls it back afterwards (jitter),
so that the network's grid of pooling leaves no pattern; a large picture's tiles lie elsewhere at
each step, so that their borders leave none either.

Memory: with tiles of 512 px at most 1.2 GB and 100 bytes a pixel, so 2.4 GB for 12 megapixels.

Source: Mordvintsev, Olah, Tyka 2015, "Inceptionism: going deeper into neural networks", with
GoogLeNet; four octaves of 1.4 and ten steps are those of the notebook published with it.
Departures: VGG-19; the whole layer's energy is taken after rectification (without, a convolution's
negative values would grow too); a picture is pushed and its mirror image comes in, where the
notebook rolls it, which left a bright rim; ``strength`` scales the step: 0.5 is 1/255 of a pixel's
range, on the mean.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.config import Precision
from bowerbird.learning.device import generator, keep_freed_memory, select_compute
from bowerbird.learning.step import Step, run_to_end
from bowerbird.networks.vgg_layers import stride
from bowerbird.pictures.pixels import fit_long_side, resize
from bowerbird.vision.features.gradient_ascent import Target, even, pulled, pushed, slope
from bowerbird.vision.features.network import check_channels, check_seen, open_sight

RATE = 2 / 255  # mean change of a pixel in a step at strength 1
BANDS = 4  # of frequency in the slope, each an octave; Mordvintsev et al.
LEAST_TILE = 64  # px; below it a tile sees nothing but its own border


@dataclass(frozen=True)
class DreamConfig:
    """How a picture is dreamt on."""

    layer: str = "conv4_3"
    """Layer of VGG-19 that is made more active: conv1_1 ... conv5_4, relu..., pool1 ... pool5."""
    channels: tuple[int, ...] = ()
    """Channels of the layer, from 0; none is the whole layer."""
    size: int = 512
    """Long side of the result in px; a smaller picture keeps its own, and so do all with 0."""
    strength: float = 0.5
    """How far a dream goes, from 0 (the picture) to 1."""
    octaves: int = 4
    """Sizes that a dream goes through, the picture's own last."""
    octave_scale: float = 1.4
    """How many times larger each is than the one before (Mordvintsev et al.)."""
    steps: int = 10
    """Steps of a dream at each size (Mordvintsev et al.)."""
    jitter: int = 32
    """Most px by which a dream is pushed at each step."""
    tile: int = 512
    """Most px a side that the network sees at once; larger pictures are seen in tiles."""
    seed: int = 0
    """Seed of the shifts, and of the noise that units are grown from."""
    weights: str = "vgg19-codebook"
    """Name of VGG-19's weights (``bowerbird models list``) or a file."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    precision: Precision = "auto"
    """Precision of the network: auto takes bfloat16 where it is faster, else float32."""

    def __post_init__(self) -> None:
        for name, good, what in (
            ("size", self.size == 0 or self.size >= 16, "at least 16 px, or 0"),
            ("strength", 0 <= self.strength <= 1, "between 0 and 1"),
            ("octaves", self.octaves >= 1, "at least 1"),
            ("octave_scale", 1 < self.octave_scale < math.inf, "above 1"),
            ("steps", self.steps >= 1, "at least 1"),
            ("jitter", self.jitter >= 0, "at least 0 px"),
            ("tile", self.tile >= LEAST_TILE, f"at least {LEAST_TILE} px"),
            ("seed", 0 <= self.seed < 2**63, "between 0 and 2^63 - 1"),
        ):
            if not good:
                raise ValueError(f"{name} has to be {what}, not {getattr(self, name)}")
        if self.layer:
            check_channels(self.layer, self.channels)

    def seen(self, picture: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h2 w2"]:
        """Return a picture at the size at which it is looked at, float32 on the processor."""
        picture = picture.detach().to("cpu", torch.float32)
        height, width = picture.shape[1:]
        if not self.size or max(height, width) <= self.size:
            return picture.clamp(0, 1)
        return resize(picture, fit_long_side(height, width, self.size))

    def octave_sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the (height, width) of every octave, smallest first, that the layer can see."""
        factors = [self.octave_scale**-number for number in range(self.octaves)]
        sizes = [(round(size[0] * f), round(size[1] * f)) for f in factors]
        least = 2 * stride(self.layer)
        return [size, *(one for one in sizes[1:] if min(one) >= least)][::-1]


def dream(
    picture: Float[Tensor, "3 h w"], config: DreamConfig | None = None
) -> Float[Tensor, "3 h2 w2"]:
    """Return a picture, sRGB in [0, 1], dreamt on; raise ValueError as ``dream_steps`` does."""
    return run_to_end(dream_steps(picture, config))


def dream_steps(
    picture: Float[Tensor, "3 h w"], config: DreamConfig | None = None
) -> Iterator[Step[Float[Tensor, "3 h2 w2"]]]:
    """Yield the dream, in [0, 1] and on the processor, after every step of ascent.

    ``losses["activation"]`` is the target before the step, a mean over the pixels. Raises
    ValueError for a picture that is none or too small for the layer, and FetchError.
    """
    config = config or DreamConfig()
    began = time.perf_counter()
    picture = config.seen(picture)
    check_seen(picture, config.layer)
    compute = select_compute(config.device, config.precision)
    if max(picture.shape) <= config.tile:  # tiles of many sizes leave gaps in what is kept
        keep_freed_memory()
    network = open_sight(config.weights, config.layer, compute)
    target, random = Target(config.layer, config.channels), generator(config.seed)
    sizes = config.octave_sizes((picture.shape[1], picture.shape[2]))
    added: Tensor | None = None
    number = 0
    for size in sizes:
        copy = resize(picture, size)[None].to(compute.device)
        x = copy if added is None else (copy + _stretched(added, size)).clamp_(0, 1)
        for index in range(config.steps):
            push, corner = _draw(size, config.jitter, random), _draw(size, config.tile, random)
            gradient, score = slope(network, pushed(x, push), target, config.tile, corner)
            gradient = even(pulled(gradient, push), BANDS)
            x = x.add(gradient, alpha=config.strength * RATE).clamp_(0, 1)
            del gradient
            number += 1
            note = "" if index else f"{size[1]} x {size[0]} px"
            seconds = time.perf_counter() - began
            whole = len(sizes) * config.steps
            yield Step(number, whole, {"activation": score}, seconds, x[0].cpu(), note)
        added = x - copy


def _stretched(x: Float[Tensor, "1 3 h w"], size: tuple[int, int]) -> Tensor:
    """Enlarge what a dream has added, which may be negative."""
    return F.interpolate(x, size, mode="bicubic", align_corners=False)


def _draw(size: tuple[int, int], most: int, random: torch.Generator) -> tuple[int, int]:
    """Draw a place (row, column) of at most ``most`` px that lies within a picture."""
    row, column = (
        int(torch.randint(0, min(most, side - 1) + 1, (), generator=random)) for side in size
    )
    return row, column
