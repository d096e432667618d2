"""A free run compared with the true trajectories.

Valid time: how long the normalized error ``sqrt(mean_i ((s_i - s'_i) / sigma_i)^2)`` stays below
0.4, the threshold of Pathak et al. 2018 (Chaos 28, 041101), who divide by the norm instead;
Vlachas et al. 2020 (arXiv:1910.05266) divide as here and use a threshold of 0.5.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.prediction.dynamics.config import DynamicsConfig, System
from bowerbird.prediction.dynamics.model import DynamicsModel
from bowerbird.prediction.dynamics.systems import GRAVITY, SYSTEMS, energy

Array = np.ndarray
VALID_ERROR = 0.4  # normalized error up to which a prediction is valid


@dataclass(frozen=True)
class FreeRun:
    """Free runs and the true trajectories."""

    system: System
    config: DynamicsConfig
    true: Float[Array, "p t d"]
    predicted: Float[Array, "p t d"]
    error: Float[Array, "p t"]
    """Normalized error of each trajectory over time."""
    one_step_error: float
    """Normalized error of the first step."""
    training_seconds: float
    num_parameters: int

    @property
    def times(self) -> Float[Array, " t"]:
        """Time since the start of the free run."""
        return (1 + np.arange(self.error.shape[1])) * SYSTEMS[self.system].interval

    @property
    def valid_times(self) -> Float[Array, " p"]:
        """Valid time of each trajectory, in Lyapunov times or periods."""
        return valid_times(self.error, self.system)

    @property
    def energy_drift(self) -> Float[Array, " p"]:
        """A pendulum's largest change of energy, relative to that of a turn over (2 g / l)."""
        initial = energy(self.true[:, :1])
        return np.abs(energy(self.predicted) - initial).max(1) / (2 * GRAVITY)

    @property
    def phase_drift(self) -> Float[Array, " p"]:
        """Error of the time of a pendulum's last upward crossing, relative to its period."""
        pairs = zip(self.true, self.predicted, strict=True)
        return np.array([_phase_error(true, predicted, self.times) for true, predicted in pairs])


def free_run(
    system: System,
    model: DynamicsModel,
    trajectories: Float[Array, "p t d"],
    config: DynamicsConfig,
    training_seconds: float = 0.0,
) -> FreeRun:
    """Run a model freely on trajectories, after their first ``washout`` observations."""
    true = trajectories[:, config.washout :]
    predicted = model.run(trajectories[:, : config.washout], true.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt((((predicted - true) / model.scale) ** 2).mean(2))
    first = float(error[:, 0].mean())
    parameters = sum(p.numel() for p in model.network.parameters())
    return FreeRun(system, config, true, predicted, error, first, training_seconds, parameters)


def valid_times(error: Float[Array, "p t"], system: System) -> Float[Array, " p"]:
    """Return how long the normalized error stays below its threshold, in the system's unit."""
    invalid = ~(error < VALID_ERROR)
    steps = np.where(invalid.any(1), invalid.argmax(1), error.shape[1])
    return steps * SYSTEMS[system].interval / SYSTEMS[system].unit


def _phase_error(true: Array, predicted: Array, times: Array) -> float:
    """Return the time between the last common upward crossings, relative to the true period."""
    crossings, others = (_upward_crossings(path[:, 0], times) for path in (true, predicted))
    count = min(len(crossings), len(others))
    if count < 2:
        return float("nan")
    period = (crossings[-1] - crossings[0]) / (len(crossings) - 1)
    return abs(float(crossings[count - 1] - others[count - 1])) / period


def _upward_crossings(x: Array, times: Array) -> Array:
    """Return when a signal crosses zero upwards, by linear interpolation."""
    with np.errstate(invalid="ignore"):
        at = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    return times[at] - x[at] / (x[at + 1] - x[at]) * (times[1] - times[0])
