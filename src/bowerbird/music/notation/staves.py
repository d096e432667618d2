"""Tracks to staves: who plays what on which line, in which voice, under which clef.

A keyboard's track that needs two hands is split between them where the hands can reach and the
split moves least (dynamic programming over the notes that begin together). A track of chords
beside a melody becomes chord names. Notes that overlap on a staff are put into up to four voices.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from symusic import Score, Track

from bowerbird.music.config import Accompaniment
from bowerbird.music.notation.bars import QUARTER, Bar
from bowerbird.music.notation.chords import Chord, name_chord
from bowerbird.music.notation.rhythm import quantize
from bowerbird.music.notation.spelling import Key
from bowerbird.music.score.instruments import PROGRAMS

Clef = Literal["treble", "bass", "treble-8", "percussion"]

VOICES = 4
_KEYBOARDS = {*range(8), *range(16, 24), 46}  # General MIDI: pianos, organs, harp
_REACH = 14  # semitones a hand spans
_MIDDLE = 60
_MOST_STAVES = 64
_FEW = 0.1  # of a voice's notes overlap by mistake, or for legato


@dataclass(frozen=True)
class Written:
    """Notes that begin and end together in one voice, in units."""

    start: int
    end: int
    pitches: tuple[int, ...]


@dataclass
class Staff:
    """A clef and up to four voices; the first is the highest where there are several."""

    clef: Clef
    voices: list[list[Written]]


@dataclass
class Part:
    """One player: one staff, or two for a keyboard."""

    name: str
    program: int
    staves: list[Staff]
    drums: bool = False
    chords: dict[int, Chord] = field(default_factory=dict)  # by the unit where they begin


@dataclass(frozen=True)
class _Line:
    """The notes of a track on the grid."""

    track: Track
    starts: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray


def parts_of(
    score: Score, bars: list[Bar], key: Key, accompaniment: Accompaniment = "auto"
) -> list[Part]:
    """Arrange the tracks of a score on staves, in their order; raise `ValueError` for too many."""
    lines = [_line(score, track, bars) for track in score.tracks if len(track.notes)]
    if len(lines) > _MOST_STAVES:
        raise ValueError(f"the score has {len(lines)} tracks with notes, more than {_MOST_STAVES}")
    names: dict[int, Chord] = {}
    if accompaniment != "staff" and len(lines) == 2:
        chords = chord_names(lines[1], key)
        if chords and not _blocks(lines[0]) and (accompaniment == "names" or _blocks(lines[1])):
            names, lines = chords, lines[:1]
    if len(lines) == 2 and _two_hands(*lines):
        track = lines[0].track
        parts = [Part(_name(track), track.program, [_staff(line) for line in lines])]
    else:
        parts = _numbered([_part(line) for line in lines])
    parts[0].chords = names
    return parts


def chord_names(line: "_Line", key: Key) -> dict[int, Chord]:
    """Name the chords of a line where they change; empty if some can't be named."""
    chords: dict[int, Chord] = {}
    before = None
    for start in np.unique(line.starts):
        chord = name_chord(line.pitches[line.starts == start].tolist(), key)
        if chord is None:
            return {}
        if chord != before:
            chords[int(start)] = chord
        before = chord
    return chords


def _line(score: Score, track: Track, bars: list[Bar]) -> _Line:
    rows = track.notes.numpy()
    scale = QUARTER / score.ticks_per_quarter
    starts = rows["time"] * scale
    starts, ends = quantize(starts, starts + rows["duration"] * scale, bars)
    ends = np.minimum(ends, bars[-1].end)
    starts = np.minimum(starts, ends - 1)
    pitches = rows["pitch"].astype(np.int64)
    order = np.lexsort((pitches, starts))
    return _one_after_the_other(_Line(track, starts[order], ends[order], pitches[order]))


def _one_after_the_other(line: _Line) -> _Line:
    """Cut notes where the next begins, in a line that is one voice but for a few overlaps.

    A voice in two layers would seem to have more beats than its bar.
    """
    over = line.ends[:-1] - line.starts[1:]
    late = (line.starts[1:] > line.starts[:-1]) & (2 * over < (line.ends - line.starts)[:-1])
    few = 0 < (over > 0).sum() <= _FEW * len(over)
    if line.track.is_drum or not few or not late[over > 0].all():
        return line
    ends = np.append(np.minimum(line.ends[:-1], line.starts[1:]), line.ends[-1:])
    return _Line(line.track, line.starts, ends, line.pitches)


def _blocks(line: _Line) -> bool:
    """Tell whether a line is block chords: nearly all notes begin in threes or more."""
    _, counts = np.unique(line.starts, return_counts=True)
    return not line.track.is_drum and float((counts >= 3).mean()) > 0.8


def _two_hands(upper: _Line, lower: _Line) -> bool:
    """Tell whether two tracks are the hands of one keyboard."""
    programs = {upper.track.program, lower.track.program}
    drums = upper.track.is_drum or lower.track.is_drum
    same = len(programs) == 1 and programs <= _KEYBOARDS
    return same and not drums and bool(upper.pitches.mean() > lower.pitches.mean() + 4)


def _name(track: Track) -> str:
    return track.name.strip() or ("Drums" if track.is_drum else PROGRAMS[track.program % 128])


def _numbered(parts: list[Part]) -> list[Part]:
    """Number the parts that are called the same."""
    names = [part.name for part in parts]
    for place, part in enumerate(parts):
        if names.count(names[place]) > 1:
            part.name = f"{names[place]} {names[: place + 1].count(names[place])}"
    return parts


def _part(line: _Line) -> Part:
    track = line.track
    if track.is_drum:
        return Part(_name(track), track.program, [_staff(line, "percussion")], drums=True)
    low, high = line.pitches.min(), line.pitches.max()
    if track.program in _KEYBOARDS and low < _MIDDLE - 5 and high > _MIDDLE + 3 and high - low > 19:
        right = _right_hand(line)
        hands = [
            _Line(track, *(x[m] for x in (line.starts, line.ends, line.pitches)))
            for m in (right, ~right)
        ]
        if all(len(hand.starts) for hand in hands):
            return Part(_name(track), track.program, [_staff(hand) for hand in hands])
    return Part(_name(track), track.program, [_staff(line)])


def _right_hand(line: _Line) -> np.ndarray:
    """Choose for every moment a pitch that divides the hands; True for the right hand's notes."""
    onsets, group = np.unique(line.starts, return_inverse=True)
    splits = np.arange(_MIDDLE - 14, _MIDDLE + 15)
    price = np.abs(splits - _MIDDLE) * 0.15
    moved = np.abs(splits[:, None] - splits[None]) * 0.4
    total, came_from = np.zeros(len(splits)), []
    for index in range(len(onsets)):
        pitches = line.pitches[group == index]
        cost = price.copy()
        for i, split in enumerate(splits):
            for hand in (pitches[pitches >= split], pitches[pitches < split]):
                if len(hand):
                    cost[i] += 2 * max(0, int(hand.max() - hand.min()) - _REACH)
                    cost[i] += max(0, len(hand) - 5)
            cost[i] += 0.5 * float(np.abs(pitches - split + 0.5).min() < 2)
        ways = total[:, None] + moved
        came_from.append(ways.argmin(axis=0))
        total = ways.min(axis=0) + cost
    best, chosen = int(total.argmin()), []
    for back in reversed(came_from):
        chosen.append(int(splits[best]))
        best = int(back[best])
    return line.pitches >= np.array(chosen[::-1])[group]


def _staff(line: _Line, clef: Clef | None = None) -> Staff:
    if clef is None:
        middle = float(np.median(line.pitches))
        clef = "treble" if middle >= _MIDDLE - 1 else "bass"
        if clef == "bass" and line.track.program in range(24, 32):
            clef = "treble-8"
    return Staff(clef, _voices(line))


def _voices(line: _Line) -> list[list[Written]]:
    """Put notes that overlap into different voices; join those that begin and end together."""
    groups: dict[tuple[int, int], set[int]] = {}
    for start, end, pitch in zip(line.starts, line.ends, line.pitches, strict=True):
        groups.setdefault((int(start), int(end)), set()).add(int(pitch))
    voices: list[list[Written]] = []
    stretch: list[Written] = []
    until = 0
    for (start, end), pitches in sorted(groups.items(), key=lambda g: (g[0][0], -max(g[1]))):
        if start >= until and stretch:
            _deal(stretch, voices)
            stretch = []
        stretch.append(Written(start, end, tuple(sorted(pitches))))
        until = max(until, end)
    _deal(stretch, voices)
    return voices


def _deal(stretch: list[Written], voices: list[list[Written]]) -> None:
    """Append notes, none of which goes on after the last ends, to as few voices as they need."""
    lines: list[list[Written]] = []
    for note in stretch:
        free = [v for v in lines if v[-1].end <= note.start]
        if free:
            min(free, key=lambda v: _distance(v, note)).append(note)
        elif len(lines) < VOICES:
            lines.append([note])
        else:  # more than can be written: what sounds is cut short
            held = [v for v in lines if v[-1].start < note.start]
            if held:
                cut = min(held, key=lambda v: v[-1].end)
                cut[-1] = Written(cut[-1].start, note.start, cut[-1].pitches)
                cut.append(note)
            else:  # all begin together: it joins those that end next to it
                near = min(lines, key=lambda v: abs(v[-1].end - note.end))
                pitches = {*near[-1].pitches, *note.pitches}
                near[-1] = Written(note.start, near[-1].end, tuple(sorted(pitches)))
    lines.sort(key=lambda v: -float(np.mean([np.mean(n.pitches) for n in v])))
    while len(voices) < len(lines):
        voices.append([])
    for voice, line in zip(voices, lines, strict=False):
        voice.extend(line)


def _distance(voice: list[Written], note: Written) -> float:
    """Return how far a voice leaps to a note, in semitones."""
    return abs(float(np.mean(voice[-1].pitches)) - float(np.mean(note.pitches)))
