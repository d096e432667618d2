"""Names for pitches: which key a tune is in, and whether a black key is a sharp or a flat.

The key of a score that does not say it is found by `score.key`. A pitch gets the name
nearest to the key on the line of fifths (Temperley, The Cognition of Basic Musical Structures,
2001, chapter 5); a chromatic note that moves on by a semitone takes the name of its neighbour's
neighbour: up is a sharp, down is a flat.
"""

from dataclasses import dataclass

from symusic import Score

from bowerbird.music.score.key import detect_key

_STEPS = "FCGDAEB"  # the line of fifths, from -1
_NATURAL = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))


@dataclass(frozen=True)
class Key:
    """A key signature: `fifths` sharps (flats below 0), -7..7."""

    fifths: int
    minor: bool = False

    @property
    def name(self) -> str:
        """Its name, as in "A major", "B♭ minor"."""
        letter, alter = _named(self.fifths + (3 if self.minor else 0))
        sign = {-2: "♭♭", -1: "♭", 0: "", 1: "♯", 2: "♯♯"}[alter]
        return f"{letter}{sign} {'minor' if self.minor else 'major'}"


@dataclass(frozen=True)
class Spelled:
    """A pitch with its name: step A..G, `alter` semitones, and the octave (4 has middle C)."""

    step: str
    alter: int
    octave: int


def keys_of(score: Score) -> dict[int, Key]:
    """Return the keys by the tick from which they hold; a guess if the score says none."""
    keys: dict[int, Key] = {}
    for change in sorted(score.key_signatures, key=lambda k: k.time):
        if -7 <= change.key <= 7:
            keys[max(0, change.time)] = Key(change.key, bool(change.tonality))
    if not keys:
        return {0: guess_key(score)}
    keys.setdefault(0, keys[min(keys)])
    return keys


def guess_key(score: Score) -> Key:
    """Return the signature of the key that the notes are in; C major without pitched notes."""
    found = detect_key(score)
    return Key(found.sharps, found.mode == "minor")


def spell(pitch: int, key: Key, following: int | None = None) -> Spelled:
    """Name a MIDI pitch in a key; `following` is the pitch after it in its voice."""
    # A major scale lies from -1 to 5 around its tonic on the line of fifths, in signature terms.
    places = [p for p in range(key.fifths - 6, key.fifths + 12) if (7 * p) % 12 == pitch % 12]
    centre = key.fifths + (3.1 if key.minor else 2.1)  # .1: of two as near, the sharp

    def cost(place: int) -> float:
        diatonic = key.fifths - 1 <= place <= key.fifths + 5
        raised = place > key.fifths + 5
        bent = 0.0
        if not diatonic and following is not None and abs(following - pitch) == 1:
            bent = -4.0 if (following > pitch) == raised else 0.0
        # raised sixth and seventh of minor belong to it
        if key.minor and place in (key.fifths + 6, key.fifths + 8):
            bent -= 6.0
        return abs(place - centre) + bent + (4.0 if abs(_named(place)[1]) > 1 else 0.0)

    step, alter = _named(min(places, key=cost))
    return Spelled(step, alter, (pitch - alter - _NATURAL[step]) // 12 - 1)


def alteration(step: str, key: Key) -> int:
    """Return the sharps (1) or flats (-1) that the key signature gives to a step."""
    place = _STEPS.index(step) - 1
    return (key.fifths - place + 5) // 7


def _named(place: int) -> tuple[str, int]:
    """Return the step and alteration of a place on the line of fifths: 0 is C, 1 is G."""
    return _STEPS[(place + 1) % 7], (place + 1) // 7
