"""One bar of a staff as it is written: values, ties, accidentals, beams and triplets.

An accidental holds to the end of its bar, in its octave; a note tied over the bar line has none.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from bowerbird.music.notation.bars import QUARTER, Bar
from bowerbird.music.notation.rhythm import Piece, pieces, triplet_spans
from bowerbird.music.notation.spelling import Key, Spelled, alteration, spell
from bowerbird.music.notation.staves import Staff, Written

ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_BEAMS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}


@dataclass
class Mark:
    """A note, chord or rest of one value."""

    piece: Piece
    pitches: tuple[Spelled, ...] = ()  # none for a rest
    tied_from: bool = False
    tied_to: bool = False
    whole_bar: bool = False
    hidden: bool = False  # a rest beside a voice that sounds
    accidentals: list[int | None] = field(default_factory=list)
    beams: list[str] = field(default_factory=list)  # MusicXML's begin, continue, end, hooks
    tuplet: str = ""  # start, stop or within
    actual: int = 3  # notes in the time of 2, or 6 of 4


class StaffWriter:
    """Writes a staff bar by bar."""

    def __init__(self, staff: Staff) -> None:
        self.staff = staff
        self.starts = [[n.start for n in voice] for voice in staff.voices]
        self.longest = [max((n.end - n.start for n in voice), default=0) for voice in staff.voices]

    def bar(self, bar: Bar, key: Key) -> list[list[Mark]]:
        """Return the voices that have notes in a bar, the highest first; a rest if none has."""
        voices = []
        for index in range(len(self.staff.voices)):
            notes = self._inside(index, bar)
            if notes:
                voices.append(self._voice(notes, bar, key))
        if not voices:
            name = Piece(0, bar.length, "whole", 0)
            return [[Mark(name, whole_bar=True)]]
        _accidentals(voices, key)
        if len(voices) > 1:
            _hide_rests(voices)
        return voices

    def _inside(self, index: int, bar: Bar) -> list[tuple[Written, int | None]]:
        """Return the notes of a voice that sound in a bar, each with the pitch that follows it."""
        voice, found = self.staff.voices[index], []
        first = bisect_left(self.starts[index], bar.start - self.longest[index])
        for i in range(first, bisect_left(self.starts[index], bar.end)):
            if voice[i].end > bar.start:
                following = voice[i + 1].pitches if i + 1 < len(voice) else ()
                found.append((voice[i], following[-1] if following else None))
        return found

    def _voice(self, notes: list[tuple[Written, int | None]], bar: Bar, key: Key) -> list[Mark]:
        cuts = {0, bar.length}
        for note, _ in notes:
            cuts |= {note.start - bar.start, note.end - bar.start}
        spans = triplet_spans(bar, cuts)
        marks: list[Mark] = []
        at = 0
        for note, following in notes:
            start, end = max(note.start - bar.start, 0), min(note.end - bar.start, bar.length)
            if at < start:
                marks.extend(Mark(p) for p in pieces(bar, at, start, True, spans))
            after = following if len(note.pitches) == 1 else None
            spelled = tuple(spell(p, key, after) for p in note.pitches)
            parts = pieces(bar, start, end, False, spans)
            for i, piece in enumerate(parts):
                tied_from = i > 0 or note.start < bar.start
                tied_to = i < len(parts) - 1 or note.end > bar.end
                marks.append(Mark(piece, spelled, tied_from, tied_to))
            at = end
        if at < bar.length:
            marks.extend(Mark(p) for p in pieces(bar, at, bar.length, True, spans))
        _tuplets(marks)
        _beams(marks, bar)
        return marks


def _hide_rests(voices: list[list[Mark]]) -> None:
    """Print rests only where the whole staff is silent, once."""
    sounding = [
        (m.piece.start, m.piece.start + m.piece.length) for v in voices for m in v if m.pitches
    ]
    for number, voice in enumerate(voices):
        for mark in voice:
            a, b = mark.piece.start, mark.piece.start + mark.piece.length
            heard = any(start < b and end > a for start, end in sounding)
            mark.hidden = not mark.pitches and (number > 0 or heard)


def _accidentals(voices: list[list[Mark]], key: Key) -> None:
    """Say which notes need a sign, in the order in which they sound."""
    valid: dict[tuple[str, int], int] = {}
    for mark in sorted((m for voice in voices for m in voice), key=lambda m: m.piece.start):
        for pitch in mark.pitches:
            place = pitch.step, pitch.octave
            needed = valid.get(place, alteration(pitch.step, key)) != pitch.alter
            if mark.tied_from and mark.piece.start == 0:
                needed = False
            elif mark.tied_from:
                needed = needed and place not in valid
            else:
                valid[place] = pitch.alter
            mark.accidentals.append(pitch.alter if needed else None)


def _tuplets(marks: list[Mark]) -> None:
    """Say where triplets begin and end."""
    for i, mark in enumerate(marks):
        span = mark.piece.tuplet
        if span is None:
            continue
        first = i == 0 or marks[i - 1].piece.tuplet != span
        last = i == len(marks) - 1 or marks[i + 1].piece.tuplet != span
        mark.tuplet = "start" if first else "stop" if last else "within"
        if first and last:  # one value in it: nothing to bracket
            mark.tuplet = "both"
        members = [m.piece.length for m in marks if m.piece.tuplet == span]
        mark.actual = 6 if span[1] - span[0] == QUARTER and set(members) == {8} else 3


def _beams(marks: list[Mark], bar: Bar) -> None:
    """Join neighbouring short notes, group by group."""
    runs: list[list[Mark]] = []
    before: tuple[int, int] | None = None  # the group of the note before, if it was short
    for mark, group in zip(marks, _groups(marks, bar), strict=True):
        if not mark.pitches or mark.piece.name not in _BEAMS:
            before = None
            continue
        if group != before:
            runs.append([])
        runs[-1].append(mark)
        before = group
    for run in runs:
        if len(run) > 1:
            _join(run, bar)


def _groups(marks: list[Mark], bar: Bar) -> list[tuple[int, int]]:
    """Return the number of the beam group of each mark: wide groups only of plain eighths."""
    wide, narrow = bar.beam_groups(QUARTER // 2), bar.beam_groups(QUARTER // 4)
    where = [bisect_left(wide, m.piece.start + bar.skipped + 1) for m in marks]
    mixed = set()
    for mark, group in zip(marks, where, strict=True):
        beams = _BEAMS.get(mark.piece.name, 0)
        off_beat = mark.piece.start + bar.skipped not in bar.beats
        alone = bar.numerator == 3 and beams == 0 and mark.piece.dots and not bar.compound
        if beams > 1 or mark.tuplet or (alone and not off_beat):
            mixed.add(group)
    result = []
    for mark, group in zip(marks, where, strict=True):
        inner = bisect_left(narrow, mark.piece.start + bar.skipped + 1) if group in mixed else 0
        result.append((group, inner))
    return result


def _join(run: list[Mark], bar: Bar) -> None:
    counts = [_BEAMS[m.piece.name] for m in run]
    for i, mark in enumerate(run):
        for level in range(1, counts[i] + 1):
            before = i > 0 and counts[i - 1] >= level
            after = i + 1 < len(run) and counts[i + 1] >= level
            if before or after:
                kind = "continue" if before and after else "end" if before else "begin"
            elif i == 0 or (i + 1 < len(run) and _starts_stronger(mark, bar)):
                kind = "forward hook"
            else:
                kind = "backward hook"
            mark.beams.append(kind)


def _starts_stronger(mark: Mark, bar: Bar) -> bool:
    start = mark.piece.start
    return bar.strength(start) > bar.strength(start + mark.piece.length)
