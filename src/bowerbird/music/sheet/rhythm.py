"""Times to note values: a grid for what was played, and ties, dots and triplets for what is read.

Every beat gets the simplest grid that its notes lie on (halves, quarters, triplets, eighths,
sixths ...); a beat whose notes lie on none gets the one that they lie nearest to, with a fee for
fineness. A written length is split into tied values where it would hide a beat.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bowerbird.music.sheet.meter import BEAT, QUARTER, Bar

TOLERANCE = 1.25  # units, 1/38 of a quarter: what is nearer to a grid is on it
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
    """Move times in units onto the grids of their beats; every note keeps 1/32 at least.

    An end that lies on no simple grid goes to the next start, if that is near: what is played
    short is not written with rests.
    """
    origin = np.array([bar.start - bar.skipped % window_of(bar) for bar in bars])
    size = np.array([window_of(bar) for bar in bars])
    which = np.clip(
        np.searchsorted([b.start for b in bars], starts + TOLERANCE, "right") - 1, 0, None
    )
    window = np.floor((starts - origin[which] + TOLERANCE) / size[which]).astype(np.int64)
    place = origin[which] + window * size[which]
    order = np.lexsort((starts, place))
    new = np.empty(len(starts), np.int64)
    grids: dict[int, NDArray[np.int64]] = {}
    edges = np.flatnonzero(np.diff(place[order], prepend=place[order][:1] - 1))
    for a, b in zip(edges, [*edges[1:], len(order)], strict=True):
        members = order[a:b]
        base, width = int(place[members[0]]), int(size[which[members[0]]])
        grid = _best_grid(starts[members] - base, width)
        grids[base] = grid
        new[members] = base + _nearest(grid, starts[members] - base)
    return new, _ends(new, ends, bars, grids)


def _best_grid(times: NDArray[np.float64], width: int) -> NDArray[np.int64]:
    """Choose the simplest grid that all `times` lie on, else the best for its price."""
    best, lowest = _GRIDS[width][0], np.inf
    for rank, grid in enumerate(_GRIDS[width]):
        error = np.abs(_nearest(grid, times) - times)
        if error.max() <= TOLERANCE:
            return grid
        # what shares a place that it did not share before is worse than what is moved
        cost = error.mean() + _FEE * rank
        if cost < lowest and rank < 6:
            best, lowest = grid, cost
    return best


def _nearest(grid: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.int64]:
    middle = (grid[:-1] + grid[1:]) / 2
    return grid[np.searchsorted(middle, times, "right")]


def _ends(
    starts: NDArray[np.int64],
    ends: NDArray[np.float64],
    bars: list[Bar],
    grids: dict[int, NDArray[np.int64]],
) -> NDArray[np.int64]:
    onsets = np.unique(starts)
    bar_starts = [bar.start for bar in bars]
    result = np.empty(len(starts), np.int64)
    for i, end in enumerate(ends):
        bar = bars[max(int(np.searchsorted(bar_starts, end - TOLERANCE, "right")) - 1, 0)]
        width = window_of(bar)
        origin = bar.start - bar.skipped % width
        base = origin + int((end - TOLERANCE - origin) // width) * width
        grid = grids.get(base)
        simple = _best_grid(np.array([end - base]), width) if grid is None else grid
        placed = base + int(_nearest(simple, np.array([end - base]))[0])
        following = int(np.searchsorted(onsets, starts[i], "right"))
        after = int(onsets[following]) if following < len(onsets) else None
        if abs(placed - end) > TOLERANCE:
            near = after is not None and abs(after - end) <= QUARTER / 4 and after > starts[i]
            placed = after if near and after is not None else placed
            if grid is not None and not near:  # perhaps off the grid of the starts alone
                fine = _best_grid(np.array([end - base]), width)
                if np.all(np.isin(grid, fine)):
                    placed = base + int(_nearest(fine, np.array([end - base]))[0])
        if placed <= starts[i]:
            placed = int(starts[i]) + _SHORTEST
            placed = after if after is not None and after < placed else placed
        result[i] = placed
    return result


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
    return [Piece(a, b - a, *_value(b - a)) for a, b in spell_length(bar, start, end, rest)]


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
