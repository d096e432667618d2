"""Metrics of predictions, with confidence intervals by the bootstrap over rows.

    RMSE = sqrt(mean((y - f)^2)),  MAE = mean |y - f|,  R2 = 1 - sum((y - f)^2) / sum((y - mean)^2)
    accuracy, balanced accuracy (the mean over classes of their recall), log loss in nats

Rows are drawn with replacement 1,000 times (Efron 1979); 2.5 % of the draws are below and above
each interval. All methods are evaluated on the same draws, so their differences have intervals too.
These do not include what another training, or another split into folds, would change.

The interval of a proportion (coverage) is Wilson's (1927).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

M = TypeVar("M", bound=str)  # the name of a method

DRAWS = 1000
PERCENTILES = (2.5, 97.5)
SIGN = {"rmse": -1, "mae": -1, "r2": 1, "accuracy": 1, "balanced_accuracy": 1, "log_loss": -1}
MIN_PROBABILITY = 1e-15  # in the log loss


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def compute_metrics(truth: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Return the metrics of numbers (n,), or of probabilities (n, classes) of class indices."""
    return _metrics(truth, _row_results(truth, predictions))


def _row_results(truth: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what metrics need of each row: its error; or whether it is right, and its log loss.

    A draw copies no more than that, however many classes there are.
    """
    if predictions.ndim == 1:
        return (truth - predictions,)
    probability = np.maximum(predictions[np.arange(len(truth)), truth], MIN_PROBABILITY)
    return predictions.argmax(1) == truth, np.log(probability)


def r_squared(truth: np.ndarray, errors: np.ndarray) -> float:
    """Return R2; NaN if the truth is the same in every row."""
    total = float(np.square(truth - truth.mean()).sum())
    return 1 - float(np.square(errors).sum()) / total if total else math.nan


def mean_recall(truth: np.ndarray, right: np.ndarray) -> float:
    """Return the mean recall of the classes that occur, from whether each row is right."""
    counts, hits = np.bincount(truth), np.bincount(truth, right)
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def _metrics(truth: np.ndarray, results: Sequence[np.ndarray]) -> dict[str, float]:
    if len(results) == 1:
        errors = results[0]
        return {
            "rmse": float(np.sqrt(np.square(errors).mean())),
            "mae": float(np.abs(errors).mean()),
            "r2": r_squared(truth, errors),
        }
    right, log_probability = results
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": mean_recall(truth, right),
        "log_loss": float(-log_probability.mean()),
    }


def bootstrap(
    truth: np.ndarray, predictions: Mapping[M, np.ndarray], reference: M, seed: int
) -> tuple[dict[M, dict[str, Estimate]], dict[M, dict[str, Estimate]]]:
    """Return each method's metrics, and its improvements over ``reference`` (negative: worse)."""
    results = {method: _row_results(truth, values) for method, values in predictions.items()}
    values = {method: _metrics(truth, parts) for method, parts in results.items()}
    random, names = np.random.default_rng(seed), list(values[reference])
    draws: dict[M, list[list[float]]] = {method: [] for method in predictions}
    for _ in range(DRAWS):
        rows = random.integers(len(truth), size=len(truth))
        drawn = truth[rows]
        for method, parts in results.items():
            values_drawn = _metrics(drawn, [part[rows] for part in parts])
            draws[method].append([values_drawn[name] for name in names])
    columns = {method: np.array(rows).T for method, rows in draws.items()}
    metrics: dict[M, dict[str, Estimate]] = {method: {} for method in predictions}
    improvements: dict[M, dict[str, Estimate]] = {method: {} for method in predictions}
    for method in predictions:
        for name, column, other in zip(names, columns[method], columns[reference], strict=True):
            value = values[method][name]
            metrics[method][name] = _estimate(value, column)
            improvements[method][name] = _estimate(
                SIGN[name] * (value - values[reference][name]), SIGN[name] * (column - other)
            )
    return metrics, improvements


def _estimate(value: float, draws: np.ndarray) -> Estimate:
    finite = draws[np.isfinite(draws)]
    low, high = np.percentile(finite, PERCENTILES) if len(finite) else (value, value)
    return Estimate(value, float(low), float(high))


def proportion(hits: np.ndarray) -> Estimate:
    """Return the fraction of true values, with Wilson's interval."""
    z, n = 1.959964, len(hits)  # of 95 %
    p = float(hits.mean())
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    away = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, max(0.0, middle - away), min(1.0, middle + away))
