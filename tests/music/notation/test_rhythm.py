"""Lengths become note values, none of which hides a beat."""

from itertools import pairwise

import numpy as np
import pytest

from bowerbird.music.notation.beats import BeatPattern
from bowerbird.music.notation.measures import Measure
from bowerbird.music.notation.rhythm import (
    VALUES,
    note_values,
    split_at_beats,
    split_longest_first,
    triplets_of,
)

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
def test_rests_are_where_they_are_expected(bar, start, end, expected):
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


def test_triplets_off_the_beat_and_in_parts_of_it():
    assert triplets_of(MEASURE, [0, 24, 40, 56, 72, 192]) == [(24, 72)]
    assert triplets_of(MEASURE, [0, 4, 8, 12, 24]) == [(0, 12)]  # of 32nds
    assert triplets_of(MEASURE, [0, 2, 4, 6, 12, 24]) == [(0, 6)]  # of 64ths
    assert triplets_of(MEASURE, [0, 8, 32, 48]) == [(0, 48)]  # with sixths in it


def test_triplets_into_which_a_note_is_tied():
    assert triplets_of(MEASURE, [0, 64, 80, 96, 192]) == [(48, 96)]
    assert triplets_of(MEASURE, [0, 128, 160, 192]) == [(96, 192)]


def test_any_length_is_split_into_the_longest_values():
    for length in range(3, 385, 3):
        parts = split_longest_first(FOUR, 0, length, False)
        sizes = [b - a for a, b in parts]
        assert sum(sizes) == length
        assert sizes == sorted(sizes, reverse=True)
        assert all(size in VALUES for size in sizes)
