"""Settings of tabular prediction. Imports nothing heavy: the command line derives flags from it."""

import math
from dataclasses import dataclass, field
from typing import Literal

from bowerbird.learning.validate import check_fraction, check_range
from bowerbird.networks.config import Activation, MLPConfig

Task = Literal["auto", "regression", "classification"]
Method = Literal["ensemble", "networks", "linear", "boosting", "sklearn-mlp", "constant"]
LABELS: dict[Method, str] = {
    "ensemble": "ensemble",
    "networks": "networks alone",
    "linear": "linear model",
    "boosting": "boosting",
    "sklearn-mlp": "sklearn's MLP",
    "constant": "constant",
}
BASELINES: tuple[Method, ...] = ("networks", "linear", "boosting", "sklearn-mlp", "constant")
COVERAGE = 0.9
MAX_COVERAGE = 0.995


@dataclass(frozen=True)
class EnsembleConfig:
    """Architecture and training of the ensemble of networks."""

    hidden_sizes: tuple[int, ...] = (64, 64)
    """Units of each hidden layer."""
    activation: Activation = "silu"
    """relu, tanh, sigmoid, gelu, silu, sine or identity, after each hidden layer."""
    dropout: float = 0.0
    """Fraction of hidden units that are dropped in training."""
    members: int = 10
    """Networks whose predictions are averaged; each is trained without one of as many parts."""
    epochs: int = 400
    """Maximum number of passes over the training rows."""
    patience: int = 20
    """Epochs without improvement after which training stops."""
    batch_size: int = 0
    """Rows per training step; 0: a 16th of the rows, between 32 and 256."""
    learning_rate: float = 2e-3
    """Learning rate of AdamW."""
    weight_decay: float = 0.3
    """Weight decay of AdamW."""
    seed: int = 0
    """Seed of parts, initial weights, order of rows and dropout."""

    def __post_init__(self) -> None:
        check_range(self, 2, math.inf, "members")
        check_range(self, 1, math.inf, "epochs", "patience")
        check_range(self, 0, math.inf, "batch_size", "weight_decay")
        check_fraction("learning_rate", self.learning_rate)
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in 0..2^32 - 1, got {self.seed}")
        MLPConfig((1, *self.hidden_sizes, 1), self.activation, self.dropout, self.members)


@dataclass(frozen=True)
class TableConfig:
    """How a table is read, and how its predictions are validated."""

    task: Task = "auto"
    """regression (a number), classification (one of several classes), or auto, which decides."""
    folds: int = 5
    """Folds of the cross-validation."""
    coverage: float = COVERAGE
    """Fraction of intervals, or of sets of classes, that should contain the truth."""
    compare: bool = True
    """Compare with a linear model, gradient boosting and scikit-learn's own network."""
    keep: tuple[str, ...] = ()
    """Column to use although it would be left out; repeat the flag for several."""
    category: tuple[str, ...] = ()
    """Column whose values are names or codes even if they are digits; repeat the flag for several.
    """
    max_rows: int = 20_000
    """Maximum number of rows to train on; of more, a random sample is drawn."""
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)

    def __post_init__(self) -> None:
        check_range(self, 2, math.inf, "folds")
        check_range(self, 0.5, MAX_COVERAGE, "coverage")
        check_range(self, 10, math.inf, "max_rows")

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods to compare, ours first."""
        return ("ensemble", *BASELINES) if self.compare else ("ensemble", "constant")
