"""Repeats on paper are those that are played: what we write plays the same when it is read."""

import xml.etree.ElementTree as ET

import pytest

from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.formats.files import read_score, read_scores, write_score
from bowerbird.music.formats.musicxml_writer import to_musicxml
from bowerbird.music.score.repeats import expand_repeats
from bowerbird.music.score.sections import closed_endings

QUARTERS = "M:4/4\nL:1/4\nK:C\n"


def played(score):
    whole = expand_repeats(score)
    return [(n.time, n.duration, n.pitch) for n in whole.tracks[0].notes]


@pytest.mark.parametrize("suffix", [".abc", ".musicxml"])
@pytest.mark.parametrize(
    "body",
    [
        "CCCC|DDDD||EEEE|FFFF:|",
        "CCCC:|DDDD:|EEEE|",
        "|:CCCC:|DDDD||EEEE|1 FFFF:|2 GGGG|]",
        "|:CCCC|DD:||:EEEE|FF:|",  # begins on a full bar, ends short
        "|:CCCC|DDDD|1 EEEE:|FFFF|GGGG|]",  # a first ending alone
        "C|DDDD|1 EEE C:|2 EEE|:FFFF|GGG:|",  # a first ending that holds the next pickup
        "|:CCCC|1 DDDD:|2 EEEE:|3 FFFF|]",
        "C|DDDD|1 EEE:|2 EEEC:|FFFF|1 GGGC:|2 GGG:|",  # where |: would change what is played
    ],
)
def test_a_repeat_begins_where_it_is_played_from(tune, tmp_path, suffix, body):
    score = tune(QUARTERS + body)
    write_score(tmp_path / f"a{suffix}", score)
    again = read_score(tmp_path / f"a{suffix}")
    assert played(again) == played(score)


def test_the_sheet_says_where_a_repeat_begins(tune):
    score = tune(QUARTERS + "CCCC|DDDD||EEEE|FFFF:|")
    for text in (to_musicxml(score), to_musicxml(score, separate_tracks=True)):
        measures = list(ET.fromstring(text).iter("measure"))
        repeats = [[r.get("direction") for r in measure.iter("repeat")] for measure in measures]
        assert repeats == [[], [], ["forward"], ["backward"]]
    assert "||" in to_abc(score)


def test_a_repeat_from_the_beginning_needs_no_start(tune):
    for body in ("CCCC|DDDD:|", "C|DDDD|EEE:|"):
        assert "|:" not in to_abc(tune(QUARTERS + body))


@pytest.mark.parametrize("suffix", [".abc", ".musicxml"])
def test_real_tunes_play_the_same_when_read_again(corpus21, tmp_path, suffix):
    found, other = 0, []
    for name in (
        "airdsAirs/book1.abc",
        "oneills1850/0001-0050.abc",
        "ryansMammoth/ScotchHornpipe.abc",
    ):
        for title, score in read_scores(corpus21(name), {}):
            write_score(tmp_path / f"a{suffix}", score)
            found += 1
            if len(played(read_score(tmp_path / f"a{suffix}"))) != len(played(score)):
                other.append(title)
    assert found > 200
    assert other == []


def test_every_ending_is_closed(tune):
    score = tune(QUARTERS + "|:CCCC|1 DDDD:|2 EEEE|FFFF|:GGGG|1 AAAA:|2 BBBB|]")
    for text in (to_musicxml(score), to_musicxml(score, separate_tracks=True)):
        endings = [(e.get("number"), e.get("type")) for e in ET.fromstring(text).iter("ending")]
        assert endings == [
            *(("1", "start"), ("1", "stop"), ("2", "start"), ("2", "discontinue")),
            *(("1", "start"), ("1", "stop"), ("2", "start"), ("2", "stop")),
        ]


def test_a_second_ending_is_as_long_as_the_first():
    bars = [(("|:",), ()), (("[1",), ()), ((), (":|",)), (("[2",), ()), ((), ()), ((), ())]
    assert closed_endings(bars) == {2: "1", 4: "2"}
