"""Transpositions take the key along; tempos change the length."""

import pytest

from bowerbird.errors import MusicError
from bowerbird.music.augment import at_tempo, transposed, variations
from bowerbird.music.config import AugmentConfig
from bowerbird.music.score.key import Key, key_of
from bowerbird.music.score.tempo import seconds_of


def test_transposition_takes_the_key_along(tune, reel_abc):
    score = tune(reel_abc.replace("K:D", "K:Ador"))
    moved = transposed(score, 3)
    assert key_of(moved) == Key("C", "dorian")
    assert [n.pitch for n in moved.tracks[0].notes] == [n.pitch + 3 for n in score.tracks[0].notes]
    assert key_of(score) == Key("A", "dorian")


def test_variations(tune, reel_abc):
    score = tune(reel_abc)
    config = AugmentConfig(semitones=(48, 0, 2), tempo_factors=(0.9, 1.1))
    assert len(list(variations(score, config))) == 4  # four octaves higher there is no note
    assert seconds_of(at_tempo(score, 2)) == pytest.approx(seconds_of(score) / 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tempo_factors": ()}, "need at least one value each"),
        ({"semitones": (0, 49)}, r"semitones must be in \[-48, 48\], got \(0, 49\)"),
        ({"tempo_factors": (0.0,)}, r"tempo_factors must be in \[0.1, 10\]"),
    ],
)
def test_flags_are_checked(wrong, message):
    with pytest.raises(MusicError, match=message):
        AugmentConfig(**wrong)
