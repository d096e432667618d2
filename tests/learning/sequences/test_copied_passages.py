"""What was copied is found, nothing else, wherever it lies in a corpus read in parts."""

from dataclasses import replace

import numpy as np
import pytest

from bowerbird.learning.sequences import copied_passages as novelty
from bowerbird.learning.sequences.copied_passages import (
    Copy,
    copied_fraction,
    copies_of_each,
    longest_copies,
)


def tokens(text):
    return np.frombuffer(text.encode("latin-1"), np.uint8)


def in_parts(array, size):
    return (array[i : i + size] for i in range(0, len(array), size))


def by_trying(made, corpus, min_length):
    """Return the length of the longest passage that both have, by trying them all."""
    there = {bytes(corpus[i : i + min_length]) for i in range(len(corpus) - min_length + 1)}
    if not any(bytes(made[i : i + min_length]) in there for i in range(len(made) - min_length + 1)):
        return min_length - 1
    return by_trying(made, corpus, min_length + 1)


def test_a_copied_passage_is_found_with_its_places():
    corpus = "it was the best of times, it was the worst of times"
    made, shared = "oh, it was the worst of days", ", it was the worst of "
    (copy,) = longest_copies(tokens(made), [tokens(corpus)], 8)
    assert copy == Copy(made.index(shared), len(shared), corpus.index(shared))
    assert copied_fraction([copy], len(made)) == pytest.approx(len(shared) / len(made))


def test_nothing_copied_is_nothing_found():
    assert longest_copies(tokens("abcdefgh"), [tokens("hgfedcba" * 50)], 3) == []
    assert longest_copies(tokens("ab"), [tokens("abab")], 3) == []
    assert longest_copies(tokens("abc"), [], 3) == []
    assert copied_fraction([], 0) == 0


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_parts_make_no_difference(size):
    random = np.random.default_rng(3)
    corpus = random.integers(0, 4, 3000).astype(np.uint16)
    made = np.concatenate([random.integers(0, 4, 200), corpus[995:1040], corpus[10:40]])
    copies = longest_copies(made, in_parts(corpus, size), 12)
    whole = longest_copies(made, [corpus], 12)
    assert [(c.start, c.length) for c in copies] == [(c.start, c.length) for c in whole]
    for copy in copies:
        there = corpus[copy.source : copy.source + copy.length]
        assert made[copy.start : copy.start + copy.length].tolist() == there.tolist()


def test_a_long_corpus_is_read_in_tokens(monkeypatch):
    monkeypatch.setattr(novelty, "PART", 100)
    corpus = np.random.default_rng(0).integers(0, 50, 1000)
    (copy,) = longest_copies(corpus[480:620], [corpus], 10)
    assert (copy.start, copy.length, copy.source) == (0, 140, 480)


@pytest.mark.parametrize("seed", range(5))
def test_the_longest_is_the_longest(seed):
    random = np.random.default_rng(seed)
    corpus, made = random.integers(0, 3, 400), random.integers(0, 3, 150)
    copies = longest_copies(made.astype(np.uint8), [corpus.astype(np.uint8)], 5)
    longest = by_trying(made.astype(np.uint8), corpus.astype(np.uint8), 5)
    assert copies[0].length == longest
    taken = [i for c in copies for i in range(c.start, c.start + c.length)]
    assert len(taken) == len(set(taken)), "no token is in two passages"


def test_one_token_repeated_does_not_take_for_ever():
    copies = longest_copies(np.zeros(300, np.uint8), [np.zeros(20_000, np.uint8)], 24)
    assert [c.length for c in copies] == [300]


def test_a_passage_has_a_length():
    with pytest.raises(ValueError, match="min_length must be at least 1, got 0"):
        longest_copies(np.zeros(3), [], 0)


def test_several_sequences_are_compared_in_one_reading():
    corpus, read = tokens("it was the best of times, it was the worst of times" * 5), []

    def parts():
        read.append(True)
        yield from in_parts(corpus, 50)

    several = [tokens("nothing here"), tokens("oh, it was the worst of days"), tokens("")]
    several += [corpus[:30], tokens("the best of tim"), tokens("es, it was the worst")]
    found = copies_of_each(several, parts(), 8)
    assert read == [True]
    assert found == [
        [
            replace(c, source=f.source)
            for c, f in zip(longest_copies(s, [corpus], 8), f, strict=True)
        ]
        for s, f in zip(several, found, strict=True)
    ]
    assert [sum(c.length for c in copies) for copies in found] == [0, 22, 0, 30, 15, 20]
    for made, copies in zip(several, found, strict=True):
        for c in copies:
            assert bytes(made[c.start :][: c.length]) == bytes(corpus[c.source :][: c.length])
    assert copies_of_each([], [corpus]) == []
