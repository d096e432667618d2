"""Meters: their names, and the bars that they make."""

import pytest
from symusic import TimeSignature

from bowerbird.errors import MusicError
from bowerbird.music.score.meter import MAX_BARS, bar_length, bars_of, meters_of, parse_meter


@pytest.mark.parametrize(
    ("text", "meter"), [("6/8", (6, 8)), (" 3/4 ", (3, 4)), ("C", (4, 4)), ("C|", (2, 2))]
)
def test_a_meter_is_written_as_a_fraction_or_a_sign(text, meter):
    assert parse_meter(text) == meter


@pytest.mark.parametrize("text", ["", "4", "4/5", "0/4", "65/4", "-3/4", "C/2"])
def test_other_words_are_no_meter(text):
    with pytest.raises(MusicError, match="is not a meter; write 4/4, 3/4 or 6/8"):
        parse_meter(text)


def test_of_two_meters_at_one_time_the_last_holds(written):
    score = written([(0, 8, 60)], meter=(3, 4))
    score.time_signatures.append(TimeSignature(0, 6, 8))
    score.time_signatures.append(TimeSignature(1440, 6, 8))  # no change
    score.time_signatures.append(TimeSignature(2880, 2, 4))
    assert meters_of(score, 24) == [(0, (6, 8)), (144, (2, 4))]


def test_before_the_first_meter_it_is_common_time(written):
    score = written([(0, 8, 60)])
    score.time_signatures[0] = TimeSignature(1920, 3, 4)
    assert meters_of(score, 24) == [(0, (4, 4)), (96, (3, 4))]


def test_bars_that_are_too_short_or_too_many_are_refused():
    assert bar_length((6, 8), 24) == 72
    with pytest.raises(MusicError, match="its meter 3/32 does not fit 4 ticks per quarter note"):
        bar_length((3, 32), 4)
    with pytest.raises(MusicError, match=f"it has more than {MAX_BARS} bars"):
        bars_of([(0, (4, 4))], 96 * (MAX_BARS + 1))
    assert len(bars_of([(0, (4, 4))], 96 * MAX_BARS).starts) == MAX_BARS
