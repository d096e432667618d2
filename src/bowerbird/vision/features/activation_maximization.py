"""Activation maximization: pictures, optimized from noise, to which channels respond most.

``x_c = argmax_x mean over positions of max(A_c(x), 0)``, by gradient ascent with Adam; during
ascent, negative values count a tenth, because a closed rectifier has no gradient. The picture is
parametrized not by pixels but by the spectrum Z of three decorrelated colors:
``x = sigmoid(M irfft2(Z_f (0.1 / max(f, 1/side))^smooth))``, f in cycles per px, so a step changes
coarse shapes more than fine ones, and colors correlate as they do in photographs. Each step shifts
and scales the picture a little, so the result is a shape, not one pattern of pixels.

Source: Erhan, Bengio, Courville, Vincent 2009, "Visualizing higher-layer features of a deep
network"; Simonyan, Vedaldi, Zisserman 2013 (arXiv:1312.6034), section 2; Mordvintsev, Olah, Tyka
2015; Olah, Mordvintsev, Schubert 2017, "Feature visualization" (distill.pub): the preconditioned
spectrum, colors and transformations.
Departures: the spectrum falls faster than theirs (smooth 1.5 instead of 1: less grain after fewer
steps, judged by eye), which replaces Simonyan's L2 decay and total variation; shifts are circular,
as the picture of a spectrum is; no rotation; M is the principal
axes of the logits of RGB in 500 ImageNet photographs, measured by us.
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
from bowerbird.learning.validate import check_range, check_seed
from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import check_channels, receptive_radius, stride
from bowerbird.vision.features.gradient_ascent import LEAK
from bowerbird.vision.features.network import convolution_of, open_network

# Columns: axes of the logits of RGB times their standard deviations (light, blue to yellow, green
# to purple), over the largest one. From 500 photographs of ImageNet, 128 x 128 px each.
COLORS = (
    (0.560, -0.197, 0.053),
    (0.573, -0.004, -0.108),
    (0.599, 0.187, 0.054),
)
NOISE = 0.01  # std of the spectrum at the start; Olah et al.
BATCH_PIXELS = 1 << 18  # px that are optimized together: about half a GB in bfloat16
SCALES = (0.9, 1.1)  # between which each step is scaled
GAIN = 40.0  # of the spectrum where it is not changed, so that a step of Adam is visible
KNEE = 0.1  # cycles per px: where it is not changed


@dataclass(frozen=True)
class VisualizationConfig:
    """How channels are visualized."""

    layer: str = "conv3_1"
    """Layer of VGG-19."""
    channels: tuple[int, ...] = (0,)
    """Channels of the layer, from 0."""
    size: int = 0
    """Side of each picture in px; 0 chooses it by the layer's receptive field."""
    steps: int = 32
    """Steps of ascent."""
    smooth: float = 1.5
    """Power by which the spectrum falls with frequency; 1 is that of photographs (Olah et al.)."""
    learning_rate: float = 0.05
    """Adam's step in the spectrum (Olah et al.)."""
    jitter: int = 8
    """Maximum shift of a step, px (Olah et al.)."""
    seed: int = 0
    """Seed of the noise and of the shifts."""
    weights: str = "vgg19-codebook"
    """Name of VGG-19's weights or a file."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    precision: Precision = "auto"
    """auto, float32 or bfloat16."""

    def __post_init__(self) -> None:
        check_channels(self.layer, self.channels)
        min_size = 2 * stride(self.layer)
        if not self.channels:
            raise ValueError("channels must be at least one number, got none")
        if self.size and self.size < min_size:
            raise ValueError(f"size must be at least {min_size} px, or 0, got {self.size}")
        check_range(self, 1, math.inf, "steps")
        check_range(self, 0, 3, "smooth")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        check_range(self, 0, math.inf, "jitter")
        check_seed(self.seed)

    @property
    def side(self) -> int:
        """The side of each picture in px."""
        return self.size or min(112, max(48, 16 * round(2 * receptive_radius(self.layer) / 16)))

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """The channels in groups that are optimized together."""
        together = max(1, BATCH_PIXELS // self.side**2)
        count = len(self.channels)
        return [self.channels[at : at + together] for at in range(0, count, together)]

    @property
    def total(self) -> int:
        """The steps of the whole job."""
        return len(self.batches) * self.steps


@dataclass(frozen=True, eq=False)
class Visualizations:
    """Pictures of channels, and how active each makes its channel."""

    pictures: Float[Tensor, "n 3 s s"]
    activations: Float[Tensor, " n"]
    """Means over positions of the rectified activation."""
    noise: Float[Tensor, " n"]
    """Activations of the noise that they began with."""


def visualize(config: VisualizationConfig) -> Visualizations:
    """Return a picture, in [0, 1], that activates each channel; errors as ``visualize_steps``."""
    return run_to_end(visualize_steps(config))


def visualize_steps(config: VisualizationConfig) -> Iterator[Step[Visualizations]]:
    """Yield each step of ascent; its preview, all pictures, only with the last step.

    ``losses["activation"]`` is the mean of the channels. Raises DownloadError.
    """
    began = time.perf_counter()
    compute = select_compute(config.device, config.precision)
    keep_freed_memory()
    network = open_network(config.weights, convolution_of(config.layer), compute)
    done: list[Visualizations] = []
    number = 0
    for batch, channels in enumerate(config.batches):
        ascent = _Ascent(network, config, channels, config.seed + batch)
        for _ in range(config.steps):
            activation = ascent.step()
            number += 1
            if number % config.steps == 0:
                done.append(ascent.result())
            preview = _joined(done) if number == config.total else None
            seconds = time.perf_counter() - began
            yield Step(number, config.total, {"activation": activation}, seconds, preview)


def picture_of(
    spectrum: Float[Tensor, "n 3 s f 2"], side: int, smooth: float
) -> Float[Tensor, "n 3 s s"]:
    """Return pictures in (0, 1) from their spectra."""
    rows = torch.fft.fftfreq(side, device=spectrum.device)[:, None]
    columns = torch.fft.rfftfreq(side, device=spectrum.device)[None]
    frequency = (rows.square() + columns.square()).sqrt().clamp(min=1 / side)
    scaled = torch.view_as_complex(spectrum) * (KNEE / frequency).pow(smooth)
    plain = torch.fft.irfft2(scaled, s=(side, side), norm="ortho") * GAIN / side**0.5
    colors = torch.tensor(COLORS, device=spectrum.device)
    return torch.sigmoid(torch.einsum("rc,nchw->nrhw", colors, plain))


class _Ascent:
    """A batch of pictures that are optimized together, each for its channel."""

    def __init__(
        self, network: VGG, config: VisualizationConfig, channels: tuple[int, ...], seed: int
    ) -> None:
        device = network.mean.device
        self.network, self.config = network, config
        self.layer, self.side = convolution_of(config.layer), config.side
        self.index = torch.tensor(channels, device=device)
        self.random = generator(seed)
        shape = (len(channels), 3, self.side, self.side // 2 + 1, 2)
        noise = NOISE * torch.randn(shape, generator=self.random)
        self.spectrum = noise.to(device).requires_grad_()
        self.adam = torch.optim.Adam([self.spectrum], config.learning_rate)
        self.noise = self._activations(self._pictures())

    def step(self) -> float:
        """Take one step; return the mean activation before it."""
        jitter = min(self.config.jitter, self.side - 1)
        down, right = torch.randint(-jitter, jitter + 1, (2,), generator=self.random).tolist()
        low, high = SCALES
        scale = low + (high - low) * float(torch.rand((), generator=self.random))
        moved = picture_of(self.spectrum, self.side, self.config.smooth)
        moved = moved.roll((down, right), (-2, -1))
        size = max(round(self.side * scale), 2 * stride(self.layer))
        moved = F.interpolate(moved, (size, size), mode="bilinear", align_corners=False)
        score = self._mean(moved, LEAK).sum()
        self.adam.zero_grad()
        (-score).backward()
        self.adam.step()
        return float(score.detach()) / len(self.index)

    def result(self) -> Visualizations:
        """Return the pictures as they are."""
        pictures = self._pictures()
        return Visualizations(pictures.cpu(), self._activations(pictures), self.noise)

    def _pictures(self) -> Tensor:
        with torch.no_grad():
            return picture_of(self.spectrum, self.side, self.config.smooth)

    def _activations(self, pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return self._mean(pictures).cpu()

    def _mean(self, pictures: Tensor, leak: float = 0.0) -> Tensor:
        features = self.network(pictures, [self.layer])[self.layer]
        rows = torch.arange(len(self.index), device=self.index.device)
        return F.leaky_relu(features[rows, self.index].float(), leak).mean((-2, -1))


def _joined(parts: list[Visualizations]) -> Visualizations:
    columns = zip(*((one.pictures, one.activations, one.noise) for one in parts), strict=True)
    return Visualizations(*map(torch.cat, columns))
