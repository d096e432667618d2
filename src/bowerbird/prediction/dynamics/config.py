"""Settings of learned dynamics. Imports nothing heavy: flags are derived from it."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from bowerbird.learning.validate import check_choice, check_fraction, check_range, check_seed
from bowerbird.networks.config import Cell

System = Literal["lorenz", "pendulum"]
Method = Literal["echo-state", "gradient"]
HIDDEN_SIZES: dict[Method, int] = {"echo-state": 300, "gradient": 64}


@dataclass(frozen=True)
class DynamicsConfig:
    """What is simulated, and which network is trained on it."""

    method: Method = "echo-state"
    """echo-state (random recurrent weights, readout by ridge regression) or gradient (all weights
    by backpropagation)."""
    cell: Cell = "gru"
    """rnn, gru or lstm; for the method gradient."""
    hidden_size: int = 0
    """Units; 0 is 300 for echo-state and 64 for gradient."""
    trajectories: int = 40
    """Trajectories to train on."""
    duration: float = 25.0
    """Duration of each (pendulum: s; Lorenz: its own unit)."""
    test_trajectories: int = 40
    """Trajectories to evaluate on."""
    free_run: float = 30.0
    """Duration of the free run on each."""
    washout: int = 100
    """Observations that the network reads before it runs freely."""
    iterations: int = 4000
    """Training steps; for the method gradient."""
    learning_rate: float = 1e-2
    """Maximum learning rate; for the method gradient."""
    batch_size: int = 32
    """Sequences per training step."""
    sequence_length: int = 64
    """Observations of a sequence."""
    seed: int = 0
    """Seed of trajectories and weights."""

    def __post_init__(self) -> None:
        check_choice(self.method, get_args(Method))
        check_choice(self.cell, get_args(Cell))
        check_range(self, 2, math.inf, "trajectories")
        check_range(self, 1, math.inf, "test_trajectories", "washout", "iterations", "batch_size")
        check_range(self, 0, math.inf, "hidden_size")
        check_range(self, 8, math.inf, "sequence_length")
        check_range(self, 5, 10_000, "duration")
        check_range(self, 1, 10_000, "free_run")
        check_fraction("learning_rate", self.learning_rate)
        check_seed(self.seed)

    @property
    def units(self) -> int:
        """The hidden size, with the method's default filled in."""
        return self.hidden_size or HIDDEN_SIZES[self.method]
