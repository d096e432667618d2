"""DeepDream: change a picture so that a layer of the network is more active on it.

Each step is ``x <- x + rate * g``, where g is the gradient of the layer's activation, normalized by
frequency (``gradient_ascent.py``). It starts with a small copy of the picture; what was added there
is enlarged and added to the next larger copy (an octave), so shapes appear at several sizes. Each
step shifts the picture at random and back again (jitter), so that the pooling grid leaves no
pattern; the tiles of a large picture move from step to step, so that their borders leave none.

Memory: with tiles of 512 px at most 1.2 GB plus 100 bytes per pixel: 2.4 GB for 12 megapixels.

Source: Mordvintsev, Olah, Tyka 2015, "Inceptionism: going deeper into neural networks", with
GoogLeNet; four octaves of 1.4 and ten steps are those of the notebook published with it.
Departures: VGG-19; the whole layer's energy is taken after rectification (without, a convolution's
negative values would grow too); the picture is shifted with reflection at the border, where the
notebook rolls it, which left a bright rim; ``strength`` scales the step: 0.5 is 1/255 of a pixel's
range, on average.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.device import generator, keep_freed_memory, select_compute
from bowerbird.learning.step import Step, run_to_end
from bowerbird.pictures.pixels import fit_long_side, resize
from bowerbird.vision.config import DreamConfig
from bowerbird.vision.features.gradient_ascent import (
    Target,
    activation_gradient,
    normalize_bands,
    shift,
    unshift,
)
from bowerbird.vision.features.network import check_picture, open_network

RATE = 2 / 255  # mean change of a pixel in a step at strength 1
BANDS = 4  # of the gradient's frequencies, one octave each; Mordvintsev et al.


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
    ValueError for a picture that is none or too small for the layer, and DownloadError.
    """
    config = config or DreamConfig()
    began = time.perf_counter()
    picture = at_size(picture, config.size)
    check_picture(picture, config.layer)
    compute = select_compute(config.device, config.precision)
    if max(picture.shape) <= config.tile:  # tiles of many sizes leave gaps in what is kept
        keep_freed_memory()
    network = open_network(config.weights, config.layer, compute)
    target, random = Target(config.layer, config.channels), generator(config.seed)
    sizes = config.octave_sizes((picture.shape[1], picture.shape[2]))
    added: Tensor | None = None
    number = 0
    for size in sizes:
        copy = resize(picture, size)[None].to(compute.device)
        x = copy if added is None else (copy + _stretched(added, size)).clamp_(0, 1)
        for index in range(config.steps):
            push, corner = _draw(size, config.jitter, random), _draw(size, config.tile, random)
            gradient, score = activation_gradient(
                network, shift(x, push), target, config.tile, corner
            )
            gradient = normalize_bands(unshift(gradient, push), BANDS)
            x = x.add(gradient, alpha=config.strength * RATE).clamp_(0, 1)
            del gradient
            number += 1
            note = "" if index else f"{size[1]} x {size[0]} px"
            seconds = time.perf_counter() - began
            whole = len(sizes) * config.steps
            yield Step(number, whole, {"activation": score}, seconds, x[0].cpu(), note)
        added = x - copy


def at_size(picture: Float[Tensor, "3 h w"], size: int) -> Float[Tensor, "3 h2 w2"]:
    """Return a picture reduced to a long side of ``size`` px, float32 on the processor.

    Smaller pictures, and all with size 0, keep their size.
    """
    picture = picture.detach().to("cpu", torch.float32)
    height, width = picture.shape[1:]
    if not size or max(height, width) <= size:
        return picture.clamp(0, 1)
    return resize(picture, fit_long_side(height, width, size))


def _stretched(x: Float[Tensor, "1 3 h w"], size: tuple[int, int]) -> Tensor:
    """Enlarge what a dream has added, which may be negative."""
    return F.interpolate(x, size, mode="bicubic", align_corners=False)


def _draw(size: tuple[int, int], most: int, random: torch.Generator) -> tuple[int, int]:
    """Draw a place (row, column) of at most ``most`` px that lies within a picture."""
    row, column = (
        int(torch.randint(0, min(most, side - 1) + 1, (), generator=random)) for side in size
    )
    return row, column
