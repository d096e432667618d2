"""How two readers do on deeper and deeper expressions, as a picture."""

from pathlib import Path
from typing import Any

from bowerbird.prediction.expressions.compare import Lesson
from bowerbird.prediction.expressions.listops import CLOSE, DIGITS, OPERATORS, Expression
from bowerbird.prediction.plot_style import BLUE, GRAY, ORANGE, TEXT, save_figure, style_axes

PALE = "#eef2f8"
COLORS = {"tree": BLUE, "string": ORANGE}
NAMES = {"tree": "tree-LSTM", "string": "LSTM on the string"}
CHANCE = 0.1  # of a digit that is guessed; guessing 0 or 9 does a little better


def draw_lesson(lesson: Lesson, example: Expression, path: Path) -> None:
    """Draw the accuracy by depth beside an example into a PNG file, atomically."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(11, 4.6), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    _by_depth(left, lesson)
    _tree(right, example, lesson)
    save_figure(figure, path)


def _by_depth(axes: Any, lesson: Lesson) -> None:
    for marks in lesson.marks:
        depths = list(marks.accuracy)
        name = f"{NAMES[marks.reader]} ({marks.weights:,} weights, {marks.seconds:.0f} s)"
        shares = [100 * share for share in marks.accuracy.values()]
        axes.plot(depths, shares, "o-", color=COLORS[marks.reader], linewidth=2, label=name)
    seen = lesson.config.depth + 0.5
    axes.axvspan(0.5, seen, color=PALE, zorder=0)
    axes.text(seen - 0.1, 3, "learned from", ha="right", fontsize=9, color=GRAY)
    axes.text(seen + 0.1, 3, "never seen so deep", fontsize=9, color=GRAY)
    axes.axhline(100 * CHANCE, color=GRAY, linewidth=0.8, linestyle=":")
    axes.set(xlim=(0.5, max(lesson.tested) + 0.5), ylim=(0, 102))
    axes.set_xlabel("depth of the expression")
    axes.set_title("values that are right, in per cent", loc="left", fontsize=10.5, color=TEXT)
    axes.legend(frameon=False, fontsize=9, loc="upper right", bbox_to_anchor=(1, 0.7))
    style_axes(axes)


def _tree(axes: Any, example: Expression, lesson: Lesson) -> None:
    """Draw an expression as a tree, with each list's value and what the readers say."""
    values = example.values()
    places: dict[int, float] = {}
    depths: dict[int, int] = {}
    leaves = 0
    for node in range(len(example.signs) - 1, -1, -1):
        children = [k for k, parent in enumerate(example.parents) if parent == node]
        if not children:
            places[node] = -float(leaves)
            leaves += 1
        else:
            places[node] = sum(places[k] for k in children) / len(children)
    for node, parent in enumerate(example.parents):
        depths[node] = depths[parent] - 1 if parent >= 0 else 0
        if parent >= 0:
            ends = [places[parent], places[node]], [depths[parent], depths[node]]
            axes.plot(*ends, color=GRAY, linewidth=0.9, zorder=1)
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none"}
    for node, sign in enumerate(example.signs):
        inner = sign < DIGITS or sign == CLOSE
        word = str(sign) if inner else f"{OPERATORS[sign - DIGITS]} = {values[node]}"
        color = TEXT if inner else COLORS["tree"]
        axes.text(
            places[node], depths[node], word, ha="center", va="center", fontsize=8.5, bbox=box,
            color=color, zorder=2,
        )  # fmt: skip
    said = lesson.answer(example)
    told = ", ".join(f"{NAMES[name]}: {value}" for name, value in said.items())
    title = f"an expression; {told}" if told else "an expression"
    axes.set_title(title, fontsize=10.5, color=TEXT, loc="left")
    axes.margins(0.06, 0.08)
    axes.set_axis_off()
