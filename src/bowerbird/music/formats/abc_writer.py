"""ABC, written: a score becomes signs of ABC, and these a text (abcnotation.com, standard 2.1).

The signs are those of folk-rnn (Sturm et al. 2016): a note with its accidental and octave, its
length in eighths, bar lines, repeats, endings, tuplets.
"""

from fractions import Fraction
from typing import TYPE_CHECKING

from bowerbird.errors import MusicError
from bowerbird.music.notation.tune_notation import (
    Chord,
    Measure,
    Notation,
    Value,
    key_alter,
    notation,
    spelled,
    values_in,
)
from bowerbird.music.score.key import Key
from bowerbird.music.score.meter import Meter, beat_of, tempo_text

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

EIGHTH = 12  # ticks of the grid: L:1/8
LINE = 4  # bars in a line
_ACCIDENTALS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}


def abc_of_score(score: "Score", number: int = 1) -> str:
    """Return a score as an ABC tune, each voice on lines of its own.

    Notes lie on the grid of 24 ticks a quarter note. Drums, for which ABC has no signs, are left
    out, and a comment says so. Raises MusicError if there are no other notes.
    """
    written = notation(score, changes=True)
    beats, part = written.measures[0].meter
    lines = [f"X:{number}", f"T:{_line(written.title) or 'Untitled'}"]
    if written.rhythm:
        lines.append(f"R:{_line(written.rhythm)}")
    lines += [f"M:{beats}/{part}", "L:1/8"]
    if written.qpm:
        lines.append(_tempo(written.qpm, (beats, part)))
    lines.append(f"K:{written.key.abc}")
    voices = [(p, voice) for p in written.parts if not p.drums for voice in p.voices]
    if not voices:
        raise MusicError("it has only drums, for which ABC has no signs; write .mid or .musicxml")
    if any(part.drums for part in written.parts):
        lines.append("% The drums are left out: ABC has no signs for them.")
    for count, (track, voice) in enumerate(voices, 1):
        if len(voices) > 1:
            name = _line(track.name).replace('"', "'")
            lines.append(f'V:{count} name="{name}"' if name else f"V:{count}")
        lines.append(f"%%MIDI program {track.program}")
        lines += _lines(written, voice)
    return "\n".join(lines) + "\n"


def _tempo(qpm: float, meter: Meter) -> str:
    top, part = beat_of(meter)
    return f"Q:{top}/{part}={tempo_text(qpm, meter)}"


def _line(text: str) -> str:
    return " ".join(text.replace("%", "").split())


def _lines(written: Notation, voice: list[Chord]) -> list[str]:
    lines, line, bars = [], "", 0
    for measure, tokens in measures_of(written, voice):
        bars += measure.opens
        if bars > LINE and line:
            lines.append(line.strip())
            line, bars = "", int(measure.opens)
        beat = 3 * EIGHTH if measure.meter[1] == 8 and measure.meter[0] % 3 == 0 else 2 * EIGHTH
        for token, at in tokens:
            gap = at == _SIGN or (at >= 0 and at % beat == 0)
            line += f" {token}" if gap else token
    return [*lines, line.strip()] if line.strip() else lines


_SIGN, _MORE = (
    -1,
    -2,
)  # where a token stands that begins no note: a bar line; what belongs to a note


def measures_of(
    written: Notation, voice: list[Chord]
) -> list[tuple[Measure, list[tuple[str, int]]]]:
    """Return each measure's tokens, each with its place in the bar, or below 0 if it is no note."""
    found = []
    for number, measure in enumerate(written.measures):
        tokens: list[tuple[str, int]] = []
        if number and measure.fresh:
            tokens.append((f"[M:{measure.meter[0]}/{measure.meter[1]}]", _SIGN))
        if measure.new_key:
            tokens.append((f"[K:{measure.key.abc}]", _SIGN))
        if measure.qpm:
            tokens.append((f"[{_tempo(measure.qpm, measure.meter)}]", _SIGN))
        tokens += [(sign, _SIGN) for sign in measure.begins]
        last = number == len(written.measures) - 1
        early = voice[-1][1] - measure.bar == written.measures[0].start > 0
        values = values_in(
            voice, measure.start, measure.end, fill=bool(measure.ends) or not (last and early)
        )
        tokens += _notes(values, measure)
        end: str = measure.ends[0] if measure.ends else ""
        after = measure if last else written.measures[number + 1]
        told = after.fresh or after.new_key or after.qpm
        joins = after.begins[:1] == ("|:",) and not told and not last
        if not end and not joins:
            end = "|]" if last else "|"
        if end:
            tokens.append((end, _SIGN))
        found.append((measure, tokens))
    return found


def _notes(values: list[Value], measure: Measure) -> list[tuple[str, int]]:
    held: dict[str, int] = {}  # accidentals that hold for the bar
    tokens: list[tuple[str, int]] = []
    for value in values:
        at = value.start - measure.start
        if value.group:
            tokens.append(("(3" if value.group == 3 else f"(3:2:{value.group}", at))
            at = _MORE
        names = [_name(pitch, measure.key, held) for pitch in value.pitches]
        if len(names) > 1:
            tokens += [("[", at), *((name, _MORE) for name in names), ("]", _MORE)]
        else:
            tokens.append((names[0] if names else "z", at))
        length = Fraction(value.length, EIGHTH) * (Fraction(3, 2) if value.tuplet else 1)
        if length != 1:
            tokens.append((length_token(length), _MORE))
        if value.tied:
            tokens.append(("-", _MORE))
    return tokens


def length_token(length: Fraction) -> str:
    """Return how ABC writes a length: ``2``, ``/2``, ``3/2``."""
    top = "" if length.numerator == 1 and length.denominator > 1 else str(length.numerator)
    return top if length.denominator == 1 else f"{top}/{length.denominator}"


def _name(pitch: int, key: Key, held: dict[str, int]) -> str:
    letter, alter, octave = spelled(pitch, key)
    sign = ""
    if alter != held.get(letter, key_alter(letter, key)):
        sign = _ACCIDENTALS[alter]
        held[letter] = alter
    if octave >= 5:
        return sign + letter.lower() + "'" * (octave - 5)
    return sign + letter + "," * (4 - octave)
