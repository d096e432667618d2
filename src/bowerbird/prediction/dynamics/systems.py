"""Dynamical systems to observe: a pendulum and the Lorenz system, solved numerically.

Pendulum, without friction: ``theta'' = -(g / l) sin theta`` with g / l = 9.81 / s2 (l = 1 m). It is
observed as ``sin theta, cos theta, theta'``; its energy a unit of mass and length is
``theta'^2 / 2 - (g / l) cos theta``.

Lorenz 1963 (J. Atmos. Sci. 20, equations 25-27): ``x' = 10 (y - x)``, ``y' = x (28 - z) - y``,
``z' = x y - 8/3 z``. Its largest Lyapunov exponent is 0.9056 (Sprott 2003, Chaos and Time-Series
Analysis), so two close paths part by e in a Lyapunov time of 1.104.

Solved by SciPy's DOP853 (Hairer, Norsett, Wanner 1993) with a relative error of 1e-10.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.prediction.dynamics.config import System

GRAVITY = 9.81  # 1/s2: of a pendulum of 1 m
EXPONENT = 0.9056  # largest Lyapunov exponent of the Lorenz system
SETTLING = 20.0  # time that a Lorenz path is given to come to the attractor
WIDEST = 2.9  # rad: the largest angle that a pendulum is let go from; at pi it would stand


@dataclass(frozen=True)
class Observed:
    """What one system is called, and how often it is looked at."""

    names: tuple[str, ...]
    """What is observed."""
    interval: float
    """Time between two observations (pendulum: s)."""
    unit: float
    """The time in which durations are told: a Lyapunov time, or a small swing's period."""
    unit_name: str


SYSTEMS: dict[str, Observed] = {
    "lorenz": Observed(("x", "y", "z"), 0.02, 1 / EXPONENT, "Lyapunov times"),
    "pendulum": Observed(
        ("sin θ", "cos θ", "θ'"), 0.05, 2 * np.pi / GRAVITY**0.5, "periods of a small swing"
    ),
}


def observe(
    system: System, paths: int, steps: int, random: np.random.Generator
) -> Float[np.ndarray, "p t d"]:
    """Return paths of a system from random beginnings, ``steps`` observations each."""
    from scipy.integrate import solve_ivp  # noqa: PLC0415 - takes a moment

    times = np.arange(steps) * SYSTEMS[system].interval
    found = []
    for _ in range(paths):
        if system == "lorenz":
            start, before = random.normal(size=3) * (8, 8, 8) + (0, 0, 24), SETTLING
        else:
            start, before = np.array([random.uniform(-WIDEST, WIDEST), 0.0]), 0.0
        slope = _lorenz if system == "lorenz" else _pendulum
        solved = solve_ivp(
            slope,
            (0, before + times[-1]),
            start,
            method="DOP853",
            t_eval=before + times,
            rtol=1e-10,
            atol=1e-10,
        )
        found.append(solved.y.T if system == "lorenz" else seen(solved.y.T))
    return np.stack(found)


def seen(motion: Float[np.ndarray, "t 2"]) -> Float[np.ndarray, "t 3"]:
    """Return how angle (rad) and speed (rad/s) of a pendulum are observed."""
    return np.stack([np.sin(motion[:, 0]), np.cos(motion[:, 0]), motion[:, 1]], 1)


def energy(observed: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "..."]:
    """Return a pendulum's energy a unit of mass and squared length, in 1/s2."""
    return observed[..., 2] ** 2 / 2 - GRAVITY * observed[..., 1]


def _lorenz(_: float, s: np.ndarray) -> list[float]:
    x, y, z = s
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def _pendulum(_: float, s: np.ndarray) -> list[float]:
    return [s[1], -GRAVITY * np.sin(s[0])]
