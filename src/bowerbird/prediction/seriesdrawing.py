"""A forecast as a picture: the past, what is ahead with its band, and how the backtest went."""

from pathlib import Path
from typing import Any

import numpy as np

from bowerbird.prediction.axes import BLUE, FAINT, INK, ORANGE, plain, save_figure
from bowerbird.prediction.backtest import OURS, Backtest

PALE = "#a9c4e4"
COLORS = {
    OURS: BLUE,
    "exponential smoothing": ORANGE,
    "autoregression": "#3f8f5b",
    "seasonal naive": "#9a6fb0",
    "naive": "#b9bcc6",
}
SHOWN = 6  # horizons of the past beside the forecast


def draw_backtest(done: Backtest, path: Path) -> None:
    """Draw a backtest and its forecast into a PNG file, whole or not at all; raise OSError."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(11, 7), layout="constrained", facecolor="white")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    top, bottom = parts
    _ahead(top.subplots(), done)
    left, right = bottom.subplots(1, 2, width_ratios=[1.5, 1])
    _by_step(left, done)
    _bars(right, done)
    save_figure(figure, path)


def _ahead(axes: Any, done: Backtest) -> None:
    """Draw the last of the past, the forecast and its band."""
    series, horizon = done.series, done.config.horizon
    count = len(series)
    shown = min(count, max(SHOWN * horizon, 3 * done.season.steps))
    at = np.arange(count - shown, count)
    axes.plot(at, series.values[-shown:], color=INK, linewidth=1.2, label="what was")
    future = np.arange(count - 1, count + horizon)
    said = np.concatenate([series.values[-1:], done.forecast])
    band = np.concatenate([[0.0], np.nan_to_num(done.band, posinf=np.nan)])
    label = f"band for {done.config.coverage:.0%} (held {done.covered:.0%} in the backtest)"
    least = 0.0 if series.values.min() >= 0 else -np.inf
    said = np.maximum(said, least)
    low, high = np.maximum(said - band, least), said + band
    axes.fill_between(future, low, high, color=PALE, alpha=0.7, lw=0, label=label)
    rival = np.concatenate([series.values[-1:], done.rivals["exponential smoothing"]])
    color = COLORS["exponential smoothing"]
    axes.plot(future, rival, color=color, linewidth=1, linestyle="--", label=done.smoothing)
    axes.plot(future, said, color=BLUE, linewidth=2, label="forecast")
    axes.axvline(count - 1, color=FAINT, linewidth=0.8, linestyle=":")
    ticks = np.linspace(count - shown, count + horizon - 1, 7).astype(int)
    words = [series.times[t] if t < count else series.moment(t - count + 1) for t in ticks]
    axes.set_xticks(ticks, words)
    axes.set_title(f"{series.name}: {horizon} steps ahead (step: {series.step})", loc="left")
    axes.legend(loc="upper left", frameon=False, ncols=4, fontsize=9)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))
    plain(axes)


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
    axes.set_xlabel("steps ahead")
    measured = len(done.origins) - done.measured
    axes.set_title(f"mean absolute error, {measured} origins never learned from", loc="left")
    axes.legend(frameon=False, fontsize=9)
    plain(axes)


def _bars(axes: Any, done: Backtest) -> None:
    title, found = "MASE", {score.model: score.mase for score in done.scores}
    if None in found.values():
        title, found = "RMSE", {score.model: score.rmse for score in done.scores}
    all_ = sorted(((value or 0.0, model) for model, value in found.items()), reverse=True)
    most = min(all_[0][0], 5 * all_[-1][0]) or all_[0][0] or 1.0
    names = [model for _, model in all_]
    values = [min(value, most) for value, _ in all_]
    axes.barh(names, values, color=[COLORS[name] for name in names], height=0.62)
    for place, (value, _) in enumerate(all_):
        axes.text(values[place], place, f" {value:.2f}", va="center", fontsize=9, color=INK)
    axes.set_xlim(0, most * 1.15)
    axes.set_title(f"{title}: lower is better", loc="left")
    plain(axes)
