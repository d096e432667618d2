"""Recurrent networks that predict the next token of a sequence: stacked RNN, LSTM or GRU layers.

A layer reads x_t and its own previous output h_{t-1}. RNN (Elman 1990):
``h = tanh(W x + U h + b)``. LSTM (Hochreiter, Schmidhuber 1997, with the forget gate of Gers 1999):
``i, f, o = sigmoid(...), g = tanh(...), c = f c + i g, h = o tanh(c)``. GRU (Cho et al. 2014):
``r, z = sigmoid(...), n = tanh(W x + b + r (U h + b')), h = (1 - z) n + z h``.

The same weights are used in two ways: ``forward`` reads a whole sequence with torch's fused layers;
``step`` reads one token, so that generating the thousandth token costs as much as the first.

Dropout: Gal and Ghahramani 2016 (arXiv:1512.05287) for one mask for a whole sequence (variational
dropout), Merity, Keskar, Socher 2017 (arXiv:1708.02182) for dropping recurrent weights. Tied
weights: Press and Wolf 2017 (arXiv:1608.05859).

Departures: the GRU resets after the product, as torch and cuDNN do (char-rnn: before it). Weights
are float32; with another ``dtype`` they are converted at each use, and the logits are float32.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from bowerbird.networks.config import Cell, RecurrentConfig
from bowerbird.networks.recurrent_numpy import NumpyStepper

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
State = tuple[Tensor, ...]


class RecurrentLayer(nn.Module):
    """One layer, for a whole sequence or for one token."""

    def __init__(self, inputs: int, config: RecurrentConfig) -> None:
        super().__init__()
        gates = GATES[config.cell] * config.hidden_size
        self.cell: Cell = config.cell
        self.weight_ih = nn.Parameter(torch.empty(gates, inputs))
        self.weight_hh = nn.Parameter(torch.empty(gates, config.hidden_size))
        self.bias_ih = nn.Parameter(torch.zeros(gates))
        # torch's GRU has a second bias inside its reset gate, so one bias is a zero second one
        self.bias_hh = nn.Parameter(torch.zeros(gates)) if config.biases == 2 else None

    def forward(
        self, x: Float[Tensor, "b t i"], state: State, mask: Tensor | None = None
    ) -> tuple[Float[Tensor, "b t h"], State]:
        """Return the outputs and the state after the last; dtype as x.

        ``mask`` multiplies the recurrent weights (dropout of weights).
        """
        hidden = self.weight_hh if mask is None else self.weight_hh * mask
        weights = [
            w.to(x.dtype) for w in (self.weight_ih, hidden, self.bias_ih, self._second_bias())
        ]
        initial = tuple(s.to(x.dtype)[None].contiguous() for s in state)
        # layers, dropout, training, bidirectional, batch first
        rest = (True, 1, 0.0, self.training, False, True)
        if self.cell == "lstm":
            y, h, c = torch.lstm(x, initial, weights, *rest)
            return y, (h[0], c[0])
        fused = torch.gru if self.cell == "gru" else torch.rnn_tanh
        y, h = fused(x, initial[0], weights, *rest)
        return y, (h[0],)

    def step(self, x: Float[Tensor, "b i"], state: State) -> tuple[Float[Tensor, "b h"], State]:
        """Return the output for one more token and the state after it."""
        h = state[0]
        inputs = F.linear(x, self.weight_ih.to(x.dtype), self.bias_ih.to(x.dtype))
        hidden = F.linear(h, self.weight_hh.to(x.dtype), self._second_bias().to(x.dtype))
        if self.cell == "rnn":
            h = torch.tanh(inputs + hidden)
            return h, (h,)
        if self.cell == "gru":
            reset, update = (inputs + hidden)[:, : 2 * h.shape[1]].sigmoid().chunk(2, 1)
            width = 2 * h.shape[1]
            new = torch.tanh(inputs[:, width:] + reset * hidden[:, width:])
            h = new + update * (h - new)
            return h, (h,)
        i, f, g, o = (inputs + hidden).chunk(4, 1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)

    def _second_bias(self) -> Tensor:
        return torch.zeros_like(self.bias_ih) if self.bias_hh is None else self.bias_hh


def with_states(
    layers: nn.ModuleList, state: Sequence[Tensor]
) -> Iterator[tuple[RecurrentLayer, State]]:
    """Yield each layer with its part of the state: h, for an LSTM also c."""
    count = len(state) // len(layers)
    for i, layer in enumerate(layers):
        yield cast(RecurrentLayer, layer), tuple(state[i * count : (i + 1) * count])


def draw_parameter(name: str, p: Tensor, width: int, random: torch.Generator) -> None:
    """Draw a parameter: embeddings normal, biases zero, others uniform within 1/sqrt(width)."""
    if name.startswith("embedding"):
        p.normal_(0, p.shape[1] ** -0.5, generator=random)
    elif p.ndim == 1:
        p.zero_()
    else:
        p.uniform_(-(width**-0.5), width**-0.5, generator=random)


class Recurrent(nn.Module):
    """Tokens in, logits of the next token out; computes in ``dtype``.

    The state is a tuple of tensors (batch, hidden_size): h of each layer, with an LSTM followed by
    its c.
    """

    def __init__(
        self, vocab_size: int, config: RecurrentConfig, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.vocab_size, self.config, self.dtype = vocab_size, config, dtype
        self.random: torch.Generator | None = None  # of dropout masks; None is torch's global one
        size, count = config.hidden_size, config.num_layers
        self.embedding = (
            nn.Embedding(vocab_size, config.embedding_dim) if config.embedding_dim else None
        )
        widths = [config.embedding_dim or vocab_size] + [size] * (count - 1)
        self.layers = nn.ModuleList(RecurrentLayer(inputs, config) for inputs in widths)
        norms = [nn.LayerNorm(size) for _ in range(count if config.layer_norm else 0)]
        self.norms = nn.ModuleList(norms)
        self.decoder = nn.Linear(size, vocab_size)
        if config.tie_weights and self.embedding is not None:
            self.decoder.weight = self.embedding.weight
        self.initialize()

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token: zeros."""
        zero = self.decoder.bias.new_zeros(batch_size, self.config.hidden_size, dtype=self.dtype)
        return (zero,) * self.config.num_states

    def forward(
        self, tokens: Int[Tensor, "b t"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t v"], State]:
        """Return the logits of the token after each of ``tokens``, and the state after them."""
        new: list[Tensor] = []
        x = self._embed(tokens)
        x = self._drop(x, self.config.input_dropout if self.embedding is not None else 0.0)
        old = state or self.initial_state(len(tokens))
        for i, (layer, before) in enumerate(with_states(self.layers, old)):
            y, after = layer(x, before, self._recurrent_mask(layer))
            new += after
            x = self._drop(self._combine(i, x, y), self.config.dropout)
        return self._decode(x), tuple(new)

    def step(self, tokens: Int[Tensor, " b"], state: State) -> tuple[Float[Tensor, "b v"], State]:
        """Return the logits after one more token, and the state after it; without dropout."""
        new: list[Tensor] = []
        x = self._embed(tokens)
        for i, (layer, before) in enumerate(with_states(self.layers, state)):
            y, after = layer.step(x, before)
            new += after
            x = self._combine(i, x, y)
        return self._decode(x), tuple(new)

    def fast_step(self) -> Callable[[Tensor, State], tuple[Tensor, State]]:
        """Return the fastest form of ``step`` on this device, with the current weights."""
        on_cpu = self.decoder.weight.device.type == "cpu"
        return NumpyStepper(self.config, self.state_dict()) if on_cpu else self.step

    def initialize(self, seed: int = 0) -> None:
        """Draw new initial weights."""
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, p in self.named_parameters():
                if name.startswith("norms"):
                    p.fill_(1.0 if name.endswith("weight") else 0.0)
                else:
                    self._draw(name, p, random)
                if self.config.cell == "lstm" and name.endswith("bias_ih"):
                    p.chunk(4)[1].fill_(self.config.forget_bias)

    def _draw(self, name: str, p: Tensor, random: torch.Generator) -> None:
        """Draw the initial values of one parameter, as the configured tool does."""
        style, width = self.config.initialization, self.config.hidden_size
        if style == "char-rnn":
            p.uniform_(-0.08, 0.08, generator=random)
        elif style == "torch-rnn" and name.startswith("embedding"):
            p.normal_(0, 1.0, generator=random)
        elif p.ndim == 1 or name.startswith("embedding"):
            draw_parameter(name, p, width, random)
        elif style == "torch-rnn" and name.startswith("layers"):
            inputs = cast(RecurrentLayer, self.layers[int(name.split(".")[1])]).weight_ih.shape[1]
            p.normal_(0, (width + inputs) ** -0.5, generator=random)
        elif style == "folk-rnn" and name.endswith("weight_hh"):
            for gate in p.chunk(p.shape[0] // width):
                nn.init.orthogonal_(gate, generator=random)
        elif style == "folk-rnn":
            rows = width if name.startswith("layers") else p.shape[0]
            bound = math.sqrt(6 / (rows + p.shape[1]))
            p.uniform_(-bound, bound, generator=random)
        else:
            draw_parameter(name, p, width, random)

    def _embed(self, tokens: Tensor) -> Tensor:
        """Return the input of the first layer."""
        if self.embedding is not None:
            return self.embedding(tokens).to(self.dtype)
        return F.one_hot(tokens, self.vocab_size).to(self.dtype)

    def _combine(self, index: int, x: Tensor, y: Tensor) -> Tensor:
        """Return the output y of a layer, normalized and added to its input x as configured."""
        if self.config.layer_norm:
            y = self.norms[index](y.float()).to(self.dtype)
        return x + y if self.config.residual and index else y

    def _decode(self, x: Tensor) -> Tensor:
        weight, bias = self.decoder.weight.to(self.dtype), self.decoder.bias.to(self.dtype)
        return F.linear(x, weight, bias).float()

    def _drop(self, x: Tensor, p: float) -> Tensor:
        if not (self.training and p):
            return x
        shape = (x.shape[0], 1, x.shape[2]) if self.config.variational_dropout else x.shape
        return x * self._mask(x.new_empty(shape), p)

    def _recurrent_mask(self, layer: RecurrentLayer) -> Tensor | None:
        p = self.config.recurrent_dropout
        if not (self.training and p):
            return None
        return self._mask(torch.empty_like(layer.weight_hh), p)

    def _mask(self, empty: Tensor, p: float) -> Tensor:
        return empty.bernoulli_(1 - p, generator=self.random).div_(1 - p)
