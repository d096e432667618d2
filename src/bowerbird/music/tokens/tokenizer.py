"""The base class of the music tokenizers: scores to token ids and back.

Each kind has a fixed vocabulary of all its tokens. A tokenizer uses some of them, those that its
corpus needs, and numbers them from 0; a model file stores which.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.key import Key
from bowerbird.music.score.meter import Meter
from bowerbird.music.tokens.grammar import Grammar
from bowerbird.music.tokens.vocabulary import Token, Vocabulary, describe, kind_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


class MusicTokenizer(ABC):
    """Encodes scores as token ids, decodes them, and knows which tokens may come next."""

    end_token = 0
    """The id of the token that ends a piece."""

    grammar_type: ClassVar[type[Grammar]]

    def __init__(self, every: Vocabulary, ids: Iterable[int] | None = None) -> None:
        """Use the tokens with these ids in the vocabulary of the kind; all of them without ids.

        Raises MusicError for ids that don't begin with the end, or aren't rising.
        """
        chosen = np.arange(len(every)) if ids is None else np.array(list(ids), np.int64)
        rising = len(chosen) > 1 and chosen[0] == 0 and (np.diff(chosen) > 0).all()
        if not rising or chosen[-1] >= len(every):
            raise MusicError(f"these are not the ids of {every.kind} tokens in order")
        tokens = (every.tokens[number] for number in chosen.tolist())
        self.kind, self.every, self._chosen = every.kind, every, chosen
        self.vocabulary = every if ids is None else Vocabulary(every.kind, tuple(tokens))
        self.dtype = np.min_scalar_type(len(chosen) - 1)
        self._lookup = np.full(len(every), -1)
        self._lookup[chosen] = np.arange(len(chosen))

    @property
    def vocab_size(self) -> int:
        """The number of tokens."""
        return len(self.vocabulary)

    def encode(self, score: "Score") -> np.ndarray:
        """Return the token ids of a score, without the end, in the smallest unsigned integers.

        Raises MusicError for a score without notes, or one that the vocabulary can't represent.
        """
        every_ids = self._encode(score)
        ids = self._lookup[every_ids]
        if ids.min(initial=0) < 0:
            raise self._missing(self.every.tokens[every_ids[ids.argmin()]])
        return ids.astype(self.dtype)

    def decode(self, ids: Iterable[int]) -> "Score":
        """Return the score of token ids, up to an end; raise MusicError for an id out of range.

        What makes no sense is skipped, or raises MusicError too (abc).
        """
        return self._decode(self.vocabulary.read(ids))

    def prompt(self, key: Key | None = None, meter: Meter | None = None) -> list[int]:
        """Return the ids that ask for a meter and a key; a key needs a meter before it.

        Raises MusicError for a meter or key that is not in the vocabulary.
        """
        if meter is None:
            if key:
                raise MusicError("a key needs a meter; give both")
            return []
        tokens = self._header(meter, key)
        for token in tokens:
            if token not in self.vocabulary.ids:
                asked = f"the meter {meter[0]}/{meter[1]}" if token == tokens[0] else f"{key}"
                known = f"; its meters are {self._meters()}" if token == tokens[0] else ""
                raise MusicError(f"the model was not trained on {asked}{known}")
        return [self.vocabulary.ids[token] for token in tokens]

    def to_dict(self) -> dict[str, Any]:
        """Return what `tokens.kinds.tokenizer_from` builds this tokenizer from, ready for JSON."""
        return {"kind": self.kind, "tokens": self._chosen.tolist()}

    def complete(self, used: np.ndarray) -> np.ndarray:
        """Return a mask of used tokens of all, with those that every vocabulary of the kind has."""
        return used

    def grammar(
        self, bars: int = 0, *, single_meter: bool = False, cadence: bool = False
    ) -> Grammar:
        """Return a grammar at the start of a piece; see `Grammar` for the arguments."""
        return self.grammar_type(self.vocabulary, bars, single_meter=single_meter, cadence=cadence)

    @abstractmethod
    def _header(self, meter: Meter, key: Key | None) -> Sequence[Token]:
        """Return the tokens with which a piece in a meter, and a key, begins."""

    @abstractmethod
    def _encode(self, score: "Score") -> np.ndarray:
        """Return the ids of a score among all tokens of the kind."""

    @abstractmethod
    def _decode(self, tokens: Iterator[Token]) -> "Score":
        """Return the score of tokens."""

    def _meter_of(self, token: Token) -> str:
        """Return the meter that a token says, as text; empty for other tokens."""
        return f"{token[1]}/{token[2]}" if kind_of(token) == "meter" else ""

    def _meters(self) -> str:
        return ", ".join(filter(None, map(self._meter_of, self.vocabulary.tokens)))

    def _missing(self, token: Token) -> MusicError:
        """Return the error for a token of a score that is not in the vocabulary."""
        if meter := self._meter_of(token):
            return MusicError(f"its meter is {meter}; the model was trained on {self._meters()}")
        return MusicError(f"it has {describe(token)!r}, which is not in the model's vocabulary")

    def _id(self, token: Token) -> int:
        """Return the id of a token among all of the kind; raise MusicError if there is none."""
        if token not in self.every.ids:
            raise self._missing(token)
        return self.every.ids[token]
