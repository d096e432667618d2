"""Bars, and how strong each position in them is.

Written time is counted in units of 1/48 of a quarter note: 64ths and triplet 32nds are whole
numbers. A position's strength decides where a long note must be written as two tied ones, and
where beams break (E. Gould, Behind Bars, 2011, chapters on beams and on rests).
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bowerbird.music.score.sections import with_beginnings

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

QUARTER = 48  # units
BAR, HALF_BAR, BEAT, EIGHTH = 6, 5, 4, 3  # strengths; 2, 1, 0 are 16ths, 32nds, 64ths
LONGEST = 4000  # bars that can be written; a symphony has two thousand


@dataclass(frozen=True)
class Bar:
    """A bar from `start`, in units; `skipped` of its meter come before it, if it is a pickup."""

    start: int
    length: int
    numerator: int
    denominator: int
    skipped: int = 0
    announced: bool = False  # its meter is printed
    number: int = 0  # 0 for a pickup, and for the second part of a divided bar
    before: tuple[str, ...] = ()  # signs at its beginning: |: [1 [2
    after: tuple[str, ...] = ()  # and at its end: :| ||

    @property
    def end(self) -> int:
        """The unit after its last."""
        return self.start + self.length

    @property
    def full(self) -> int:
        """The length that its meter asks for."""
        return self.numerator * 4 * QUARTER // self.denominator

    @property
    def partial(self) -> bool:
        """Whether it is shorter than its meter: a pickup, or the bar that completes one."""
        return self.length < self.full

    @property
    def compound(self) -> bool:
        """Whether its beats are dotted: 6/8, 9/8, 12/8 and the like."""
        return self.denominator >= 8 and self.numerator % 3 == 0 and self.numerator > 3

    @cached_property
    def pattern(self) -> "Bar":
        """The same bar anywhere: what is strong in it depends on its meter alone."""
        return Bar(0, self.full, self.numerator, self.denominator, self.skipped % self.full)

    @cached_property
    def beats(self) -> tuple[int, ...]:
        """Where its beats begin, in units of its meter, the end of the bar included."""
        unit = 4 * QUARTER // self.denominator
        if self.compound:
            return tuple(range(0, self.full + 1, 3 * unit))
        if self.denominator >= 8 and self.numerator in (5, 7, 8, 11):  # 3+2, 2+2+3, 3+3+2, ...
            groups = {5: (3, 2), 7: (2, 2, 3), 8: (3, 3, 2), 11: (3, 3, 3, 2)}[self.numerator]
            starts = [0]
            for group in groups:
                starts.append(starts[-1] + group * unit)
            return tuple(starts)
        if self.denominator >= 8:
            return (0, self.full)
        return tuple(range(0, self.full + 1, unit))

    def strength(self, position: int) -> int:
        """Return how strong a position is, in units from the start of this bar."""
        at = position + self.skipped
        if at % self.full == 0:
            return BAR
        if at in self.beats:
            index, count = self.beats.index(at), len(self.beats) - 1
            return HALF_BAR if count % 2 == 0 and 2 * index == count and count > 2 else BEAT
        # in a compound beat there is no level between it and its three eighths
        for strength, size in ((EIGHTH, 24), (2, 12), (1, 6), (0, 3)):
            if at % size == 0:
                return strength - self.compound
        return -1

    def beam_groups(self, shortest: int) -> tuple[int, ...]:
        """Return where beams must break, for notes of `shortest` units or more.

        Eighths are joined over half a bar of 4/4 and over a whole bar of 3/4 or 2/4; faster
        notes over a beat.
        """
        beats = self.beats
        if self.compound or self.denominator >= 8 or shortest < QUARTER // 2:
            limit = QUARTER if self.denominator == 2 and shortest < QUARTER // 2 else 0
            return tuple(range(0, self.full + 1, limit)) if limit else beats
        if self.denominator == 2:
            return beats
        if self.numerator % 2 == 0:
            return beats[::2]
        return (0, self.full) if self.numerator == 3 else beats


def bars_of(score: "Score") -> list[Bar]:
    """Divide a score into bars by its meters (4/4 without one), up to the end of its last note.

    A meter that lasts for one bar and is shorter than its neighbours is an incomplete bar, not a
    change of meter; rests before the first note of the first bar make it a pickup. Raises
    `ValueError` for more bars than can be written.
    """
    scale = QUARTER / score.ticks_per_quarter
    notes = [t.notes.numpy() for t in score.tracks if len(t.notes)]
    first = round(min(float(n["time"].min()) for n in notes) * scale)
    end = round(max(float((n["time"] + n["duration"]).max()) for n in notes) * scale)
    meters: dict[int, tuple[int, int]] = {}
    for change in sorted(score.time_signatures, key=lambda m: m.time):
        if 1 <= change.numerator <= 64 and change.denominator in (1, 2, 4, 8, 16, 32):
            meters[max(0, round(change.time * scale))] = (change.numerator, change.denominator)
    meters.setdefault(0, (4, 4))
    bars = _plain_bars(meters, end)
    bars = _complete(bars)
    bars = _pickup(bars, first)
    bars = _last(bars, end)
    sounding = [(n["time"] * scale, (n["time"] + n["duration"]) * scale) for n in notes]
    bars = _divide(bars, _signs(score), sounding)
    number, numbered = 0, []
    for i, bar in enumerate(bars):
        counts = not (i == 0 and bar.partial) and not (bar.skipped and i)
        number += counts
        numbered.append(replace(bar, number=number if counts else 0))
    return numbered


def _signs(score: "Score") -> dict[int, list[str]]:
    """Return the signs of repeats and sections in a score's markers, by unit."""
    signs: dict[int, list[str]] = {}
    for marker in with_beginnings(score).markers:
        if marker.text in ("|:", ":|", "||") or re.fullmatch(r"\[\d", marker.text):
            at = round(marker.time * QUARTER / score.ticks_per_quarter)
            signs.setdefault(at, []).append(marker.text)
    return signs


def _divide(
    bars: list[Bar], signs: dict[int, list[str]], sounding: list[tuple[NDArray, NDArray]]
) -> list[Bar]:
    """Put signs at bar lines; a sign inside a bar divides it, and drops silence up to the next.

    `sounding` has the notes' first and last units, by track.
    """
    if not signs:
        return bars
    result: list[Bar] = []
    for bar in bars:
        inside = sorted(at for at in signs if bar.start < at < bar.end)
        for a, b in pairwise([bar.start, *inside, bar.end]):
            silent = not any(np.any((on < b - 1) & (off > a + 1)) for on, off in sounding)
            if silent and a > bar.start and result:
                continue
            skipped = bar.skipped + a - bar.start
            here = signs.get(a, [])
            opens = tuple(s for s in here if s[0] == "[" or s == "|:")
            closes = tuple(s for s in signs.get(b, []) if s in (":|", "||"))
            first = a == bar.start
            piece = replace(bar, start=a, length=b - a, skipped=skipped, before=opens, after=closes)
            result.append(piece if first else replace(piece, announced=False))
    return result


def _plain_bars(meters: dict[int, tuple[int, int]], end: int) -> list[Bar]:
    bars: list[Bar] = []
    starts = sorted(meters)
    for start, until in zip(starts, [*starts[1:], max(end, 1)], strict=True):
        numerator, denominator = meters[start]
        full, at = numerator * 4 * QUARTER // denominator, start
        while at < until and (at < end or not bars):
            if len(bars) >= LONGEST:
                raise ValueError(
                    f"the score has more than {LONGEST} bars; engrave a part of it, or render audio"
                )
            is_last = until == max(end, 1)
            length = full if is_last else min(full, until - at)
            bars.append(Bar(at, length, numerator, denominator))
            at += length
    return bars


def _complete(bars: list[Bar]) -> list[Bar]:
    """Say of short single bars that they are incomplete, and print a meter where it changes."""
    result: list[Bar] = []
    for i, bar in enumerate(bars):
        meter, skipped = (bar.numerator, bar.denominator), bar.skipped
        before = (result[-1].numerator, result[-1].denominator) if result else None
        after = (bars[i + 1].numerator, bars[i + 1].denominator) if i + 1 < len(bars) else before
        full = Bar(0, 0, *after).full if after else 0
        if after and meter != (before or after) == after and bar.length < full:
            meter, skipped = after, 0 if result else full - bar.length
        result.append(Bar(bar.start, bar.length, *meter, skipped, announced=meter != before))
    return result


def _pickup(bars: list[Bar], first: int) -> list[Bar]:
    """Leave out empty bars before the first note, and the rests before it if it is a pickup."""
    while len(bars) > 1 and bars[0].end <= first:
        bars = [replace(bars[1], announced=True), *bars[2:]]
    bar, rest = bars[0], first - bars[0].start
    rest = rest // (QUARTER // 4) * (QUARTER // 4)
    # a tune that begins before the middle of the bar begins with rests
    if len(bars) > 1 and 2 * rest >= bar.length > rest:
        start, length, skipped = bar.start + rest, bar.length - rest, bar.skipped + rest
        bars = [replace(bar, start=start, length=length, skipped=skipped), *bars[1:]]
    return bars


def _last(bars: list[Bar], end: int) -> list[Bar]:
    """Shorten the last bar by the pickup, if the notes leave room for it."""
    bar = bars[-1]
    if len(bars) > 1 and bars[0].partial and end - bar.start == bar.full - bars[0].length:
        bars = [*bars[:-1], replace(bar, length=end - bar.start)]
    return bars
