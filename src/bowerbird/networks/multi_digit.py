"""A convolutional network that finds multi-digit numbers in pictures and reads them as a whole.

The probability of a number S of length L is that of Goodfellow, Bulatov, Ibarz, Arnoud and Shet
2013 (arXiv:1312.6082, section 3):

    log P(S | X) = log P(L | X) + sum over i = 1..L of log P(s_i | X)

with L in 0, 1, ..., 5 and "more than 5", and one softmax of ten for each of five digits. The most
probable number is found exactly: the best digit at each position, then the best length.

The trunk is fully convolutional and has two more heads: a detector, which predicts for every cell
of 8 x 8 px of a large picture whether the center of a number is there and how far its sides are
(Tian et al. 2019, FCOS, arXiv:1904.01355); and, in a crop, the boxes of the number and of each
digit.

Departures from the paper: residual blocks with standardized weights (Brock et al. 2021,
arXiv:2102.06171) in place of locally connected layers, no dropout, and far fewer weights.
Each digit is classified from a grid of features over its predicted box, and all five share one
classifier, which needs far fewer pictures than five classifiers of the whole crop. The paper leaves
localization to another network.
"""

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from bowerbird.networks.config import MultiDigitConfig

MAX_DIGITS = 5
LENGTHS = MAX_DIGITS + 2  # 0, 1, ..., 5, more
GAIN = (2 / (1 - 1 / torch.pi)) ** 0.5  # keeps the variance through a ReLU (Brock et al., eq. 2)
STRIDE = 8  # px of a cell
GRID = 4  # points over a digit, in each direction
GRID_EXTENT = 0.9  # distance of the outermost points, as a fraction of half the digit's side
INITIAL_LOGIT = -4.0  # of every cell before training: numbers are rare


@dataclass(frozen=True, eq=False)
class Reading:
    """The predictions for B crops; positions are fractions of the crop's side."""

    lengths: Float[Tensor, "B 7"]
    """log P(L | X)."""
    digits: Float[Tensor, "B 5 10"]
    """log P(s_i | X)."""
    box: Float[Tensor, "B 4"]
    """Left, top, right, bottom of the whole number."""
    boxes: Float[Tensor, "B 5 4"]
    """The same for each digit."""


class _Conv(nn.Module):
    """A 3 x 3 convolution whose weights have mean 0 and variance 1 / inputs at each output."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.gain = nn.Parameter(torch.ones(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride = stride

    def forward(self, x: Float[Tensor, "B inputs h w"]) -> Float[Tensor, "B outputs h2 w2"]:
        weight = self.weight.float()
        mean = weight.mean((1, 2, 3), keepdim=True)
        spread = weight.var((1, 2, 3), keepdim=True, unbiased=False)
        scale = GAIN * self.gain.float()[:, None, None, None]
        weight = (weight - mean) * scale * (spread * weight[0].numel() + 1e-4).rsqrt()
        weight = weight.to(x.dtype, memory_format=torch.channels_last)
        return F.conv2d(x, weight, self.bias.to(x.dtype), self.stride, 1)


class _Block(nn.Module):
    """x + a f(x), with a that begins at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _Conv(width, width), _Conv(width, width)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "B c h w"]) -> Float[Tensor, "B c h w"]:
        inner = self.second(F.relu(self.first(F.relu(x))))
        return x + self.share.to(x.dtype) * inner


class MultiDigit(nn.Module):
    """The network that finds numbers in pictures and reads them."""

    def __init__(self, config: MultiDigitConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c, d = config.channels
        self.early = nn.Sequential(
            nn.PixelUnshuffle(2),  # 2 x 2 px as channels: a convolution of 6 x 6 px and stride 2
            *(_Conv(12, a), nn.ReLU()),
            *(_Conv(a, b, 2), _Block(b), nn.ReLU()),
        )
        self.late = nn.Sequential(_Conv(b, c, 2), _Block(c), _Block(c), nn.ReLU())
        self.finder = nn.Sequential(_Conv(c, 48), nn.ReLU())
        self.cells = nn.Conv2d(48, 5, 1)
        with torch.no_grad():
            cast(Tensor, self.cells.bias)[0] = INITIAL_LOGIT
        self.reader = nn.Sequential(_Conv(c, d, 2), _Block(d), nn.ReLU())
        self.inner = nn.Linear(d * (config.crop_size // 16) ** 2, config.hidden_size)
        self.outer = nn.Linear(config.hidden_size, LENGTHS + 4 + MAX_DIGITS * 4)
        self.glimpse = nn.Linear(b * GRID**2, config.glimpse_size)
        self.digit = nn.Linear(config.glimpse_size, 10)

    def find(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 5 H/8 W/8"]:
        """Return for each cell the logit that the center of a number is there, and its sides.

        Pixels are in [-1, 1]; H and W are multiples of 8. The sides are logarithms of the distances
        from the cell's center to left, top, right, bottom, in cells.
        """
        inner = self.finder(self.late(self._early(x)))
        bias = cast(Tensor, self.cells.bias).to(x.dtype)
        return F.conv2d(inner, self.cells.weight.to(x.dtype), bias).float()

    def read(
        self, x: Float[Tensor, "B 3 side side"], given: Float[Tensor, "B 5 4"] | None = None
    ) -> Reading:
        """Read crops with pixels in [-1, 1].

        ``given`` are boxes of digits to use instead of the predicted ones; NaN uses the predicted
        one.
        """
        early = self._early(x)
        features = self.reader(self.late(early)).flatten(1).float()
        outputs = self.outer(F.relu(self.inner(features)))
        lengths, box, boxes = outputs.split((LENGTHS, 4, MAX_DIGITS * 4), 1)
        boxes = boxes.unflatten(1, (MAX_DIGITS, 4)) + 0.5
        at = boxes.detach() if given is None else torch.where(given.isnan(), boxes.detach(), given)
        digits = self.digit(F.relu(self.glimpse(_grid_features(early.float(), at))))
        return Reading(lengths.log_softmax(1), digits.log_softmax(2), box + 0.5, boxes)

    def forward(
        self,
        crops: Float[Tensor, "B 3 side side"],
        scenes: Float[Tensor, "N 3 H W"],
        given: Float[Tensor, "B 5 4"] | None = None,
    ) -> tuple[Reading, Float[Tensor, "N 5 H/8 W/8"]]:
        """Read crops, and find numbers in scenes."""
        return self.read(crops, given), self.find(scenes)

    def _early(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B c H/4 W/4"]:
        return self.early(x.contiguous(memory_format=torch.channels_last))


def as_input(pixels: Int[Tensor, "B H W 3"], dtype: torch.dtype) -> Float[Tensor, "B 3 H W"]:
    """Return pixels in [0, 255] as the network's input, in [-1, 1]."""
    return (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).to(dtype)


def _grid_features(
    features: Float[Tensor, "B c h w"], boxes: Float[Tensor, "B n 4"]
) -> Float[Tensor, "B n c*g*g"]:
    """Return features on a grid over each box, interpolated between the cells."""
    steps = torch.linspace(-GRID_EXTENT, GRID_EXTENT, GRID, device=boxes.device)
    middle, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
    x = middle[..., :1] + half[..., :1] * steps  # (B, n, g), fractions of the side
    y = middle[..., 1:] + half[..., 1:] * steps
    grid = torch.stack(
        [x[:, :, None, :].expand(-1, -1, GRID, -1), y[..., None].expand(-1, -1, -1, GRID)], -1
    )
    flat = (2 * grid - 1).flatten(2, 3)  # (B, n, g g, 2) in [-1, 1], as grid_sample needs
    sampled = F.grid_sample(features, flat, padding_mode="border", align_corners=False)
    return sampled.transpose(1, 2).flatten(2)


def log_probability(
    reading: Reading, lengths: Int[Tensor, " B"], digits: Int[Tensor, "B 5"]
) -> Float[Tensor, " B"]:
    """Return log P(S | X) in nats; digits beyond the length, and all of length 6, don't count."""
    position = torch.arange(MAX_DIGITS, device=lengths.device)
    counted = (position < lengths[:, None]) & (lengths[:, None] <= MAX_DIGITS)
    log_p = reading.digits.gather(2, digits[..., None])[..., 0]
    return reading.lengths.gather(1, lengths[:, None])[:, 0] + (log_p * counted).sum(1)


def most_probable(
    reading: Reading,
) -> tuple[Int[Tensor, " B"], Int[Tensor, "B 5"], Float[Tensor, " B"]]:
    """Return the length, the digits and log P of the most probable number of each crop."""
    best, digits = reading.digits.max(2)
    sums = F.pad(best.cumsum(1), (1, 0))  # of the first 0, 1, ..., 5 digits
    log_p = reading.lengths + torch.cat([sums, torch.zeros_like(sums[:, :1])], 1)
    best_log_p, length = log_p.max(1)
    return length, digits, best_log_p
