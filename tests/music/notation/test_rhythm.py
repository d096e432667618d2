"""Times become note values: exact ones unchanged, played ones simple, none that hides a beat."""

from itertools import pairwise

import numpy as np
import pytest

from bowerbird.music.notation.beats import QUARTER, BeatPattern
from bowerbird.music.notation.measures import Measure
from bowerbird.music.notation.quantize import quantize
from bowerbird.music.notation.rhythm import VALUES, note_values, split_at_beats, triplets_of

FOUR, SIX, THREE = BeatPattern(4, 4), BeatPattern(6, 8), BeatPattern(3, 4)
MEASURE = Measure(0, 192, FOUR, (4, 4))


def lengths(bar, start, end, rest=False):
    """Split start..end, in eighths, and return the lengths in eighths."""
    return [(b - a) / 24 for a, b in split_at_beats(bar, int(24 * start), int(24 * end), rest)]


# E. Gould, Behind Bars (2011), pages 166 to 172: what is tied, and what is not
@pytest.mark.parametrize(
    ("bar", "start", "end", "expected"),
    [
        (FOUR, 0, 3, [3]),  # dotted quarter
        (FOUR, 1, 3, [2]),  # a syncopation over a beat ...
        (FOUR, 3, 5, [1, 1]),  # ... but not over the middle of the bar
        (FOUR, 2, 6, [4]),
        (FOUR, 0, 5, [4, 1]),
        (FOUR, 5, 8, [3]),
        (FOUR, 0, 8, [8]),
        (FOUR, 1, 8, [3, 4]),
        (FOUR, 1.5, 2.5, [0.5, 0.5]),
        (SIX, 0, 3, [3]),
        (SIX, 0, 4, [3, 1]),
        (SIX, 2, 4, [1, 1]),
        (SIX, 1, 3, [2]),
        (SIX, 0, 6, [6]),
        (THREE, 0, 6, [6]),
        (THREE, 2, 6, [4]),
        (THREE, 3, 6, [3]),
    ],
)
def test_notes_show_the_beats(bar, start, end, expected):
    assert lengths(bar, start, end) == expected


@pytest.mark.parametrize(
    ("bar", "start", "end", "expected"),
    [
        (FOUR, 2, 6, [2, 2]),
        (FOUR, 4, 8, [4]),
        (FOUR, 1, 4, [1, 2]),
        (SIX, 1, 3, [1, 1]),
        (SIX, 3, 6, [3]),
        (THREE, 2, 6, [2, 2]),
    ],
)
def test_rests_stand_where_they_are_looked_for(bar, start, end, expected):
    assert lengths(bar, start, end, rest=True) == expected


@pytest.mark.parametrize("bar", [FOUR, SIX, THREE, BeatPattern(7, 8), BeatPattern(5, 4)])
def test_any_length_adds_up(bar):
    random = np.random.default_rng(1)
    for _ in range(300):
        start, end = np.sort(random.choice(bar.full // 3 + 1, 2, replace=False)) * 3
        for rest in (False, True):
            parts = split_at_beats(bar, int(start), int(end), rest)
            assert [parts[0][0], parts[-1][1]] == [start, end]
            assert all(a[1] == b[0] for a, b in pairwise(parts))
            assert all(b - a in VALUES for a, b in parts)


def test_triplets_are_found():
    assert triplets_of(MEASURE, [0, 16, 32, 48, 96, 192]) == [(0, 48)]
    assert triplets_of(MEASURE, [0, 32, 64, 96, 192]) == [(0, 96)]  # of quarters
    assert triplets_of(MEASURE, [0, 24, 32, 40, 48]) == [(24, 48)]  # of sixteenths
    assert triplets_of(MEASURE, [0, 8, 16, 24, 32, 40, 48]) in ([(0, 24), (24, 48)], [(0, 48)])
    assert triplets_of(MEASURE, [0, 12, 24, 48]) == []


def test_a_triplet_is_written_with_longer_names():
    written = note_values(MEASURE, 0, 32, [(0, 48)])
    assert [(p.name, p.length) for p in written] == [("quarter", 32)]
    assert [p.name for p in note_values(MEASURE, 32, 72, [(0, 48)])] == ["eighth", "eighth"]


def test_exact_times_stay():
    bars = [Measure(192 * i, 192, FOUR, (4, 4)) for i in range(4)]
    random = np.random.default_rng(2)
    for grid in (12, 16, 24, 8, 6):
        starts = np.unique(random.integers(0, 700 // grid, 40)) * float(grid)
        ends = starts + grid * random.integers(1, 4, len(starts))
        new, last = quantize(starts, np.minimum(ends, 768), bars)
        assert (new == starts).all()
        assert (last == np.minimum(ends, 768)).all()


@pytest.mark.parametrize("grid", [12, 16, 24])
def test_played_times_find_their_grid(grid):
    """Times 20 ms off, at 120 a minute, are written as they were meant, nearly always."""
    bars = [Measure(192 * i, 192, FOUR, (4, 4)) for i in range(16)]
    random = np.random.default_rng(3)
    meant = np.arange(0, 192 * 16, grid, dtype=float)
    starts = meant + random.normal(0, 0.02 / 0.5 * QUARTER / 2, len(meant))
    new, last = quantize(np.maximum(starts, 0), starts + 0.9 * grid, bars)
    assert (new == meant).mean() > 0.9
    assert ((last - new) == grid).mean() > 0.8


def test_every_note_keeps_some_length():
    bars = [MEASURE]
    starts = np.array([0.0, 0.0, 10.0, 191.9])
    new, last = quantize(starts, starts, bars)
    assert (last > new).all()
