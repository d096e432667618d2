"""Bars lie where the meters say, and pickups, short bars and signs are understood."""

import pytest
from symusic import ControlChange, TimeSignature

from bowerbird.music.composer import load
from bowerbird.music.config import ComposeConfig
from bowerbird.music.notation.beats import BEAT, DOWNBEAT, EIGHTH, HALF_MEASURE, BeatPattern
from bowerbird.music.notation.measures import bar_count, measures_of
from bowerbird.music.score.repeats import expand_repeats


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


def test_plain_bars(melody):
    bars = measures_of(melody(*[(60, 1)] * 9, meter=(3, 4)))
    assert [b.number for b in bars] == [1, 2, 3]
    assert all(b.length == 144 for b in bars)


def test_rests_before_the_first_note_are_a_pickup(melody):
    bars = measures_of(melody((None, 3), (60, 1), *[(60, 1)] * 4, (60, 3)))
    assert [(b.start, b.length, b.number) for b in bars] == [
        (144, 48, 0),
        (192, 192, 1),
        (384, 144, 2),
    ]
    late = measures_of(melody((None, 1), (60, 3), (60, 4)))
    assert not late[0].partial  # begins before the middle: a bar that begins with a rest
    empty = measures_of(melody((None, 8), (60, 4)))
    assert [(b.start, b.number) for b in empty] == [(384, 1)]


def test_short_bars_are_not_changes_of_meter(melody):
    score = melody(*[(60, 1)] * 14, meter=(1, 4))
    for quarter, meter in ((1, (4, 4)), (9, (3, 4)), (12, (4, 4))):
        score.time_signatures.append(TimeSignature(480 * quarter, *meter))
    bars = measures_of(score)
    assert [(b.length, b.prints_meter) for b in bars] == [
        (48, True), (192, False), (192, False), (144, False), (192, False),
    ]  # fmt: skip
    assert {b.beats.meter for b in bars} == {(4, 4)}


def test_a_change_of_meter_is_printed(melody):
    score = melody(*[(60, 1)] * 14)
    score.time_signatures.append(TimeSignature(480 * 8, 3, 4))
    assert [(b.beats.numerator, b.prints_meter) for b in measures_of(score)] == [
        (4, True), (4, False), (3, True), (3, False),
    ]  # fmt: skip


def test_signs_divide_bars(melody):
    notes = [(60, 1)] * 16
    signs = [(0, "|:"), (7, ":|"), (7, "|:"), (16, ":|")]
    bars = measures_of(melody(*notes, symbols=signs))
    assert [(b.length, b.number) for b in bars] == [(192, 1), (144, 2), (48, 0), (192, 3), (192, 4)]
    assert bars[0].left == ("|:",)
    assert bars[1].right == (":|",)
    assert bars[2].left == ("|:",)
    assert bars[4].right == (":|",)


def test_silence_after_a_sign_is_dropped(melody):
    bars = measures_of(melody(*[(60, 1)] * 7, (None, 1), *[(60, 1)] * 4, symbols=[(7, ":|")]))
    assert [b.length for b in bars] == [192, 144, 192]


def test_too_many_bars_are_refused(melody):
    with pytest.raises(ValueError, match="more than 4000 measures"):
        measures_of(melody((60, 1), (None, 20000), (60, 1)))


def test_forged_meters_are_left_out(melody):
    score = melody((60, 4))
    score.time_signatures.clear()
    for numerator, denominator in ((0, 4), (4, 128), (200, 4)):
        score.time_signatures.append(TimeSignature(0, numerator, denominator))
    assert [b.beats.meter for b in measures_of(score)] == [(4, 4)]


def test_bars_as_musicians_count_them(melody, tune):
    assert bar_count(melody(*[(60, 1)] * 12)) == 3
    assert bar_count(melody((None, 3), *[(60, 1)] * 12)) == 3  # the last bar lacks a quarter
    assert bar_count(melody((None, 3), *[(60, 1)] * 13)) == 3  # the last bar is whole
    assert bar_count(melody((None, 1), *[(60, 1)] * 12)) == 3  # a pickup of three quarters
    assert bar_count(melody((None, 1), *[(60, 1)] * 15)) == 4  # a rest
    assert bar_count(melody((None, 3), (60, 1))) == 1
    reel = tune("M:4/4\nL:1/4\nK:D\n|:A|dfdf|gege|dfdf|ged:|\n")
    assert bar_count(expand_repeats(reel)) == 8


def test_what_a_player_sends_after_the_last_note_makes_no_bars(melody):
    score = melody((None, 3), *[(60, 1)] * 8)
    for time in (0, 100_000):
        score.tracks[0].controls.append(ControlChange(time, 7, 100))
    assert bar_count(score) == 2


def test_composed_tunes_have_the_bars_that_were_asked_for():
    made = load("scottish", "cpu").compose(ComposeConfig(bars=16, meter="4/4"), 12)
    played = [expand_repeats(piece.score) for piece in made]
    assert any(score.tracks[0].notes[0].time > 0 for score in played)  # some have a pickup
    assert [bar_count(score) for score in played] == [16] * 12
