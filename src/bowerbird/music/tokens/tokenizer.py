"""The base class of the music tokenizers: scores to token ids and back."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.config import TokenizerKind
from bowerbird.music.score.key import Key
from bowerbird.music.score.meter import Meter
from bowerbird.music.tokens.grammar import Grammar
from bowerbird.music.tokens.vocabulary import Token, Vocabulary

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


class MusicTokenizer(ABC):
    """Encodes scores as token ids, decodes them, and knows which tokens may come next."""

    kind: TokenizerKind
    end_token = 0
    """The id of the token that ends a piece."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Use the tokens of a vocabulary."""
        self.vocabulary = vocabulary
        self.dtype = np.min_scalar_type(len(vocabulary) - 1)

    @property
    def vocab_size(self) -> int:
        """The number of tokens."""
        return len(self.vocabulary)

    @abstractmethod
    def encode(self, score: "Score") -> np.ndarray:
        """Return the token ids of a score, without the end, in the smallest unsigned integers.

        Raises MusicError for a score that the vocabulary can't represent.
        """

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> "Score":
        """Return the score of token ids, up to an end; raise MusicError for an id out of range."""

    @abstractmethod
    def grammar(
        self, bars: int = 0, *, single_meter: bool = False, cadence: bool = False
    ) -> Grammar:
        """Return a grammar at the start of a piece of ``bars`` as played (0 for any number).

        ``single_meter`` forbids changes of meter. ``cadence`` ends on the tonic (melody only).
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return what `tokenizer_from` builds this tokenizer from, ready for JSON."""

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
                asked = f"meter {meter[0]}/{meter[1]}" if token == tokens[0] else f"key {key}"
                known = f"; its meters are {self.known_meters}" if token == tokens[0] else ""
                raise MusicError(f"the model was not trained on the {asked}{known}")
        return [self.vocabulary.ids[token] for token in tokens]

    @abstractmethod
    def _header(self, meter: Meter, key: Key | None) -> Sequence[Token]:
        """Return the tokens with which a piece in a meter, and a key, begins."""

    @property
    def known_meters(self) -> str:
        """The meters in the vocabulary, for messages."""
        tokens = (self.vocabulary.tokens[number] for number in self.vocabulary.ids_of("meter"))
        return ", ".join(f"{token[1]}/{token[2]}" for token in tokens)


def used_ids(tokenizer: MusicTokenizer, scores: Iterable["Score"]) -> list[int]:
    """Return the ids of the tokens that scores need, in order, with the end."""
    used = np.zeros(tokenizer.vocab_size, bool)
    used[tokenizer.end_token] = True
    for score in scores:
        used[tokenizer.encode(score)] = True
    return np.flatnonzero(used).tolist()
