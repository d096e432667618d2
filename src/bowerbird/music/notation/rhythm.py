"""Rhythm: lengths to note values, with dots, ties and triplets.

A length is split into tied values where one value would hide a beat.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from bowerbird.music.notation.beats import BEAT, QUARTER, BeatPattern
from bowerbird.music.notation.measures import Measure

VALUES: dict[int, tuple[str, int]] = {}  # divisions -> MusicXML's name of the value, and its dots
for _divisions, _name in zip(
    (384, 192, 96, 48, 24, 12, 6, 3),
    ("breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th"),
    strict=True,
):
    VALUES[_divisions] = (_name, 0)
    if _divisions > 3:
        VALUES[_divisions * 3 // 2] = (_name, 1)

Span = tuple[int, int]
"""Divisions of a measure: the first, and the one after the last."""


@dataclass(frozen=True)
class NoteValue:
    """One written value; in a triplet its length is two thirds of what its name says."""

    start: int  # divisions from the start of its measure
    length: int  # divisions
    name: str
    dots: int
    triplet: Span | None = None


Split = Callable[[BeatPattern, int, int, bool], tuple[Span, ...]]
"""Splits a length, from where to where in a measure, of a note or (True) a rest, into values."""


@lru_cache(maxsize=1 << 16)
def split_at_beats(beats: BeatPattern, start: int, end: int, rest: bool) -> tuple[Span, ...]:
    """Split start..end into lengths that can be written, and that show where the beats are."""
    length = end - start
    if length in VALUES and (_rest_fits if rest else _note_fits)(beats, start, end):
        return ((start, end),)
    inside = [p for p in range(start + 1, end) if beats.strength(p) >= 0]
    if not inside:
        return ((start, end),)
    strongest = max(beats.strength(p) for p in inside)
    best: tuple[Span, ...] | None = None
    for cut in (p for p in inside if beats.strength(p) == strongest):
        parts = split_at_beats(beats, start, cut, rest) + split_at_beats(beats, cut, end, rest)
        if best is None or len(parts) < len(best):
            best = parts
    assert best is not None
    return best


def split_longest_first(_: BeatPattern, start: int, end: int, rest: bool) -> tuple[Span, ...]:
    """Split start..end into the longest values up to a whole note, wherever the beats are."""
    parts: list[Span] = []
    while start < end:
        length = next((v for v in _LONGEST_FIRST if v <= end - start), end - start)
        parts.append((start, start + length))
        start += length
    return tuple(parts)


_LONGEST_FIRST = sorted((v for v in VALUES if v <= 4 * QUARTER), reverse=True)


def _note_fits(beats: BeatPattern, start: int, end: int) -> bool:
    """Return whether one value shows the beats it passes over."""
    inside = {p: beats.strength(p) for p in range(start + 1, end)}
    strongest = max(inside.values(), default=-1)
    if beats.compound and strongest >= BEAT:
        return beats.strength(start) >= BEAT and beats.strength(end) >= BEAT
    if strongest <= max(beats.strength(start), beats.strength(end)):
        return True
    middle = (start + end) / 2  # a syncopation: half before the beat, half after it
    plain = VALUES[end - start][1] == 0
    return plain and inside.get(int(middle)) == strongest <= beats.strength(start) + 1


def _rest_fits(beats: BeatPattern, start: int, end: int) -> bool:
    """Return whether one rest is where a rest of its length is expected."""
    length, at = end - start, start + beats.offset
    dots = VALUES[length][1]
    if beats.compound:
        beat = beats.beats[1]
        return (length == beat and at % beat == 0) or (
            not dots and length < beat and at % beat % length == 0
        )
    beat = 4 * QUARTER // beats.denominator
    if beats.numerator % 2 and length > beat:
        return False
    return not dots and at % length == 0


def note_values(
    measure: Measure,
    start: int,
    end: int,
    triplets: Iterable[Span] = (),
    *,
    rest: bool = False,
    split: Split = split_at_beats,
) -> list[NoteValue]:
    """Return the values that fill start..end of a measure, cut where triplets begin and end."""
    result: list[NoteValue] = []
    at = start
    for triplet in sorted(triplets):
        first, last = triplet
        if last <= at or first >= end:
            continue
        if at < first:
            result.extend(_plain(measure.beats, at, first, rest, split))
        inner = max(first, at), min(last, end)
        result.extend(_in_triplet(*inner, triplet))
        at = inner[1]
    if at < end:
        result.extend(_plain(measure.beats, at, end, rest, split))
    return result


@lru_cache(maxsize=1 << 14)
def _plain(
    beats: BeatPattern, start: int, end: int, rest: bool, split: Split
) -> tuple[NoteValue, ...]:
    return tuple(NoteValue(a, b - a, *_named(b - a)) for a, b in split(beats, start, end, rest))


def _named(length: int) -> tuple[str, int]:
    """Return the longest value of at most a length, with its dots."""
    return VALUES.get(length) or VALUES[max(v for v in VALUES if v <= max(length, 3))]


def _in_triplet(start: int, end: int, triplet: Span) -> list[NoteValue]:
    """Split a length inside a triplet: the longest values first, dots only if nothing is left."""
    result: list[NoteValue] = []
    while start < end:
        name = _named((end - start) * 3 // 2)
        length = next(v for v, named in VALUES.items() if named == name) * 2 // 3
        result.append(NoteValue(start, length, *name, triplet))
        start += max(length, 1)
    return result


def triplets_of(measure: Measure, edges: Iterable[int]) -> list[Span]:
    """Return the triplets of a voice from where its notes begin and end in a measure."""
    inner = sorted({edge for edge in edges if 0 <= edge <= measure.length})
    odd = [edge for edge in inner if edge % 3]
    triplets: list[Span] = []
    while odd:
        triplets.append(_triplet_at(measure, inner, odd[0]))
        odd = [edge for edge in odd if edge >= triplets[-1][1]]
    return triplets


def _triplet_at(measure: Measure, edges: list[int], odd: int) -> Span:
    """Return the triplet around an edge that is no multiple of 3, in which all edges fit.

    The best begins and ends with a note and has only thirds, or in a beat sixths; the next best, of
    a beat or two, begins or ends while a note sounds. Of each kind it is the shortest.
    """
    width = measure.beats.window
    origin = -(measure.beats.offset % (2 * width))
    spans = []
    for size in (size for size in (6, 12, 24, 48, 96) if size <= 2 * width):
        start = origin + (odd - origin) // size * size
        spans.append((start, start + size))
    before = max((edge for edge in edges if edge < odd and edge % 3 == 0), default=0)
    after = min((edge for edge in edges if edge > odd and edge % 3 == 0), default=measure.length)
    if after - before in (6, 12, 24, 48, 96):
        spans.append((before, after))  # off the beat
    closed = [span for span in spans if span[0] in edges and span[1] in edges]
    beat = [span for span in closed if span[1] - span[0] <= width]
    tied = [span for span in spans if {*span} & {*edges} and span[1] - span[0] >= width]
    for candidates, parts in ((closed, 3), (beat, 6), (tied, 3)):
        for span in candidates:
            if _fits(edges, span, parts):
                return span
    start = origin + (odd - origin) // width * width
    return start, start + width


def _fits(edges: list[int], span: Span, parts: int) -> bool:
    """Return whether all edges in a span divide it into so many equal parts."""
    start, end = span
    return all((e - start) * parts % (end - start) == 0 for e in edges if start <= e <= end)
