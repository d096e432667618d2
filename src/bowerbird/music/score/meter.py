"""Meter: the bars of a score, by its time signatures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

Meter = tuple[int, int]
"""A time signature: beats, and their unit as a part of a whole note."""

MAX_BARS = 20_000

# Quarter notes a minute for tunes without a tempo: usual ones for dances and songs of Britain and
# Ireland.
_TEMPOS = {(2, 2): 200.0, (4, 4): 180.0, (2, 4): 110.0, (3, 4): 120.0, (3, 2): 180.0}
_COMPOUND = 168.0  # dotted quarters at 112


def parse_meter(text: str) -> Meter:
    """Return the meter of a text such as 6/8; raise MusicError for anything else."""
    named = {"C": (4, 4), "C|": (2, 2)}
    beats, _, part = text.strip().partition("/")
    if text.strip() in named:
        return named[text.strip()]
    if beats.isdecimal() and part in ("1", "2", "4", "8", "16", "32") and 1 <= int(beats) <= 64:
        return int(beats), int(part)
    raise MusicError(f"{text!r:.20} is not a meter; write 4/4, 3/4 or 6/8")


def usual_tempo(meter: Meter) -> float:
    """Return the usual tempo of a meter, in quarter notes per minute."""
    if meter[1] == 8 and meter[0] % 3 == 0:
        return _COMPOUND
    return _TEMPOS.get(meter, 120.0)


def beat_of(meter: Meter) -> tuple[int, int]:
    """Return the beat as a part of a whole note: 1/4, and 3/8 in compound meters."""
    return (3, 8) if meter[1] == 8 and meter[0] % 3 == 0 else (1, 4)


def tempo_text(qpm: float, meter: Meter) -> str:
    """Return the beats per minute in a meter, with the digits that MIDI's microseconds need."""
    top, part = beat_of(meter)
    beat = 4 * top / part  # quarter notes
    texts = (f"{qpm / beat:.{digits}f}" for digits in range(7))
    same = (t for t in texts if float(t) and round(6e7 / float(t) / beat) == round(6e7 / qpm))
    return next(same, f"{qpm / beat:.6f}")


@dataclass(frozen=True)
class Bars:
    """The bars of a score."""

    starts: np.ndarray
    """Where each begins, in ticks of the grid."""
    meters: list[Meter]
    """The meter of each."""
    end: int
    """Where the last one ends."""


def meters_of(score: "Score", grid: int) -> list[tuple[int, Meter]]:
    """Return the meters, each with the tick of a grid where it begins; 4/4 without any."""
    ticks = score.ticks_per_quarter
    meters: list[tuple[int, Meter]] = []
    for m in sorted(score.time_signatures, key=lambda m: m.time):
        time = (m.time * grid + ticks // 2) // ticks
        meter = (m.numerator, m.denominator)
        if meters and meters[-1][0] == time:
            meters.pop()
        if not meters or meters[-1][1] != meter:
            meters.append((time, meter))
    if not meters or meters[0][0] > 0:
        meters.insert(0, (0, (4, 4)))
    return _with_short_bars(meters, grid)


def main_meter(score: "Score", grid: int) -> Meter:
    """Return the meter of the longest part of a score; a pickup may have its own."""
    meters = meters_of(score, grid)
    last = max((track.end() for track in score.tracks), default=0)
    end = max(last * grid // score.ticks_per_quarter, meters[-1][0])
    spans: dict[Meter, int] = {}
    for (begin, meter), until in zip(meters, [*(time for time, _ in meters[1:]), end], strict=True):
        spans[meter] = spans.get(meter, 0) + until - begin
    return max(spans, key=lambda meter: spans[meter])


def _with_short_bars(meters: list[tuple[int, Meter]], grid: int) -> list[tuple[int, Meter]]:
    """Give a bar that is cut short by a new meter its own meter."""
    result: list[tuple[int, Meter]] = []
    for number, (time, meter) in enumerate(meters):
        result.append((time, meter))
        if number + 1 < len(meters):
            until = meters[number + 1][0]
            short = (until - time) % bar_length(meter, grid)
            if short:
                if short == until - time:
                    result.pop()
                result.append((until - short, _meter_of(short, grid)))
    return result


def _meter_of(ticks: int, grid: int) -> Meter:
    """Return the meter of a bar by its length."""
    for unit in (4, 8, 16, 32):
        if ticks * unit % (4 * grid) == 0:
            return ticks * unit // (4 * grid), unit
    raise MusicError("its meter changes within a beat, so its bars don't add up")


def bar_length(meter: Meter, grid: int) -> int:
    """Return the ticks of a bar; raise MusicError for a meter that does not fit the grid."""
    ticks, rest = divmod(4 * grid * meter[0], meter[1])
    if rest or ticks < 1:
        name = f"{meter[0]}/{meter[1]}"
        raise MusicError(f"its meter {name} does not fit {grid} ticks per quarter note")
    return ticks


def bars_of(meters: list[tuple[int, Meter]], end: int, grid: int = 24) -> Bars:
    """Return the bars from 0 up to a tick of the grid, at least one.

    Raises MusicError for too many bars.
    """
    starts: list[np.ndarray] = []
    bar_meters: list[Meter] = []
    last = 0
    for number, (time, meter) in enumerate(meters):
        if time >= end and number:
            break
        length = bar_length(meter, grid)
        until = meters[number + 1][0] if number + 1 < len(meters) else end
        stop = min(until, end)
        count = max(1, -(-(stop - time) // length))
        if count > MAX_BARS:
            raise MusicError(f"it has more than {MAX_BARS} bars")
        starts.append(time + length * np.arange(count))
        bar_meters += [meter] * count
        last = time + count * length
    return Bars(np.concatenate(starts), bar_meters, last)
