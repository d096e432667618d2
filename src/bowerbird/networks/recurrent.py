"""Recurrent networks that predict the next sign of a sequence: RNN, LSTM and GRU, stacked.

A layer reads x_t and its own last output h_{t-1}. Simple (Elman 1990):
``h = tanh(W x + U h + b)``. LSTM (Hochreiter, Schmidhuber 1997, with the forget gate of Gers 1999):
``i, f, o = sigmoid(...), g = tanh(...), c = f c + i g, h = o tanh(c)``. GRU (Cho et al. 2014):
``r, z = sigmoid(...), n = tanh(W x + b + r (U h + b')), h = (1 - z) n + z h``.

The same weights run in two forms: ``forward`` takes a whole window by torch's fused layers;
``step`` takes one sign, so that writing costs the same for the thousandth sign as for the first.

Dropout: Gal and Ghahramani 2016 (arXiv:1512.05287) for one mask a window (``locked``), Merity,
Keskar, Socher 2017 (arXiv:1708.02182) for dropping recurrent weights. Tied weights: Press and Wolf
2017 (arXiv:1608.05859).

Departures: the GRU resets after the product, as torch and cuDNN do (char-rnn: before it). Weights
are float32; with another ``dtype`` they are converted at each use, the logits are float32 again.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from bowerbird.networks.config import Cell, RecurrentConfig
from bowerbird.networks.recurrent_numpy import NumpyStepper

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
State = tuple[Tensor, ...]


class RecurrentLayer(nn.Module):
    """One layer over a whole window, or over one sign."""

    def __init__(self, inputs: int, config: RecurrentConfig) -> None:
        super().__init__()
        rows, width = GATES[config.cell] * config.hidden_size, config.hidden_size
        self.cell: Cell = config.cell
        self.weight_ih = nn.Parameter(torch.empty(rows, inputs))
        self.weight_hh = nn.Parameter(torch.empty(rows, width))
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        # torch's GRU has a second bias inside its reset gate, so one bias is a zero second one
        self.bias_hh = nn.Parameter(torch.zeros(rows)) if config.biases == 2 else None

    def states(self) -> int:
        """Return how many tensors carry this layer's past."""
        return 2 if self.cell == "lstm" else 1

    def forward(
        self, x: Float[Tensor, "b t i"], state: State, kept: Tensor | None = None
    ) -> tuple[Float[Tensor, "b t h"], State]:
        """Return the outputs at every sign and the state after the last; float type as x.

        ``kept`` multiplies the weights from the layer to itself (dropout of weights).
        """
        hidden = self.weight_hh if kept is None else self.weight_hh * kept
        weights = [w.to(x.dtype) for w in (self.weight_ih, hidden, self.bias_ih, self._second())]
        first = tuple(s.to(x.dtype)[None].contiguous() for s in state)
        # layers, dropout, training, bidirectional, batch first
        rest = (True, 1, 0.0, self.training, False, True)
        if self.cell == "lstm":
            y, h, c = torch.lstm(x, first, weights, *rest)
            return y, (h[0], c[0])
        fused = torch.gru if self.cell == "gru" else torch.rnn_tanh
        y, h = fused(x, first[0], weights, *rest)
        return y, (h[0],)

    def step(self, x: Float[Tensor, "b i"], state: State) -> tuple[Float[Tensor, "b h"], State]:
        """Return the output after one more sign and the state after it."""
        h = state[0]
        ours = F.linear(x, self.weight_ih.to(x.dtype), self.bias_ih.to(x.dtype))
        past = F.linear(h, self.weight_hh.to(x.dtype), self._second().to(x.dtype))
        if self.cell == "rnn":
            h = torch.tanh(ours + past)
            return h, (h,)
        if self.cell == "gru":
            reset, update = (ours + past)[:, : 2 * h.shape[1]].sigmoid().chunk(2, 1)
            width = 2 * h.shape[1]
            new = torch.tanh(ours[:, width:] + reset * past[:, width:])
            h = new + update * (h - new)
            return h, (h,)
        i, f, g, o = (ours + past).chunk(4, 1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)

    def _second(self) -> Tensor:
        return torch.zeros_like(self.bias_ih) if self.bias_hh is None else self.bias_hh


class Recurrent(nn.Module):
    """Signs in, a score for each possible next sign out.

    ``vocabulary`` is the number of signs; ``dtype`` what it computes in. A state is a tuple of
    tensors (batch, width): h of each layer, with an LSTM followed by its c.
    """

    def __init__(
        self, vocabulary: int, config: RecurrentConfig, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.vocabulary, self.config, self.dtype = vocabulary, config, dtype
        self.random: torch.Generator | None = None  # whose masks are drawn; None is torch's own
        self.embedding = (
            nn.Embedding(vocabulary, config.embedding_dim) if config.embedding_dim else None
        )
        widths = [config.embedding_dim or vocabulary] + [config.hidden_size] * (
            config.num_layers - 1
        )
        self.layers = nn.ModuleList(RecurrentLayer(inputs, config) for inputs in widths)
        normal = [
            nn.LayerNorm(config.hidden_size)
            for _ in range(config.num_layers if config.layer_norm else 0)
        ]
        self.norms = nn.ModuleList(normal)
        self.decoder = nn.Linear(config.hidden_size, vocabulary)
        if config.tie_weights and self.embedding is not None:
            self.decoder.weight = self.embedding.weight
        self.initialize()

    def start(self, batch: int) -> State:
        """Return the state before the first sign: zeros."""
        count = sum(layer.states() for layer in self.all_layers())
        zero = self.decoder.bias.new_zeros(batch, self.config.hidden_size, dtype=self.dtype)
        return (zero,) * count

    def forward(
        self, signs: Int[Tensor, "b t"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t v"], State]:
        """Return the scores (logits) of what follows each sign, and the state after the last."""
        left = list(state if state is not None else self.start(signs.shape[0]))
        after: list[Tensor] = []
        x = self._enter(signs)
        x = self._drop(x, self.config.input_dropout if self.embedding is not None else 0.0)
        for i, layer in enumerate(self.all_layers()):
            own, left = tuple(left[: layer.states()]), left[layer.states() :]
            y, own = layer(x, own, self._kept(layer))
            after += own
            x = self._drop(self._leave(i, x, y), self.config.dropout)
        return self._decode(x), tuple(after)

    def step(self, signs: Int[Tensor, " b"], state: State) -> tuple[Float[Tensor, "b v"], State]:
        """Return the scores of what follows one more sign, and the state after it.

        Nothing is dropped: this is the form for writing, not for learning.
        """
        left: list[Tensor] = list(state)
        after: list[Tensor] = []
        x = self._enter(signs)
        for i, layer in enumerate(self.all_layers()):
            own, left = tuple(left[: layer.states()]), left[layer.states() :]
            y, own = layer.step(x, own)
            after += own
            x = self._leave(i, x, y)
        return self._decode(x), tuple(after)

    def fast_step(self) -> Callable[[Tensor, State], tuple[Tensor, State]]:
        """Return the quickest form of ``step`` here, with the weights that are there now."""
        on_processor = self.decoder.weight.device.type == "cpu"
        return NumpyStepper(self.config, self.state_dict()) if on_processor else self.step

    def all_layers(self) -> list[RecurrentLayer]:
        """Return the layers, the lowest first."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    def initialize(self, seed: int = 0) -> None:
        """Draw the first weights anew."""
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, p in self.named_parameters():
                if name.startswith("norms"):
                    p.fill_(1.0 if name.endswith("weight") else 0.0)
                else:
                    self._draw(name, p, random)
            if self.config.cell == "lstm":
                width = self.config.hidden_size
                for layer in self.all_layers():
                    layer.bias_ih[width : 2 * width] = self.config.forget_bias

    def _draw(self, name: str, p: Tensor, random: torch.Generator) -> None:
        """Draw the first values of one parameter, as the tool in the configuration does."""
        style, width = self.config.initialization, self.config.hidden_size
        if style == "char-rnn":
            p.uniform_(-0.08, 0.08, generator=random)
        elif name.startswith("embedding"):
            p.normal_(0, 1.0 if style == "torch-rnn" else p.shape[1] ** -0.5, generator=random)
        elif p.ndim == 1:
            p.zero_()
        elif style == "torch-rnn" and name.startswith("layers"):
            inputs = self.all_layers()[int(name.split(".")[1])].weight_ih.shape[1]
            p.normal_(0, (width + inputs) ** -0.5, generator=random)
        elif style == "folk-rnn" and name.endswith("weight_hh"):
            for gate in p.chunk(p.shape[0] // width):
                nn.init.orthogonal_(gate, generator=random)
        elif style == "folk-rnn":
            rows = width if name.startswith("layers") else p.shape[0]
            bound = math.sqrt(6 / (rows + p.shape[1]))
            p.uniform_(-bound, bound, generator=random)
        else:
            p.uniform_(-(width**-0.5), width**-0.5, generator=random)

    def _enter(self, signs: Tensor) -> Tensor:
        """Return what the first layer reads."""
        if self.embedding is not None:
            return self.embedding(signs).to(self.dtype)
        return F.one_hot(signs, self.vocabulary).to(self.dtype)

    def _leave(self, index: int, x: Tensor, y: Tensor) -> Tensor:
        """Return what a layer hands on."""
        if self.config.layer_norm:
            y = self.norms[index](y.float()).to(self.dtype)
        return x + y if self.config.residual and index else y

    def _decode(self, x: Tensor) -> Tensor:
        weight, bias = self.decoder.weight.to(self.dtype), self.decoder.bias.to(self.dtype)
        return F.linear(x, weight, bias).float()

    def _drop(self, x: Tensor, share: float) -> Tensor:
        if not (self.training and share):
            return x
        shape = (x.shape[0], 1, x.shape[2]) if self.config.variational_dropout else x.shape
        return x * self._mask(x.new_empty(shape), share)

    def _kept(self, layer: RecurrentLayer) -> Tensor | None:
        share = self.config.recurrent_dropout
        if not (self.training and share):
            return None
        return self._mask(torch.empty_like(layer.weight_hh), share)

    def _mask(self, empty: Tensor, share: float) -> Tensor:
        return empty.bernoulli_(1 - share, generator=self.random).div_(1 - share)
