"""Tokenizers of text: characters, bytes, or byte pairs (BPE); see ``word_tokenizer`` for words.

``characters``: 0 is the unknown token (decoded as U+FFFD), 1 the end of a document (decoded as
nothing), then the characters of the corpus by code point. ``bytes``: the 256 bytes of UTF-8, then
the end of a document. ``bpe``: the same with the merges of two tokens in between, in the order of
their training (Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with
subword units", algorithm 1; over bytes, with words split as in Radford et al. 2019, "Language
models are unsupervised multitask learners", section 2.2).

Departures: a model file stores only the merges, as pairs of ids; a token has at most 64 bytes.
"""

import codecs
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bowerbird.learning.sequences import tokenizer
from bowerbird.text.config import TokenizerKind

if TYPE_CHECKING:
    from tokenizers import Tokenizer


UNKNOWN = "\ufffd"
MAX_VOCAB_SIZE = 1 << 16  # a stream of byte pairs takes two bytes per token
MAX_TOKEN_BYTES = 64  # a row of dashes should not be one token
CHUNK = 1 << 14  # characters encoded at once; chunks are encoded in parallel on all cores
_SURROGATE = re.compile("[\ud800-\udfff]")  # one half of a pair
# a letter after a line break begins a new word, so that no token crosses such a place
_WORD_BREAK = re.compile(r"\n(?=\w)")
# characters that replace each other: keyboards and typesetters spell differently
_SIMILAR = ("'’‘`´′‚‛", "\"”“„‟«»″'", "-‐‑‒–—―−", " \u00a0\t")
_MARKS = {"Mn", "Mc", "Me", "Cf"}  # Unicode categories of combining and invisible characters
_SMALL = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
_LETTERS = {"ß": "ss", **_SMALL, **{c.upper(): plain.capitalize() for c, plain in _SMALL.items()}}


class StreamDecoder(Protocol):
    """Decodes ids that arrive in parts, and never splits a character."""

    def __call__(self, ids: Iterable[int], final: bool = False) -> str:
        """Return the text that these ids complete; if they are the last ones, all that is left."""


class TextTokenizer(tokenizer.Tokenizer[str], Protocol):
    """A tokenizer of text."""

    def decoder(self) -> StreamDecoder:
        """Return a decoder for ids that arrive in parts."""


class CharacterTokenizer:
    """A token for each character: the unknown token, the end of a document, then the characters."""

    kind: TokenizerKind = "characters"
    unknown_token = 0
    end_token = 1

    def __init__(self, characters: Iterable[str]) -> None:
        """Raise ValueError if there is no character; U+FFFD and lone surrogates are unknown."""
        known = {c for c in characters if c != UNKNOWN and not "\ud800" <= c <= "\udfff"}
        if not known:
            raise ValueError(
                "no character is frequent enough; use a longer corpus or --min-count 1"
            )
        self.characters = "".join(sorted(known))
        codes = _code_points(self.characters)
        self.vocab_size = len(codes) + 2
        # one entry more than the last character needs: larger codes are clipped to it
        self._ids = np.zeros(int(codes[-1]) + 2, np.min_scalar_type(self.vocab_size - 1))
        self._ids[codes] = np.arange(2, self.vocab_size)
        self._codes = np.concatenate([np.array([ord(UNKNOWN), 0], np.uint32), codes])

    @classmethod
    def from_counts(cls, counts: Mapping[str, int], min_count: int = 1) -> "CharacterTokenizer":
        """Return the tokenizer of a corpus with these counts of characters.

        Characters with fewer than ``min_count`` occurrences are unknown, so that a model trains on
        the unknown token.
        """
        return cls(c for c, count in counts.items() if count >= min_count)

    def encode(self, text: str) -> np.ndarray:
        """Return the id of each character; 0 for unknown ones."""
        return self._ids.take(_code_points(text), mode="clip")

    def decode(self, ids: Iterable[int]) -> str:
        """Return the character of each id, U+FFFD for 0 and nothing for 1."""
        array = _checked(ids, self.vocab_size)
        codes = self._codes[array[array != self.end_token]]
        return codes.astype("<u4").tobytes().decode("utf-32-le")

    def decoder(self) -> StreamDecoder:
        """Return a fast ``decode`` for few ids at a time; each id is a whole character."""
        texts = dict(enumerate(self._texts()))

        def decode(ids: Iterable[int], final: bool = False) -> str:
            try:
                return "".join([texts[n] for n in ids])
            except KeyError:
                _checked(ids, self.vocab_size)  # which raises the right error
                raise

        return decode

    def _texts(self) -> list[str]:
        """Return the text of each token."""
        return [UNKNOWN, "", *self.characters]

    def to_dict(self) -> dict[str, Any]:
        """Return the characters."""
        return {"kind": self.kind, "characters": self.characters}

    def unknown_characters(self, text: str) -> tuple[str, ...]:
        """Return each unknown character of a text once, in the order of the text."""
        return tuple(c for c in dict.fromkeys(text) if c not in self.characters)

    def replace_unknown(self, text: str) -> str:
        """Return a text with each unknown character replaced by the most similar known ones.

        Tried in this order: its decomposition (NFD), similar quotation marks, dashes and spaces,
        without accents (NFKD), plain letters for foreign ones, the other case; else U+FFFD.
        """
        if not self.unknown_characters(text):
            return text
        # an accent may be a character of its own in the prompt but not in the corpus
        text = unicodedata.normalize("NFC", text)
        unknown = self.unknown_characters(text)
        return text.translate({ord(c): self._replacement(c) for c in unknown})

    def _replacement(self, character: str) -> str:
        tries = [unicodedata.normalize("NFD", character)]
        tries += [c for similar in _SIMILAR if character in similar for c in similar]
        parts = unicodedata.normalize("NFKD", character)
        plain = "".join(c for c in parts if unicodedata.category(c) not in _MARKS)
        tries += [plain, "".join(_LETTERS.get(c, c) for c in plain)]
        tries += [spelling.swapcase() for spelling in tries]
        return next((t for t in tries if not self.unknown_characters(t)), UNKNOWN)


class BytePairTokenizer:
    """Bytes, then the merges of two tokens, then the end of a document.

    Without merges it is the ``bytes`` tokenizer, which needs no training.
    """

    def __init__(self, merges: Iterable[Sequence[int]] = ()) -> None:
        """Raise ValueError for merges that no training produces."""
        self.merges = tuple((a, b) for a, b in merges)
        self.kind: TokenizerKind = "bpe" if self.merges else "bytes"
        self._tokens = [bytes([n]) for n in range(256)]
        known = set(self._tokens)
        for a, b in self.merges:
            if not (0 <= a < len(self._tokens) and 0 <= b < len(self._tokens)):
                raise ValueError(f"the merge {a}, {b} needs a token that does not exist yet")
            token = self._tokens[a] + self._tokens[b]
            if len(token) > MAX_TOKEN_BYTES:
                raise ValueError(f"a token has more than {MAX_TOKEN_BYTES} bytes")
            if token not in known:  # two merges may give the same token
                known.add(token)
                self._tokens.append(token)
        self.end_token = len(self._tokens)
        self.vocab_size = self.end_token + 1
        if self.vocab_size > MAX_VOCAB_SIZE:
            raise ValueError(f"the vocabulary has more than {MAX_VOCAB_SIZE} tokens")

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 1024) -> "BytePairTokenizer":
        """Return the tokenizer of a corpus, which is read once, with at most ``vocab_size`` tokens.

        A small corpus gives fewer: a pair that occurs once is not merged. Raises ValueError for a
        size outside [257, 65536].
        """
        if not 257 <= vocab_size <= MAX_VOCAB_SIZE:
            raise ValueError(f"vocab_size must be in [257, {MAX_VOCAB_SIZE}], got {vocab_size}")
        from tokenizers import trainers  # noqa: PLC0415 - only training needs it

        tokenizer = _tokenizer({}, [])
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size - 1,
            min_frequency=2,
            show_progress=False,
            initial_alphabet=list(_BYTE_NAMES),
            max_token_length=MAX_TOKEN_BYTES,
        )
        tokenizer.train_from_iterator((_SURROGATE.sub(UNKNOWN, text) for text in texts), trainer)
        ids = {name: number for number, name in enumerate(_BYTE_NAMES)}
        merges = []
        for a, b in json.loads(tokenizer.to_str())["model"]["merges"]:
            merges.append((ids[a], ids[b]))
            ids.setdefault(a + b, len(ids))
        return cls(merges)

    @cached_property
    def _encoder(self) -> "Tokenizer":
        """The library's tokenizer, built at first use: generating without a prompt needs none."""
        names = ["".join(_BYTE_NAMES[byte] for byte in token) for token in self._tokens]
        vocabulary = {name: number for number, name in enumerate(names)}
        return _tokenizer(vocabulary, [(names[a], names[b]) for a, b in self.merges])

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of a text; lone surrogates, which UTF-8 can't hold, become U+FFFD."""
        text = _SURROGATE.sub(UNKNOWN, text)
        if not self.merges:
            return np.frombuffer(text.encode(), np.uint8).astype(np.uint16)
        encoded = self._encoder.encode_batch_fast(list(_chunks(text)))
        parts = [np.array(chunk.ids, np.uint32) for chunk in encoded]
        return np.concatenate(parts).astype(np.min_scalar_type(self.end_token))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; bytes that aren't UTF-8 become U+FFFD."""
        return self.decoder()(ids, final=True)

    def decoder(self) -> StreamDecoder:
        """Return a decoder that holds bytes back until a character is complete."""
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        tokens = [*self._tokens, b""]

        def decode(ids: Iterable[int], final: bool = False) -> str:
            return utf8.decode(
                b"".join([tokens[n] for n in _checked(ids, self.vocab_size).tolist()]), final
            )

        return decode

    def to_dict(self) -> dict[str, Any]:
        """Return the merges, if there are any."""
        merges = {"merges": [list(merge) for merge in self.merges]} if self.merges else {}
        return {"kind": self.kind, **merges}


def _code_points(text: str) -> np.ndarray:
    # "surrogatepass": a terminal passes undecodable bytes as lone surrogates
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _checked(ids: Iterable[int], vocab_size: int) -> np.ndarray:
    array = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), np.int64)
    wrong = array[(array < 0) | (array >= vocab_size)]
    if len(wrong):
        raise ValueError(f"the token {wrong[0]} is outside the vocabulary of {vocab_size}")
    return array


def _chunks(text: str) -> Iterator[str]:
    start = 0
    while word_break := _WORD_BREAK.search(text, start + CHUNK):
        yield text[start : word_break.end()]
        start = word_break.end()
    yield text[start:]


def _byte_names() -> tuple[str, ...]:
    """Return the printable character that the tokenizers library uses for each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(n if n in printable else next(others)) for n in range(256))


_BYTE_NAMES = _byte_names()


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> "Tokenizer":
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer
