"""Spelling: the name of each pitch, as whether a black key is a sharp or a flat.

A pitch gets the name nearest to the key on the line of fifths (Temperley, The Cognition of Basic
Musical Structures, 2001, chapter 5), from which a chromatic note that moves on by a semitone
departs: up it is a sharp, down a flat.
"""

from dataclasses import dataclass
from functools import lru_cache

from bowerbird.music.score.key import Key

_STEPS = "FCGDAEB"  # the line of fifths, from -1
_NATURAL = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))


@dataclass(frozen=True)
class SpelledPitch:
    """A pitch with its name: step A..G, `alter` semitones, and the octave (4 has middle C)."""

    step: str
    alter: int
    octave: int

    @property
    def name(self) -> str:
        """Its name without the octave."""
        return self.step + ("♯" * self.alter or "♭" * -self.alter)


@lru_cache(maxsize=1 << 14)
def spell(
    pitch: int, key: Key, following: int | None = None, previous: int | None = None
) -> SpelledPitch:
    """Return the name of a MIDI pitch in a key.

    `following` and `previous` are the next other pitches in its voice.
    """
    centre = key.sharps + (3.1 if key.is_minor else 2.1)  # .1: of two as near, the sharp
    nearest = min(_places(pitch, key), key=lambda place: abs(place - centre))

    def cost(place: int) -> float:
        # the seven steps of the key, and in every mode the leading note and the raised sixth
        in_scale = -1 <= place - key.sharps <= 5
        raised = not in_scale and place - key.fifths in (3, 5)
        up, sharp = following is not None and following > pitch, place > key.sharps + 5
        leads = following is not None and abs(following - pitch) == 1 and up == sharp
        bonus = 6.0 * raised + 4.0 * (leads and not in_scale)
        return abs(place - centre) - bonus + 4.0 * (abs(_alter(place)) > 1)

    # a white key is a chromatic E sharp only between two F sharps
    respelled = _alter(nearest) or following == previous
    place = min(_places(pitch, key), key=cost) if respelled else nearest
    alter, step = _alter(place), _STEPS[(place + 1) % 7]
    return SpelledPitch(step, alter, (pitch - alter - _NATURAL[step]) // 12 - 1)


def _places(pitch: int, key: Key) -> list[int]:
    """Return where the names of a pitch are on the line of fifths, where C is 0 and G is 1."""
    return [p for p in range(key.sharps - 6, key.sharps + 12) if (7 * p - pitch) % 12 == 0]


def _alter(place: int) -> int:
    """Return the sharps of a place on the line of fifths."""
    return (place + 1) // 7


@lru_cache(maxsize=1 << 8)
def key_alter(step: str, key: Key) -> int:
    """Return the sharps (1) or flats (-1) that a key signature gives to a step."""
    return (key.sharps - _STEPS.index(step) + 6) // 7
