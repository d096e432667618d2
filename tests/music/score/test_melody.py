"""The melody of a score: the voice that sings, or the highest notes."""

import numpy as np

from bowerbird.music.formats.files import read_score
from bowerbird.music.score.melody import GRID, is_melody, melody
from bowerbird.music.tokens.melody import MelodyTokenizer


def test_melody(corpus21, tune):
    chorale = read_score(corpus21("bach/bwv281.mxl"))
    line = melody(chorale)
    assert is_melody(line, 24)
    soprano = next(t for t in chorale.tracks if t.name == "Soprano")
    assert [n.pitch for n in line.tracks[0].notes] == [n.pitch for n in soprano.notes]
    double = tune("M:4/4\nL:1/8\nK:C\n[CE]4 [EG]2 c2|")
    assert [n.pitch for n in melody(double).tracks[0].notes] == [64, 67, 72]


def test_the_melody_of_a_performance(nottingham, written):
    """Players are never on the grid; what they play has a melody all the same."""
    quick = written(
        [(n / 2, 0.5, 60 + n) for n in range(4)] + [(0.979, 0.017, 80), (0.99, 0.01, 81)]
    )
    line = melody(quick)
    assert is_melody(line, GRID)
    assert [n.pitch for n in line.tracks[0].notes] == [60, 61, 62, 63]
    random = np.random.default_rng(0)
    for _, score in nottingham[:50]:
        played = score.copy()
        for note in (note for track in played.tracks for note in track.notes):
            note.time = max(0, note.time + int(random.normal(0, score.ticks_per_quarter / 24)))
        line = melody(played)
        assert is_melody(line, GRID)
        assert len(MelodyTokenizer().encode(line))
