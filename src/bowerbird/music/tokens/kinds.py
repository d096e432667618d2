"""The alphabets of music by name: which there are, learned from a corpus, built again."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.augment import variations
from bowerbird.music.config import AugmentConfig, TokenizerKind
from bowerbird.music.tokens.abc import AbcTokens
from bowerbird.music.tokens.events import EVENT_KINDS, Events
from bowerbird.music.tokens.melody import Notes
from bowerbird.music.tokens.vocabulary import Alphabet

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


KINDS: tuple[TokenizerKind, ...] = get_args(TokenizerKind)
MELODIES: tuple[TokenizerKind, ...] = ("melody", "abc")
"""Alphabets for one voice: pieces of more are reduced to their melody first."""


def learned_alphabet(kind: TokenizerKind, scores: Iterable["Score"]) -> Alphabet:
    """Return an alphabet with signs for what these scores hold; what can't be told is passed over.

    Raises MusicError for a kind that there is not, and for scores of which none can be told.
    """
    everything = full_alphabet(kind)
    found = _able(everything, scores)
    first = next(found, None)
    if first is None:
        raise MusicError(f"none of the pieces can be told in the alphabet {kind}")
    able = chain([first], found)
    if isinstance(everything, Notes):
        return Notes.learned(able)
    if isinstance(everything, AbcTokens):
        return AbcTokens.learned(able)
    return Events.learned(everything.kind, able)


def full_alphabet(kind: TokenizerKind) -> Notes | AbcTokens | Events:
    """Return an alphabet with every sign of its kind; raise MusicError if there is no such kind."""
    if kind == "melody":
        return Notes()
    if kind == "abc":
        return AbcTokens()
    if kind in EVENT_KINDS:
        return Events(kind)
    raise MusicError(f"{kind!r:.40} is none of the alphabets {', '.join(KINDS)}")


def _able(alphabet: Alphabet, scores: Iterable["Score"]) -> Iterator["Score"]:
    for score in scores:
        try:
            alphabet.encode(score)
        except MusicError:
            continue
        yield score


def alphabet_from(described: Mapping[str, Any]) -> Alphabet:
    """Return the alphabet that `described()` spoke of; raise MusicError for anything else."""
    kind = described.get("kind") if isinstance(described, Mapping) else None
    if kind == "melody":
        return Notes.from_described(described)
    if kind == "abc":
        return AbcTokens.from_described(described)
    if kind in EVENT_KINDS:
        return Events.from_described(described)
    raise MusicError(f"the model's alphabet is {kind!r:.40}, which is none of: {', '.join(KINDS)}")


def encoded(
    pieces: Iterable[tuple[str, "Score"]],
    alphabet: Alphabet,
    skipped: dict[str, str],
    augment: AugmentConfig | None = None,
) -> Iterator[np.ndarray]:
    """Yield an end, then the signs of each piece and its end: the stream that is learned from.

    ``augment`` is for what is learned from, never for what is measured on. Pieces of which no
    variation has signs go into ``skipped``, with the reason.
    """
    kind = np.min_scalar_type(alphabet.size - 1)
    end = np.array([alphabet.end], kind)
    yield end
    for name, score in pieces:
        told, why = False, "transposed as asked for, it leaves MIDI's range"
        for varied in variations(score, augment or AugmentConfig()):
            try:
                signs = alphabet.encode(varied)
            except MusicError as error:
                why = str(error)
                continue
            told = True
            yield np.concatenate([signs, end]).astype(kind)
        if not told:
            skipped[name] = why
