"""A tokenizer of words: frequent words are tokens, everything else is spelled in characters.

A word is a run of letters, digits and underscores, with apostrophes inside, together with a space
before it, so that decoding is concatenation and no text is lost.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from bowerbird.text.config import TokenizerKind
from bowerbird.text.tokenizer import MAX_VOCAB_SIZE, CharacterTokenizer

_PIECE = re.compile(r" ?\w+(?:['’]\w+)*|.", re.DOTALL)
MIN_OCCURRENCES = 2  # of a word


class WordTokenizer(CharacterTokenizer):
    """The tokens of a ``CharacterTokenizer``, then words in the order of their frequency."""

    kind: TokenizerKind = "words"

    def __init__(self, characters: Iterable[str], words: Iterable[str]) -> None:
        """Raise ValueError for words that no text has, and for too many."""
        super().__init__(characters)
        self.words = tuple(words)
        for word in self.words:
            if not _PIECE.fullmatch(word) or len(word) < 2:
                raise ValueError(f"{word!r:.40} can't be a word of the tokenizer")
            if unknown := self.unknown_characters(word):
                raise ValueError(f"the word {word!r:.40} has the unknown character {unknown[0]!r}")
        first = self.vocab_size
        self._word_ids = {word: first + number for number, word in enumerate(self.words)}
        self.vocab_size += len(self.words)
        if len(self._word_ids) < len(self.words) or self.vocab_size > MAX_VOCAB_SIZE:
            raise ValueError(f"words must differ, with at most {MAX_VOCAB_SIZE} tokens in all")

    @classmethod
    def train(
        cls, texts: Iterable[str], counts: Counter[str], vocab_size: int, min_count: int = 1
    ) -> "WordTokenizer":
        """Return the tokenizer of a corpus, which is read once.

        ``counts`` are those of its characters. Words that occur once are spelled. Raises ValueError
        for a ``vocab_size`` no larger than the characters.
        """
        characters = CharacterTokenizer.from_counts(counts, min_count)
        free = min(vocab_size, MAX_VOCAB_SIZE) - characters.vocab_size
        if free < 1:
            raise ValueError(
                f"max_vocab_size is {vocab_size}, but the corpus has {characters.vocab_size} "
                "characters; give more, or use --tokenizer characters"
            )
        words: Counter[str] = Counter()
        for text in texts:
            words.update(piece for piece in _PIECE.findall(text) if len(piece) > 1)
        known = set(characters.characters)
        frequent = [
            word
            for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0]))
            if count >= MIN_OCCURRENCES and known.issuperset(word)
        ]
        return cls(characters.characters, frequent[:free])

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of the words, and of the characters of all other words."""
        ids: list[int] = []
        for piece in _PIECE.findall(text):
            number = self._word_ids.get(piece)
            if number is None:
                ids.extend(super().encode(piece).tolist())
            else:
                ids.append(number)
        return np.array(ids, np.min_scalar_type(self.vocab_size - 1))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids: U+FFFD for 0 and nothing for 1."""
        return self.decoder()(ids)

    def _texts(self) -> list[str]:
        return [*super()._texts(), *self.words]

    def to_dict(self) -> dict[str, Any]:
        """Return the characters and the words."""
        return {**super().to_dict(), "words": list(self.words)}
