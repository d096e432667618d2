"""How good predictions are, with confidence intervals by the bootstrap over rows.

    RMSE = sqrt(mean((y - f)^2)),  MAE = mean |y - f|,  R2 = 1 - sum((y - f)^2) / sum((y - mean)^2)
    accuracy, balanced accuracy (the mean over classes of the share found), log loss in nats

Rows are drawn with replacement 1,000 times (Efron 1979); 2.5 % of the draws lie below and above
each interval. All tools are judged on the same draws, so their differences have intervals too. Not
in them: what another training, or another deal of the folds, would change.

The interval of a share (coverage) is Wilson's (1927).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T", bound=str)  # the name of a tool

DRAWS = 1000
SIDES = (2.5, 97.5)  # percentiles
BETTER = {"rmse": -1, "mae": -1, "r2": 1, "accuracy": 1, "balanced_accuracy": 1, "log_loss": -1}
LEAST = 1e-15  # probability that log loss counts a surer mistake with


@dataclass(frozen=True)
class Score:
    """A figure with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def measure(wanted: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """Return the metrics of numbers (n,), or of the probabilities (n, classes) of class numbers."""
    return _metrics(wanted, _judged(wanted, said))


def _judged(wanted: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what metrics need of each row: how far off it is; or if it is right, and how surely.

    It is all that a draw has to copy, however many classes there are.
    """
    if said.ndim == 1:
        return (wanted - said,)
    chance = np.maximum(said[np.arange(len(wanted)), wanted], LEAST)
    return said.argmax(1) == wanted, np.log(chance)


def _metrics(wanted: np.ndarray, judged: Sequence[np.ndarray]) -> dict[str, float]:
    if len(judged) == 1:
        off = judged[0]
        spread = float(np.square(wanted - wanted.mean()).sum())
        return {
            "rmse": float(np.sqrt(np.square(off).mean())),
            "mae": float(np.abs(off).mean()),
            "r2": 1 - float(np.square(off).sum()) / spread if spread else math.nan,
        }
    right, logarithm = judged
    each, found = np.bincount(wanted), np.bincount(wanted, right)
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float((found[each > 0] / each[each > 0]).mean()),
        "log_loss": float(-logarithm.mean()),
    }


def bootstrap(
    wanted: np.ndarray, said: Mapping[T, np.ndarray], ours: T, seed: int
) -> tuple[dict[T, dict[str, Score]], dict[T, dict[str, Score]]]:
    """Return the metrics of each tool, and how much each is better than ours (below 0: worse)."""
    judged = {tool: _judged(wanted, values) for tool, values in said.items()}
    whole = {tool: _metrics(wanted, parts) for tool, parts in judged.items()}
    random, names = np.random.default_rng(seed), list(whole[ours])
    draws: dict[T, list[list[float]]] = {tool: [] for tool in said}
    for _ in range(DRAWS):
        rows = random.integers(len(wanted), size=len(wanted))
        drawn = wanted[rows]
        for tool, parts in judged.items():
            found = _metrics(drawn, [part[rows] for part in parts])
            draws[tool].append([found[name] for name in names])
    table = {tool: np.array(values) for tool, values in draws.items()}
    scores: dict[T, dict[str, Score]] = {}
    gains: dict[T, dict[str, Score]] = {}
    for tool in said:
        scores[tool] = {
            name: _score(whole[tool][name], table[tool][:, i]) for i, name in enumerate(names)
        }
        gains[tool] = {
            name: _score(
                BETTER[name] * (whole[tool][name] - whole[ours][name]),
                BETTER[name] * (table[tool][:, i] - table[ours][:, i]),
            )
            for i, name in enumerate(names)
        }
    return scores, gains


def _score(value: float, draws: np.ndarray) -> Score:
    there = draws[np.isfinite(draws)]
    low, high = np.percentile(there, SIDES) if len(there) else (value, value)
    return Score(value, float(low), float(high))


def share(inside: np.ndarray) -> Score:
    """Return the share of what is true, with Wilson's interval."""
    z, n = 1.959964, len(inside)  # of 95 %
    p = float(inside.mean())
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    away = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Score(p, max(0.0, middle - away), min(1.0, middle + away))
