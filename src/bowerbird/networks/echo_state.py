"""Recurrent networks on sequences of vectors, and echo state networks.

The layers are those of ``recurrent.py`` (RNN, LSTM, GRU). A linear readout on top also reads the
input: ``y_t = V h_t + S x_t + a``. It starts at zero, so that an untrained network outputs zeros.

``initialize_reservoir`` draws the weights of an echo state network (Jaeger 2001, GMD report 148): a
layer that isn't trained, whose recurrent matrix is sparse and scaled to a spectral radius below 1,
so that old inputs fade. Only V, S and a are then trained, in closed form.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.networks.recurrent import RecurrentConfig, RecurrentLayer, State

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
        width = self.config.hidden_size
        with torch.no_grad():
            for layer in self.all_layers():
                for name, p in layer.named_parameters():
                    if name.startswith("weight"):
                        p.uniform_(-(width**-0.5), width**-0.5, generator=random)
                    else:
                        p.zero_()
                if self.config.cell == "lstm":
                    layer.bias_ih[width : 2 * width] = self.config.forget_bias
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
            for layer in self.all_layers():
                width = self.config.hidden_size
                weights = torch.randn(width, width, generator=random, dtype=torch.float64)
                weights *= torch.rand(width, width, generator=random) < CONNECTIONS / width
                largest = float(torch.linalg.eigvals(weights).abs().max())
                layer.weight_hh.copy_(weights * (spectral_radius / max(largest, 1e-12)))
                layer.weight_ih.uniform_(-input_scale, input_scale, generator=random)
                layer.bias_ih.uniform_(-input_scale, input_scale, generator=random)

    def all_layers(self) -> list[RecurrentLayer]:
        """Return the layers, from the input up."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first step: zeros."""
        count = sum(layer.num_states for layer in self.all_layers())
        return (self.readout.bias.new_zeros(batch_size, self.config.hidden_size),) * count

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
        old = list(state if state is not None else self.initial_state(len(x)))
        new: list[Tensor] = []
        for layer in self.all_layers():
            layer_state, old = tuple(old[: layer.num_states]), old[layer.num_states :]
            x, layer_state = layer(x, layer_state)
            new += layer_state
        return x, tuple(new)

    def step(self, x: Float[Tensor, "b i"], state: State) -> tuple[Float[Tensor, "b o"], State]:
        """Return the output of one more step, and the state after it."""
        old: list[Tensor] = list(state)
        new: list[Tensor] = []
        h = x
        for layer in self.all_layers():
            layer_state, old = tuple(old[: layer.num_states]), old[layer.num_states :]
            h, layer_state = layer.step(h, layer_state)
            new += layer_state
        return self.readout(h) + self.skip(x), tuple(new)
