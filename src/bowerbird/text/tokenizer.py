"""Text to integers and back: the signs that a writer reads and writes.

``characters``: 0 is the unknown sign (read as U+FFFD), 1 the end of a document (read as nothing),
then the characters of the corpus by code point. ``bytes``: the 256 bytes of UTF-8, then the end of
a document. ``pieces``: the same with merges of two pieces in between, in the order in which they
were learned (Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with
subword units", algorithm 1; over bytes, with words cut as in Radford et al. 2019, "Language models
are unsupervised multitask learners", section 2.2).

Departures: a model file keeps only the merges, as pairs of numbers; a piece has at most 64 bytes.
"""

import codecs
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, get_args

import numpy as np

from bowerbird.text.config import TokenizerKind

if TYPE_CHECKING:
    from tokenizers import Tokenizer


UNKNOWN = "\ufffd"
MOST_PIECES = 1 << 16  # signs: a stream of pieces takes two bytes a sign
LONGEST = 64  # bytes in a piece: a row of dashes deserves no sign of its own
PORTION = 1 << 14  # characters cut into pieces at once: portions are cut side by side on all cores
_HALF = re.compile("[\ud800-\udfff]")  # half surrogates
# A letter that follows a line's end begins a new word, so pieces never cross such a place.
_SEAM = re.compile(r"\n(?=\w)")
# What stands in for what, if the corpus has it: keyboards and typesetters spell differently.
_FAMILIES = ("'’‘`´′‚‛", "\"”“„‟«»″'", "-‐‑‒–—―−", " \u00a0\t")
_MARKS = {"Mn", "Mc", "Me", "Cf"}  # Unicode's categories of what is not seen alone
_SMALL = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
_LETTERS = {"ß": "ss", **_SMALL, **{c.upper(): plain.capitalize() for c, plain in _SMALL.items()}}


class Decoder(Protocol):
    """What turns signs that come bit by bit into text, and never splits a character."""

    def __call__(self, ids: Iterable[int], final: bool = False) -> str:
        """Return the text that these signs complete; at the end of the signs also the rest."""
        ...


class Alphabet(Protocol):
    """What turns text into signs, numbered from 0, and back."""

    kind: TokenizerKind
    size: int
    """Number of signs."""
    end: int
    """The sign that ends a document."""

    def encode(self, text: str) -> np.ndarray:
        """Return the signs of a text, in the smallest unsigned integers that number them."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of signs; raise ValueError for a number that is no sign."""
        ...

    def decoder(self) -> Decoder:
        """Return a decoder for signs that come bit by bit."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return what `alphabet_from` needs to build this alphabet again, ready for JSON."""
        ...


class Characters:
    """A sign for each character: the unknown sign, the end of a document, then the characters."""

    kind: TokenizerKind = "characters"
    unknown = 0
    end = 1

    def __init__(self, characters: Iterable[str]) -> None:
        """Raise ValueError if there is no character; U+FFFD and half surrogates are unknown."""
        known = {c for c in characters if c != UNKNOWN and not "\ud800" <= c <= "\udfff"}
        if not known:
            raise ValueError("the alphabet has no characters; take a longer corpus, or least=1")
        self.characters = "".join(sorted(known))
        codes = _code_points(self.characters)
        self.size = len(codes) + 2
        # one place more than the last character has: what lies beyond is clipped to it
        self._signs = np.zeros(int(codes[-1]) + 2, np.min_scalar_type(self.size - 1))
        self._signs[codes] = np.arange(2, self.size)
        self._codes = np.concatenate([np.array([ord(UNKNOWN), 0], np.uint32), codes])

    @classmethod
    def counted(cls, counts: Mapping[str, int], least: int = 1) -> "Characters":
        """Return the alphabet of a corpus by its counts of characters.

        What occurs fewer than `least` times is unknown, so that a writer learns the unknown sign.
        """
        return cls(c for c, count in counts.items() if count >= least)

    def encode(self, text: str) -> np.ndarray:
        """Return the sign of each character; 0 for those that are unknown."""
        return self._signs.take(_code_points(text), mode="clip")

    def decode(self, ids: Iterable[int]) -> str:
        """Return the character of each sign, U+FFFD for 0 and nothing for 1."""
        signs = _checked(ids, self.size)
        return self._codes[signs[signs != self.end]].astype("<u4").tobytes().decode("utf-32-le")

    def decoder(self) -> Decoder:
        """Return `decode` for few signs at a time: each is a whole character."""
        signs = {n: "" if n == self.end else chr(code) for n, code in enumerate(self._codes)}

        def decode(ids: Iterable[int], final: bool = False) -> str:
            try:
                return "".join([signs[n] for n in ids])
            except KeyError:
                return self.decode(ids)  # which says what is wrong

        return decode

    def to_dict(self) -> dict[str, Any]:
        """Return the characters."""
        return {"kind": self.kind, "characters": self.characters}

    def unknown_in(self, text: str) -> tuple[str, ...]:
        """Return each character of a text that is unknown, once, in the order of the text."""
        return tuple(c for c in dict.fromkeys(text) if c not in self.characters)

    def nearest(self, text: str) -> str:
        """Return a text with each unknown character in its nearest known spelling.

        Tried in this order: taken apart (NFD), another of its family (quotation marks, dashes,
        spaces), without marks (NFKD), foreign letters as plain ones, small or capital; else U+FFFD.
        """
        if not self.unknown_in(text):
            return text
        # an accent may be a character of its own in the prompt and not in the corpus
        text = unicodedata.normalize("NFC", text)
        return text.translate({ord(c): self._spelling(c) for c in self.unknown_in(text)})

    def _spelling(self, character: str) -> str:
        tries = [unicodedata.normalize("NFD", character)]
        tries += [c for family in _FAMILIES if character in family for c in family]
        parts = unicodedata.normalize("NFKD", character)
        plain = "".join(c for c in parts if unicodedata.category(c) not in _MARKS)
        tries += [plain, "".join(_LETTERS.get(c, c) for c in plain)]
        tries += [spelling.swapcase() for spelling in tries]
        return next((t for t in tries if not self.unknown_in(t)), UNKNOWN)


class Pieces:
    """Bytes, then what each merge of two pieces makes, then the end of a document.

    Without merges it is the alphabet of bytes: for any text, with nothing to learn.
    """

    def __init__(self, merges: Iterable[Sequence[int]] = ()) -> None:
        """Number the pieces; raise ValueError for merges that no training makes."""
        self.merges = tuple((a, b) for a, b in merges)
        self.kind: TokenizerKind = "bpe" if self.merges else "bytes"
        self._pieces = [bytes([n]) for n in range(256)]
        seen = set(self._pieces)
        for a, b in self.merges:
            if not (0 <= a < len(self._pieces) and 0 <= b < len(self._pieces)):
                raise ValueError(f"the merge {a}, {b} takes a piece that comes later, or none")
            piece = self._pieces[a] + self._pieces[b]
            if len(piece) > LONGEST:
                raise ValueError(f"a piece has more than {LONGEST} bytes")
            if piece not in seen:  # two merges may make the same piece
                seen.add(piece)
                self._pieces.append(piece)
        self.end = len(self._pieces)
        self.size = self.end + 1
        if self.size > MOST_PIECES:
            raise ValueError(f"an alphabet of pieces has at most {MOST_PIECES} signs")

    @classmethod
    def learned(cls, texts: Iterable[str], size: int = 1024) -> "Pieces":
        """Learn at most `size` signs, 257 to 65536, from a corpus that is read once.

        A small corpus gives fewer: a pair that occurs once is not merged.
        """
        if not 257 <= size <= MOST_PIECES:
            raise ValueError(f"an alphabet of pieces has 257 to {MOST_PIECES} signs, not {size}")
        from tokenizers import trainers  # noqa: PLC0415  only who learns pieces waits for it

        tokenizer = _tokenizer({}, [])
        trainer = trainers.BpeTrainer(
            vocab_size=size - 1,
            min_frequency=2,
            show_progress=False,
            initial_alphabet=list(_BYTE_NAMES),
            max_token_length=LONGEST,
        )
        tokenizer.train_from_iterator((_HALF.sub(UNKNOWN, text) for text in texts), trainer)
        numbers = {name: number for number, name in enumerate(_BYTE_NAMES)}
        merges = []
        for a, b in json.loads(tokenizer.to_str())["model"]["merges"]:
            merges.append((numbers[a], numbers[b]))
            numbers.setdefault(a + b, len(numbers))
        return cls(merges)

    @cached_property
    def _cutter(self) -> "Tokenizer":
        """Build the tokenizer when it is first needed: to write without a prompt needs none."""
        names = ["".join(_BYTE_NAMES[byte] for byte in piece) for piece in self._pieces]
        vocabulary = {name: number for number, name in enumerate(names)}
        return _tokenizer(vocabulary, [(names[a], names[b]) for a, b in self.merges])

    def encode(self, text: str) -> np.ndarray:
        """Return the pieces of a text; half surrogates, which UTF-8 can't spell, become U+FFFD."""
        text = _HALF.sub(UNKNOWN, text)
        if not self.merges:
            return np.frombuffer(text.encode(), np.uint8).astype(np.uint16)
        cut = self._cutter.encode_batch_fast(list(_portions(text)))
        parts = [np.array(part.ids, np.uint32) for part in cut]
        return np.concatenate(parts).astype(np.min_scalar_type(self.end))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of pieces; what is not UTF-8 reads as U+FFFD."""
        return self.decoder()(ids, final=True)

    def decoder(self) -> Decoder:
        """Return a decoder that holds bytes back until a character is whole."""
        reader = codecs.getincrementaldecoder("utf-8")("replace")
        pieces = [*self._pieces, b""]

        def decode(ids: Iterable[int], final: bool = False) -> str:
            signs = _checked(ids, self.size).tolist()
            return reader.decode(b"".join([pieces[n] for n in signs]), final)

        return decode

    def to_dict(self) -> dict[str, Any]:
        """Return the merges, if there are any."""
        merges = {"merges": [list(merge) for merge in self.merges]} if self.merges else {}
        return {"kind": self.kind, **merges}


def alphabet_from(described: Mapping[str, Any]) -> Alphabet:
    """Return the alphabet that `described()` spoke of; raise ValueError for anything else."""
    kind = described.get("kind") if isinstance(described, Mapping) else None
    match kind:
        case "bytes":
            return Pieces()
        case "characters":
            characters = described.get("characters")
            if isinstance(characters, str):
                alphabet = Characters(characters)
                if alphabet.characters == characters:
                    return alphabet
        case "bpe":
            merges = described.get("merges")
            if isinstance(merges, list) and all(_is_merge(merge) for merge in merges):
                return Pieces(merges)
        case _:
            known = ", ".join(get_args(TokenizerKind))
            raise ValueError(f"the model's alphabet is {kind!r:.40}, which is none of: {known}")
    raise ValueError(f"the {kind} of the model's alphabet are damaged; fetch the model again")


def _is_merge(merge: object) -> bool:
    # not isinstance: a boolean is an int to Python
    return isinstance(merge, list) and len(merge) == 2 and all(type(n) is int for n in merge)


def _code_points(text: str) -> np.ndarray:
    # "surrogatepass": a terminal hands over bytes that it can't read as half surrogates
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _checked(ids: Iterable[int], size: int) -> np.ndarray:
    signs = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), np.int64)
    wrong = signs[(signs < 0) | (signs >= size)]
    if len(wrong):
        raise ValueError(f"{wrong[0]} is no sign of an alphabet of {size}")
    return signs


def _portions(text: str) -> Iterator[str]:
    start = 0
    while seam := _SEAM.search(text, start + PORTION):
        yield text[start : seam.end()]
        start = seam.end()
    yield text[start:]


def _byte_names() -> tuple[str, ...]:
    """Return the printable character by which the tokenizer calls each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(n if n in printable else next(others)) for n in range(256))


_BYTE_NAMES = _byte_names()


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> "Tokenizer":
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer
