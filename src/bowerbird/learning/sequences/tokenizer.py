"""What the tokenizers of all domains have in common."""

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

import numpy as np

Document = TypeVar("Document")


class Tokenizer(Protocol[Document]):
    """Turns documents (texts, scores) into token ids, numbered from 0, and back."""

    @property
    def kind(self) -> str:
        """The name of this kind of tokenizer."""

    @property
    def vocab_size(self) -> int:
        """The number of tokens."""

    @property
    def end_token(self) -> int:
        """The id of the token that ends a document."""

    def encode(self, document: Document, /) -> np.ndarray:
        """Return the ids of a document, without the end, in the smallest unsigned integers."""

    def decode(self, ids: Iterable[int], /) -> Document:
        """Return the document of ids; raise ValueError for an id out of range."""

    def to_dict(self) -> dict[str, Any]:
        """Return what the tokenizer is built from again, ready for JSON."""
