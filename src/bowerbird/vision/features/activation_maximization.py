"""Activation maximization: pictures, grown from noise, to which channels respond most.

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

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.config import Precision
from bowerbird.learning.device import Compute, generator, keep_freed_memory, select_compute
from bowerbird.learning.step import Step, run_to_end
from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import check_channels, receptive_radius, stride
from bowerbird.vision.features.gradient_ascent import LEAK
from bowerbird.vision.features.network import convolution_of, open_sight

# Columns: axes of the logits of RGB times their standard deviations (light, blue to yellow, green
# to purple), over the largest deviation. From 500 photographs of ImageNet, 128 x 128 px each.
COLORS = (
    (0.560, -0.197, 0.053),
    (0.573, -0.004, -0.108),
    (0.599, 0.187, 0.054),
)
NOISE = 0.01  # deviation of the spectrum at the start; Olah et al.
AT_ONCE = 1 << 18  # px that are grown together: about half a GB in bfloat16
SCALES = (0.9, 1.1)  # between which each step is scaled
GAIN = 40.0  # of the spectrum where it is not changed, so that a step of Adam can be seen
KNEE = 0.1  # cycles a px: where it is not changed


@dataclass(frozen=True)
class UnitsConfig:
    """How what channels like is grown."""

    layer: str = "conv3_1"
    """Layer of VGG-19."""
    channels: tuple[int, ...] = (0,)
    """Channels of the layer, from 0."""
    size: int = 0
    """Side of each picture in px; 0 is what suits how far the layer sees."""
    steps: int = 32
    """Steps of ascent."""
    smooth: float = 1.5
    """Power by which the spectrum falls with frequency; 1 is that of photographs (Olah et al.)."""
    rate: float = 0.05
    """Adam's step in the spectrum (Olah et al.)."""
    jitter: int = 8
    """Most px by which a step is shifted (Olah et al.)."""
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
        least = 2 * stride(self.layer)
        for name, good, what in (
            ("channels", len(self.channels) > 0, "at least one number"),
            ("size", self.size == 0 or self.size >= least, f"at least {least} px, or 0"),
            ("steps", self.steps >= 1, "at least 1"),
            ("smooth", 0 <= self.smooth <= 3, "between 0 and 3"),
            ("rate", self.rate > 0, "above 0"),
            ("jitter", self.jitter >= 0, "at least 0 px"),
            ("seed", 0 <= self.seed < 2**63, "between 0 and 2^63 - 1"),
        ):
            if not good:
                raise ValueError(f"{name} has to be {what}, not {getattr(self, name)}")

    @property
    def side(self) -> int:
        """The side of each picture in px."""
        return self.size or min(112, max(48, 16 * round(2 * receptive_radius(self.layer) / 16)))

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """The channels in groups that are grown together."""
        together = max(1, AT_ONCE // self.side**2)
        count = len(self.channels)
        return [self.channels[at : at + together] for at in range(0, count, together)]

    @property
    def total(self) -> int:
        """The steps of the whole job."""
        return len(self.batches) * self.steps


@dataclass(frozen=True, eq=False)
class Grown:
    """Pictures of channels, and how active each makes its channel."""

    pictures: Float[Tensor, "n 3 s s"]
    activations: Float[Tensor, " n"]
    """Means over positions of the rectified activation."""
    noise: Float[Tensor, " n"]
    """Activations of the noise that they began with."""


def grow(config: UnitsConfig | None = None) -> Grown:
    """Return a picture, in [0, 1], for each channel that raises it; errors as ``grow_steps``."""
    return run_to_end(grow_steps(config))


def grow_steps(config: UnitsConfig | None = None) -> Iterator[Step[Grown]]:
    """Yield each step of ascent; its preview, all pictures, only with the last step.

    ``losses["activation"]`` is the mean of the channels. Raises DownloadError.
    """
    config = config or UnitsConfig()
    began = time.perf_counter()
    compute = select_compute(config.device, config.precision)
    keep_freed_memory()
    network = open_sight(config.weights, convolution_of(config.layer), compute)
    done: list[Grown] = []
    for batch, numbers in enumerate(config.batches):
        garden = _Garden(network, config, numbers, compute, batch)
        for index in range(config.steps):
            score = garden.step()
            number = batch * config.steps + index + 1
            if index + 1 == config.steps:
                done.append(garden.grown())
            last = number == config.total
            yield Step(
                number,
                config.total,
                {"activation": score},
                time.perf_counter() - began,
                _joined(done) if last else None,
            )


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


class _Garden:
    """A batch of pictures that grow together, each towards its channel."""

    def __init__(
        self, network: VGG, config: UnitsConfig, channels: tuple[int, ...], at: Compute, batch: int
    ) -> None:
        self.network, self.config = network, config
        self.layer, self.side = convolution_of(config.layer), config.side
        self.index = torch.tensor(channels, device=at.device)
        self.random = generator(config.seed + batch)
        shape = (len(channels), 3, self.side, self.side // 2 + 1, 2)
        noise = NOISE * torch.randn(shape, generator=self.random)
        self.spectrum = noise.to(at.device).requires_grad_()
        self.adam = torch.optim.Adam([self.spectrum], config.rate)
        self.noise = self._activations(self._shown())

    def step(self) -> float:
        """Take one step; return the mean activation before it."""
        jitter = min(self.config.jitter, self.side - 1)
        down, right = torch.randint(-jitter, jitter + 1, (2,), generator=self.random).tolist()
        low, high = SCALES
        scale = low + (high - low) * float(torch.rand((), generator=self.random))
        seen = picture_of(self.spectrum, self.side, self.config.smooth)
        seen = seen.roll((down, right), (-2, -1))
        size = max(round(self.side * scale), 2 * stride(self.layer))
        seen = F.interpolate(seen, (size, size), mode="bilinear", align_corners=False)
        score = self._mean(seen, LEAK).sum()
        self.adam.zero_grad()
        (-score).backward()
        self.adam.step()
        return float(score.detach()) / len(self.index)

    def grown(self) -> Grown:
        """Return the pictures as they are."""
        shown = self._shown()
        return Grown(shown.cpu(), self._activations(shown), self.noise)

    def _shown(self) -> Tensor:
        with torch.no_grad():
            return picture_of(self.spectrum, self.side, self.config.smooth)

    def _activations(self, pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return self._mean(pictures).cpu()

    def _mean(self, pictures: Tensor, leak: float = 0.0) -> Tensor:
        features = self.network(pictures, [self.layer])[self.layer]
        rows = torch.arange(len(self.index), device=self.index.device)
        return F.leaky_relu(features[rows, self.index].float(), leak).mean((-2, -1))


def _joined(parts: list[Grown]) -> Grown:
    return Grown(
        torch.cat([part.pictures for part in parts]),
        torch.cat([part.activations for part in parts]),
        torch.cat([part.noise for part in parts]),
    )
