"""The grammar of event tokens: notes begin and end in order, and a piece has its bars.

A piece begins with meter, key, mode and the instruments of its voices. Notes that begin together
are in order of voice, then pitch; a note ends after it began, and once; a position in a bar comes
after those before it; a piece ends when nothing sounds, or nothing else may come. With a number of
bars, a pickup is none of them, and nothing sounds after the last one.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from bowerbird.music.score.meter import bar_length
from bowerbird.music.tokens.grammar import UNLIMITED, Grammar
from bowerbird.music.tokens.vocabulary import Token, Vocabulary, kind_of
from bowerbird.music.tokens.voices import GRID, SECOND

MAX_DURATION = 4 * GRID  # ticks of one duration or shift token
_HEADER = {"start": "meter", "meter": "tonic", "tonic": "mode", "mode": "program"}
_END, _METER, _BEGIN = 0, 1, 2  # phases at one tick: notes end, the meter changes, notes begin


class EventGrammar(Grammar):
    """The grammar of `bowerbird.music.tokens.events.EventTokenizer`."""

    def _start(self, bars: int) -> None:
        """Set the state; the bars of a performance are 4/4 at 120 quarter notes per minute, 2 s."""
        kind = self.kind = self.vocabulary.kind
        self.max_bars, self.masks = bars, _masks(self.vocabulary)
        self.paired = kind in ("midi-like", "performance")  # notes end by tokens of their own
        self.until = UNLIMITED  # the tick by which all has to be silent, besides the bars
        self.last: Token = "start"
        self.time = self.bar_start = self.bar_count = 0
        self.bar = 2 * SECOND if kind == "performance" else 0  # ticks
        self.voice = -1 if self.masks.voices else 0  # of the next notes
        self.num_voices, self.named_voice = 0, -1  # the voice that a token has just named
        self.order = (-1, -1, -1)  # phase, voice and pitch of the last event at this tick
        self.sounding: dict[tuple[int, int], int] = {}  # until when, by voice and pitch
        self.begun: dict[tuple[int, int], int] = {}
        self.meter = self.velocity = -1  # tokens

    def _allow(self, mask: np.ndarray) -> None:
        if not self._allow_header(mask):
            self._allow_body(mask)
            self._fit_in_time(mask)
        mask[0] |= not mask.any()

    def _allow_header(self, mask: np.ndarray) -> bool:
        """Allow what stands at the beginning; return whether that is all that is allowed."""
        if self.kind == "performance":
            return False
        kind = kind_of(self.last)
        if self.num_voices == 0:
            mask[self.vocabulary.ids_of(_HEADER[kind])] = True
            return True
        if kind == "program" and self.num_voices < len(self.masks.voices):
            mask[self.vocabulary.ids_of("program")] = True
        return False

    def _allow_body(self, mask: np.ndarray) -> None:
        kind, ids_of = kind_of(self.last), self.vocabulary.ids_of
        if self._is_over():  # what sounds ends, then the piece
            if self.paired and self.sounding:
                self._allow_off(mask, *min(self.sounding))
            return
        shifted = self.kind == "structured" and kind == "shift"
        if kind == "on" and not self.paired:
            mask[ids_of("duration")] = True
            return
        longest = kind in ("duration", "shift") and self.last[1] == MAX_DURATION
        if kind not in ("voice", "velocity", "position") and not shifted:
            self._allow_times(mask, kind)
            mask[0] = self._may_end(kind)
            if kind == "duration" and longest:
                mask[ids_of("duration")] = True
        elif shifted and longest:  # a longer wait takes several shifts
            mask[ids_of("shift")] = True
            mask[self.vocabulary.ids.get(("shift", 0), 0)] = False
        if kind in ("shift", "off", "bar") and self.order[0] < _METER and self._may_change_meter():
            mask[ids_of("meter")] = True
            mask[self.meter] = False
        self._allow_notes(mask, kind)

    def _fit_in_time(self, mask: np.ndarray) -> None:
        """Forbid silence at the beginning, but for a pickup, and sound after the end."""
        masks, left = self.masks, self.ticks_left
        if self._counts_bars() and not self.begun:
            self._restrict(mask, "shift", self._may_open(self.time + masks.shifts))
            self._restrict(mask, "position", self._may_open(masks.positions))
            if self.bar_count:
                mask[masks.bar] = False
        fits = left if self.paired and self.sounding else left - masks.shortest
        self._restrict(mask, "shift", masks.shifts <= fits)
        self._restrict(mask, "position", masks.positions - (self.time - self.bar_start) <= fits)
        self._restrict(mask, "duration", masks.durations <= left - self.last_duration)

    def _restrict(self, mask: np.ndarray, kind: str, good: np.ndarray) -> None:
        """Forbid the tokens of a kind that aren't good, unless nothing would be left."""
        restricted = mask.copy()
        restricted[self.vocabulary.ids_of(kind)] &= good
        if restricted.any():
            mask[:] = restricted

    def _counts_bars(self) -> bool:
        """Return whether bars are counted as musicians do, without a pickup."""
        return bool(self.max_bars) and self.single_meter and self.kind != "performance"

    def _may_open(self, times: np.ndarray) -> np.ndarray:
        """Return whether a piece may open at these times: with its bar, or a pickup."""
        return (times == 0) | ((2 * times >= self.bar) & (times < self.bar))

    @property
    def ticks_left(self) -> int:
        """The ticks from now until all has to be silent."""
        until = self.until
        if self.max_bars and self.bar:
            first = self.bar_start + (self.bar if self.kind == "remi" else 0)
            until = min(until, first + (self.max_bars - self.bar_count) * self.bar)
        return until - self.time

    @property
    def last_duration(self) -> int:
        """The ticks that the last note has so far, where notes have durations."""
        return self.sounding.get(self.order[1:], self.time) - self.time

    def _may_change_meter(self) -> bool:
        """Return whether a bar has just begun that may have a new meter."""
        if self.single_meter or self.kind == "performance":
            return False
        if self.kind == "remi":
            return self.last == "bar" and self.bar_count > 1
        return self.time > self.bar_start and (self.time - self.bar_start) % self.bar == 0

    def _bars_begun(self, ago: int = 0) -> int:
        """Return how many bars have begun, up to ``ago`` ticks ago."""
        if self.kind == "remi":
            return self.bar_count
        if not self.bar:
            return 0
        return self.bar_count + 1 + (self.time - ago - self.bar_start) // self.bar

    def _is_over(self) -> bool:
        """Return whether there are enough bars for no more notes to begin."""
        due = self.paired and bool(self.sounding) and self.ticks_left < self.masks.shortest
        return bool(self.max_bars) and (due or self._bars_begun() > self.max_bars)

    def _may_end(self, kind: str) -> bool:
        if self.max_bars and self._bars_begun(int(self.paired)) < self.max_bars:
            return False
        return kind == "duration" or (kind == "off" and not self.sounding)

    def _allow_times(self, mask: np.ndarray, kind: str) -> None:
        """Allow what says when the next thing happens."""
        masks = self.masks
        if self.kind == "remi":
            mask[masks.bar] = not (self.max_bars and self.bar_count >= self.max_bars)
            if self.bar:
                now = self.time - self.bar_start
                fits = (masks.positions > now) & (masks.positions < self.bar)
                if self.order[0] < _BEGIN:
                    fits |= masks.positions == now
                mask[self.vocabulary.ids_of("position")] = fits
            return
        longest = SECOND if self.kind == "performance" else MAX_DURATION
        mask[self.vocabulary.ids_of("shift")] = kind != "shift" or self.last[1] == longest
        if self.kind == "structured" and ("shift", 0) in self.vocabulary.ids:
            now = any(self._can_begin(voice).any() for voice in range(self.num_voices))
            mask[self.vocabulary.ids["shift", 0]] &= now

    def _allow_off(self, mask: np.ndarray, voice: int, pitch: int) -> None:
        """Allow nothing but the end of a note."""
        off = self.vocabulary.ids.get(("off", pitch), 0)
        mask[off if voice == self.voice else self.masks.voices[voice]] = True

    def _allow_notes(self, mask: np.ndarray, kind: str) -> None:
        """Allow notes to begin and end, in order."""
        masks, ids_of = self.masks, self.vocabulary.ids_of
        if self.kind == "remi" and kind not in ("position", "voice", "duration"):
            return
        if self.kind == "structured" and kind not in ("shift", "voice"):
            return
        if self.named_voice < 0 and self.num_voices > 1 and kind != "velocity":
            for voice in range(self.num_voices):
                if voice != self.voice and self._can_begin(voice).any():
                    mask[masks.voices[voice]] = True
        if self.voice >= 0:
            mask[ids_of("on")] = self._can_begin(self.voice)
        if self.kind == "performance" and kind != "velocity" and self._can_begin(0).any():
            mask[ids_of("velocity")] = True
            if self.velocity >= 0:
                mask[self.velocity] = False
            else:
                mask[ids_of("on")] = False
        if self.paired and kind != "velocity":
            self._allow_ends(mask)

    def _can_begin(self, voice: int) -> np.ndarray:
        """Return which pitches may begin now in a voice: those after the last one, and silent."""
        phase, last, pitch = self.order
        pitches = self.masks.on_pitches
        begins = np.full(len(pitches), phase < _BEGIN or voice >= last)
        begins &= self.ticks_left >= self.masks.shortest
        if phase == _BEGIN and voice == last:
            begins &= pitches > pitch
        for (owner, sounds), until in self.sounding.items():
            if owner == voice and until > self.time:
                begins &= pitches != sounds
        return begins

    def _allow_ends(self, mask: np.ndarray) -> None:
        """Allow notes to end, in order, before others begin."""
        phase, voice, pitch = self.order
        ends = np.zeros(128, bool)
        for owner, sounds in self.sounding:
            start = self.begun[owner, sounds]
            later = phase < _METER and (owner, sounds) > (voice, pitch)
            ends[sounds] |= owner == self.voice and start < self.time and later
            if later and owner != self.voice and self.named_voice < 0:
                mask[self.masks.voices[owner]] = True
        mask[self.vocabulary.ids_of("off")] = ends[self.masks.off_pitches]

    def _append(self, token: int) -> None:
        name: Any = self.vocabulary.tokens[token]
        match kind_of(name):
            case "meter":
                self._set_meter(token, bar_length(name[1:], GRID))
            case "program":
                self.num_voices += 1
                self.voice = 0 if self.num_voices == 1 else -1
            case "bar":
                meter: Any = self.vocabulary.tokens[self.meter]
                self.bar_start += self.bar if self.bar_count else 0
                self.bar = bar_length(meter[1:], GRID)
                self.bar_count += 1
                self._move(self.bar_start)
            case "position":
                self._move(self.bar_start + name[1])
            case "shift" if name[1]:
                self._move(self.time + name[1])
            case "voice":
                self.voice = self.named_voice = name[1]
            case "velocity":
                self.velocity = token
            case "duration":
                self.sounding[self.order[1:]] += name[1]
            case "on" | "off" as kind:
                self._append_note(kind, name[1])
        self.last = name

    def _extend(self, bars: int) -> None:
        self.max_bars = self._bars_begun() + bars if bars else 0

    def _append_note(self, kind: str, pitch: int) -> None:
        place = self.voice, pitch
        self.order, self.named_voice = (_BEGIN if kind == "on" else _END, *place), -1
        if not self.begun and self._counts_bars():
            self.max_bars += 2 * self.time >= self.bar  # a pickup is no bar
        if kind == "off":
            del self.sounding[place]
        else:
            self.sounding[place] = UNLIMITED if self.paired else self.time
            self.begun[place] = self.time

    def _set_meter(self, token: int, bar: int) -> None:
        if self.meter >= 0:
            self.order = (_METER, -1, -1)
            if self.kind != "remi":
                self.bar_count += (self.time - self.bar_start) // self.bar
                self.bar_start = self.time
        self.meter = token
        self.bar = bar if self.bar_count or self.kind != "remi" else 0

    def _move(self, time: int) -> None:
        self.time, self.order = time, (-1, -1, -1)
        self.sounding = {place: until for place, until in self.sounding.items() if until > time}


class _Masks:
    """The values of the tokens of a vocabulary, by kind."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        values: Callable[[str], np.ndarray] = vocabulary.values_of
        self.bar = vocabulary.ids_of("bar")
        self.voices = vocabulary.ids_of("voice")  # numbered from 0 without gaps
        self.positions, self.shifts = values("position"), values("shift")
        self.durations = values("duration")
        shortest = self.durations if len(self.durations) else self.shifts[self.shifts > 0]
        self.shortest = int(shortest.min(initial=MAX_DURATION))  # ticks of the shortest note
        self.on_pitches, self.off_pitches = values("on"), values("off")


@lru_cache(maxsize=8)
def _masks(vocabulary: Vocabulary) -> _Masks:
    """Return the values of a vocabulary, computed once."""
    return _Masks(vocabulary)
