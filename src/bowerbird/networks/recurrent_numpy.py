"""A recurrent network that reads one sign at a time, as quickly as a processor can.

At a batch of one, a step is a product of a matrix and a vector, and its time is that of reading
the weights from the cache: 4 MB for an LSTM of 512 units. NumPy's product comes near to that
(23 us; torch's takes 54, AMD Zen 5), and its other operations cost a microsecond instead of three.
The first layer's product with a single sign is looked up in a table.

Everything is float32: unlike 8-bit weights, which are no faster here (26 us), it changes nothing.
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from bowerbird.networks.config import RecurrentConfig

Array = np.ndarray


class NumpyStepper:
    """``Recurrent.step`` on a CPU, for one network with the weights that it has now."""

    def __init__(self, config: RecurrentConfig, weights: Mapping[str, Tensor]) -> None:
        """Take the configuration and the state dict of a ``Recurrent``."""
        arrays = {name: _array(tensor) for name, tensor in weights.items()}
        self.residual = config.residual
        self.layers = [_Layer(config, i, arrays) for i in range(config.num_layers)]
        self.norms = [
            (arrays[f"norms.{i}.weight"], arrays[f"norms.{i}.bias"])
            for i in range(config.num_layers if config.layer_norm else 0)
        ]
        self.decoder, self.decoder_bias = arrays["decoder.weight"], arrays["decoder.bias"]
        first, embedding = self.layers[0], arrays.get("embedding.weight")
        inputs = np.eye(len(self.decoder)) if embedding is None else embedding
        self.table = np.ascontiguousarray((inputs @ first.inputs.T + first.bias), np.float32)

    def __call__(
        self, tokens: Int[Tensor, " b"], state: tuple[Tensor, ...]
    ) -> tuple[Float[Tensor, "b v"], tuple[Tensor, ...]]:
        """Return the float32 logits of the token after ``tokens``, and the state after them."""
        left = [s.float().numpy() for s in state]
        after: list[Array] = []
        x = self.table[tokens.numpy()]
        for place, layer in enumerate(self.layers):
            own, left = left[: layer.states], left[layer.states :]
            y, own = layer(x, own)
            after += own
            if self.norms:
                y = _normalized(y, *self.norms[place])
            x = x + y if self.residual and place else y
        logits = _times(x, self.decoder) + self.decoder_bias
        return torch.from_numpy(logits), tuple(map(torch.from_numpy, after))


class _Layer:
    """One layer; the first reads a row of the table instead of its input's product."""

    def __init__(self, config: RecurrentConfig, index: int, arrays: Mapping[str, Array]) -> None:
        self.cell, self.width, self.first = config.cell, config.hidden_size, index == 0
        self.states = 2 if config.cell == "lstm" else 1
        name = f"layers.{index}"
        self.inputs, self.hidden = arrays[f"{name}.weight_ih"], arrays[f"{name}.weight_hh"]
        self.bias, second = arrays[f"{name}.bias_ih"], arrays.get(f"{name}.bias_hh")
        # the GRU's second bias is inside its reset gate
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
