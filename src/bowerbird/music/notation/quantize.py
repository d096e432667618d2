"""Quantization: times in ticks move to a grid on which they can be written.

Every beat gets a grid: of written music the simplest that its notes are on (halves, quarters,
triplets, eighths, sixths ...); of a performance the one that they are nearest to, with a penalty
for fine grids.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bowerbird.music.notation.beats import QUARTER
from bowerbird.music.notation.measures import Measure

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

EARLY = 1.25  # divisions, 1/38 of a quarter: what comes sooner before a beat is meant on it
_ROUNDING = 0.3  # divisions; a program's rounding, at 96 ticks a quarter and more
_WRITTEN = 0.75  # of times on a grid: the rest are ornaments; in a performance it is a quarter
_PENALTY = 0.35  # divisions of mean error that each step to a finer grid must save
_SHORTEST = 6  # divisions; a 32nd
_MAX_OVERLAPS = 0.1  # of the notes of a single voice: played legato, or by mistake


@dataclass(frozen=True)
class QuantizedTrack:
    """The notes of a track in divisions, in order of time, then pitch."""

    track: "Track"
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    pitches: NDArray[np.int64]


def quantized_tracks(score: "Score", measures: list[Measure]) -> list[QuantizedTrack]:
    """Return the notes of each track that has any, as they are written in its measures."""
    scale, tracks = QUARTER / score.ticks_per_quarter, []
    for track in score.tracks:
        if len(track.notes):
            arrays = track.notes.numpy()
            starts = arrays["time"] * scale
            starts, ends = quantize(starts, starts + arrays["duration"] * scale, measures)
            ends = np.minimum(ends, measures[-1].end)
            starts = np.minimum(starts, ends - 1)
            pitches = arrays["pitch"].astype(np.int64)
            order = np.lexsort((pitches, starts))
            notes = QuantizedTrack(track, starts[order], ends[order], pitches[order])
            tracks.append(_without_overlaps(notes))
    return tracks


def _without_overlaps(notes: QuantizedTrack) -> QuantizedTrack:
    """End notes where the next begins, in a track that is one voice but for a few overlaps.

    A voice in two layers would seem to have more beats than its measure.
    """
    starts, ends = notes.starts, notes.ends
    overlaps = ends[:-1] - starts[1:]
    short = (starts[1:] > starts[:-1]) & (2 * overlaps < (ends - starts)[:-1])
    few = 0 < (overlaps > 0).sum() <= _MAX_OVERLAPS * len(overlaps)
    if notes.track.is_drum or not few or not short[overlaps > 0].all():
        return notes
    ends = np.append(np.minimum(ends[:-1], starts[1:]), ends[-1:])
    return QuantizedTrack(notes.track, starts, ends, notes.pitches)


def _grids(size: int) -> list[NDArray[np.int64]]:
    """List the grids of a window of `size` divisions (a quarter or an eighth), simplest first."""
    steps = (48, 24, 12, 16, 6, 8) if size == QUARTER else (24, 12, 6, 8)
    grids = [np.arange(0, size + 1, step) for step in steps]
    if size == QUARTER:  # triplet sixteenths in one half, plain notes in the other
        halves = [np.arange(0, 25, 12), np.arange(0, 25, 6)]
        for half in halves:
            grids.append(np.union1d(np.arange(0, 25, 8), half + 24))
            grids.append(np.union1d(half, np.arange(24, 49, 8)))
    return [*grids, *(np.arange(0, size + 1, step) for step in (3, 4, 2))]


_GRIDS = {size: _grids(size) for size in (QUARTER, QUARTER // 2)}


def quantize(
    starts: NDArray[np.float64], ends: NDArray[np.float64], measures: list[Measure]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move times in divisions to the grids of their beats; every note keeps some length.

    In written music, which is on a grid already, starts and ends stay. In a performance, an end
    moves to the next start if that is near: notes played short are not written with rests.
    """
    both = np.concatenate([starts, ends])
    written = is_written(both)
    windows = _Windows(measures)
    new, grids = windows.place(both if written else starts, written=written)
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


def is_written(times: NDArray[np.float64]) -> bool:
    """Return whether times in divisions are a program's: most on 64ths or triplet 32nds."""
    return float((np.minimum(_off(times, 3), _off(times, 4)) < _ROUNDING).mean()) > _WRITTEN


def _off(times: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Return how far times are from a grid."""
    return np.abs(times - step * np.rint(times / step))


class _Windows:
    """The quarters or eighths of measures, each of which has a grid of its own."""

    def __init__(self, measures: list[Measure]) -> None:
        self.starts = np.array([measure.start for measure in measures])
        self.sizes = np.array([measure.beats.window for measure in measures])
        offsets = np.array([measure.beats.offset for measure in measures])
        self.origins = self.starts - offsets % self.sizes

    def of(self, times: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the windows of some times begin, and their sizes."""
        late = times + EARLY  # what is just before a window belongs to it
        which = np.clip(np.searchsorted(self.starts, late, "right") - 1, 0, None)
        size, origin = self.sizes[which], self.origins[which]
        return origin + np.floor((late - origin) / size).astype(np.int64) * size, size

    def place(
        self, times: NDArray[np.float64], *, written: bool
    ) -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
        """Move times to the best grid of each window; return them, and the grids by window."""
        places, sizes = self.of(times)
        result, rest = np.empty(len(times), np.int64), np.arange(len(times))
        if written:
            result, exact = _exact(times, places)
            rest = rest[~exact]
        grids: dict[int, NDArray[np.int64]] = {}
        order = rest[np.argsort(places[rest], kind="stable")]
        edges = np.flatnonzero(np.diff(places[order], prepend=places[order][:1] - 1))
        for a, b in pairwise([*edges, len(order)]):
            members = order[a:b]
            base, size = int(places[members[0]]), int(sizes[members[0]])
            grid = (_simplest if written else _cheapest)(times[members] - base, size)
            grids[base] = grid
            result[members] = base + _nearest(grid, times[members] - base)
        return result, grids

    def nearest(self, time: float, grids: dict[int, NDArray[np.int64]]) -> int:
        """Move an end to the grid of its window; without one, to the nearest sixteenth."""
        place, size = (int(x[0]) for x in self.of(np.array([time])))
        grid = grids.get(place)
        if grid is None or len(grid) < 3:
            grid = _GRIDS[size][2 if size == QUARTER else 1]
        return place + int(_nearest(grid, np.array([time - place]))[0])


def _exact(
    times: NDArray[np.float64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Round times to 64ths or triplet 32nds, and say in whose windows all are on one of these.

    That is what `_simplest` does for them, but faster.
    """
    _, window = np.unique(places, return_inverse=True)
    result, exact = np.empty(len(times), np.int64), np.zeros(len(times), bool)
    for step in (4, 3):
        fits = np.bincount(window, _off(times - places, step) > _ROUNDING)[window] == 0
        rounded = places + step * np.rint((times - places) / step).astype(np.int64)
        result, exact = np.where(fits, rounded, result), exact | fits
    return result, exact


def _simplest(times: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Choose the first grid that all times are on, or the one that they are nearest to."""
    errors = []
    for grid in _GRIDS[size]:
        errors.append(float(np.abs(_nearest(grid, times) - times).max()))
        if errors[-1] <= 2 * _ROUNDING:
            return grid
    return _GRIDS[size][int(np.argmin(errors))]


def _cheapest(times: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Choose the grid of the least mean error and penalty."""
    simple = _GRIDS[size][: 6 if size == QUARTER else 4]
    costs = [
        float(np.abs(_nearest(grid, times) - times).mean()) + _PENALTY * rank
        for rank, grid in enumerate(simple)
    ]
    return simple[int(np.argmin(costs))]


def _nearest(grid: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.int64]:
    middle = (grid[:-1] + grid[1:]) / 2
    return grid[np.searchsorted(middle, times, "right")]
