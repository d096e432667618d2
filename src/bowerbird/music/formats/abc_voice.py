"""One voice of ABC: lines of music become bars."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bowerbird.errors import MusicError
from bowerbird.music.formats.tune import WHOLE, Bar

LONGEST_REST = 1000  # bars in one Z: more is an error of the file

_STEPS = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
_SIGNS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_LENGTH = r"([0-9]*)(/*)([0-9]*)"
_SCAN = re.compile(
    rf"""(?P<note>(\^\^?|__?|=)?([A-Ga-g])([,']*){_LENGTH}(-?))
    |(?P<rest>[zx]{_LENGTH})
    |(?P<bar>:+(?:[|\]]+:*)?|\[\|[|\]]*:*|\|[|\]]*:*)(?P<first>[0-9][0-9,.-]*)?
    |(?P<ending>\[(?:[0-9][0-9,.-]*|(?=")))
    |(?P<inline>\[(?P<letter>[A-Za-z]):(?P<value>[^\]]*)\])
    |(?P<chord>\[(?P<inside>[^\]|:]*)\]{_LENGTH}(-?))
    |(?P<broken><+|>+)
    |(?P<tuplet>\(([0-9])(?::([0-9]{{0,2}}))?(?::([0-9]{{0,2}}))?)
    |(?P<bars>[ZX]([0-9]*))
    |(?P<overlay>&)
    |(?P<nothing>"[^"]*"|\{{[^}}]*\}}|![^!|]*!|\+[^+|\s]+\+|[ \t`~.HI-WYh-wy()*;?@#$\\!-])
    """,
    re.VERBOSE,
)
_IN_CHORD = re.compile(rf"(\^\^?|__?|=)?([A-Ga-g])([,']*){_LENGTH}(-?)")
_NOTE, _REST, _CHORD, _TUPLET, _BARS = (
    _SCAN.groupindex[name] for name in ("note", "rest", "inside", "tuplet", "bars")
)
_UNCLOSED = {'"': "quotation mark", "[": "bracket", "{": "brace", "!": "exclamation mark"}
MOST_BARS = 20_000  # in one voice
_NOTE_PARTS = tuple(range(_NOTE + 1, _NOTE + 8))
_REST_PARTS = tuple(range(_REST + 1, _REST + 4))


def wrong(line: int, what: str) -> MusicError:
    """Return an error that says the line."""
    return MusicError(f"line {line}: {what}")


@dataclass
class Voice:
    """What is known of one voice while it is read."""

    bars: list[Bar]
    meter: tuple[int, int]
    unit: int
    """Length of a note without a number, in units."""
    key_signs: dict[str, int]
    """Sharps (below 0: flats) of letters, by the key."""
    told: Callable[[str, str], None]
    """What takes a field within the music, such as [K:D]."""
    line: int = 0
    at: int = 0
    current: Bar | None = None
    barless: bool = False  # whether accidentals are for one note, as where nobody draws bars
    accidentals: dict[str, int] = field(default_factory=dict)
    names: dict[int, int] = field(default_factory=dict)  # natural pitches of the last chord, signs
    held: dict[int, int] = field(default_factory=dict)  # the same, if it is tied
    next: tuple[int, int] | None = None  # what broken rhythm makes of the next length
    tuplet: tuple[int, int, int] = (0, 0, 0)  # notes left, in the time of, of how many

    def bar(self) -> Bar:
        """Return the bar that is being read; begin one if there is none."""
        if self.current is None:
            if len(self.bars) >= MOST_BARS:
                raise wrong(self.line, f"it has more than {MOST_BARS} bars")
            self.current = Bar(self.line, self.meter)
        return self.current

    def new_meter(self, meter: tuple[int, int]) -> None:
        """Set the meter from here on: of this bar as well, if no note of it has come."""
        self.meter = meter
        if self.current and not self.current.notes:
            self.current.meter = meter

    def read(self, line: str, number: int) -> None:
        """Read a line of music, which has this number in its file."""
        self.line = number
        place, scan, end = 0, _SCAN.match, len(line)
        while place < end:
            found = scan(line, place)
            if not found:
                raise self._cannot(line, place)
            place = found.end()
            match found.lastgroup:
                case "note":
                    sign, letter, octave, top, slashes, bottom, tie = found.group(*_NOTE_PARTS)
                    pitch = self._pitch(sign, letter, octave)
                    self._sound((pitch,), self._length(top, slashes, bottom), bool(tie))
                case "nothing":
                    pass
                case "rest":
                    self._sound((), self._length(*found.group(*_REST_PARTS)), False)
                case "bar" | "first":
                    self.end_bar(found["bar"], found["first"] or "")
                case "ending":
                    self.end_bar("", found["ending"][1:] or "1")
                case _:
                    self._rare(found)

    def _rare(self, found: re.Match[str]) -> None:
        if found["inline"]:
            self.told(found["letter"], found["value"].strip())
        elif found["chord"]:
            self._chord(found)
        elif found["broken"]:
            self._broken(found["broken"])
        elif found["tuplet"]:
            count, into, over = found.group(*range(_TUPLET + 1, _TUPLET + 4))
            p = int(count)
            compound = self.meter[0] in (6, 9, 12)
            usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if compound else 2)
            if p < 2:
                raise wrong(self.line, "a tuplet has 2 to 9 notes")
            self.tuplet = (int(over or 0) or p, int(into or 0) or usual, p)
        elif found["overlay"]:
            self.bar()
            self.at = 0
        else:
            count = found.group(_BARS + 1) or "1"
            if len(count) > 4 or int(count) > LONGEST_REST:
                raise wrong(self.line, f"a rest of {count[:9]} bars is too long")
            for number in range(int(count)):
                if number:
                    self.end_bar("|", "")
                beats, part = self.meter
                self._sound((), WHOLE * beats // part, False)

    def _cannot(self, line: str, place: int) -> MusicError:
        sign = line[place]
        if sign in _UNCLOSED:
            return wrong(self.line, f"a {_UNCLOSED[sign]} is not closed: {line[place:][:20]}")
        if sign in "-'," or sign.isdigit() or sign in "/^_=":
            return wrong(self.line, f"{sign!r} belongs to no note: {line[place:][:20]}")
        return wrong(self.line, f"{sign!r} is no ABC: {line[place:][:20]}")

    def _pitch(self, sign: str | None, letter: str, octave: str) -> int:
        upper = letter.upper()
        if sign:
            self.accidentals[upper] = _SIGNS[sign]
        alter = self.accidentals.get(upper)
        base = _STEPS[upper] + (12 if letter != upper else 0)
        if octave:
            base += 12 * (octave.count("'") - octave.count(","))
        if alter is None:
            alter = self.key_signs.get(upper, 0)
            # a tie takes its accidental over the bar line
            alter = self.held.get(base, alter)
        self.names[base] = alter
        pitch = base + alter
        if not 0 <= pitch <= 127:
            raise wrong(self.line, f"{letter}{octave[:9]} is beyond what MIDI can play")
        return pitch

    def _length(self, top: str, slashes: str, bottom: str) -> int:
        if not top and not slashes:
            return self.unit
        if len(top) > 4 or len(bottom) > 3 or len(slashes) > 8:
            raise wrong(self.line, "a note's length is far too large or small")
        under = int(bottom) if bottom else 2 ** len(slashes)
        over = int(top) if top else 1
        if not under or not over:
            raise wrong(self.line, "a note has no length")
        return self.unit * over // under

    def _chord(self, found: re.Match[str]) -> None:
        inside = _IN_CHORD.findall(found["inside"])
        if not inside:
            raise wrong(self.line, f"a chord has no notes: {found['chord'][:20]}")
        pitches = tuple(dict.fromkeys(self._pitch(n[0], n[1], n[2]) for n in inside))
        top, slashes, bottom, tie = found.group(*range(_CHORD + 1, _CHORD + 5))
        own = self._length(*inside[0][3:6])
        length = own * self._length(top, slashes, bottom) // self.unit
        self._sound(pitches, length, bool(tie or inside[0][6]))

    def _broken(self, signs: str) -> None:
        """Lengthen the note before and shorten the one after, or the other way round."""
        bar, halves = self.bar(), len(signs)
        if not bar.notes or halves > 3:
            raise wrong(self.line, f"{signs} stands between two notes")
        start, length, pitches, tied = bar.notes[-1]
        short = 2**halves
        first, second = (2 * short - 1, 1) if signs[0] == ">" else (1, 2 * short - 1)
        new = max(1, length * first // short)
        bar.notes[-1] = (start, new, pitches, tied)
        self.at += new - length
        self.next = (second, short)

    def _sound(self, pitches: tuple[int, ...], length: int, tied: bool) -> None:
        bar = self.current or self.bar()
        if self.next:
            length = length * self.next[0] // self.next[1]
            self.next = None
        left, into, of = self.tuplet
        if left:
            length = length * into // of
            self.tuplet = (left - 1, into, of)
        if not length:
            raise wrong(self.line, "a note is far too short")
        bar.notes.append((self.at, length, pitches, tied))
        self.held, self.names = (self.names if tied else {}), {}
        if self.barless:
            self.accidentals.clear()
        self.at += length
        bar.length = max(bar.length, self.at)

    def end_bar(self, sign: str, ending: str) -> None:
        """Close the bar, if it has begun, and say at what bar line."""
        bar = self.current
        begins, ends = sign.endswith(":"), sign.startswith(":")
        if sign == ":":  # half a sign: what it means follows from where it stands
            begins = not (ends := bool(bar and bar.notes))
        if bar and bar.notes:
            bar.length = max(bar.length, self.at)
            if ends:
                bar.ends.append(":|")
            elif len(sign.strip(":")) > 1:
                bar.ends.append("||")
            self.bars.append(bar)
            self.current = None
        elif self.bars and not bar:
            if ends:
                self.bars[-1].ends.append(":|")
            elif len(sign.strip(":")) > 1:
                self.bars[-1].ends.append("||")
        self.at = 0
        self.accidentals.clear()
        if begins or ending:
            following = self.bar()
            if begins:
                following.signs.append("|:")
            if ending:
                following.signs.append(f"[{ending.strip('.,-')}")
