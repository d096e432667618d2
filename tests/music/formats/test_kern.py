"""Kern: the shape of its lines is checked, and whatever ends verovio does not end us."""

import random

import pytest

from bowerbird.errors import MusicError
from bowerbird.music.corpus import Corpus
from bowerbird.music.formats import kern
from bowerbird.music.formats.files import read_score
from bowerbird.music.formats.kern import kern_to_score

GOOD = "**kern\t**kern\n*M4/4\t*M4/4\n4C\t4c\n*\t*^\n4D\t4d\t4f\n*\t*v\t*v\n4E\t4e\n*-\t*-\n"


@pytest.fixture(scope="module")
def chorale(corpus21):
    return corpus21("bach/bwv281.krn").read_text(encoding="latin-1")


def test_spines_may_part_and_join():
    assert kern_to_score(GOOD).note_num() == 7
    assert kern_to_score(GOOD.replace("\n", "\r\n")).note_num() == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("**kern\n4c\n4d\t4e\n*-\n", "line 3 has 2 fields but there are 1 spines"),
        (GOOD.replace("4D\t4d\t4f", "4D\t4d"), "line 5 has 2 fields but there are 3 spines"),
        (GOOD.replace("4E\t4e", "4E\t4e\t4g"), "line 7 has 3 fields but there are 2 spines"),
        (GOOD + "4c\n", "line 9 has 1 fields but there are 0 spines"),
        (GOOD.replace("4E", "4zz"), "line 7: 4zz has no pitch; write 4c, or 4r"),
        (GOOD.replace("4E", "4E 4"), "line 7: 4 has no pitch"),
    ],
)
def test_a_line_of_another_width_is_named(text, message):
    with pytest.raises(MusicError, match=message):
        kern_to_score(text)


def test_a_missing_field_in_a_folder_is_one_reason(tmp_path, chorale, corpus21):
    lines = chorale.split("\n")
    bar = next(n for n, line in enumerate(lines) if line.startswith("=2"))
    lines[bar + 1] = lines[bar + 1].rsplit("\t", 1)[0]
    (tmp_path / "bad.krn").write_text("\n".join(lines))
    (tmp_path / "good.krn").write_text(chorale)
    corpus = Corpus([tmp_path])
    assert [name for name, _ in corpus.pieces] == [str(tmp_path / "good.krn")]
    (reason,) = corpus.skipped.values()
    assert f"line {bar + 2} has 4 fields but there are 5 spines" in reason


def test_a_crash_is_one_sentence(monkeypatch, chorale):
    monkeypatch.setattr(kern, "_READER", "import os; os.abort()")
    with pytest.raises(MusicError, match="it is not valid Kern"):
        kern_to_score(chorale)
    monkeypatch.setattr(kern, "_READER", "import time; time.sleep(9)")
    monkeypatch.setattr(kern, "MAX_SECONDS", 0.1)
    with pytest.raises(MusicError, match="can't read it in"):
        kern_to_score(chorale)


def mutated(text, seed):
    r, letters = random.Random(seed), list(text)
    more = ["*^\t", "\t", "\n", "*v\t*v", "[", "{", "(3", "4096", "1%0c", "0"]
    for _ in range(r.randrange(1, 20)):
        place = r.randrange(len(letters))
        match r.randrange(3 if seed % 2 else 1):
            case 0:  # half of the files keep their width
                letters[place] = chr(r.randrange(33, 127)) if letters[place] > "\n" else "\t"
            case 1:
                del letters[place : place + r.randrange(1, 60)]
            case 2:
                letters[place:place] = r.choice(more)
    return "".join(letters)


def test_60_mutated_files_do_no_harm(chorale, tmp_path, capfd):
    good, messages = 0, []
    for seed in range(60):
        path = tmp_path / f"{seed}.krn"
        path.write_text(mutated(chorale, seed))
        try:
            good += bool(read_score(path).note_num())
        except MusicError as error:
            messages.append(str(error))
    assert 5 < good < 55  # or nothing was tried
    assert all(".krn can't be read: " in message and "\n" not in message for message in messages)
    assert capfd.readouterr() == ("", "")
