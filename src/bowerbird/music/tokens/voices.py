"""Voices: all notes of a score in one table, on a grid of beats or of seconds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.melody import GRID

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

SECOND = 100  # ticks of a second
PEDAL = 64  # the sustain pedal's controller; from this value on it is down


@dataclass(frozen=True)
class Voices:
    """Notes, by start, voice, pitch; each has at least one tick and ends before it begins again."""

    starts: np.ndarray
    ends: np.ndarray
    voices: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    programs: list[int]
    """Instrument of each voice by General MIDI, from 0; below 0 are drums."""


def voices_of(score: "Score", *, seconds: bool = False) -> Voices:
    """Return the notes of a score on the grid of beats, a voice for each track.

    With ``seconds`` they are on a grid of 10 ms, held by the pedal, in one voice and without drums.
    Raises MusicError for a score without notes.
    """
    tracks = [t for t in score.tracks if len(t.notes) and not (seconds and t.is_drum)]
    if not tracks:
        raise MusicError("it has only drums" if len(score.tracks) else "it has no notes")
    columns: list[list[np.ndarray]] = []
    for number, track in enumerate(tracks):
        notes = track.notes.numpy()
        first = notes["time"].astype(np.int64)
        last = first + notes["duration"]
        if seconds:
            last = _pedalled(track, last)
            starts, ends = (
                np.rint(SECOND * _clock(score, t)).astype(np.int64) for t in (first, last)
            )
        else:
            ticks = score.ticks_per_quarter
            starts, ends = ((2 * t * GRID + ticks) // (2 * ticks) for t in (first, last))
        voice = np.full(len(first), 0 if seconds else number)
        pitch = notes["pitch"].astype(np.int64)
        columns.append([starts, np.maximum(ends, starts + 1), voice, pitch, notes["velocity"]])
    starts, ends, voice, pitch, loud = (np.concatenate(c) for c in zip(*columns, strict=True))
    order = np.lexsort((-ends, pitch, voice, starts))
    starts, ends, voice, pitch, loud = (c[order] for c in (starts, ends, voice, pitch, loud))
    place = voice * 128 + pitch
    twice = np.zeros(len(starts), bool)
    twice[1:] = (starts[1:] == starts[:-1]) & (place[1:] == place[:-1])
    starts, ends, voice, pitch, loud = (c[~twice] for c in (starts, ends, voice, pitch, loud))
    programs = [0] if seconds else [-1 if t.is_drum else t.program for t in tracks]
    return Voices(starts, _apart(starts, ends, place[~twice]), voice, pitch, loud, programs)


def _apart(starts: np.ndarray, ends: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return where notes end, at the latest where the same one begins again."""
    order = np.lexsort((starts, place))
    same = place[order][1:] == place[order][:-1]
    following = np.where(same, starts[order][1:], np.iinfo(np.int64).max)
    ends = ends.copy()
    ends[order[:-1]] = np.minimum(ends[order[:-1]], following)
    return ends


def _clock(score: "Score", ticks: np.ndarray) -> np.ndarray:
    """Return when ticks sound, in seconds; without a tempo there are 120 quarter notes a minute."""
    changes = sorted((tempo.time, 60 / tempo.qpm) for tempo in score.tempos)
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 0.5))
    times = np.array([time for time, _ in changes], np.float64)
    paces = np.array([pace for _, pace in changes]) / score.ticks_per_quarter
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(times) * paces[:-1])])
    part = np.searchsorted(times, ticks, "right") - 1
    return seconds[part] + (ticks - times[part]) * paces[part]


def _pedalled(track: "Track", ends: np.ndarray) -> np.ndarray:
    """Return where notes end that a pedal holds: when it goes up."""
    presses = [(c.time, c.value >= PEDAL) for c in track.controls if c.number == PEDAL]
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
