"""A melody that stays, while the other voices are written around it.

A grammar of events in which the first voice is given: its notes must be written when their time
comes, with their lengths, and nothing else may be written in that voice. The others end with
it, and none of their notes lasts longer than two bars.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.key import key_of
from bowerbird.music.score.melody import melody
from bowerbird.music.score.meter import bar_length, meters_of
from bowerbird.music.tokens.events_grammar import LONGEST, EventGrammar
from bowerbird.music.tokens.voices import GRID, voices_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

    from bowerbird.music.tokens.events import Events


class Harmony:
    """The grammar of events around a given melody, for remi, tsd and structured."""

    def __init__(self, alphabet: "Events", score: "Score", voices: int = 2) -> None:
        """Begin a piece of so many voices; the first is the melody of a score.

        Raises MusicError if the alphabet can't tell the melody.
        """
        if alphabet.kind not in ("remi", "tsd", "structured"):
            raise MusicError(
                f"a melody is harmonized in remi, tsd or structured: not {alphabet.kind}"
            )
        line = melody(score)
        meters = meters_of(score, GRID)
        if len(meters) > 1:
            raise MusicError("its meter changes; a melody in one meter can be harmonized")
        self.alphabet, self.inner = alphabet, EventGrammar(alphabet, steady=True)
        self.names, self.number = alphabet.names, alphabet.number
        self.voices = voices
        key = key_of(score)
        self.head = [("M", *meters[0][1]), ("K", key.pitch_class), key.mode]
        notes = voices_of(line)
        lengths = (notes.ends - notes.starts).tolist()
        self.notes = list(zip(notes.starts.tolist(), notes.pitches.tolist(), lengths, strict=True))
        self.until = int(notes.ends[-1])  # where the melody ends; all else begins before
        bar = bar_length(meters[0][1], GRID)
        self.inner.until, self.longest = self.until, 2 * bar
        self.bars = -(-self.until // bar)
        self.place = 0  # of the next note of the melody
        self.waiting: list[int] = []  # signs that have to come now
        needed = [*self.head, *(("voice", n) for n in range(voices)), *self._times(bar)]
        needed += [("on", pitch) for _, pitch, _ in self.notes]
        needed += [("lasts", n) for _, _, length in self.notes for n in _parts(length)]
        self.signs = 2 * len(needed)  # of the melody alone, at most
        for name in needed:
            if name not in self.number:
                told = " ".join(map(str, name)) if isinstance(name, tuple) else name
                raise MusicError(f"the melody has {told!r}, which the composer never met")
        self._steps = {name[1] for name in self.names if name[0] == "shift"}

    @property
    def ended(self) -> bool:
        """Whether the end has been taken."""
        return self.inner.ended

    @property
    def left(self) -> int:
        """How many notes of the melody are still to come."""
        return len(self.notes) - self.place

    def _times(self, bar: int) -> list[tuple[str, int]]:
        """Return the signs that say when the notes of the melody begin."""
        starts = [start for start, _, _ in self.notes]
        if self.alphabet.kind == "remi":
            return [("position", start % bar) for start in starts]
        gaps = [after - before for before, after in pairwise([0, *starts])]
        first = [("shift", 0)] if self.alphabet.kind == "structured" and not gaps[0] else []
        return [*first, *(("shift", n) for gap in gaps for n in _parts(gap))]

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next; after an end nothing may."""
        mask = self.inner.allowed()
        if self.head:
            return self._only(mask, self.number[self.head[0]])
        if self.inner.voices < self.voices:
            programs = np.zeros_like(mask)
            programs[self.inner.parts.of["program"]] = True
            return mask & programs
        mask[self.inner.parts.of["program"]] = False
        if self.waiting:
            return self._only(mask, self.waiting[0])
        self._until(mask)
        if not self.left:
            mask[self.alphabet.end] |= not mask.any()
        return mask

    @staticmethod
    def _only(mask: np.ndarray, sign: int) -> np.ndarray:
        alone = np.zeros_like(mask)
        alone[sign] = mask[sign]
        return alone

    def _until(self, mask: np.ndarray) -> None:
        """Forbid what passes the next note of the melody or its end, and what is in its voice."""
        inner, left = self.inner, self.left
        time = self.notes[self.place][0] if left else self.until - inner.parts.least
        longest = self.longest - inner.told if inner.voice else 0
        mask[inner.parts.of["lasts"]] &= inner.parts.lengths <= longest
        mask[self.number["voice", 0]] = False
        if left:
            mask[self.alphabet.end] = False
        if inner.voice == 0:
            mask[inner.parts.of["on"]] = False
        for sign in inner.parts.of["shift"]:
            rest = time - inner.at - self.names[sign][1]
            mask[sign] &= rest >= 0 and (not left or self._steps.issuperset(_parts(rest)))
        for sign in inner.parts.of["position"]:
            mask[sign] &= inner.bar + self.names[sign][1] <= time
        begins = inner.bar + (inner.length if inner.count else 0)
        mask[inner.parts.bar] &= begins <= time

    def advance(self, sign: int) -> None:
        """Take a sign as written; raise MusicError if it may not come next."""
        if not (0 <= sign < self.alphabet.size and self.allowed()[sign]):
            raise MusicError(f"the sign {sign} may not come here")
        self.inner.advance(sign)
        if self.head:
            self.head.pop(0)
        elif self.waiting:
            self.waiting.pop(0)
        if not self.head and self.inner.voices == self.voices and not self.waiting:
            self._call()

    def _call(self) -> None:
        """Line up the signs of the melody's next note if its time has come."""
        if self.place == len(self.notes):
            return
        time, pitch, length = self.notes[self.place]
        kind = EventGrammar.kind_of(self.inner.last)
        told = {"remi": kind == "position", "structured": kind == "shift", "tsd": True}
        if self.inner.at != time or self.inner.order[0] == 2 or kind == "voice":
            return
        if not told[self.alphabet.kind]:
            return
        names: list[Any] = [] if self.inner.voice == 0 else [("voice", 0)]
        names += [("on", pitch), *(("lasts", n) for n in _parts(length))]
        self.waiting = [self.number[name] for name in names]
        self.place += 1


def _parts(length: int) -> list[int]:
    """Return the parts in which durations and shifts say a length."""
    whole, rest = divmod(length, LONGEST)
    return [LONGEST] * whole + [rest] * bool(rest)
