"""Simulated dynamical systems: a frictionless pendulum and the Lorenz system.

Pendulum: ``theta'' = -(g / l) sin theta`` with g / l = 9.81 / s2 (l = 1 m), observed as
``sin theta, cos theta, theta'``. Its energy per mass and squared length is
``theta'^2 / 2 - (g / l) cos theta``.

Lorenz 1963 (J. Atmos. Sci. 20, equations 25-27): ``x' = 10 (y - x)``, ``y' = x (28 - z) - y``,
``z' = x y - 8/3 z``. Its largest Lyapunov exponent is 0.9056 (Sprott 2003, Chaos and Time-Series
Analysis), so the distance of two close trajectories grows by e in a Lyapunov time of 1.104.

Solved by SciPy's DOP853 (Hairer, Norsett, Wanner 1993) with a relative tolerance of 1e-10.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.prediction.dynamics.config import System

GRAVITY = 9.81  # 1/s2, of a pendulum of 1 m
LYAPUNOV_EXPONENT = 0.9056  # the largest of the Lorenz system
TRANSIENT = 20.0  # time for a Lorenz trajectory to reach the attractor
MAX_ANGLE = 2.9  # rad: the largest initial angle; at pi the pendulum would stand still


@dataclass(frozen=True)
class SystemInfo:
    """How a system is observed."""

    interval: float
    """Time between two observations (pendulum: s)."""
    unit: float
    """The unit of durations in reports: a Lyapunov time, or the period of a small swing."""
    unit_name: str


SYSTEMS: dict[System, SystemInfo] = {
    "lorenz": SystemInfo(0.02, 1 / LYAPUNOV_EXPONENT, "Lyapunov times"),
    "pendulum": SystemInfo(0.05, 2 * np.pi / GRAVITY**0.5, "periods of a small swing"),
}


def simulate(
    system: System, count: int, steps: int, random: np.random.Generator
) -> Float[np.ndarray, "p t d"]:
    """Simulate trajectories from random initial states, ``steps`` observations each."""
    from scipy.integrate import solve_ivp  # noqa: PLC0415 - takes a moment

    times = np.arange(steps) * SYSTEMS[system].interval
    trajectories = []
    for _ in range(count):
        if system == "lorenz":
            initial, transient = random.normal(size=3) * (8, 8, 8) + (0, 0, 24), TRANSIENT
        else:
            initial, transient = np.array([random.uniform(-MAX_ANGLE, MAX_ANGLE), 0.0]), 0.0
        solution = solve_ivp(
            _lorenz if system == "lorenz" else _pendulum,
            (0, transient + times[-1]),
            initial,
            method="DOP853",
            t_eval=transient + times,
            rtol=1e-10,
            atol=1e-10,
        )
        states = solution.y.T
        trajectories.append(states if system == "lorenz" else _pendulum_observations(states))
    return np.stack(trajectories)


def _pendulum_observations(states: Float[np.ndarray, "t 2"]) -> Float[np.ndarray, "t 3"]:
    """Return the observations of a pendulum from its angle (rad) and angular velocity (rad/s)."""
    return np.stack([np.sin(states[:, 0]), np.cos(states[:, 0]), states[:, 1]], 1)


def energy(observations: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "..."]:
    """Return a pendulum's energy per mass and squared length, in 1/s2."""
    return observations[..., 2] ** 2 / 2 - GRAVITY * observations[..., 1]


def _lorenz(_: float, state: np.ndarray) -> list[float]:
    x, y, z = state
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def _pendulum(_: float, state: np.ndarray) -> list[float]:
    return [state[1], -GRAVITY * np.sin(state[0])]
