"""The grammar of melody tokens: bars add up, repeats make sense, and a tune ends at home.

A tune is meter, tonic and mode, then bars. In a bar the durations add up to the meter: one is
allowed if it fits and the rest of the bar can be filled. A note is held over a bar line, never over
nothing; a repeat closes where whole bars have passed since it opened; a first ending has a second.
A tune ends at the end of a bar, or early by the length of its pickup. With a single meter it
doesn't begin with a bar of rest; with a cadence, it ends on its tonic.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from bowerbird.music.score.melody import GRID
from bowerbird.music.score.meter import bar_length
from bowerbird.music.tokens.grammar import SECOND_ENDING_DUE, UNLIMITED, Grammar, Sections, Sums
from bowerbird.music.tokens.vocabulary import Vocabulary, split_token

MIN_FINAL = 12  # ticks of the last note, at least, where a tune has to end on its tonic
PHRASE = 8  # bars are counted up to this, and again from 1
_RANK = {":|": 0, "||": 1, "|:": 2, "[1": 3, "[2": 3, "meter": 4}  # order of symbols at one tick


class BarCounter:
    """Counts the bars of a section, as bar tokens show them."""

    def __init__(self, passed: int = 0) -> None:
        """Start after ``passed`` bars; after -1 the next one is a pickup, which shows 0."""
        self.passed, self.ending = passed, 0

    @property
    def next(self) -> int:
        """What the next bar token shows."""
        return self.passed % PHRASE + 1 if self.passed >= 0 else 0

    def bar(self) -> int:
        """Count a bar, and return what its token shows."""
        shown = self.next
        self.passed += 1
        return shown

    def mark(self, symbol: str) -> None:
        """Start again after a section; a second ending has the numbers of the first."""
        if symbol == "[1":
            self.ending = self.passed
        else:
            self.passed = self.ending if symbol == "[2" else 0


class MelodyGrammar(Grammar):
    """The grammar of `bowerbird.music.tokens.melody.MelodyTokenizer`."""

    def _start(self, bars: int) -> None:
        self.masks = _masks(self.vocabulary)
        self.sections, self.counter = Sections(bars), BarCounter()
        self.expects = "meter"  # then tonic, mode, bar, event, duration
        self.meter = -1  # the token
        self.bar = self.position = self.time = 0  # ticks: of a bar, in the bar, in all
        self.bars: list[list[tuple[str, int]]] = []  # event and duration of all that is in a bar
        self.bar_on_tonic: list[bool] = []  # whether the last note up to each bar's end is a tonic
        self.on_tonic = False  # whether the last note is
        self.divided: set[int] = set()  # bars with a symbol inside
        self.tonic, self.pickup, self.has_pickup = 0, 0, False  # pickup: ticks of rest before it
        self.section_start = self.section_offset = 0  # where the section began: in all, in the bar
        self.rank = -1  # of the last symbol at this tick
        self.event = self.last = ""  # what the next duration belongs to; note or rest before it
        self.has_note = False

    def _allow(self, mask: np.ndarray) -> None:
        match self.expects:
            case "meter" | "tonic" | "mode":
                mask[self.vocabulary.ids_of(self.expects)] = True
            case "duration":
                self._allow_durations(mask)
            case "bar":
                self._allow_between_bars(mask)
            case "event":
                self._allow_events(mask)

    def _left(self) -> int:
        """Return the ticks up to the next place where something has to end."""
        early = self.section_offset - self.position
        if early > 0 and self._repeat_due(early) and self.masks.sums.up_to(early)[early]:
            return early
        return self.bar - self.position

    def _allow_durations(self, mask: np.ndarray) -> None:
        """Allow what fits, but no first bar of rest and no end away from the tonic."""
        mask |= self.masks.durations(self._left())
        if self.single_meter and not self.has_note and self.event == "rest":
            mask[self.vocabulary.ids.get(("duration", self.bar), 0)] = False
        if self._in_last_bar() and not self.on_tonic:
            mask &= ~self._too_late()

    def _in_last_bar(self) -> bool:
        """Return whether the tune ends with this bar, and has to end on its tonic."""
        return self.cadence and bool(self.sections.bars) and self._ends_after(self._left())

    def _too_late(self) -> np.ndarray:
        """Return which durations leave less than an eighth for another note before the end."""
        lefts = (self.pickup - self.position, self._left())
        ticks = self.masks.ticks
        return np.logical_or.reduce(
            [
                (left >= ticks) & (left - ticks < MIN_FINAL)
                for left in lefts
                if self._ends_after(left)
            ]
        )

    def _ends_after(self, more: int) -> bool:
        """Return whether the tune ends ``more`` ticks from now, if it may."""
        offset, passed = (self.position + more) % self.bar, self._section_bars(more)
        remaining, ending = self.sections.remaining, self.sections.ending
        if self.sections.repeating:
            return offset == self.section_offset and 2 * passed >= remaining and not ending
        return offset in (0, self.pickup) and passed >= remaining and not ending

    def _forbid_other_ends(self, mask: np.ndarray) -> None:
        """Forbid events after which the last note would not be the tonic."""
        if not (self.masks.durations(self._left()) & ~self._too_late()).any():
            on_tonic, silent = self.masks.tonic, self.masks.silent
            mask &= on_tonic | silent if self.on_tonic else on_tonic
        for ago, token in self.masks.copies.items():
            mask[token] = mask[token] and self.bar_on_tonic[-ago - 1]

    def _repeat_due(self, more: int) -> bool:
        """Return whether a repeat has to close ``more`` ticks from now, to keep to the length."""
        opened = self.sections.repeating or self.sections.ending == 1
        return (
            opened and self.sections.repeated(self._section_bars(more)) >= self.sections.remaining
        )

    def _section_bars(self, more: int = 0) -> int:
        """Return the ticks of the bars that have begun in the section, without a pickup.

        Those of a last bar that is not full count as a whole bar.
        """
        start, bar = self.section_offset, self.bar or 1
        end = start + self.time - self.section_start + more
        return bar * (-(-end // bar) - -(-start // bar))

    def _allow_between_bars(self, mask: np.ndarray) -> None:
        if self.rank < _RANK["meter"] and self._allow_symbols(mask):
            return
        if self.sections.ending == SECOND_ENDING_DUE:
            return
        if not self.bars:  # the first bar may be a pickup
            mask[self.masks.bars[[0, 1] if self.rank < 0 else [1]]] = True
        else:
            mask[self.masks.bars[self.counter.next]] = True
        free = not (self.single_meter or self.sections.bars)
        if self.bars and self.rank < _RANK["meter"] and free:
            mask[self.vocabulary.ids_of("meter")] = True
            mask[self.meter] = False

    def _allow_events(self, mask: np.ndarray) -> None:
        """Allow what stands within a bar."""
        masks = self.masks
        if self.position and self._allow_symbols(mask):
            return
        seam = self.position == 0 or self.rank >= 0  # a bar line or a symbol is just before
        if self.sections.ending == SECOND_ENDING_DUE:
            mask[masks.rest] = True
            return
        mask |= masks.pitches(self.tonic, self.scale)
        free = self.has_note or not self.single_meter
        mask[masks.rest] = self.last != "rest" or (seam and free)
        if len(self.bars) == 1 and self.time == 0:  # its number says whether it is a pickup
            mask &= masks.only_rest == self.has_pickup
        mask[masks.hold] = seam and self.last == "note"
        if self.position == 0 and self._left() == self.bar:
            for ago, token in masks.copies.items():
                mask[token] = self.has_note and self._can_copy(ago)
        if self._in_last_bar():
            self._forbid_other_ends(mask)

    def _can_copy(self, ago: int) -> bool:
        """Return whether this bar can be a copy of an earlier one."""
        if len(self.bars) <= ago:
            return False
        bar = self.bars[-ago - 1]
        complete = len(bar) > 1 and sum(duration for _, duration in bar) == self.bar
        undivided = len(self.bars) - ago - 1 not in self.divided
        return complete and bar[0][0] != "hold" and undivided

    def _allow_symbols(self, mask: np.ndarray) -> bool:
        """Allow repeat symbols, and the end; return whether one of them is all that is allowed."""
        ids, sections = self.vocabulary.ids, self.sections
        offset, passed = self.position % (self.bar or 1), self._section_bars()
        if sections.ending == SECOND_ENDING_DUE:
            due = offset == 0 and self.rank <= _RANK["[2"]
            mask[ids["[2"]] = due
            return due
        rank, remaining, plain = self.rank, sections.remaining, sections.plain
        begun = self.time > self.section_start
        whole = begun and offset == self.section_offset and self.has_note
        closes = whole and rank < _RANK[":|"] and not sections.once
        at_end = offset == 0 or (bool(self.pickup) and offset == self.pickup)
        ends = at_end and self.has_note and plain and rank < _RANK["|:"]
        repeated = sections.repeated(passed)
        if closes and repeated >= remaining and not plain:
            mask[ids[":|"]] = True
            return True
        if sections.bars and passed >= remaining and ends:
            mask[0] = True
            return True
        mask[0] = ends and not sections.bars
        full = self.cadence and not self.on_tonic and repeated == remaining  # the tune would end
        mask[ids[":|"]] = closes and repeated <= remaining and not (full and not sections.ending)
        if plain:
            ended = begun and offset in (0, self.section_offset)
            mask[ids["||"]] = ended and self.has_note and rank < _RANK["||"]
            opens = self.has_note or self.time in (0, self.pickup)
            fits = passed + 2 * self.bar <= remaining
            mask[ids["|:"]] = opens and rank < _RANK["|:"] and fits
        ends = offset == 0 and begun and not sections.ending
        if ends and self.has_note and not sections.once:
            mask[ids["[1"]] = rank < _RANK["[1"] and 2 * (passed + self.bar) <= remaining
        return False

    def _append(self, token: int) -> None:
        kind, value = split_token(self.vocabulary.tokens[token])
        match kind:
            case "meter":
                self._set_meter(token)
            case "tonic":
                self.tonic, self.expects = value, "mode"
            case "mode":
                self.expects = "bar"
            case "duration":
                self._pass(value)
            case "bar":
                self._begin_bar(value)
            case "copy":
                self.on_tonic = self.bar_on_tonic[-value - 1]
                for event, duration in list(self.bars[-value - 1]):
                    self.event = event
                    self._pass(duration)
            case "rest" | "hold":
                self.event, self.expects = kind, "duration"
            case "pitch":
                self.event, self.expects = "note", "duration"
                self.on_tonic = value % 12 == 0
            case _:
                self._mark(kind)

    def _extend(self, bars: int) -> None:
        self.sections.extend(bars, self.bar, self._section_bars())

    def _set_meter(self, token: int) -> None:
        meter: Any = self.vocabulary.tokens[token]
        self.meter, self.bar = token, bar_length(meter[1:], GRID)
        if self.expects == "meter":
            self.sections.bar, self.expects = self.bar, "tonic"
        else:
            self.rank, self.position = _RANK["meter"], 0

    def _begin_bar(self, number: int) -> None:
        self.has_pickup = not number
        self.counter.passed += number > 0
        self.bars.append([])
        self.bar_on_tonic.append(self.on_tonic)
        self.position, self.rank, self.expects = 0, -1, "event"

    def _pass(self, duration: int) -> None:
        if not self.has_note and self.event == "rest":
            self.pickup = self.section_start = self.section_offset = duration % self.bar
        self.bars[-1].append((self.event, duration))
        self.bar_on_tonic[-1] = self.on_tonic
        self.has_note = self.has_note or self.event == "note"
        self.last, self.rank = "rest" if self.event == "rest" else "note", -1
        self.position += duration
        self.time += duration
        self.expects = "bar" if self.position == self.bar else "event"

    def _mark(self, symbol: str) -> None:
        """Append a repeat symbol or an ending."""
        self.rank, offset = _RANK[symbol], self.position % (self.bar or 1)
        if offset:
            self.divided.add(len(self.bars) - 1)
        self.counter.mark(symbol)
        self.sections.mark(symbol, self._section_bars())
        if symbol not in ("[1", "[2"):
            self.section_start, self.section_offset = self.time, offset


class _Masks:
    """Masks over a vocabulary of melody tokens, and which durations fill what is left of a bar."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        size, ids = len(vocabulary), vocabulary.ids
        self.size = size
        self.bars = np.array(vocabulary.ids_of("bar"))
        copies = vocabulary.ids_of("copy")
        self.copies = dict(zip(vocabulary.values_of("copy").tolist(), copies, strict=True))
        self.rest, self.hold = ids["rest"], ids["hold"]
        self.only_rest = np.arange(size) == self.rest
        self.silent = np.isin(np.arange(size), [self.rest, self.hold])
        self.ticks = np.full(size, UNLIMITED)  # of duration tokens
        self.ticks[vocabulary.ids_of("duration")] = vocabulary.values_of("duration")
        self.steps = np.full(size, UNLIMITED)  # semitones above the tonic, of pitch tokens
        self.steps[vocabulary.ids_of("pitch")] = vocabulary.values_of("pitch")
        self.tonic = (self.steps < UNLIMITED) & (self.steps % 12 == 0)
        self.sums = Sums(vocabulary.values_of("duration").tolist())
        self._durations: dict[int, np.ndarray] = {}
        self._pitches: dict[tuple[int, frozenset[int]], np.ndarray] = {}

    def durations(self, left: int) -> np.ndarray:
        """Return which durations fit into ``left`` ticks and leave what can be filled."""
        if left not in self._durations:
            fits = self.ticks <= left
            rests = np.where(fits, left - self.ticks, 0)
            self._durations[left] = fits & self.sums.up_to(left)[rests]
        return self._durations[left]

    def pitches(self, tonic: int, scale: frozenset[int]) -> np.ndarray:
        """Return which pitches above a tonic, of a scale if it isn't empty, MIDI can play."""
        key = tonic, scale
        if key not in self._pitches:
            pitches = 60 + tonic + self.steps
            in_scale = np.isin(self.steps % 12, list(scale)) if scale else True
            self._pitches[key] = (pitches >= 0) & (pitches <= 127) & in_scale
        return self._pitches[key]


@lru_cache(maxsize=8)
def _masks(vocabulary: Vocabulary) -> _Masks:
    """Return the masks of a vocabulary, computed once."""
    return _Masks(vocabulary)
