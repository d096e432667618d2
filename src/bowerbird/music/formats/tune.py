"""A tune as it is written in a file: its header and the bars of each voice, before they have times.

Lengths are in divisions, 20160 of which are a quarter note, so that tuplets of 3, 5, 7 and 9 are
exact.
"""

from dataclasses import dataclass, field

from bowerbird.music.score.key import Key
from bowerbird.music.score.meter import Meter

QUARTER = 20160  # divisions: 2^6 * 3^2 * 5 * 7
WHOLE = 4 * QUARTER


@dataclass
class Bar:
    """The music between two bar lines."""

    line: int
    """Line of the file in which it begins, from 1; in MusicXML the number of the measure."""
    meter: Meter
    notes: list[tuple[int, int, tuple[int, ...], bool]] = field(default_factory=list)
    """Start and length in divisions, pitches (none for a rest), whether tied to the next."""
    length: int = 0
    """Divisions."""
    left: list[str] = field(default_factory=list)
    """Repeats and endings at its left bar line: ``|:``, ``[1`` ..."""
    right: list[str] = field(default_factory=list)
    """Repeats and ends of sections at its right bar line: ``:|``, ``||``."""
    key: Key | None = None
    """The key, where it changes."""
    tempos: list[tuple[int, float]] = field(default_factory=list)
    """Tempos that begin in it: the division, and quarter notes per minute."""

    @property
    def full(self) -> int:
        """Divisions of a whole bar in its meter."""
        return WHOLE * self.meter[0] // self.meter[1]


@dataclass
class Tune:
    """One tune: its header, and the bars of each voice."""

    line: int
    number: str = ""
    title: str = ""
    rhythm: str = ""
    origin: str = ""
    key: Key = field(default_factory=Key)
    qpm: float = 0.0
    """Quarter notes per minute; 0 if not given."""
    voices: dict[str, list[Bar]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Names of voices, where they differ from their keys."""
    programs: dict[str, int] = field(default_factory=dict)
    """General MIDI programs of voices, from 0; the default is the violin."""
    drums: set[str] = field(default_factory=set)
    """Voices for drums."""

    @property
    def name(self) -> str:
        """Number and title."""
        return f"{self.number} {self.title}".strip()
