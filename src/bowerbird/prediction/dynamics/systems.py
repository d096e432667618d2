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
            derivative, start = _lorenz, TRANSIENT
            initial = random.normal(size=3) * (8, 8, 8) + (0, 0, 24)
        else:
            derivative, start = _pendulum, 0.0
            initial = np.array([random.uniform(-MAX_ANGLE, MAX_ANGLE), 0.0])
        span, tolerances = (0, start + times[-1]), {"rtol": 1e-10, "atol": 1e-10}
        solution = solve_ivp(
            derivative, span, initial, method="DOP853", t_eval=start + times, **tolerances
        )
        states = solution.y.T
        if system == "pendulum":
            angle, velocity = solution.y  # rad, rad/s
            states = np.stack([np.sin(angle), np.cos(angle), velocity], 1)
        trajectories.append(states)
    return np.stack(trajectories)


def energy(observations: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "..."]:
    """Return a pendulum's energy per mass and squared length, in 1/s2."""
    return observations[..., 2] ** 2 / 2 - GRAVITY * observations[..., 1]


def _lorenz(_: float, state: np.ndarray) -> list[float]:
    x, y, z = state
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def _pendulum(_: float, state: np.ndarray) -> list[float]:
    return [state[1], -GRAVITY * np.sin(state[0])]
