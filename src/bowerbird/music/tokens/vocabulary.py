"""The vocabulary of a tokenizer: its tokens, numbered from 0."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.config import TokenizerKind
from bowerbird.music.score.meter import Meter

Token = str | tuple[Any, ...]
"""A token: text, or its kind and a value, as ``("pitch", 60)`` or ``("meter", 6, 8)``."""

METERS: tuple[Meter, ...] = tuple((n, d) for d in (2, 4, 8, 16, 32) for n in range(1, 65))
"""Every meter that can be a token."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens of a kind by their ids; token 0 ends a piece."""

    kind: TokenizerKind
    tokens: tuple[Token, ...]

    @cached_property
    def ids(self) -> dict[Token, int]:
        """The id of each token."""
        return {token: number for number, token in enumerate(self.tokens)}

    @cached_property
    def _by_kind(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, token in enumerate(self.tokens):
            found.setdefault(kind_of(token), []).append(number)
        return found

    def __len__(self) -> int:
        return len(self.tokens)

    def ids_of(self, kind: str) -> list[int]:
        """Return the ids of all tokens of a kind, in order."""
        return self._by_kind.get(kind, [])

    def values_of(self, kind: str) -> np.ndarray:
        """Return the values of all tokens of a kind, in the order of `ids_of`."""
        return np.array([self.tokens[number][1] for number in self.ids_of(kind)], np.int64)

    def read(self, ids: Iterable[int]) -> Iterator[Token]:
        """Yield tokens up to the end of the piece; raise MusicError for an id out of range."""
        for number in ids:
            if not 0 <= number < len(self.tokens):
                raise MusicError(f"token id {number} is out of range [0, {len(self.tokens)})")
            if number == 0:
                return
            yield self.tokens[number]


def kind_of(token: Token) -> str:
    """Return the kind of a token: what its value is, or the token itself."""
    return token if isinstance(token, str) else str(token[0])


def split_token(token: Token) -> tuple[str, Any]:
    """Return the kind and the value of a token; the value is None where it has none."""
    return (token, None) if isinstance(token, str) else (str(token[0]), token[1])


def describe(token: Token) -> str:
    """Return a token in words, for messages."""
    return token if isinstance(token, str) else " ".join(map(str, token))
