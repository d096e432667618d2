"""A corpus is split so that no version of a tune is on two sides; what is left out is named."""

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.augment import transposed
from bowerbird.music.corpus import Corpus, alike
from bowerbird.music.formats.files import write_score


@pytest.fixture
def invented(melody):
    """Make a tune of 40 quarters, another one for every seed."""

    def make(seed):
        return melody(*[(int(p), 1) for p in np.random.default_rng(seed).integers(60, 72, 40)])

    return make


def test_a_large_group_does_not_fill_a_small_side(tmp_path, invented):
    """Of 28 versions of one tune and 12 other tunes, none of the versions is measured on."""
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
    assert alike([*copies, invented(2)]) == [list(range(40)), [40]]


def test_files_of_one_name_are_told_apart(tmp_path, invented, melody):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_score(tmp_path / folder / "short.mid", melody((60, 1)))
        write_score(tmp_path / folder / "long.mid", invented(1))
    corpus = Corpus([tmp_path])
    names = [str(tmp_path / folder / "long.mid") for folder in ("a", "b")]
    assert [name for name, _ in corpus.pieces] == names
    assert list(corpus.skipped) == [name.replace("long", "short") for name in names]


def test_what_is_refused_is_left_out_by_name(tmp_path, invented):
    for seed in (1, 2):
        write_score(tmp_path / f"{seed}.mid", invented(seed))
    corpus = Corpus([tmp_path])
    first = corpus.pieces[0][1]
    corpus.leave_out(lambda score: "it is the first" if score == first else "")
    assert [name for name, _ in corpus.pieces] == [str(tmp_path / "2.mid")]
    assert corpus.skipped == {str(tmp_path / "1.mid"): "it is the first"}
    assert corpus.summary() == "1 pieces, 40 notes; 1 left out (it is the first: 1)"
    with pytest.raises(MusicError, match=r"no music in .*1\.mid: it is the first; .*2\.mid: no"):
        corpus.leave_out(lambda _: "no")


def test_a_folder_is_no_built_in_corpus(tmp_path, invented, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bach").mkdir()
    write_score(tmp_path / "bach" / "a.mid", invented(1))
    assert Corpus(["bach"]).built_in == []
    assert Corpus(["scottish", "bach"]).built_in == ["scottish"]
