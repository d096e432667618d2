"""A tune as it is written: its head, and the bars of each voice, before they have times.

Lengths are whole numbers: ``QUARTER`` units are a quarter note, so that tuplets of 3, 5, 7, 9 are
exact.
"""

from dataclasses import dataclass, field

from bowerbird.music.score.key import Key

QUARTER = 20160  # units: 2^6 * 3^2 * 5 * 7
WHOLE = 4 * QUARTER


@dataclass
class Bar:
    """What stands between two bar lines."""

    line: int
    """Line of the file in which it begins, from 1."""
    meter: tuple[int, int]
    """Beats, and their part of a whole note."""
    notes: list[tuple[int, int, tuple[int, ...], bool]] = field(default_factory=list)
    """Start and length in units, pitches, and whether they are tied to the next."""
    length: int = 0
    """Units."""
    signs: list[str] = field(default_factory=list)
    """What stands at its start: ``|:``, ``[1`` ..."""
    ends: list[str] = field(default_factory=list)
    """What stands at its end: ``:|``, ``||``."""
    key: Key | None = None
    """The key, where it changes."""
    tempos: list[tuple[int, float]] = field(default_factory=list)
    """Tempos that begin in it: where, in units, and quarter notes a minute."""


@dataclass
class Tune:
    """One tune: its head, and the bars of each voice."""

    line: int
    number: str = ""
    title: str = ""
    rhythm: str = ""
    origin: str = ""
    key: Key = field(default_factory=Key)
    qpm: float = 0.0
    """Quarter notes a minute; 0 is not told."""
    voices: dict[str, list[Bar]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """What voices are called, if not as they are numbered."""
    programs: dict[str, int] = field(default_factory=dict)
    """Instruments of voices that are not for the fiddle, by General MIDI, from 0."""
    drums: set[str] = field(default_factory=set)
    """Voices for drums."""

    @property
    def name(self) -> str:
        """Number and title."""
        return f"{self.number} {self.title}".strip()
