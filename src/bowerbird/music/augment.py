"""Data augmentation: transposed pieces, and pieces at other tempos. For training only."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.music.config import AugmentConfig
from bowerbird.music.score.build import new_tempo
from bowerbird.music.score.key import key_of, set_key

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


def variations(score: "Score", config: AugmentConfig) -> Iterator["Score"]:
    """Yield a score in each transposition that MIDI can play, at each tempo."""
    for semitones in config.semitones:
        if _in_range(score, semitones):
            moved = transposed(score, semitones)
            for factor in config.tempo_factors:
                yield at_tempo(moved, factor) if factor != 1 else moved


def _in_range(score: "Score", semitones: int) -> bool:
    parts = [t.notes.numpy()["pitch"].astype(np.int64) for t in score.tracks if not t.is_drum]
    return all(p.min() + semitones >= 0 and p.max() + semitones <= 127 for p in parts if len(p))


def transposed(score: "Score", semitones: int) -> "Score":
    """Return a score transposed with its key; drums stay as they are."""
    if not semitones:
        return score
    moved = score.copy()
    for track in moved.tracks:
        if not track.is_drum:
            track.shift_pitch(semitones, inplace=True)
    if moved.key_signatures or any(m.text.startswith("K:") for m in moved.markers):
        key = key_of(score).transposed(semitones)
        moved.markers = moved.markers.filter(lambda m: not m.text.startswith("K:"), inplace=False)
        set_key(moved, key)
        moved.markers.sort(key=lambda marker: marker.time)
    return moved


def at_tempo(score: "Score", factor: float) -> "Score":
    """Return a score with its tempos multiplied by a factor."""
    changed = score.copy()
    tempos = [(t.time, t.qpm) for t in changed.tempos]
    if not tempos or tempos[0][0] > 0:
        tempos.insert(0, (0, 120.0))
    changed.tempos.clear()
    for time, qpm in tempos:
        changed.tempos.append(new_tempo(time, qpm * factor))
    return changed
