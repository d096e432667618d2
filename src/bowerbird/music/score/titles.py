"""Titles: what a score is called, and what kind of tune it is.

MIDI has no event for either, so scores of several tracks keep them in markers: ``T:title`` and
``R:reel``, as in ABC.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

# control characters, half surrogates and what XML forbids
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


def clean_text(text: str) -> str:
    """Return a text for XML, ABC, HTML and the terminal, with blanks for control characters."""
    return _UNPRINTABLE.sub(" ", text)


def title_of(score: "Score") -> str:
    """Return the title of a score: its marker ``T:``, or the name of its only track; else ""."""
    names = [clean_text(track.name).strip() for track in score.tracks if len(track.notes)]
    return _marked(score, "T:") or (names[0] if len(names) == 1 else "")


def rhythm_of(score: "Score") -> str:
    """Return the kind of tune that a score is, as reel or jig, by its marker ``R:``; else ""."""
    return _marked(score, "R:")


def _marked(score: "Score", field: str) -> str:
    texts = (clean_text(m.text[2:]).strip() for m in score.markers if m.text.startswith(field))
    return next(texts, "")
