"""ABC: tunes in letters, read as they are written, bar by bar (abcnotation.com, standard 2.1).

Read are keys with modes and extra signs, meters, note lengths, tempos, titles, voices, overlays,
chords, rests, ties, tuplets, broken rhythm, repeats and endings. Left out, as in folk-rnn's corpus
(Sturm et al. 2016, "Music transcription modelling and composition using deep learning"), are grace
notes and what is no note: slurs, decorations, fingerings, chord names, words.

Lengths are whole numbers: ``QUARTER`` units are a quarter note, so that tuplets of 3, 5, 7, 9 are
exact. An accidental holds for its letter, in every octave, to the end of the bar.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from bowerbird.music.error import MusicError
from bowerbird.music.key import Key, parse_key

QUARTER = 20160  # units: 2^6 * 3^2 * 5 * 7
WHOLE = 4 * QUARTER
LONGEST_REST = 1000  # bars in one Z: more is an error of the file

_STEPS = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
_SIGNS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_LENGTH = r"(\d*)(/*)(\d*)"
_SCAN = re.compile(
    rf"""(?P<note>(\^\^?|__?|=)?([A-Ga-g])([,']*){_LENGTH}(-?))
    |(?P<rest>[zx]{_LENGTH})
    |(?P<bar>:+(?:[|\]]+:*)?|\[\|[|\]]*:*|\|[|\]]*:*)(?P<first>\d[\d,.-]*)?
    |(?P<ending>\[(?:\d[\d,.-]*|(?=")))
    |(?P<inline>\[(?P<letter>[A-Za-z]):(?P<value>[^\]]*)\])
    |(?P<chord>\[(?P<inside>[^\]|:]*)\]{_LENGTH}(-?))
    |(?P<broken><+|>+)
    |(?P<tuplet>\((\d)(?::(\d*))?(?::(\d*))?)
    |(?P<bars>[ZX](\d*))
    |(?P<overlay>&)
    |(?P<nothing>"[^"]*"|\{{[^}}]*\}}|![^!|]*!|\+[^+|\s]+\+|[ \t`~.HI-WYh-wy()*;?@#$\\!-])
    """,
    re.VERBOSE,
)
_KEY = re.compile(
    r"[A-Ga-g][#b]?(?:\s*(?:maj|min|mix|dor|phr|lyd|loc|ion|aeo|m(?![a-z]))[a-z]*)?", re.IGNORECASE
)
_KEY_SIGN = r"(\^\^?|__?|=)([A-Ga-g])"
_KEY_SIGNS = re.compile(f"(?:{_KEY_SIGN})+")
_IN_CHORD = re.compile(rf"(\^\^?|__?|=)?([A-Ga-g])([,']*){_LENGTH}(-?)")
_NOTE, _REST, _CHORD, _TUPLET, _BARS = (
    _SCAN.groupindex[name] for name in ("note", "rest", "inside", "tuplet", "bars")
)
_UNCLOSED = {'"': "quotation mark", "[": "bracket", "{": "brace", "!": "exclamation mark"}


@dataclass
class Bar:
    """What stands between two bar lines."""

    line: int
    """Line of the file in which it begins, from 1."""
    meter: tuple[int, int]
    """Beats, and their part of a whole note."""
    notes: list[tuple[int, int, tuple[int, ...], bool]] = field(default_factory=list)
    """Start and length in units, pitches, and whether they are tied to the next."""
    length: int = 0
    """Units."""
    signs: list[str] = field(default_factory=list)
    """What stands at its start: ``|:``, ``[1`` ..."""
    ends: list[str] = field(default_factory=list)
    """What stands at its end: ``:|``, ``||``."""
    key: Key | None = None
    """The key, where it changes."""


@dataclass
class Tune:
    """One tune: its head, and the bars of each voice."""

    line: int
    number: str = ""
    title: str = ""
    rhythm: str = ""
    origin: str = ""
    key: Key = field(default_factory=Key)
    qpm: float = 0.0
    """Quarter notes a minute; 0 is not told."""
    voices: dict[str, list[Bar]] = field(default_factory=dict)
    programs: dict[str, int] = field(default_factory=dict)
    """Instruments of voices that are not for the fiddle, by General MIDI, from 0."""
    drums: set[str] = field(default_factory=set)
    """Voices for drums."""

    @property
    def name(self) -> str:
        """Number and title."""
        return f"{self.number} {self.title}".strip()


def read_abc(text: str) -> Iterator[Tune | MusicError]:
    """Yield each tune, or the error that keeps it from being read, which says the line."""
    head: list[tuple[int, str]] = []
    for block in _blocks(text):
        if not any(line.startswith("K:") for _, line in block):
            if any(line.startswith("X:") for _, line in block):
                yield _wrong(block[0][0], "the tune has no key; add a line K:")
            elif not head:
                head = [line for line in block if re.match(r"[A-Z]:", line[1])]
            continue
        try:
            yield _Reader(head + block, block[0][0]).tune
        except MusicError as error:
            title = next((line[2:] for _, line in block if line.startswith("T:")), "").strip()
            yield MusicError(f"{error} ({title})" if title else str(error))


def _wrong(line: int, what: str) -> MusicError:
    return MusicError(f"line {line}: {what}")


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Yield the lines of each tune with their numbers; a tune ends at an empty line or an X:."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or (line.startswith("X:") and block):
            if block:
                yield block
            block = []
        if line.strip():
            block.append((number, line.rstrip()))
    if block:
        yield block


class _Reader:
    """Reads one tune, line by line."""

    def __init__(self, lines: list[tuple[int, str]], first: int) -> None:
        self.tune = Tune(first)
        self.meter, self.unit, self.line = (4, 4), 0, first
        self.body = False
        self.key_signs: dict[str, int] = {}
        self.state = _Voice(self.tune.voices.setdefault("1", []))
        self.states = {"1": self.state}
        for number, written in lines:
            self.line = number
            line = re.sub(r"(?<!\\)%.*|=(?:20)?$", "", written)  # =20: a line's end in old mail
            if re.match(r"[A-Za-z+]:", line):
                self._field(line[0], line[2:].strip())
            elif self.body:
                self._music(line)
        self._end_bar("", "")
        for state in self.states.values():
            if state.tuplet[0] and state.tuplet[1]:
                raise _wrong(self.line, "a tuplet has too few notes")
        self.tune.voices = {name: bars for name, bars in self.tune.voices.items() if bars}

    def _field(self, letter: str, value: str) -> None:
        tune = self.tune
        match letter:
            case "X":
                tune.number = value
            case "T":
                tune.title = tune.title or value
            case "R":
                tune.rhythm = value.lower()
            case "C" | "O":
                tune.origin = f"{tune.origin} {value}".strip()
            case "M":
                meter = self._meter(value)
                if self.body:
                    self.state.meter = meter
                else:
                    self.meter = meter
            case "L":
                top, _, bottom = value.partition("/")
                if not (top.isdigit() and bottom.isdigit() and int(top) and int(bottom)):
                    raise _wrong(self.line, f"L:{value:.20} is no length; write L:1/8")
                self.unit = WHOLE * int(top) // int(bottom)
            case "Q":
                tune.qpm = self._tempo(value) or tune.qpm
            case "V":
                self._voice(value.split(maxsplit=1)[0] if value.split() else "1")
            case "K":
                self._key(value)

    def _meter(self, value: str) -> tuple[int, int]:
        value = value.split(maxsplit=1)[0] if value.split() else "none"
        known = {"C": (4, 4), "C|": (2, 2), "none": (4, 4)}
        if value in known:
            return known[value]
        top, _, bottom = value.replace("(", "").replace(")", "").partition("/")
        parts = top.split("+")
        if all(p.isdigit() for p in parts) and bottom in ("1", "2", "4", "8", "16", "32"):
            beats = sum(map(int, parts))
            if 1 <= beats <= 64:
                return beats, int(bottom)
        raise _wrong(self.line, f"M:{value:.20} is no meter; write M:4/4, M:6/8 or M:C|")

    def _tempo(self, value: str) -> float:
        value = re.sub(r'"[^"]*"', "", value).strip()
        found = re.fullmatch(r"(?:(\d+)/(\d+)\s*)?(?:[A-Z]?\d?\s*=\s*)?(\d+(?:\.\d+)?)", value)
        if not found:
            return 0.0  # words, or several beats: it can be played all the same
        top, bottom, beats = found.groups()
        beat = 4 * int(top) / int(bottom) if top and int(bottom) else 1.0
        return beat * float(beats)

    def _voice(self, name: str) -> None:
        if name not in self.states:
            bars = self.tune.voices.setdefault(name, [])
            self.states[name] = _Voice(bars)
        self.state = self.states[name]

    def _key(self, value: str) -> None:
        """Set the key; signs such as ^g and words such as clef=treble may follow it."""
        signs: dict[str, int] = {}
        if value.startswith(("HP", "Hp")):  # the Highland pipes: two sharps, and they play in A
            key = Key("A", "mixolydian")
        elif value in ("", "none"):
            key = Key()
        else:
            found = _KEY.match(value)
            rest = value[found.end() :] if found else ""
            try:
                if not found or rest[:1].isalpha():
                    raise MusicError
                key = parse_key(found.group())
            except MusicError as error:
                raise _wrong(self.line, f"K:{value:.30} is no key; write K:D or K:Ador") from error
            for word in rest.split():
                if _KEY_SIGNS.fullmatch(word):
                    signs |= {n.upper(): _SIGNS[s] for s, n in re.findall(_KEY_SIGN, word)}
        signs = {**_signature(key.sharps), **signs}
        if self.body:
            self.state.bar(self).key, self.state.key_signs = key, signs
        else:
            self.key_signs = signs
            self.tune.key, self.body = key, True
            if not self.unit:
                self.unit = WHOLE // (8 if self.meter[0] / self.meter[1] >= 0.75 else 16)

    def _music(self, line: str) -> None:
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
                    self._end_bar(found["bar"], found["first"] or "")
                case "ending":
                    self._end_bar("", found["ending"][1:] or "1")
                case _:
                    self._rare(found)

    def _rare(self, found: re.Match[str]) -> None:
        state = self.state
        if found["inline"]:
            self._field(found["letter"], found["value"].strip())
        elif found["chord"]:
            self._chord(found)
        elif found["broken"]:
            self._broken(found["broken"])
        elif found["tuplet"]:
            count, into, over = found.group(*range(_TUPLET + 1, _TUPLET + 4))
            p = int(count)
            compound = (state.meter or self.meter)[0] in (6, 9, 12)
            usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if compound else 2)
            if p < 2:
                raise _wrong(self.line, "a tuplet has 2 to 9 notes")
            state.tuplet = (int(over or 0) or p, int(into or 0) or usual, p)
        elif found["overlay"]:
            state.bar(self)
            state.at = 0
        else:
            count = int(found.group(_BARS + 1) or 1)
            if count > LONGEST_REST:
                raise _wrong(self.line, f"a rest of {count} bars is too long")
            for number in range(count):
                if number:
                    self._end_bar("|", "")
                beats, part = state.meter or self.meter
                self._sound((), WHOLE * beats // part, False)

    def _cannot(self, line: str, place: int) -> MusicError:
        sign = line[place]
        if sign in _UNCLOSED:
            return _wrong(self.line, f"a {_UNCLOSED[sign]} is not closed: {line[place:][:20]}")
        if sign in "-'," or sign.isdigit() or sign in "/^_=":
            return _wrong(self.line, f"{sign!r} belongs to no note: {line[place:][:20]}")
        return _wrong(self.line, f"{sign!r} is no ABC: {line[place:][:20]}")

    def _pitch(self, sign: str | None, letter: str, octave: str) -> int:
        upper = letter.upper()
        if sign:
            self.state.accidentals[upper] = _SIGNS[sign]
        alter = self.state.accidentals.get(upper)
        base = _STEPS[upper] + (12 if letter != upper else 0)
        if octave:
            base += 12 * (octave.count("'") - octave.count(","))
        if alter is None:
            alter = (self.state.key_signs or self.key_signs).get(upper, 0)
            # a tie takes its accidental over the bar line
            alter = self.state.held.get(base, alter)
        self.state.names[base] = alter
        pitch = base + alter
        if not 0 <= pitch <= 127:
            raise _wrong(self.line, f"{letter}{octave[:9]} is beyond what MIDI can play")
        return pitch

    def _length(self, top: str, slashes: str, bottom: str) -> int:
        if not top and not slashes:
            return self.unit
        if len(top) > 4 or len(bottom) > 3 or len(slashes) > 8:
            raise _wrong(self.line, "a note's length is far too large or small")
        under = int(bottom) if bottom else 2 ** len(slashes)
        over = int(top) if top else 1
        if not under or not over:
            raise _wrong(self.line, "a note has no length")
        return self.unit * over // under

    def _chord(self, found: re.Match[str]) -> None:
        inside = _IN_CHORD.findall(found["inside"])
        if not inside:
            raise _wrong(self.line, f"a chord has no notes: {found['chord'][:20]}")
        pitches = tuple(dict.fromkeys(self._pitch(n[0], n[1], n[2]) for n in inside))
        top, slashes, bottom, tie = found.group(*range(_CHORD + 1, _CHORD + 5))
        own = self._length(*inside[0][3:6])
        length = own * self._length(top, slashes, bottom) // self.unit
        self._sound(pitches, length, bool(tie or inside[0][6]))

    def _broken(self, signs: str) -> None:
        """Lengthen the note before and shorten the one after, or the other way round."""
        bar, halves = self.state.bar(self), len(signs)
        if not bar.notes or halves > 3:
            raise _wrong(self.line, f"{signs} stands between two notes")
        start, length, pitches, tied = bar.notes[-1]
        short = 2**halves
        first, second = (2 * short - 1, 1) if signs[0] == ">" else (1, 2 * short - 1)
        new = length * first // short
        bar.notes[-1] = (start, new, pitches, tied)
        self.state.at += new - length
        self.state.next = (second, short)

    def _sound(self, pitches: tuple[int, ...], length: int, tied: bool) -> None:
        state = self.state
        bar = state.current or state.bar(self)
        if state.next:
            length = length * state.next[0] // state.next[1]
            state.next = None
        left, into, of = state.tuplet
        if left:
            length = length * into // of
            state.tuplet = (left - 1, into, of)
        bar.notes.append((state.at, length, pitches, tied))
        state.held, state.names = (state.names if tied else {}), {}
        state.at += length
        bar.length = max(bar.length, state.at)

    def _end_bar(self, sign: str, ending: str) -> None:
        """Close the bar, if it has begun, and say at what bar line."""
        state = self.state
        bar = state.current
        begins, ends = sign.endswith(":"), sign.startswith(":")
        if sign == ":":  # half a sign: what it means follows from where it stands
            begins = not (ends := bool(bar and bar.notes))
        if bar and bar.notes:
            bar.length = max(bar.length, state.at)
            if ends:
                bar.ends.append(":|")
            elif len(sign.strip(":")) > 1:
                bar.ends.append("||")
            state.bars.append(bar)
            state.current = None
        elif state.bars and not bar:
            if ends:
                state.bars[-1].ends.append(":|")
            elif len(sign.strip(":")) > 1:
                state.bars[-1].ends.append("||")
        state.at = 0
        state.accidentals.clear()
        if begins or ending:
            following = state.bar(self)
            if begins:
                following.signs.append("|:")
            if ending:
                following.signs.append(f"[{ending.strip('.,-')}")


_NOTE_PARTS = tuple(range(_NOTE + 1, _NOTE + 8))
_REST_PARTS = tuple(range(_REST + 1, _REST + 4))


class _Voice:
    """What is known of one voice while it is read."""

    def __init__(self, bars: list[Bar]) -> None:
        self.bars, self.at = bars, 0
        self.current: Bar | None = None
        self.meter: tuple[int, int] | None = None  # the tune's, until it changes in the voice
        self.key_signs: dict[str, int] = {}  # likewise
        self.accidentals: dict[str, int] = {}
        self.names: dict[int, int] = {}  # natural pitches of the last chord, and their signs
        self.held: dict[int, int] = {}  # the same, if it is tied
        self.next: tuple[int, int] | None = None
        self.tuplet = (0, 0, 0)  # notes left, in the time of, of how many

    def bar(self, reader: _Reader) -> Bar:
        """Return the bar that is being read; begin one if there is none."""
        if self.current is None:
            self.current = Bar(reader.line, self.meter or reader.meter)
        return self.current


@lru_cache
def _signature(sharps: int) -> dict[str, int]:
    order = "FCGDAEB"
    if sharps >= 0:
        return dict.fromkeys(order[:sharps], 1)
    return dict.fromkeys(order[::-1][:-sharps], -1)
