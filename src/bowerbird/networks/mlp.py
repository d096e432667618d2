"""Multilayer perceptrons, whose weights may be masked, shared or windowed.

    h_0 = x,   h_l = phi(W_l h_{l-1} + b_l),   y = W_L h_{L-1} + b_L

A ``Ties`` gives, for each entry of ``W``, the index of its free weight: weights forced to zero
(``masked``), weights shared by a symmetry (``shared``), windowed connections (``windowed``). A
windowed map whose weights are shared along the positions is a convolution.

Sources: Rumelhart, Hinton, Williams 1986 (layers, and weights shared by translation, p. 348 of
Parallel Distributed Processing I); LeCun 1989, "Generalization and network design strategies";
Ravanbakhsh, Schneider, Poczos 2017 (arXiv:1702.08389), equation 4: tying by orbits makes a map
equivariant. Initial weights: Glorot, Bengio 2010, equation 16, counting only the weights that are
not forced to zero.

Departure: one module can hold an ensemble of ``members`` networks and compute them at once.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from bowerbird.networks.config import Activation, MLPConfig

PHI: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "silu": F.silu,
    "sine": torch.sin,
    "identity": lambda x: x,
}
ZERO = -1  # in `Ties`: there is no weight


@dataclass(frozen=True, eq=False)
class Ties:
    """The index of the free weight at each entry of an affine map; -1 where it is zero."""

    weight: Int[Tensor, "outputs inputs"]
    bias: Int[Tensor, " outputs"]

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise ValueError("ties need a matrix (outputs, inputs) and a vector (outputs,)")
        for name, places in (("weight", self.weight), ("bias", self.bias)):
            used = torch.unique(places[places >= 0])
            if places.min() < ZERO or not torch.equal(used, torch.arange(len(used))):
                raise ValueError(f"the indices of the {name} must be 0, 1, 2 ... without a gap")

    @property
    def free(self) -> tuple[int, int]:
        """The number of free weights, and of free biases."""
        return int(self.weight.max()) + 1, int(self.bias.max()) + 1


def masked(mask: Bool[Tensor, "outputs inputs"]) -> Ties:
    """Return ties that force weights to zero where the mask is false; the others are free."""
    numbers = mask.flatten().cumsum(0).reshape(mask.shape) - 1
    return Ties(torch.where(mask, numbers, ZERO), torch.arange(len(mask)))


def shared(
    moves: Sequence[tuple[Int[Tensor, " outputs"], Int[Tensor, " inputs"]]],
    mask: Bool[Tensor, "outputs inputs"],
) -> Ties:
    """Return ties that make a map commute with each move (W[g o, g i] = W[o, i]).

    A move is a permutation of the outputs with the corresponding one of the inputs. A weight is
    forced to zero if the mask is false there or anywhere that a move takes it. Raises ValueError
    for a move that isn't a permutation.
    """
    outputs, inputs = mask.shape
    for move in moves:
        for order, size in zip(move, (outputs, inputs), strict=True):
            if not torch.equal(order.sort().values, torch.arange(size)):
                raise ValueError(f"a move must be a permutation of {size} indices")
    places = [g_o[:, None] * inputs + g_i[None] for g_o, g_i in moves]
    orbit = _orbits(outputs * inputs, [place.flatten() for place in places])
    closed = torch.zeros(outputs * inputs, dtype=torch.bool)
    closed[torch.unique(orbit[~mask.flatten()])] = True
    orbit = torch.where(closed[orbit], ZERO, orbit)
    return Ties(
        _numbered(orbit).reshape(outputs, inputs),
        _numbered(_orbits(outputs, [g_o for g_o, _ in moves])),
    )


def _orbits(size: int, moves: Sequence[Tensor]) -> Tensor:
    """Return for each index the lowest one that repeated moves take it to."""
    lowest = torch.arange(size)
    while True:
        before = lowest
        for move in moves:
            lower = torch.minimum(lowest, lowest[move])  # of an index and of where it goes
            lowest = lower.scatter_reduce(0, move, lower, "amin")
        if torch.equal(lowest, before):
            return lowest


def _numbered(labels: Tensor) -> Tensor:
    """Return labels as 0, 1, 2 ...; ``ZERO`` stays."""
    known = torch.unique(labels[labels >= 0])
    return torch.where(labels >= 0, torch.searchsorted(known, labels), ZERO)


@dataclass(frozen=True)
class Window:
    """The inputs that an output is connected to, on a grid with any number of axes."""

    size: tuple[int, ...] = (3,)
    """Inputs along each axis."""
    stride: int = 1
    """Inputs between the windows of two adjacent outputs."""
    padding: int = 0
    """Positions beyond each border that a window may reach; they are zero."""
    channels: tuple[int, int] = (1, 1)
    """Channels of the input and of the output."""
    shared: bool = True
    """Whether all windows have the same weights: a convolution; else each has its own."""

    def __post_init__(self) -> None:
        if min(*self.size, self.stride, *self.channels) < 1 or self.padding < 0:
            raise ValueError("size, stride and channels must be at least 1, padding not negative")

    def outputs(self, grid: Sequence[int]) -> tuple[int, ...]:
        """Return the outputs along each axis of a grid; raise ValueError if there are none."""
        if len(grid) != len(self.size):
            raise ValueError(f"the grid has {len(grid)} axes, but the window {len(self.size)}")
        outputs = tuple(
            (n + 2 * self.padding - k) // self.stride + 1
            for n, k in zip(grid, self.size, strict=True)
        )
        if min(outputs) < 1:
            raise ValueError(f"a window of {self.size} does not fit into {tuple(grid)}")
        return outputs


def windowed(grid: Sequence[int], window: Window) -> Ties:
    """Return ties between two grids of channels, both with the channel first.

    Flattened like ``Tensor.flatten``, the map equals ``conv1d``, ``conv2d`` ... on the same grid,
    and its free weights, in order, are those of the kernel.
    """
    outputs = window.outputs(grid)
    taps = math.prod(window.size)
    n_in, n_out = math.prod(grid), math.prod(outputs)
    c_in, c_out = window.channels
    tap_at = torch.full((n_out, n_in), ZERO)  # which tap of the window an output has there
    for number, place in enumerate(itertools.product(*map(range, outputs))):
        for tap, offset in enumerate(itertools.product(*map(range, window.size))):
            at = [
                p * window.stride + o - window.padding for p, o in zip(place, offset, strict=True)
            ]
            if all(0 <= a < n for a, n in zip(at, grid, strict=True)):
                tap_at[number, _flat(at, grid)] = tap
    pair = torch.arange(c_out * c_in).reshape(c_out, 1, c_in, 1) * taps
    numbers = tap_at[None, :, None] + pair  # (c_out, n_out, c_in, n_in)
    bias = torch.arange(c_out).repeat_interleave(n_out)
    if not window.shared:
        numbers = numbers + torch.arange(n_out).reshape(1, -1, 1, 1) * c_out * c_in * taps
        bias = torch.arange(c_out * n_out)
    numbers = torch.where(tap_at[None, :, None] >= 0, numbers, ZERO)
    return Ties(_numbered(numbers.reshape(c_out * n_out, c_in * n_in)), bias)


def _flat(place: Sequence[int], grid: Sequence[int]) -> int:
    number = 0
    for at, size in zip(place, grid, strict=True):
        number = number * size + at
    return number


class Affine(nn.Module):
    """W x + b, whose entries may be tied; for an ensemble of ``members`` at once."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        ties: Ties | None = None,
        members: int = 0,
        random: torch.Generator | None = None,
    ) -> None:
        """Draw the weights; ``random`` None is torch's global generator."""
        super().__init__()
        if ties is not None and tuple(ties.weight.shape) != (outputs, inputs):
            shape = tuple(ties.weight.shape)
            raise ValueError(f"ties of shape {shape} do not fit a map of {(outputs, inputs)}")
        ensemble = (members,) if members else ()
        self.places: Tensor | None
        self.biases: Tensor | None
        self.register_buffer("places", None if ties is None else ties.weight, persistent=False)
        self.register_buffer("biases", None if ties is None else ties.bias, persistent=False)
        weights, biases = ((outputs, inputs), (outputs,)) if ties is None else _free(ties)
        self.weight = nn.Parameter(torch.empty(*ensemble, *weights))
        self.bias = nn.Parameter(torch.zeros(*ensemble, *biases))
        fans = inputs + outputs if ties is None else _fans(ties)
        bound = math.sqrt(6 / max(fans, 1))
        nn.init.uniform_(self.weight, -bound, bound, generator=random)

    def matrix(self) -> Float[Tensor, "*members outputs inputs"]:
        """Return W with every weight in its places."""
        return self.weight if self.places is None else _placed(self.weight, self.places)

    def forward(self, x: Float[Tensor, "*any inputs"]) -> Float[Tensor, "*any outputs"]:
        """Map (B, inputs), or (members, B, inputs); an ensemble gives (members, B, outputs)."""
        weight = self.matrix()
        bias = self.bias if self.biases is None else _placed(self.bias, self.biases)
        if weight.ndim == 2:
            return F.linear(x, weight, bias)
        return torch.baddbmm(bias[:, None], x.expand(len(weight), *x.shape[-2:]), weight.mT)


def _free(ties: Ties) -> tuple[tuple[int], tuple[int]]:
    weights, biases = ties.free
    return (weights,), (biases,)


def _fans(ties: Ties) -> int:
    """Return Glorot and Bengio's n_j + n_{j+1}, without weights that are forced to zero."""
    used = (ties.weight >= 0).int()
    return int(used.sum(0).max() + used.sum(1).max())


def _placed(free: Tensor, places: Tensor) -> Tensor:
    """Return the free weights in their places; -1 is a zero appended to them."""
    return F.pad(free, (0, 1))[..., places]


class MLP(nn.Module):
    """A multilayer perceptron; ``ties`` are those of layers, by index."""

    def __init__(
        self,
        config: MLPConfig,
        ties: Mapping[int, Ties] | None = None,
        random: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        ties = ties or {}
        if unknown := [number for number in ties if not 0 <= number < len(config.widths) - 1]:
            raise ValueError(
                f"there is no layer {unknown[0]}, only {len(config.widths) - 1} layers"
            )
        self.layers = nn.ModuleList(
            Affine(inputs, outputs, ties.get(number), config.members, random)
            for number, (inputs, outputs) in enumerate(itertools.pairwise(config.widths))
        )

    def features(self, x: Float[Tensor, "*any inputs"]) -> list[Float[Tensor, "*any units"]]:
        """Return the output of each layer; the last is the result."""
        outputs: list[Tensor] = []
        for layer in self.layers:
            value = layer(self._drop(outputs[-1]) if outputs else x)
            last = len(outputs) == len(self.layers) - 1
            outputs.append(value if last else PHI[self.config.activation](value))
        return outputs

    def _drop(self, x: Tensor) -> Tensor:
        p = self.config.dropout
        return F.dropout(x, p) if self.training and p else x

    def forward(self, x: Float[Tensor, "*any inputs"]) -> Float[Tensor, "*any outputs"]:
        """Map (B, inputs) to (B, outputs), or to (members, B, outputs)."""
        return self.features(x)[-1]
