"""The grammar of a harmonization: the first voice is given, the others are composed around it.

The notes of the given melody are forced when their time comes, with their durations, and nothing
else may be written in that voice. The others end with it, and none of their notes lasts longer than
two bars.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.key import key_of
from bowerbird.music.score.melody import melody
from bowerbird.music.score.meter import bar_length, meters_of
from bowerbird.music.tokens.events_grammar import MAX_DURATION, EventGrammar
from bowerbird.music.tokens.grammar import Grammar
from bowerbird.music.tokens.vocabulary import Token, Vocabulary, describe, kind_of
from bowerbird.music.tokens.voices import GRID, voices_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

HARMONIZING = ("remi", "tsd", "structured")  # tokenizers in which a note has a duration


class HarmonizeGrammar(Grammar):
    """The grammar of events around a given melody, for remi, tsd and structured."""

    def __init__(self, vocabulary: Vocabulary, score: "Score", num_voices: int = 2) -> None:
        """Start a piece whose first voice is the melody of a score.

        Raises MusicError if the vocabulary can't represent the melody.
        """
        if vocabulary.kind not in HARMONIZING:
            kinds = ", ".join(HARMONIZING)
            raise MusicError(
                f"a melody can't be harmonized with {vocabulary.kind} tokens; use one of {kinds}"
            )
        super().__init__(vocabulary, single_meter=True)
        line, meters = melody(score), meters_of(score, GRID)
        if len(meters) > 1:
            raise MusicError("its meter changes; give a melody in a single meter")
        self.kind, self.num_voices = vocabulary.kind, num_voices
        self.inner = EventGrammar(vocabulary, single_meter=True)
        key, meter = key_of(score), meters[0][1]
        self.header: list[Token] = [
            ("meter", *meter),
            ("tonic", key.pitch_class),
            ("mode", key.mode),
        ]
        notes = voices_of(line)
        durations = (notes.ends - notes.starts).tolist()
        self.notes = list(
            zip(notes.starts.tolist(), notes.pitches.tolist(), durations, strict=True)
        )
        bar = bar_length(meter, GRID)
        self.inner.until = int(notes.ends[-1])  # all ends with the melody
        self.max_duration, self.bars = 2 * bar, -(-self.inner.until // bar)
        self.next = 0  # the next note of the melody
        self.forced: list[int] = []  # tokens that have to come now
        self.num_tokens = self._check_tokens(bar)  # of the melody, at most
        self._shifts = set(vocabulary.values_of("shift").tolist())

    def _check_tokens(self, bar: int) -> int:
        """Return twice the number of the melody's tokens; raise MusicError if one is unknown."""
        needed = [*self.header, *(("voice", n) for n in range(self.num_voices)), *self._times(bar)]
        needed += [("on", pitch) for _, pitch, _ in self.notes]
        needed += [("duration", n) for _, _, duration in self.notes for n in _chunks(duration)]
        for token in needed:
            if token not in self.vocabulary.ids:
                raise MusicError(
                    f"the melody has {describe(token)!r}, which is not in the model's vocabulary"
                )
        return 2 * len(needed)

    def _times(self, bar: int) -> list[Token]:
        """Return the tokens that say when the notes of the melody begin."""
        starts = [start for start, _, _ in self.notes]
        if self.kind == "remi":
            return [("position", start % bar) for start in starts]
        gaps = [after - before for before, after in pairwise([0, *starts])]
        first: list[Token] = [("shift", 0)] if self.kind == "structured" and not gaps[0] else []
        return [*first, *(("shift", n) for gap in gaps for n in _chunks(gap))]

    @property
    def notes_left(self) -> int:
        """How many notes of the melody are still to come."""
        return len(self.notes) - self.next

    def _start(self, bars: int) -> None:
        pass

    def _allow(self, mask: np.ndarray) -> None:
        mask |= self.inner.allowed()
        programs = self.vocabulary.ids_of("program")
        if self.header:
            self._force(mask, self.vocabulary.ids[self.header[0]])
        elif self.inner.num_voices < self.num_voices:
            mask &= np.isin(np.arange(len(mask)), programs)
        else:
            mask[programs] = False
            if self.forced:
                self._force(mask, self.forced[0])
                return
            self._restrict(mask)
            if not self.notes_left:
                mask[0] |= not mask.any()

    @staticmethod
    def _force(mask: np.ndarray, token: int) -> None:
        allowed = mask[token]
        mask[:] = False
        mask[token] = allowed

    def _restrict(self, mask: np.ndarray) -> None:
        """Forbid what passes the melody's next note or its end, and other notes in its voice."""
        inner, masks, ids_of = self.inner, self.inner.masks, self.vocabulary.ids_of
        until = self.notes[self.next][0] if self.notes_left else inner.until - masks.shortest
        longest = self.max_duration - inner.last_duration if inner.voice else 0
        mask[ids_of("duration")] &= masks.durations <= longest
        mask[self.vocabulary.ids["voice", 0]] = False
        if self.notes_left:
            mask[0] = False
        if inner.voice == 0:
            mask[ids_of("on")] = False
        for token, shift in zip(ids_of("shift"), masks.shifts.tolist(), strict=True):
            rest = until - inner.time - shift
            mask[token] &= rest >= 0 and (
                not self.notes_left or self._shifts.issuperset(_chunks(rest))
            )
        mask[ids_of("position")] &= inner.bar_start + masks.positions <= until
        next_bar = inner.bar_start + (inner.bar if inner.bar_count else 0)
        mask[masks.bar] &= next_bar <= until

    def _append(self, token: int) -> None:
        self.inner.advance(token)
        if self.header:
            self.header.pop(0)
        elif self.forced:
            self.forced.pop(0)
        if not self.header and self.inner.num_voices == self.num_voices and not self.forced:
            self._force_next_note()

    def _force_next_note(self) -> None:
        """Force the tokens of the melody's next note if its time has come."""
        inner = self.inner
        if not self.notes_left:
            return
        time, pitch, duration = self.notes[self.next]
        kind = kind_of(inner.last)
        timed = {"remi": kind == "position", "structured": kind == "shift", "tsd": True}
        if inner.time != time or inner.order[0] == 2 or kind == "voice" or not timed[self.kind]:
            return
        names: list[Any] = [] if inner.voice == 0 else [("voice", 0)]
        names += [("on", pitch), *(("duration", n) for n in _chunks(duration))]
        self.forced = [self.vocabulary.ids[name] for name in names]
        self.next += 1

    def _extend(self, bars: int) -> None:
        raise NotImplementedError("a harmonization is as long as its melody")


def _chunks(length: int) -> list[int]:
    """Return the durations or shifts that add up to a length, the longest first."""
    count, rest = divmod(length, MAX_DURATION)
    return [MAX_DURATION] * count + [rest] * bool(rest)
