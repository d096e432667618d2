"""Which signs may come next: a mask while notes are sampled, so that nothing invalid is written.

A tune is ``M K mode``, then bars. In a bar the lengths add up to the meter, whatever is drawn: a
length may be taken if it fits and what then lacks can be filled. A note is held over a bar line,
never over nothing; a repeat is closed where whole bars have passed since it began; a first ending
has a second. A tune may end at a bar's end, or early by as much as its pickup has.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bowerbird.music.error import MusicError
from bowerbird.music.key import MODES
from bowerbird.music.meter import bar_length

if TYPE_CHECKING:
    from bowerbird.music.notes import Notes


class Grammar(Protocol):
    """Which signs may come next, given those that came before."""

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next; after an end nothing may."""
        ...

    def advance(self, sign: int) -> None:
        """Take a sign as written; raise MusicError if it may not come next."""
        ...


class Free:
    """A grammar without rules, but for the end."""

    def __init__(self, size: int, end: int) -> None:
        self._mask, self.end = np.ones(size, bool), end

    def allowed(self) -> np.ndarray:
        """Return that every sign may come, or none after the end."""
        return self._mask.copy()

    def advance(self, sign: int) -> None:
        """Take a sign as written."""
        if not self._mask[sign]:
            raise MusicError("nothing comes after the end")
        if sign == self.end:
            self._mask[:] = False


class NotesGrammar:
    """The grammar of `bowerbird.music.notes.Notes`."""

    def __init__(self, alphabet: "Notes", bars: int = 0, *, steady: bool = False) -> None:
        """Begin a tune of ``bars`` as played (0: any number); ``steady`` keeps to one meter."""
        self.alphabet, self.limit, self.steady = alphabet, bars, steady
        self.parts = _Parts.of(alphabet)
        self.expects = "meter"
        self.bar = self.at = self.time = 0  # ticks: of a bar, in the bar, in all
        self.count = 0  # of bars
        self.told: list[list[tuple[str, int]]] = []  # what is in each bar: rest, hold or note
        self.broken: set[int] = set()  # bars with a sign within
        self.played = 0  # bars, with repeats, before this section
        self.tonic, self.lead = 0, 0
        self.begin = self.begin_at = 0  # where the section began, in all and in the bar
        self.open, self.ending = False, 0
        self.rank = -1  # of the last sign at this tick
        self.last = ""  # what the last stretch was: note or rest
        self.sounded = False
        self.what = ""

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next."""
        parts = self.parts
        mask = np.zeros(self.alphabet.size, bool)
        match self.expects:
            case "meter" | "tonic" | "mode":
                mask[parts.heads[self.expects]] = True
            case "length":
                mask |= parts.lengths(self.bar - self.at if self.bar else 0)
            case "bar":
                self._between(mask)
            case "event":
                self._within(mask)
        return mask

    def _between(self, mask: np.ndarray) -> None:
        """Allow what stands between two bars."""
        if self.rank < _RANK["M"] and self._sections(mask):
            return
        if self.ending == _WAITS:
            return
        mask[self.parts.bar] = True
        if self.count and self.rank < _RANK["M"] and not self.steady:
            mask[self.parts.heads["meter"]] = True
            mask[self.meter] = False

    def _within(self, mask: np.ndarray) -> None:
        """Allow what stands within a bar."""
        parts = self.parts
        if self.at and self._sections(mask):
            return
        seam = self.at == 0 or self.rank >= 0
        if self.ending == _WAITS:
            mask[parts.rest] = True
            return
        mask |= parts.pitches(self.tonic)
        mask[parts.rest] = self.last != "rest" or seam
        mask[parts.hold] = seam and self.last == "note"
        if self.at == 0:
            for ago, sign in parts.copies.items():
                mask[sign] = self.sounded and self._same(ago)

    def _same(self, ago: int) -> bool:
        """Return whether this bar can be the same as one so many bars ago."""
        if len(self.told) <= ago:
            return False
        bar = self.told[-ago - 1]
        whole = len(bar) > 1 and sum(length for _, length in bar) == self.bar
        return whole and bar[0][0] != "hold" and len(self.told) - ago - 1 not in self.broken

    def _sections(self, mask: np.ndarray) -> bool:
        """Allow signs of repeats, and the end; return whether one of them has to be taken."""
        signs, time, offset = self.parts.signs, self.time, self.at % (self.bar or 1)
        if self.ending == _WAITS:
            if offset == 0 and self.rank <= _RANK["[2"]:
                mask[signs["[2"]] = True
                return True
            return False
        whole = time > self.begin and offset == self.begin_at and self.sounded
        rank = self.rank
        closes = whole and rank < _RANK[":|"]
        done = offset == 0 or (bool(self.lead) and offset == self.lead)
        ends = done and self.sounded and not self.open and not self.ending and rank < _RANK["|:"]
        if self.limit and offset == self.begin_at and time > self.begin:
            bars = (time - self.begin) // self.bar
            if self.open and closes and self.played + 2 * bars >= self.limit and self.ending != 1:
                mask[signs[":|"]] = True
                return True
        if self.limit:
            enough = self.played + (time - self.begin) // self.bar >= self.limit
            if ends and enough:
                mask[self.alphabet.end] = True
                return True
            ends = ends and enough
            closes = closes and self.played + 2 * ((time - self.begin) // self.bar) <= self.limit
        mask[self.alphabet.end] = ends
        mask[signs[":|"]] = closes
        if not self.open and not self.ending:
            ended = time > self.begin and offset in (0, self.begin_at)
            mask[signs["||"]] = ended and self.sounded and rank < _RANK["||"]
            begun = self.sounded or time in (0, self.lead)
            mask[signs["|:"]] = begun and rank < _RANK["|:"]
        if offset == 0 and time > self.begin and not self.ending and self.sounded:
            mask[signs["[1"]] = rank < _RANK["[1"]
        return False

    def advance(self, sign: int) -> None:
        """Take a sign as written; raise MusicError if it may not come next."""
        if not (0 <= sign < self.alphabet.size and self.allowed()[sign]):
            raise MusicError(f"the sign {sign} may not come here")
        name = self.alphabet.names[sign]
        if self.expects == "tonic":
            self.tonic, self.expects = name[1], "mode"
        elif self.expects == "mode":
            self.expects = "bar"
        elif self.expects == "length":
            self._pass(name[1])
        elif name == "end":
            self.expects = "nothing"
        elif isinstance(name, str) and name in _RANK:
            self._section(name)
        elif isinstance(name, tuple) and name[0] == "M":
            self._set_meter(sign, name[1:])
        elif name == "|":
            self.told.append([])
            self.count += 1
            self.at, self.rank, self.expects = 0, -1, "event"
        elif name[0] == "=":
            for what, length in list(self.told[-name[1] - 1]):
                self.what = what
                self._pass(length)
        else:
            self.what, self.expects = name if name in ("rest", "hold") else "note", "length"

    def _set_meter(self, sign: int, meter: tuple[int, int]) -> None:
        self.meter, self.bar = sign, bar_length(meter, _GRID)
        if self.expects == "meter":
            self.expects = "tonic"
        else:
            self.rank, self.at = _RANK["M"], 0

    def _pass(self, length: int) -> None:
        if not self.sounded and self.what == "rest":
            self.lead = self.begin = self.begin_at = length % self.bar
        self.told[-1].append((self.what, length))
        self.sounded = self.sounded or self.what == "note"
        self.last, self.rank = "rest" if self.what == "rest" else "note", -1
        self.at += length
        self.time += length
        self.expects = "bar" if self.at == self.bar else "event"

    def _section(self, sign: str) -> None:
        self.rank = _RANK[sign]
        if self.at % self.bar:
            self.broken.add(len(self.told) - 1)
        if sign in ("[1", "[2"):
            self.ending = 1 if sign == "[1" else 0
            return
        bars = (self.time - self.begin) // self.bar
        self.played += 2 * bars if sign == ":|" else bars
        self.begin, self.begin_at = self.time, self.at % (self.bar or 1)
        self.open = sign == "|:"
        self.ending = _WAITS if self.ending == 1 and sign == ":|" else 0


_GRID = 24
_WAITS = 2  # a first ending is over, the second has to come
_RANK = {":|": 0, "||": 1, "|:": 2, "[1": 3, "[2": 3, "M": 4}


class _Parts:
    """Where the kinds of signs lie in an alphabet, and which lengths fill what is left."""

    def __init__(self, alphabet: "Notes") -> None:
        number, ranges = alphabet.number, alphabet.ranges
        self.alphabet = alphabet
        self.heads = {
            "meter": [number["M", *meter] for meter in ranges.meters],
            "tonic": [number["K", tonic] for tonic in range(12)],
            "mode": [number[mode] for mode in MODES],
        }
        self.bar = number["|"]
        self.copies = {n[1]: number[n] for n in alphabet.names if n[0] == "="}
        self.signs = {sign: number[sign] for sign in _RANK if sign != "M"}
        self.rest, self.hold = number["rest"], number["hold"]
        self._lengths: dict[int, np.ndarray] = {}
        self._pitches: dict[int, np.ndarray] = {}

    @classmethod
    def of(cls, alphabet: "Notes") -> "_Parts":
        """Return the parts of an alphabet, worked out once."""
        if not isinstance(alphabet.parts, cls):
            alphabet.parts = cls(alphabet)
        return alphabet.parts

    @cached_property
    def reachable(self) -> np.ndarray:
        """Whether a stretch of each length can be filled."""
        lengths = self.alphabet.ranges.lengths
        most = max(bar_length(meter, _GRID) for meter in self.alphabet.ranges.meters)
        reached = np.zeros(most + 1, bool)
        reached[0] = True
        for tick in range(1, most + 1):
            reached[tick] = any(n <= tick and reached[tick - n] for n in lengths)
        return reached

    def lengths(self, left: int) -> np.ndarray:
        """Return which lengths may be taken where so much of a bar is left."""
        if left not in self._lengths:
            mask = np.zeros(self.alphabet.size, bool)
            for length in self.alphabet.ranges.lengths:
                if length <= left and self.reachable[left - length]:
                    mask[self.alphabet.number["t", length]] = True
            self._lengths[left] = mask
        return self._lengths[left]

    def pitches(self, tonic: int) -> np.ndarray:
        """Return which pitches MIDI can play above a tonic."""
        if tonic not in self._pitches:
            mask = np.zeros(self.alphabet.size, bool)
            ranges = self.alphabet.ranges
            for pitch in range(ranges.lowest, ranges.highest + 1):
                mask[self.alphabet.number["p", pitch]] = 0 <= 60 + tonic + pitch <= 127
            self._pitches[tonic] = mask
        return self._pitches[tonic]


def accepts(grammar: Grammar, ids: Any) -> bool:
    """Return whether all signs may come in this order."""
    for sign in ids:
        if not grammar.allowed()[sign]:
            return False
        grammar.advance(int(sign))
    return True
