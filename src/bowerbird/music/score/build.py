"""Constructors for scores in ticks and their events: tracks, meters, keys, tempos, markers.

They import symusic when they are called, so that importing a module of music stays quick.
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

TICKS = 480  # of a quarter note
VELOCITY = 90  # the default, of 127
VIOLIN = 40  # General MIDI program, from 0


def new_score(ticks: int = TICKS) -> "ScoreTick":
    """Return an empty score with a number of ticks per quarter note."""
    from symusic.core import ScoreTick  # noqa: PLC0415

    return ScoreTick(ticks)


def new_track(
    table: np.ndarray, name: str = "", program: int = VIOLIN, *, drums: bool = False
) -> "TrackTick":
    """Return a track of notes: rows of time, duration, pitch and, if not the default, velocity."""
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


def new_time_signature(time: int, beats: int, unit: int) -> "TimeSignatureTick":
    """Return a time signature that begins at a tick."""
    from symusic.core import TimeSignatureTick  # noqa: PLC0415

    return TimeSignatureTick(time, beats, unit)


def new_key_signature(time: int, sharps: int, *, minor: bool) -> "KeySignatureTick":
    """Return a key signature that begins at a tick."""
    from symusic.core import KeySignatureTick  # noqa: PLC0415

    return KeySignatureTick(time, sharps, int(minor))


def new_tempo(time: int, qpm: float) -> "TempoTick":
    """Return a tempo that begins at a tick, in quarter notes per minute."""
    from symusic.core import TempoTick  # noqa: PLC0415

    return TempoTick(time, qpm)


def new_marker(time: int, text: str) -> "TextMetaTick":
    """Return a marker at a tick."""
    from symusic.core import TextMetaTick  # noqa: PLC0415

    return TextMetaTick(time, text)
