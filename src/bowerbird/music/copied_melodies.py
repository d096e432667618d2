"""Find passages of a composed melody that are copied from a corpus, also transposed.

Each note is compared by its interval to the note before it, in semitones, and the time until the
next note. Passages are found by `bowerbird.learning.sequences.copied_passages.longest_copies`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.files.atomic_write import atomic_write
from bowerbird.learning.sequences.copied_passages import Copy, copied_fraction, longest_copies
from bowerbird.music.score.melody import GRID, grid_notes, melody

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

MAX_DURATION = 1 << 10  # ticks; longer notes count as this long
MIN_COPY = 6  # notes of the shortest passage that is reported
_SEPARATOR = 1 << 20  # after each piece; codes of notes are below 256 (MAX_DURATION + 1)


@dataclass(frozen=True)
class Novelty:
    """What a melody shares with a corpus."""

    longest_copy_notes: int
    """Notes of the longest passage that is in the corpus."""
    copied_fraction: float
    """Fraction of the notes in copied passages of at least ``MIN_COPY`` notes, 0 to 1."""
    start: int
    """First note of the longest passage, from 0."""
    piece: str
    """Name of the piece that it is from."""


@dataclass(frozen=True)
class MelodyIndex:
    """The melodies of a corpus, ready to compare with."""

    names: tuple[str, ...]
    """Names of the pieces."""
    codes: np.ndarray
    """The `interval_codes` of each piece, each followed by a separator."""

    @classmethod
    def of(cls, pieces: Iterable[tuple[str, "Score"]]) -> "MelodyIndex":
        """Return the index of named scores."""
        names: list[str] = []
        parts: list[np.ndarray] = [np.zeros(0, np.int64)]
        for name, score in pieces:
            names.append(name)
            parts += [interval_codes(score), np.array([_SEPARATOR])]
        return cls(tuple(names), np.concatenate(parts).astype(np.int32))

    def name_at(self, place: int) -> str:
        """Return the name of the piece that the code at a place is from."""
        return self.names[int(np.count_nonzero(self.codes[:place] == _SEPARATOR))]

    def save(self, path: Path) -> None:
        """Write an .npz file atomically."""
        with atomic_write(path) as part, part.open("wb") as file:
            np.savez_compressed(file, names=np.array(self.names), codes=self.codes)

    @classmethod
    def open(cls, path: Path) -> "MelodyIndex":
        """Read a file of `save`."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(tuple(arrays["names"].tolist()), arrays["codes"])


def melody_intervals(score: "Score") -> np.ndarray:
    """Return the intervals between the notes of a score's melody, in semitones."""
    return np.diff(grid_notes(melody(score), GRID).pitches)


def interval_codes(score: "Score") -> np.ndarray:
    """Return a number for the interval and time of each note of the melody but the first.

    The last note counts as long as it sounds, the others until the next one begins.
    """
    notes = grid_notes(melody(score), GRID)
    durations = np.append(np.diff(notes.starts), notes.ends[-1] - notes.starts[-1])
    intervals = np.diff(notes.pitches) + 128
    return intervals * (MAX_DURATION + 1) + np.minimum(durations[1:], MAX_DURATION)


def novelty(score: "Score", corpus: MelodyIndex) -> Novelty:
    """Return what the melody of a score shares with a corpus.

    A passage of n notes has n - 1 intervals; the duration of its first note doesn't count.
    """
    codes, min_length = interval_codes(score), MIN_COPY - 1
    if len(codes) < min_length:
        return Novelty(0, 0.0, 0, "")
    copies: list[Copy] = longest_copies(codes, [corpus.codes], min_length)
    if not copies:
        return Novelty(0, 0.0, 0, "")
    first, fraction = copies[0], copied_fraction(copies, len(codes))
    return Novelty(first.length + 1, fraction, first.start, corpus.name_at(first.source))
