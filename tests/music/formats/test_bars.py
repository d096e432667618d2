"""Bars of several voices: what sounds together stays together."""

import pytest

from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.formats.bars import tune_to_score
from bowerbird.music.formats.files import read_score, read_scores
from bowerbird.music.formats.musicxml_reader import read_musicxml
from bowerbird.music.formats.musicxml_writer import to_musicxml
from bowerbird.music.notation.measures import bar_count

TWO = (
    "M:4/4\nL:1/4\nK:C\nV:1\nC|CDEF|GAB:|CDEF|GABc|]\nV:2\nC,|C,D,E,F,|G,A,B,:|C,D,E,F,|G,A,B,C|]\n"
)
TIME = (
    "<attributes><divisions>1</divisions>"
    "<time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
)


def starts(score):
    return [[note.time / 480 for note in track.notes] for track in score.tracks]


def note(beats, step="C"):
    pitch = f"<pitch><step>{step}</step><octave>4</octave></pitch>"
    return f"<note>{pitch}<duration>{beats}</duration></note>"


def musicxml(*parts):
    names = "".join(f'<score-part id="P{n}"/>' for n in range(len(parts)))
    body = "".join(
        f'<part id="P{n}">'
        + "".join(f"<measure>{TIME * (not k)}{bar}</measure>" for k, bar in enumerate(bars))
        + "</part>"
        for n, bars in enumerate(parts)
    )
    text = f"<score-partwise><part-list>{names}</part-list>{body}</score-partwise>"
    return tune_to_score(read_musicxml(text.encode()))


def test_an_empty_measure_is_silence():
    full = note(4)
    score = musicxml([full] * 5, [full, "", full, note(4, "G"), full])
    assert starts(score) == [[0, 4, 8, 12, 16], [0, 8, 12, 16]]
    alone = musicxml([full, "", "", full, full])
    assert starts(alone) == [[0, 12, 16]]
    assert [(m.numerator, m.denominator) for m in alone.time_signatures] == [(4, 4)]
    assert starts(musicxml(["", full, full])) == [[4, 8]]


def test_a_part_that_is_short_of_a_measure_waits_for_the_others():
    score = musicxml([note(4)] * 4, [note(4), note(3), note(1), note(4)])
    assert starts(score) == [[0, 4, 8, 12]] * 2
    shorter = musicxml([note(4), note(3), note(4)], [note(4), note(2), note(4)])
    assert starts(shorter) == [[0, 4, 7]] * 2
    meters = [(m.time / 480, m.numerator) for m in shorter.time_signatures]
    assert meters == [(0, 4), (4, 3), (7, 4)]


def test_a_pickup_that_only_one_part_has():
    assert starts(musicxml([note(1), note(4)], ["", note(4)])) == [[3, 4], [4]]


def test_later_voices_follow_the_bars_of_the_first(tune):
    both = [[*range(3, 11), *range(12, 20)]] * 2
    assert starts(tune(TWO)) == both
    silent = TWO.replace("B,:|", "B,|")  # the second voice does not say the repeat
    assert starts(tune(silent)) == both
    brief = tune("M:4/4\nL:1/4\nK:C\nV:1\nC|CDEF|GAB:|CDEF|GABc|]\nV:2\nC,|C,D,E,F,|G,A,B,|\n")
    assert starts(brief) == [both[0], both[0][:8]]


@pytest.mark.parametrize("written", [to_abc, to_musicxml])
def test_two_voices_are_read_as_written(tune, written):
    score = tune(TWO)
    text = written(score)
    back = read_musicxml(text.encode()) if written is to_musicxml else next(read_abc(text))
    assert starts(tune_to_score(back)) == starts(score)


def test_every_voice_is_written_with_its_repeats(tune):
    assert to_abc(tune(TWO)).count(":|") == 2


def test_chorales_are_read_as_written(corpus21):
    """Voices of the third drift apart if each is placed alone."""
    for name in ("bwv1.6", "bwv10.7", "bwv172.6", "bwv281"):
        score = read_score(corpus21(f"bach/{name}.mxl"))
        (back,) = read_abc(to_abc(score))
        again = tune_to_score(back)
        assert [len(track.notes) for track in again.tracks] == [len(t.notes) for t in score.tracks]
        assert starts(again) == starts(score), name


def test_a_key_change_is_read(tune):
    score = tune("M:4/4\nL:1/4\nK:C\nCDEF|[K:G]GABc|[K:G]cBAG|[K:Dm]defd|")
    found = [(s.time, s.key, bool(s.tonality)) for s in score.key_signatures]
    assert found == [(0, 0, False), (1920, 1, False), (5760, -1, True)]


def test_a_meter_after_a_key_or_a_repeat_holds_for_its_bar(tune):
    for first in ("[K:Am][M:6/8]", "[M:6/8][K:Am]", "|:[M:6/8]"):
        score = tune(f"M:3/4\nL:1/4\nK:D\nD F A |{first} A3/2 c3/2 | e3 |]")
        found = [(m.time, m.numerator, m.denominator) for m in score.time_signatures]
        assert found == [(0, 3, 4), (3 * 480, 6, 8)], first


@pytest.mark.parametrize(
    ("file", "bars"),
    [("josquin/milleRegrets.abc", 80), ("josquin/adieuMesAmours.abc", 122)],
)
def test_music_without_bar_lines_has_bars_by_its_meter(corpus21, file, bars):
    for _, score in read_scores(corpus21(file)):
        assert [(m.numerator, m.denominator) for m in score.time_signatures] == [(2, 2)]
        assert bar_count(score) == bars


def test_notes_cross_the_bars_that_nobody_drew(tune):
    free = tune("M:none\nL:1/4\nK:C\nA3 B2 c3 " + 30 * "z2 G2 " + "A8|]")
    barred = tune("M:4/4\nL:1/4\nK:C\nA3 B-|B c3|" + 30 * "z2 G2|" + "A4-|A4|]")
    assert [(n.time, n.duration, n.pitch) for n in free.tracks[0].notes] == [
        (n.time, n.duration, n.pitch) for n in barred.tracks[0].notes
    ]


def test_accidentals_where_nobody_drew_bars(tune):
    pitches = {
        head: [n.pitch for n in tune(f"M:none\nL:1/4\n{head}K:C\n_B2 B2 ^c2- c2|]").tracks[0].notes]
        for head in ("", "%%MIDI nobarlines\n")
    }
    assert list(pitches.values()) == [[70, 70, 73], [70, 71, 73]]
