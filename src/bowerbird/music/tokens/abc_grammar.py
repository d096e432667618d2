"""Which tokens of ABC may come next, so that bars add up and every tune can be read.

The lengths of a bar make a whole one, whatever is drawn. The first bar may be short, a pickup; then
a section may end early by as much. After a section that ends within a bar, either the rest of the
bar comes, as the pickup of the next section, or a new bar. A tied note goes on with the same note.
"""

import re
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError

if TYPE_CHECKING:
    from bowerbird.music.tokens.abc import AbcTokens

QUARTER = 144  # parts: 6 of a tick of the grid, so that tuplets are whole
_EIGHTH = QUARTER // 2
_NOTE = re.compile("[_=^]*[A-Ga-g][,']*")
_ENDLESS = 1 << 60  # parts
_WAITS = 2  # a first ending is over, the second has to come
_RANK = {"|": 0, "|]": 0, "||": 0, ":|": 0, "[M": 1, "|:": 2, "[1": 3, "[2": 3}


class AbcGrammar:
    """The grammar of `bowerbird.music.tokens.abc.AbcTokens`."""

    def __init__(self, alphabet: "AbcTokens", bars: int = 0, *, steady: bool = False) -> None:
        """Begin a tune of ``bars`` as played (0: any number); ``steady`` keeps to one meter."""
        self.alphabet, self.limit, self.steady = alphabet, bars, steady
        self.parts = _Parts.of(alphabet)
        self.expects = "meter"
        self.bar, self.meter = 0, -1  # parts of a bar, and the token of its meter
        self.whole, self.past = 0, 0  # a bar of the meter that is counted in; parts of a primer
        self.at = 0  # parts of this measure
        self.starts: tuple[int, ...] = (0,)  # where in its bar this measure may have begun
        self.lead = self.begin = 0  # where in a bar the tune began, and this section
        self.number = 0  # measures that are over
        self.left = 0  # notes of a tuplet that are still to come
        self.pending = False  # whether the last note may still get a length
        self.pitched = False  # whether what was written last can be tied
        self.tied: tuple[str, ...] = ()
        self.chord: list[str] = []
        self.rank = -1  # of the last bar line since the last note
        self.open, self.ending = False, 0
        self.once = False  # whether this section, of a primer, is not to be repeated
        self.section = self.played = 0  # parts of this section, and with repeats before it
        self.over, self.last, self.sounded = False, "", False

    @property
    def ended(self) -> bool:
        """Whether the end has been taken."""
        return self.expects == "nothing"

    def allowed(self) -> np.ndarray:
        """Return for each token whether it may come next; after an end none may."""
        mask = np.zeros(self.alphabet.size, bool)
        if self.expects in ("meter", "key"):
            mask[self.parts.heads[self.expects]] = True
        elif self.expects == "chord":
            mask[self.parts.notes] = True
            mask[[self.alphabet.number[name] for name in self.chord]] = False
            self._set(mask, "]", len(self.chord) > 1)
        elif self.expects == "body":
            at, left, late = self.at, self.left, True
            if self.pending:
                self._lengths(mask)
                late = self._fits(_EIGHTH)
                at, left = at + self._scaled(_EIGHTH), max(0, left - 1)
            if late:
                after = np.zeros(self.alphabet.size, bool)
                self._set(after, "-", self.pitched)
                self._notes(after, at, left)
                self._lines(after, at, left)  # may take all else back
                mask |= after
        return mask

    def _lengths(self, mask: np.ndarray) -> None:
        """Allow the lengths with which the measure can be filled."""
        if self.left:
            for token, length in self.parts.lengths.items():
                mask[token] = self._fits(length)
            return
        for whole in self._wholes():
            mask[self.parts.length_signs] |= self.parts.leaves(whole - self.at)

    def _set(self, mask: np.ndarray, token: str, value: bool) -> None:
        if token in self.alphabet.number:
            mask[self.alphabet.number[token]] = value

    def _scaled(self, length: int) -> int:
        return length * 2 // 3 if self.left else length

    def _fits(self, length: int) -> bool:
        """Return whether the last note can have a length, so that the measure can be filled."""
        at = self.at + self._scaled(length)
        return self._fills(at, max(0, self.left - 1))

    def _fills(self, at: int, left: int) -> bool:
        return any(self.parts.fills(whole - at, left) for whole in self._wholes())

    def _wholes(self) -> list[int]:
        """Return what this measure may have in all."""
        wholes = [self.bar - start for start in self.starts]
        if self.open or self.ending == 1:
            for place, start in enumerate(self.starts):
                early = self.begin - start  # where the repeat may be closed, and must if it is long
                due = early > self.at and 2 * (self.section + early) >= self._room()
                if due and self.parts.fills(early - self.at, self.left):
                    wholes[place] = early
        return wholes

    def _notes(self, mask: np.ndarray, at: int, left: int) -> None:
        """Allow notes, chords, rests, tuplets."""
        if self.ending == _WAITS or self.over:
            return
        room = max(self._wholes()) - at
        if room <= 0 and not left:
            return
        if self.tied:
            notes = [n for n in self.parts.notes if self._goes_on(self.alphabet.tokens[n])]
            mask[notes] = True
            self._set(mask, "[", len(self.tied) > 1)
            mask[notes] &= len(self.tied) == 1
        else:
            mask[self.parts.notes] = True
            self._set(mask, "[", len(self.parts.notes) > 1)
            self._set(mask, "z", not self.steady or self.sounded)
        if not left:
            for token, count in self.parts.tuplets.items():
                mask[token] = self._fills(at, count)

    def _goes_on(self, token: str) -> bool:
        """Return whether a note can be the tied one: without a sign, the tie keeps it."""
        return token in self.tied or token == self.tied[0].lstrip("^_=")

    def _lines(self, mask: np.ndarray, at: int, left: int) -> None:
        """Allow bar lines, signs and the end."""
        if left:
            return
        if not at:
            self._after_line(mask)
            return
        first = not self.number
        places = [start + at for start in self.starts]
        ended = self.bar in places or first
        closes = any(place % self.bar == self.begin for place in places) and not first
        repeats = closes and not self.once
        self._set(mask, "|", ended)
        if self.tied:
            return
        free = not self.open and not self.ending
        early = bool(self.lead) and self.lead in places
        last = free and not first and (ended or early)
        passed, room = self.section + at, self._room()
        full = repeats and 2 * passed >= room and (self.open or bool(self.ending))
        if full or (self.limit and last and passed >= room):
            mask[:] = False
            self._set(mask, ":|" if full else "|]", True)
            return
        self._set(mask, "|]", last and not self.limit)
        self._set(mask, ":|", repeats and 2 * passed <= room)
        self._set(mask, "||", free and (ended or closes))
        self._set(mask, "|:", free and passed + 2 * self.bar <= room)

    def _room(self) -> int:
        """Return the parts that this section may still have as played."""
        return self.limit * self.whole + self.past - self.played if self.limit else _ENDLESS

    def _after_line(self, mask: np.ndarray) -> None:
        """Allow what may stand after a bar line, before the first note."""
        free, room = not self.open and not self.ending and not self.tied, self._room()
        enough = not self.limit or self.section >= room
        mask[self.alphabet.end] = self.over or (self.last == ":|" and free and enough)
        if self.over or (self.limit and mask[self.alphabet.end]):
            mask[:] = False
            mask[self.alphabet.end] = True
            return
        if self.rank == 0 and not self.steady and self.number:
            self._meters(mask, free=free)
        if self.ending == _WAITS:
            self._set(mask, "[2", True)
            return
        begins = free and self.section + 2 * self.bar <= room
        self._set(mask, "|:", begins and self.rank < _RANK["|:"])
        begins = self.section > 0 and self.starts == (0,) and not self.ending and not self.tied
        short = 2 * (self.section + self.bar) <= room and not self.once
        self._set(mask, "[1", begins and short and self.rank < _RANK["[1"])

    def _meters(self, mask: np.ndarray, *, free: bool) -> None:
        """Allow a new meter where the bars are not counted."""
        inline, end = self.parts.inline, self.alphabet.end
        if not self.limit:
            mask[self.parts.meters] = True
            mask[inline.get(self.meter, end)] &= self.last == ":|" and free

    def go_on(self, bars: int) -> None:
        """Ask for so many bars more than were written so far, in the meter of the last one.

        0 is any number, in any meters.
        """
        self.whole = self.bar
        passed = self.section + self.at + (self._scaled(_EIGHTH) if self.pending else 0)
        twice = self.open or self.ending == 1
        self.once = passed > 0 and not twice  # bars that are there already are none of them
        self.limit, self.past = bars, self.played + (2 * passed if twice else passed)

    def advance(self, sign: int) -> None:
        """Take a token as written; raise MusicError if it may not come next."""
        if not (0 <= sign < self.alphabet.size and self.allowed()[sign]):
            raise MusicError(f"the sign {sign} may not come here")
        token = self.alphabet.tokens[sign]
        if token in self.parts.length_of:
            self._pass(self.parts.length_of[token])
        elif self.expects == "chord":
            if token == "]":
                self.expects, self.pending, self.tied = "body", True, ()
            else:
                self.chord.append(token)
        else:
            if self.pending:
                self._pass(_EIGHTH)
            self._take(token, sign)
        self.last = token

    def _pass(self, length: int) -> None:
        self.at += self._scaled(length)
        self.left = max(0, self.left - 1)
        self.pending = False

    def _take(self, token: str, sign: int) -> None:
        if self.expects == "meter":
            self._set_meter(token[2:], sign)
            self.whole, self.expects = self.bar, "key"
        elif self.expects == "key":
            self.expects = "body"
        elif token == self.alphabet.tokens[self.alphabet.end]:
            self.expects = "nothing"
        elif token == "-":
            self.tied, self.pitched = tuple(self.chord), False
        elif token == "[":
            self.expects, self.chord, self.pitched, self.rank = "chord", [], True, -1
            self.sounded = True
        elif token.startswith("[M:"):
            self._set_meter(token[3:-1], self.alphabet.number.get(f"M:{token[3:-1]}", -1))
            self.rank = _RANK["[M"]
        elif token in _RANK:
            self._line(token)
        elif sign in self.parts.tuplets:
            self.left = self.parts.tuplets[sign]
        else:
            self.chord = [token] if token != "z" else []
            self.sounded = self.sounded or token != "z"
            self.pending, self.pitched, self.tied, self.rank = True, token != "z", (), -1

    def _set_meter(self, text: str, sign: int) -> None:
        beats, part = map(int, text.split("/"))
        self.bar, self.meter, self.starts = 4 * QUARTER * beats // part, sign, (0,)

    def _line(self, token: str) -> None:
        """Take a bar line or a sign of repeats."""
        self.rank, self.pitched = _RANK[token], False
        place = self._end_measure(token) if self.at else self.starts[0]
        if token == ":|":
            self.played += 2 * self.section
            self.open, self.ending = False, _WAITS if self.ending == 1 else 0
        elif token in ("||", "|:"):
            self.played += self.section
            self.open = token == "|:"
        elif token in ("[1", "[2"):
            self.ending = 1 if token == "[1" else 0
            self.starts = (0,)
        if token in (":|", "||", "|:"):
            self.section, self.begin, self.once = 0, place, False
        self.over = token == "|]"

    def _end_measure(self, token: str) -> int:
        """End a measure, and return where in the bar it ends; the end of a bar is 0."""
        at, self.at = self.at, 0
        self.section += at
        places = [start + at for start in self.starts]
        self.number += 1
        if self.number == 1:  # a short first measure is a pickup
            self.lead = self.begin = (self.bar - at) % self.bar
            place = 0
        elif self.bar in places or token == "|":
            place = 0
        elif self.begin in places:
            place = self.begin
        else:
            place = places[0]
        self.starts = (place, 0) if place else (0,)
        return place


class _Parts:
    """Where the kinds of tokens lie in an alphabet, and which lengths fill what is left."""

    def __init__(self, alphabet: "AbcTokens") -> None:
        self.number = alphabet.number
        tokens = list(enumerate(alphabet.tokens))
        self.heads = {
            "meter": [n for n, token in tokens if token.startswith("M:")],
            "key": [n for n, token in tokens if token.startswith("K:")],
        }
        self.meters = [n for n, token in tokens if token.startswith("[M:")]
        self.inline = {
            self.number[f"M:{alphabet.tokens[n][3:-1]}"]: n
            for n in self.meters
            if f"M:{alphabet.tokens[n][3:-1]}" in self.number
        }
        self.notes = [n for n, t in tokens if _NOTE.fullmatch(t)]
        self.tuplets = {n: int(t[5:] or 3) for n, t in tokens if t[:2] == "(3"}
        self.length_of: dict[str, int] = {}
        for _, token in tokens:
            if token[0].isdigit() or token[0] == "/":
                top, _, bottom = token.partition("/")
                length = Fraction(int(top or 1), int(bottom or 1)) * _EIGHTH
                self.length_of[token] = int(length)
        self.lengths = {self.number[token]: length for token, length in self.length_of.items()}
        self.length_signs = list(self.lengths)
        self._parts = np.array(list(self.lengths.values()), np.int64)
        self._all = sorted({*self.length_of.values(), _EIGHTH})
        self._reached = np.ones(1, bool)
        self._filled: dict[tuple[int, int], bool] = {}

    @classmethod
    def of(cls, alphabet: "AbcTokens") -> "_Parts":
        """Return the parts of an alphabet, worked out once."""
        if not isinstance(alphabet.parts, cls):
            alphabet.parts = cls(alphabet)
        return alphabet.parts

    def leaves(self, room: int) -> np.ndarray:
        """Return for each length whether it leaves of a room what can be filled."""
        if room <= 0:
            return np.zeros(len(self._parts), bool)
        self._reach(room)
        left = room - self._parts
        return (left >= 0) & self._reached[np.maximum(left, 0)]

    def fills(self, room: int, left: int) -> bool:
        """Return whether notes can fill a room, the first of them ``left`` of a tuplet."""
        if room < 0:
            return False
        if not left:
            return bool(self._reach(room))
        if (room, left) not in self._filled:
            self._filled[room, left] = any(
                length * 2 % 3 == 0 and self.fills(room - length * 2 // 3, left - 1)
                for length in self._all
            )
        return self._filled[room, left]

    def _reach(self, room: int) -> np.bool_:
        while len(self._reached) <= room:
            place = len(self._reached)
            steps = [place - length for length in self._all if length <= place]
            self._reached = np.append(self._reached, self._reached[steps].any())
        return self._reached[room]
