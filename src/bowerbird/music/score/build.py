"""The events of a score in ticks, made: notes, tracks, meters, keys, tempos, markers.

symusic is imported when the first one is made, so that importing a module of music stays quick.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from symusic.core import (
        KeySignatureTick,
        ScoreTick,
        TempoTick,
        TextMetaTick,
        TimeSignatureTick,
        TrackTick,
    )

TICKS = 480  # a quarter note, in the scores that we make
VELOCITY = 90  # of 127: all notes are as loud, if nothing else is said
FIDDLE = 40  # General MIDI's violin, from 0


def new_score(ticks: int = TICKS) -> "ScoreTick":
    """Return a score without anything, at so many ticks a quarter note."""
    from symusic.core import ScoreTick  # noqa: PLC0415

    return ScoreTick(ticks)


def new_track(
    table: np.ndarray, name: str = "", program: int = FIDDLE, *, drums: bool = False
) -> "TrackTick":
    """Return a track of notes: rows of time, duration, pitch and, if not ``VELOCITY``, velocity."""
    from symusic.core import NoteTickList, TrackTick  # noqa: PLC0415

    track = TrackTick(name, program, drums)
    table = np.asarray(table, np.int64)
    if len(table):
        loud = table[:, 3] if table.shape[1] > 3 else np.full(len(table), VELOCITY)
        track.notes = NoteTickList.from_numpy(
            table[:, 0].astype(np.int32),
            table[:, 1].astype(np.int32),
            table[:, 2].astype(np.int8),
            loud.astype(np.int8),
        )
    return track


def new_meter(time: int, beats: int, part: int) -> "TimeSignatureTick":
    """Return a meter that begins at a tick."""
    from symusic.core import TimeSignatureTick  # noqa: PLC0415

    return TimeSignatureTick(time, beats, part)


def new_signature(time: int, sharps: int, *, minor: bool) -> "KeySignatureTick":
    """Return a key signature that begins at a tick."""
    from symusic.core import KeySignatureTick  # noqa: PLC0415

    return KeySignatureTick(time, sharps, int(minor))


def new_tempo(time: int, qpm: float) -> "TempoTick":
    """Return a tempo that begins at a tick, in quarter notes a minute."""
    from symusic.core import TempoTick  # noqa: PLC0415

    return TempoTick(time, qpm)


def new_marker(time: int, text: str) -> "TextMetaTick":
    """Return a marker at a tick."""
    from symusic.core import TextMetaTick  # noqa: PLC0415

    return TextMetaTick(time, text)
