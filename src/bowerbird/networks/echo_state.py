"""Recurrent networks on sequences of vectors, and echo state networks.

The layers are those of ``recurrent.py`` (RNN, LSTM, GRU). A linear readout on top also reads the
input: ``y_t = V h_t + S x_t + a``. It starts at zero, so that an untrained network outputs zeros.

``initialize_reservoir`` draws the weights of an echo state network (Jaeger 2001, GMD report 148): a
layer that isn't trained, whose recurrent matrix is sparse and scaled to a spectral radius below 1,
so that old inputs fade. Only V, S and a are then trained, in closed form.
"""

from collections.abc import Iterable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.networks.recurrent import (
    RecurrentConfig,
    RecurrentLayer,
    State,
    draw_parameter,
    with_states,
)

CONNECTIONS = 10  # recurrent weights of a unit in an echo state network


class RecurrentRegressor(nn.Module):
    """Sequences of vectors in, a vector for each step out.

    The state is a tuple of tensors (batch, hidden_size): h of each layer, with an LSTM followed by
    its c.
    """

    def __init__(self, inputs: int, outputs: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        widths = [inputs] + [config.hidden_size] * (config.num_layers - 1)
        self.layers = nn.ModuleList(RecurrentLayer(width, config) for width in widths)
        self.readout = nn.Linear(config.hidden_size, outputs)
        self.skip = nn.Linear(inputs, outputs, bias=False)
        self.initialize()

    def initialize(self, seed: int = 0) -> None:
        """Draw new initial weights: uniform within 1/sqrt(hidden_size); the readout is zero."""
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, p in self.layers.named_parameters():
                draw_parameter(name, p, self.config.hidden_size, random)
                if self.config.cell == "lstm" and name.endswith("bias_ih"):
                    p.chunk(4)[1].fill_(self.config.forget_bias)
            for p in (*self.readout.parameters(), *self.skip.parameters()):
                p.zero_()

    def initialize_reservoir(
        self, seed: int = 0, *, spectral_radius: float = 0.8, input_scale: float = 0.3
    ) -> None:
        """Draw weights below the readout that need no training.

        Each unit has about ten recurrent weights; input weights and biases are uniform within
        ``input_scale``. Raises ValueError for gated cells.
        """
        if self.config.cell != "rnn":
            raise ValueError(f"an echo state network needs the cell rnn, got {self.config.cell}")
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            width = self.config.hidden_size
            for layer in cast(Iterable[RecurrentLayer], self.layers):
                weights = torch.randn(width, width, generator=random, dtype=torch.float64)
                weights *= torch.rand(width, width, generator=random) < CONNECTIONS / width
                largest = float(torch.linalg.eigvals(weights).abs().max())
                layer.weight_hh.copy_(weights * (spectral_radius / max(largest, 1e-12)))
                layer.weight_ih.uniform_(-input_scale, input_scale, generator=random)
                layer.bias_ih.uniform_(-input_scale, input_scale, generator=random)

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first step: zeros."""
        zero = self.readout.bias.new_zeros(batch_size, self.config.hidden_size)
        return (zero,) * self.config.num_states

    def forward(
        self, x: Float[Tensor, "b t i"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t o"], State]:
        """Return the output of every step and the state after the last."""
        h, state = self.hidden(x, state)
        return self.readout(h) + self.skip(x), state

    def hidden(
        self, x: Float[Tensor, "b t i"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t h"], State]:
        """Return the last layer's output of every step, and the state after the last."""
        new: list[Tensor] = []
        for layer, before in with_states(self.layers, state or self.initial_state(len(x))):
            x, after = layer(x, before)
            new += after
        return x, tuple(new)

    def step(self, x: Float[Tensor, "b i"], state: State) -> tuple[Float[Tensor, "b o"], State]:
        """Return the output of one more step, and the state after it."""
        new: list[Tensor] = []
        h = x
        for layer, before in with_states(self.layers, state):
            h, after = layer.step(h, before)
            new += after
        return self.readout(h) + self.skip(x), tuple(new)
