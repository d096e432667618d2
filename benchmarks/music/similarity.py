"""How similar composed tunes are to real ones: five distributions, their distances, one picture.

Tunes are compared as written, without their repeats played. A distance is the Jensen-Shannon
divergence (Lin 1991) in bits: 0 for equal distributions, 1 for disjoint ones.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from symusic.core import ScoreTick as Score

from bowerbird.music.score.key import key_of
from bowerbird.music.score.melody import GRID, grid_notes, melody
from bowerbird.music.score.meter import bars_of, meters_of

MAX_AGO = 16  # bars
TEXT, PAPER = "#2b2b33", "#faf7f0"
COLORS = ("#b9b4a7", "#2f6f8f", "#d1603d")


@dataclass(frozen=True)
class Feature:
    """One distribution: what is counted in a tune, and how it is drawn."""

    name: str
    values: Callable[[Score], Iterable[object]]
    unit: str
    shown: tuple[object, ...]
    """Values on the axis of the picture."""
    labels: dict[object, str]


def pitches(score: Score) -> list[int]:
    """Return semitones above the tonic in the octave of middle C."""
    tonic = 60 + key_of(score).pitch_class
    return (grid_notes(melody(score), GRID).pitches - tonic).tolist()


def intervals(score: Score) -> list[int]:
    """Return semitones from each note to the next."""
    return np.diff(grid_notes(melody(score), GRID).pitches).tolist()


def durations(score: Score) -> list[int]:
    """Return the duration of each note, in ticks of the grid."""
    notes = grid_notes(melody(score), GRID)
    return (notes.ends - notes.starts).tolist()


def positions(score: Score) -> list[tuple[tuple[int, int], int]]:
    """Return each note's meter, and its position in the bar, in ticks of the grid."""
    notes = grid_notes(melody(score), GRID)
    bars = bars_of(meters_of(score, GRID), int(notes.ends[-1]), GRID)
    bar = np.searchsorted(bars.starts, notes.starts, "right") - 1
    ticks = notes.starts - bars.starts[bar]
    return [(bars.meters[b], t) for b, t in zip(bar.tolist(), ticks.tolist(), strict=True)]


def repetitions(score: Score) -> list[int]:
    """Return for each bar but the first how many bars ago an equal one was; 0 for never."""
    notes = grid_notes(melody(score), GRID)
    bars = bars_of(meters_of(score, GRID), int(notes.ends[-1]), GRID)
    contents: list[tuple[tuple[int, int, int], ...]] = []
    for first, last in pairwise([*bars.starts.tolist(), bars.end]):
        inside = (notes.starts < last) & (notes.ends > first)
        rows = np.stack([notes.starts[inside], notes.ends[inside]], 1).clip(first, last) - first
        notes_inside = zip(rows.tolist(), notes.pitches[inside].tolist(), strict=True)
        contents.append(tuple((*row, pitch) for row, pitch in notes_inside))
    ago = []
    for number, content in enumerate(contents[1:], 1):
        equal = [n for n in range(1, min(number, MAX_AGO) + 1) if contents[number - n] == content]
        ago.append(equal[0] if equal else 0)
    return ago


NOTE = {6: "1/16", 8: "1/12", 12: "1/8", 18: "1/8.", 24: "1/4", 36: "1/4.", 48: "1/2", 72: "1/2."}
FEATURES = (
    Feature("pitch", pitches, "semitones above the tonic", tuple(range(-10, 25)), {}),
    Feature("interval", intervals, "semitones to the next note", tuple(range(-12, 13)), {}),
    Feature("duration", durations, "of a whole note", tuple(NOTE), NOTE),
    Feature(
        "position in the bar",
        positions,
        "eighths of a bar of 4/4, and of 6/8",
        (*(((4, 4), t) for t in range(0, 96, 12)), *(((6, 8), t) for t in range(0, 72, 12))),
        {((n, d), t): f"{t // 12 + 1}" for n, d in ((4, 4), (6, 8)) for t in range(0, 96, 12)},
    ),
    Feature(
        "repetition",
        repetitions,
        "bars since an equal bar",
        tuple(range(MAX_AGO + 1)),
        {0: "new"},
    ),
)


def distribution(feature: Feature, scores: Iterable[Score]) -> Counter[object]:
    """Return the count of each value."""
    return Counter(value for score in scores for value in feature.values(score))


def divergence(a: Counter[object], b: Counter[object]) -> float:
    """Return the Jensen-Shannon divergence between two counts, in bits."""
    values = sorted({*a, *b}, key=repr)
    p, q = (np.array([counts[v] for v in values], float) for counts in (a, b))
    p, q = p / p.sum(), q / q.sum()
    m = (p + q) / 2

    def bits(x: np.ndarray) -> float:
        positive = x > 0
        return float((x[positive] * np.log2(x[positive] / m[positive])).sum())

    return (bits(p) + bits(q)) / 2


def draw(path: Path, title: str, groups: dict[str, list[Score]]) -> None:
    """Draw the five distributions of up to three groups of tunes."""
    figure, axes = plt.subplots(len(FEATURES), 1, figsize=(9, 13), facecolor=PAPER)
    for axis, feature in zip(axes, FEATURES, strict=True):
        width = 0.8 / len(groups)
        for number, (name, scores) in enumerate(groups.items()):
            counts = distribution(feature, scores)
            fractions = [counts[v] / max(1, counts.total()) for v in feature.shown]
            at = np.arange(len(fractions)) + (number - (len(groups) - 1) / 2) * width
            axis.bar(at, fractions, width, color=COLORS[number], label=name)
        ticks = [feature.labels.get(v, str(v)) for v in feature.shown]
        axis.set_xticks(range(len(ticks)), ticks, fontsize=8, color=TEXT)
        axis.set_title(f"{feature.name}: {feature.unit}", loc="left", fontsize=11, color=TEXT)
        axis.set_facecolor(PAPER)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(length=0, labelsize=8, colors=TEXT)
        axis.yaxis.set_major_formatter(lambda fraction, _: f"{fraction:.0%}")
        axis.grid(axis="y", color="#e4dfd2", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.margins(x=0.01)
    axes[0].legend(frameon=False, fontsize=9, labelcolor=TEXT)
    figure.suptitle(title, x=0.012, ha="left", fontsize=14, color=TEXT)
    figure.tight_layout(rect=(0, 0, 1, 0.985), h_pad=1.6)
    figure.savefig(path, dpi=110)
    plt.close(figure)
