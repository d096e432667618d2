"""The kinds of music tokenizers: build one from its name, for a corpus, or from a model file."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.augment import variations
from bowerbird.music.config import AugmentConfig, TokenizerKind
from bowerbird.music.tokens.abc import AbcTokenizer
from bowerbird.music.tokens.events import EVENT_KINDS, EventTokenizer
from bowerbird.music.tokens.melody import MelodyTokenizer
from bowerbird.music.tokens.tokenizer import MusicTokenizer

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

KINDS: tuple[TokenizerKind, ...] = get_args(TokenizerKind)


def new_tokenizer(kind: TokenizerKind, ids: Iterable[int] | None = None) -> MusicTokenizer:
    """Return a tokenizer with these tokens of its kind, or all; raise MusicError for others."""
    if kind == "melody":
        return MelodyTokenizer(ids)
    if kind == "abc":
        return AbcTokenizer(ids)
    if kind in EVENT_KINDS:
        return EventTokenizer(kind, ids)
    raise MusicError(f"{kind!r:.40} is not a tokenizer; use one of {', '.join(KINDS)}")


def tokenizer_for(kind: TokenizerKind, scores: Iterable["Score"]) -> MusicTokenizer:
    """Return a tokenizer with the tokens that scores need; those it can't encode are skipped.

    Raises MusicError for an unknown kind, and if no score can be encoded.
    """
    tokenizer = new_tokenizer(kind)
    used = np.zeros(tokenizer.vocab_size, bool)
    for score in scores:
        try:
            used[tokenizer.encode(score)] = True
        except MusicError:
            continue
    if not used.any():
        raise MusicError(f"none of the pieces can be encoded as {kind} tokens")
    used[tokenizer.end_token] = True
    return new_tokenizer(kind, np.flatnonzero(tokenizer.complete(used)).tolist())


def tokenizer_from(data: Mapping[str, Any]) -> MusicTokenizer:
    """Return the tokenizer of `MusicTokenizer.to_dict`; raise MusicError for anything else."""
    kind, ids = (data.get("kind"), data.get("tokens")) if isinstance(data, Mapping) else ("", [])
    if kind not in KINDS:
        raise MusicError(f"the model's tokenizer is {kind!r:.40}, not one of {', '.join(KINDS)}")
    if isinstance(ids, list) and all(type(n) is int and 0 <= n < 1 << 31 for n in ids):
        return new_tokenizer(kind, ids)
    raise MusicError(f"the {kind} tokens of the model are damaged; download the model again")


def encode_pieces(
    pieces: Iterable[tuple[str, "Score"]],
    tokenizer: MusicTokenizer,
    skipped: dict[str, str],
    augment: AugmentConfig | None = None,
) -> Iterator[np.ndarray]:
    """Yield an end, then the token ids of each piece and its end: the stream to train on.

    ``augment`` is for training pieces, never for validation. Pieces of which no variation can be
    encoded are added to ``skipped``, with the reason.
    """
    end = np.array([tokenizer.end_token], tokenizer.dtype)
    yield end
    for name, score in pieces:
        encoded, reason = False, "transposed as asked, it exceeds MIDI's range"
        for variation in variations(score, augment or AugmentConfig()):
            try:
                ids = tokenizer.encode(variation)
            except MusicError as error:
                reason = str(error)
                continue
            encoded = True
            yield np.concatenate([ids, end])
        if not encoded:
            skipped[name] = reason
