"""What an alphabet of music is: scores to signs and back, with a grammar."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bowerbird.music.score.key import Key
from bowerbird.music.score.meter import Meter
from bowerbird.music.tokens.melody_grammar import Grammar

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


class Alphabet(Protocol):
    """What turns scores into signs, numbered from 0, and back."""

    @property
    def kind(self) -> str:
        """The name of the alphabet."""
        ...

    @property
    def size(self) -> int:
        """Number of signs."""
        ...

    @property
    def end(self) -> int:
        """The sign that ends a piece."""
        ...

    def opening(self, key: Key | None = None, meter: Meter | None = None) -> list[int]:
        """Return the signs that ask for a meter, and a key; a key needs a meter before it.

        Raises MusicError for a meter or key that the alphabet does not have.
        """
        ...

    def encode(self, score: "Score") -> np.ndarray:
        """Return the signs of a score, without the end; raise MusicError if it has no signs."""
        ...

    def decode(self, ids: Iterable[int]) -> "Score":
        """Return the score of signs; raise MusicError for a number that is no sign."""
        ...

    def grammar(self, bars: int = 0, *, steady: bool = False) -> Grammar:
        """Return what says which signs may come next, at the beginning of a piece.

        ``bars`` is how many there shall be, as played (0: any number); ``steady`` is one meter.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return what builds this alphabet again, ready for JSON."""
        ...
