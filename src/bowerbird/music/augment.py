"""Variations of a piece to learn from: transposed, faster or slower. For training only."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.music.config import AugmentConfig
from bowerbird.music.score.build import new_tempo
from bowerbird.music.score.key import key_of, with_key

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


def variations(score: "Score", config: AugmentConfig) -> Iterator["Score"]:
    """Yield a score in each transposition and tempo."""
    for semitones in config.semitones:
        if not _in_range(score, semitones):
            continue
        moved = transposed(score, semitones)
        for tempo in config.tempo_factors:
            yield at_tempo(moved, tempo) if tempo != 1 else moved


def _in_range(score: "Score", semitones: int) -> bool:
    parts = [t.notes.numpy()["pitch"].astype(np.int64) for t in score.tracks if not t.is_drum]
    return all(p.min() + semitones >= 0 and p.max() + semitones <= 127 for p in parts if len(p))


def transposed(score: "Score", semitones: int) -> "Score":
    """Return a score so many semitones higher, with its key; drums stay as they are."""
    if not semitones:
        return score
    moved = score.copy()
    for track in moved.tracks:
        if not track.is_drum:
            track.shift_pitch(semitones, inplace=True)
    told = bool(moved.key_signatures) or any(m.text.startswith("K:") for m in moved.markers)
    if told:
        key = key_of(score).transposed(semitones)
        moved.markers = moved.markers.filter(lambda m: not m.text.startswith("K:"), inplace=False)
        with_key(moved, key)
        moved.markers.sort(key=lambda marker: marker.time)
    return moved


def at_tempo(score: "Score", factor: float) -> "Score":
    """Return a score that is played so many times as fast."""
    changed = score.copy()
    changes = [(t.time, t.qpm) for t in changed.tempos]
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 120.0))
    changed.tempos.clear()
    for time, qpm in changes:
        changed.tempos.append(new_tempo(time, qpm * factor))
    return changed
