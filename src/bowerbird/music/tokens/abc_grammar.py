"""The grammar of ABC tokens: bars add up, and every tune can be read.

The durations of a bar fill it. The first bar may be short, a pickup; then a section may end early
by as much. After a section that ends within a bar either the rest of the bar comes, as the pickup
of the next section, or a new bar. A tied note continues with the same note.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import cast

import numpy as np

from bowerbird.music.tokens.grammar import SECOND_ENDING_DUE, Grammar, Sections, Sums
from bowerbird.music.tokens.vocabulary import Vocabulary

QUARTER = 144  # ticks: 6 for each of the grid, so that tuplets are whole
_EIGHTH = QUARTER // 2
_NOTE = re.compile("[_=^]*[A-Ga-g][,']*")
_RANK = {"|": 0, "|]": 0, "||": 0, ":|": 0, "[M": 1, "|:": 2, "[1": 3, "[2": 3}


class AbcGrammar(Grammar):
    """The grammar of `bowerbird.music.tokens.abc.AbcTokenizer`."""

    def _start(self, bars: int) -> None:
        self.masks, self.sections = _masks(self.vocabulary), Sections(bars)
        self.expects = "meter"  # then key, body, and chord within a chord
        self.bar, self.meter = 0, -1  # ticks of a bar, and the token of its meter
        self.position = 0  # ticks of this measure so far
        self.starts: tuple[int, ...] = (0,)  # where in its bar this measure may have begun
        self.pickup = self.section_offset = 0  # where in a bar the tune and the section began
        self.num_measures = 0  # that are complete
        self.section = 0  # ticks of this section's complete measures
        self.tuplet_left = 0  # notes of a tuplet that are still to come
        self.pending = False  # whether the last note may still get a duration
        self.pitched = False  # whether the last token can be tied
        self.tied: tuple[str, ...] = ()
        self.chord: list[str] = []
        self.rank = -1  # of the last bar line since the last note
        self.is_over, self.last, self.has_note = False, "", False

    def _allow(self, mask: np.ndarray) -> None:
        if self.expects in ("meter", "key"):
            mask[self.masks.header[self.expects]] = True
        elif self.expects == "chord":
            mask[self.masks.notes] = True
            mask[[self.vocabulary.ids[name] for name in self.chord]] = False
            self._set(mask, "]", len(self.chord) > 1)
        else:
            position, left, fits = self.position, self.tuplet_left, True
            if self.pending:
                self._allow_durations(mask)
                fits = self._fits(_EIGHTH)
                position, left = position + self._scaled(_EIGHTH), max(0, left - 1)
            if fits:
                following = np.zeros(len(mask), bool)
                self._set(following, "-", self.pitched)
                self._allow_notes(following, position, left)
                self._allow_lines(following, position, left)  # may take all else back
                mask |= following

    def _allow_durations(self, mask: np.ndarray) -> None:
        """Allow the durations with which the measure can be filled."""
        if self.tuplet_left:
            for token, duration in self.masks.durations.items():
                mask[token] = self._fits(duration)
            return
        for end in self._measure_ends():
            mask[self.masks.duration_ids] |= self.masks.fitting(end - self.position)

    def _set(self, mask: np.ndarray, token: str, value: bool) -> None:
        if token in self.vocabulary.ids:
            mask[self.vocabulary.ids[token]] = value

    def _scaled(self, duration: int) -> int:
        return duration * 2 // 3 if self.tuplet_left else duration

    def _fits(self, duration: int) -> bool:
        """Return whether the last note can have a duration, so that the measure can be filled."""
        position = self.position + self._scaled(duration)
        return self._fillable(position, max(0, self.tuplet_left - 1))

    def _fillable(self, position: int, tuplet_left: int) -> bool:
        ends = self._measure_ends()
        return any(self.masks.fillable(end - position, tuplet_left) for end in ends)

    def _measure_ends(self) -> list[int]:
        """Return how many ticks this measure may have in all."""
        ends = [self.bar - start for start in self.starts]
        if self.sections.repeating or self.sections.ending == 1:
            for place, start in enumerate(self.starts):
                early = self.section_offset - start  # where the repeat may close
                due = self.sections.repeated(self.section + early) >= self.sections.remaining
                left = early - self.position
                if left > 0 and due and self.masks.fillable(left, self.tuplet_left):
                    ends[place] = early
        return ends

    def _allow_notes(self, mask: np.ndarray, position: int, tuplet_left: int) -> None:
        """Allow notes, chords, rests, tuplets."""
        if self.sections.ending == SECOND_ENDING_DUE or self.is_over:
            return
        if max(self._measure_ends()) <= position and not tuplet_left:
            return
        notes = self.masks.notes
        if self.tied:
            single = len(self.tied) == 1
            mask[[n for n in notes if self._continues_tie(n)]] = single
            self._set(mask, "[", not single)
        else:
            mask[notes] = True
            self._set(mask, "[", len(notes) > 1)
            self._set(mask, "z", not self.single_meter or self.has_note)
        if not tuplet_left:
            for token, count in self.masks.tuplets.items():
                mask[token] = self._fillable(position, count)

    def _continues_tie(self, token: int) -> bool:
        """Return whether a note can be the tied one: its accidental may be left out."""
        name = self.vocabulary.tokens[token]
        return name in self.tied or name == self.tied[0].lstrip("^_=")

    def _allow_lines(self, mask: np.ndarray, position: int, tuplet_left: int) -> None:
        """Allow bar lines, repeat symbols and the end."""
        if tuplet_left:
            return
        if not position:
            self._allow_after_line(mask)
            return
        sections, first = self.sections, not self.num_measures
        places = [start + position for start in self.starts]
        ended = self.bar in places or first
        closes = any(place % self.bar == self.section_offset for place in places) and not first
        repeats = closes and not sections.once
        self._set(mask, "|", ended)
        if self.tied:
            return
        plain = sections.plain
        early = bool(self.pickup) and self.pickup in places
        ends = plain and not first and (ended or early)
        passed, remaining = self.section + position, sections.remaining
        full = repeats and sections.repeated(passed) >= remaining and not plain
        if full or (sections.bars and ends and passed >= remaining):
            mask[:] = False
            self._set(mask, ":|" if full else "|]", True)
            return
        self._set(mask, "|]", ends and not sections.bars)
        self._set(mask, ":|", repeats and sections.repeated(passed) <= remaining)
        self._set(mask, "||", plain and (ended or closes))
        self._set(mask, "|:", plain and passed + 2 * self.bar <= remaining)

    def _allow_after_line(self, mask: np.ndarray) -> None:
        """Allow what may stand after a bar line, before the first note."""
        sections = self.sections
        plain, remaining = sections.plain and not self.tied, sections.remaining
        enough = not sections.bars or self.section >= remaining
        mask[0] = self.is_over or (self.last == ":|" and plain and enough)
        if self.is_over or (sections.bars and mask[0]):
            mask[:] = False
            mask[0] = True
            return
        if self.rank == 0 and not self.single_meter and self.num_measures and not sections.bars:
            self._allow_meters(mask, same=self.last == ":|" and plain)
        if sections.ending == SECOND_ENDING_DUE:
            self._set(mask, "[2", True)
            return
        begins = plain and self.section + 2 * self.bar <= remaining
        self._set(mask, "|:", begins and self.rank < _RANK["|:"])
        begins = self.section > 0 and self.starts == (0,) and not sections.ending and not self.tied
        fits = 2 * (self.section + self.bar) <= remaining and not sections.once
        self._set(mask, "[1", begins and fits and self.rank < _RANK["[1"])

    def _allow_meters(self, mask: np.ndarray, *, same: bool) -> None:
        """Allow a new meter, and the same one only if ``same``."""
        mask[self.masks.inline_meters] = True
        mask[self.masks.inline_meter_of.get(self.meter, 0)] &= same

    def _extend(self, bars: int) -> None:
        pending = self._scaled(_EIGHTH) if self.pending else 0
        self.sections.extend(bars, self.bar, self.section + self.position + pending)

    def _append(self, token: int) -> None:
        name = cast(str, self.vocabulary.tokens[token])
        if token in self.masks.durations:
            self._pass(self.masks.durations[token])
        elif self.expects == "chord":
            if name == "]":
                self.expects, self.pending, self.tied = "body", True, ()
            else:
                self.chord.append(name)
        else:
            if self.pending:
                self._pass(_EIGHTH)
            self._append_body(name, token)
        self.last = name

    def _pass(self, duration: int) -> None:
        self.position += self._scaled(duration)
        self.tuplet_left = max(0, self.tuplet_left - 1)
        self.pending = False

    def _append_body(self, name: str, token: int) -> None:
        if self.expects == "meter":
            self._set_meter(name[2:], token)
            self.sections.bar, self.expects = self.bar, "key"
        elif self.expects == "key":
            self.expects = "body"
        elif name == "-":
            self.tied, self.pitched = tuple(self.chord), False
        elif name == "[":
            self.expects, self.chord, self.pitched, self.rank = "chord", [], True, -1
            self.has_note = True
        elif name.startswith("[M:"):
            self._set_meter(name[3:-1], self.vocabulary.ids.get(f"M:{name[3:-1]}", -1))
            self.rank = _RANK["[M"]
        elif name in _RANK:
            self._append_line(name)
        elif token in self.masks.tuplets:
            self.tuplet_left = self.masks.tuplets[token]
        else:
            self.chord = [name] if name != "z" else []
            self.has_note = self.has_note or name != "z"
            self.pending, self.pitched, self.tied, self.rank = True, name != "z", (), -1

    def _set_meter(self, text: str, token: int) -> None:
        beats, part = map(int, text.split("/"))
        self.bar, self.meter, self.starts = 4 * QUARTER * beats // part, token, (0,)

    def _append_line(self, name: str) -> None:
        """Append a bar line, a repeat symbol or an ending."""
        self.rank, self.pitched = _RANK[name], False
        place = self._end_measure(name) if self.position else self.starts[0]
        if name in (":|", "||", "|:", "[1", "[2"):
            self.sections.mark(name, self.section)
        if name in ("[1", "[2"):
            self.starts = (0,)
        if name in (":|", "||", "|:"):
            self.section, self.section_offset = 0, place
        self.is_over = name == "|]"

    def _end_measure(self, name: str) -> int:
        """End a measure, and return where in the bar it ends; the end of a bar is 0."""
        ticks, self.position = self.position, 0
        self.section += ticks
        places = [start + ticks for start in self.starts]
        self.num_measures += 1
        if self.num_measures == 1:  # a short first measure is a pickup
            self.pickup = self.section_offset = (self.bar - ticks) % self.bar
            place = 0
        elif self.bar in places or name == "|":
            place = 0
        elif self.section_offset in places:
            place = self.section_offset
        else:
            place = places[0]
        self.starts = (place, 0) if place else (0,)
        return place


class _Masks:
    """The ids of a vocabulary by kind, and which durations fill what is left of a measure."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        ids = vocabulary.ids
        names = [(n, cast(str, token)) for n, token in enumerate(vocabulary.tokens)]
        self.header = {
            "meter": [n for n, name in names if name.startswith("M:")],
            "key": [n for n, name in names if name.startswith("K:")],
        }
        inline = {n: name[1:-1] for n, name in names if name.startswith("[M:")}
        self.inline_meters = list(inline)
        self.inline_meter_of = {ids[name]: n for n, name in inline.items() if name in ids}
        self.notes = [n for n, name in names if _NOTE.fullmatch(name)]
        self.tuplets = {n: int(name[5:] or 3) for n, name in names if name[:2] == "(3"}
        self.durations: dict[int, int] = {}
        for n, name in names:
            if name[0].isdigit() or name[0] == "/":
                top, _, bottom = name.partition("/")
                self.durations[n] = int(Fraction(int(top or 1), int(bottom or 1)) * _EIGHTH)
        self.duration_ids = list(self.durations)
        self._ticks = np.array(list(self.durations.values()), np.int64)
        self._distinct = sorted({*self.durations.values(), _EIGHTH})
        self._sums = Sums(self._distinct)
        self._tuplets: dict[tuple[int, int], bool] = {}

    def fitting(self, left: int) -> np.ndarray:
        """Return for each duration whether it fits and leaves what can be filled."""
        if left <= 0:
            return np.zeros(len(self._ticks), bool)
        rest = left - self._ticks
        return (rest >= 0) & self._sums.up_to(left)[np.maximum(rest, 0)]

    def fillable(self, left: int, tuplet_left: int) -> bool:
        """Return whether notes can fill ``left`` ticks, the first ones the rest of a tuplet."""
        if left < 0:
            return False
        if not tuplet_left:
            return bool(self._sums.up_to(left)[left])
        if (left, tuplet_left) not in self._tuplets:
            self._tuplets[left, tuplet_left] = any(
                duration * 2 % 3 == 0 and self.fillable(left - duration * 2 // 3, tuplet_left - 1)
                for duration in self._distinct
            )
        return self._tuplets[left, tuplet_left]


@lru_cache(maxsize=8)
def _masks(vocabulary: Vocabulary) -> _Masks:
    """Return the masks of a vocabulary, computed once."""
    return _Masks(vocabulary)
