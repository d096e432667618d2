"""Convolutional networks that classify small gray pictures: LeNet-5 as published, and a modern one.

LeNet-5 (LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998, section II.B): 32 x 32 px -> C1, 6 maps by 5 x 5 -> S2 -> C3, 16 maps by
5 x 5, each connected to some of S2's maps (table I) -> S4 -> C5, 120 maps by 5 x 5 -> F6, 84 units
-> 10 radial basis functions (equation 7)

    y_i = sum_j (x_j - w_ij)^2,    w_i: a stylized 7 x 12 drawing of the digit, of -1 and 1.

A subsampling layer adds the four inputs of a unit, times a coefficient, plus a bias, both trained.
Every unit up to F6 squashes its sum by 1.7159 tanh(2/3 a) (equation 6, appendix A). The network has
60,000 parameters. The loss is the mean of (equation 9)

    y_D + log(e^-j + sum_i e^-y_i)

where D is the true class: the cross entropy of the logits -y_0 .. -y_9 and a constant -j for the
class "none of these".

The modern one: 3 x 3 convolutions in pairs, the second of each with stride 2, batch normalization
(Ioffe, Szegedy 2015, arXiv:1502.03167), ReLU, and one linear layer.

Departures: the drawings of the ten digits are ours (the paper's figure 3 is a picture), and so is
j, which the paper doesn't give. The statistics of batch normalization are parameters without a
gradient, so that averaging or storing the weights includes them.
"""

import math
from typing import Any, TypeVar, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.networks.config import DigitNetwork, SmallConvNetConfig

AMPLITUDE, SLOPE = 1.7159, 2 / 3  # of the squashing function, appendix A
J = 10.0  # squared distance from which on a picture is "none of these"; the paper has no number
BACKGROUND, INK = -0.1, 1.175  # inputs of LeNet-5 for white and black, section II.B
MEAN, STD = 0.13, 0.31  # of MNIST's pixels, ink being 1
TABLE_I: tuple[tuple[int, ...], ...] = (  # maps of S2 that each map of C3 is connected to
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
DRAWINGS = """
.#####. ...##.. .#####. .#####. .....## ####### ..####. ####### .#####. .#####.
##...## .####.. ##...## ##...## ....### ##..... .##.... ....... ##...## ##...##
##...## ...##.. .....## .....## ...#### ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## ..##.## ##..... ##..... ....##. ##...## ##...##
##...## ...##.. ....##. .....## .##..## ######. ######. ....##. .#####. ##...##
##...## ...##.. ...##.. ..####. ##...## .....## ##...## ...##.. .#####. .######
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... .....## .....## .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## .....## .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ##...## .....## ##...## ##...## .##.... ##...## ....##.
.#####. .#####. ####### .#####. .....## .#####. .#####. .##.... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""


Layer = TypeVar("Layer", bound=nn.Module)


def _uninitialized(layer: type[Layer], *shape: int, **more: Any) -> Layer:
    """Return a layer with uninitialized weights, on torch's default device."""
    where = torch.get_default_device()
    return nn.utils.skip_init(layer, *shape, device=where, **more)


def squash(a: Tensor) -> Tensor:
    """Return 1.7159 tanh(2/3 a), which is 1 at 1 and -1 at -1."""
    return AMPLITUDE * torch.tanh(SLOPE * a)


def drawn_digits() -> Float[Tensor, "10 84"]:
    """Return the codes of the ten digits, -1 and 1: the 12 rows of a drawing 7 wide."""
    rows = [line.split() for line in DRAWINGS.split("\n") if line]
    drawn = ["".join(row[digit] for row in rows) for digit in range(10)]
    return torch.tensor([[1.0 if pixel == "#" else -1.0 for pixel in digit] for digit in drawn])


class Subsampling(nn.Module):
    """Sum of each 2 x 2 block, times a coefficient, plus a bias; then squashed."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(maps))
        self.bias = nn.Parameter(torch.empty(maps))

    def forward(self, x: Float[Tensor, "b maps h w"]) -> Float[Tensor, "b maps h/2 w/2"]:
        """Return maps of half the height and width."""
        total = 4 * F.avg_pool2d(x, 2)
        return squash(total * self.coefficient[:, None, None] + self.bias[:, None, None])


class TableConvolution(nn.Module):
    """A 5 x 5 convolution between maps that a table connects; then squashed."""

    source: Tensor
    target: Tensor

    def __init__(self, table: tuple[tuple[int, ...], ...], inputs: int) -> None:
        super().__init__()
        pairs = [(target, source) for target, row in enumerate(table) for source in row]
        self.shape = (len(table), inputs, 5, 5)
        self.fan_in = [25 * len(table[target]) for target, _ in pairs]
        self.kernels = nn.Parameter(torch.empty(len(pairs), 5, 5))
        self.bias = nn.Parameter(torch.empty(len(table)))
        self.register_buffer(
            "target", torch.tensor([target for target, _ in pairs]), persistent=False
        )
        self.register_buffer(
            "source", torch.tensor([source for _, source in pairs]), persistent=False
        )

    def forward(self, x: Float[Tensor, "b inputs h w"]) -> Float[Tensor, "b maps h-4 w-4"]:
        """Return maps smaller by 4 in height and width."""
        weight = self.kernels.new_zeros(self.shape)
        weight = weight.index_put((self.target, self.source), self.kernels)
        return squash(F.conv2d(x, weight, self.bias))


class LeNet5(nn.Module):
    """LeNet-5 of 1998: pictures of 28 x 28 px, ink 1, to distances from ten drawn digits."""

    codes: Tensor

    def __init__(self, random: torch.Generator | None = None) -> None:
        super().__init__()
        self.c1, self.s2 = _uninitialized(nn.Conv2d, 1, 6, 5), Subsampling(6)
        self.c3, self.s4 = TableConvolution(TABLE_I, 6), Subsampling(16)
        self.c5, self.f6 = _uninitialized(nn.Conv2d, 16, 120, 5), _uninitialized(nn.Linear, 120, 84)
        self.register_buffer("codes", drawn_digits(), persistent=False)
        self.initialize(random)

    def initialize(self, random: torch.Generator | None = None) -> None:
        """Draw uniform weights within 2.4 / F, F the inputs of a unit (appendix A).

        ``random`` None is torch's global generator, here and in the other networks.
        """
        with torch.no_grad():
            for layer in (self.c1, self.c5, self.f6):
                bound = 2.4 / layer.weight[0].numel()
                for p in layer.parameters():
                    p.uniform_(-bound, bound, generator=random)
            for pool in (self.s2, self.s4):
                pool.coefficient.uniform_(-2.4 / 4, 2.4 / 4, generator=random)
                pool.bias.uniform_(-2.4 / 4, 2.4 / 4, generator=random)
            bounds = 2.4 / torch.tensor(self.c3.fan_in)[:, None, None]
            self.c3.kernels.uniform_(-1, 1, generator=random).mul_(bounds)
            self.c3.bias.uniform_(-2.4 / 75, 2.4 / 75, generator=random)

    def distances(self, ink: Float[Tensor, "b 1 28 28"]) -> Float[Tensor, "b 10"]:
        """Return the squared distance of F6 from each digit's code: y of equation 7."""
        x = F.pad(BACKGROUND + (INK - BACKGROUND) * ink, (2, 2, 2, 2), value=BACKGROUND)
        x = self.s4(self.c3(self.s2(squash(self.c1(x)))))
        x = squash(self.f6(squash(self.c5(x)).flatten(1)))
        return (x[:, None] - self.codes).square().sum(2)

    def forward(self, ink: Float[Tensor, "b 1 28 28"]) -> Float[Tensor, "b 11"]:
        """Return the logits: minus the distances, and -j for "none of these"."""
        away = self.distances(ink)
        return F.pad(-away, (0, 1), value=-J)


class BatchNorm(nn.Module):
    """Batch normalization with its statistics as parameters without a gradient."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(maps)), nn.Parameter(torch.zeros(maps))
        self.mean = nn.Parameter(torch.zeros(maps), requires_grad=False)
        self.variance = nn.Parameter(torch.ones(maps), requires_grad=False)

    def forward(self, x: Float[Tensor, "b maps h w"]) -> Float[Tensor, "b maps h w"]:
        """Normalize by the batch in training, by the running statistics in evaluation."""
        return F.batch_norm(x, self.mean, self.variance, self.weight, self.bias, self.training)


class SmallConvNet(nn.Module):
    """The modern network: pictures of 28 x 28 px, ink 1, to logits."""

    def __init__(self, config: SmallConvNetConfig, random: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        inputs, side = 1, 28
        for width in config.channels:
            side = -(-side // 2)
            for stride in (1, 2):
                convolution = _uninitialized(nn.Conv2d, inputs, width, 3, stride, 1, bias=False)
                layers += [convolution, BatchNorm(width), nn.ReLU()]
                inputs = width
        self.layers = nn.Sequential(*layers)
        self.head = _uninitialized(nn.Linear, inputs * side * side, config.num_classes)
        self.initialize(random)

    def initialize(self, random: torch.Generator | None = None) -> None:
        """Draw uniform weights within 1 / sqrt(F), F the inputs of a unit."""
        for p in self.parameters():
            if p.ndim > 1:  # torch's default
                nn.init.kaiming_uniform_(p, math.sqrt(5), generator=random)
        bound = 1 / math.sqrt(self.head.in_features)
        nn.init.uniform_(self.head.bias, -bound, bound, generator=random)

    def forward(self, ink: Float[Tensor, "b 1 28 28"]) -> Float[Tensor, "b classes"]:
        """Return a logit for each class."""
        x = self.layers((ink - MEAN) / STD)
        return self.head(F.dropout(x.flatten(1), self.config.dropout, self.training))


def digit_network(
    name: DigitNetwork, config: SmallConvNetConfig, random: torch.Generator | None = None
) -> nn.Module:
    """Return the network of this name, which classifies one digit; ``random`` draws its weights."""
    if name not in get_args(DigitNetwork):
        raise ValueError(
            f"network must be one of {', '.join(get_args(DigitNetwork))}, got {name!r}"
        )
    return LeNet5(random) if name == "lenet5" else SmallConvNet(config, random)
