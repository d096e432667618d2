"""Plots of the accuracy of both models by depth, and of an expression as a tree."""

from pathlib import Path
from typing import Any

from bowerbird.prediction.expressions.compare import Comparison
from bowerbird.prediction.expressions.listops import DIGITS, OPERATORS, Expression
from bowerbird.prediction.plot_style import BLUE, GRAY, ORANGE, TEXT, save_figure, style_axes

LIGHT = "#eef2f8"
COLORS = {"tree": BLUE, "sequence": ORANGE}
NAMES = {"tree": "tree-LSTM", "sequence": "LSTM"}
CHANCE = 0.1  # accuracy of a random digit; always predicting 0 or 9 does a little better


def plot_comparison(comparison: Comparison, example: Expression, path: Path) -> None:
    """Write a PNG file with the accuracy by depth, and an example."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(11, 4.6), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    _accuracy(left, comparison)
    _tree(right, example, comparison)
    save_figure(figure, path)


def _accuracy(axes: Any, comparison: Comparison) -> None:
    for result in comparison.results:
        depths = list(result.accuracy)
        label = f"{NAMES[result.model]} ({result.parameters:,} weights, {result.seconds:.0f} s)"
        percent = [100 * accuracy for accuracy in result.accuracy.values()]
        axes.plot(depths, percent, "o-", color=COLORS[result.model], linewidth=2, label=label)
    limit = comparison.config.train_depth + 0.5
    axes.axvspan(0.5, limit, color=LIGHT, zorder=0)
    axes.text(limit - 0.1, 3, "trained on", ha="right", fontsize=9, color=GRAY)
    axes.text(limit + 0.1, 3, "deeper than in training", fontsize=9, color=GRAY)
    axes.axhline(100 * CHANCE, color=GRAY, linewidth=0.8, linestyle=":")
    axes.set(xlim=(0.5, max(comparison.test_sizes) + 0.5), ylim=(0, 102))
    axes.set_xlabel("depth of the expression")
    axes.set_title("accuracy in %", loc="left", fontsize=10.5, color=TEXT)
    axes.legend(frameon=False, fontsize=9, loc="upper right", bbox_to_anchor=(1, 0.7))
    style_axes(axes)


def _positions(expression: Expression) -> tuple[dict[int, float], dict[int, int]]:
    """Return the horizontal and vertical position of each node."""
    x: dict[int, float] = {}
    y: dict[int, int] = {}
    leaves = 0
    for node in range(len(expression.tokens) - 1, -1, -1):
        children = [k for k, parent in enumerate(expression.parents) if parent == node]
        if children:
            x[node] = sum(x[k] for k in children) / len(children)
        else:
            x[node] = -float(leaves)
            leaves += 1
    for node, parent in enumerate(expression.parents):
        y[node] = y[parent] - 1 if parent >= 0 else 0
    return x, y


def _tree(axes: Any, example: Expression, comparison: Comparison) -> None:
    """Draw an expression as a tree, with the value of each list and the models' predictions."""
    values = example.values()
    x, y = _positions(example)
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none"}
    for node, (token, parent) in enumerate(zip(example.tokens, example.parents, strict=True)):
        if parent >= 0:
            ends = [x[parent], x[node]], [y[parent], y[node]]
            axes.plot(*ends, color=GRAY, linewidth=0.9, zorder=1)
        is_digit = token < DIGITS
        label = str(token) if is_digit else f"{OPERATORS[token - DIGITS]} = {values[node]}"
        color = TEXT if is_digit else COLORS["tree"]
        axes.text(
            x[node], y[node], label, ha="center", va="center", fontsize=8.5, bbox=box,
            color=color, zorder=2,
        )  # fmt: skip
    predictions = comparison.predict(example)
    text = ", ".join(f"{NAMES[name]}: {value}" for name, value in predictions.items())
    axes.set_title(f"an expression; {text}", fontsize=10.5, color=TEXT, loc="left")
    axes.margins(0.06, 0.08)
    axes.set_axis_off()
