"""Titles: what a score is called, and what kind of tune it is.

MIDI has no event for either, so scores of several tracks keep them in markers: ``T:title`` and
``R:reel``, as in ABC.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


def title_of(score: "Score") -> str:
    """Return the title of a score: its marker ``T:``, or the name of its only track; else ""."""
    names = [track.name.strip() for track in score.tracks if len(track.notes)]
    return _marked(score, "T:") or (names[0] if len(names) == 1 else "")


def rhythm_of(score: "Score") -> str:
    """Return the kind of tune that a score is, as reel or jig, by its marker ``R:``; else ""."""
    return _marked(score, "R:")


def _marked(score: "Score", field: str) -> str:
    texts = (m.text[2:].strip() for m in score.markers if m.text.startswith(field))
    return next(texts, "")
