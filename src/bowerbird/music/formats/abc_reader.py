"""ABC, read bar by bar as it is written (abcnotation.com, standard 2.1).

Supported are keys with modes and extra accidentals, meters, note lengths, tempos, titles, voices
and their instruments (``%%MIDI program``), overlays, chords, rests, ties, tuplets, broken rhythm,
repeats and endings. Grace notes, slurs, decorations, fingerings, chord names and words are skipped,
as in the corpus of folk-rnn (Sturm et al. 2016, "Music transcription modelling and composition
using deep learning").

An accidental holds for its letter, in every octave, to the end of the bar, or with ``%%MIDI
nobarlines`` for its note only.
"""

import re
from collections.abc import Iterator

from bowerbird.errors import MusicError
from bowerbird.music.formats.abc_voice import ACCIDENTALS, Voice, error_at
from bowerbird.music.formats.tune import WHOLE, Tune
from bowerbird.music.notation.spelling import key_alter
from bowerbird.music.score.key import STEPS, Key, parse_key
from bowerbird.music.score.meter import Meter

_KEY = re.compile(
    r"[A-Ga-g][#b]?(?:\s*(?:maj|min|mix|dor|phr|lyd|loc|ion|aeo|m(?![a-z]))[a-z]*)?", re.IGNORECASE
)
_ACCIDENTAL = r"(\^\^?|__?|=)([A-Ga-g])"
_OCTAVE = re.compile(r"\boctave=([+-]?[0-4])\b")
_CLEF_OCTAVE = re.compile(r"\b(?:treble|alto|tenor|bass)[1-5]?([+-])8\b")
_CLEF = re.compile(r"(?:clef=|octave=|(?:treble|alto|tenor|bass|perc)\b)")
_ACCIDENTALS = re.compile(f"(?:{_ACCIDENTAL})+")
_COUNT = "([1-9][0-9]{0,3})"
_NUMBER = re.compile(_COUNT)
_FRACTION = re.compile(f"{_COUNT}/{_COUNT}")
_PROGRAM = re.compile(r"%%MIDI\s+program\s+(?:[0-9]{1,2}\s+)?([0-9]{1,3})\b")
_TEMPO = re.compile(
    rf"(?:{_COUNT}/{_COUNT}\s*)?(?:[A-Z]?[0-9]?\s*=\s*)?([0-9]{{1,4}}(?:\.[0-9]{{1,9}})?)"
)


def read_abc(text: str) -> Iterator[Tune | MusicError]:
    """Yield each tune, or the error with its line that keeps the tune from being read."""
    header: list[tuple[int, str]] = []
    for block in _blocks(text):
        if not any(line.startswith("K:") for _, line in block):
            if any(line.startswith("X:") for _, line in block):
                yield error_at(block[0][0], "the tune has no key; add a line K:")
            elif not header:
                header = [line for line in block if re.match(r"[A-Z]:", line[1])]
            continue
        try:
            yield _Reader(header + block, block[0][0]).tune
        except MusicError as error:
            title = next((line[2:] for _, line in block if line.startswith("T:")), "").strip()
            yield MusicError(f"{error} ({title:.60})" if title else str(error))


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
        self.key_signature: dict[str, int] = {}
        self.voice: Voice | None = None  # none in the header
        self.name = ""  # of the voice
        self.program: int | None = None  # of voices that have no other
        self.barless = False
        self.voices: dict[str, Voice] = {}
        self.octave = 0  # by which clefs such as treble-8 move all notes
        self.octaves: dict[str, int] = {}  # of voices that have another
        for number, written in lines:
            self.line = number
            if program := _PROGRAM.match(written):
                self._program(min(int(program[1]), 127))
            if re.match(r"%%MIDI\s+nobarlines\b", written):
                self.barless = True
            line = re.sub(r"(?<!\\)%.*|=(?:20)?$", "", written)  # =20: a line's end in old mail
            if re.match(r"[A-Za-z+]:", line):
                self._field(line[0], line[2:].strip())
            elif self.voice:
                for part in re.split(r"(\[V:[^][]*\])", line):
                    if part.startswith("[V:"):
                        self._field("V", part[3:-1].strip())
                    else:
                        self.voice.read(part, number)
        for voice in self.voices.values():
            voice.end_bar("", "")
            if voice.tuplet[0] and voice.tuplet[1]:
                raise error_at(self.line, "a tuplet has too few notes")
        if self.program is not None:
            self.tune.programs = dict.fromkeys(self.voices, self.program) | self.tune.programs
        self.tune.voices = {n: voice.bars for n, voice in self.voices.items() if voice.bars}

    def _field(self, letter: str, value: str) -> None:
        match letter:
            case "X" | "T" | "R" | "C" | "O":
                self._name(letter, value)
            case "M":
                meter = self._meter(value)
                if self.voice:
                    self.voice.new_time_signature(meter)
                else:
                    self.meter = meter
            case "L":
                length = _FRACTION.fullmatch(value)
                if not length:
                    raise error_at(self.line, f"L:{value:.20} is not a length; write L:1/8")
                self.unit = WHOLE * int(length[1]) // int(length[2])
                if self.voice:
                    self.voice.unit = self.unit
            case "Q":
                self._tempo(value)
            case "V":
                self._voice(value)
            case "K":
                self._key(value)

    def _name(self, letter: str, value: str) -> None:
        tune = self.tune
        match letter:
            case "X":
                tune.number = value
            case "T":
                tune.title = tune.title or value
            case "R":
                tune.rhythm = value.lower()
            case _:
                tune.origin = f"{tune.origin} {value}".strip()

    def _meter(self, value: str) -> Meter:
        value = value.split(maxsplit=1)[0] if value.split() else "none"
        known = {"C": (4, 4), "C|": (2, 2), "none": (4, 4)}
        if value in known:
            return known[value]
        top, _, bottom = value.replace("(", "").replace(")", "").partition("/")
        parts = top.split("+")
        if all(_NUMBER.fullmatch(p) for p in parts) and bottom in ("1", "2", "4", "8", "16", "32"):
            beats = sum(map(int, parts))
            if 1 <= beats <= 64:
                return beats, int(bottom)
        raise error_at(self.line, f"M:{value:.20} is not a meter; write M:4/4, M:6/8 or M:C|")

    def _tempo(self, value: str) -> None:
        value = re.sub(r'"[^"]*"', "", value).strip()
        match = _TEMPO.fullmatch(value)
        if not match:
            return  # words, or several beats: the default tempo will do
        top, bottom, beats = match.groups()
        if not float(beats):
            raise error_at(self.line, f"Q:{value:.20} is not a tempo; write Q:1/4=120")
        qpm = float(beats) * (4 * int(top) / int(bottom) if top else 1.0)
        if self.voice:
            self.voice.bar().tempos.append((self.voice.at, qpm))
        else:
            self.tune.qpm = qpm

    def _voice(self, value: str) -> None:
        """Name a voice and, outside the header, which only describes voices, go on with it."""
        number = value.split(maxsplit=1)[0] if value.split() else "1"
        octave = _octave(value)
        if name := re.search(r'\b(?:name|nm)="([^"]+)"', value):
            self.tune.names[number] = name[1]
        if octave:
            self.octaves[number] = octave[0]
        if self.voice:
            self._begin(number)

    def _program(self, program: int) -> None:
        """Set the instrument of a voice if it has none yet, or in the header that of all."""
        if self.voice:
            self.tune.programs.setdefault(self.name, program)
        else:
            self.program = program

    def _begin(self, name: str) -> None:
        """Go on with a voice; begin it if it is new."""
        self.name = name
        if name not in self.voices:
            self.voices[name] = Voice(
                [], self.meter, self.unit, self.key_signature, self._field, self.line
            )
            self.voices[name].octave = self.octaves.get(name, self.octave)
        self.voice = self.voices[name]
        self.voice.barless = self.barless

    def _clef(self, value: str) -> bool:
        """Set the octave of a clef in a field K:; return whether it changes nothing else."""
        octave, alone = _octave(value), self.voice is not None and bool(_CLEF.match(value))
        if octave or alone:
            self.octave = octave[0] if octave else 0
            if self.voice:
                self.voice.octave = self.octave
        return alone

    def _key(self, value: str) -> None:
        """Set the key; accidentals such as ^g and words such as clef=treble may follow it."""
        accidentals: dict[str, int] = {}
        if self._clef(value):
            return
        if value.startswith(("HP", "Hp")):  # the Highland pipes: two sharps, and they play in A
            key = Key("A", "mixolydian")
        elif value in ("", "none"):
            key = Key()
        else:
            match = _KEY.match(value)
            rest = value[match.end() :] if match else ""
            try:
                if not match or rest[:1].isalpha():
                    raise MusicError
                key = parse_key(match.group())
            except MusicError as error:
                message = f"K:{value:.30} is not a key; write K:D or K:Ador"
                raise error_at(self.line, message) from error
            for word in rest.split():
                if _ACCIDENTALS.fullmatch(word):
                    pairs = re.findall(_ACCIDENTAL, word)
                    accidentals |= {letter.upper(): ACCIDENTALS[a] for a, letter in pairs}
        explicit = "exp" in value.split()  # nothing but the accidentals
        usual = {step: 0 if explicit else key_alter(step, key) for step in STEPS}
        signature = usual | accidentals
        if self.voice:
            self.voice.bar().key, self.voice.key_signature = key, signature
        else:
            self.key_signature, self.tune.key = signature, key
            if not self.unit:
                self.unit = WHOLE // (8 if self.meter[0] / self.meter[1] >= 0.75 else 16)
            self._begin("1")


def _octave(value: str) -> tuple[int] | None:
    """Return by how many octaves a field K: or V: moves what is played, if it says so."""
    if octave := _OCTAVE.search(value):
        return (int(octave[1]),)
    clef = _CLEF_OCTAVE.search(value)
    return (int(f"{clef[1]}1"),) if clef else None
