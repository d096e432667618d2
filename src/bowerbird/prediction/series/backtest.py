"""A backtest: forecasts from one cutoff after the other, compared with what followed.

At each of ``splits`` cutoffs the future is hidden, the whole horizon is forecast, and then compared
with the true values (rolling origin: Tashman 2000). Weights, scale, penalty and seasonal period
come from the past of the cutoff at which the models were last fitted; they are fitted again
``refits`` times on the way, ours and the baselines at the same cutoffs. All models forecast the
same.

The first half of the splits only provides errors: the interval of a step is as wide as the errors
at earlier cutoffs imply, as far as their true values were known by then (`interval`). The second
half tests accuracy and coverage. Short series: `splits`.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from bowerbird.learning.step import Step, run_to_end
from bowerbird.prediction.series import accuracy
from bowerbird.prediction.series.baselines import (
    Autoregression,
    Smoothing,
    fit_autoregression,
    fit_smoothing,
    naive,
    seasonal_naive,
)
from bowerbird.prediction.series.config import OURS, BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.interval import half_widths, rolling_half_widths
from bowerbird.prediction.series.network import ForecastNetworks, fit_networks
from bowerbird.prediction.series.season import Seasonality, find_seasonality
from bowerbird.prediction.series.series import Series
from bowerbird.prediction.series.splits import Splits, make_splits, max_testable_horizon

Array = np.ndarray
Fitted = TypeVar("Fitted")
SMOOTHING, AUTOREGRESSION = "exponential smoothing", "autoregression"
SEASONAL, NAIVE = "seasonal naive", "naive"
WIDE = 3  # times the usual width, relative to late errors: reported
LATE = 3  # the last third of the splits has the late errors


@dataclass(frozen=True)
class Metrics:
    """The accuracy of one model on the test splits."""

    mase: float | None
    """None for a past that repeats itself exactly."""
    smape: float
    """In %."""
    rmse: float
    mae_by_step: list[float]
    """Mean absolute error of each step of the horizon."""


@dataclass(frozen=True)
class Backtest:
    """The results of a backtest, and the forecast of the real future."""

    series: Series
    config: BacktestConfig
    seasonality: Seasonality
    splits: Splits
    metrics: dict[str, Metrics]
    """By model, ours first; empty if there are too few splits."""
    comparisons: dict[str, tuple[float, float] | None]
    """(t, p) of a paired test of ours with each baseline, None if there are too few splits."""
    independent_splits: int
    """Test splits whose horizons don't overlap, which the tests use."""
    empirical_coverage: float | None
    """Fraction of true values in their interval; None if there are too few splits."""
    empirical_coverage_by_step: list[float]
    smoothing: str
    """The model of exponential smoothing that was chosen."""
    networks: ForecastNetworks
    """Fitted to the whole series."""
    errors: Float[Array, "k h"]
    """Errors of our forecasts at each split."""
    forecast: Float[Array, " h"]
    half_widths: Float[Array, " h"]
    """Half width of each step's prediction interval."""
    baselines: dict[str, Float[Array, " h"]]
    """The baselines' forecasts."""
    notes: list[str]
    """Limitations, as sentences."""

    @property
    def test_splits(self) -> int:
        """Number of splits that test accuracy."""
        return len(self.splits.cutoffs) - self.splits.first_test


@dataclass(frozen=True)
class _Models:
    """All models, fitted to one past."""

    networks: ForecastNetworks
    smoothing: Smoothing
    autoregression: Autoregression

    def forecasts(self, past: Array, horizon: int) -> dict[str, Array]:
        """Return each model's forecast after a past."""
        return {
            OURS: self.networks.forecast(past),
            SMOOTHING: self.smoothing.forecast(past, horizon),
            AUTOREGRESSION: self.autoregression.forecast(past, horizon),
            SEASONAL: seasonal_naive(past, horizon, self.networks.period),
            NAIVE: naive(past, horizon),
        }


def _rolling(
    series: Series, splits: Splits, config: BacktestConfig, fit: Callable[[Array], Fitted]
) -> Iterator[tuple[Array, Fitted]]:
    """Yield the past of each split with what was last fitted; it is fitted again on the way."""
    refits = {int(k) for k in np.linspace(0, len(splits.cutoffs), config.refits + 1)[:-1]}
    for number, cutoff in enumerate(splits.cutoffs):
        past = series.values[:cutoff]
        if number in refits or number == splits.first_test:
            fitted = fit(past)
        yield past, fitted


def _true_values(values: Array, splits: Splits, horizon: int) -> Float[Array, "k h"]:
    return np.reshape([values[at : at + horizon] for at in splits.cutoffs], (-1, horizon))


def network_errors(
    series: Series, splits: Splits, config: BacktestConfig, network: ForecasterConfig
) -> Float[Array, "k h"]:
    """Return the errors of our forecasts at each split, without those of the baselines."""

    def fit(past: Array) -> ForecastNetworks:
        return fit_networks(past, series.frequency, config, network)

    forecasts = [fitted.forecast(past) for past, fitted in _rolling(series, splits, config, fit)]
    true = _true_values(series.values, splits, config.horizon)
    return np.reshape(forecasts, true.shape) - true


def backtest_steps(
    series: Series,
    config: BacktestConfig = BacktestConfig(),
    network: ForecasterConfig = ForecasterConfig(),
) -> Generator[Step[Backtest], None, None]:
    """Forecast from each cutoff; the preview of the last step is the backtest."""
    start = time.perf_counter()
    values, horizon = series.values, config.horizon
    seasonality = find_seasonality(values, series.frequency, config.seasonal_period)
    splits = make_splits(len(values), seasonality.period, config)
    total, loss = len(splits.cutoffs) + 1, 0.0
    forecasts: dict[str, list[Array]] = {
        model: [] for model in (OURS, SMOOTHING, AUTOREGRESSION, SEASONAL, NAIVE)
    }

    def fit(past: Array) -> _Models:
        networks = fit_networks(past, series.frequency, config, network)
        period = networks.period
        return _Models(networks, fit_smoothing(past, period), fit_autoregression(past, period))

    for number, (past, models) in enumerate(_rolling(series, splits, config, fit), 1):
        for model, forecast in models.forecasts(past, horizon).items():
            forecasts[model].append(forecast)
        true = values[len(past) : len(past) + horizon]
        error = float(np.abs(forecasts[OURS][-1] - true).mean())
        loss = error / (accuracy.naive_scale(past, models.networks.period) or 1.0)
        yield Step(number, total, {"total": loss}, time.perf_counter() - start)
    arrays = {model: np.reshape(rows, (-1, horizon)) for model, rows in forecasts.items()}
    final = fit(values)
    result = _evaluate(series, config, seasonality, splits, arrays, final)
    yield Step(total, total, {"total": loss}, time.perf_counter() - start, result)


def backtest(
    series: Series,
    config: BacktestConfig = BacktestConfig(),
    network: ForecasterConfig = ForecasterConfig(),
) -> Backtest:
    """Evaluate forecasts from each cutoff, and forecast the real future."""
    return run_to_end(backtest_steps(series, config, network))


def _evaluate(
    series: Series,
    config: BacktestConfig,
    seasonality: Seasonality,
    splits: Splits,
    forecasts: dict[str, Array],
    final: _Models,
) -> Backtest:
    """Return the results, with the forecasts of models that are fitted to the whole series."""
    known = _true_values(series.known_values, splits, config.horizon)
    metrics, comparisons, independent = _compare(series, seasonality, splits, forecasts, known)
    errors = forecasts[OURS] - _true_values(series.values, splits, config.horizon)
    rolling = rolling_half_widths(errors, splits.stride, config.coverage)
    inside = np.where(np.isnan(known), np.nan, np.abs(errors) <= rolling)[splits.first_coverage :]
    inside = inside if np.isfinite(inside).any(0).all() else inside[:0]
    widths = half_widths(list(errors.T), splits.stride, config.coverage)
    baselines = final.forecasts(series.values, config.horizon)
    forecast = baselines.pop(OURS)
    if len(errors):
        notes = _interval_notes(splits, errors, widths, config.coverage)
    else:
        horizon = max_testable_horizon(len(series), seasonality.period)
        fix = f"--horizon {horizon} at most" if horizon > 0 else "a longer series"
        notes = [f"the series is too short for a test, so there is no interval; give {fix}"]
    return Backtest(
        series, config, seasonality, splits, metrics, comparisons, independent,
        float(np.nanmean(inside)) if len(inside) else None,
        np.nanmean(inside, 0).tolist() if len(inside) else [],
        final.smoothing.name, final.networks, errors, forecast, widths, baselines, notes,
    )  # fmt: skip


def _compare(
    series: Series,
    seasonality: Seasonality,
    splits: Splits,
    forecasts: dict[str, Array],
    true: Float[Array, "k h"],
) -> tuple[dict[str, Metrics], dict[str, tuple[float, float] | None], int]:
    """Return metrics, the tests of ours with each baseline, and how many splits these use."""
    first = splits.first_test
    known = np.isfinite(true[first:])
    if not known.any(0).all():  # of every step
        return {}, {}, 0
    past = series.values[: splits.cutoffs[first]]  # the scale of MASE
    metrics = {
        model: _metrics(rows[first:], true[first:], past, seasonality.period)
        for model, rows in forecasts.items()
    }
    tested = known.any(1)
    losses = {
        model: np.nanmean(np.abs(rows - true)[first:][tested], 1)
        for model, rows in forecasts.items()
    }
    ours, overlap = losses.pop(OURS), -(-true.shape[1] // splits.stride) - 1
    comparisons = {
        model: None
        if accuracy.are_equal(ours, theirs, series.values)
        else accuracy.paired_t(ours, theirs, overlap)
        for model, theirs in losses.items()
    }
    return metrics, comparisons, len(accuracy.non_overlapping(ours, overlap))


def _metrics(forecasts: Array, true: Array, past: Array, period: int) -> Metrics:
    errors = forecasts - true
    mae_by_step = np.nanmean(np.abs(errors), 0).tolist()
    mase, smape = accuracy.mase(errors, past, period), accuracy.smape(true, forecasts)
    return Metrics(mase, smape, accuracy.rmse(errors), mae_by_step)


def _interval_notes(
    splits: Splits, errors: Float[Array, "k h"], widths: Float[Array, " h"], coverage: float
) -> list[str]:
    """Return the limitations of an interval."""
    from scipy.stats import norm  # noqa: PLC0415 - takes a moment

    count, notes = len(errors), []
    if splits.first_coverage >= count:
        notes.append(
            f"the interval uses the errors at {count} cutoffs, which are too few to test its "
            "coverage"
        )
    late = float(np.abs(errors[-max(1, count // LATE) :]).mean())
    usual = float(norm.ppf((1 + coverage) / 2)) * math.sqrt(math.pi / 2)
    if late > 0 and float(widths.mean()) > WIDE * usual * late:
        notes.append(
            f"the interval is {float(widths.mean()) / late:.0f} times as wide as the latest mean "
            f"error (usual: {usual:.1f}), because earlier errors were larger or too few are "
            "independent"
        )
    return notes
