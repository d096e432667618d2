"""All notes of a score in one table: the pedal, and notes that begin again."""

from symusic.core import ControlChangeTick

from bowerbird.music.score.build import new_score, new_track
from bowerbird.music.tokens.voices import voices_of


def one_track(rows):
    score = new_score()
    score.tracks.append(new_track(rows))
    return score


def test_the_pedal_holds_notes():
    score = one_track([[0, 240, 60], [480, 240, 62]])
    for time, value in ((100, 127), (900, 0)):
        score.tracks[0].controls.append(ControlChangeTick(time, 64, value))
    assert (voices_of(score, seconds=True).ends * 9.6).round(-1).tolist() == [900, 900]


def test_a_note_ends_where_it_begins_again():
    voices = voices_of(one_track([[0, 960, 60], [480, 480, 60], [480, 240, 60]]))
    assert list(zip(voices.starts.tolist(), voices.ends.tolist(), strict=True)) == [
        (0, 24),
        (24, 48),
    ]
