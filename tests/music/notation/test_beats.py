"""Beats of time signatures, and how strong the positions in a measure are."""

import pytest

from bowerbird.music.notation.beats import BEAT, DOWNBEAT, EIGHTH, HALF_MEASURE, BeatPattern


def test_strength():
    four, six, three = BeatPattern(4, 4), BeatPattern(6, 8), BeatPattern(3, 4)
    assert [four.strength(24 * i) for i in range(5)] == [
        DOWNBEAT,
        EIGHTH,
        BEAT,
        EIGHTH,
        HALF_MEASURE,
    ]
    assert six.strength(72) == BEAT
    assert six.strength(24) < BEAT - 1  # there is no level between a beat and its eighths
    assert three.strength(48) == three.strength(96) == BEAT
    assert BeatPattern(4, 4, offset=144).strength(0) == BEAT  # a pickup is the end of its bar


@pytest.mark.parametrize(
    ("meter", "beats"),
    [
        ((4, 4), [0, 48, 96, 144, 192]),
        ((2, 2), [0, 96, 192]),
        ((9, 8), [0, 72, 144, 216]),
        ((7, 8), [0, 48, 96, 168]),
        ((5, 8), [0, 72, 120]),
        ((3, 8), [0, 72]),
    ],
)
def test_beats(meter, beats):
    assert list(BeatPattern(*meter).beats) == beats
