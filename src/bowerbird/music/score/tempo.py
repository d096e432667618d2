"""Tempo: ticks to seconds. Without a tempo there are 120 quarter notes per minute."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


def tempo_map(score: "Score") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ticks at which the tempo changes, in seconds too, and the seconds per tick."""
    changes = sorted((tempo.time, 60 / max(tempo.qpm, 0.01)) for tempo in score.tempos)
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 0.5))
    ticks = np.array([time for time, _ in changes], np.float64)
    per_tick = np.array([seconds for _, seconds in changes]) / score.ticks_per_quarter
    return ticks, np.concatenate([[0.0], np.cumsum(np.diff(ticks) * per_tick[:-1])]), per_tick


def seconds_at(score: "Score", ticks: np.ndarray) -> np.ndarray:
    """Return the seconds at ticks."""
    changes, seconds, per_tick = tempo_map(score)
    part = np.searchsorted(changes, ticks, "right") - 1
    return seconds[part] + (ticks - changes[part]) * per_tick[part]


def seconds_of(score: "Score") -> float:
    """Return the length of a score up to the end of its last note, in seconds."""
    notes = [track.notes.numpy() for track in score.tracks if len(track.notes)]
    ends = [int((part["time"].astype(np.int64) + part["duration"]).max()) for part in notes]
    return float(seconds_at(score, np.array([max(ends, default=0)]))[0])
