"""Plot a report on a table: predictions against the truth, the comparison, the training curves.

Numbers: each row is a point with its interval, orange if the interval misses the truth (the
diagonal). Classes: the confusion matrix. All predictions are of held-out rows.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from bowerbird.prediction.plot_style import BLUE, ORANGE, TEXT, save_figure, style_axes
from bowerbird.prediction.tabular.config import LABELS
from bowerbird.prediction.tabular.cross_validation import TableReport

WHITE = "#ffffff"
MAX_POINTS = 1500  # more would hide each other
MAX_LABELLED = 14  # classes with the counts written into the matrix
MAX_NAME = 16  # characters of a class
TITLES = {"rmse": "RMSE", "log_loss": "log loss, nats"}


def plot_report(report: TableReport, path: Path) -> None:
    """Write the plot of a report as a PNG file; raise OSError if it can't be written."""
    figure = Figure(figsize=(11, 5.6), layout="constrained", facecolor=WHITE)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    main = figure.add_subplot(grid[:, 0])
    if report.target.classes:
        _plot_confusion(main, report)
    else:
        _plot_numbers(main, report)
    _plot_metrics(figure.add_subplot(grid[0, 1]), report)
    _plot_history(figure.add_subplot(grid[1, 1]), report)
    save_figure(figure, path, dpi=120)


def _plot_numbers(axes: Any, report: TableReport) -> None:
    random = np.random.default_rng(0)
    count = len(report.problem.truth)
    rows = np.sort(random.permutation(count)[:MAX_POINTS])
    held_out = report.held_out
    assert held_out.low is not None
    assert held_out.high is not None
    arrays = (report.problem.truth, held_out.values, held_out.low, held_out.high)
    truth, predicted, low, high = (array[rows] for array in arrays)
    inside = (low <= truth) & (truth <= high)
    ends = np.array([min(truth.min(), predicted.min()), max(truth.max(), predicted.max())])
    margin = 0.04 * (ends[1] - ends[0])
    ends += (-margin, margin)
    axes.plot(ends, ends, color=TEXT, linewidth=1, zorder=1)
    finite = np.isfinite(low) & np.isfinite(high)
    opacity = 0.5 if len(rows) < 500 else 0.25
    for mask, color, label in (
        (inside, BLUE, f"inside the interval: {report.coverage.value:.1%} of the rows"),
        (~inside, ORANGE, "outside"),
    ):
        bars = mask & finite
        axes.vlines(truth[bars], low[bars], high[bars], color=color, alpha=0.45 * opacity, lw=1)
        alpha = 0.4 + opacity
        axes.plot(truth[mask], predicted[mask], "o", ms=3.4, mew=0, color=color, alpha=alpha,
                  label=label)  # fmt: skip
    axes.set_xlim(*ends)
    if finite.any():
        bottom, top = np.percentile(low[finite], 1), np.percentile(high[finite], 99)
        axes.set_ylim(min(ends[0], bottom), max(ends[1], top))
    axes.set(
        xlabel=f"{report.target.name}, true",
        ylabel="predicted, held-out rows",
        title=f"R² {report.metrics['ensemble']['r2'].value:.3f}",
    )
    axes.grid(color=TEXT, alpha=0.08)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    style_axes(axes)


def _plot_confusion(axes: Any, report: TableReport) -> None:
    names = [n if len(n) <= MAX_NAME else f"{n[: MAX_NAME - 1]}…" for n in report.target.classes]
    predicted = report.held_out.values.argmax(1)
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (report.problem.truth, predicted), 1)
    fractions = counts / counts.sum(1, keepdims=True)
    colors = LinearSegmentedColormap.from_list("ink", [WHITE, BLUE])
    axes.imshow(fractions, cmap=colors, vmin=0, vmax=1)
    if len(names) <= MAX_LABELLED:
        for i, j in np.ndindex(*counts.shape):
            color = (
                WHITE if fractions[i, j] > 0.5 else (ORANGE if counts[i, j] and i != j else TEXT)
            )
            weight = "bold" if counts[i, j] and i != j else "normal"
            axes.text(j, i, f"{counts[i, j]:,}" if counts[i, j] else "·", ha="center", va="center",
                      color=color, weight=weight, fontsize=12 if len(names) < 6 else 9)  # fmt: skip
    if len(names) <= 2 * MAX_LABELLED:
        axes.set_xticks(range(len(names)), names, rotation=0 if len(names) < 5 else 45)
        axes.set_yticks(range(len(names)), names)
    accuracy = report.metrics["ensemble"]["accuracy"].value
    axes.set(
        xlabel="predicted, held-out rows",
        ylabel=f"{report.target.name}, true",
        title=f"accuracy {accuracy:.1%}",
    )
    style_axes(axes)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _plot_metrics(axes: Any, report: TableReport) -> None:
    metric = "log_loss" if report.target.classes else "rmse"
    methods = list(report.predictions)
    for place, method in enumerate(methods):
        estimate = report.metrics[method][metric]
        color = ORANGE if method == "ensemble" else BLUE
        axes.plot([estimate.low, estimate.high], [place, place], color=color, lw=2, alpha=0.55)
        axes.plot(estimate.value, place, "o", color=color, ms=6)
        axes.annotate(f"{estimate.value:.3g}", (estimate.value, place), (0, 6), fontsize=8.5,
                      textcoords="offset points", ha="center", color=color)  # fmt: skip
    axes.set_yticks(range(len(methods)), [LABELS[method] for method in methods])
    axes.set_ylim(len(methods) - 0.5, -0.7)
    axes.set_title(f"{TITLES[metric]} (95 % interval; lower is better)")
    axes.grid(axis="x", color=TEXT, alpha=0.08)
    style_axes(axes)


def _plot_history(axes: Any, report: TableReport) -> None:
    training, held_out = zip(*report.history, strict=True)
    epochs = np.arange(1, len(training) + 1)
    axes.plot(epochs, training, color=BLUE, lw=1.5, label="training")
    axes.plot(epochs, held_out, color=ORANGE, lw=1.5, label="held out")
    best = int(np.argmin(held_out))
    axes.plot(epochs[best], held_out[best], "o", color=ORANGE, ms=5)
    axes.annotate("used", (epochs[best], held_out[best]), (0, 7), ha="center", color=ORANGE,
                  textcoords="offset points", fontsize=8.5)  # fmt: skip
    unit = "loss, nats" if report.target.classes else "loss, variances of the target"
    axes.set(xlabel="epoch", ylabel=unit, title="training on all rows")
    axes.set_ylim(0, 1.05 * max(training[0], held_out[0]))
    axes.grid(color=TEXT, alpha=0.08)
    axes.legend(frameon=False, fontsize=9)
    style_axes(axes)
