"""Tokenizers: any text there and back, streams that split no character, descriptions forged."""

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

from bowerbird.text.tokenizer import (
    MAX_TOKEN_BYTES,
    BytePairTokenizer,
    CharacterTokenizer,
)
from bowerbird.text.tokenizer_choice import tokenizer_from
from bowerbird.text.word_tokenizer import WordTokenizer

TINY = Path(__file__).resolve().parents[2].parent / "shared/data/text/tinyshakespeare.txt"
# two spellings of é, right-to-left, joined emoji, astral letters, all kinds of ends and spaces
ODD = (
    "é e\u0301 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f467 𝔞𐍈 漢字 \0\t\r\n\n  \u2028\u00a0"
    "\ufeff\U0010ffff <|endoftext|>"
)
PLAY = "First Witch:\nWhen shall we three meet again\nIn thunder, lightning, or in rain?\n\n" * 20


@pytest.fixture(scope="module")
def bpe():
    return BytePairTokenizer.train([PLAY], 300)


@pytest.fixture(params=["characters", "bytes", "bpe", "words"])
def tokenizer(request, bpe):
    return {
        "characters": CharacterTokenizer(ODD + PLAY),
        "bytes": BytePairTokenizer(),
        "bpe": bpe,
        "words": WordTokenizer.train([PLAY], Counter(ODD + PLAY), 200),
    }[request.param]


def tiny():
    if not TINY.is_file():
        pytest.skip("tiny-shakespeare is not here")
    return TINY.read_text(encoding="utf-8")


# --- every tokenizer ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", PLAY, ODD, ODD[::-1], "\n" * 70 + "-" * 200])
def test_there_and_back(tokenizer, text):
    if tokenizer.kind in ("characters", "words"):
        text = "".join(c for c in text if c in ODD + PLAY)
    ids = tokenizer.encode(text)
    assert ids.dtype == np.min_scalar_type(tokenizer.vocab_size - 1)
    assert tokenizer.decode(ids) == tokenizer.decode(ids.tolist()) == text
    assert ids.max(initial=0) < tokenizer.vocab_size


def test_a_stream_splits_no_character(tokenizer):
    decode = tokenizer.decoder()
    report = [decode([n]) for n in tokenizer.encode(ODD).tolist()]
    assert "".join(report) + decode([], final=True) == ODD
    assert "\ufffd" not in "".join(report)


def test_the_end_of_a_document_reads_as_nothing(tokenizer):
    ids = [
        *tokenizer.encode("one").tolist(),
        tokenizer.end_token,
        *tokenizer.encode("ten").tolist(),
    ]
    decode = tokenizer.decoder()
    assert tokenizer.decode(ids) == "oneten"
    assert "".join(decode([n]) for n in ids) == "oneten"
    assert tokenizer.end_token not in tokenizer.encode("one ten" + ODD).tolist()


@pytest.mark.parametrize("wrong", [-1, 10**6, 2**40])
def test_a_number_that_is_no_token(tokenizer, wrong):
    with pytest.raises(
        ValueError, match=f"token {wrong} is outside the vocabulary of {tokenizer.vocab_size}"
    ):
        tokenizer.decode([2, wrong])
    with pytest.raises(ValueError, match="is outside the vocabulary"):
        tokenizer.decoder()([wrong])


def test_a_dict_brings_it_back(tokenizer):
    again = tokenizer_from(json.loads(json.dumps(tokenizer.to_dict(), allow_nan=False)))
    assert (again.kind, again.vocab_size, again.end_token) == (
        tokenizer.kind,
        tokenizer.vocab_size,
        tokenizer.end_token,
    )
    assert again.to_dict() == tokenizer.to_dict()
    np.testing.assert_array_equal(again.encode(ODD + PLAY), tokenizer.encode(ODD + PLAY))


def test_half_surrogates_of_a_terminal_are_unknown(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a\udce9a")) == "a\ufffda"


# --- characters -----------------------------------------------------------------------------------


def test_characters_are_numbered_by_code_point():
    tokenizer = CharacterTokenizer("banana \U0001f600é")
    assert tokenizer.characters == " abné\U0001f600"
    assert tokenizer.vocab_size == 8
    assert tokenizer.encode("ab \U0001f600?\U0010ffff").tolist() == [3, 4, 2, 7, 0, 0]
    assert tokenizer.decode([0, 1, 4, 1]) == "\ufffdb"


def test_the_tokens_equal_a_plain_dictionary():
    text = tiny()
    tokenizer = CharacterTokenizer(text)
    numbers = {c: n for n, c in enumerate(sorted(set(text)), 2)}
    assert (
        tokenizer.vocab_size == 67
    )  # 65 characters, as in Karpathy's char-rnn, and our two tokens
    assert tokenizer.encode(text).tolist() == [numbers[c] for c in text]
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_many_characters_take_two_bytes_each():
    chinese = "".join(map(chr, range(0x4E00, 0x9FA5)))
    tokenizer = CharacterTokenizer(chinese)
    assert tokenizer.encode(chinese).dtype == np.uint16
    assert tokenizer.decode(tokenizer.encode(chinese)) == chinese
    assert CharacterTokenizer(chinese[:253]).encode("a").dtype == np.uint8


def test_rare_characters_become_unknown():
    tokenizer = CharacterTokenizer.from_counts(Counter("aaabbc"), min_count=2)
    assert tokenizer.characters == "ab"
    assert tokenizer.encode("abc").tolist() == [2, 3, 0]
    with pytest.raises(ValueError, match="no character is frequent enough"):
        CharacterTokenizer.from_counts(Counter("abc"), min_count=2)


def test_the_token_of_the_unknown_is_itself_unknown():
    tokenizer = CharacterTokenizer("a\ufffd\ud800")
    assert tokenizer.characters == "a"
    assert tokenizer.encode("\ufffd").tolist() == [0]


def test_what_is_unknown_in_a_prompt():
    tokenizer = CharacterTokenizer("abc ")
    assert tokenizer.unknown_characters("abc") == ()
    assert tokenizer.unknown_characters("aéèéb!") == ("é", "è", "!")


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
    tokenizer = CharacterTokenizer("Aabcefinoru'st-. ,Sv1")
    assert tokenizer.replace_unknown(prompt) == spelling
    assert set(tokenizer.unknown_characters(spelling)) <= {"\ufffd"}


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
    assert CharacterTokenizer(corpus + "z").replace_unknown(prompt) == spelling


def test_the_nearest_spelling_of_every_letter_is_known():
    tokenizer = CharacterTokenizer(map(chr, range(32, 127)))
    letters = [chr(c) for c in range(0xC0, 0x180) if unicodedata.category(chr(c))[0] == "L"]
    spelled = [c for c in letters if tokenizer.replace_unknown(c) != "\ufffd"]
    assert len(spelled) > 0.9 * len(letters)
    assert all(tokenizer.replace_unknown(c).isascii() for c in spelled)


def test_characters_are_read_at_twenty_million_a_second():
    text = PLAY * 500
    tokenizer = CharacterTokenizer(text)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        tokenizer.encode(text)
        times.append(time.perf_counter() - start)
    assert len(text) / min(times) > 20e6  # 500 million where this was written


# --- bytes and tokens -----------------------------------------------------------------------------


def test_bytes_are_utf8():
    assert BytePairTokenizer().encode("é!").tolist() == [0xC3, 0xA9, 0x21]
    assert (
        BytePairTokenizer().kind,
        BytePairTokenizer().vocab_size,
        BytePairTokenizer().end_token,
    ) == ("bytes", 257, 256)


def test_what_is_not_utf8_reads_as_unknown():
    assert BytePairTokenizer().decode([0x61, 0xC3, 0x62]) == "a\ufffdb"
    assert BytePairTokenizer().decode([0x61, 0xC3]) == "a\ufffd"
    decode = BytePairTokenizer().decoder()
    assert [decode([0xF0]), decode([0x9F, 0x98]), decode([], final=True)] == ["", "", "\ufffd"]


def test_each_merge_is_of_the_most_frequent_pair():
    """Sennrich et al. 2016, algorithm 1, written down plainly; which of equals is free."""
    text = "low lower lowest newer newest wider widest new low low"
    words = Counter(tuple(bytes([c]) for c in w.encode()) for w in re.findall(" ?[a-z]+", text))
    trained = BytePairTokenizer.train([text], 300)
    table = [bytes([n]) for n in range(256)]
    for a, b in trained.merges:
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


def test_tokens_take_less_space_than_bytes(bpe):
    assert bpe.vocab_size == 300
    assert len(bpe.encode(PLAY)) < 0.5 * len(PLAY)


def test_training_twice_is_the_same():
    once, again = (BytePairTokenizer.train(iter([PLAY, ODD * 3]), 320) for _ in range(2))
    assert once.merges == again.merges


def test_a_small_corpus_has_fewer_tokens():
    assert BytePairTokenizer.train(["abc"], 1000).vocab_size == 257
    assert BytePairTokenizer.train([], 1000).kind == "bytes"


@pytest.mark.parametrize("size", [256, 65537, 0])
def test_too_few_or_many_tokens(size):
    with pytest.raises(ValueError, match=rf"vocab_size must be in \[257, 65536\], got {size}"):
        BytePairTokenizer.train([PLAY], size)


def test_chunks_change_nothing():
    text = tiny()[:200_000]
    trained = BytePairTokenizer.train([text], 400)
    whole = trained._encoder.encode(text, add_special_tokens=False).ids
    assert trained.encode(text).tolist() == whole
    assert trained.decode(whole) == text


def test_tokens_stay_short():
    trained = BytePairTokenizer.train(["ab" * 100 + "\n"] * 50, 600)
    assert max(len(trained.decode([n])) for n in range(128)) == 1
    assert max(len(trained.decode([n])) for n in range(256, trained.end_token)) <= MAX_TOKEN_BYTES


def test_writing_needs_no_tokenizer(bpe, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    again = tokenizer_from(bpe.to_dict())
    assert again.decode(bpe.encode("Witch")) == "Witch"


def test_two_merges_may_make_the_same_token():
    a, b, c = b"abc"
    twice = BytePairTokenizer([(a, b), (b, c), (256, c), (a, 257)])
    assert twice.vocab_size == 256 + 3 + 1
    assert twice.decode(twice.encode("abcab bc")) == "abcab bc"


# --- damaged descriptions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
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
        {"kind": "words", "characters": "ab"},
        {"kind": "words", "characters": "ab", "words": "ab"},
        {"kind": "words", "characters": "ab", "words": [1]},
        {"kind": "words", "characters": "ab", "words": ["a"]},
        {"kind": "words", "characters": "ab ", "words": ["a b"]},
        {"kind": "words", "characters": "ab", "words": ["abc"]},
        {"kind": "words", "characters": "ab", "words": ["ab", "ab"]},
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
    ids=lambda data: repr(data)[:60],
)
def test_a_damaged_dict_is_refused_in_one_sentence(data):
    with pytest.raises(ValueError, match=r"^.{20,160}$") as refused:
        tokenizer_from(data)
    assert "\n" not in str(refused.value)


def test_an_unknown_kind_is_reported_the_known_ones():
    with pytest.raises(ValueError, match="'runes', not one of characters, bytes, bpe, words"):
        tokenizer_from({"kind": "runes"})


# --- words ----------------------------------------------------------------------------------------


def test_frequent_words_are_tokens_and_the_others_are_spelled():
    text = "the cat and the dog; the cat's tail. It's the end, don't\nbe\u2019t"
    words = WordTokenizer.train([text], Counter(text), 60)
    assert words.words == (" the",)  # "the" alone and all others occur once
    ids = words.encode("the the dogs the")
    assert [words.decode([n]) for n in ids] == [*"the", " the", *" dogs", " the"]


def test_words_are_in_order_of_frequency_up_to_the_size():
    text = "b'b b'b b'b aa aa aa aa cc cc"
    sizes = {n: WordTokenizer.train([text], Counter(text), n).words for n in (8, 9, 100)}
    assert sizes[8] == (" aa",)
    assert sizes[9] == (" aa", " b'b")
    assert sizes[100] == (" aa", " b'b", " cc")
    with pytest.raises(ValueError, match="the corpus has 7 characters; give more"):
        WordTokenizer.train([text], Counter(text), 7)


def test_words_of_rare_characters_are_spelled():
    text = "one zwei one zwei one one" + " x" * 20
    words = WordTokenizer.train([text], Counter(text), 100, min_count=4)
    assert set(words.characters) == set(" onex")
    assert " one" in words.words
    assert not any("z" in word for word in words.words)
    assert words.decode(words.encode(" zwei")) == " \ufffd\ufffde\ufffd"


def test_words_of_a_real_corpus_take_a_quarter_of_the_tokens():
    text = tiny()
    words = WordTokenizer.train([text], Counter(text), 8000)
    ids = words.encode(text[-100_000:])
    assert words.decode(ids) == text[-100_000:]
    assert 2.5 < 100_000 / len(ids) < 5
