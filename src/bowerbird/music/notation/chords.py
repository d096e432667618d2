"""Chord names, for the line above a melody: G, Am, D7.

A chord is the set of pitch classes that begin together. Its root is the one from which the rest is
a known kind; the bass is tried first, which tells C6 and Am7 apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bowerbird.music.notation.spelling import SpelledPitch, spell
from bowerbird.music.score.key import Key

# Intervals above the root in semitones -> MusicXML kind, and what is printed after the root.
KINDS: dict[frozenset[int], tuple[str, str]] = {
    frozenset(intervals): names
    for intervals, names in (
        ((0, 4, 7), ("major", "")),
        ((0, 3, 7), ("minor", "m")),
        ((0, 4, 7, 10), ("dominant", "7")),
        ((0, 4, 10), ("dominant", "7")),
        ((0, 3, 7, 10), ("minor-seventh", "m7")),
        ((0, 3, 10), ("minor-seventh", "m7")),
        ((0, 4, 7, 11), ("major-seventh", "maj7")),
        ((0, 4, 11), ("major-seventh", "maj7")),
        ((0, 3, 6), ("diminished", "dim")),
        ((0, 3, 6, 9), ("diminished-seventh", "dim7")),
        ((0, 3, 6, 10), ("half-diminished", "m7♭5")),
        ((0, 4, 8), ("augmented", "+")),
        ((0, 5, 7), ("suspended-fourth", "sus4")),
        ((0, 2, 7), ("suspended-second", "sus2")),
        ((0, 4, 7, 9), ("major-sixth", "6")),
        ((0, 3, 7, 9), ("minor-sixth", "m6")),
        ((0, 2, 4, 7, 10), ("dominant-ninth", "9")),
        ((0, 3, 7, 11), ("major-minor", "m(maj7)")),
        ((0, 4), ("major", "")),
        ((0, 3), ("minor", "m")),
        ((0, 7), ("power", "5")),
    )
}


@dataclass(frozen=True)
class ChordName:
    """A chord symbol."""

    root: SpelledPitch
    kind: str  # in MusicXML
    text: str  # what is printed after the root
    bass: SpelledPitch | None = None  # if it is not the root

    @property
    def name(self) -> str:
        """Its name as it is printed."""
        name = f"{self.root.name}{self.text}"
        return f"{name}/{self.bass.name}" if self.bass else name


def name_chord(pitches: Iterable[int], key: Key) -> ChordName | None:
    """Name the chord of some MIDI pitches; None if it has no common name."""
    ordered = sorted(pitches)
    classes = list(dict.fromkeys(p % 12 for p in ordered))
    for root in classes:  # the bass first
        kind = KINDS.get(frozenset((c - root) % 12 for c in classes))
        if kind:
            bass = spell(classes[0], key) if root != classes[0] else None
            return ChordName(spell(root, key), *kind, bass)
    return None
