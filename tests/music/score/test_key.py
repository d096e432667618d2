"""Keys: by name, by signature, and by the notes alone."""

import pytest

from bowerbird.errors import MusicError
from bowerbird.music.formats.files import read_scores
from bowerbird.music.notation.measures import measures_of
from bowerbird.music.notation.spelling import spell
from bowerbird.music.score.build import new_key_signature, new_marker, new_score, new_track
from bowerbird.music.score.key import Key, detect_key, key_at, key_from_signature, key_of, parse_key


@pytest.mark.parametrize(
    ("text", "key", "sharps"),
    [
        ("D", Key("D"), 2),
        ("Em", Key("E", "minor"), 1),
        ("F# minor", Key("F#", "minor"), 3),
        ("Bb", Key("Bb"), -2),
        ("b♭ minor", Key("Bb", "minor"), -5),
        ("Ador", Key("A", "dorian"), 1),
        ("D Mixolydian", Key("D", "mixolydian"), 1),
        ("Bphr", Key("B", "phrygian"), 1),
        ("Clyd", Key("C", "lydian"), 1),
        ("EM", Key("E"), 4),
    ],
)
def test_names(text, key, sharps):
    assert parse_key(text) == key
    assert key.sharps == sharps
    assert parse_key(key.abc) == parse_key(str(key)) == key


@pytest.mark.parametrize("text", ["", "H", "Dx", "G#", "D blues", "12", "D" * 500])
def test_what_is_not_a_key(text):
    with pytest.raises(MusicError, match="is not a key") as refused:
        parse_key(text)
    assert len(str(refused.value)) < 120


def test_signatures_are_those_of_the_circle_of_fifths():
    circle = ["Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"]
    assert [key_from_signature(n, "major").tonic for n in range(-7, 8)] == circle
    assert [key_from_signature(n, "minor").tonic for n in range(-3, 4)] == [
        "C",
        "G",
        "D",
        "A",
        "E",
        "B",
        "F#",
    ]


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        (Key("E", "major"), {0, 2, 4, 5, 7, 9, 11}),
        (Key("C#", "minor"), {0, 2, 3, 5, 7, 8, 10}),
        (Key("A", "dorian"), {0, 2, 3, 5, 7, 9, 10}),
        (Key("Bb", "mixolydian"), {0, 2, 4, 5, 7, 9, 10}),
        (Key("D", "phrygian"), {0, 1, 3, 5, 7, 8, 10}),
        (Key("F", "lydian"), {0, 2, 4, 6, 7, 9, 11}),
        (Key("B", "locrian"), {0, 1, 3, 5, 6, 8, 10}),
    ],
)
def test_the_degrees_of_a_mode(key, scale):
    assert key.scale == scale


@pytest.mark.parametrize("mode", ["major", "minor", "dorian", "mixolydian"])
def test_every_tonic_is_spelled(mode):
    keys = [key_at(tonic, mode) for tonic in range(12)]
    assert [key.pitch_class for key in keys] == list(range(12))
    assert all(abs(key.sharps) <= 6 for key in keys)
    assert Key("D", mode).transposed(12) == Key("D", mode)
    assert Key("D", mode).transposed(2) == Key("E", mode)


def scale(tonic, steps):
    score = new_score()
    pitches = [tonic + step for step in steps]
    score.tracks.append(new_track([[480 * n, 480, p] for n, p in enumerate(pitches)]))
    return score


def test_the_key_of_notes_alone():
    major = [0, 4, 7, 0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0]
    minor = [0, 3, 7, 0, 2, 3, 5, 7, 8, 11, 12, 7, 3, 0]
    for tonic in range(12):
        assert detect_key(scale(60 + tonic, major)) == key_at(tonic, "major")
        assert detect_key(scale(60 + tonic, minor)) == key_at(tonic, "minor")


def test_real_tunes_are_found_in_their_keys(corpus21):
    """Most tunes in major and minor get the key of their signature."""
    scores = [s for _, s in read_scores(corpus21("airdsAirs/book5.abc"))]
    keys = [(key_of(s), detect_key(s)) for s in scores if key_of(s).mode in ("major", "minor")]
    assert sum(a == b for a, b in keys) / len(keys) > 0.8


def test_chorales_are_found_in_their_signatures(corpus21):
    """86 % of all 408; with the profiles of Krumhansl and Kessler it was 74 %."""
    paths = sorted(corpus21("bach").glob("*.mxl"))[::4]
    scores = [s for path in paths for _, s in read_scores(path)]
    right = [detect_key(s).sharps % 12 == key_of(s).sharps % 12 for s in scores]
    assert sum(right) / len(right) > 0.8


def test_measures_have_the_key_that_is_detected(corpus21):
    for _, score in read_scores(corpus21("airdsAirs/book5.abc")):
        bare = score.copy()
        bare.key_signatures.clear()
        bare.markers.clear()
        assert measures_of(bare)[0].key == detect_key(score)


def test_marker_signature_notes_in_this_order():
    score = scale(62, [0, 4, 7, 0])
    assert key_of(score) == Key("D")
    score.key_signatures.append(new_key_signature(0, -1, minor=True))
    assert key_of(score) == Key("D", "minor")
    score.markers.append(new_marker(0, "K:nonsense"))
    assert key_of(score) == Key("D", "minor")
    score.markers.append(new_marker(0, "K:Ddor"))
    assert key_of(score) == Key("D", "dorian")


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("C", "C C# D Eb E F F# G G# A Bb B"),
        ("D", "C C# D D# E F F# G G# A A# B"),
        ("Eb", "C Db D Eb E F Gb G Ab A Bb B"),
        ("Am", "C C# D D# E F F# G G# A Bb B"),
    ],
)
def test_spelling(key, names):
    names_found = [spell(60 + n, parse_key(key)).name for n in range(12)]
    assert names_found == names.replace("b", "♭").replace("#", "♯").split()
