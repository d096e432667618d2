"""Settings of the comparison on nested lists. Imports nothing heavy: flags are derived from it."""

import math
from dataclasses import dataclass

from bowerbird.learning.validate import check_fraction, check_range, check_seed
from bowerbird.networks.config import TreeCell

MAX_EXTRA_DEPTH = 20


@dataclass(frozen=True)
class ExpressionsConfig:
    """What both models are trained and evaluated on, their size, and for how long they train."""

    train_depth: int = 4
    """Maximum depth of the expressions to train on."""
    test_depth: int = 8
    """Maximum depth of the expressions to evaluate on."""
    tree_cell: TreeCell = "child-sum"
    """child-sum, which ignores the order of arguments, or n-ary."""
    hidden_size: int = 128
    """Units of the tree-LSTM; the LSTM gets as many weights."""
    embedding_dim: int = 64
    """Size of the token embedding."""
    batch_size: int = 64
    """Expressions per training step."""
    learning_rate: float = 8e-3
    """Maximum learning rate."""
    minutes: float = 1.0
    """Minutes of training for each model, by the clock: no two runs take the same steps."""
    iterations: int = 0
    """Training steps of each model, instead of minutes, so that a run is repeatable; 0: minutes."""
    test_size: int = 1000
    """Expressions of each depth to evaluate on."""
    seed: int = 0
    """Seed of expressions and initial weights."""

    def __post_init__(self) -> None:
        sizes = ("hidden_size", "embedding_dim", "batch_size", "test_size")
        check_range(self, 1, math.inf, *sizes)
        check_range(self, 1, 20, "train_depth")
        check_range(self, 0, math.inf, "iterations")
        if not 0 <= self.test_depth - self.train_depth <= MAX_EXTRA_DEPTH:
            raise ValueError(
                f"test_depth must be in {self.train_depth}..{self.train_depth + MAX_EXTRA_DEPTH} "
                f"for this train_depth, got {self.test_depth}"
            )
        if not 0 < self.minutes <= 24 * 60:
            raise ValueError(f"minutes must be in (0, 1440], got {self.minutes}")
        check_fraction("learning_rate", self.learning_rate)
        if self.iterations and self.minutes != type(self).minutes:
            raise ValueError("iterations and minutes exclude each other; give one of them")
        check_seed(self.seed)
