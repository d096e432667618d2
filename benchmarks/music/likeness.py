"""How much composed tunes are like real ones: five distributions, their distances, one picture.

Tunes are taken as they are written, without their repeats played. A distance is the divergence of
Jensen and Shannon (Lin 1991) in bits: 0 for the same distribution, 1 for two that share nothing.
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

MOST_AGO = 16  # bars
INK, PAPER = "#2b2b33", "#faf7f0"
COLORS = ("#b9b4a7", "#2f6f8f", "#d1603d")


@dataclass(frozen=True)
class Measure:
    """One distribution: what is counted in a tune, and how it is drawn."""

    name: str
    found: Callable[[Score], Iterable[object]]
    unit: str
    shown: tuple[object, ...]
    """Values that the picture shows."""
    labels: dict[object, str]


def heights(score: Score) -> list[int]:
    """Return semitones above the tonic that lies in the octave of middle C."""
    tonic = 60 + key_of(score).pitch_class
    return (grid_notes(melody(score), GRID).pitches - tonic).tolist()


def intervals(score: Score) -> list[int]:
    """Return semitones from each note to the next."""
    return np.diff(grid_notes(melody(score), GRID).pitches).tolist()


def lengths(score: Score) -> list[int]:
    """Return how long each note sounds, in ticks of the grid."""
    lines = grid_notes(melody(score), GRID)
    return (lines.ends - lines.starts).tolist()


def places(score: Score) -> list[tuple[tuple[int, int], int]]:
    """Return each note's meter, and its place in the bar, in ticks of the grid."""
    lines = grid_notes(melody(score), GRID)
    bars = bars_of(meters_of(score, GRID), int(lines.ends[-1]), GRID)
    bar = np.searchsorted(bars.starts, lines.starts, "right") - 1
    ticks = lines.starts - bars.starts[bar]
    return [(bars.meters[b], t) for b, t in zip(bar.tolist(), ticks.tolist(), strict=True)]


def repeats(score: Score) -> list[int]:
    """Return for each bar but the first how many bars ago the same one was last; 0 is never."""
    lines = grid_notes(melody(score), GRID)
    bars = bars_of(meters_of(score, GRID), int(lines.ends[-1]), GRID)
    edges = [*bars.starts.tolist(), bars.end]
    told: list[tuple[tuple[int, int, int], ...]] = []
    for first, last in pairwise(edges):
        inside = (lines.starts < last) & (lines.ends > first)
        rows = np.stack([lines.starts[inside], lines.ends[inside]], 1).clip(first, last) - first
        told.append(tuple((*row, p) for row, p in zip(rows.tolist(), lines.pitches[inside].tolist(),
                                                      strict=True)))  # fmt: skip
    ago = []
    for number in range(1, len(told)):
        same = [n for n in range(1, min(number, MOST_AGO) + 1) if told[number - n] == told[number]]
        ago.append(same[0] if same else 0)
    return ago


NOTE = {6: "1/16", 8: "1/12", 12: "1/8", 18: "1/8.", 24: "1/4", 36: "1/4.", 48: "1/2", 72: "1/2."}
MEASURES = (
    Measure("pitch", heights, "semitones above the tonic", tuple(range(-10, 25)), {}),
    Measure("interval", intervals, "semitones to the next note", tuple(range(-12, 13)), {}),
    Measure("length", lengths, "of a whole note", tuple(NOTE), NOTE),
    Measure(
        "place in the bar",
        places,
        "eighths of a bar of 4/4, and of 6/8",
        (*(((4, 4), t) for t in range(0, 96, 12)), *(((6, 8), t) for t in range(0, 72, 12))),
        {((n, d), t): f"{t // 12 + 1}" for n, d in ((4, 4), (6, 8)) for t in range(0, 96, 12)},
    ),
    Measure(
        "repetition",
        repeats,
        "bars ago that a bar was heard",
        tuple(range(MOST_AGO + 1)),
        {0: "new"},
    ),
)


def distribution(measure: Measure, scores: Iterable[Score]) -> Counter[object]:
    """Return how often each value is found."""
    return Counter(value for score in scores for value in measure.found(score))


def divergence(a: Counter[object], b: Counter[object]) -> float:
    """Return the divergence of Jensen and Shannon between two counts, in bits."""
    values = sorted({*a, *b}, key=repr)
    p, q = (np.array([counts[v] for v in values], float) for counts in (a, b))
    p, q = p / p.sum(), q / q.sum()
    m = (p + q) / 2

    def bits(x: np.ndarray) -> float:
        there = x > 0
        return float((x[there] * np.log2(x[there] / m[there])).sum())

    return (bits(p) + bits(q)) / 2


def draw(path: Path, title: str, groups: dict[str, list[Score]]) -> None:
    """Draw the five distributions of up to three groups of tunes, one above the other."""
    figure, axes = plt.subplots(len(MEASURES), 1, figsize=(9, 13), facecolor=PAPER)
    for axis, measure in zip(axes, MEASURES, strict=True):
        width = 0.8 / len(groups)
        for number, (name, scores) in enumerate(groups.items()):
            counts = distribution(measure, scores)
            shares = [counts[v] / max(1, counts.total()) for v in measure.shown]
            at = np.arange(len(shares)) + (number - (len(groups) - 1) / 2) * width
            axis.bar(at, shares, width, color=COLORS[number], label=name)
        ticks = [measure.labels.get(v, str(v)) for v in measure.shown]
        axis.set_xticks(range(len(ticks)), ticks, fontsize=8, color=INK)
        axis.set_title(f"{measure.name}: {measure.unit}", loc="left", fontsize=11, color=INK)
        axis.set_facecolor(PAPER)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(length=0, labelsize=8, colors=INK)
        axis.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axis.grid(axis="y", color="#e4dfd2", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.margins(x=0.01)
    axes[0].legend(frameon=False, fontsize=9, labelcolor=INK)
    figure.suptitle(title, x=0.012, ha="left", fontsize=14, color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.985), h_pad=1.6)
    figure.savefig(path, dpi=110)
    plt.close(figure)
