"""Corpora: the built-in ones, folders with anything in them, and the split by tune."""

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.augment import transposed
from bowerbird.music.corpus import Corpus, version_groups
from bowerbird.music.formats.files import write_score
from bowerbird.music.score.melody import is_melody


@pytest.fixture
def folder(tmp_path, tune, reel_abc, jig_abc):
    write_score(tmp_path / "a.mid", tune(reel_abc))
    (tmp_path / "deep").mkdir()
    write_score(tmp_path / "deep/b.abc", tune(jig_abc))
    (tmp_path / "bad.mid").write_bytes(b"MThd")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "one.abc").write_text("X:1\nT:One\nK:C\nA|\n\nX:2\nT:Bad\nK:C\n[A|\n")
    (tmp_path / ".hidden.mid").write_bytes(b"")
    return tmp_path


def test_whatever_is_skipped_has_a_reason(folder):
    corpus = Corpus([folder])
    names = [str(folder / "a.mid"), str(folder / "deep/b.abc: 1 1")]
    assert [name for name, _ in corpus.pieces] == names
    reasons = {name.rsplit("/", 1)[-1]: reason for name, reason in corpus.skipped.items()}
    assert reasons["bad.mid"].startswith("its header is truncated")
    assert reasons["readme.txt"].startswith("its suffix is not one of .mid")
    assert reasons["one.abc: 1 One"] == "it has 1 notes, fewer than 8"
    assert "line 9: a bracket is not closed" in reasons["one.abc: tune 2"]
    assert "hidden" in reasons[".hidden.mid"]
    assert corpus.summary().startswith("2 pieces, 100 notes; 5 skipped (")
    assert corpus.summary().endswith("; others: 1)")


def test_what_is_skipped_has_the_name_that_was_given(folder, monkeypatch):
    """Also a link to nothing."""
    (folder / "deep/gone.mid").symlink_to(folder / "nowhere/else.mid")
    monkeypatch.chdir(folder)
    corpus = Corpus(["deep", "one.abc", "bad.mid", "a.mid"])
    assert [name for name, _ in corpus.pieces] == ["deep/b.abc: 1 1", "a.mid"]
    skipped = ["deep/gone.mid", "one.abc: 1 One", "one.abc: tune 2", "bad.mid"]
    assert sorted(corpus.skipped) == sorted(skipped)


def test_files_globs_and_no_file_twice(folder):
    corpus = Corpus([folder / "a.mid", str(folder / "*.mid"), folder / "a.mid"])
    assert [name for name, _ in corpus.pieces] == [str(folder / "a.mid")]


def test_nothing_to_train_on(folder):
    with pytest.raises(MusicError, match="does not exist; give files, folders, or one of scottish"):
        Corpus(["/no/such/folder"])
    with pytest.raises(MusicError, match="there is no music in"):
        Corpus([folder / "readme.txt"]).pieces  # noqa: B018
    with pytest.raises(MusicError, match="at least three different pieces"):
        Corpus([folder]).split()


def test_scottish(scottish):
    assert len(scottish.pieces) == 1566
    names = " ".join(name for name, _ in scottish.pieces)
    assert "Niel Gow" in names
    assert "STRATHSPEY" in names
    assert "Irish Washerwoman" not in names
    assert all(is_melody(score, 24) for _, score in scottish.pieces)
    assert "it is not a strathspey, reel or fling" in scottish.summary()


@pytest.mark.slow
def test_irish_and_bach():
    assert len(Corpus(["irish"]).pieces) == 2007
    chorales = Corpus(["bach"])
    assert len(chorales.pieces) == 413
    assert not chorales.skipped
    assert sum(len(score.tracks) >= 4 for _, score in chorales.pieces) > 380


def test_the_split(scottish, scottish_split):
    split = scottish_split
    sizes = [len(side) for side in (split.train, split.validation, split.test)]
    assert sizes == [1410, 78, 78]
    names = [{name for name, _ in side} for side in (split.train, split.validation, split.test)]
    assert not names[0] & names[1]
    assert not names[1] & names[2]
    again = Corpus(["scottish"], melodies=True)
    again.pieces = scottish.pieces[::-1]  # their order does not matter
    assert {name for name, _ in again.split().test} == names[2]
    assert [n for n, _ in scottish.split(seed=1).test] != [n for n, _ in split.test]


def test_versions_of_a_tune_are_on_one_side(scottish_split):
    others = [score for _, score in (*scottish_split.validation, *scottish_split.test)]
    train = [score for _, score in scottish_split.train]
    for group in version_groups([*train, *others]):
        assert len({number < len(train) for number in group}) == 1


def test_version_groups(tune, reel_abc, jig_abc):
    reel, jig = tune(reel_abc), tune(jig_abc)
    changed = tune(reel_abc.replace("a3g fedf", "afdf edcB"))
    assert version_groups([reel, jig, transposed(reel, 5), changed]) == [[0, 2, 3], [1]]


@pytest.fixture
def invented(melody):
    """Make a tune of 40 quarters, another one for every seed."""

    def make(seed):
        return melody(*[(int(p), 1) for p in np.random.default_rng(seed).integers(60, 72, 40)])

    return make


def test_a_large_group_does_not_fill_a_small_side(tmp_path, invented):
    """Of 28 versions of one tune and 12 other tunes, all the versions are trained on."""
    for number in range(28):
        write_score(tmp_path / f"version{number}.mid", transposed(invented(1), number - 14))
    for seed in range(2, 14):
        write_score(tmp_path / f"other{seed}.mid", invented(seed))
    for seed in range(6):
        split = Corpus([tmp_path]).split(seed=seed)
        assert [len(s) for s in (split.train, split.validation, split.test)] == [36, 2, 2]
        assert sum("/version" in name for name, _ in split.train) == 28


def test_where_no_group_fits_the_smallest_is_taken(tmp_path, invented):
    for seed, versions in ((1, 6), (2, 2), (3, 3)):
        for number in range(versions):
            write_score(tmp_path / f"{seed}.{number}.mid", transposed(invented(seed), number))
    split = Corpus([tmp_path]).split()
    assert [len(s) for s in (split.train, split.validation, split.test)] == [6, 3, 2]


def test_however_many_copies_are_one_tune(invented):
    copies = [transposed(invented(1), semitones) for semitones in range(-20, 20)]
    assert version_groups([*copies, invented(2)]) == [list(range(40)), [40]]


def test_files_of_one_name_are_distinguished(tmp_path, invented, melody):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_score(tmp_path / folder / "short.mid", melody((60, 1)))
        write_score(tmp_path / folder / "long.mid", invented(1))
    corpus = Corpus([tmp_path])
    names = [str(tmp_path / folder / "long.mid") for folder in ("a", "b")]
    assert [name for name, _ in corpus.pieces] == names
    assert list(corpus.skipped) == [name.replace("long", "short") for name in names]


def test_filtered_pieces_are_skipped_by_name(tmp_path, invented):
    for seed in (1, 2):
        write_score(tmp_path / f"{seed}.mid", invented(seed))
    corpus = Corpus([tmp_path])
    first = corpus.pieces[0][1]
    corpus.filter(lambda score: "it is the first" if score == first else "")
    assert [name for name, _ in corpus.pieces] == [str(tmp_path / "2.mid")]
    assert corpus.skipped == {str(tmp_path / "1.mid"): "it is the first"}
    assert corpus.summary() == "1 pieces, 40 notes; 1 skipped (it is the first: 1)"
    with pytest.raises(MusicError, match=r"no music in .*1\.mid: it is the first; .*2\.mid: no"):
        corpus.filter(lambda _: "no")


def test_a_folder_is_not_a_built_in_corpus(tmp_path, invented, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bach").mkdir()
    write_score(tmp_path / "bach" / "a.mid", invented(1))
    assert Corpus(["bach"]).built_in == []
    assert Corpus(["scottish", "bach"]).built_in == ["scottish"]
