"""Recurrent networks over real numbers: vectors in, vectors out, one step or a whole sequence.

The layers are those of ``recurrent.py`` (RNN, LSTM, GRU). Above them lies a linear readout, which
reads the input too: ``y_t = V h_t + S x_t + a``. It begins at zero, so that a network that has
learned nothing says nothing.

``echo`` draws the weights of an echo state network (Jaeger 2001, GMD report 148): a simple layer
that is not learned, its recurrent matrix sparse and scaled to a spectral radius below 1, so that
what it was told long ago fades. Only V, S and a are then learned, and in closed form.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.networks.recurrent import RecurrentConfig, RecurrentLayer, State

CONNECTIONS = 10  # recurrent weights of a unit in an echo state network


class RecurrentRegressor(nn.Module):
    """Sequences of vectors in, a vector for each moment out.

    A state is a tuple of tensors (batch, width): h of each layer, with an LSTM followed by its c.
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
        """Draw the first weights anew: uniform within 1/sqrt(width); the readout is zero."""
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

    def echo(self, seed: int = 0, *, radius: float = 0.8, reach: float = 0.3) -> None:
        """Draw the weights below the readout so that they need not be learned.

        ``radius`` is the spectral radius of the recurrent weights, of which each unit has about
        ten; inputs and biases are uniform within ``reach``. Raises ValueError for gated cells.
        """
        if self.config.cell != "rnn":
            raise ValueError(f"an echo state network has the cell rnn, not {self.config.cell}")
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for layer in self.all_layers():
                width = self.config.hidden_size
                past = torch.randn(width, width, generator=random, dtype=torch.float64)
                past *= torch.rand(width, width, generator=random) < CONNECTIONS / width
                largest = float(torch.linalg.eigvals(past).abs().max())
                layer.weight_hh.copy_(past * (radius / max(largest, 1e-12)))
                layer.weight_ih.uniform_(-reach, reach, generator=random)
                layer.bias_ih.uniform_(-reach, reach, generator=random)

    def all_layers(self) -> list[RecurrentLayer]:
        """Return the layers, the lowest first."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    def start(self, batch: int) -> State:
        """Return the state before the first moment: zeros."""
        count = sum(layer.states() for layer in self.all_layers())
        return (self.readout.bias.new_zeros(batch, self.config.hidden_size),) * count

    def forward(
        self, x: Float[Tensor, "b t i"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t o"], State]:
        """Return the output at every moment and the state after the last."""
        h, state = self.hidden(x, state)
        return self.readout(h) + self.skip(x), state

    def hidden(
        self, x: Float[Tensor, "b t i"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t h"], State]:
        """Return what the readout reads at every moment, and the state after the last."""
        left = list(state if state is not None else self.start(len(x)))
        after: list[Tensor] = []
        for layer in self.all_layers():
            own, left = tuple(left[: layer.states()]), left[layer.states() :]
            x, own = layer(x, own)
            after += own
        return x, tuple(after)

    def step(self, x: Float[Tensor, "b i"], state: State) -> tuple[Float[Tensor, "b o"], State]:
        """Return the output at one more moment, and the state after it."""
        left: list[Tensor] = list(state)
        after: list[Tensor] = []
        h = x
        for layer in self.all_layers():
            own, left = tuple(left[: layer.states()]), left[layer.states() :]
            h, own = layer.step(h, own)
            after += own
        return self.readout(h) + self.skip(x), tuple(after)
