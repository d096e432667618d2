"""Chords are named as they are read above a melody."""

import pytest

from bowerbird.music.notation.chords import name_chord
from bowerbird.music.score.key import key_from_signature


@pytest.mark.parametrize(
    ("pitches", "sharps", "name"),
    [
        ((55, 59, 62), 1, "G"),
        ((57, 60, 64), 1, "Am"),
        ((50, 54, 57, 60), 1, "D7"),
        ((46, 50, 53), -2, "B♭"),
        ((54, 58, 61), 3, "F♯"),
        ((59, 62, 67), 1, "G/B"),
        ((60, 64, 67, 69), 0, "C6"),
        ((57, 60, 64, 67), 0, "Am7"),
        ((59, 62, 65), 0, "Bdim"),
        ((48, 60, 64, 67, 72), 0, "C"),
        ((60,), 0, None),
        ((60, 61, 62), 0, None),
        ((), 0, None),
    ],
)
def test_names(pitches, sharps, name):
    chord = name_chord(pitches, key_from_signature(sharps, "major"))
    assert (chord.name if chord else None) == name
