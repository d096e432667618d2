"""Repeats as a player plays them: each expectation was worked out by hand."""

import pytest
from symusic import ControlChange, KeySignature, Pedal, PitchBend, Tempo

from bowerbird.music.score.repeats import expand_repeats, passages

QUARTERS = "M:4/4\nL:1/4\nK:C\n"


def meters(score):
    return [(m.time / 480, m.numerator, m.denominator) for m in score.time_signatures]


@pytest.mark.parametrize(
    ("written", "played"),
    [
        ("|:CCCC|1 DDDD:|2 EEEE|", "CDCE"),
        ("|:CCCC|1 DDDD:|2 EEEE:|3 FFFF|]", "CDCECF"),
        ("|:CCCC|1 DDDD:|2 EEEE:|3 FFFF:|4 GGGG|]", "CDCECFCG"),
        ("|:CCCC|1 DDDD:|2 EEEE:|3 FFFF|:GGGG|1 AAAA:|2 BBBB|]", "CDCECFGAGB"),
        ("|:CCCC|1 DDDD:|2 EEEE|FFFF:|GGGG|]", "CDCEFEFG"),
        ("CCCC:|DDDD|1 EEEE:|2 FFFF|]", "CCDEDF"),
        ("|:CCCC|1 DDDD:|2 EEEE||FFFF|1 GGGG:|2 AAAA|]", "CDCEFGFA"),
    ],
)
def test_endings(tune, written, played):
    pitches = [n.pitch for n in expand_repeats(tune(QUARTERS + written)).tracks[0].notes][::4]
    assert "".join("C D EF G A B"[p - 60] for p in pitches) == played


def test_a_repeat_keeps_its_meters(tune):
    body = "M:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|:CDEF GABc|[M:2/4]CDEF:|\n"
    played = expand_repeats(tune(body))
    assert meters(played) == [(0, 4, 4), (12, 2, 4), (14, 4, 4), (18, 2, 4)]
    assert played.end() == 20 * 480
    back = expand_repeats(tune(body + "[M:4/4]cBAG FEDC|"))
    assert meters(back) == [*meters(played), (20, 4, 4)]


def test_keys_and_tempos_go_back_as_well(tune):
    score = tune(QUARTERS + "CCCC|DDDD:|EEEE|")
    score.tempos = score.tempos[:0]
    score.tempos.append(Tempo(0, 100))
    score.tempos.append(Tempo(4 * 480, 50))
    score.key_signatures.append(KeySignature(6 * 480, 2, 0))
    played = expand_repeats(score)
    assert [(t.time / 480, round(t.qpm)) for t in played.tempos] == [
        (0, 100),
        (4, 50),
        (8, 100),
        (12, 50),
    ]
    keys = [(k.time / 480, k.key) for k in played.key_signatures]
    assert keys == [(0, 0), (6, 2), (8, 0), (14, 2)]


def test_pedals_bends_and_controls_are_played_twice(tune):
    score = tune(QUARTERS + "CCCC:|DDDD|")
    track = score.tracks[0]
    track.pedals.append(Pedal(480, 960))
    track.pitch_bends.append(PitchBend(0, 100))
    track.controls.append(ControlChange(480, 7, 90))
    made = expand_repeats(score).tracks[0]
    assert [(p.time, p.duration) for p in made.pedals] == [(480, 960), (2400, 960)]
    assert [b.time for b in made.pitch_bends] == [0, 1920]
    assert [c.time for c in made.controls] == [480, 2400]
    assert [p.time for p in track.pedals] == [480]


def test_a_hostile_score_is_not_played_for_ever(tune):
    assert len(passages(tune(QUARTERS + "|:C4:|" * 400))) < 600
