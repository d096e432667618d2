"""The cutoffs of a backtest, and the length of the training windows before them.

A long series has as many splits as were asked for: the first half provides errors for the
prediction interval, the second half tests. A short one (7 years of months and less) has fewer, all
of which test accuracy, and networks train on fewer windows and, if necessary, on shorter ones. A
series that is too short for two splits has a forecast, and no test.
"""

import math
from dataclasses import dataclass

import numpy as np

from bowerbird.errors import SeriesError
from bowerbird.prediction.series.config import (
    MIN_SPLITS,
    MIN_WINDOWS,
    MIN_WINDOWS_SHORT,
    BacktestConfig,
)
from bowerbird.prediction.series.interval import MIN_ERRORS

MIN_COVERAGE_SPLITS = 5  # that test the interval
PREFERRED_SPLITS, FEWEST_SPLITS = 6, 2  # of a short series: six with a shorter past if possible
DEFAULT_WINDOW = 24  # past values in a window without seasonality
SHORT_WINDOW = 6  # of them in a short past


@dataclass(frozen=True)
class Splits:
    """Where a series is split into past and future."""

    cutoffs: np.ndarray
    """Number of past values at each split."""
    stride: int
    """Steps between two cutoffs."""
    first_test: int
    """Index of the first split that tests accuracy."""
    first_coverage: int
    """Index of the first split that tests the interval; the number of splits if there is none."""


def window_length(period: int) -> int:
    """Return the number of values in a window: two periods and one value."""
    return 2 * period + 1 if period > 1 else DEFAULT_WINDOW + 1


def _short_window(period: int) -> int:
    """Return the number of values in a window of a short past: one period and one value."""
    return period + 1 if period > 1 else SHORT_WINDOW + 1


def training_window(count: int, period: int, horizon: int) -> int | None:
    """Return the window length for a past of ``count`` values, None if that is too short."""
    for window, windows in _window_options(period):
        if count - window - horizon + 1 >= windows:
            return window
    return None


def max_testable_horizon(count: int, period: int) -> int:
    """Return the longest horizon for which a series has two splits, below 1 if there is none."""
    return (count - _short_window(period) - (MIN_WINDOWS_SHORT - 1) - (FEWEST_SPLITS - 1)) // 2


def make_splits(count: int, period: int, config: BacktestConfig) -> Splits:
    """Split a series of ``count`` values; raise SeriesError if it is too short for a forecast."""
    splits = _regular_splits(count, period, config)
    if splits is not None:
        return splits
    if training_window(count, period, config.horizon) is not None:
        return _short_splits(count, period, config)
    min_values = _short_window(period) + MIN_WINDOWS_SHORT - 1
    fix = f", or give --horizon {count - min_values} at most" if count > min_values else ""
    if period > 1:
        fix += ", or --seasonal-period 1"
    raise SeriesError(
        f"{count} values are too few to forecast {config.horizon} steps with a seasonal period of "
        f"{period}; {min_values + config.horizon} are needed{fix}"
    )


def _window_options(period: int) -> tuple[tuple[int, int], ...]:
    """Return window lengths and the number of windows that each needs, the best first."""
    long, short = window_length(period), _short_window(period)
    return (long, MIN_WINDOWS), (long, MIN_WINDOWS_SHORT), (short, MIN_WINDOWS_SHORT)


def _cutoffs(count: int, horizon: int, splits: int, stride: int) -> np.ndarray:
    return count - horizon - stride * np.arange(splits)[::-1]


def _regular_splits(count: int, period: int, config: BacktestConfig) -> Splits | None:
    """Return the most splits that fit, or None if fewer than 12 do."""
    horizon = config.horizon
    min_values = max(window_length(period) + horizon + MIN_WINDOWS - 1, 2 * period + 2)
    # errors before the interval is tested: one of them may be outside
    rank = math.ceil(config.coverage / (1 - config.coverage) - 1e-9)
    available = count - horizon - min_values  # distance of the first and the last cutoff
    for splits in range(config.splits, MIN_SPLITS - 1, -1):
        stride = max(1, min(horizon, int(config.test_fraction * count) // splits))
        first_test = max(splits // 2, rank - 1 + math.ceil(horizon / stride))
        if (splits - 1) * stride <= available and splits - first_test >= MIN_COVERAGE_SPLITS:
            return Splits(_cutoffs(count, horizon, splits, stride), stride, first_test, first_test)
    return None


def _short_splits(count: int, period: int, config: BacktestConfig) -> Splits:
    """Return the splits of a short series, perhaps none."""
    horizon = config.horizon
    for fewest in (PREFERRED_SPLITS, FEWEST_SPLITS):
        for window, windows in _window_options(period):
            available = count - horizon - (window + horizon + windows - 1)
            if available + 1 < fewest:
                continue
            splits = min(config.splits, available + 1)
            stride = max(1, min(horizon, available // (splits - 1)))
            first = MIN_ERRORS - 1 + math.ceil(horizon / stride)
            first_coverage = first if splits - first >= MIN_COVERAGE_SPLITS else splits
            return Splits(_cutoffs(count, horizon, splits, stride), stride, 0, first_coverage)
    return Splits(np.empty(0, int), horizon, 0, 0)
