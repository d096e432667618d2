"""Settings of learning a dynamical system. This module doesn't import torch."""

from dataclasses import dataclass
from typing import Literal, get_args

from bowerbird.learning.validate import check_choice
from bowerbird.networks.config import Cell

System = Literal["lorenz", "pendulum"]
Learns = Literal["readout", "everything"]


@dataclass(frozen=True)
class DynamicsConfig:
    """What is observed, and what learns from it."""

    learns: Learns = "readout"
    """readout (an echo state network, in closed form) or everything (by gradients)."""
    cell: Cell = "gru"
    """rnn, gru or lstm, where everything is learned."""
    width: int = 0
    """Units; 0 is 300 for a readout and 64 where everything is learned."""
    paths: int = 40
    """Paths that are learned from."""
    duration: float = 25.0
    """How long each is observed (pendulum: s; Lorenz: its own unit)."""
    tests: int = 40
    """Paths that it is measured on."""
    free: float = 30.0
    """How long it runs free on each."""
    warm: int = 100
    """Observations that it reads before."""
    iterations: int = 4000
    """Steps of learning everything."""
    rate: float = 1e-2
    """Learning rate at its highest, where everything is learned."""
    rows: int = 32
    """Pieces of paths a step."""
    window: int = 64
    """Observations of a piece."""
    seed: int = 0
    """Seed of paths and weights."""

    def __post_init__(self) -> None:
        check_choice(self.learns, get_args(Learns))
        check_choice(self.cell, get_args(Cell))
        if self.paths < 2 or min(self.tests, self.warm, self.iterations, self.rows) < 1:
            raise ValueError("paths are at least 2; tests, warm, iterations and rows at least 1")
        if self.width < 0 or self.window < 8:
            raise ValueError("width is not below 0, window at least 8")
        if not (5 <= self.duration <= 10_000 and 1 <= self.free <= 10_000):
            raise ValueError("duration lies in 5 to 10000, free in 1 to 10000")
        if not 0 < self.rate < 1:
            raise ValueError(f"rate lies between 0 and 1, not at {self.rate}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed lies between 0 and 2^63 - 1, not at {self.seed}")
