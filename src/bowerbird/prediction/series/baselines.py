"""Baselines of forecasts: naive, seasonal naive, exponential smoothing, autoregression.

Naive: the last value. Seasonal naive: ``f(t + h) = y(t + h - m ceil(h / m))``, the last period.
Exponential smoothing: state space models by statsmodels (Hyndman, Koehler, Ord, Snyder 2008) with
additive errors, no trend or a damped one, and no seasonality, additive or (for positive series)
multiplicative seasonality; the model of the lowest corrected AIC is used. Periods above 24 steps
are additive, and their initial states are heuristic instead of fitted, because they would be
hundreds. The optimizer uses differences of a fixed size, so values are scaled by their median step
and centered at their median (multiplicative seasonality: at 0), and it runs until it converges.
Autoregression (Yule 1927, for sunspots): ``y_t = a + b t + sum_i c_i y_{t-i}`` by statsmodels, the
number of past values chosen by AIC.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

Array = np.ndarray
LONG_PERIOD = 24  # steps; longer ones have too many initial states to be fitted
TRENDS = (None, "add")
MAX_LAGS = 50
MAX_CYCLES = 8  # of a long period, the latest ones, that smoothing is fitted to
MAX_ITERATIONS, MAX_CALLS = 2000, 100_000  # of the optimizer; usually it takes a few hundred


def naive(past: Float[Array, " n"], horizon: int) -> Float[Array, " h"]:
    """Repeat the last value."""
    return np.full(horizon, past[-1])


def seasonal_naive(past: Float[Array, " n"], horizon: int, period: int) -> Float[Array, " h"]:
    """Repeat the last period."""
    return past[len(past) - period + np.arange(horizon) % period]


@dataclass(frozen=True)
class Smoothing:
    """Exponential smoothing with parameters fitted to a past."""

    kind: dict[str, Any]
    parameters: Float[Array, " p"]
    """For the values ``(y - level) / scale``."""
    period: int
    level: float = 0.0
    scale: float = 1.0

    @property
    def name(self) -> str:
        """The model in the notation of Hyndman et al., as ETS(A,Ad,A)."""
        trend = "Ad" if self.kind["trend"] else "N"
        seasonal = {"add": "A", "mul": "M", None: "N"}[self.kind["seasonal"]]
        return f"ETS(A,{trend},{seasonal})"

    def forecast(self, past: Float[Array, " n"], horizon: int) -> Float[Array, " h"]:
        """Return a forecast from any past, with the fitted parameters."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = _model((past - self.level) / self.scale, self.kind, self.period)
            scaled = np.asarray(model.smooth(self.parameters).forecast(horizon))
        return self.level + self.scale * scaled


def fit_smoothing(past: Float[Array, " n"], period: int) -> Smoothing:
    """Return the exponential smoothing that fits a past best."""
    # its import sets warning filters, which would undo the one below
    import statsmodels.tsa.exponential_smoothing.ets  # noqa: F401, PLC0415 - a second

    long = period > LONG_PERIOD
    seasonal: list[str | None] = [None]
    if period > 1 and len(past) >= 2 * period + 2:
        seasonal = ["add"] if long else [None, "add"]
        if not long and past.min() > 0:
            seasonal.append("mul")
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for a past that it fits exactly
        for kind in ({"trend": trend, "seasonal": one} for one in seasonal for trend in TRENDS):
            try:
                fits.append(_fit(past, kind, period))
            except (ValueError, np.linalg.LinAlgError, FloatingPointError):
                continue
    return fits[int(np.argmin([np.inf if np.isnan(aicc) else aicc for aicc, _ in fits]))][1]


def _fit(past: Float[Array, " n"], kind: dict[str, Any], period: int) -> tuple[float, Smoothing]:
    """Fit one kind of smoothing to scaled values; return its corrected AIC and the fit."""
    level, scale = 0.0 if kind["seasonal"] == "mul" else float(np.median(past)), _step_size(past)
    model = _model((past - level) / scale, kind, period)
    fitted = model.fit(disp=False, maxiter=MAX_ITERATIONS, maxfun=MAX_CALLS)
    return float(fitted.aicc), Smoothing(kind, np.asarray(fitted.params), period, level, scale)


def _step_size(past: Float[Array, " n"]) -> float:
    """Return the median size of a step; the mean if most are 0, and 1 if all are."""
    steps = np.abs(np.diff(past))
    return float(np.median(steps)) or float(steps.mean()) or 1.0


@dataclass(frozen=True)
class Autoregression:
    """A linear model of past values, fitted to a past."""

    lags: list[int]
    parameters: Float[Array, " p"]

    def forecast(self, past: Float[Array, " n"], horizon: int) -> Float[Array, " h"]:
        """Return a forecast from any past, with the fitted parameters."""
        from statsmodels.tsa.ar_model import AutoReg  # noqa: PLC0415 - a second

        model = AutoReg(past, self.lags or 0, trend="ct")
        return np.asarray(model.predict(self.parameters, len(past), len(past) + horizon - 1))


def fit_autoregression(past: Float[Array, " n"], period: int) -> Autoregression:
    """Return the autoregression of the lowest AIC, of up to two periods and at most 50 values."""
    from statsmodels.tsa.ar_model import AutoReg, ar_select_order  # noqa: PLC0415

    max_lag = max(1, min(2 * period + 1 if period > 1 else 24, MAX_LAGS, len(past) // 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for a past that repeats itself exactly
        chosen = ar_select_order(past, max_lag, ic="aic", trend="ct").ar_lags
        lags = [int(lag) for lag in chosen or ()]
        fitted = AutoReg(past, lags or 0, trend="ct").fit()
    return Autoregression(lags, np.asarray(fitted.params))


def _model(past: Array, kind: dict[str, Any], period: int) -> Any:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel  # noqa: PLC0415 - a second

    if period > LONG_PERIOD:
        past = past[-MAX_CYCLES * period :]
    return ETSModel(
        past,
        error="add",
        trend=kind["trend"],
        damped_trend=kind["trend"] is not None,
        seasonal=kind["seasonal"],
        seasonal_periods=period if kind["seasonal"] else None,
        initialization_method="heuristic" if period > LONG_PERIOD else "estimated",
    )
