"""Staves: tracks become parts of one staff or two, each with its clef and voices.

A keyboard's track that needs two hands is split between them where the hands can reach and the
split moves least (dynamic programming over the notes that begin together). A track of chords
beside a melody becomes chord names.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import MusicError
from bowerbird.music.config import Accompaniment
from bowerbird.music.notation.chords import ChordName, name_chord
from bowerbird.music.notation.measures import Measure
from bowerbird.music.notation.quantize import QuantizedTrack, quantized_tracks
from bowerbird.music.notation.voices import Voice, voices_of
from bowerbird.music.score.instruments import PROGRAMS
from bowerbird.music.score.key import Key
from bowerbird.music.score.titles import clean_text

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

Clef = Literal["treble", "bass", "treble-8", "percussion"]

MAX_PARTS = 64
_KEYBOARDS = {*range(8), *range(16, 24), 46}  # General MIDI: pianos, organs, harp
_REACH = 14  # semitones that a hand spans
_MIDDLE = 60


@dataclass
class Staff:
    """A clef and up to four voices; the first is the highest where there are several."""

    clef: Clef
    voices: list[Voice]


@dataclass
class Part:
    """One player: one staff, or two for a keyboard."""

    name: str
    program: int
    staves: list[Staff]
    drums: bool = False
    chords: dict[int, ChordName] = field(default_factory=dict)  # by the division where they begin


def parts_of(
    score: "Score",
    measures: list[Measure],
    accompaniment: Accompaniment = "auto",
    *,
    separate_tracks: bool = False,
) -> list[Part]:
    """Arrange the tracks of a score on staves, in their order.

    For the options see `to_musicxml`. Raises MusicError for too many tracks.
    """
    tracks = quantized_tracks(score, measures)
    if len(tracks) > MAX_PARTS:
        raise MusicError(f"it has {len(tracks)} tracks with notes, more than {MAX_PARTS}")
    names: dict[int, ChordName] = {}
    if accompaniment != "staff" and len(tracks) == 2 and not separate_tracks:
        upper, lower = tracks
        chords = chord_names(lower, measures[0].key)
        if chords and not _blocks(upper) and (accompaniment == "names" or _blocks(lower)):
            names, tracks = chords, [upper]
    if len(tracks) == 2 and not separate_tracks and _two_hands(*tracks):
        first = tracks[0].track
        parts = [Part(_name(first), first.program, [_staff(notes) for notes in tracks])]
    else:
        parts = [_part(notes) for notes in tracks]
        _number_names(parts)
    parts[0].chords = names
    return parts


def chord_names(notes: QuantizedTrack, key: Key) -> dict[int, ChordName]:
    """Name the chords of a track where they change; empty if some have no name."""
    chords: dict[int, ChordName] = {}
    before = None
    for start in np.unique(notes.starts):
        chord = name_chord(notes.pitches[notes.starts == start].tolist(), key)
        if chord is None:
            return {}
        if chord != before:
            chords[int(start)] = chord
        before = chord
    return chords


def _blocks(notes: QuantizedTrack) -> bool:
    """Return whether a track is block chords: nearly all notes begin in threes or more."""
    _, counts = np.unique(notes.starts, return_counts=True)
    return not notes.track.is_drum and float((counts >= 3).mean()) > 0.8


def _two_hands(upper: QuantizedTrack, lower: QuantizedTrack) -> bool:
    """Return whether two tracks are the hands of one keyboard."""
    programs = {upper.track.program, lower.track.program}
    drums = upper.track.is_drum or lower.track.is_drum
    same = len(programs) == 1 and programs <= _KEYBOARDS
    return same and not drums and bool(upper.pitches.mean() > lower.pitches.mean() + 4)


def _name(track: "Track") -> str:
    return clean_text(track.name).strip() or (
        "Drums" if track.is_drum else PROGRAMS[track.program % 128]
    )


def _number_names(parts: list[Part]) -> None:
    """Number the parts that have the same name."""
    names = [part.name for part in parts]
    for place, part in enumerate(parts):
        if names.count(names[place]) > 1:
            part.name = f"{names[place]} {names[: place + 1].count(names[place])}"


def _part(notes: QuantizedTrack) -> Part:
    track = notes.track
    if track.is_drum:
        return Part(_name(track), track.program, [_staff(notes, "percussion")], drums=True)
    low, high = notes.pitches.min(), notes.pitches.max()
    if track.program in _KEYBOARDS and low < _MIDDLE - 5 and high > _MIDDLE + 3 and high - low > 19:
        right = _right_hand(notes)
        hands = [
            QuantizedTrack(track, *(x[m] for x in (notes.starts, notes.ends, notes.pitches)))
            for m in (right, ~right)
        ]
        if all(len(hand.starts) for hand in hands):
            return Part(_name(track), track.program, [_staff(hand) for hand in hands])
    return Part(_name(track), track.program, [_staff(notes)])


def _right_hand(notes: QuantizedTrack) -> NDArray[np.bool_]:
    """Choose for every moment a pitch that divides the hands; True for the right hand's notes."""
    onsets, group = np.unique(notes.starts, return_inverse=True)
    splits = np.arange(_MIDDLE - 14, _MIDDLE + 15)
    price = np.abs(splits - _MIDDLE) * 0.15
    moved = np.abs(splits[:, None] - splits[None]) * 0.4
    total, came_from = np.zeros(len(splits)), []
    for index in range(len(onsets)):
        pitches = notes.pitches[group == index]
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
    return notes.pitches >= np.array(chosen[::-1])[group]


def _staff(notes: QuantizedTrack, clef: Clef | None = None) -> Staff:
    if clef is None:
        middle = float(np.median(notes.pitches))
        clef = "treble" if middle >= _MIDDLE - 1 else "bass"
        if clef == "bass" and notes.track.program in range(24, 32):
            clef = "treble-8"
    return Staff(clef, voices_of(notes))
