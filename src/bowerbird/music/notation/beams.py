"""Beams: which short notes of a voice are joined, and by how many beams.

Notes of one beat are joined: a dotted quarter in compound meters, else a quarter, and for eighths
alone the half of a 4/4 bar. A rest or a longer note parts them.
"""

from itertools import pairwise

from bowerbird.music.notation.tune_notation import GRID, Value
from bowerbird.music.score.meter import Meter

_LEVELS = ((3, 3), (6, 2), (12, 1))  # ticks that a value has at least, and its beams


def beams_of(values: list[Value], start: int, meter: Meter) -> list[list[str]]:
    """Return for each value what each of its beams does: begin, continue, end, or a hook.

    ``start`` is where the bar begins, in ticks of the grid.
    """
    beat = GRID * 3 // 2 if meter[1] == 8 and meter[0] % 3 == 0 else GRID
    if meter in ((4, 4), (2, 2)) and all(_level(value) <= 1 for value in values):
        beat = 2 * GRID
    groups: list[list[int]] = []
    for number, value in enumerate(values):
        if not value.pitches or not _level(value):
            continue
        previous = groups[-1][-1] if groups else number
        same = (values[previous].start - start) // beat == (value.start - start) // beat
        if groups and previous == number - 1 and same:
            groups[-1].append(number)
        else:
            groups.append([number])
    beams: list[list[str]] = [[] for _ in values]
    for group in groups:
        if len(group) > 1:
            for level in (1, 2, 3):
                _join(values, group, level, beams)
    return beams


def _level(value: Value) -> int:
    length = value.length * 3 // 2 if value.tuplet else value.length
    return next((level for ticks, level in reversed(_LEVELS) if length >= ticks), 3) * (
        length < GRID
    )


def _join(values: list[Value], group: list[int], level: int, beams: list[list[str]]) -> None:
    """Add one level of beams to a group."""
    has = [_level(values[number]) >= level for number in group]
    edges = [n for n, (a, b) in enumerate(pairwise([False, *has, False])) if a != b]
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first == 1:
            beams[group[first]].append("backward hook" if first else "forward hook")
            continue
        for n in range(first, last):
            word = "begin" if n == first else "end" if n == last - 1 else "continue"
            beams[group[n]].append(word)
