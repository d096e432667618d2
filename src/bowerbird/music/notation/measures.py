"""Measures: where a score has bar lines, and what changes at each of them.

A score in ticks has no bar lines; they follow from its time signatures. What a reader of sheet
music expects is found here: a pickup, a last measure that completes it, single measures that are
short, and repeats that divide a measure. Silence after a section that ends early is not written.
Sheet music, MusicXML, ABC and the piano roll all have these measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import MusicError
from bowerbird.music.notation.beats import QUARTER, BeatPattern
from bowerbird.music.score.key import Key, keys_of
from bowerbird.music.score.meter import Bars, Meter
from bowerbird.music.score.sections import repeat_symbols, with_repeat_starts, written_symbols

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

MAX_MEASURES = 4000  # a symphony has two thousand
DENOMINATORS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Measure:
    """What is between two bar lines; times are in divisions from the start of the score."""

    start: int
    length: int
    beats: BeatPattern
    """Beats of the printed time signature, from where this measure begins in it."""
    meter: Meter
    """Time signature by which it adds up: that of an irregular measure is not printed."""
    new_meter: bool = False
    """Whether `meter` changes here."""
    prints_meter: bool = False
    """Whether its time signature is printed."""
    number: int = 0
    """From 1; 0 for a pickup, and for the second part of a divided measure."""
    left: tuple[str, ...] = ()
    """Repeats and endings that begin here: ``|:``, ``[1``, ``[2``."""
    right: tuple[str, ...] = ()
    """What ends here: ``:|``, ``||``."""
    key: Key = field(default_factory=Key)
    new_key: bool = False
    """Whether the key changes here."""
    qpm: float = 0.0
    """Tempo that begins here, in quarter notes a minute; 0 if none does."""

    @property
    def end(self) -> int:
        """Division after its last."""
        return self.start + self.length

    @property
    def partial(self) -> bool:
        """Whether it is shorter than its printed time signature, as a pickup is."""
        return self.length < self.beats.full


def measures_of(
    score: "Score", *, changes: bool = True, leading_rests: bool = False
) -> list[Measure]:
    """Return the measures of a score with notes, up to the end of its last note.

    Changes of key and tempo move to the nearest bar line. Without ``changes`` there is one key and
    no tempo, and repeats that make no sense are left out. With ``leading_rests`` there are empty
    measures before the first note too. Raises MusicError for too many measures.
    """
    scale = QUARTER / score.ticks_per_quarter
    arrays = [track.notes.numpy() for track in score.tracks if len(track.notes)]
    sounding = [(n["time"] * scale, (n["time"] + n["duration"]) * scale) for n in arrays]
    first = round(min(float(on.min()) for on, _ in sounding))
    end = round(max(float(off.max()) for _, off in sounding))
    measures = _regular(_meters(score), end)
    starts = np.array([measure.start for measure in measures])
    bars = Bars(starts, [measure.meter for measure in measures], measures[-1].end)
    choose = written_symbols if changes else repeat_symbols
    symbols = choose(with_repeat_starts(score), QUARTER, bars, first)
    later = any(time > end for time, _ in symbols)  # a repeat that comes after a written rest
    measures = _irregular(measures)
    while len(measures) > 1 and measures[0].end <= first and not leading_rests:
        measures = measures[1:]
    measures = _pickup(measures, first, end)
    measures = measures if later else _last(measures, end)
    return _changing(_divided(measures, symbols, sounding), score, changes=changes)


def bar_count(score: "Score") -> int:
    """Return the number of bars of a score with notes, without a pickup or playing repeats."""
    return max(1, *(measure.number for measure in measures_of(score, leading_rests=True)))


def _meters(score: "Score") -> dict[int, Meter]:
    """Return time signatures by the division where they begin; 4/4 where a score has none."""
    scale = QUARTER / score.ticks_per_quarter
    meters: dict[int, Meter] = {0: (4, 4)}
    for change in sorted(score.time_signatures, key=lambda m: m.time):
        if 1 <= change.numerator <= 64 and change.denominator in DENOMINATORS:
            meters[max(0, round(change.time * scale))] = (change.numerator, change.denominator)
    changes = pairwise([(-1, (0, 0)), *meters.items()])
    return {at: meter for (_, before), (at, meter) in changes if meter != before}


def _regular(meters: dict[int, Meter], end: int) -> list[Measure]:
    """Return measures as long as their time signatures; the next time signature may cut one."""
    measures: list[Measure] = []
    for start, until in zip(meters, [*list(meters)[1:], max(end, 1)], strict=True):
        beats, at = BeatPattern(*meters[start]), start
        is_last = until == max(end, 1)
        while at < until and (at < end - 1 or not measures):
            if len(measures) >= MAX_MEASURES:
                raise MusicError(f"it has more than {MAX_MEASURES} measures; write a part of it")
            length = beats.full if is_last else min(beats.full, until - at)
            meter = beats.meter if length == beats.full else _meter_of(length)
            if at == start and meter[1] in DENOMINATORS:  # it is cut before it is over
                beats = BeatPattern(*meter)
            measures.append(Measure(at, length, beats, meter))
            at += length
    return measures


def _meter_of(length: int) -> Meter:
    """Return the time signature of a measure that the next one cuts short."""
    whole = 4 * QUARTER
    unit = next((unit for unit in DENOMINATORS[2:] if length * unit % whole == 0), whole)
    return length * unit // whole, unit


def _irregular(measures: list[Measure]) -> list[Measure]:
    """Give a single shorter measure the beats of its neighbours; the first can be a pickup."""
    result: list[Measure] = []
    for index, measure in enumerate(measures):
        before = result[-1].beats.meter if result else None
        after = _meter_at(measures, index + 1) or before
        beats, meter = measure.beats, measure.meter
        if after and beats.meter != (before or after) == after:
            full = BeatPattern(*after).full
            if result and measure.length < full:
                beats = BeatPattern(*after)
            elif 2 * measure.length < full and after == _meter_at(measures, index + 2):
                beats, meter = BeatPattern(*after, full - measure.length), after
        result.append(replace(measure, beats=beats, meter=meter))
    return result


def _meter_at(measures: list[Measure], index: int) -> Meter | None:
    return measures[index].beats.meter if index < len(measures) else None


def _pickup(measures: list[Measure], first: int, end: int) -> list[Measure]:
    """Leave out the rests before a pickup.

    It begins in the second half of its measure, or is completed by the last measure.
    """
    measure, rest = measures[0], first - measures[0].start
    if rest % (QUARTER // 8):  # such a short rest can't be written
        rest = rest // (QUARTER // 4) * (QUARTER // 4)
    completed = end - measures[-1].start <= rest
    if (
        len(measures) > 1
        and 0 < rest < measure.length
        and (2 * rest >= measure.length or completed)
    ):
        beats = replace(measure.beats, offset=measure.beats.offset + rest)
        start, length = measure.start + rest, measure.length - rest
        measures = [replace(measure, start=start, length=length, beats=beats), *measures[1:]]
    return measures


def _last(measures: list[Measure], end: int) -> list[Measure]:
    """Shorten the last measure by the pickup, if its notes end there."""
    last, lacks = measures[-1], measures[0].beats.offset
    if len(measures) > 1 and 0 < end - last.start == lacks < last.length:
        measures = [*measures[:-1], replace(last, length=end - last.start)]
    return measures


def _divided(
    measures: list[Measure],
    symbols: Sequence[tuple[int, str]],
    sounding: list[tuple[NDArray, NDArray]],
) -> list[Measure]:
    """Put repeats and endings at bar lines; one inside a measure divides it.

    `sounding` has the notes' first and last divisions, by track.
    """
    at: dict[int, list[str]] = {}
    for time, symbol in symbols:
        begins = symbol[0] == "[" or symbol == "|:"
        at.setdefault(max(time, measures[0].start) if begins else time, []).append(symbol)
    if not at:
        return measures
    result: list[Measure] = []
    for measure in measures:
        times = [time for time in at if measure.start <= time <= measure.end]
        if not times:
            result.append(measure)
            continue
        for start, end in pairwise(sorted({measure.start, *times, measure.end})):
            left = tuple(s for s in at.get(start, []) if s[0] == "[" or s == "|:")
            right = tuple(s for s in at.get(end, []) if s in (":|", "||"))
            silent = not any(np.any((on < end - 1) & (off > start + 1)) for on, off in sounding)
            before_pickup = not result and end < measure.end
            if silent and not left and (start > measure.start or before_pickup):
                continue  # after a section that ends early, or before one that begins late
            beats = replace(measure.beats, offset=measure.beats.offset + start - measure.start)
            part = replace(measure, start=start, length=end - start, beats=beats)
            result.append(replace(part, left=left, right=right))
    return result


def _changing(measures: list[Measure], score: "Score", *, changes: bool) -> list[Measure]:
    """Number the measures, and find where time signature, key and tempo change."""
    scale = QUARTER / score.ticks_per_quarter
    keys = [(round(time * scale), key) for time, key in keys_of(score)]
    tempos = sorted((round(t.time * scale), float(t.qpm)) for t in score.tempos)
    keys, tempos = (keys, tempos) if changes else (keys[:1], [])
    result: list[Measure] = []
    number, key, qpm = 0, keys[0][1], 0.0
    first_qpm = tempos[0][1] if tempos else 0.0
    before: Measure | None = None
    for index, measure in enumerate(measures):
        middle = (measure.start + measure.end) // 2
        new_key = next((k for at, k in reversed(keys) if at < middle), keys[0][1])
        new_qpm = next((q for at, q in reversed(tempos) if at < middle), first_qpm)
        counts = not (measure.partial if index == 0 else measure.beats.offset)
        number += counts
        before = Measure(
            measure.start,
            measure.length,
            measure.beats,
            measure.meter,
            new_meter=before is None or measure.meter != before.meter,
            prints_meter=before is None or measure.beats.meter != before.beats.meter,
            number=number if counts else 0,
            left=measure.left,
            right=measure.right,
            key=new_key,
            new_key=before is None or new_key != key,
            qpm=new_qpm if new_qpm != qpm else 0.0,
        )
        result.append(before)
        key, qpm = new_key, new_qpm
    return result
