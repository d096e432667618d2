"""Symbols: what is printed in one measure of a staff.

Notes and rests become note values, with ties, triplets, accidentals and beams. An accidental holds
to the end of its measure, in its octave; a note tied over the bar line has none.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from bowerbird.music.notation.beats import QUARTER
from bowerbird.music.notation.measures import Measure
from bowerbird.music.notation.rhythm import (
    NoteValue,
    Split,
    note_values,
    split_at_beats,
    triplets_of,
)
from bowerbird.music.notation.spelling import SpelledPitch, key_alter, spell
from bowerbird.music.notation.voices import Chord, Voice
from bowerbird.music.score.key import Key

_BEAMS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}


@dataclass
class Symbol:
    """A note, chord or rest of one value."""

    value: NoteValue
    pitches: tuple[int, ...] = ()
    """MIDI pitches; none for a rest."""
    spelled: tuple[SpelledPitch, ...] = ()
    """The same with their names."""
    tied_from: bool = False
    tied_to: bool = False
    whole_measure: bool = False
    hidden: bool = False
    """Whether it is a rest beside a voice that sounds."""
    accidentals: list[int | None] = field(default_factory=list)
    """The alteration that is printed before each pitch, if any."""
    beams: list[str] = field(default_factory=list)
    """MusicXML's begin, continue, end and hooks, by level."""
    triplet: str = ""
    """Its place in a triplet: start, stop, within, or both."""


def staff_symbols(voices: list[Voice], measure: Measure) -> list[list[Symbol]]:
    """Return the symbols of the voices that have notes in a measure; of rests if none has."""
    symbols = [voice_symbols(voice, measure) for voice in voices if _inside(voice, measure)]
    if not symbols and measure.partial:
        return [voice_symbols([], measure)]
    if not symbols:
        return [[Symbol(NoteValue(0, measure.length, "whole", 0), whole_measure=True)]]
    _set_accidentals(symbols, measure.key)
    for voice in symbols:
        _set_beams(voice, measure)
    if len(symbols) > 1:
        _hide_rests(symbols)
    return symbols


def voice_symbols(voice: Voice, measure: Measure, *, split: Split = split_at_beats) -> list[Symbol]:
    """Return the notes and rests of a voice in a measure, without accidentals and beams."""
    inside = _inside(voice, measure)
    edges = {0, measure.length}
    for chord, _, _ in inside:
        edges |= {chord.start - measure.start, chord.end - measure.start}
    triplets = triplets_of(measure, edges)
    symbols: list[Symbol] = []

    def add_rest(start: int, end: int) -> None:
        values = note_values(measure, start, end, triplets, rest=True, split=split)
        symbols.extend(Symbol(value) for value in values)

    at = 0
    for chord, *neighbors in inside:
        start = max(chord.start - measure.start, 0)
        end = min(chord.end - measure.start, measure.length)
        if at < start:
            add_rest(at, start)
        context = neighbors if len(chord.pitches) == 1 else ()
        spelled = tuple(spell(pitch, measure.key, *context) for pitch in chord.pitches)
        values = note_values(measure, start, end, triplets, split=split)
        for index, value in enumerate(values):
            tied_from = index > 0 or chord.start < measure.start
            tied_to = index < len(values) - 1 or chord.end > measure.end
            symbols.append(Symbol(value, chord.pitches, spelled, tied_from, tied_to))
        at = end
    if at < measure.length:
        add_rest(at, measure.length)
    _set_triplets(symbols)
    return symbols


def _inside(voice: Voice, measure: Measure) -> list[tuple[Chord, int | None, int | None]]:
    """Return the chords that sound in a measure, each with the other pitches after and before."""
    first = bisect_right(voice, measure.start, key=lambda chord: chord.end)
    last = bisect_left(voice, measure.end, key=lambda chord: chord.start)
    return [
        (voice[i], _other(voice, i, len(voice), 1), _other(voice, i, -1, -1))
        for i in range(first, last)
    ]


def _other(voice: Voice, index: int, end: int, step: int) -> int | None:
    """Return the first pitch that differs from the one at an index, in one direction."""
    pitch = voice[index].pitches[-1]
    for other in range(index + step, end, step):
        if voice[other].pitches[-1] != pitch:
            return voice[other].pitches[-1]
    return None


def _hide_rests(voices: list[list[Symbol]]) -> None:
    """Print rests only where the whole staff is silent, once."""
    sounding = [
        (s.value.start, s.value.start + s.value.length) for v in voices for s in v if s.pitches
    ]
    for number, voice in enumerate(voices):
        for symbol in voice:
            start, end = symbol.value.start, symbol.value.start + symbol.value.length
            covered = any(a < end and b > start for a, b in sounding)
            symbol.hidden = not symbol.pitches and (number > 0 or covered)


def _set_accidentals(voices: list[list[Symbol]], key: Key) -> None:
    """Find which notes need an accidental, in the order in which they sound."""
    valid: dict[tuple[str, int], int] = {}
    for symbol in sorted((s for voice in voices for s in voice), key=lambda s: s.value.start):
        for pitch in symbol.spelled:
            place = pitch.step, pitch.octave
            needed = valid.get(place, key_alter(pitch.step, key)) != pitch.alter
            if symbol.tied_from and symbol.value.start == 0:
                needed = False
            elif symbol.tied_from:
                needed = needed and place not in valid
            else:
                valid[place] = pitch.alter
            symbol.accidentals.append(pitch.alter if needed else None)


def _set_triplets(symbols: list[Symbol]) -> None:
    """Find where triplets begin and end."""
    for index, symbol in enumerate(symbols):
        triplet = symbol.value.triplet
        if triplet is not None:
            first = index == 0 or symbols[index - 1].value.triplet != triplet
            last = index == len(symbols) - 1 or symbols[index + 1].value.triplet != triplet
            symbol.triplet = "start" if first else "stop" if last else "within"
            if first and last:  # one value in it: nothing to bracket
                symbol.triplet = "both"


def _set_beams(symbols: list[Symbol], measure: Measure) -> None:
    """Join neighbouring short notes, group by group."""
    runs: list[list[Symbol]] = []
    before: tuple[int, int] | None = None  # the group of the note before, if it was short
    for symbol, group in zip(symbols, _beam_groups(symbols, measure), strict=True):
        if not symbol.pitches or symbol.value.name not in _BEAMS:
            before = None
            continue
        if group != before:
            runs.append([])
        runs[-1].append(symbol)
        before = group
    for run in runs:
        if len(run) > 1:
            _join(run, measure)


def _beam_groups(symbols: list[Symbol], measure: Measure) -> list[tuple[int, int]]:
    """Return the number of the beam group of each symbol: wide groups only of plain eighths."""
    beats = measure.beats
    wide, narrow = beats.beam_groups(QUARTER // 2), beats.beam_groups(QUARTER // 4)
    where = [bisect_left(wide, s.value.start + beats.offset + 1) for s in symbols]
    mixed = set()
    for symbol, group in zip(symbols, where, strict=True):
        beams = _BEAMS.get(symbol.value.name, 0)
        off_beat = symbol.value.start + beats.offset not in beats.beats
        long = beats.numerator == 3 and beams == 0 and symbol.value.dots and not beats.compound
        if beams > 1 or symbol.triplet or (long and not off_beat):
            mixed.add(group)
    result = []
    for symbol, group in zip(symbols, where, strict=True):
        inner = bisect_left(narrow, symbol.value.start + beats.offset + 1) if group in mixed else 0
        result.append((group, inner))
    return result


def _join(run: list[Symbol], measure: Measure) -> None:
    counts = [_BEAMS[symbol.value.name] for symbol in run]
    for index, symbol in enumerate(run):
        for level in range(1, counts[index] + 1):
            before = index > 0 and counts[index - 1] >= level
            after = index + 1 < len(run) and counts[index + 1] >= level
            if before or after:
                kind = "continue" if before and after else "end" if before else "begin"
            elif index == 0 or (index + 1 < len(run) and _starts_stronger(symbol, measure)):
                kind = "forward hook"
            else:
                kind = "backward hook"
            symbol.beams.append(kind)


def _starts_stronger(symbol: Symbol, measure: Measure) -> bool:
    start = symbol.value.start
    strength = measure.beats.strength
    return strength(start) > strength(start + symbol.value.length)
