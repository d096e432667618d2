"""How tables are learned from and judged: settings, without the libraries that follow them.

They are a file of their own so that a command can complain of a wrong file before it imports torch
and scikit-learn.
"""

from dataclasses import dataclass, field
from typing import Literal

from bowerbird.networks.config import Activation, MLPConfig
from bowerbird.prediction.tabular.conformal import COVERAGE
from bowerbird.prediction.tabular.target import Task

Tool = Literal["networks", "linear", "boosting", "sklearn-mlp", "baseline"]
PEERS: tuple[Tool, ...] = ("linear", "boosting", "sklearn-mlp", "baseline")
WIDE = 0.995  # coverage that can be asked for at most


@dataclass(frozen=True)
class MembersConfig:
    """How the networks look and learn."""

    hidden: tuple[int, ...] = (64, 64)
    """Units of each hidden layer."""
    activation: Activation = "silu"
    """relu, tanh, sigmoid, gelu, silu, sine or identity, after each hidden layer."""
    dropout: float = 0.0
    """Share of hidden units that is dropped while learning."""
    members: int = 10
    """Networks that are averaged; each learns without one of as many parts of the rows."""
    epochs: int = 400
    """Most times that all rows are read."""
    patience: int = 20
    """Epochs without a better one after which learning ends."""
    batch: int = 0
    """Rows a step; 0 takes a 16th of the rows, from 32 to 256."""
    rate: float = 2e-3
    """Learning rate of AdamW."""
    weight_decay: float = 0.3
    """Decay of the weights, times the rate."""
    seed: int = 0
    """Seed of parts, first weights, order and dropping."""

    def __post_init__(self) -> None:
        if self.members < 2 or self.epochs < 1 or self.patience < 1 or self.batch < 0:
            raise ValueError("members are at least 2, epochs and patience 1, and batch 0")
        if not 0 < self.rate < 1 or self.weight_decay < 0 or not 0 <= self.seed < 2**32:
            raise ValueError("rate is in 0..1, weight_decay not below 0, seed from 0 to 2^32 - 1")
        MLPConfig((1, *self.hidden, 1), self.activation, self.dropout, self.members)


@dataclass(frozen=True)
class TableConfig:
    """How a table is learned from and judged."""

    task: Task = "auto"
    """regression (a number), classification (one of several classes), or auto, which decides."""
    folds: int = 5
    """Parts that are predicted from the others."""
    coverage: float = COVERAGE
    """Share of intervals, or of sets of classes, that shall hold the truth."""
    compare: bool = True
    """Compare with a linear model, gradient boosting and scikit-learn's own network."""
    keep: tuple[str, ...] = ()
    """Column that is learned from though it would be left out; also several, one flag each."""
    category: tuple[str, ...] = ()
    """Column whose values are names or codes, also if they are digits; also several, one flag each.
    """
    rows: int = 20_000
    """Most rows that are learned from; of more, so many are drawn at random."""
    networks: MembersConfig = field(default_factory=MembersConfig)

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds are at least 2, not {self.folds}")
        if not 0.5 <= self.coverage <= WIDE:
            raise ValueError(f"coverage lies in 0.5..{WIDE}, not at {self.coverage}")
        if self.rows < 10:
            raise ValueError(f"rows are at least 10, not {self.rows}")

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What is compared, ours first."""
        return ("networks", *PEERS) if self.compare else ("networks", "baseline")
