"""A forecaster measured as it would have been used: from one origin after the other.

At each of ``origins`` moments everything ahead is hidden, a forecast of the whole horizon is made,
and then compared with what came (rolling origin: Tashman 2000). Weights, scale, penalty and the
season are of the past before the origin at which they were last fitted; they are fitted anew
``fits`` times on the way, ours and exponential smoothing at the same origins. All models have to
foresee the same.

The first half of the origins only fills the band: the interval of step h is as wide as the errors
at the origins before say, as far as their truth was known by then (`band`). In the second half
everything is measured: errors, and how often the truth lay inside. Short series: `origins`.
"""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.learning.step import Step, run_to_end
from bowerbird.prediction.series.accuracy import (
    apart,
    mase,
    naive_scale,
    paired_t,
    rmse,
    same,
    smape,
)
from bowerbird.prediction.series.baselines import (
    Autoregression,
    Smoothing,
    fit_autoregression,
    fit_smoothing,
    naive,
    seasonal_naive,
)
from bowerbird.prediction.series.config import OURS, BacktestConfig, NetworkConfig
from bowerbird.prediction.series.forecaster import Forecaster
from bowerbird.prediction.series.interval import band, bands
from bowerbird.prediction.series.season import Season, find_season, told_season
from bowerbird.prediction.series.series import Series
from bowerbird.prediction.series.splits import Plan, fitting_window, measurable, plan

Array = np.ndarray
SMOOTHING = "exponential smoothing"
REGRESSION = "autoregression"
SEASONAL, NAIVE = "seasonal naive", "naive"
WIDE = 3  # times as wide as late errors: a band that is told to be
LATE = 3  # part of the origins, the last one


@dataclass(frozen=True)
class Score:
    """How one model did on the measured origins."""

    model: str
    mase: float | None
    """None after a past that repeats itself exactly."""
    smape: float
    """Per cent."""
    rmse: float
    by_step: list[float]
    """Mean absolute error of each step of the horizon."""


@dataclass(frozen=True)
class Backtest:
    """What came of a backtest, and the forecast of what is really ahead."""

    series: Series
    config: BacktestConfig
    season: Season
    origins: Float[Array, " k"]
    """Number of values that were known at each origin."""
    measured: int
    """The first origin that is measured."""
    scores: list[Score]
    covered: float | None
    """Share of the truth that lay in the band; None where there was too little to measure that."""
    covered_by_step: list[float]
    against: dict[str, tuple[float, float] | None]
    """(t, p) of a paired test for ours beside each other model, None where it can't be made."""
    apart: int
    """Measured origins whose horizons don't overlap, on which that rests."""
    smoothing: str
    """Which exponential smoothing was the best."""
    forecaster: Forecaster
    forecast: Float[Array, " h"]
    band: Float[Array, " h"]
    """Half width of the interval of each step."""
    rivals: dict[str, Float[Array, " h"]]
    """The other models' forecasts of what is really ahead."""
    notes: list[str]
    """What is to be known before anybody relies on it."""

    def score(self, model: str) -> Score:
        """Return the score of one model."""
        return next(one for one in self.scores if one.model == model)


@dataclass(frozen=True)
class _Fitted:
    """Every model, as it was fitted on one past."""

    ours: Forecaster
    smoothing: Smoothing
    regression: Autoregression

    def forecasts(self, past: Array, horizon: int) -> dict[str, Array]:
        """Return what each foresees after a past."""
        return {
            OURS: self.ours.forecast(past),
            SMOOTHING: self.smoothing.forecast(past, horizon),
            REGRESSION: self.regression.forecast(past, horizon),
            SEASONAL: seasonal_naive(past, horizon, self.ours.season),
            NAIVE: naive(past, horizon),
        }


def _fitted(past: Array, step: str, config: BacktestConfig, network: NetworkConfig) -> _Fitted:
    """Fit every model on a past, and on nothing else."""
    season = _season(past, step, config).steps
    if fitting_window(len(past), season, config.horizon) is None:  # found, but too long for it
        season = 1
    return _Fitted(
        Forecaster.fit(past, season, config.horizon, network),
        fit_smoothing(past, season),
        fit_autoregression(past, season),
    )


def backtest_steps(
    series: Series,
    config: BacktestConfig = BacktestConfig(),
    network: NetworkConfig = NetworkConfig(),
) -> Generator[Step[Backtest], None, None]:
    """Try a forecaster from each origin, and yield a step after each; the last has the result."""
    began = time.perf_counter()
    values, horizon = series.values, config.horizon
    season = _season(values, series.step, config)
    where = plan(len(values), season.steps, config)
    refits = {int(k) for k in np.linspace(0, len(where.origins), config.fits + 1)[:-1]}
    if where.measured < len(where.origins):
        refits.add(where.measured)
    said: dict[str, list[Array]] = {
        model: [] for model in (OURS, SMOOTHING, REGRESSION, SEASONAL, NAIVE)
    }
    fitted: _Fitted | None = None
    total, loss = len(where.origins) + 1, 0.0
    for number, origin in enumerate(where.origins):
        past = values[:origin]
        if fitted is None or number in refits:
            fitted = _fitted(past, series.step, config, network)
        for model, forecast in fitted.forecasts(past, horizon).items():
            said[model].append(forecast)
        off = float(np.abs(said[OURS][-1] - values[origin : origin + horizon]).mean())
        loss = off / (naive_scale(past, fitted.ours.season) or 1.0)
        yield Step(number + 1, total, {"total": loss}, time.perf_counter() - began)
    found = {model: np.reshape(own, (-1, horizon)) for model, own in said.items()}
    done = _judged(series, config, season, where, found, network)
    yield Step(total, total, {"total": loss}, time.perf_counter() - began, done)


def backtest(
    series: Series,
    config: BacktestConfig = BacktestConfig(),
    network: NetworkConfig = NetworkConfig(),
) -> Backtest:
    """Try a forecaster from each origin, and foresee what is really ahead."""
    return run_to_end(backtest_steps(series, config, network))


def _season(values: Array, step: str, config: BacktestConfig) -> Season:
    return told_season(values, config.season) if config.season else find_season(values, step)


def _judged(
    series: Series,
    config: BacktestConfig,
    season: Season,
    where: Plan,
    said: dict[str, Array],
    network: NetworkConfig,
) -> Backtest:
    """Return what came of a backtest; the last fit is on all values."""
    values, horizon, cut = series.values, config.horizon, where.measured
    true = np.reshape([values[at : at + horizon] for at in where.origins], (-1, horizon))
    scores, against, pairs = _compared(values, season, where, said, true)
    errors = said[OURS] - true
    inside = np.abs(errors) <= bands(errors, where.stride, config.coverage)
    held = inside[where.held :]
    last = band(list(errors.T), where.stride, config.coverage)
    final = _fitted(values, series.step, config, network)
    final.ours.band = last.tolist() if np.isfinite(last).all() else []
    rivals = final.forecasts(values, horizon)
    forecast = rivals.pop(OURS)
    covered = float(held.mean()) if len(held) else None
    by_step = held.mean(0).tolist() if len(held) else []
    notes = _notes(where, errors, last, config)
    if not len(errors):
        most = measurable(len(values), season.steps)
        mend = f"give --horizon {most} at most to have one" if most > 0 else "give a longer series"
        notes = [f"it is too short to measure anything, so the forecast has no band; {mend}"]
    return Backtest(
        series, config, season, where.origins, cut, scores, covered, by_step, against, pairs,
        final.smoothing.name, final.ours, forecast, last, rivals, notes,
    )  # fmt: skip


def _compared(
    values: Array, season: Season, where: Plan, said: dict[str, Array], true: Array
) -> tuple[list[Score], dict[str, tuple[float, float] | None], int]:
    """Return scores, the tests of ours beside the others, and how many origins those rest on."""
    cut = where.measured
    if cut >= len(where.origins):
        return [], {}, 0
    past = values[: where.origins[cut]]  # what MASE is in units of
    scores = [
        _score(model, own[cut:], true[cut:], past, season.steps) for model, own in said.items()
    ]
    losses = {model: np.abs(own - true)[cut:].mean(1) for model, own in said.items()}
    ours, overlap = losses.pop(OURS), -(-true.shape[1] // where.stride) - 1
    against = {
        model: None if same(ours, own, values) else paired_t(ours, own, overlap)
        for model, own in losses.items()
    }
    return scores, against, len(apart(ours, overlap))


def _notes(
    where: Plan, errors: Float[Array, "k h"], last: Float[Array, " h"], config: BacktestConfig
) -> list[str]:
    """Return what is to be known of a band before anybody relies on it."""
    from scipy.stats import norm  # noqa: PLC0415 - takes a moment

    many = len(errors)
    if many == 0:
        return []
    notes = []
    if where.held >= many:
        notes.append(
            f"the band is made of the errors at {many} origins, and there are too few to measure "
            "whether it holds"
        )
    late = float(np.abs(errors[-max(1, many // LATE) :]).mean())
    usual = float(norm.ppf((1 + config.coverage) / 2)) * math.sqrt(math.pi / 2)
    if late > 0 and float(last.mean()) > WIDE * usual * late:
        notes.append(
            f"the band reaches {float(last.mean()) / late:.0f} times as far as the latest errors "
            f"did on average (usual: {usual:.1f}), because earlier ones were larger or too few are "
            "independent"
        )
    return notes


def _score(model: str, said: Array, true: Array, past: Array, season: int) -> Score:
    """Return how one model did."""
    errors = said - true
    by_step = np.abs(errors).mean(0).tolist()
    return Score(model, mase(errors, past, season), smape(true, said), rmse(errors), by_step)
