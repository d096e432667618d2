"""A forecast as a picture: the past, what is ahead with its band, and how the backtest went."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bowerbird.prediction.plot_style import BLUE, GRAY, ORANGE, TEXT, save_figure, style_axes
from bowerbird.prediction.series.backtest import OURS, Backtest

PALE = "#a9c4e4"
COLORS = {
    OURS: BLUE,
    "exponential smoothing": ORANGE,
    "autoregression": "#3f8f5b",
    "seasonal naive": "#9a6fb0",
    "naive": "#b9bcc6",
}
CUT = 10  # times the median error; longer bars are broken, and say so
SHOWN = 6  # horizons of the past beside the forecast


def draw_backtest(done: Backtest, path: Path) -> None:
    """Draw a backtest and its forecast into a PNG file, whole or not at all; raise OSError."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(11, 7), layout="constrained", facecolor="white")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    top, bottom = parts
    _ahead(top.subplots(), done)
    left, right = bottom.subplots(1, 2, width_ratios=[1.5, 1])
    if done.scores:
        _by_step(left, done)
    else:
        left.axis("off")
    _bars(right, done)
    save_figure(figure, path)


def _ahead(axes: Any, done: Backtest) -> None:
    """Draw the last of the past, the forecast and its band."""
    series, horizon = done.series, done.config.horizon
    count = len(series)
    shown = min(count, max(SHOWN * horizon, 3 * done.season.steps))
    when = _moments(done)
    at = when[count - shown : count]
    axes.plot(at, series.values[-shown:], color=TEXT, linewidth=1.2, label="what was")
    future = when[count - 1 :]
    said = np.concatenate([series.values[-1:], done.forecast])
    band = np.concatenate([[0.0], np.nan_to_num(done.band, posinf=np.nan)])
    share = done.covered
    held = "not measured" if share is None else f"held {share:.0%} in the backtest"
    label = f"band for {done.config.coverage:.0%} ({held})"
    least = 0.0 if series.values.min() >= 0 else -np.inf
    said = np.maximum(said, least)
    low, high = np.maximum(said - band, least), said + band
    axes.fill_between(future, low, high, color=PALE, alpha=0.7, lw=0, label=label)
    rival = np.concatenate([series.values[-1:], done.rivals["exponential smoothing"]])
    color = COLORS["exponential smoothing"]
    axes.plot(future, rival, color=color, linewidth=1, linestyle="--", label=done.smoothing)
    axes.plot(future, said, color=BLUE, linewidth=2, label="forecast")
    axes.axvline(future[0], color=GRAY, linewidth=0.8, linestyle=":")
    _ticks(axes, done, when[count - shown :])
    axes.set_title(f"{series.name}: {horizon} steps ahead (step: {series.step})", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.09), frameon=False, ncols=4, fontsize=9)
    style_axes(axes)


def _moments(done: Backtest) -> np.ndarray:
    """Return every moment and those ahead as dates, or as places if they are none."""
    series, horizon = done.series, done.config.horizon
    places = np.arange(len(series) + horizon)
    if series.step == "step" or horizon > len(series.ahead):
        return places
    words = [*series.times, *series.ahead[:horizon]]
    if "quarter" in series.step:
        return pd.PeriodIndex(words, freq="Q").to_timestamp().to_numpy()
    found = pd.to_datetime(pd.Series(words), format="ISO8601", errors="coerce")
    return places if found.isna().any() else found.to_numpy()


def _ticks(axes: Any, done: Backtest, when: np.ndarray) -> None:
    """Put ticks at round moments of the calendar; without one, at whole steps in words."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    series, count = done.series, len(done.series)
    if when.dtype.kind == "M":
        locator: Any = AutoDateLocator(minticks=4, maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        return

    def word(place: float, _: object) -> str:
        at = round(place)
        if not 0 <= at < count + done.config.horizon:
            return ""
        return series.times[at] if at < count else series.moment(at - count + 1)

    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(word))


def _by_step(axes: Any, done: Backtest) -> None:
    """Draw the error of each step of the horizon, and how often its band held."""
    steps = np.arange(1, done.config.horizon + 1)
    scores = [score for score in done.scores if score.model != "naive"]
    for score in reversed(scores):
        wide = 2.2 if score.model == OURS else 1.3
        axes.plot(
            steps, score.by_step, color=COLORS[score.model], linewidth=wide, label=score.model
        )
    axes.set_ylim(0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("steps ahead")
    measured = len(done.origins) - done.measured
    axes.set_title(f"mean absolute error, {measured} origins never learned from", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), frameon=False, ncols=2, fontsize=9)
    style_axes(axes)


def _bars(axes: Any, done: Backtest) -> None:
    if not done.scores:
        axes.set_title("too short to measure anything", loc="left")
        axes.axis("off")
        return
    title, found = "MASE", {score.model: score.mase for score in done.scores}
    if None in found.values():
        title, found = "RMSE", {score.model: score.rmse for score in done.scores}
    all_ = sorted(((value or 0.0, model) for model, value in found.items()), reverse=True)
    most = CUT * float(np.median([value for value, _ in all_])) or all_[0][0] or 1.0
    names = [model for _, model in all_]
    values = [min(value, most) for value, _ in all_]
    axes.barh(names, values, color=[COLORS[name] for name in names], height=0.62)
    for place, (value, _) in enumerate(all_):
        broken = value > most
        if broken:  # two slashes across it
            axes.text(0.9 * most, place, "//", color="white", weight="bold", va="center")
        told = f" {value:.3g}" + (" (bar cut)" if broken else "")
        axes.text(values[place], place, told, va="center", fontsize=9, color=TEXT)
    longest = max(values)
    axes.set_xlim(0, longest * (1.35 if longest < all_[0][0] else 1.2))
    axes.set_title(f"{title}: lower is better", loc="left")
    style_axes(axes)
