"""Chords are named as they are read above a melody."""

import pytest

from bowerbird.music.notation.chords import name_chord
from bowerbird.music.notation.spelling import Key


@pytest.mark.parametrize(
    ("pitches", "key", "name"),
    [
        ((55, 59, 62), Key(1), "G"),
        ((57, 60, 64), Key(1), "Am"),
        ((50, 54, 57, 60), Key(1), "D7"),
        ((46, 50, 53), Key(-2), "B♭"),
        ((54, 58, 61), Key(3), "F♯"),
        ((59, 62, 67), Key(1), "G/B"),
        ((60, 64, 67, 69), Key(0), "C6"),
        ((57, 60, 64, 67), Key(0), "Am7"),
        ((59, 62, 65), Key(0), "Bdim"),
        ((48, 60, 64, 67, 72), Key(0), "C"),
        ((60,), Key(0), None),
        ((60, 61, 62), Key(0), None),
        ((), Key(0), None),
    ],
)
def test_names(pitches, key, name):
    chord = name_chord(pitches, key)
    assert (chord.name if chord else None) == name
