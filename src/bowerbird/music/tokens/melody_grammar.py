"""Which signs may come next: a mask while notes are sampled, so that nothing invalid is written.

A tune is ``M K mode``, then bars. In a bar the lengths add up to the meter, whatever is drawn: a
length may be taken if it fits and what then lacks can be filled. A note is held over a bar line,
never over nothing; a repeat is closed where whole bars have passed since it began; a first ending
has a second. A tune may end at a bar's end, or early by as much as its pickup has. What is composed
in one meter does not begin with a bar of silence; with a cadence, it ends on its tonic.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.key import MODES
from bowerbird.music.score.meter import bar_length

if TYPE_CHECKING:
    from bowerbird.music.tokens.melody import Notes


_ENDLESS = 1 << 60  # ticks
_GRID = 24  # ticks of a quarter note
FINAL = 12  # ticks of the last note, at least, where a tune has to end on its tonic
PHRASE = 8  # bars are counted up to this, and again from 1


class Grammar(Protocol):
    """Which signs may come next, given those that came before."""

    @property
    def ended(self) -> bool:
        """Whether the end has been taken."""
        ...

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next; after an end nothing may."""
        ...

    def advance(self, sign: int) -> None:
        """Take a sign as written; raise MusicError if it may not come next."""
        ...

    def go_on(self, bars: int) -> None:
        """Ask for so many bars more than were written so far (0: any number)."""
        ...


class Count:
    """Counts the bars of a section, as bar lines show them."""

    def __init__(self, passed: int = 0) -> None:
        """Begin after so many bars; after -1 the next is 0, a pickup."""
        self.passed, self.ending = passed, 0

    @property
    def next(self) -> int:
        """What the next bar line shows."""
        return self.passed % PHRASE + 1 if self.passed >= 0 else 0

    def bar(self) -> int:
        """Count a bar, and return what its line shows."""
        shown = self.next
        self.passed += 1
        return shown

    def sign(self, sign: str) -> None:
        """Begin anew after a section; a second ending has the numbers of the first."""
        if sign == "[1":
            self.ending = self.passed
        elif sign == "[2":
            self.passed = self.ending
        else:
            self.passed = 0


class NotesGrammar:
    """The grammar of `bowerbird.music.tokens.melody.Notes`."""

    def __init__(self, alphabet: "Notes", bars: int = 0, *, steady: bool = False) -> None:
        """Begin a tune of ``bars`` as played (0: any number); ``steady`` keeps to one meter."""
        self.alphabet, self.limit, self.steady = alphabet, bars, steady
        self.cadence = False  # whether the last of so many bars ends on the tonic
        self.parts = _Parts.of(alphabet)
        self.expects = "meter"
        self.bar = self.at = self.time = 0  # ticks: of a bar, in the bar, in all
        self.whole, self.past = 0, 0  # a bar of the meter that is counted in; ticks of a primer
        self.count, self.number = 0, Count()  # of bars in all, and in the section
        self.told: list[list[tuple[str, int]]] = []  # what is in each bar: rest, hold or note
        self.home = False  # whether the last note is the tonic
        self.homes: list[bool] = []  # whether the last one of each bar is
        self.once = False  # whether this section, of a primer, is not to be repeated
        self.broken: set[int] = set()  # bars with a sign within
        self.played = 0  # ticks, with repeats, before this section
        self.tonic, self.lead, self.pickup = 0, 0, False
        self.begin = self.begin_at = 0  # where the section began, in all and in the bar
        self.open, self.ending = False, 0
        self.rank = -1  # of the last sign at this tick
        self.last = ""  # what the last stretch was: note or rest
        self.sounded = False
        self.what = ""

    @property
    def ended(self) -> bool:
        """Whether the end has been taken."""
        return self.expects == "nothing"

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next."""
        parts = self.parts
        mask = np.zeros(self.alphabet.size, bool)
        match self.expects:
            case "meter" | "tonic" | "mode":
                mask[parts.heads[self.expects]] = True
            case "length":
                mask |= parts.lengths(self._left())
                self._lengths(mask)
            case "bar":
                self._between(mask)
            case "event":
                self._within(mask)
        return mask

    def _left(self) -> int:
        """Return the ticks up to the next place where something has to end."""
        early = self.begin_at - self.at
        if early > 0 and self._due(early) and self.parts.reachable[early]:
            return early
        return self.bar - self.at

    def _lengths(self, mask: np.ndarray) -> None:
        """Forbid a first bar of silence, and lengths after which the tune ends off its tonic."""
        if self.steady and not self.sounded and self.what == "rest":
            mask[self.alphabet.number.get(("t", self.bar), self.alphabet.end)] = False
        if self._near() and not self.home:
            mask &= ~self._late()

    def _near(self) -> bool:
        """Return whether the tune ends with this bar, and on its tonic."""
        return self.cadence and bool(self.limit) and self._last(self._left())

    def _late(self) -> np.ndarray:
        """Return which lengths leave less than an eighth for another note before the end."""
        ends = [more for more in (self.lead - self.at, self._left()) if self._last(more)]
        lengths = self.parts.ticks
        return np.logical_or.reduce([(end >= lengths) & (end - lengths < FINAL) for end in ends])

    def _last(self, more: int) -> bool:
        """Return whether the tune ends so many ticks later, if it may."""
        at, passed = (self.at + more) % self.bar, self.time + more - self.begin
        if self.open:
            return at == self.begin_at and 2 * passed >= self._room() and not self.ending
        return at in (0, self.lead) and passed >= self._room() and not self.ending

    def _go_home(self, mask: np.ndarray) -> None:
        """Forbid what would make another note than the tonic the last one."""
        if not (self.parts.lengths(self._left()) & ~self._late()).any():
            mask &= self.parts.home if not self.home else self.parts.home | self.parts.silent
        for ago, sign in self.parts.copies.items():
            mask[sign] = mask[sign] and self.homes[-ago - 1]

    def _due(self, more: int) -> bool:
        """Return whether a repeat has to be closed so many ticks later, to keep to the length."""
        passed = self.time + more - self.begin
        return (self.open or self.ending == 1) and 2 * passed >= self._room()

    def _room(self) -> int:
        """Return the ticks that this section may still have as played."""
        return self.limit * self.whole + self.past - self.played if self.limit else _ENDLESS

    def _between(self, mask: np.ndarray) -> None:
        """Allow what stands between two bars."""
        if self.rank < _RANK["M"] and self._sections(mask):
            return
        if self.ending == _WAITS:
            return
        if not self.count:  # the first bar may have a pickup
            mask[self.parts.bars[[0, 1] if self.rank < 0 else [1]]] = True
        else:
            mask[self.parts.bars[self.number.next]] = True
        if self.count and self.rank < _RANK["M"] and not (self.steady or self.limit):
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
        mask[parts.rest] = self.last != "rest" or (seam and (self.sounded or not self.steady))
        if self.count == 1 and self.time == 0:  # the bar line has told whether a pickup comes
            mask[:] = mask & (parts.only_rest == self.pickup)
        mask[parts.hold] = seam and self.last == "note"
        if self.at == 0 and self._left() == self.bar:
            for ago, sign in parts.copies.items():
                mask[sign] = self.sounded and self._same(ago)
        if self._near():
            self._go_home(mask)

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
        rank, passed = self.rank, time - self.begin
        whole = time > self.begin and offset == self.begin_at and self.sounded
        closes = whole and rank < _RANK[":|"] and not self.once
        done = offset == 0 or (bool(self.lead) and offset == self.lead)
        ends = done and self.sounded and not self.open and not self.ending and rank < _RANK["|:"]
        room = self._room()
        if closes and 2 * passed >= room and (self.open or self.ending):
            mask[signs[":|"]] = True
            return True
        if self.limit and passed >= room and ends:
            mask[self.alphabet.end] = True
            return True
        mask[self.alphabet.end] = ends and not self.limit
        full = self.cadence and not self.home and 2 * passed == room  # then the tune would end
        mask[signs[":|"]] = closes and 2 * passed <= room and not full
        if not self.open and not self.ending:
            ended = time > self.begin and offset in (0, self.begin_at)
            mask[signs["||"]] = ended and self.sounded and rank < _RANK["||"]
            begun = self.sounded or time in (0, self.lead)
            mask[signs["|:"]] = begun and rank < _RANK["|:"] and passed + 2 * self.bar <= room
        ends = offset == 0 and time > self.begin and not self.ending
        if ends and self.sounded and not self.once:
            mask[signs["[1"]] = rank < _RANK["[1"] and 2 * (passed + self.bar) <= room
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
        elif name[0] == "|":
            self.pickup = not name[1]
            self.number.passed += name[1] > 0
            self.told.append([])
            self.homes.append(self.home)
            self.count += 1
            self.at, self.rank, self.expects = 0, -1, "event"
        elif name[0] == "=":
            self.home = self.homes[-name[1] - 1]
            for what, length in list(self.told[-name[1] - 1]):
                self.what = what
                self._pass(length)
        else:
            self.what, self.expects = name if name in ("rest", "hold") else "note", "length"
            if self.what == "note":
                self.home = name[1] % 12 == 0

    def go_on(self, bars: int) -> None:
        """Ask for so many bars more than were written so far, in the meter of the last one.

        0 is any number, in any meters.
        """
        self.whole = self.bar
        passed = self.time - self.begin
        twice = self.open or self.ending == 1
        self.once = passed > 0 and not twice  # bars that are there already are none of them
        self.limit, self.past = bars, self.played + (2 * passed if twice else passed)

    def _set_meter(self, sign: int, meter: tuple[int, int]) -> None:
        self.meter, self.bar = sign, bar_length(meter, _GRID)
        if self.expects == "meter":
            self.whole, self.expects = self.bar, "tonic"
        else:
            self.rank, self.at = _RANK["M"], 0

    def _pass(self, length: int) -> None:
        if not self.sounded and self.what == "rest":
            self.lead = self.begin = self.begin_at = length % self.bar
        self.told[-1].append((self.what, length))
        self.homes[-1] = self.home
        self.sounded = self.sounded or self.what == "note"
        self.last, self.rank = "rest" if self.what == "rest" else "note", -1
        self.at += length
        self.time += length
        self.expects = "bar" if self.at == self.bar else "event"

    def _section(self, sign: str) -> None:
        self.rank = _RANK[sign]
        if self.at % self.bar:
            self.broken.add(len(self.told) - 1)
        self.number.sign(sign)
        if sign in ("[1", "[2"):
            self.ending = 1 if sign == "[1" else 0
            return
        passed = self.time - self.begin
        self.played += 2 * passed if sign == ":|" else passed
        self.begin, self.begin_at = self.time, self.at % (self.bar or 1)
        self.open, self.once = sign == "|:", False
        self.ending = _WAITS if self.ending == 1 and sign == ":|" else 0


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
        self.bars = np.array([number["|", n] for n in range(PHRASE + 1)])
        self.copies = {n[1]: number[n] for n in alphabet.names if n[0] == "="}
        self.signs = {sign: number[sign] for sign in _RANK if sign != "M"}
        self.rest, self.hold = number["rest"], number["hold"]
        self.silent = np.isin(np.arange(alphabet.size), [self.rest, self.hold])
        self.home = np.zeros(alphabet.size, bool)
        for pitch in range(alphabet.ranges.lowest, alphabet.ranges.highest + 1):
            self.home[number["p", pitch]] = pitch % 12 == 0
        self.ticks = np.full(alphabet.size, _ENDLESS)
        for length in ranges.lengths:
            self.ticks[number["t", length]] = length
        self.only_rest = np.arange(alphabet.size) == self.rest
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
