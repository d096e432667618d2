"""Plots of a forecast with its interval, and of its backtest."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bowerbird.prediction.plot_style import BLUE, GRAY, ORANGE, TEXT, save_figure, style_axes
from bowerbird.prediction.series.backtest import (
    AUTOREGRESSION,
    NAIVE,
    OURS,
    SEASONAL,
    SMOOTHING,
    Backtest,
)
from bowerbird.prediction.series.interval import interval

LIGHT = "#a9c4e4"
COLORS = {
    OURS: BLUE,
    SMOOTHING: ORANGE,
    AUTOREGRESSION: "#3f8f5b",
    SEASONAL: "#9a6fb0",
    NAIVE: "#b9bcc6",
}
MAX_BAR = 10  # times the median error; longer bars are cut, and marked
PAST_HORIZONS = 6  # horizons of the past beside the forecast


def plot_backtest(result: Backtest, path: Path) -> None:
    """Write a PNG file with a forecast and its backtest; raise OSError if it can't be written."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(11, 7), layout="constrained", facecolor="white")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    top, bottom = parts
    _forecast(top.subplots(), result)
    left, right = bottom.subplots(1, 2, width_ratios=[1.5, 1])
    if result.metrics:
        _errors_by_step(left, result)
        _accuracy(right, result)
    else:
        right.set_title("too short for a test", loc="left")
        left.axis("off")
        right.axis("off")
    save_figure(figure, path)


def _forecast(axes: Any, result: Backtest) -> None:
    """Plot the end of the past, the forecast and its interval."""
    series, horizon = result.series, result.config.horizon
    count, last = len(series), series.values[-1:]
    shown = min(count, max(PAST_HORIZONS * horizon, 3 * result.seasonality.period))
    times = _times(result)
    past, future = times[count - shown : count], times[count - 1 :]
    axes.plot(past, series.values[-shown:], color=TEXT, linewidth=1.2, label="past")
    widths = np.concatenate([[0.0], np.nan_to_num(result.half_widths, posinf=np.nan)])
    forecast = np.concatenate([last, result.forecast])
    forecast, lower, upper = interval(forecast, widths, series.values)
    coverage = result.empirical_coverage
    tested = "not tested" if coverage is None else f"{coverage:.0%} in the backtest"
    label = f"{result.config.coverage:.0%} interval ({tested})"
    axes.fill_between(future, lower, upper, color=LIGHT, alpha=0.7, lw=0, label=label)
    smoothing, color = np.concatenate([last, result.baselines[SMOOTHING]]), COLORS[SMOOTHING]
    axes.plot(future, smoothing, color=color, linewidth=1, linestyle="--", label=result.smoothing)
    axes.plot(future, forecast, color=BLUE, linewidth=2, label="forecast")
    axes.axvline(future[0], color=GRAY, linewidth=0.8, linestyle=":")
    _ticks(axes, result, times[count - shown :])
    axes.set_title(f"{series.name}: {horizon} steps (of one {series.frequency})", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.09), frameon=False, ncols=4, fontsize=9)
    style_axes(axes)


def _times(result: Backtest) -> np.ndarray:
    """Return all times, past and future, as dates, or as positions if they are no dates."""
    series, horizon = result.series, result.config.horizon
    positions = np.arange(len(series) + horizon)
    if series.frequency == "step" or horizon > len(series.future_times):
        return positions
    words = [*series.times, *series.future_times[:horizon]]
    if "quarter" in series.frequency:
        return pd.PeriodIndex(words, freq="Q").to_timestamp().to_numpy()
    dates = pd.to_datetime(pd.Series(words), format="ISO8601", errors="coerce")
    return positions if dates.isna().any() else dates.to_numpy()


def _ticks(axes: Any, result: Backtest, times: np.ndarray) -> None:
    """Put ticks at round dates; without dates, label positions with the times as text."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    series, count = result.series, len(result.series)
    if times.dtype.kind == "M":
        locator: Any = AutoDateLocator(minticks=4, maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        return

    def word(position: float, _: object) -> str:
        at = round(position)
        if not 0 <= at < count + result.config.horizon:
            return ""
        return series.times[at] if at < count else series.future_time(at - count + 1)

    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(word))


def _errors_by_step(axes: Any, result: Backtest) -> None:
    steps = np.arange(1, result.config.horizon + 1)
    for model, metrics in reversed(result.metrics.items()):
        if model == NAIVE:
            continue
        width = 2.2 if model == OURS else 1.3
        axes.plot(steps, metrics.mae_by_step, color=COLORS[model], linewidth=width, label=model)
    axes.set_ylim(0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("step of the forecast")
    axes.set_title(f"mean absolute error of {result.test_splits} test splits", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), frameon=False, ncols=2, fontsize=9)
    style_axes(axes)


def _accuracy(axes: Any, result: Backtest) -> None:
    """Plot the MASE of each model, or the RMSE if there is no MASE."""
    title, errors = "MASE", {model: metrics.mase for model, metrics in result.metrics.items()}
    if None in errors.values():
        title, errors = "RMSE", {model: metrics.rmse for model, metrics in result.metrics.items()}
    ranking = sorted(((value or 0.0, model) for model, value in errors.items()), reverse=True)
    limit = MAX_BAR * float(np.median([value for value, _ in ranking])) or ranking[0][0] or 1.0
    names = [model for _, model in ranking]
    widths = [min(value, limit) for value, _ in ranking]
    axes.barh(names, widths, color=[COLORS[name] for name in names], height=0.62)
    for place, (value, _) in enumerate(ranking):
        is_cut = value > limit
        if is_cut:
            axes.text(0.9 * limit, place, "//", color="white", weight="bold", va="center")
        label = f" {value:.3g}" + (" (bar cut)" if is_cut else "")
        axes.text(widths[place], place, label, va="center", fontsize=9, color=TEXT)
    longest = max(widths)
    axes.set_xlim(0, longest * (1.35 if longest < ranking[0][0] else 1.2))
    axes.set_title(f"{title}: lower is better", loc="left")
    style_axes(axes)
