"""The shape of a feed-forward network, which can be told without importing torch."""

from dataclasses import dataclass
from typing import Literal, get_args

Activation = Literal["relu", "tanh", "sigmoid", "gelu", "silu", "sine", "identity"]


@dataclass(frozen=True)
class MLPConfig:
    """The shape of a feed-forward network."""

    widths: tuple[int, ...] = (1, 64, 64, 1)
    """Inputs, units of each hidden layer, outputs."""
    activation: Activation = "relu"
    """relu, tanh, sigmoid, gelu, silu, sine or identity, after each layer but the last."""
    dropout: float = 0.0
    """Share of hidden units that is dropped while learning."""
    members: int = 0
    """Networks of this shape side by side, each with weights of its own; 0 is one alone."""

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths are two or more numbers above 0, not {self.widths}")
        if self.activation not in get_args(Activation):
            known = ", ".join(get_args(Activation))
            raise ValueError(f"{self.activation!r} is not one of {known}")
        if not 0 <= self.dropout < 1 or self.members < 0:
            raise ValueError("dropout is in 0..1 without 1, and members are not below 0")
