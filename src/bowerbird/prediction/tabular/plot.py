"""A study of a table as one picture: prediction against truth, the comparison, the learning curve.

Numbers: each row is a point with its interval, orange where the interval misses the truth (the
diagonal). Classes: the confusion matrix. All rows were unseen when they were predicted.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from bowerbird.prediction.plot_style import BLUE, INK, ORANGE, plain, save_figure
from bowerbird.prediction.tabular.baselines import WORDS
from bowerbird.prediction.tabular.study import Study

PAPER = "#ffffff"
MOST_POINTS = 1500  # more would hide each other
WRITTEN = 14  # classes of which the numbers are written into the matrix
LONGEST = 16  # letters of a class's name
TITLES = {"rmse": "RMSE", "log_loss": "log loss, nats"}


def draw_study(study: Study, path: Path) -> None:
    """Draw a study into a PNG file, whole or not at all; raise OSError if it can't be written."""
    figure = Figure(figsize=(11, 5.6), layout="constrained", facecolor=PAPER)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    main = figure.add_subplot(grid[:, 0])
    if study.target.classes:
        _confusion(main, study)
    else:
        _against_truth(main, study)
    _comparison(figure.add_subplot(grid[0, 1]), study)
    _learning(figure.add_subplot(grid[1, 1]), study)
    save_figure(figure, path, density=120)


def _against_truth(axes: Any, study: Study) -> None:
    random = np.random.default_rng(0)
    count = len(study.wanted)
    some = np.sort(random.permutation(count)[:MOST_POINTS])
    found = study.unseen
    assert found.low is not None
    assert found.high is not None
    true, said, low, high = (v[some] for v in (study.wanted, found.values, found.low, found.high))
    inside = (low <= true) & (true <= high)
    ends = np.array([min(true.min(), said.min()), max(true.max(), said.max())])
    room = 0.04 * (ends[1] - ends[0])
    ends += (-room, room)
    axes.plot(ends, ends, color=INK, linewidth=1, zorder=1)
    finite = np.isfinite(low) & np.isfinite(high)
    dense = 0.5 if len(some) < 500 else 0.25
    for mask, color, label in (
        (inside, BLUE, f"within its interval: {study.coverage.value:.1%} of the rows"),
        (~inside, ORANGE, "outside"),
    ):
        bars = mask & finite
        axes.vlines(true[bars], low[bars], high[bars], color=color, alpha=0.45 * dense, lw=1)
        axes.plot(true[mask], said[mask], "o", ms=3.4, mew=0, color=color, alpha=0.4 + dense,
                  label=label)  # fmt: skip
    axes.set_xlim(*ends)
    bottom, top = np.percentile(low[finite], 1), np.percentile(high[finite], 99)
    axes.set_ylim(min(ends[0], bottom), max(ends[1], top))
    axes.set(
        xlabel=f"{study.target.name}, true",
        ylabel="predicted, of rows not learned from",
        title=f"R² {study.scores['networks']['r2'].value:.3f}",
    )
    axes.grid(color=INK, alpha=0.08)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    plain(axes)


def _confusion(axes: Any, study: Study) -> None:
    names = [n if len(n) <= LONGEST else f"{n[: LONGEST - 1]}…" for n in study.target.classes]
    said = study.unseen.values.argmax(1)
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (study.wanted, said), 1)
    shares = counts / counts.sum(1, keepdims=True)
    colors = LinearSegmentedColormap.from_list("ink", [PAPER, BLUE])
    axes.imshow(shares, cmap=colors, vmin=0, vmax=1)
    if len(names) <= WRITTEN:
        for i, j in np.ndindex(*counts.shape):
            color = PAPER if shares[i, j] > 0.5 else (ORANGE if counts[i, j] and i != j else INK)
            weight = "bold" if counts[i, j] and i != j else "normal"
            axes.text(j, i, f"{counts[i, j]:,}" if counts[i, j] else "·", ha="center", va="center",
                      color=color, weight=weight, fontsize=12 if len(names) < 6 else 9)  # fmt: skip
    if len(names) <= 2 * WRITTEN:
        axes.set_xticks(range(len(names)), names, rotation=0 if len(names) < 5 else 45)
        axes.set_yticks(range(len(names)), names)
    accuracy = study.scores["networks"]["accuracy"].value
    axes.set(
        xlabel="predicted, of rows not learned from",
        ylabel=f"{study.target.name}, true",
        title=f"accuracy {accuracy:.1%}",
    )
    plain(axes)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _comparison(axes: Any, study: Study) -> None:
    metric = "log_loss" if study.target.classes else "rmse"
    tools = list(study.said)
    for place, tool in enumerate(tools):
        score = study.scores[tool][metric]
        color = ORANGE if tool == "networks" else BLUE
        axes.plot([score.low, score.high], [place, place], color=color, lw=2, alpha=0.55)
        axes.plot(score.value, place, "o", color=color, ms=6)
        axes.annotate(f"{score.value:.3g}", (score.value, place), (0, 6), fontsize=8.5,
                      textcoords="offset points", ha="center", color=color)  # fmt: skip
    axes.set_yticks(range(len(tools)), [WORDS[tool] for tool in tools])
    axes.set_ylim(len(tools) - 0.5, -0.7)
    axes.set_title(f"{TITLES[metric]} (95 % interval; less is better)")
    axes.grid(axis="x", color=INK, alpha=0.08)
    plain(axes)


def _learning(axes: Any, study: Study) -> None:
    learned, held_out = zip(*study.history, strict=True)
    epochs = np.arange(1, len(learned) + 1)
    axes.plot(epochs, learned, color=BLUE, lw=1.5, label="learned from")
    axes.plot(epochs, held_out, color=ORANGE, lw=1.5, label="held out")
    best = int(np.argmin(held_out))
    axes.plot(epochs[best], held_out[best], "o", color=ORANGE, ms=5)
    axes.annotate("taken", (epochs[best], held_out[best]), (0, 7), ha="center", color=ORANGE,
                  textcoords="offset points", fontsize=8.5)  # fmt: skip
    unit = "loss, nats" if study.target.classes else "loss, variances of the target"
    axes.set(xlabel="epoch", ylabel=unit, title="learning, all rows")
    axes.set_ylim(0, 1.05 * max(learned[0], held_out[0]))
    axes.grid(color=INK, alpha=0.08)
    axes.legend(frameon=False, fontsize=9)
    plain(axes)
