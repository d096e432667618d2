"""Pitches have the names that a musician would give them."""

import pytest
from symusic import Score

from bowerbird.music.notation.spelling import key_alter, spell
from bowerbird.music.score.key import detect_key, key_from_signature, keys_of


def key(sharps, minor=False):
    return key_from_signature(sharps, "minor" if minor else "major")


def name(pitch, within, following=None):
    s = spell(pitch, within, following)
    return s.step + {-2: "bb", -1: "b", 0: "", 1: "#", 2: "x"}[s.alter] + str(s.octave)


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (key(0), "C4 C#4 D4 Eb4 E4 F4 F#4 G4 G#4 A4 Bb4 B4"),
        (key(2), "C4 C#4 D4 D#4 E4 F4 F#4 G4 G#4 A4 A#4 B4"),
        (key(-3), "C4 Db4 D4 Eb4 E4 F4 F#4 G4 Ab4 A4 Bb4 B4"),
        (key(0, minor=True), "C4 C#4 D4 D#4 E4 F4 F#4 G4 G#4 A4 Bb4 B4"),
    ],
)
def test_names_in_a_key(within, expected):
    names = [name(p, within) for p in range(60, 72)]
    wrong = [(a, b) for a, b in zip(names, expected.split(), strict=True) if a != b]
    assert len(wrong) <= 1, wrong  # one note of each may be called either way


def test_every_diatonic_note_is_natural_to_its_key():
    for fifths in range(-7, 8):
        tonic = 60 + 7 * fifths % 12
        for semitones in (0, 2, 4, 5, 7, 9, 11):
            for within in (key(fifths), key(fifths, minor=True)):
                spelled = spell(tonic + semitones, within)
                assert spelled.alter == key_alter(spelled.step, within)


def test_spelling_is_lossless():
    natural = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))
    for fifths in range(-7, 8):
        for minor in (False, True):
            for pitch in range(128):
                s = spell(pitch, key(fifths, minor), pitch + 1)
                assert natural[s.step] + s.alter + 12 * (s.octave + 1) == pitch


def test_chromatic_notes_lead_on():
    assert name(66, key(0), 67) == "F#4"
    assert name(70, key(2), 69) == "Bb4"
    assert name(70, key(2), 71) == "A#4"
    assert name(67, key(5, minor=True), 68) == "Fx4"  # the leading note of G sharp minor
    assert name(60, key(7)) == "B#3"


@pytest.mark.parametrize(
    ("pitches", "found"),
    [
        ((60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60), key(0)),
        ((57, 59, 60, 62, 64, 65, 68, 69, 64, 60, 57), key(0, minor=True)),
        ((62, 64, 66, 67, 69, 71, 73, 74, 69, 66, 62), key(2)),
        ((63, 65, 67, 68, 70, 72, 74, 75, 70, 67, 63), key(-3)),
    ],
)
def test_the_key_of_notes_alone(melody, pitches, found):
    score = melody(*[(p, 1) for p in pitches[:-1]], (pitches[-1], 3))
    assert detect_key(score) == found
    score.key_signatures.clear()
    assert keys_of(score) == [(0, found)]


def test_names_and_nothing():
    assert str(key(3)) == "A major"
    assert str(key(-5, minor=True)) == "Bb minor"
    assert spell(61, key(-5, minor=True)).name == "D♭"
    assert detect_key(Score(480)) == key(0)
