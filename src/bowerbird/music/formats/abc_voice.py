"""One voice of ABC: lines of music become bars."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bowerbird.errors import MusicError
from bowerbird.music.formats.tune import WHOLE, Bar
from bowerbird.music.score.key import STEPS
from bowerbird.music.score.meter import Meter

MAX_REST = 1000  # measures in one Z: more is an error in the file
MAX_BARS = 20_000  # in one voice

ACCIDENTALS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
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
_NOTE_PARTS = tuple(range(_NOTE + 1, _NOTE + 8))
_REST_PARTS = tuple(range(_REST + 1, _REST + 4))


def error_at(line: int, what: str) -> MusicError:
    """Return an error with the number of a line."""
    return MusicError(f"line {line}: {what}")


@dataclass
class Voice:
    """The state of one voice while it is read."""

    bars: list[Bar]
    meter: Meter
    unit: int
    """Divisions of a note without a number."""
    key_signature: dict[str, int]
    """Sharps (below 0: flats) of each letter, by the key."""
    set_field: Callable[[str, str], None]
    """Takes a field within the music, such as [K:D]."""
    line: int = 0
    at: int = 0
    current: Bar | None = None
    octave: int = 0  # by which all notes are moved
    barless: bool = False  # whether accidentals hold for one note, as where nobody draws bars
    accidentals: dict[str, int] = field(default_factory=dict)
    alters: dict[int, int] = field(default_factory=dict)  # natural pitch -> sharps, last chord
    last_alters: dict[int, int] = field(default_factory=dict)  # of the note before
    tied_alters: dict[int, int] = field(default_factory=dict)  # the same, if it is tied
    next: tuple[int, int] | None = None  # what broken rhythm makes of the next length
    tuplet: tuple[int, int, int] = (0, 0, 0)  # notes left, in the time of, out of

    def bar(self) -> Bar:
        """Return the bar that is read; begin one if there is none."""
        if self.current is None:
            if len(self.bars) >= MAX_BARS:
                raise error_at(self.line, f"the voice has more than {MAX_BARS} bars")
            self.current = Bar(self.line, self.meter)
        return self.current

    def new_time_signature(self, meter: Meter) -> None:
        """Set the meter from here on, and of this bar if it has no note yet."""
        self.meter = meter
        if self.current and not self.current.notes:
            self.current.meter = meter

    def read(self, line: str, number: int) -> None:
        """Read a line of music; ``number`` is that of the line in its file."""
        self.line = number
        place, scan, end = 0, _SCAN.match, len(line)
        while place < end:
            match = scan(line, place)
            if not match:
                raise self._syntax_error(line, place)
            place = match.end()
            match match.lastgroup:
                case "note":
                    alter, letter, octave, top, slashes, bottom, tie = match.group(*_NOTE_PARTS)
                    pitch = self._pitch(alter, letter, octave)
                    self._add((pitch,), self._length(top, slashes, bottom), bool(tie))
                case "nothing":
                    if match.group() == "-":
                        self._tie()
                case "rest":
                    self._add((), self._length(*match.group(*_REST_PARTS)), False)
                case "bar" | "first":
                    self.end_bar(match["bar"], match["first"] or "")
                case "ending":
                    self.end_bar("", match["ending"][1:] or "1")
                case _:
                    self._rare(match)

    def _rare(self, match: re.Match[str]) -> None:
        if match["inline"]:
            self.set_field(match["letter"], match["value"].strip())
        elif match["chord"]:
            self._chord(match)
        elif match["broken"]:
            self._broken(match["broken"])
        elif match["tuplet"]:
            count, into, over = match.group(*range(_TUPLET + 1, _TUPLET + 4))
            p = int(count)
            compound = self.meter[0] in (6, 9, 12)
            usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if compound else 2)
            if p < 2:
                raise error_at(self.line, "a tuplet must have 2 to 9 notes")
            self.tuplet = (int(over or 0) or p, int(into or 0) or usual, p)
        elif match["overlay"]:
            self.bar()
            self.at = 0
        else:
            count = match.group(_BARS + 1) or "1"
            if len(count) > 4 or int(count) > MAX_REST:
                raise error_at(self.line, f"a rest of {count[:9]} bars is too long")
            for number in range(int(count)):
                if number:
                    self.end_bar("|", "")
                beats, unit = self.meter
                self._add((), WHOLE * beats // unit, False)

    def _syntax_error(self, line: str, place: int) -> MusicError:
        character, rest = line[place], line[place:][:20]
        if character in _UNCLOSED:
            return error_at(self.line, f"a {_UNCLOSED[character]} is not closed: {rest}")
        if character in "-'," or character.isdigit() or character in "/^_=":
            return error_at(self.line, f"{character!r} belongs to no note: {rest}")
        return error_at(self.line, f"{character!r} is not ABC: {rest}")

    def _pitch(self, accidental: str | None, letter: str, octave: str) -> int:
        upper = letter.upper()
        if accidental:
            self.accidentals[upper] = ACCIDENTALS[accidental]
        alter = self.accidentals.get(upper)
        natural = 60 + 12 * self.octave + STEPS[upper] + (12 if letter != upper else 0)
        if octave:
            natural += 12 * (octave.count("'") - octave.count(","))
        if alter is None:
            alter = self.key_signature.get(upper, 0)
            # a tie takes its accidental over the bar line
            alter = self.tied_alters.get(natural, alter)
        self.alters[natural] = alter
        pitch = natural + alter
        if not 0 <= pitch <= 127:
            raise error_at(self.line, f"{letter}{octave[:9]} is out of the range of MIDI")
        return pitch

    def _length(self, top: str, slashes: str, bottom: str) -> int:
        if not top and not slashes:
            return self.unit
        if len(top) > 4 or len(bottom) > 3 or len(slashes) > 8:
            raise error_at(self.line, "a note is too long or too short")
        under = int(bottom) if bottom else 2 ** len(slashes)
        over = int(top) if top else 1
        if not under or not over:
            raise error_at(self.line, "a note has no length")
        return self.unit * over // under

    def _chord(self, match: re.Match[str]) -> None:
        inside = _IN_CHORD.findall(match["inside"])
        if not inside:
            raise error_at(self.line, f"a chord has no notes: {match['chord'][:20]}")
        pitches = tuple(dict.fromkeys(self._pitch(n[0], n[1], n[2]) for n in inside))
        *length, tie = match.group(*range(_CHORD + 1, _CHORD + 5))
        inner = self._length(*inside[0][3:6])
        self._add(pitches, inner * self._length(*length) // self.unit, bool(tie or inside[0][6]))

    def _tie(self) -> None:
        """Tie the last note, where blanks separate it from its tie."""
        notes = self.current.notes if self.current else []
        if notes and notes[-1][2]:
            notes[-1] = (*notes[-1][:3], True)
            self.tied_alters = self.last_alters

    def _broken(self, arrows: str) -> None:
        """Lengthen the note before and shorten the one after, or the other way round."""
        bar, halves = self.bar(), len(arrows)
        if not bar.notes or halves > 3:
            raise error_at(self.line, f"{arrows} must be between two notes")
        start, length, pitches, tied = bar.notes[-1]
        short = 2**halves
        first, second = (2 * short - 1, 1) if arrows[0] == ">" else (1, 2 * short - 1)
        new = max(1, length * first // short)
        bar.notes[-1] = (start, new, pitches, tied)
        self.at += new - length
        self.next = (second, short)

    def _add(self, pitches: tuple[int, ...], length: int, tied: bool) -> None:
        """Add a note, chord or rest."""
        bar = self.current or self.bar()
        if self.next:
            length = length * self.next[0] // self.next[1]
            self.next = None
        left, into, of = self.tuplet
        if left:
            length = length * into // of
            self.tuplet = (left - 1, into, of)
        if not length:
            raise error_at(self.line, "a note is too short")
        bar.notes.append((self.at, length, pitches, tied))
        self.tied_alters, self.last_alters = (self.alters if tied else {}), self.alters
        self.alters = {}
        if self.barless:
            self.accidentals.clear()
        self.at += length
        bar.length = max(bar.length, self.at)

    def end_bar(self, barline: str, ending: str) -> None:
        """Close the bar, if it has begun, at a bar line, which may begin an ending."""
        bar = self.current
        begins, ends = barline.endswith(":"), barline.startswith(":")
        if barline == ":":  # half a repeat: it ends where there are notes before it
            begins = not (ends := bool(bar and bar.notes))
        if bar and bar.notes:
            bar.length = max(bar.length, self.at)
            self.bars.append(bar)
            self.current = None
        if self.bars and not self.current:
            if ends:
                self.bars[-1].right.append(":|")
            elif len(barline.strip(":")) > 1:
                self.bars[-1].right.append("||")
        self.at = 0
        self.accidentals.clear()
        if begins or ending:
            following = self.bar()
            if begins:
                following.left.append("|:")
            if ending:
                following.left.append(f"[{ending.strip('.,-')}")
