"""Alphabets: any text there and back, streams that split no character, descriptions forged."""

import json
import re
import sys
import time
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bowerbird.text.tokenizer import LONGEST, Characters, Pieces, alphabet_from

TINY = Path(__file__).resolve().parents[2].parent / "shared/data/text/tinyshakespeare.txt"
# two spellings of é, right-to-left, joined emoji, astral letters, all kinds of ends and spaces
ODD = (
    "é e\u0301 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f467 𝔞𐍈 漢字 \0\t\r\n\n  \u2028\u00a0"
    "\ufeff\U0010ffff <|endoftext|>"
)
PLAY = "First Witch:\nWhen shall we three meet again\nIn thunder, lightning, or in rain?\n\n" * 20


@pytest.fixture(scope="module")
def pieces():
    return Pieces.learned([PLAY], 300)


@pytest.fixture(params=["characters", "bytes", "bpe"])
def alphabet(request, pieces):
    return {"characters": Characters(ODD + PLAY), "bytes": Pieces(), "bpe": pieces}[request.param]


def tiny():
    if not TINY.is_file():
        pytest.skip("tiny-shakespeare is not here")
    return TINY.read_text(encoding="utf-8")


# --- every alphabet -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", PLAY, ODD, ODD[::-1], "\n" * 70 + "-" * 200])
def test_there_and_back(alphabet, text):
    if alphabet.kind == "characters":
        text = "".join(c for c in text if c in ODD + PLAY)
    ids = alphabet.encode(text)
    assert ids.dtype == np.min_scalar_type(alphabet.size - 1)
    assert alphabet.decode(ids) == alphabet.decode(ids.tolist()) == text
    assert ids.max(initial=0) < alphabet.size


def test_a_stream_splits_no_character(alphabet):
    decode = alphabet.decoder()
    told = [decode([n]) for n in alphabet.encode(ODD).tolist()]
    assert "".join(told) + decode([], final=True) == ODD
    assert "\ufffd" not in "".join(told)


def test_the_end_of_a_document_reads_as_nothing(alphabet):
    ids = [*alphabet.encode("one").tolist(), alphabet.end, *alphabet.encode("ten").tolist()]
    decode = alphabet.decoder()
    assert alphabet.decode(ids) == "oneten"
    assert "".join(decode([n]) for n in ids) == "oneten"
    assert alphabet.end not in alphabet.encode("one ten" + ODD).tolist()


@pytest.mark.parametrize("wrong", [-1, 10**6, 2**40])
def test_a_number_that_is_no_sign(alphabet, wrong):
    with pytest.raises(ValueError, match=f"{wrong} is no sign of an alphabet of {alphabet.size}"):
        alphabet.decode([2, wrong])
    with pytest.raises(ValueError, match="is no sign"):
        alphabet.decoder()([wrong])


def test_a_description_brings_it_back(alphabet):
    again = alphabet_from(json.loads(json.dumps(alphabet.to_dict(), allow_nan=False)))
    assert (again.kind, again.size, again.end) == (alphabet.kind, alphabet.size, alphabet.end)
    assert again.to_dict() == alphabet.to_dict()
    np.testing.assert_array_equal(again.encode(ODD + PLAY), alphabet.encode(ODD + PLAY))


def test_half_surrogates_of_a_terminal_are_unknown(alphabet):
    assert alphabet.decode(alphabet.encode("a\udce9a")) == "a\ufffda"


# --- characters -----------------------------------------------------------------------------------


def test_characters_are_numbered_by_code_point():
    alphabet = Characters("banana \U0001f600é")
    assert alphabet.characters == " abné\U0001f600"
    assert alphabet.size == 8
    assert alphabet.encode("ab \U0001f600?\U0010ffff").tolist() == [3, 4, 2, 7, 0, 0]
    assert alphabet.decode([0, 1, 4, 1]) == "\ufffdb"


def test_the_signs_equal_a_plain_dictionary():
    text = tiny()
    alphabet = Characters(text)
    numbers = {c: n for n, c in enumerate(sorted(set(text)), 2)}
    assert alphabet.size == 67  # 65 characters, as in Karpathy's char-rnn, and our two signs
    assert alphabet.encode(text).tolist() == [numbers[c] for c in text]
    assert alphabet.decode(alphabet.encode(text)) == text


def test_many_characters_take_two_bytes_each():
    chinese = "".join(map(chr, range(0x4E00, 0x9FA5)))
    alphabet = Characters(chinese)
    assert alphabet.encode(chinese).dtype == np.uint16
    assert alphabet.decode(alphabet.encode(chinese)) == chinese
    assert Characters(chinese[:253]).encode("a").dtype == np.uint8


def test_rare_characters_become_unknown():
    alphabet = Characters.counted(Counter("aaabbc"), least=2)
    assert alphabet.characters == "ab"
    assert alphabet.encode("abc").tolist() == [2, 3, 0]
    with pytest.raises(ValueError, match="no characters"):
        Characters.counted(Counter("abc"), least=2)


def test_the_sign_of_the_unknown_is_itself_unknown():
    alphabet = Characters("a\ufffd\ud800")
    assert alphabet.characters == "a"
    assert alphabet.encode("\ufffd").tolist() == [0]


def test_what_is_unknown_in_a_prompt():
    alphabet = Characters("abc ")
    assert alphabet.unknown_in("abc") == ()
    assert alphabet.unknown_in("aéèéb!") == ("é", "è", "!")


@pytest.mark.parametrize(
    ("prompt", "spelling"),
    [
        ("café", "cafe"),
        ("cafe\u0301", "cafe"),
        ("‘tis – “so”…", "'tis - 'so'..."),
        ("Æon, œuvre, Straße", "Aeon, oeuvre, Strasse"),
        ("ﬁn①\u00a0\u200b", "fin1 "),
        ("漢 \U0001f600", "\ufffd \ufffd"),
        ("ĵ", "\ufffd"),  # neither it nor a plain j, small or capital, is known
        ("BOB", "bob"),
    ],
)
def test_the_nearest_spelling(prompt, spelling):
    alphabet = Characters("Aabcefinoru'st-. ,Sv1")
    assert alphabet.nearest(prompt) == spelling
    assert set(alphabet.unknown_in(spelling)) <= {"\ufffd"}


@pytest.mark.parametrize(
    ("corpus", "prompt", "spelling"),
    [
        ("“It’s”— ", '"It\'s"-', "”It’s”—"),  # a typesetter's corpus, a keyboard's prompt
        ("e\u0301", "é", "e\u0301"),
        ("é", "e\u0301", "é"),
        ("abc", "abc", "abc"),
        ("", "É", "\ufffd"),
    ],
)
def test_the_corpus_may_be_the_finer_one(corpus, prompt, spelling):
    assert Characters(corpus + "z").nearest(prompt) == spelling


def test_the_nearest_spelling_of_every_letter_is_known():
    alphabet = Characters(map(chr, range(32, 127)))
    letters = [chr(c) for c in range(0xC0, 0x180) if unicodedata.category(chr(c))[0] == "L"]
    spelled = [c for c in letters if alphabet.nearest(c) != "\ufffd"]
    assert len(spelled) > 0.9 * len(letters)
    assert all(alphabet.nearest(c).isascii() for c in spelled)


def test_characters_are_read_at_twenty_million_a_second():
    text = PLAY * 500
    alphabet = Characters(text)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        alphabet.encode(text)
        times.append(time.perf_counter() - start)
    assert len(text) / min(times) > 20e6  # 500 million where this was written


# --- bytes and pieces -----------------------------------------------------------------------------


def test_bytes_are_utf8():
    assert Pieces().encode("é!").tolist() == [0xC3, 0xA9, 0x21]
    assert (Pieces().kind, Pieces().size, Pieces().end) == ("bytes", 257, 256)


def test_what_is_not_utf8_reads_as_unknown():
    assert Pieces().decode([0x61, 0xC3, 0x62]) == "a\ufffdb"
    assert Pieces().decode([0x61, 0xC3]) == "a\ufffd"
    decode = Pieces().decoder()
    assert [decode([0xF0]), decode([0x9F, 0x98]), decode([], final=True)] == ["", "", "\ufffd"]


def test_each_merge_is_of_the_most_frequent_pair():
    """Sennrich et al. 2016, algorithm 1, written down plainly; which of equals is free."""
    text = "low lower lowest newer newest wider widest new low low"
    words = Counter(tuple(bytes([c]) for c in w.encode()) for w in re.findall(" ?[a-z]+", text))
    learned = Pieces.learned([text], 300)
    table = [bytes([n]) for n in range(256)]
    for a, b in learned.merges:
        pairs = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        assert pairs[table[a], table[b]] == max(pairs.values()) > 1
        table.append(table[a] + table[b])
        words = Counter({merged(word, table[a], table[b]): n for word, n in words.items()})
    left = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            left[pair] += count
    assert max(left.values(), default=0) <= 1  # nothing is left to merge


def merged(word, a, b):
    out = []
    for piece in word:
        if out and out[-1] == a and piece == b:
            out[-1] = a + b
        else:
            out.append(piece)
    return tuple(out)


def test_pieces_take_less_room_than_bytes(pieces):
    assert pieces.size == 300
    assert len(pieces.encode(PLAY)) < 0.5 * len(PLAY)


def test_learning_twice_is_the_same():
    once, again = (Pieces.learned(iter([PLAY, ODD * 3]), 320) for _ in range(2))
    assert once.merges == again.merges


def test_a_small_corpus_has_fewer_pieces():
    assert Pieces.learned(["abc"], 1000).size == 257
    assert Pieces.learned([], 1000).kind == "bytes"


@pytest.mark.parametrize("size", [256, 65537, 0])
def test_too_few_or_many_pieces(size):
    with pytest.raises(ValueError, match=f"257 to 65536 signs, not {size}"):
        Pieces.learned([PLAY], size)


def test_portions_change_nothing():
    text = tiny()[:200_000]
    learned = Pieces.learned([text], 400)
    whole = learned._cutter.encode(text, add_special_tokens=False).ids
    assert learned.encode(text).tolist() == whole
    assert learned.decode(whole) == text


def test_pieces_stay_short():
    learned = Pieces.learned(["ab" * 100 + "\n"] * 50, 600)
    assert max(len(learned.decode([n])) for n in range(128)) == 1
    assert max(len(learned.decode([n])) for n in range(256, learned.end)) <= LONGEST


def test_writing_needs_no_tokenizer(pieces, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    again = alphabet_from(pieces.to_dict())
    assert again.decode(pieces.encode("Witch")) == "Witch"


def test_two_merges_may_make_the_same_piece():
    a, b, c = b"abc"
    twice = Pieces([(a, b), (b, c), (256, c), (a, 257)])
    assert twice.size == 256 + 3 + 1
    assert twice.decode(twice.encode("abcab bc")) == "abcab bc"


# --- damaged descriptions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "described",
    [
        {},
        None,
        [],
        "bytes",
        {"kind": "runes"},
        {"kind": ["bytes"]},
        {"kind": "x" * 10**6},
        {"kind": "characters"},
        {"kind": "characters", "characters": ""},
        {"kind": "characters", "characters": 5},
        {"kind": "characters", "characters": ["a", "b"]},
        {"kind": "characters", "characters": "ba"},
        {"kind": "characters", "characters": "aab"},
        {"kind": "characters", "characters": "a\ufffd"},
        {"kind": "bpe"},
        {"kind": "bpe", "merges": "ab"},
        {"kind": "bpe", "merges": [[97]]},
        {"kind": "bpe", "merges": [[97, 98, 99]]},
        {"kind": "bpe", "merges": [[97, "b"]]},
        {"kind": "bpe", "merges": [[97, 1.0]]},
        {"kind": "bpe", "merges": [[True, False]]},
        {"kind": "bpe", "merges": [[97, 256]]},
        {"kind": "bpe", "merges": [[-1, 97]]},
        {"kind": "bpe", "merges": [[97, 97]] + [[256 + n, 256 + n] for n in range(60)]},
        {"kind": "bpe", "merges": [[a, b] for a in range(256) for b in range(256)]},
    ],
    ids=lambda described: repr(described)[:60],
)
def test_a_damaged_description_is_refused_in_one_sentence(described):
    with pytest.raises(ValueError, match=r"^.{20,160}$") as refused:
        alphabet_from(described)
    assert "\n" not in str(refused.value)


def test_an_unknown_kind_is_told_the_known_ones():
    with pytest.raises(ValueError, match="'runes', which is none of: characters, bytes, bpe"):
        alphabet_from({"kind": "runes"})
