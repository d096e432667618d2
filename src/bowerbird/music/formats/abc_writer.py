"""ABC, written: a score becomes tokens of ABC, and these a text (abcnotation.com, standard 2.1).

The tokens are those of folk-rnn (Sturm et al. 2016): a note with its accidental and octave, its
length in eighths, bar lines, repeats, endings, tuplets. Notes are as long as they sound in their
measure; where a staff needs ties to show the beats, ABC does not.
"""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from bowerbird.errors import MusicError
from bowerbird.music.notation.beats import QUARTER
from bowerbird.music.notation.measures import Measure, measures_of
from bowerbird.music.notation.quantize import quantized_tracks
from bowerbird.music.notation.rhythm import split_longest_first
from bowerbird.music.notation.spelling import SpelledPitch, key_alter
from bowerbird.music.notation.symbols import voice_symbols
from bowerbird.music.notation.voices import Voice, voices_of
from bowerbird.music.score.key import Key
from bowerbird.music.score.meter import Meter, beat_of, tempo_text
from bowerbird.music.score.titles import clean_text, rhythm_of, title_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

EIGHTH = QUARTER // 2  # divisions: L:1/8
LINE_MEASURES = 4  # in a line of text
_ACCIDENTALS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
_BARLINE, _CONTINUED = -1, -2  # places of tokens that begin no note

Token = tuple[str, int]
"""A token, and its place in its measure in divisions; below 0 if it begins no note or rest."""


def to_abc(score: "Score", number: int = 1) -> str:
    """Return a score as an ABC tune, each voice on lines of its own.

    Drums, for which ABC has no notation, are left out, and a comment says so. Raises MusicError if
    there are no other notes.
    """
    measures, voices = measures_and_voices(score)
    first = measures[0]
    lines = [f"X:{number}", f"T:{_line(title_of(score)) or 'Untitled'}"]
    if rhythm := rhythm_of(score):
        lines.append(f"R:{_line(rhythm)}")
    lines += [f"M:{first.meter[0]}/{first.meter[1]}", "L:1/8"]
    if first.qpm:
        lines.append(_tempo(first.qpm, first.meter))
    lines.append(f"K:{first.key.abc}")
    pitched = [(track, voice) for track, voice in voices if not track.is_drum]
    if not pitched:
        raise MusicError("it has only drums, which ABC can't notate; write .mid or .musicxml")
    if len(pitched) < len(voices):
        lines.append("% The drums are left out: ABC can't notate them.")
    for count, (track, voice) in enumerate(pitched, 1):
        if len(pitched) > 1:
            name = _line(clean_text(track.name)).replace('"', "'")
            lines.append(f'V:{count} name="{name}"' if name else f"V:{count}")
        lines.append(f"%%MIDI program {track.program}")
        lines += _lines(measures, voice)
    return "\n".join(lines) + "\n"


def measures_and_voices(
    score: "Score", *, changes: bool = True
) -> tuple[list[Measure], list[tuple["Track", Voice]]]:
    """Return the measures of a score, and its voices with their tracks; raise MusicError for none.

    For ``changes`` see `measures_of`. The first measure begins with its first note: what is before
    that need not be written, for readers put a pickup at the end of a whole measure.
    """
    if not any(len(track.notes) for track in score.tracks):
        raise MusicError("it has no notes")
    measures = measures_of(score, changes=changes, leading_rests=True)
    tracks = quantized_tracks(score, measures)
    first = measures[0]
    rest = min(int(notes.starts[0]) for notes in tracks) - first.start
    if len(measures) > 1 and 0 < rest < first.length:
        beats = replace(first.beats, offset=first.beats.offset + rest)
        first = replace(first, start=first.start + rest, length=first.length - rest, beats=beats)
    voices = [(notes.track, voice) for notes in tracks for voice in voices_of(notes)]
    return [first, *measures[1:]], voices


def _tempo(qpm: float, meter: Meter) -> str:
    top, unit = beat_of(meter)
    return f"Q:{top}/{unit}={tempo_text(qpm, meter)}"


def _line(text: str) -> str:
    return " ".join(text.replace("%", "").split())


def _lines(measures: list[Measure], voice: Voice) -> list[str]:
    """Return the lines of a voice, its notes grouped by beats."""
    lines, line, count = [], "", 0
    for measure, tokens in zip(measures, measure_tokens(measures, voice), strict=True):
        opens = measure.number > 0 or measure is measures[0]
        count += opens
        if count > LINE_MEASURES and line:
            lines.append(line.strip())
            line, count = "", int(opens)
        beat = 3 * EIGHTH if measure.meter[1] == 8 and measure.meter[0] % 3 == 0 else 2 * EIGHTH
        for token, at in tokens:
            gap = at == _BARLINE or (at >= 0 and at % beat == 0)
            line += f" {token}" if gap else token
    return [*lines, line.strip()] if line.strip() else lines


def measure_tokens(measures: list[Measure], voice: Voice) -> list[list[Token]]:
    """Return the tokens of each measure of a voice.

    Raises MusicError where the time signature changes within a beat.
    """
    result = []
    for measure, after in zip(measures, [*measures[1:], None], strict=True):
        tokens: list[Token] = []
        if measure is not measures[0]:
            tokens += [(f"[{field}]", _BARLINE) for field in _changes(measure)]
        tokens += [(symbol, _BARLINE) for symbol in measure.left]
        tokens += _notes(measure, voice)
        end = measure.right[0] if measure.right else ""
        joins = after is not None and after.left[:1] == ("|:",) and not _changes(after)
        if not end and not joins:
            end = "|" if after else "|]"
        if end:
            tokens.append((end, _BARLINE))
        result.append(tokens)
    return result


def _changes(measure: Measure) -> list[str]:
    """Return the fields of what changes at a measure."""
    fields = []
    if measure.new_meter:
        if measure.meter[1] > 32:
            raise MusicError("its meter changes within a beat, so its measures don't add up")
        fields.append(f"M:{measure.meter[0]}/{measure.meter[1]}")
    if measure.new_key:
        fields.append(f"K:{measure.key.abc}")
    if measure.qpm:
        fields.append(_tempo(measure.qpm, measure.meter))
    return fields


def _notes(measure: Measure, voice: Voice) -> list[Token]:
    """Return the notes and rests of a voice in a measure."""
    valid: dict[str, int] = {}  # accidentals that hold for the measure
    tokens: list[Token] = []
    symbols = voice_symbols(voice, measure, split=split_longest_first)
    for index, symbol in enumerate(symbols):
        at = symbol.value.start
        if symbol.triplet in ("start", "both"):
            count = sum(s.value.triplet == symbol.value.triplet for s in symbols[index:])
            tokens.append(("(3" if count == 3 else f"(3:2:{count}", at))
            at = _CONTINUED
        names = [_name(pitch, measure.key, valid) for pitch in symbol.spelled]
        if len(names) > 1:
            tokens += [("[", at), *((name, _CONTINUED) for name in names), ("]", _CONTINUED)]
        else:
            tokens.append((names[0] if names else "z", at))
        if length := _written_length(symbol.value.length, symbol.value.triplet is not None):
            tokens.append((length, _CONTINUED))
        if symbol.tied_to:
            tokens.append(("-", _CONTINUED))
    return tokens


@lru_cache(maxsize=1 << 10)
def _written_length(length: int, in_triplet: bool) -> str:
    """Return how a length in divisions is written; "" for an eighth."""
    eighths = Fraction(length, EIGHTH) * (Fraction(3, 2) if in_triplet else 1)
    return length_token(eighths) if eighths != 1 else ""


def length_token(length: Fraction) -> str:
    """Return how ABC writes a length: ``2``, ``/2``, ``3/2``."""
    top = "" if length.numerator == 1 and length.denominator > 1 else str(length.numerator)
    return top if length.denominator == 1 else f"{top}/{length.denominator}"


def _name(pitch: SpelledPitch, key: Key, valid: dict[str, int]) -> str:
    accidental = ""
    if pitch.alter != valid.get(pitch.step, key_alter(pitch.step, key)):
        accidental = _ACCIDENTALS[pitch.alter]
        valid[pitch.step] = pitch.alter
    if pitch.octave >= 5:
        return accidental + pitch.step.lower() + "'" * (pitch.octave - 5)
    return accidental + pitch.step + "," * (4 - pitch.octave)
