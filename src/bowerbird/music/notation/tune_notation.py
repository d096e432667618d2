"""Notation: a score's notes as they are written, in measures, with ties, tuplets and spelling.

Times are on the grid of 24 ticks a quarter note. A measure ends at a bar line, or at a repeat in
the middle of a bar; silence before a pickup, and after a section that ends early, is not written,
for it follows from the meter (`bowerbird.music.formats.bars` reads it back).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.notation.bars import QUARTER, bars_of as sheet_bars
from bowerbird.music.notation.rhythm import is_written, quantize
from bowerbird.music.score.key import Key, key_of, key_of_signature
from bowerbird.music.score.melody import GRID
from bowerbird.music.score.meter import Bars, Meter, bars_of, meters_of
from bowerbird.music.score.sections import closed_endings, signs_of, with_beginnings, written_signs

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

FINEST = 3  # ticks of a 32nd, the shortest note that is no tuplet
VALUES = (96, 72, 48, 36, 24, 18, 12, 9, 6, 3)  # ticks that one note can have, with a dot or not
MOST_VOICES = 8  # in one track
_WRITTEN = 0.75  # of times on a grid: the rest of them are ornaments; of what is played 0.25 are

Chord = tuple[int, int, tuple[int, ...]]
"""Where notes begin and end, and their pitches."""
Stretch = tuple[int, int, tuple[int, ...], bool]
"""Where a note or rest begins and ends in a measure, pitches, and whether it is tied."""


@dataclass(frozen=True)
class Value:
    """One note, chord or rest as it is written."""

    start: int
    """Ticks from the beginning of the piece."""
    length: int
    """Ticks that it lasts."""
    pitches: tuple[int, ...]
    """None for a rest."""
    tied: bool = False
    """Whether it goes on in the next."""
    group: int = 0
    """Notes of the tuplet (three in the time of two) that begins here."""
    tuplet: bool = False
    """Whether it is in a tuplet."""
    last: bool = False
    """Whether a tuplet ends here."""
    held: bool = False
    """Whether it goes on from the one before."""


@dataclass(frozen=True)
class Measure:
    """What stands between two bar lines."""

    start: int
    end: int
    meter: Meter
    fresh: bool
    """Whether the meter is new here."""
    begins: tuple[str, ...]
    """Signs at its left."""
    ends: tuple[str, ...]
    """Signs at its right."""
    bar: int
    """Where its bar begins."""
    key: Key = field(default_factory=Key)
    """The key in which its notes are spelled."""
    new_key: bool = False
    """Whether the key changes here."""
    qpm: float = 0.0
    """The tempo to which it changes here, in quarter notes a minute, or 0."""

    @property
    def opens(self) -> bool:
        """Whether it is the first of its bar, or a pickup."""
        return self.start == self.bar or not self.bar


@dataclass(frozen=True)
class Part:
    """One track."""

    name: str
    program: int
    drums: bool
    voices: list[list[Chord]] = field(default_factory=list)


@dataclass(frozen=True)
class Notation:
    """A score as it is written."""

    title: str
    rhythm: str
    key: Key
    qpm: float
    measures: list[Measure]
    parts: list[Part]
    endings: dict[int, str]
    """First and second endings, by the number of the measure in which they close."""


def notation(score: "Score", *, changes: bool = False) -> Notation:
    """Return a score as it is written, with its ``changes`` or as far as it can be learned from.

    Changes are those of key and tempo, which are moved to the nearest bar line, and signs of
    repeats that make no sense. Raises MusicError if the score has no notes.
    """
    tracks = [track for track in score.tracks if len(track.notes)]
    if not tracks:
        raise MusicError("it has no notes")
    parts = [Part(t.name, t.program, t.is_drum, _voices(t, *_times(t, score))) for t in tracks]
    chords = [chord for part in parts for voice in part.voices for chord in voice]
    first, last = min(c[0] for c in chords), max(c[1] for c in chords)
    bars = bars_of(meters_of(score, GRID), last)
    choose = written_signs if changes else signs_of
    signs = choose(with_beginnings(score), GRID, bars, first)
    rhythm = next((m.text[2:] for m in score.markers if m.text.startswith("R:")), "")
    key, keys, tempos = key_of(score), [], []
    if changes:
        keys = [
            (_on_grid(s.time, score), key_of_signature(s.key, minor=bool(s.tonality)))
            for s in sorted(score.key_signatures, key=lambda s: s.time)[1:]
        ]
        tempos = [
            (_on_grid(t.time, score), float(t.qpm))
            for t in sorted(score.tempos, key=lambda t: t.time)
        ]
    measures = _changing(_measures(bars, signs, chords), key, keys, tempos)
    return Notation(
        title=title_of(score),
        rhythm=rhythm,
        key=key,
        qpm=score.tempos[0].qpm if len(score.tempos) else 0.0,
        measures=measures,
        parts=parts,
        endings=closed_endings([(measure.begins, measure.ends) for measure in measures]),
    )


def title_of(score: "Score") -> str:
    """Return what a score is called: by its marker ``T:``, or its only track; else nothing."""
    names = [track.name.strip() for track in score.tracks if len(track.notes)]
    told = [marker.text[2:].strip() for marker in score.markers if marker.text.startswith("T:")]
    return (told or (names if len(names) == 1 else [""]))[0]


def _on_grid(time: int, score: "Score") -> int:
    return (2 * time * GRID + score.ticks_per_quarter) // (2 * score.ticks_per_quarter)


def _changing(
    measures: list[Measure], key: Key, keys: list[tuple[int, Key]], tempos: list[tuple[int, float]]
) -> list[Measure]:
    """Say where keys and tempos change, after the key of the beginning and the first tempo."""
    told: list[Measure] = []
    qpm = tempos[0][1] if tempos else 0.0
    for number, measure in enumerate(measures):
        middle = (measure.start + measure.end) // 2
        now = next((new for time, new in reversed(keys) if time < middle), key)
        tempo = next((new for time, new in reversed(tempos) if time < middle), qpm)
        new_key = number > 0 and now.sharps != told[-1].key.sharps
        told.append(replace(measure, key=now, new_key=new_key, qpm=tempo if tempo != qpm else 0.0))
        qpm = tempo
    return told


def _times(track: "Track", score: "Score") -> tuple[list[int], list[int]]:
    """Return where notes begin and end on the grid: as written, or as a sheet has what was played.

    Raises ValueError for more bars than a sheet can have.
    """
    notes, ticks = track.notes.numpy(), score.ticks_per_quarter
    starts = notes["time"].astype(np.int64)
    ends = starts + notes["duration"]
    unit = QUARTER / ticks
    if is_written(unit * np.concatenate([starts, ends]), _WRITTEN):
        starts = (2 * starts * GRID + ticks) // (2 * ticks)
        ends = (2 * ends * GRID + ticks) // (2 * ticks)
    else:
        starts, ends = quantize(unit * starts, unit * ends, sheet_bars(score))
        starts, ends = starts * GRID // QUARTER, ends * GRID // QUARTER
    return starts.tolist(), np.maximum(ends, starts + 1).tolist()


def _voices(track: "Track", starts: list[int], ends: list[int]) -> list[list[Chord]]:
    """Return the chords of a track in as few voices as they need."""
    chords: dict[tuple[int, int], list[int]] = {}
    for start, end, pitch in zip(starts, ends, track.notes.numpy()["pitch"].tolist(), strict=True):
        chords.setdefault((start, end), []).append(pitch)
    voices: list[list[Chord]] = []
    for (start, end), pitches in sorted(chords.items(), key=lambda c: (c[0][0], -max(c[1]))):
        chord = (start, end, tuple(sorted(set(pitches))))
        for voice in voices:
            if voice[-1][1] <= start:
                voice.append(chord)
                break
        else:
            if len(voices) == MOST_VOICES:
                raise MusicError(f"more than {MOST_VOICES} notes overlap in one track")
            voices.append([chord])
    return voices


def _measures(bars: Bars, signs: Sequence[tuple[int, str]], chords: list[Chord]) -> list[Measure]:
    """Return the measures, without the silence that is not written."""
    starts = bars.starts.tolist()
    edges = sorted({*starts, bars.end, *(time for time, _ in signs if time < bars.end)})
    sounds = sorted((start, end) for start, end, _ in chords)
    first = sounds[0][0]
    measures: list[Measure] = []
    meter: Meter | None = None
    for start, end in pairwise(edges):
        number = bisect_right(starts, start) - 1
        begins = tuple(s for t, s in signs if t == start and (s[0] == "[" or s == "|:"))
        ends = tuple(s for t, s in signs if t == end and s in (":|", "||"))
        silent = not any(a < end and b > start for a, b in sounds)
        if silent and start not in starts and not begins:
            continue  # after a section that ends early
        begin = start
        if not measures and start <= first < end < bars.end:
            begin = first  # a pickup
        if not measures and silent and end <= first and first < (starts[1:] or [bars.end])[0]:
            continue  # the silence before a pickup that has a sign
        last = bars.meters[number]
        measures.append(Measure(begin, end, last, last != meter, begins, ends, starts[number]))
        meter = last
    return measures


def values_in(voice: list[Chord], start: int, end: int, *, fill: bool = True) -> list[Value]:
    """Return what a voice has in a measure: notes and rests that can be written.

    Without ``fill`` no rests stand after its last note.
    """
    stretches: list[Stretch] = []
    at = start
    index = bisect_right(voice, start, key=lambda chord: chord[1])
    for first, last, pitches in voice[index:]:
        if first >= end:
            break
        if first > at:
            stretches.append((at, first, (), False))
        stretches.append((max(first, start), min(last, end), pitches, last > end))
        at = min(last, end)
    if at < end and (fill or at == start):
        stretches.append((at, end, (), False))
    values = _written(_named(stretches))
    goes_on = [index < len(voice) and voice[index][0] < start, *(value.tied for value in values)]
    return [replace(v, held=True) if on else v for v, on in zip(values, goes_on, strict=False)]


def _named(stretches: list[Stretch]) -> list[Stretch]:
    """Cut what lies in a tuplet and is as long as no note."""
    rest, found = stretches[::-1], []
    begin: int | None = None  # of the tuplet
    while rest:
        start, end, pitches, tied = rest.pop()
        if begin is None and (end - start) % FINEST:
            begin = start
        cut = end if begin is None else _named_end(start, end)
        if cut < end:
            rest += [(cut, end, pitches, tied), (start, cut, pitches, bool(pitches))]
            begin = None if begin == start else begin
            continue
        found.append((start, end, pitches, tied))
        if begin is not None and (end - begin) % FINEST == 0:
            begin = None
    return found


def _named_end(start: int, end: int) -> int:
    """Return where the first note ends of those that fill a stretch of a tuplet."""
    names = [2 * value // 3 for value in VALUES]
    beat = (start // GRID + 1) * GRID
    if end - start in names:
        return end
    return beat if beat < end else next((start + n for n in names if n < end - start), end)


def _written(stretches: list[Stretch]) -> list[Value]:
    values: list[Value] = []
    place = 0
    while place < len(stretches):
        until = place
        if (stretches[place][1] - stretches[place][0]) % FINEST:  # three in the time of two
            begin = stretches[place][0]
            while until < len(stretches) and (
                until == place or (stretches[until - 1][1] - begin) % FINEST
            ):
                until += 1
            count = until - place
            for number, (start, end, pitches, tied) in enumerate(stretches[place:until]):
                group = count if number == 0 else 0
                last = number == count - 1
                values.append(Value(start, end - start, pitches, tied, group, True, last))
            place = until
            continue
        start, end, pitches, tied = stretches[place]
        while start < end:
            length = next(value for value in VALUES if value <= end - start)
            goes_on = bool(pitches) and (start + length < end or tied)
            values.append(Value(start, length, pitches, goes_on))
            start += length
        place += 1
    return values


def spelled(pitch: int, key: Key) -> tuple[str, int, int]:
    """Return the letter, the sharps (below 0: flats) and the octave (4: from middle C) of a pitch.

    Pitch classes lie on the line of fifths; taken is the spelling nearest to the key.
    """
    lowest = key.sharps - (2 if key.mode in ("minor", "dorian", "phrygian", "locrian") else 3)
    fifth = lowest + (7 * pitch - lowest) % 12
    alter, letter = (fifth + 1) // 7, "FCGDAEB"[(fifth + 1) % 7]
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter]
    return letter, alter, (pitch - natural - alter) // 12 - 1


def key_alter(letter: str, key: Key) -> int:
    """Return the sharps (below 0: flats) that a key's signature gives a letter."""
    place = "FCGDAEB".index(letter)
    return (key.sharps - place + 6) // 7
