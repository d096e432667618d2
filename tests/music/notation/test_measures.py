"""Measures follow from time signatures; pickups, short measures and repeats are understood."""

import pytest
from symusic import ControlChange, KeySignature, Tempo, TimeSignature

from bowerbird.music.composer import load
from bowerbird.music.config import ComposeConfig
from bowerbird.music.notation.measures import bar_count, measures_of
from bowerbird.music.score.repeats import expand_repeats


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


def test_repeats_divide_measures(melody):
    notes = [(60, 1)] * 16
    symbols = [(0, "|:"), (7, ":|"), (7, "|:"), (16, ":|")]
    bars = measures_of(melody(*notes, symbols=symbols))
    assert [(b.length, b.number) for b in bars] == [(192, 1), (144, 2), (48, 0), (192, 3), (192, 4)]
    assert bars[0].left == ("|:",)
    assert bars[1].right == (":|",)
    assert bars[2].left == ("|:",)
    assert bars[4].right == (":|",)


def test_silence_after_a_repeat_is_dropped(melody):
    bars = measures_of(melody(*[(60, 1)] * 7, (None, 1), *[(60, 1)] * 4, symbols=[(7, ":|")]))
    assert [b.length for b in bars] == [192, 144, 192]


def test_too_many_bars_are_refused(melody):
    with pytest.raises(ValueError, match="more than 4000 measures"):
        measures_of(melody((60, 1), (None, 20000), (60, 1)))


def test_impossible_meters_are_ignored(melody):
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


def test_leading_rests_on_request(melody):
    score = melody((None, 8), (60, 4))
    assert [(m.start, m.number) for m in measures_of(score)] == [(384, 1)]
    whole = measures_of(score, leading_rests=True)
    assert [(m.start, m.number) for m in whole] == [(0, 1), (192, 2), (384, 3)]


def test_a_shorter_first_measure_with_its_own_meter_is_a_pickup(melody):
    score = melody(*[(60, 1)] * 9, meter=(1, 4))
    score.time_signatures.append(TimeSignature(480, 4, 4))
    first, second, _ = measures_of(score)
    assert (first.meter, first.length, first.number, first.beats.offset) == ((4, 4), 48, 0, 144)
    assert not second.new_meter


def test_a_single_shorter_measure_keeps_its_meter_unprinted(melody):
    score = melody(*[(60, 1)] * 11)
    for quarter, meter in ((4, (3, 4)), (7, (4, 4))):
        score.time_signatures.append(TimeSignature(480 * quarter, *meter))
    found = [(m.meter, m.new_meter, m.prints_meter) for m in measures_of(score)]
    assert found == [((4, 4), True, True), ((3, 4), True, False), ((4, 4), True, False)]


def test_keys_and_tempos_change_at_the_nearest_bar_line(melody):
    score = melody(*[(60, 1)] * 12, key=2)
    score.key_signatures.append(KeySignature(480 * 5, 1, 0))  # a beat late
    score.tempos.append(Tempo(480 * 7, 60))  # a beat early
    measures = measures_of(score)
    assert [(m.key.sharps, m.new_key) for m in measures] == [(2, True), (1, True), (1, False)]
    assert [m.qpm for m in measures] == [120, 0, 60]
