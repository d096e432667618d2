"""Corpora: the built-in ones, folders with anything in them, and the split by tune."""

import time

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.augment import at_tempo, transposed, variations
from bowerbird.music.config import AugmentConfig
from bowerbird.music.copied_melodies import Melodies, interval_signs, novelty
from bowerbird.music.corpus import Corpus, alike, melodies_of
from bowerbird.music.formats.files import read_score, write_score
from bowerbird.music.formats.midi import seconds_of
from bowerbird.music.score.key import Key, key_of
from bowerbird.music.score.melody import GRID, is_melody, melody
from bowerbird.music.tokens.kinds import new_tokenizer

REEL = (
    "M:4/4\nL:1/8\nK:D\nA|d2fd Adfd|gfef gabg|d2fd Adfd|gfec d2dA|"
    "d2fd Adfd|gfef gabg|a3g fedf|gfec d2|\n"
)
JIG = "M:6/8\nL:1/8\nK:G\nGAB dBG|cec BdB|AGA BGE|DEF G3|gfe dBG|cBA BGE|DEF GAB|AFD G3|\n"


@pytest.fixture
def folder(tmp_path, tune):
    write_score(tmp_path / "a.mid", tune(REEL))
    (tmp_path / "deep").mkdir()
    write_score(tmp_path / "deep/b.abc", tune(JIG))
    (tmp_path / "bad.mid").write_bytes(b"MThd")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "one.abc").write_text("X:1\nT:One\nK:C\nA|\n\nX:2\nT:Bad\nK:C\n[A|\n")
    (tmp_path / ".hidden.mid").write_bytes(b"")
    return tmp_path


def test_whatever_is_left_out_has_a_reason(folder):
    corpus = Corpus([folder])
    names = [str(folder / "a.mid"), str(folder / "deep/b.abc: 1 1")]
    assert [name for name, _ in corpus.pieces] == names
    why = {name.rsplit("/", 1)[-1]: reason for name, reason in corpus.skipped.items()}
    assert why["bad.mid"] == "it is cut short in its header; fetch it again"
    assert why["readme.txt"].startswith("it is none of .mid")
    assert why["one.abc: 1 One"] == "it has 1 notes, fewer than 8"
    assert "line 9: a bracket is not closed" in why["one.abc: tune 2"]
    assert "hidden" in why[".hidden.mid"]
    assert corpus.summary().startswith("2 pieces, 100 notes; 5 left out (")
    assert corpus.summary().endswith("; others: 1)")


def test_what_is_left_out_is_named_as_it_was_given(folder, monkeypatch):
    """Also a link to nothing."""
    (folder / "deep/gone.mid").symlink_to(folder / "nowhere/else.mid")
    monkeypatch.chdir(folder)
    corpus = Corpus(["deep", "one.abc", "bad.mid", "a.mid"])
    assert [name for name, _ in corpus.pieces] == ["deep/b.abc: 1 1", "a.mid"]
    left_out = ["deep/gone.mid", "one.abc: 1 One", "one.abc: tune 2", "bad.mid"]
    assert sorted(corpus.skipped) == sorted(left_out)


def test_files_globs_and_no_file_twice(folder):
    corpus = Corpus([folder / "a.mid", str(folder / "*.mid"), folder / "a.mid"])
    assert [name for name, _ in corpus.pieces] == [str(folder / "a.mid")]


def test_nothing_to_learn_from(folder, tmp_path):
    with pytest.raises(MusicError, match="does not exist; give files, folders, or one of scottish"):
        Corpus(["/no/such/folder"])
    with pytest.raises(MusicError, match="there is no music in"):
        Corpus([folder / "readme.txt"]).pieces  # noqa: B018
    with pytest.raises(MusicError, match="fewer than three"):
        Corpus([folder]).split()


@pytest.fixture(scope="module")
def scottish():
    return Corpus(["scottish"], melodies=True)


def test_scottish(scottish):
    assert len(scottish.pieces) == 1566
    names = " ".join(name for name, _ in scottish.pieces)
    assert "Niel Gow" in names
    assert "STRATHSPEY" in names
    assert "Irish Washerwoman" not in names
    assert all(is_melody(score, 24) for _, score in scottish.pieces)
    assert "it is no strathspey, reel or fling" in scottish.summary()


@pytest.mark.slow
def test_irish_and_bach():
    assert len(Corpus(["irish"]).pieces) == 2007
    chorales = Corpus(["bach"])
    assert len(chorales.pieces) == 413
    assert not chorales.skipped
    assert sum(len(score.tracks) >= 4 for _, score in chorales.pieces) > 380


def test_the_split(scottish):
    split = scottish.split()
    sizes = [len(side) for side in (split.train, split.validation, split.test)]
    assert sizes == [1410, 78, 78]
    names = [{name for name, _ in side} for side in (split.train, split.validation, split.test)]
    assert not names[0] & names[1]
    assert not names[1] & names[2]
    again = Corpus(["scottish"], melodies=True).split()
    assert [n for n, _ in again.test] == [n for n, _ in split.test]
    assert [n for n, _ in scottish.split(seed=1).test] != [n for n, _ in split.test]


def test_versions_of_a_tune_are_on_one_side(scottish):
    split = scottish.split()
    measured = [score for _, score in (*split.validation, *split.test)]
    learned = [score for _, score in split.train]
    groups = alike([*learned, *measured])
    for group in groups:
        assert len({number < len(learned) for number in group}) == 1


def test_alike(tune):
    reel, jig = tune(REEL), tune(JIG)
    changed = tune(REEL.replace("a3g fedf", "afdf edcB"))
    assert alike([reel, jig, transposed(reel, 5), changed]) == [[0, 2, 3], [1]]


def test_transposition_takes_the_key_along(tune):
    score = tune(REEL.replace("K:D", "K:Ador"))
    moved = transposed(score, 3)
    assert key_of(moved) == Key("C", "dorian")
    assert [n.pitch for n in moved.tracks[0].notes] == [n.pitch + 3 for n in score.tracks[0].notes]
    assert key_of(score) == Key("A", "dorian")


def test_variations(tune):
    score = tune(REEL)
    config = AugmentConfig(semitones=(48, 0, 2), tempo_factors=(0.9, 1.1))
    varied = list(variations(score, config))
    assert len(varied) == 4  # four octaves higher there is no note
    assert seconds_of(at_tempo(score, 2)) == pytest.approx(seconds_of(score) / 2)
    with pytest.raises(MusicError):
        AugmentConfig(tempo_factors=())


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
        assert len(new_tokenizer("melody").encode(line))


def test_novelty_finds_transposed_copies(tune, scottish):
    train = scottish.split().train
    _, source = train[100]
    found = novelty(transposed(source, 4), Melodies.of(train))
    assert found.longest_copy_notes == source.note_num()
    assert found.copied_share == 1
    assert novelty(source, Melodies.of([("me", source)])).piece == "me"
    reel, jig = tune(REEL), tune(JIG)
    assert novelty(reel, Melodies.of([("jig", jig)])).longest_copy_notes < 8
    mixed = tune(JIG.replace("M:6/8", "M:6/8").replace("gfe dBG|cBA", "ggg ddd|BBB"))
    copied = novelty(mixed, Melodies.of([("reel", reel), ("jig", jig)]))
    assert (copied.piece, copied.start) == ("jig", 0)
    assert copied.longest_copy_notes == 23  # the next note has the same interval


def test_the_melodies_that_come_with_the_package_are_those_of_the_tunes(scottish, tmp_path):
    kept, read = melodies_of(["scottish"]), Melodies.of(scottish.pieces)
    assert kept.names == read.names
    assert np.array_equal(kept.signs, read.signs)
    read.save(tmp_path / "again.npz")
    again = Melodies.open(tmp_path / "again.npz")
    assert again.names == read.names
    assert np.array_equal(again.signs, read.signs)
    _, last = scottish.pieces[-1]
    assert novelty(last, kept).longest_copy_notes == last.note_num()


def test_intervals_by_hand(tune):
    signs = interval_signs(tune("M:4/4\nL:1/4\nK:C\nC E/ G c/ c|"))
    steps, lasts = np.divmod(signs, 1025)  # the first note's length does not count
    assert (steps - 128).tolist() == [4, 3, 5, 0]
    assert lasts.tolist() == [12, 24, 12, 24]


def test_nottingham_is_read_and_told_in_two_seconds(nottingham):
    """Reading was timed with the files in memory; both together are far below two seconds."""
    tokenizer = new_tokenizer("melody")
    melodies = [melody(score) for _, score in nottingham]
    began = time.process_time()
    for score in melodies:
        tokenizer.encode(score)
    assert time.process_time() - began < 1.5
