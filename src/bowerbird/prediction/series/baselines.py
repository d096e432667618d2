"""What a forecast is measured against: naive, seasonal-naive, smoothing, autoregression.

Naive: the last value for ever. Seasonal-naive: ``f(t + h) = y(t + h - m ceil(h / m))``, the last
season again. Exponential smoothing: state space models by statsmodels (Hyndman, Koehler, Ord,
Snyder 2008); of additive errors with no trend or a damped one, with no season or an additive one,
and of multiplicative seasons where all is positive, the one with the least corrected AIC is taken.
Seasons longer than 24 steps are not tried with multiplication, and their first states are not
fitted but taken from the first seasons, as everywhere where there would be hundreds of them.
The optimizer follows differences of a fixed size, so values are fitted in units of their median
step, from their median on (multiplicative seasons from 0 on), and it runs until it converges.
Autoregression (Yule 1927, who made it for sunspots): ``y_t = a + b t + sum_i c_i y_{t-i}`` by
statsmodels, as many past values as the least AIC wants.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

Array = np.ndarray
LONG_SEASON = 24  # steps; longer ones have too many first states to be fitted
TRENDS = (None, "add")
MOST_LAGS = 50
SEASONS_KEPT = 8  # of a long season, the latest that smoothing learns from
MOST_ITERATIONS, MOST_CALLS = 2000, 100_000  # of the optimizer; a few hundred are the rule


def naive(past: Float[Array, " n"], horizon: int) -> Float[Array, " h"]:
    """Return the last value, again and again."""
    return np.full(horizon, past[-1])


def seasonal_naive(past: Float[Array, " n"], horizon: int, season: int) -> Float[Array, " h"]:
    """Return the last season, again and again."""
    return past[len(past) - season + np.arange(horizon) % season]


@dataclass(frozen=True)
class Smoothing:
    """Exponential smoothing whose parameters were fitted on a past."""

    kind: dict[str, Any]
    parameters: Float[Array, " p"]
    """Of values in units of ``scale``, from ``level`` on."""
    season: int
    level: float = 0.0
    scale: float = 1.0

    @property
    def name(self) -> str:
        """The model in the notation of its book, as ETS(A,Ad,A)."""
        trend = "Ad" if self.kind["trend"] else "N"
        season = {"add": "A", "mul": "M", None: "N"}[self.kind["seasonal"]]
        return f"ETS(A,{trend},{season})"

    def forecast(self, past: Float[Array, " n"], horizon: int) -> Float[Array, " h"]:
        """Return a forecast after any past, with the parameters that there are."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = _model((past - self.level) / self.scale, self.kind, self.season)
            said = np.asarray(model.smooth(self.parameters).forecast(horizon))
        return self.level + self.scale * said


def fit_smoothing(past: Float[Array, " n"], season: int) -> Smoothing:
    """Return the exponential smoothing that fits a past best."""
    # its import sets filters of warnings, and would undo the one below
    import statsmodels.tsa.exponential_smoothing.ets  # noqa: F401, PLC0415 - a second

    long = season > LONG_SEASON
    seasonal: list[str | None] = [None]
    if season > 1 and len(past) >= 2 * season + 2:
        seasonal = ["add"] if long else [None, "add"]
        if not long and past.min() > 0:
            seasonal.append("mul")
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a past that it fits exactly
        for kind in ({"trend": trend, "seasonal": one} for one in seasonal for trend in TRENDS):
            try:
                found.append(_fit(past, kind, season))
            except (ValueError, np.linalg.LinAlgError, FloatingPointError):
                continue
    return found[int(np.argmin([np.inf if np.isnan(score) else score for score, _ in found]))][1]


def _fit(past: Float[Array, " n"], kind: dict[str, Any], season: int) -> tuple[float, Smoothing]:
    """Return the corrected AIC of one kind, of values in units of ``_unit``, and its fit."""
    level, scale = 0.0 if kind["seasonal"] == "mul" else float(np.median(past)), _unit(past)
    model = _model((past - level) / scale, kind, season)
    fitted = model.fit(disp=False, maxiter=MOST_ITERATIONS, maxfun=MOST_CALLS)
    return float(fitted.aicc), Smoothing(kind, np.asarray(fitted.params), season, level, scale)


def _unit(past: Float[Array, " n"]) -> float:
    """Return the median size of a step; the mean one where most are 0, and 1 where all are."""
    steps = np.abs(np.diff(past))
    return float(np.median(steps)) or float(steps.mean()) or 1.0


@dataclass(frozen=True)
class Autoregression:
    """A linear model of past values that was fitted on a past."""

    lags: list[int]
    parameters: Float[Array, " p"]

    def forecast(self, past: Float[Array, " n"], horizon: int) -> Float[Array, " h"]:
        """Return a forecast after any past, with the parameters that there are."""
        from statsmodels.tsa.ar_model import AutoReg  # noqa: PLC0415 - a second

        model = AutoReg(past, self.lags or 0, trend="ct")
        return np.asarray(model.predict(self.parameters, len(past), len(past) + horizon - 1))


def fit_autoregression(past: Float[Array, " n"], season: int) -> Autoregression:
    """Return the autoregression of the least AIC, of up to two seasons and at most 50 values."""
    from statsmodels.tsa.ar_model import AutoReg, ar_select_order  # noqa: PLC0415

    most = max(1, min(2 * season + 1 if season > 1 else 24, MOST_LAGS, len(past) // 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a past that repeats itself exactly
        chosen = ar_select_order(past, most, ic="aic", trend="ct").ar_lags
        lags = [int(lag) for lag in chosen or ()]
        fitted = AutoReg(past, lags or 0, trend="ct").fit()
    return Autoregression(lags, np.asarray(fitted.params))


def _model(past: Array, kind: dict[str, Any], season: int) -> Any:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel  # noqa: PLC0415 - a second

    if season > LONG_SEASON:
        past = past[-SEASONS_KEPT * season :]
    return ETSModel(
        past,
        error="add",
        trend=kind["trend"],
        damped_trend=kind["trend"] is not None,
        seasonal=kind["seasonal"],
        seasonal_periods=season if kind["seasonal"] else None,
        initialization_method="heuristic" if season > LONG_SEASON else "estimated",
    )
