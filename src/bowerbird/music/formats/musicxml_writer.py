"""MusicXML 4.0, written: notation that people can read, in files and for sheet music.

What the notation is, from measures to beams, is found in `music.notation`; this module puts it into
XML (W3C Music Notation Community Group, MusicXML 4.0, 2021).
"""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bowerbird.errors import MusicError
from bowerbird.music.config import Accompaniment
from bowerbird.music.notation.beats import QUARTER
from bowerbird.music.notation.chords import ChordName
from bowerbird.music.notation.measures import DENOMINATORS, Measure, measures_of
from bowerbird.music.notation.spelling import SpelledPitch
from bowerbird.music.notation.staves import Part, parts_of
from bowerbird.music.notation.symbols import Symbol, staff_symbols
from bowerbird.music.notation.voices import MAX_VOICES
from bowerbird.music.score.drums import drum_name, place_of
from bowerbird.music.score.meter import tempo_text
from bowerbird.music.score.sections import closed_endings

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

_CLEFS = {"treble": ("G", 2, 0), "bass": ("F", 4, 0), "treble-8": ("G", 2, -1)}
_CLEFS["percussion"] = ("percussion", 2, 0)
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_LINE_MEASURES = 4  # in a line of a tune, where they fill it
_SMALL_CHANGE = 0.04  # of a tempo: it is played, not printed
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" \
"http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0">"""


def to_musicxml(
    score: "Score",
    title: str = "",
    composer: str = "",
    accompaniment: Accompaniment = "auto",
    *,
    separate_tracks: bool = False,
) -> str:
    """Return a score in ticks as MusicXML.

    `accompaniment` is what becomes of a second track of chords beside a melody: "names" above the
    staff, a "staff" of its own, or ("auto") names if all chords have one. Two tracks for the hands
    of one keyboard become one part, and measures before the first note are left out. With
    `separate_tracks` each track is a part and all measures are written, so that a reader gets the
    same score back. Times that are on no grid are quantized. Raises MusicError for a
    score without notes or with more measures or tracks than can be written.
    """
    if score.note_num() == 0:
        raise MusicError("it has no notes")
    measures = measures_of(score, leading_rests=separate_tracks)
    parts = parts_of(score, measures, accompaniment, separate_tracks=separate_tracks)
    lines = [_HEAD]
    if title:
        lines.append(f"<work><work-title>{_text(title)}</work-title></work>")
    creator = f'<creator type="composer">{_text(composer)}</creator>' if composer else ""
    lines.append(
        f"<identification>{creator}<encoding><software>Bowerbird</software>"
        "</encoding></identification>"
    )
    lines.extend(_part_list(parts))
    tempos = _tempos(measures)
    for number, part in enumerate(parts, 1):
        lines.append(f'<part id="P{number}">')
        lines.extend(_measures(part, measures, f"P{number}", tempos if number == 1 else {}))
        lines.append("</part>")
    lines.append("</score-partwise>\n")
    return "\n".join(lines)


def _text(words: str) -> str:
    return escape("".join(c for c in words if c.isprintable()))


def _part_list(parts: list[Part]) -> Iterator[str]:
    yield "<part-list>"
    group, shown = "", ' print-object="no"'
    if len(parts) > 1:
        yield '<part-group type="start" number="1"><group-symbol>bracket</group-symbol>'
        yield "<group-barline>no</group-barline></part-group>"
        group, shown = '<part-group type="stop" number="1"/>', ""
    channels = (c for c in count(1) if c != 10)
    for number, part in enumerate(parts, 1):
        channel = 10 if part.drums else (next(channels) - 1) % 16 + 1
        instruments = {f"P{number}-I1": (part.name, "")}
        if part.drums:
            instruments = {
                f"P{number}-I{key}": (drum_name(key), f"<midi-unpitched>{key + 1}</midi-unpitched>")
                for key in _drums(part)
            }
        yield f'<score-part id="P{number}"><part-name{shown}>{_text(part.name)}</part-name>'
        for place, (name, _) in instruments.items():
            yield f'<score-instrument id="{place}"><instrument-name>{_text(name)}'
            yield "</instrument-name></score-instrument>"
        for place, (_, key) in instruments.items():
            yield f'<midi-instrument id="{place}"><midi-channel>{channel}</midi-channel>'
            yield f"<midi-program>{part.program % 128 + 1}</midi-program>{key}</midi-instrument>"
        yield "</score-part>"
    yield f"{group}</part-list>"


def _drums(part: Part) -> list[int]:
    """Return the MIDI keys of a part's drums."""
    voices = [voice for staff in part.staves for voice in staff.voices]
    return sorted({key for voice in voices for chord in voice for key in chord.pitches})


def _tempos(measures: list[Measure]) -> dict[int, str]:
    """Return what is written of tempos, by the number of the measure in which they begin."""
    tempos: dict[int, str] = {}
    printed = 0.0
    for index, measure in enumerate(measures):
        if measure.qpm:
            tempos[index] = f'<sound tempo="{tempo_text(measure.qpm, (4, 4))}"/>'
            small = printed and abs(measure.qpm / printed - 1) <= _SMALL_CHANGE
            if 5 <= measure.qpm <= 1000 and not small:
                tempos[index] = _metronome(measure, tempos[index])
                printed = measure.qpm
    return tempos


def _metronome(measure: Measure, sound: str) -> str:
    unit, quarters, dot = "quarter", 1.0, ""
    if measure.beats.compound and measure.beats.denominator == 8:
        quarters, dot = 1.5, "<beat-unit-dot/>"
    elif measure.beats.denominator == 2:
        unit, quarters = "half", 2.0
    per_minute = round(measure.qpm / quarters)
    return (
        '<direction placement="above"><direction-type><metronome>'
        f"<beat-unit>{unit}</beat-unit>{dot}<per-minute>{per_minute}</per-minute>"
        f"</metronome></direction-type>{sound}</direction>"
    )


def _measures(
    part: Part, measures: list[Measure], name: str, tempos: dict[int, str]
) -> Iterator[str]:
    """Write the measures of a part, one string each."""
    endings = closed_endings([(measure.left, measure.right) for measure in measures])
    for index, measure in enumerate(measures):
        first, last = index == 0, index == len(measures) - 1
        number = str(measure.number) if measure.number or first else f"X{index}"
        implicit = ' implicit="yes"' if measure.partial else ""
        lines = [f'<measure number="{number}"{implicit}>']
        if len(part.staves) == 1 and measure.number > 1 and measure.number % _LINE_MEASURES == 1:
            lines.append('<print new-system="yes"/>')
        lines.append(_left_barline(measure))
        lines.append(_attributes(part, measure, first=first))
        lines.append(tempos.get(index, ""))
        lines.extend(_staves(part, measure, name))
        lines.append(_right_barline(measure, endings.get(index, ""), last=last))
        lines.append("</measure>")
        yield "\n".join(line for line in lines if line)


def _left_barline(measure: Measure) -> str:
    repeats = "|:" in measure.left
    inner = "<bar-style>heavy-light</bar-style>" if repeats else ""
    for symbol in measure.left:
        if symbol[0] == "[":
            inner += f'<ending number="{symbol[1:]}" type="start"/>'
    inner += '<repeat direction="forward"/>' if repeats else ""
    return f'<barline location="left">{inner}</barline>' if inner else ""


def _right_barline(measure: Measure, ending: str, *, last: bool) -> str:
    """Write a double bar line, the final one or a repeat, and the end of an ending."""
    repeats = ":|" in measure.right
    double = "light-light" if "||" in measure.right else ""
    style = "light-heavy" if repeats or last else double
    inner = f"<bar-style>{style}</bar-style>" if style else ""
    if ending:
        kind = "stop" if repeats or last else "discontinue"
        inner += f'<ending number="{ending}" type="{kind}"/>'
    inner += '<repeat direction="backward"/>' if repeats else ""
    return f'<barline location="right">{inner}</barline>' if inner else ""


def _attributes(part: Part, measure: Measure, *, first: bool) -> str:
    inner = f"<divisions>{QUARTER}</divisions>" if first else ""
    if part.drums and first:
        inner += "<key><fifths>0</fifths></key>"
    elif measure.new_key and not part.drums:
        key = measure.key
        inner += f"<key><fifths>{key.sharps}</fifths><mode>{key.mode}</mode></key>"
    if measure.prints_meter:
        symbol = {(2, 2): ' symbol="cut"', (4, 4): ' symbol="common"'}
        inner += _time(measure.beats.meter, symbol.get(measure.beats.meter, ""))
    elif measure.new_meter and measure.meter[1] in DENOMINATORS:
        inner += _time(measure.meter, ' print-object="no"')
    if first:
        staves = len(part.staves)
        inner += f"<staves>{staves}</staves>" if staves > 1 else ""
        for number, staff in enumerate(part.staves, 1):
            shape, line, octave = _CLEFS[staff.clef]
            which = f' number="{number}"' if staves > 1 else ""
            lower = f"<clef-octave-change>{octave}</clef-octave-change>" if octave else ""
            inner += f"<clef{which}><sign>{shape}</sign><line>{line}</line>{lower}</clef>"
    return f"<attributes>{inner}</attributes>" if inner else ""


def _time(meter: tuple[int, int], attribute: str) -> str:
    beats, unit = meter
    return f"<time{attribute}><beats>{beats}</beats><beat-type>{unit}</beat-type></time>"


def _staves(part: Part, measure: Measure, name: str) -> Iterator[str]:
    """Write the voices of each staff in a measure."""
    backup = f"<backup><duration>{measure.length}</duration></backup>"
    chords = {at - measure.start: chord for at, chord in part.chords.items()}
    for place, staff in enumerate(part.staves):
        where = f"<staff>{place + 1}</staff>" if len(part.staves) > 1 else ""
        for level, symbols in enumerate(staff_symbols(staff.voices, measure)):
            if place or level:
                yield backup
            voice = f"<voice>{place * MAX_VOICES + level + 1}</voice>"
            for symbol in symbols:
                start = symbol.value.start
                here = () if place or level or not chords else range(symbol.value.length)
                yield from (_harmony(chords[start + n], n) for n in here if start + n in chords)
                yield from _notes(symbol, voice, where, name if part.drums else "")


def _notes(symbol: Symbol, voice: str, where: str, kit: str) -> Iterator[str]:
    """Write the notes of a symbol, or a rest; `kit` is the name of a part for drums."""
    duration = f"<duration>{symbol.value.length}</duration>"
    if not symbol.pitches:
        hidden = ' print-object="no"' if symbol.hidden else ""
        rest = '<rest measure="yes"/>' if symbol.whole_measure else "<rest/>"
        notations = _notations(symbol, first=True)
        yield f"<note{hidden}>{rest}{duration}{voice}{_value(symbol)}{where}{notations}</note>"
    ties = "".join(f'<tie type="{kind}"/>' for kind in _ties(symbol))
    for index, (pitch, spelled) in enumerate(zip(symbol.pitches, symbol.spelled, strict=True)):
        first = index == 0
        chord, instrument, head = "" if first else "<chord/>", "", ""
        if kit:
            instrument = f'<instrument id="{kit}-I{pitch}"/>'
            head = "<notehead>x</notehead>" if place_of(pitch)[2] else ""
            sound, accidental = _unpitched(pitch), None
        else:
            sound, accidental = _pitch(spelled), symbol.accidentals[index]
        beams = enumerate(symbol.beams, 1) if first else ()
        beam = "".join(f'<beam number="{level}">{kind}</beam>' for level, kind in beams)
        yield (
            f"<note>{chord}{sound}{duration}{ties}{instrument}{voice}{_value(symbol, accidental)}"
            f"{head}{where}{beam}{_notations(symbol, first=first)}</note>"
        )


def _value(symbol: Symbol, accidental: int | None = None) -> str:
    """Write a note value, the accidental before the note, and that it is in a triplet."""
    if symbol.whole_measure:
        return ""
    text = f"<type>{symbol.value.name}</type>" + "<dot/>" * symbol.value.dots
    if accidental is not None:
        text += f"<accidental>{_ACCIDENTALS[accidental]}</accidental>"
    if symbol.triplet:
        text += "<time-modification><actual-notes>3</actual-notes>"
        text += "<normal-notes>2</normal-notes></time-modification>"
    return text


def _ties(symbol: Symbol) -> list[str]:
    """Return the ends of ties at a note: of the one before it, and of its own."""
    return ["stop"] * symbol.tied_from + ["start"] * symbol.tied_to


def _notations(symbol: Symbol, *, first: bool) -> str:
    """Write the ties of a note and, at the first of a chord, the bracket of a triplet."""
    inner = "".join(f'<tied type="{kind}"/>' for kind in _ties(symbol))
    if first and symbol.triplet in ("start", "stop"):
        shown = {"start": f' bracket="{"no" if symbol.beams else "yes"}"', "stop": ""}
        inner += f'<tuplet type="{symbol.triplet}"{shown[symbol.triplet]}/>'
    return f"<notations>{inner}</notations>" if inner else ""


def _pitch(pitch: SpelledPitch) -> str:
    alter = f"<alter>{pitch.alter}</alter>" if pitch.alter else ""
    return f"<pitch><step>{pitch.step}</step>{alter}<octave>{pitch.octave}</octave></pitch>"


def _unpitched(drum: int) -> str:
    step, octave, _ = place_of(drum)
    return (
        f"<unpitched><display-step>{step}</display-step>"
        f"<display-octave>{octave}</display-octave></unpitched>"
    )


def _harmony(chord: ChordName, offset: int) -> str:
    def tone(name: str, pitch: SpelledPitch) -> str:
        alter = f"<{name}-alter>{pitch.alter}</{name}-alter>" if pitch.alter else ""
        return f"<{name}><{name}-step>{pitch.step}</{name}-step>{alter}</{name}>"

    bass = tone("bass", chord.bass) if chord.bass else ""
    later = f"<offset>{offset}</offset>" if offset else ""
    return (
        f'<harmony print-frame="no">{tone("root", chord.root)}<kind text="{chord.text}">'
        f"{chord.kind}</kind>{bass}{later}</harmony>"
    )
