"""Performances are written as in sheet music: in ABC and MusicXML too."""

import random
import re

import music21
import numpy as np
import pytest

from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.formats.files import read_score, write_score
from bowerbird.music.score.build import new_score, new_track
from bowerbird.music.score.meter import tempo_text


def played(lengths, seed, off=9, ticks=220):
    """Play one note after the other, each up to `off` ticks early or late."""
    r, score, at = random.Random(seed), new_score(ticks), 0
    rows = []
    for length in lengths:
        start = max(0, at + r.randint(-off, off))
        end = at + round(length * ticks) + r.randint(-off, off)
        rows.append((start, end - start, r.choice((60, 62, 64, 65, 67, 69))))
        at += round(length * ticks)
    score.tracks.append(new_track(np.array(rows), "human"))
    return score


TRIPLET = [1 / 3] * 3
EVEN = [0.5] * 32
MIXED = [*[0.5] * 6, 1, *TRIPLET, 0.5, 0.5, 1.5, 0.5, 1, 2, *TRIPLET, 1, 1, 1, 1] * 2


@pytest.mark.parametrize("lengths", [EVEN, MIXED], ids=["even", "mixed"])
@pytest.mark.parametrize("suffix", [".abc", ".musicxml"])
def test_a_performance_is_written_plainly(tmp_path, lengths, suffix):
    for seed in range(5):
        write_score(
            tmp_path / f"a{suffix}", played(lengths, seed, off=4 if lengths is MIXED else 9)
        )
        (track,) = read_score(tmp_path / f"a{suffix}").tracks
        assert [n.duration / 480 for n in track.notes] == pytest.approx(lengths, abs=0.01)
        part = music21.converter.parse(tmp_path / f"a{suffix}", forceSource=True).parts[0]
        durations = [n.duration for n in part.stripTies().flatten().notes]
        assert [float(d.quarterLength) for d in durations] == pytest.approx(lengths, abs=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_a_random_performance_can_be_written(seed, tmp_path):
    """All lengths are note values: no note of eleven quarters of an eighth."""
    r = random.Random(seed)
    lengths = [r.choice((1 / 3, 2 / 3, 0.5, 0.25, 1, 1.5, 3)) for _ in range(60)]
    score = played(lengths, seed, off=12)
    text = to_abc(score)
    assert set(re.findall(r"[A-Ga-gz][,']*([0-9/]+)", text)) <= VALUES, text
    (tmp_path / "a.abc").write_text(text)
    assert read_score(tmp_path / "a.abc").note_num() == score.note_num()
    music21.converter.parse(tmp_path / "a.abc", forceSource=True)


VALUES = {"8", "6", "4", "3", "2", "12", "3/2", "/2", "3/4", "/4", "3/8", "/8"}


@pytest.mark.parametrize(
    ("qpm", "text"),
    [(97.2999, "1/4=97.3"), (120, "1/4=120"), (60e6 / 616_653, "1/4=97.2995"), (1000, "1/4=1000")],
)
def test_a_tempo_has_as_many_digits_as_it_needs(written, qpm, text):
    lines = to_abc(written([(0, 1, 60)], qpm=qpm)).splitlines()
    assert f"Q:{text}" in lines


def test_a_tempo_comes_back_to_the_microsecond(tune, tmp_path):
    for micros in random.Random(1).sample(range(60_000, 6_000_000), 300):
        for meter in ((4, 4), (6, 8)):
            beat = 1.5 if meter == (6, 8) else 1
            assert round(60e6 / (float(tempo_text(60e6 / micros, meter)) * beat)) == micros
    jig = tune("M:6/8\nL:1/8\nQ:3/8=110\nK:D\nABc def|[M:4/4][Q:1/4=90]A8|[M:9/8][Q:3/8=70]A9|]")
    assert re.findall("Q:([^]]*?)[]\n]", to_abc(jig)) == ["3/8=110", "1/4=90", "3/8=70"]
    write_score(tmp_path / "jig.musicxml", jig)
    text = "".join((tmp_path / "jig.musicxml").read_text().split())
    assert re.findall('<beat-unit-dot/><per-minute>(.*?)<.*?tempo="(.*?)"', text) == [
        ("110", "165"),
        ("70", "105"),
    ]
    assert [t.qpm for t in read_score(tmp_path / "jig.musicxml").tempos] == [
        pytest.approx(qpm, abs=1e-3) for qpm in (165, 90, 105)
    ]
