"""The step of a recurrent network in NumPy: reading one token at a time, as fast as a CPU can.

With a batch of one, a step is the product of a matrix and a vector, which takes as long as reading
the weights from the cache: 4 MB for an LSTM of 512 units. NumPy's product on one thread nearly
reaches that (57 us; torch's takes 89, AMD Zen 4), and its other operations cost a microsecond
instead of three. It reads the weights again for each row of a batch, so from four rows on torch's
product is faster. The first layer's product with the embedding of a token is looked up in a table.

Everything is float32. Weights of 8 bits would change the result and are no faster here (26 us).
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from bowerbird.networks.config import RecurrentConfig
from bowerbird.threads import single_blas_thread

Array = np.ndarray
MAX_VECTORS = 3  # rows of a batch that are multiplied one by one


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
        old = [s.float().numpy() for s in state]
        new: list[Array] = []
        x = self.table[tokens.numpy()]
        with single_blas_thread():
            for index, layer in enumerate(self.layers):
                layer_state, old = old[: layer.num_states], old[layer.num_states :]
                y, layer_state = layer(x, layer_state)
                new += layer_state
                if self.norms:
                    y = _layer_norm(y, *self.norms[index])
                x = x + y if self.residual and index else y
            logits = _product(x, self.decoder) + self.decoder_bias
        return torch.from_numpy(logits), tuple(map(torch.from_numpy, new))


class _Layer:
    """One layer; the first reads a row of the table instead of its input's product."""

    def __init__(self, config: RecurrentConfig, index: int, arrays: Mapping[str, Array]) -> None:
        self.cell, self.width, self.first = config.cell, config.hidden_size, index == 0
        self.num_states = 2 if config.cell == "lstm" else 1
        name = f"layers.{index}"
        self.inputs, self.hidden = arrays[f"{name}.weight_ih"], arrays[f"{name}.weight_hh"]
        self.bias, second = arrays[f"{name}.bias_ih"], arrays.get(f"{name}.bias_hh")
        # the GRU's second bias is inside its reset gate
        self.second = second if self.cell == "gru" else None
        if second is not None and self.cell != "gru":
            self.bias = self.bias + second

    def __call__(self, x: Array, state: list[Array]) -> tuple[Array, list[Array]]:
        """Return the output for one more token and the state after it."""
        h, width = state[0], self.width
        inputs = x if self.first else _product(x, self.inputs) + self.bias
        hidden = _product(h, self.hidden)
        if self.cell == "rnn":
            h = np.tanh(inputs + hidden)
            return h, [h]
        if self.cell == "gru":
            hidden = hidden if self.second is None else hidden + self.second
            gates = _sigmoid(inputs[:, : 2 * width] + hidden[:, : 2 * width])
            new = np.tanh(inputs[:, 2 * width :] + gates[:, :width] * hidden[:, 2 * width :])
            h = new + gates[:, width:] * (h - new)
            return h, [h]
        gates = inputs + hidden
        new = np.tanh(gates[:, 2 * width : 3 * width])
        gates = _sigmoid(gates)
        c = gates[:, width : 2 * width] * state[1] + gates[:, :width] * new
        h = gates[:, 3 * width :] * np.tanh(c)
        return h, [h, c]


def _array(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def _product(x: Array, weight: Array) -> Array:
    """Return x weight^T."""
    if len(x) > MAX_VECTORS:
        return F.linear(torch.from_numpy(x), torch.from_numpy(weight)).numpy()
    product = np.empty((len(x), len(weight)), np.float32)
    for row, out in zip(x, product, strict=True):
        np.dot(weight, row, out=out)
    return product


def _sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)  # unlike exp, tanh can't overflow


def _layer_norm(x: Array, weight: Array, bias: Array) -> Array:
    centered = x - x.mean(1, keepdims=True)
    std = np.sqrt(np.square(centered).mean(1, keepdims=True) + 1e-5)
    return centered / std * weight + bias
