"""MusicXML, written: a score becomes parts, measures, voices (W3C, version 4.0)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bowerbird.music.notation.beams import beams_of
from bowerbird.music.notation.tune_notation import (
    GRID,
    Measure,
    Notation,
    Part,
    Value,
    key_alter,
    notation,
    spelled,
    values_in,
)
from bowerbird.music.score.drums import drum_name, place_of
from bowerbird.music.score.key import Key
from bowerbird.music.score.meter import Meter, beat_of, tempo_text

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC '
    '"-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n'
)
# Names of note values by their ticks of the grid, and how many dots they have.
_TYPES = {96: "whole", 48: "half", 24: "quarter", 12: "eighth", 6: "16th", 3: "32nd"}
_SHARPS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}


def musicxml_of_score(score: "Score") -> bytes:
    """Return a score as MusicXML, on the grid of 24 ticks a quarter note.

    Raises MusicError if it has no notes.
    """
    written = notation(score, changes=True)
    root = Element("score-partwise", version="4.0")
    if written.title:
        _text(SubElement(root, "work"), "work-title", written.title)
    names = SubElement(root, "part-list")
    for number, part in enumerate(written.parts, 1):
        _name_part(names, part, number)
    for number, part in enumerate(written.parts, 1):
        element = SubElement(root, "part", id=f"P{number}")
        for count in range(len(written.measures)):
            _measure(element, written, part, count)
    indent(root, " ")
    return DOCTYPE.encode() + tostring(root, "utf-8") + b"\n"


def _text(parent: Element, tag: str, text: object) -> None:
    # characters that XML has no place for would make a file that nobody can read
    clean = "".join(c for c in str(text) if c.isprintable())
    SubElement(parent, tag).text = clean


def _name_part(names: Element, part: Part, number: int) -> None:
    element = SubElement(names, "score-part", id=f"P{number}")
    _text(element, "part-name", part.name or f"Part {number}")
    channel = 10 if part.drums else (number - 1) % 15 + 1
    channel += channel >= 10 and not part.drums
    drums = sorted({key for voice in part.voices for chord in voice for key in chord[2]})
    players = [(f"-I{key}", drum_name(key), key + 1) for key in drums] if part.drums else []
    players = players or [("-I1", part.name or f"Part {number}", 0)]
    for place, name, _ in players:
        instrument = SubElement(element, "score-instrument", id=f"P{number}{place}")
        _text(instrument, "instrument-name", name)
    for place, _, sound in players:
        midi = SubElement(element, "midi-instrument", id=f"P{number}{place}")
        _text(midi, "midi-channel", channel)
        _text(midi, "midi-program", part.program + 1)
        if sound:
            _text(midi, "midi-unpitched", sound)


def _measure(parent: Element, written: Notation, part: Part, count: int) -> None:
    """Write one measure of a part, voice after voice."""
    measure = written.measures[count]
    opens = sum(m.opens for m in written.measures[: count + 1])
    pickup = measure.opens and count == 0 and measure.start > 0
    element = SubElement(parent, "measure", number=str(opens - bool(written.measures[0].start)))
    if pickup or not measure.opens:
        element.set("implicit", "yes")
    _attributes(element, written, part, count)
    if measure.begins:
        _barline(element, "left", measure)
    qpm = measure.qpm or (0 if count else written.qpm)
    if qpm and part is written.parts[0]:
        _tempo(element, qpm, measure.meter)
    kit = parent.get("id", "") if part.drums else ""
    for number, voice in enumerate(part.voices, 1):
        if number > 1:
            backup = SubElement(element, "backup")
            _text(backup, "duration", measure.end - measure.start)
        values = values_in(voice, measure.start, measure.end)
        beams = beams_of(values, measure.bar, measure.meter)
        for value, joins in zip(values, beams, strict=True):
            for note in _value(element, value, number, measure.key, kit):
                _finish(note, value, joins)
                joins = []  # only a chord's first note has beams  # noqa: PLW2901
    last = count == len(written.measures) - 1
    ending = written.endings.get(count, "")
    if measure.ends or ending or last:
        _barline(element, "right", measure, ending, last=last)


def _tempo(element: Element, qpm: float, meter: Meter) -> None:
    """Write beats a minute for people, and quarter notes for programs."""
    direction = SubElement(element, "direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
    _text(metronome, "beat-unit", "quarter")
    if beat_of(meter) == (3, 8):
        SubElement(metronome, "beat-unit-dot")
    _text(metronome, "per-minute", tempo_text(qpm, meter))
    SubElement(direction, "sound", tempo=tempo_text(qpm, (4, 4)))


def _attributes(element: Element, written: Notation, part: Part, count: int) -> None:
    measure = written.measures[count]
    if count and not (measure.fresh or measure.new_key):
        return
    attributes = SubElement(element, "attributes")
    if not count:
        _text(attributes, "divisions", GRID)
    if not count or measure.new_key:
        key = SubElement(attributes, "key")
        keyless = part.drums and part is not written.parts[0]  # the first one's is the score's
        _text(key, "fifths", 0 if keyless else measure.key.sharps)
        if not keyless:
            _text(key, "mode", measure.key.mode)
    if measure.fresh:
        time = SubElement(attributes, "time")
        _text(time, "beats", measure.meter[0])
        _text(time, "beat-type", measure.meter[1])
    if not count:
        sign, line = _clef(part)
        clef = SubElement(attributes, "clef")
        _text(clef, "sign", sign)
        if line:
            _text(clef, "line", line)


def _clef(part: Part) -> tuple[str, int]:
    if part.drums:
        return "percussion", 0
    pitches = [pitch for voice in part.voices for chord in voice for pitch in chord[2]]
    return ("G", 2) if sum(pitches) / len(pitches) >= 57 else ("F", 4)


def _barline(
    element: Element, side: str, measure: Measure, ending: str = "", *, last: bool = False
) -> None:
    """Write a bar line with its signs; ``ending`` is the one that closes there."""
    signs = measure.begins if side == "left" else measure.ends
    barline = SubElement(element, "barline", location=side)
    if ":|" in signs or "|:" in signs or last or "||" in signs:
        style = "light-light" if "||" in signs and not last else "light-heavy"
        _text(barline, "bar-style", "heavy-light" if "|:" in signs else style)
    for sign in signs:
        if sign[0] == "[":
            SubElement(barline, "ending", number=sign[1:], type="start")
    if ending:
        kind = "stop" if ":|" in signs or last else "discontinue"
        SubElement(barline, "ending", number=ending, type=kind)
    if "|:" in signs:
        SubElement(barline, "repeat", direction="forward")
    if ":|" in signs:
        SubElement(barline, "repeat", direction="backward")


def _value(element: Element, value: Value, voice: int, key: Key, kit: str) -> Iterator[Element]:
    """Write a note, each note of a chord, or a rest, and yield it, to be finished.

    ``kit`` is the name of a part for drums.
    """
    for number, pitch in enumerate(value.pitches or (-1,)):
        note = SubElement(element, "note")
        if number:
            SubElement(note, "chord")
        alter = None
        if pitch < 0:
            SubElement(note, "rest")
        elif kit:
            _hit(note, pitch)
        else:
            alter = _pitch(note, pitch, key)
        _text(note, "duration", value.length)
        for kind in _ties(value):
            SubElement(note, "tie", type=kind)
        if kit and pitch >= 0:
            SubElement(note, "instrument", id=f"{kit}-I{pitch}")
        _text(note, "voice", voice)
        length = value.length * 3 // 2 if value.tuplet else value.length
        shown = next((ticks for ticks in _TYPES if ticks <= length), 3)
        _text(note, "type", _TYPES[shown])
        if 2 * length == 3 * shown:
            SubElement(note, "dot")
        if alter is not None:
            _text(note, "accidental", _SHARPS[alter])
        if value.tuplet:
            change = SubElement(note, "time-modification")
            _text(change, "actual-notes", 3)
            _text(change, "normal-notes", 2)
        if kit and pitch >= 0 and place_of(pitch)[2]:
            _text(note, "notehead", "x")
        yield note


def _ties(value: Value) -> list[str]:
    """Return the ends of ties at a note: of the one before it, and of its own."""
    return ["stop"] * value.held + ["start"] * value.tied


def _finish(note: Element, value: Value, joins: list[str]) -> None:
    """Write a note's beams, ties and tuplet brackets, which come last."""
    for level, word in enumerate(joins, 1):
        SubElement(note, "beam", number=str(level)).text = word
    first = note.find("chord") is None
    marks = [("tied", kind) for kind in _ties(value)]
    marks += [("tuplet", "start")] * (bool(value.group) and first)
    marks += [("tuplet", "stop")] * (value.last and first)
    if marks:
        notations = SubElement(note, "notations")
        for tag, kind in marks:
            SubElement(notations, tag, type=kind)


def _hit(note: Element, drum: int) -> None:
    """Write where a drum stands."""
    step, octave, _ = place_of(drum)
    hit = SubElement(note, "unpitched")
    _text(hit, "display-step", step)
    _text(hit, "display-octave", octave)


def _pitch(note: Element, pitch: int, key: Key) -> int | None:
    """Write a pitch, and return the accidental that has to be shown, if any."""
    letter, alter, octave = spelled(pitch, key)
    element = SubElement(note, "pitch")
    _text(element, "step", letter)
    if alter:
        _text(element, "alter", alter)
    _text(element, "octave", octave)
    return None if alter == key_alter(letter, key) else alter
