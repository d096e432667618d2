"""What a composed melody has copied: its longest passage that stands in the corpus, by intervals.

A note is told by how far it is from the note before it, in semitones, and how long it is until the
next note, so that transposed copies are found. Passages are found by
`bowerbird.learning.copied_passages.longest_copies`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.learning.atomic_write import atomic_write
from bowerbird.learning.copied_passages import Copy, copied_fraction, longest_copies
from bowerbird.music.score.melody import GRID, grid_notes, melody

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

LONGEST = 1 << 10  # ticks: longer notes count as so long
LEAST = 6  # notes of a passage that is told of
_APART = 1 << 20  # no note is told by this number, for 256 (LONGEST + 1) is less: after a piece


@dataclass(frozen=True)
class Novelty:
    """What a melody shares with a corpus."""

    longest_copy_notes: int
    """Notes of the longest passage that stands in the corpus."""
    copied_share: float
    """Share of the notes that lie in passages of at least ``LEAST`` notes, 0 to 1."""
    start: int
    """First note of the longest passage, from 0."""
    piece: str
    """Name of the piece in which it stands."""


@dataclass(frozen=True)
class Melodies:
    """The melodies of a corpus, as they are compared."""

    names: tuple[str, ...]
    """Names of the pieces."""
    signs: np.ndarray
    """The signs of each piece (`interval_signs`), and one after it that stands for no note."""

    @classmethod
    def of(cls, pieces: Iterable[tuple[str, "Score"]]) -> "Melodies":
        """Return the melodies of pieces."""
        names: list[str] = []
        parts: list[np.ndarray] = [np.zeros(0, np.int64)]
        for name, score in pieces:
            names.append(name)
            parts += [interval_signs(score), np.array([_APART])]
        return cls(tuple(names), np.concatenate(parts).astype(np.int32))

    def name_at(self, place: int) -> str:
        """Return the name of the piece in which a sign stands."""
        return self.names[int(np.count_nonzero(self.signs[:place] == _APART))]

    def save(self, path: Path) -> None:
        """Write them to an .npz file, whole or not at all."""
        with atomic_write(path) as part, part.open("wb") as file:
            np.savez_compressed(file, names=np.array(self.names), signs=self.signs)

    @classmethod
    def open(cls, path: Path) -> "Melodies":
        """Return what `save` wrote."""
        with np.load(path, allow_pickle=False) as kept:
            return cls(tuple(kept["names"].tolist()), kept["signs"])


def melody_intervals(score: "Score") -> np.ndarray:
    """Return the steps between the notes of a score's melody, in semitones."""
    return np.diff(grid_notes(melody(score), GRID).pitches)


def interval_signs(score: "Score") -> np.ndarray:
    """Return a number for each note of the melody but the first: its interval, then its length.

    The last note lasts as long as it sounds, the others until the next begins.
    """
    lines = grid_notes(melody(score), GRID)
    lasts = np.append(np.diff(lines.starts), lines.ends[-1] - lines.starts[-1])
    steps = np.diff(lines.pitches) + 128
    return steps * (LONGEST + 1) + np.minimum(lasts[1:], LONGEST)


def novelty(made: "Score", corpus: Melodies) -> Novelty:
    """Return what the melody of a score shares with those of a corpus.

    A passage of n notes has n - 1 intervals, and the first note's length does not count.
    """
    own = interval_signs(made)
    least = LEAST - 1
    copies: list[Copy] = longest_copies(own, [corpus.signs], least) if len(own) >= least else []
    if not copies:
        return Novelty(0, 0.0, 0, "")
    first = copies[0]
    share = copied_fraction(copies, len(own))
    return Novelty(first.length + 1, share, first.start, corpus.name_at(first.source))
