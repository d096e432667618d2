"""The kinds of music tokenizers: build one from its name, from a corpus, or from a model file."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
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


def full_tokenizer(kind: TokenizerKind) -> MusicTokenizer:
    """Return a tokenizer with every token of its kind; raise MusicError for an unknown kind."""
    if kind == "melody":
        return MelodyTokenizer()
    if kind == "abc":
        return AbcTokenizer()
    if kind in EVENT_KINDS:
        return EventTokenizer(kind)
    raise MusicError(f"{kind!r:.40} is not a tokenizer; use one of {', '.join(KINDS)}")


def tokenizer_for(kind: TokenizerKind, scores: Iterable["Score"]) -> MusicTokenizer:
    """Return a tokenizer with just the tokens that scores need; those it can't encode are skipped.

    Raises MusicError for an unknown kind, and if no score can be encoded.
    """
    usable = _encodable(full_tokenizer(kind), scores)
    first = next(usable, None)
    if first is None:
        raise MusicError(f"none of the pieces can be encoded as {kind} tokens")
    usable = chain([first], usable)
    if kind == "melody":
        return MelodyTokenizer.from_scores(usable)
    if kind == "abc":
        return AbcTokenizer.from_scores(usable)
    return EventTokenizer.from_scores(kind, usable)


def _encodable(tokenizer: MusicTokenizer, scores: Iterable["Score"]) -> Iterator["Score"]:
    for score in scores:
        try:
            tokenizer.encode(score)
        except MusicError:
            continue
        yield score


def tokenizer_from(data: Mapping[str, Any]) -> MusicTokenizer:
    """Return the tokenizer of `MusicTokenizer.to_dict`; raise MusicError for anything else."""
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind == "melody":
        return MelodyTokenizer.from_dict(data)
    if kind == "abc":
        return AbcTokenizer.from_dict(data)
    if kind in EVENT_KINDS:
        return EventTokenizer.from_dict(data)
    raise MusicError(f"the model's tokenizer is {kind!r:.40}, not one of {', '.join(KINDS)}")


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
