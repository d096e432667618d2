"""Times to note values: a grid for what was played, and ties, dots and triplets for what is read.

Every beat gets a grid: of written music the simplest that its notes lie on (halves, quarters,
triplets, eighths, sixths ...); of played music the one that they lie nearest to, with a fee for
fineness. A written length is split into tied values where it would hide a beat.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bowerbird.music.notation.bars import BEAT, QUARTER, Bar

TOLERANCE = 1.25  # units, 1/38 of a quarter: what comes sooner before a beat is meant on it
_WRITTEN = 0.3  # units; a program's rounding, at 96 ticks a quarter and more
_FEE = 0.35  # units of mean error that each step to a finer grid must save
_SHORTEST = 6  # units; a 32nd

VALUES: dict[int, tuple[str, int]] = {}  # units -> the value's MusicXML name, and its dots
for _units, _name in zip(
    (384, 192, 96, 48, 24, 12, 6, 3),
    ("breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th"),
    strict=True,
):
    VALUES[_units] = (_name, 0)
    if _units > 3:
        VALUES[_units * 3 // 2] = (_name, 1)


def _grids(size: int) -> list[NDArray[np.int64]]:
    """List the grids of a window of `size` units (a quarter or an eighth), simplest first."""
    steps = (48, 24, 12, 16, 6, 8) if size == QUARTER else (24, 12, 6, 8)
    grids = [np.arange(0, size + 1, step) for step in steps]
    if size == QUARTER:  # triplet sixteenths in one half, plain notes in the other
        halves = [np.arange(0, 25, 12), np.arange(0, 25, 6)]
        for half in halves:
            grids.append(np.union1d(np.arange(0, 25, 8), half + 24))
            grids.append(np.union1d(half, np.arange(24, 49, 8)))
    return [*grids, np.arange(0, size + 1, 3), np.arange(0, size + 1, 4)]


_GRIDS = {size: _grids(size) for size in (QUARTER, QUARTER // 2)}


def window_of(bar: Bar) -> int:
    """Return the units of the windows that get a grid of their own: quarters, or eighths."""
    return QUARTER if bar.denominator <= 4 else QUARTER // 2


def quantize(
    starts: NDArray[np.float64], ends: NDArray[np.float64], bars: list[Bar]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move times in units onto the grids of their beats; every note keeps some length.

    Of music that was written, on a grid already, starts and ends stay where they are. Of music
    that was played, an end goes to the next start, if that is near: what is played short is not
    written with rests.
    """
    written = is_written(np.concatenate([starts, ends]))
    windows = _Windows(bars)
    new, grids = windows.place(np.concatenate([starts, ends]) if written else starts, written)
    if written:
        new, last = new[: len(starts)], new[len(starts) :]
    else:
        last = np.array([windows.nearest(end, grids) for end in ends], np.int64)
    onsets = np.unique(new)
    following = np.searchsorted(onsets, new, "right")
    after = np.append(onsets, np.iinfo(np.int64).max)[following]
    if not written:
        near = np.abs(after - ends) <= QUARTER / 4
        last = np.where(near, after, last)
    return new, np.where(last > new, last, np.minimum(new + _SHORTEST, after))


def is_written(times: NDArray[np.float64], share: float = 0.97) -> bool:
    """Tell whether times are a program's: such a share on 64ths or triplets of 32nds."""
    off = np.minimum(*(np.abs(times - step * np.rint(times / step)) for step in (3, 4)))
    return float((off < _WRITTEN).mean()) > share


class _Windows:
    """The quarters or eighths of bars, each of which has a grid of its own."""

    def __init__(self, bars: list[Bar]) -> None:
        self.starts = np.array([bar.start for bar in bars])
        self.sizes = np.array([window_of(bar) for bar in bars])
        self.origins = self.starts - np.array([b.skipped for b in bars]) % self.sizes

    def of(self, times: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the windows of some times begin, and their sizes."""
        late = times + TOLERANCE  # what is just before a window belongs to it
        which = np.clip(np.searchsorted(self.starts, late, "right") - 1, 0, None)
        size, origin = self.sizes[which], self.origins[which]
        return origin + np.floor((late - origin) / size).astype(np.int64) * size, size

    def place(
        self, times: NDArray[np.float64], written: bool
    ) -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
        """Move times onto the best grid of each window; return them, and the grids by window."""
        places, sizes = self.of(times)
        order = np.argsort(places, kind="stable")
        result = np.empty(len(times), np.int64)
        grids: dict[int, NDArray[np.int64]] = {}
        edges = np.flatnonzero(np.diff(places[order], prepend=places[order][:1] - 1))
        for a, b in zip(edges, [*edges[1:], len(order)], strict=True):
            members = order[a:b]
            base, size = int(places[members[0]]), int(sizes[members[0]])
            grid = (_simplest if written else _cheapest)(times[members] - base, size)
            grids[base] = grid
            result[members] = base + _nearest(grid, times[members] - base)
        return result, grids

    def nearest(self, time: float, grids: dict[int, NDArray[np.int64]]) -> int:
        """Move an end onto the grid of its window; without one, to the nearest sixteenth."""
        place, size = (int(x[0]) for x in self.of(np.array([time])))
        grid = grids.get(place)
        if grid is None or len(grid) < 3:
            grid = _GRIDS[size][2 if size == QUARTER else 1]
        return place + int(_nearest(grid, np.array([time - place]))[0])


def _simplest(times: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Choose the first grid that all times lie on, or the one that they lie nearest to."""
    errors = []
    for grid in _GRIDS[size]:
        errors.append(float(np.abs(_nearest(grid, times) - times).max()))
        if errors[-1] <= 2 * _WRITTEN:
            return grid
    return _GRIDS[size][int(np.argmin(errors))]


def _cheapest(times: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Choose the grid of the least mean error and fee for fineness."""
    simple = _GRIDS[size][: 6 if size == QUARTER else 4]
    costs = [
        float(np.abs(_nearest(grid, times) - times).mean()) + _FEE * rank
        for rank, grid in enumerate(simple)
    ]
    return simple[int(np.argmin(costs))]


def _nearest(grid: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.int64]:
    middle = (grid[:-1] + grid[1:]) / 2
    return grid[np.searchsorted(middle, times, "right")]


@dataclass(frozen=True)
class Piece:
    """One written value from `start`, of `length` units; in a triplet, two thirds of its name."""

    start: int
    length: int
    name: str
    dots: int
    tuplet: tuple[int, int] | None = None  # where the triplet begins and ends


@lru_cache(maxsize=4096)
def spell_length(bar: Bar, start: int, end: int, rest: bool) -> tuple[tuple[int, int], ...]:
    """Split start..end (units from the start of the bar) into values of VALUES, tied together."""
    length = end - start
    if length in VALUES and (_rest_fits if rest else _note_fits)(bar, start, end):
        return ((start, end),)
    inside = [p for p in range(start + 1, end) if bar.strength(p) >= 0]
    if not inside:
        return ((start, end),)
    strongest = max(bar.strength(p) for p in inside)
    best: tuple[tuple[int, int], ...] | None = None
    for cut in (p for p in inside if bar.strength(p) == strongest):
        parts = spell_length(bar, start, cut, rest) + spell_length(bar, cut, end, rest)
        if best is None or len(parts) < len(best):
            best = parts
    assert best is not None
    return best


def _note_fits(bar: Bar, start: int, end: int) -> bool:
    """Tell whether one value shows the beats it passes over."""
    inside = {p: bar.strength(p) for p in range(start + 1, end)}
    strongest = max(inside.values(), default=-1)
    if bar.compound and strongest >= BEAT:
        return bar.strength(start) >= BEAT and bar.strength(end) >= BEAT
    if strongest <= max(bar.strength(start), bar.strength(end)):
        return True
    middle = (start + end) / 2  # a syncopation: half before the beat, half after it
    plain = VALUES[end - start][1] == 0
    return plain and inside.get(int(middle)) == strongest <= bar.strength(start) + 1


def _rest_fits(bar: Bar, start: int, end: int) -> bool:
    """Tell whether one rest stands where a rest of its length is looked for."""
    length, at = end - start, start + bar.skipped
    dots = VALUES[length][1]
    if bar.compound:
        beat = bar.beats[1]
        return (length == beat and at % beat == 0) or (
            not dots and length < beat and at % beat % length == 0
        )
    beat = 4 * QUARTER // bar.denominator
    if bar.numerator % 2 and length > beat:
        return False
    return not dots and at % length == 0


def pieces(
    bar: Bar, start: int, end: int, rest: bool, spans: Iterable[tuple[int, int]]
) -> list[Piece]:
    """Write start..end (units from the start of the bar), cut where triplets begin and end."""
    result: list[Piece] = []
    at = start
    for a, b in sorted(spans):
        if b <= at or a >= end:
            continue
        if at < a:
            result.extend(_plain(bar, at, a, rest))
        inner = max(a, at), min(b, end)
        result.extend(_in_triplet(*inner, (a, b)))
        at = inner[1]
    if at < end:
        result.extend(_plain(bar, at, end, rest))
    return result


def _plain(bar: Bar, start: int, end: int, rest: bool) -> list[Piece]:
    return [Piece(a, b - a, *_value(b - a)) for a, b in spell_length(bar.pattern, start, end, rest)]


def _value(length: int) -> tuple[str, int]:
    return VALUES.get(length) or VALUES[max(v for v in VALUES if v <= max(length, 3))]


def _in_triplet(start: int, end: int, span: tuple[int, int]) -> list[Piece]:
    """Split a length inside a triplet: the longest values first, dots only if nothing is left."""
    result: list[Piece] = []
    while start < end:
        left = (end - start) * 3 // 2
        whole = VALUES.get(left) or VALUES[max((v for v in VALUES if v <= left), default=3)]
        units = next(v for v, names in VALUES.items() if names == whole) * 2 // 3
        result.append(Piece(start, units, *whole, span))
        start += max(units, 1)
    return result


def triplet_spans(bar: Bar, cuts: Iterable[int]) -> list[tuple[int, int]]:
    """Find the triplets of a voice from where its notes begin and end, in units of the bar."""
    inner = sorted({c for c in cuts if 0 <= c <= bar.length})
    odd = [c for c in inner if c % 3]
    spans: list[tuple[int, int]] = []
    width = window_of(bar)
    origin = -(bar.skipped % width)
    while odd:
        base = origin + (odd[0] - origin) // width * width
        span = _span(bar, inner, base, width)
        if span[1] <= odd[0]:  # both halves of a beat have one
            span = span[1], span[1] + width // 2
        spans.append(span)
        odd = [c for c in odd if c >= span[1]]
    return spans


def _span(bar: Bar, inner: list[int], base: int, width: int) -> tuple[int, int]:
    """Return the triplet that begins in the window at `base`: two quarters, one, or an eighth."""
    local = [c - base for c in inner if base <= c <= base + width]
    eighth = width // 2
    if width == QUARTER and not bar.partial:
        wide = [c - base for c in inner if base <= c <= base + 2 * width]
        even = base % (2 * width) == 0 and base + 2 * width <= bar.length
        if even and width not in wide and all(c % 32 == 0 for c in wide):
            return base, base + 2 * width
    if width == QUARTER:
        for half in (0, eighth):
            others = [c for c in local if c % 3 and not half <= c <= half + eighth]
            mine = [c for c in local if half < c < half + eighth]
            if not others and eighth in local and all(c % 4 == 0 for c in mine):
                return base + half, base + half + eighth
        if eighth in local and any(c % 16 for c in local) and all(c % 4 == 0 for c in local):
            return base, base + eighth  # two of them side by side, each with its own bracket
    return base, base + width
