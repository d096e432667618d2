"""What networks say of rows, without scikit-learn and skorch, which only learning needs."""

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

ROWS_AT_ONCE = 8192  # that are predicted together
FAR = 1e18  # deviations, whose square is still a number in float32


def as_inputs(x: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "n width"]:
    """Return rows in float32; what is further away than that knows is taken for less far."""
    return np.clip(x, -FAR, FAR).astype(np.float32)


def evaluate(network: nn.Module, x: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "m n out"]:
    """Return what each member says of each row, some rows at a time."""
    x = as_inputs(x)
    device = next(network.parameters()).device
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(x[i : i + ROWS_AT_ONCE]).to(device)).cpu().numpy()
            for i in range(0, len(x), ROWS_AT_ONCE)
        ]
    return np.concatenate(parts, axis=1)


def decoded(
    raw: Float[np.ndarray, "m n out"], classes: int, mean: float, scale: float
) -> Float[np.ndarray, "m n ..."]:
    """Return what networks say in the unit of the target, or as probabilities."""
    values = raw.astype(np.float64)
    if not classes:
        return values[..., 0] * scale + mean
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
