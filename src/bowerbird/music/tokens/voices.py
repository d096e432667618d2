"""All notes of a score in one table, on a grid of beats or of seconds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.melody import GRID
from bowerbird.music.score.tempo import seconds_at

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

SECOND = 100  # ticks per second
SUSTAIN = 64  # the controller of the sustain pedal; from this value on it is down


@dataclass(frozen=True)
class Voices:
    """Notes in order of start, voice, pitch; each ends before its pitch begins again."""

    starts: np.ndarray
    ends: np.ndarray
    voices: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    programs: list[int]
    """General MIDI program of each voice, from 0; -1 for drums."""


def voices_of(score: "Score", *, seconds: bool = False) -> Voices:
    """Return the notes of a score on the grid of beats, one voice for each track.

    With ``seconds`` they are on a grid of 10 ms, sustained by the pedal, in one voice and without
    drums. Raises MusicError for a score without notes.
    """
    tracks = [t for t in score.tracks if len(t.notes) and not (seconds and t.is_drum)]
    if not tracks:
        raise MusicError("it has only drums" if len(score.tracks) else "it has no notes")
    tables: list[list[np.ndarray]] = []
    for number, track in enumerate(tracks):
        notes = track.notes.numpy()
        first = notes["time"].astype(np.int64)
        last = first + notes["duration"]
        if seconds:
            times = first, _sustained(track, last)
            starts, ends = (np.rint(SECOND * seconds_at(score, t)).astype(np.int64) for t in times)
        else:
            ticks = score.ticks_per_quarter
            starts, ends = ((2 * t * GRID + ticks) // (2 * ticks) for t in (first, last))
        voice = np.full(len(first), 0 if seconds else number)
        pitch = notes["pitch"].astype(np.int64)
        tables.append([starts, np.maximum(ends, starts + 1), voice, pitch, notes["velocity"]])
    columns = [np.concatenate(column) for column in zip(*tables, strict=True)]
    starts, ends, voice, pitch, _ = columns
    order = np.lexsort((-ends, pitch, voice, starts))
    place = (voice * 128 + pitch)[order]
    again = np.append(False, (np.diff(starts[order]) == 0) & (np.diff(place) == 0))
    starts, ends, voice, pitch, velocity = (column[order][~again] for column in columns)
    programs = [0] if seconds else [-1 if t.is_drum else t.program for t in tracks]
    return Voices(starts, _cut(starts, ends, place[~again]), voice, pitch, velocity, programs)


def _cut(starts: np.ndarray, ends: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the ends of notes, at the latest where the same pitch begins again."""
    order = np.lexsort((starts, place))
    same = place[order][1:] == place[order][:-1]
    following = np.where(same, starts[order][1:], np.iinfo(np.int64).max)
    ends = ends.copy()
    ends[order[:-1]] = np.minimum(ends[order[:-1]], following)
    return ends


def _sustained(track: "Track", ends: np.ndarray) -> np.ndarray:
    """Return the ends of notes with the sustain pedal: those that it holds end when it goes up."""
    presses = [(c.time, c.value >= SUSTAIN) for c in track.controls if c.number == SUSTAIN]
    if not presses:
        return ends
    times = np.array([time for time, _ in presses])
    down = np.array([is_down for _, is_down in presses])
    ups = np.append(times[~down], np.iinfo(np.int64).max)
    state = np.searchsorted(times, ends, "right") - 1
    held = (state >= 0) & down[state]
    release = ups[np.searchsorted(ups, ends, "left")]
    last = max(int(ends.max()), int(times.max()))
    return np.where(held, np.minimum(release, last), ends)
