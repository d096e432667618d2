"""A score of notes in ticks to MusicXML 4.0: notation that a person can read.

Bars, pickups and meters are found in `meter.py`, note values in `rhythm.py`, names of pitches in
`spelling.py`, staves, hands and chord names in `staves.py`, beams and accidentals in `notation.py`.
This file only says it in XML (W3C Music Notation Community Group, MusicXML 4.0, 2021).
"""

from collections.abc import Iterator
from itertools import count
from xml.sax.saxutils import escape

from symusic import Score

from bowerbird.music.config import Accompaniment
from bowerbird.music.notation.bars import QUARTER, Bar, bars_of
from bowerbird.music.notation.chords import Chord
from bowerbird.music.notation.measures import ACCIDENTALS, Mark, StaffWriter
from bowerbird.music.notation.spelling import Key, Spelled, keys_of
from bowerbird.music.notation.staves import VOICES, Part, parts_of
from bowerbird.music.score.drums import Place, place_of
from bowerbird.music.score.sections import closed_endings

_CLEFS = {"treble": ("G", 2, 0), "bass": ("F", 4, 0), "treble-8": ("G", 2, -1)}
_CLEFS["percussion"] = ("percussion", 2, 0)
_BARS_A_LINE = 4  # of a tune, where they fill it
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" \
"http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0">"""


def to_musicxml(
    score: Score, title: str = "", composer: str = "", accompaniment: Accompaniment = "auto"
) -> str:
    """Write a score in ticks as MusicXML.

    `accompaniment` says what becomes of a second track of chords beside a melody: "names" above
    the staff, a "staff" of its own, or ("auto") names if all chords have one. Times that lie on
    no grid are moved to the nearest that is simple. Raises `ValueError` for a score without notes
    or with more bars or tracks than can be written.
    """
    if score.note_num() == 0:
        raise ValueError("the score has no notes to write")
    bars = bars_of(score)
    scale = QUARTER / score.ticks_per_quarter
    keys = [(round(tick * scale), key) for tick, key in sorted(keys_of(score).items())]
    parts = parts_of(score, bars, keys[0][1], accompaniment)
    lines = [_HEAD]
    if title:
        lines.append(f"<work><work-title>{_text(title)}</work-title></work>")
    creator = f'<creator type="composer">{_text(composer)}</creator>' if composer else ""
    lines.append(
        f"<identification>{creator}<encoding><software>Bowerbird</software>"
        "</encoding></identification>"
    )
    lines.extend(_part_list(parts))
    tempi = _tempi(score, bars)
    for number, part in enumerate(parts, 1):
        lines.append(f'<part id="P{number}">')
        lines.extend(_bars(part, bars, keys, tempi if number == 1 else {}))
        lines.append("</part>")
    lines.append("</score-partwise>\n")
    return "\n".join(lines)


def _text(words: str) -> str:
    return escape("".join(c for c in words if c.isprintable() or c == " "))


def _part_list(parts: list[Part]) -> Iterator[str]:
    yield "<part-list>"
    if len(parts) > 1:
        yield '<part-group type="start" number="1"><group-symbol>bracket</group-symbol>'
        yield "<group-barline>no</group-barline></part-group>"
    channels = (c for c in count(1) if c != 10)
    for number, part in enumerate(parts, 1):
        shown = "" if len(parts) > 1 else ' print-object="no"'
        channel = 10 if part.drums else (next(channels) - 1) % 16 + 1
        yield f'<score-part id="P{number}"><part-name{shown}>{_text(part.name)}</part-name>'
        yield (
            f'<score-instrument id="P{number}-I1"><instrument-name>{_text(part.name)}'
            "</instrument-name></score-instrument>"
        )
        yield (
            f'<midi-instrument id="P{number}-I1"><midi-channel>{channel}</midi-channel>'
            f"<midi-program>{part.program % 128 + 1}</midi-program></midi-instrument>"
        )
        yield "</score-part>"
    if len(parts) > 1:
        yield '<part-group type="stop" number="1"/>'
    yield "</part-list>"


def _tempi(score: Score, bars: list[Bar]) -> dict[int, float]:
    """Return quarters a minute by the bar where they begin to hold; small changes are left out."""
    scale = QUARTER / score.ticks_per_quarter
    changes = sorted((round(t.time * scale), float(t.qpm)) for t in score.tempos) or [(0, 120.0)]
    found: dict[int, float] = {}
    before = None
    for number, bar in enumerate(bars):
        qpm = [q for at, q in changes if at < bar.end - bar.length // 2] or [changes[0][1]]
        if 5 <= qpm[-1] <= 1000 and (before is None or abs(qpm[-1] / before - 1) > 0.04):
            found[number] = before = qpm[-1]
    return found


def _bars(
    part: Part, bars: list[Bar], keys: list[tuple[int, Key]], tempi: dict[int, float]
) -> Iterator[str]:
    """Write the bars of a part, one string each."""
    writers = [StaffWriter(staff) for staff in part.staves]
    shown: Key | None = None
    endings = closed_endings([(bar.before, bar.after) for bar in bars])
    for index, bar in enumerate(bars):
        key = [k for at, k in keys if at < bar.end][-1] if keys[0][0] < bar.end else keys[0][1]
        implicit = ' implicit="yes"' if bar.partial else ""
        number = str(bar.number) if bar.number or not index else f"X{index}"
        lines = [f'<measure number="{number}"{implicit}>']
        if len(part.staves) == 1 and index and bar.number % _BARS_A_LINE == 1 and bar.number > 1:
            lines.append('<print new-system="yes"/>')
        opened = [s[1:] for s in bar.before if s[0] == "["]
        if opened or "|:" in bar.before:
            style = "<bar-style>heavy-light</bar-style>" if "|:" in bar.before else ""
            volta = f'<ending number="{opened[0]}" type="start"/>' if opened else ""
            again = '<repeat direction="forward"/>' if style else ""
            lines.append(f'<barline location="left">{style}{volta}{again}</barline>')
        lines.append(_attributes(part, bar, key, index == 0, key != shown))
        shown = key
        if index in tempi:
            lines.append(_tempo(tempi[index], bar))
        for place, writer in enumerate(writers, 1):
            if place > 1:
                lines.append(f"<backup><duration>{bar.length}</duration></backup>")
            chords = (
                {at - bar.start: c for at, c in part.chords.items() if bar.start <= at < bar.end}
                if place == 1
                else {}
            )
            for level, marks in enumerate(writer.bar(bar, key)):
                if level:
                    lines.append(f"<backup><duration>{bar.length}</duration></backup>")
                voice = (place - 1) * VOICES + level + 1
                staff = place if len(writers) > 1 else 0
                lines.extend(
                    _voice(marks, bar, voice, staff, chords if level == 0 else {}, part.drums)
                )
        last = index == len(bars) - 1
        if bar.after or last or index in endings:
            lines.append(_closing(bar, endings.get(index, ""), last))
        lines.append("</measure>")
        yield "\n".join(lines)


def _closing(bar: Bar, ending: str, last: bool) -> str:
    """Write the line after a bar: double, final or a repeat, and the end of an ending."""
    repeat = ":|" in bar.after
    style = "light-heavy" if repeat or last else "light-light" if "||" in bar.after else ""
    inner = f"<bar-style>{style}</bar-style>" if style else ""
    if ending:
        kind = "stop" if repeat or last else "discontinue"
        inner += f'<ending number="{ending}" type="{kind}"/>'
    inner += '<repeat direction="backward"/>' if repeat else ""
    return f'<barline location="right">{inner}</barline>'


def _attributes(part: Part, bar: Bar, key: Key, first: bool, new_key: bool) -> str:
    inner = f"<divisions>{QUARTER}</divisions>" if first else ""
    if new_key and not part.drums:
        mode = "minor" if key.minor else "major"
        inner += f"<key><fifths>{key.fifths}</fifths><mode>{mode}</mode></key>"
    if bar.announced or first:
        half = bar.numerator == bar.denominator == 2
        symbol = ' symbol="cut"' if half else ""
        symbol = ' symbol="common"' if (bar.numerator, bar.denominator) == (4, 4) else symbol
        inner += (
            f"<time{symbol}><beats>{bar.numerator}</beats>"
            f"<beat-type>{bar.denominator}</beat-type></time>"
        )
    if first:
        staves = len(part.staves)
        inner += f"<staves>{staves}</staves>" if staves > 1 else ""
        for number, staff in enumerate(part.staves, 1):
            sign, line, octave = _CLEFS[staff.clef]
            which = f' number="{number}"' if staves > 1 else ""
            lower = f"<clef-octave-change>{octave}</clef-octave-change>" if octave else ""
            inner += f"<clef{which}><sign>{sign}</sign><line>{line}</line>{lower}</clef>"
    return f"<attributes>{inner}</attributes>" if inner else ""


def _tempo(qpm: float, bar: Bar) -> str:
    unit, quarters, dot = "quarter", 1.0, ""
    if bar.compound and bar.denominator == 8:
        quarters, dot = 1.5, "<beat-unit-dot/>"
    elif bar.denominator == 2:
        unit, quarters = "half", 2.0
    return (
        '<direction placement="above"><direction-type><metronome>'
        f"<beat-unit>{unit}</beat-unit>{dot}<per-minute>{round(qpm / quarters)}</per-minute>"
        f'</metronome></direction-type><sound tempo="{qpm:.2f}"/></direction>'
    )


def _voice(
    marks: list[Mark], bar: Bar, voice: int, staff: int, chords: dict[int, Chord], drums: bool
) -> Iterator[str]:
    """Write the marks of a voice; `staff` is 0 where the part has one."""
    where = f"<staff>{staff}</staff>" if staff else ""
    for mark in marks:
        a, b = mark.piece.start, mark.piece.start + mark.piece.length
        for at in sorted(at for at in chords if a <= at < b):
            yield _harmony(chords[at], at - a, where)
        if not mark.pitches:
            hidden = ' print-object="no"' if mark.hidden else ""
            rest = '<rest measure="yes"/>' if mark.whole_bar else "<rest/>"
            yield f"<note{hidden}>{rest}{_body(mark, voice, where, -1)}</note>"
        for index, pitch in enumerate(mark.pitches):
            chord = "<chord/>" if index else ""
            head = _unpitched(pitch) if drums else _pitch(pitch)
            cross = "<notehead>x</notehead>" if drums and _drum(pitch)[2] else ""
            yield f"<note>{chord}{head}{_body(mark, voice, where, index, cross, drums)}</note>"


def _body(
    mark: Mark, voice: int, where: str, index: int, cross: str = "", drums: bool = False
) -> str:
    """Write what follows the pitch of a note, or the rest, in the order that the format wants."""
    piece = mark.piece
    ties = [kind for kind, there in (("stop", mark.tied_from), ("start", mark.tied_to)) if there]
    text = f"<duration>{piece.length}</duration>"
    if index >= 0:
        text += "".join(f'<tie type="{kind}"/>' for kind in ties)
    text += f"<voice>{voice}</voice>"
    if not mark.whole_bar:
        text += f"<type>{piece.name}</type>" + "<dot/>" * piece.dots
    if index >= 0 and not drums and mark.accidentals[index] is not None:
        text += f"<accidental>{ACCIDENTALS[mark.accidentals[index] or 0]}</accidental>"
    if mark.tuplet:
        text += (
            f"<time-modification><actual-notes>{mark.actual}</actual-notes><normal-notes>"
            f"{mark.actual * 2 // 3}</normal-notes></time-modification>"
        )
    text += cross + where
    if index == 0:
        text += "".join(f'<beam number="{i}">{b}</beam>' for i, b in enumerate(mark.beams, 1))
    inner = ""
    if index >= 0:
        inner += "".join(f'<tied type="{kind}"/>' for kind in ties)
    if index <= 0 and mark.tuplet in ("start", "stop"):
        bracket = "" if mark.tuplet == "stop" else f' bracket="{"no" if mark.beams else "yes"}"'
        inner += f'<tuplet type="{mark.tuplet}"{bracket}/>'
    return text + (f"<notations>{inner}</notations>" if inner else "")


def _pitch(pitch: Spelled) -> str:
    alter = f"<alter>{pitch.alter}</alter>" if pitch.alter else ""
    return f"<pitch><step>{pitch.step}</step>{alter}<octave>{pitch.octave}</octave></pitch>"


def _drum(pitch: Spelled) -> Place:
    semitones = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[pitch.step]
    return place_of(12 * (pitch.octave + 1) + semitones + pitch.alter)


def _unpitched(pitch: Spelled) -> str:
    step, octave, _ = _drum(pitch)
    return (
        f"<unpitched><display-step>{step}</display-step>"
        f"<display-octave>{octave}</display-octave></unpitched>"
    )


def _harmony(chord: Chord, offset: int, where: str) -> str:
    def tone(name: str, pitch: Spelled) -> str:
        alter = f"<{name}-alter>{pitch.alter}</{name}-alter>" if pitch.alter else ""
        return f"<{name}><{name}-step>{pitch.step}</{name}-step>{alter}</{name}>"

    bass = tone("bass", chord.bass) if chord.bass else ""
    later = f"<offset>{offset}</offset>" if offset else ""
    return (
        f'<harmony print-frame="no">{tone("root", chord.root)}<kind text="{chord.text}">'
        f"{chord.kind}</kind>{bass}{later}{where}</harmony>"
    )
