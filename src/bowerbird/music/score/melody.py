"""Melody: the notes of a score on a grid, and its melody.

The melody is in the track that sings (by its name, else the highest on average): the highest note
of each onset, cut where the next begins. This is the "skyline" of Uitdenbogerd and Zobel 1998,
"Manipulation of music for melody matching". Notes on one tick of the grid are one onset, in which
notes shorter than a tick yield to others.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.build import new_track

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

GRID = 24  # ticks of a quarter note
_SINGS = ("melody", "melodie", "vocal", "voice", "soprano", "lead", "tune")


@dataclass(frozen=True)
class GridNotes:
    """Notes in order of time, then pitch, on a grid."""

    starts: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray


def grid_notes(score: "Score", grid: int) -> GridNotes:
    """Return all notes but drums, in ticks of a grid; every note lasts at least one.

    Raises MusicError for a score without such notes.
    """
    parts = [track.notes.numpy() for track in score.tracks if not track.is_drum]
    parts = [part for part in parts if len(part["time"])]
    if not parts:
        drums = any(len(track.notes) for track in score.tracks)
        raise MusicError("it has only drums" if drums else "it has no notes")
    ticks = score.ticks_per_quarter
    times = np.concatenate([part["time"] for part in parts]).astype(np.int64)
    lengths = np.concatenate([part["duration"] for part in parts])
    pitches = np.concatenate([part["pitch"] for part in parts]).astype(np.int64)
    starts = (2 * times * grid + ticks) // (2 * ticks)
    ends = (2 * (times + lengths) * grid + ticks) // (2 * ticks)
    order = np.lexsort((pitches, starts))
    starts = starts[order]
    return GridNotes(starts, np.maximum(ends[order], starts + 1), pitches[order])


def is_melody(score: "Score", grid: int) -> bool:
    """Return whether no two notes sound at once, on a grid."""
    lines = grid_notes(score, grid)
    return bool((lines.starts[1:] >= lines.ends[:-1]).all())


def melody(score: "Score") -> "Score":
    """Return a score with the melody as its only track.

    Raises MusicError if the score has no notes but drums.
    """
    tracks = [track for track in score.tracks if not track.is_drum and len(track.notes)]
    if not tracks:
        drums = any(len(track.notes) for track in score.tracks)
        raise MusicError("it has only drums" if drums else "it has no notes")
    track = next((t for t in tracks if any(word in t.name.lower() for word in _SINGS)), None)
    track = track or max(tracks, key=_height)
    notes = track.notes.numpy()
    ticks = score.ticks_per_quarter
    onsets = (2 * notes["time"].astype(np.int64) * GRID + ticks) // (2 * ticks)
    grace = notes["duration"].astype(np.int64) * GRID < ticks
    order = np.lexsort((-notes["pitch"].astype(np.int64), grace, onsets))
    chosen = order[np.diff(onsets[order], prepend=-1) > 0]
    time, length = notes["time"][chosen], notes["duration"][chosen]
    length[:-1] = np.minimum(length[:-1], np.diff(time))
    result = score.copy()
    result.tracks = score.tracks[:0]
    table = np.stack([time, length, notes["pitch"][chosen], notes["velocity"][chosen]], 1)
    result.tracks.append(new_track(table, track.name, track.program))
    return result


def snapped(score: "Score", step: int) -> "Score":
    """Return a score whose notes begin and end on multiples of ``step`` ticks of the grid.

    Each note keeps some length, and each track one note of a pitch at a time.
    """
    result, unit = score.copy(), score.ticks_per_quarter * step / GRID
    result.tracks = score.tracks[:0]
    for track in score.tracks:
        notes = track.notes.numpy()
        starts = np.round(notes["time"] / unit).astype(np.int64)
        ends = np.round((notes["time"] + notes["duration"]) / unit).astype(np.int64)
        rows: dict[tuple[int, int], tuple[int, int]] = {}
        for start, end, pitch, velocity in zip(
            starts, np.maximum(ends, starts + 1), notes["pitch"], notes["velocity"], strict=True
        ):
            rows.setdefault((int(start), int(pitch)), (int(end) - int(start), int(velocity)))
        table = np.array(
            [
                (round(start * unit), round(length * unit), pitch, velocity)
                for (start, pitch), (length, velocity) in rows.items()
            ],
            np.int64,
        ).reshape(-1, 4)
        result.tracks.append(new_track(table, track.name, track.program, drums=track.is_drum))
    return result


def _height(track: "Track") -> float:
    notes = track.notes.numpy()
    return float(np.average(notes["pitch"], weights=np.maximum(notes["duration"], 1)))
