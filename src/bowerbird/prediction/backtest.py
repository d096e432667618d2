"""A forecaster measured as it would have been used: from one origin after the other.

At each of ``origins`` moments everything ahead is hidden, a forecast of the whole horizon is made,
and then compared with what came (rolling origin: Tashman 2000). Weights, scale, penalty and the
season are of the past before the origin at which they were last fitted; they are fitted anew
``fits`` times on the way, ours and exponential smoothing at the same origins. All models have to
foresee the same.

The first half of the origins only fills the band: the interval of step h is as wide as the errors
at the origins before say, as far as their truth was known by then (`band`). In the second half
everything is measured: errors, and how often the truth lay inside.
"""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.learning.step import Step, finished
from bowerbird.prediction.accuracy import (
    apart,
    mase,
    naive_scale,
    paired_t,
    rmse,
    smape,
)
from bowerbird.prediction.band import band, bands
from bowerbird.prediction.classical import (
    Autoregression,
    Smoothing,
    fit_autoregression,
    fit_smoothing,
    naive,
    seasonal_naive,
)
from bowerbird.prediction.forecaster import Forecaster, window_length
from bowerbird.prediction.season import Season, find_season, told_season
from bowerbird.prediction.series import Series, SeriesError
from bowerbird.prediction.seriesconfig import (
    FEWEST,
    LEAST_WINDOWS,
    OURS,
    BacktestConfig,
    NetworkConfig,
)

Array = np.ndarray
SMOOTHING = "exponential smoothing"
REGRESSION = "autoregression"
SEASONAL, NAIVE = "seasonal naive", "naive"
LEAST_MEASURED = 5  # of them


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
    covered: float
    """Share of the truth that lay in the band, over the measured origins."""
    covered_by_step: list[float]
    against: dict[str, tuple[float, float]]
    """(t, p) of a paired test for ours beside each other model."""
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

    def score(self, model: str) -> Score:
        """Return the score of one model."""
        return next(one for one in self.scores if one.model == model)


@dataclass(frozen=True)
class Plan:
    """Where the origins lie."""

    origins: np.ndarray
    stride: int
    measured: int


def plan(count: int, season: int, config: BacktestConfig) -> Plan:
    """Return where origins lie in a series of ``count`` values; raise SeriesError if it's short."""
    found = _placed(count, season, config.horizon, config)
    if found is not None:
        return found
    fit = [h for h in range(1, min(config.horizon, count)) if _placed(count, season, h, config)]
    if not fit:
        mend = ", or --season 1" if season > 1 else ""
        raise SeriesError(
            f"{count} values are too few to learn from and to measure on with a season of "
            f"{season}; give a longer series{mend}"
        )
    raise SeriesError(
        f"a horizon of {config.horizon} is too long for {count} values with a season of {season}; "
        f"give --horizon {fit[-1]} at most"
    )


def _placed(count: int, season: int, horizon: int, config: BacktestConfig) -> Plan | None:
    """Return where origins lie, as many as there is room for, or None if there is too little."""
    least = max(window_length(season) + horizon + LEAST_WINDOWS - 1, 2 * season + 2)
    # errors that a band is made of at least: so many that one more of them may lie outside
    rank = math.ceil(config.coverage / (1 - config.coverage) - 1e-9)
    room = count - horizon - least  # origins may lie this far before the last one
    for origins in range(config.origins, FEWEST - 1, -1):
        stride = max(1, min(horizon, int(config.share * count) // origins))
        measured = max(origins // 2, rank - 1 + math.ceil(horizon / stride))
        if (origins - 1) * stride <= room and origins - measured >= LEAST_MEASURED:
            at = count - horizon - stride * np.arange(origins)[::-1]
            return Plan(at, stride, measured)
    return None


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
    if not _fits(len(past), season, config.horizon):  # found later, but too long for this past
        season = 1
    return _Fitted(
        Forecaster.fit(past, season, config.horizon, network),
        fit_smoothing(past, season),
        fit_autoregression(past, season),
    )


def backtest_steps(
    series: Series,
    config: BacktestConfig = BacktestConfig(),  # noqa: B008
    network: NetworkConfig = NetworkConfig(),  # noqa: B008
) -> Generator[Step[Backtest], None, None]:
    """Try a forecaster from each origin, and yield a step after each; the last has the result."""
    began = time.perf_counter()
    values, horizon = series.values, config.horizon
    season = _season(values, series.step, config)
    where = plan(len(values), season.steps, config)
    refits = {int(k) for k in np.linspace(0, len(where.origins), config.fits + 1)[:-1]}
    if where.measured not in refits:
        refits.add(where.measured)
    said: dict[str, list[Array]] = {
        model: [] for model in (OURS, SMOOTHING, REGRESSION, SEASONAL, NAIVE)
    }
    fitted: _Fitted | None = None
    total = len(where.origins) + 1
    for number, origin in enumerate(where.origins):
        past = values[:origin]
        if fitted is None or number in refits:
            fitted = _fitted(past, series.step, config, network)
        for model, forecast in fitted.forecasts(past, horizon).items():
            said[model].append(forecast)
        off = float(np.abs(said[OURS][-1] - values[origin : origin + horizon]).mean())
        loss = off / (naive_scale(past, fitted.ours.season) or 1.0)
        yield Step(number + 1, total, {"total": loss}, time.perf_counter() - began)
    found = {model: np.stack(list_) for model, list_ in said.items()}
    done = _judged(series, config, season, where, found, network)
    yield Step(total, total, {"total": loss}, time.perf_counter() - began, done)


def backtest(
    series: Series,
    config: BacktestConfig = BacktestConfig(),  # noqa: B008
    network: NetworkConfig = NetworkConfig(),  # noqa: B008
) -> Backtest:
    """Try a forecaster from each origin, and foresee what is really ahead."""
    return finished(backtest_steps(series, config, network))


def _season(values: Array, step: str, config: BacktestConfig) -> Season:
    return told_season(values, config.season) if config.season else find_season(values, step)


def _fits(count: int, season: int, horizon: int) -> bool:
    return count - window_length(season) - horizon + 1 >= LEAST_WINDOWS


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
    true = np.stack([values[at : at + horizon] for at in where.origins])
    past = values[: where.origins[cut]]  # what MASE is in units of
    scores = [
        _score(model, own[cut:], true[cut:], past, season.steps) for model, own in said.items()
    ]
    losses = {model: np.abs(own - true)[cut:].mean(1) for model, own in said.items()}
    ours, overlap = losses.pop(OURS), -(-horizon // where.stride) - 1
    against = {model: paired_t(ours, own, overlap) for model, own in losses.items()}
    errors = said[OURS] - true
    held = (np.abs(errors) <= bands(errors, where.stride, config.coverage))[cut:]
    last = band(list(errors.T), where.stride, config.coverage)
    final = _fitted(values, series.step, config, network)
    final.ours.band = last.tolist()
    rivals = final.forecasts(values, horizon)
    forecast = rivals.pop(OURS)
    return Backtest(
        series, config, season, where.origins, cut, scores, float(held.mean()),
        held.mean(0).tolist(), against, len(apart(ours, overlap)), final.smoothing.name,
        final.ours, forecast, last, rivals,
    )  # fmt: skip


def _score(model: str, said: Array, true: Array, past: Array, season: int) -> Score:
    """Return how one model did."""
    errors = said - true
    by_step = np.abs(errors).mean(0).tolist()
    return Score(model, mase(errors, past, season), smape(true, said), rmse(errors), by_step)
