"""A recurrent network that reads one sign at a time, as quickly as a processor can.

At a batch of one, a step is a product of a matrix and a vector, and its time is that of reading
the weights from the cache: 4 MB for an LSTM of 512 units. NumPy's product comes near to that
(23 us; torch's takes 54, AMD Zen 5), and its other operations cost a microsecond instead of three.
The first layer's product with a single sign is looked up in a table.

Everything is float32: unlike 8-bit weights, which are no faster here (26 us), it changes nothing.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:  # it is recurrent.py that needs this file
    from bowerbird.networks.recurrent import Recurrent, RecurrentLayer, State

Array = np.ndarray


class NumpyStepper:
    """The step form of a recurrent network on a processor, with the weights that it has now."""

    def __init__(self, network: "Recurrent") -> None:
        """Take the weights over."""
        config = network.config
        self.width, self.residual = config.hidden_size, config.residual
        self.layers = [_Layer(layer, place) for place, layer in enumerate(network.all_layers())]
        norms = [norm for norm in network.norms if isinstance(norm, torch.nn.LayerNorm)]
        self.norms = [(_array(norm.weight), _array(norm.bias)) for norm in norms]
        first, embedding = self.layers[0], network.embedding
        signs = np.eye(network.vocabulary) if embedding is None else _array(embedding.weight)
        self.table = np.ascontiguousarray((signs @ first.inputs.T + first.bias), np.float32)
        self.decoder = _array(network.decoder.weight)
        self.decoder_bias = _array(network.decoder.bias)

    def __call__(
        self, signs: Int[Tensor, " b"], state: "State"
    ) -> tuple[Float[Tensor, "b v"], "State"]:
        """Return the scores of what follows one more sign, and the state after it, in float32."""
        left = [s.float().numpy() for s in state]
        after: list[Array] = []
        x = self.table[signs.numpy()]
        for place, layer in enumerate(self.layers):
            own, left = left[: layer.states], left[layer.states :]
            y, own = layer(x, own)
            after += own
            if self.norms:
                y = _normalized(y, *self.norms[place])
            x = x + y if self.residual and place else y
        scores = _times(x, self.decoder) + self.decoder_bias
        return torch.from_numpy(scores), tuple(map(torch.from_numpy, after))


class _Layer:
    """One layer over one sign; the first reads what the table has for it."""

    def __init__(self, layer: "RecurrentLayer", place: int) -> None:
        self.cell, self.width, self.states = layer.cell, layer.weight_hh.shape[1], layer.states()
        self.first = place == 0
        self.inputs, self.hidden = _array(layer.weight_ih), _array(layer.weight_hh)
        self.bias = _array(layer.bias_ih)
        second = None if layer.bias_hh is None else _array(layer.bias_hh)
        # the GRU's second bias lies inside its reset gate
        self.second = second if self.cell == "gru" else None
        if second is not None and self.cell != "gru":
            self.bias = self.bias + second

    def __call__(self, x: Array, state: list[Array]) -> tuple[Array, list[Array]]:
        """Return the output and the state after one more sign."""
        h, width = state[0], self.width
        ours = x if self.first else _times(x, self.inputs) + self.bias
        past = _times(h, self.hidden)
        if self.cell == "rnn":
            h = np.tanh(ours + past)
            return h, [h]
        if self.cell == "gru":
            past = past if self.second is None else past + self.second
            gates = _sigmoid(ours[:, : 2 * width] + past[:, : 2 * width])
            new = np.tanh(ours[:, 2 * width :] + gates[:, :width] * past[:, 2 * width :])
            h = new + gates[:, width:] * (h - new)
            return h, [h]
        gates = ours + past
        new = np.tanh(gates[:, 2 * width : 3 * width])
        gates = _sigmoid(gates)
        c = gates[:, width : 2 * width] * state[1] + gates[:, :width] * new
        h = gates[:, 3 * width :] * np.tanh(c)
        return h, [h, c]


def _array(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def _times(x: Array, weight: Array) -> Array:
    """Return x weight^T; a single row is a vector, for which there is a quicker product."""
    return (weight @ x[0])[None] if len(x) == 1 else x @ weight.T


def _sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)  # which, unlike exp, can't overflow


def _normalized(x: Array, weight: Array, bias: Array) -> Array:
    centered = x - x.mean(1, keepdims=True)
    deviation = np.sqrt(np.square(centered).mean(1, keepdims=True) + 1e-5)
    return centered / deviation * weight + bias
