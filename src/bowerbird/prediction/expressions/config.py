"""Settings of learning the value of expressions. This module doesn't import torch."""

from dataclasses import dataclass

from bowerbird.networks.config import TreeCell


@dataclass(frozen=True)
class CalculatorConfig:
    """What is learned from, by which networks, for how long."""

    depth: int = 4
    """Depth of the deepest expressions that are learned from."""
    deeper: int = 4
    """How much deeper the deepest are that it is measured on."""
    tree_cell: TreeCell = "child-sum"
    """child-sum, for which arguments have no order, or n-ary."""
    width: int = 128
    """Units of the tree reader; the string reader's are chosen to have as many weights."""
    embedding: int = 64
    """Numbers that stand for a sign."""
    rows: int = 64
    """Expressions a step."""
    rate: float = 8e-3
    """Learning rate at its highest."""
    minutes: float = 1.0
    """Minutes that each reader learns, by the clock: no two runs take the same steps."""
    iterations: int = 0
    """Steps that each reader learns, instead of minutes; so a run can be repeated. 0: by minutes"""
    tests: int = 1000
    """Expressions of each depth that it is measured on."""
    seed: int = 0
    """Seed of expressions and first weights."""

    def __post_init__(self) -> None:
        if min(self.depth, self.width, self.embedding, self.rows, self.tests) < 1:
            raise ValueError("depth, width, embedding, rows and tests are at least 1")
        if not 0 <= self.deeper <= 20 or self.depth > 20:
            raise ValueError("depth and deeper are at most 20, deeper not below 0")
        if not 0 < self.minutes <= 24 * 60 or not 0 < self.rate < 1:
            raise ValueError("minutes are above 0 and at most a day, rate lies between 0 and 1")
        if self.iterations < 0 or (self.iterations and self.minutes != type(self).minutes):
            raise ValueError("iterations are not below 0, and take the place of minutes")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed lies between 0 and 2^63 - 1, not at {self.seed}")
