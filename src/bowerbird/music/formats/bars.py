"""Bars to a score: the bars of a tune get their times, so that they follow from its meters.

A score has no bar lines. So a first bar that is too short is a pickup, which is the end of a whole
bar; two short bars that make a whole one together are one bar (a repeat in the middle of a bar);
and the short last bar of a section is filled with silence. A bar that still does not add up gets a
meter of its own. An empty bar is a whole bar of silence. All voices have the bars of the first one
with notes, each as long as its longest voice. Old music without bar lines gets bars by its meter.

Repeats are not played. They become markers of the score (``|:``, ``:|``, ``[1``, ``[2``, and ``||``
for the end of a section), which `score.repeats.expand_repeats` plays. The title is the name of the
only track; if there are several, it is a marker ``T:title``, and tracks have the names of voices.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.formats.midi import LAST_TICK, check_hours
from bowerbird.music.formats.tune import QUARTER, WHOLE, Bar, Tune
from bowerbird.music.score.build import (
    TICKS,
    VIOLIN,
    new_marker,
    new_score,
    new_tempo,
    new_time_signature,
    new_track,
)
from bowerbird.music.score.key import Key, set_key
from bowerbird.music.score.meter import MAX_BARS, Meter
from bowerbird.music.score.titles import clean_text

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track

MAX_LENGTH = 16 * WHOLE  # divisions of a bar
MAX_BEATS = 64  # of a bar

Placed = list[tuple[Bar, int, int]]
"""Bars, where they begin, and where the next begins, in divisions."""


def tune_to_score(tune: Tune) -> "Score":
    """Return the score of a tune as it is written, at 480 ticks a quarter note.

    Raises MusicError for a tune without notes, or one that lasts for hours.
    """
    score = new_score()
    voices = {
        name: bars
        for name, bars in tune.voices.items()
        if any(pitches for bar in bars for _, _, pitches, _ in bar.notes)
    }
    if _unbarred([bar for bars in voices.values() for bar in bars]):
        voices = {name: _divided(bars) for name, bars in voices.items()}
    places, meters = place(_timeline(list(voices.values())))
    for start, (beats, unit) in meters:
        score.time_signatures.append(new_time_signature(_ticks(start), beats, unit))
    for start, symbol in _repeat_symbols(places):
        score.markers.append(new_marker(_ticks(start), symbol))
    for voice, bars in voices.items():
        track = _track(_placed_along(bars, places))
        if not len(track.notes):
            continue
        track.name = clean_text(tune.names.get(voice, voice))
        track.program = tune.programs.get(voice, VIOLIN)
        track.is_drum = voice in tune.drums
        score.tracks.append(track)
    if not score.tracks:
        raise MusicError(f"line {tune.line}: the tune has no notes")
    if tune.title and len(score.tracks) == 1:
        score.tracks[0].name = clean_text(tune.title)
    elif tune.title:
        score.markers.append(new_marker(0, f"T:{clean_text(tune.title)}"))
    pitched = next((bars for name, bars in voices.items() if name not in tune.drums), [])
    set_key(score, tune.key, _changes(_placed_along(pitched, places), tune.key))
    for time, qpm in _tempos(places, tune.qpm):
        score.tempos.append(new_tempo(time, min(max(qpm, 10), 1000)))
    if tune.rhythm:
        score.markers.append(new_marker(0, f"R:{tune.rhythm}"))
    score.markers.sort(key=lambda marker: marker.time)
    check_hours(score)
    return score


def _unbarred(bars: list[Bar]) -> bool:
    """Return whether there are no bar lines except at the ends of sections."""
    return all(bar.length > bar.full for bar in bars) and any(
        bar.length > MAX_LENGTH or _meter_of(bar)[0] > MAX_BEATS for bar in bars
    )


def _divided(bars: list[Bar]) -> list[Bar]:
    """Return bars divided into those of their meters; a note is not cut at their bar lines.

    Raises MusicError for too many bars.
    """
    result: list[Bar] = []
    for bar in bars:
        full = bar.full
        count = -(-bar.length // full)
        if len(result) + count > MAX_BARS:
            raise _too_long(bar)
        parts = [Bar(bar.line, bar.meter, length=full) for _ in range(count)]
        parts[-1].length = bar.length - full * (count - 1)
        for start, length, pitches, tied in bar.notes:
            parts[start // full].notes.append((start % full, length, pitches, tied))
        for start, qpm in bar.tempos:
            parts[min(start // full, count - 1)].tempos.append((start % full, qpm))
        parts[0].left, parts[0].key, parts[-1].right = bar.left, bar.key, bar.right
        result += parts
    return result


def _too_long(bar: Bar) -> MusicError:
    return MusicError(f"line {bar.line}: a bar of {bar.length / QUARTER:.0f} quarter notes")


def _timeline(voices: list[list[Bar]]) -> list[Bar]:
    """Return the bars of the first voice, each as long as the longest of all voices."""
    alike = [bars for bars in voices if len(bars) == len(voices[0])]
    return [
        replace(same[0], length=max(bar.length for bar in same))
        for same in zip(*alike, strict=True)
    ]


def _placed_along(bars: list[Bar], places: Placed) -> Placed:
    """Return the bars of a voice at the times of the first voice's, if they match."""
    same = [(bar, start, end) for bar, (_, start, end) in zip(bars, places, strict=False)]
    shorter = len(same) == len(bars) and all(
        bar.length == first.length for bar, (first, _, _) in zip(bars, places, strict=False)
    )
    return same if len(bars) == len(places) or shorter else place(bars)[0]


def _changes(places: Placed, key: Key) -> list[tuple[int, Key]]:
    """Return the keys after the first one, with their ticks."""
    changes = []
    for bar, start, _ in places:
        if bar.key is not None and bar.key != key:
            key = bar.key
            changes.append((_ticks(start), key))
    return changes


def _tempos(places: Placed, qpm: float) -> list[tuple[int, float]]:
    """Return the tempos with their ticks; one before the first note holds from the start."""
    tempos = [(0, qpm)]
    for bar, start, _ in places:
        tempos += [(_ticks(start + at), new) for at, new in bar.tempos]
    first = _ticks(places[0][1])
    times = sorted({0 if time <= first else time: new for time, new in tempos if new > 0}.items())
    before = [0.0, *(new for _, new in times)]
    return [change for change, old in zip(times, before, strict=False) if change[1] != old]


def place(bars: list[Bar]) -> tuple[Placed, list[tuple[int, Meter]]]:
    """Return where each bar begins and ends, and where which meter begins, in divisions."""
    places: Placed = []
    meters: list[tuple[int, Meter]] = []
    at, number = 0, 0
    while number < len(bars):
        bar, meter = bars[number], bars[number].meter
        full, last = bar.full, number == len(bars) - 1
        after = bars[number + 1] if not last else None
        missing = full - (bar.length or full)
        ends = last or bar.right or (after and after.left)
        if missing > 0 and number == 0 and not last:
            places.append((bar, at + missing, at + full))
        elif missing > 0 and after and after.meter == meter and after.length == missing:
            places += [(bar, at, at + bar.length), (after, at + bar.length, at + full)]
            number += 1
        elif missing == 0 or (missing > 0 and ends):
            places.append((bar, at, at + full))
        else:
            meter, full = _own_meter(bar), bar.length
            places.append((bar, at, at + full))
        if not meters or meters[-1][1] != meter:
            meters.append((at, meter))
        at += full
        number += 1
    return places, meters


def _own_meter(bar: Bar) -> Meter:
    """Return the meter of a bar that is too long or too short, by its length."""
    if bar.length > MAX_LENGTH:
        raise _too_long(bar)
    beats, unit = _meter_of(bar)
    if beats > MAX_BEATS:
        raise MusicError(f"line {bar.line}: a bar of {beats}/{unit} is too long")
    return beats, unit


def _meter_of(bar: Bar) -> Meter:
    unit = WHOLE // gcd(bar.length, WHOLE)
    if unit > 64 or unit & (unit - 1):  # no meter has such a unit
        unit = 16
    elif bar.length * bar.meter[1] <= MAX_BEATS * WHOLE:
        unit = max(unit, bar.meter[1])
    return max(1, round(bar.length * unit / WHOLE)), unit


def _repeat_symbols(places: Placed) -> Iterator[tuple[int, str]]:
    """Yield where repeats, endings and sections begin and end."""
    bars = [bar for bar, _, _ in places]
    moved = _pickup_belongs_to_repeat(bars)
    if moved:
        yield places[0][1], "|:"
    for number, (bar, start, _) in enumerate(places, 1):
        yield from ((start, symbol) for symbol in bar.left if not (moved and number == 2))
        for symbol in bar.right:
            if number < len(places) or symbol != "||":  # every tune ends
                yield start + bar.length, symbol


def _pickup_belongs_to_repeat(bars: list[Bar]) -> bool:
    """Return whether the repeat after a pickup ends with a bar that is shorter by the pickup."""
    if len(bars) < 3 or bars[0].left or "|:" not in bars[1].left:
        return False
    end = next((bar for bar in bars[1:] if ":|" in bar.right), bars[0])
    return bars[0].length > 0 and end.length == end.full - bars[0].length


def _track(places: Placed) -> "Track":
    rows: list[list[int]] = []
    open_ties: dict[int, int] = {}  # pitch -> row of the note that is tied
    for bar, begin, _ in places:
        for start, length, pitches, tied in bar.notes:
            first, end = _ticks(begin + start), _ticks(begin + start + length)
            for pitch in pitches:
                row = open_ties.pop(pitch, None)
                if row is not None and sum(rows[row][:2]) == first:
                    rows[row][1] += end - first
                else:
                    row = len(rows)
                    rows.append([first, end - first, pitch])
                if tied:
                    open_ties[pitch] = row
    table = np.array([row for row in rows if row[1] > 0], np.int64).reshape(-1, 3)
    if len(table) and table[:, :2].sum(1).max() > LAST_TICK:
        raise MusicError("it is too long")
    return new_track(table[np.lexsort((table[:, 2], table[:, 0]))])


def _ticks(divisions: int) -> int:
    return (divisions * TICKS + QUARTER // 2) // QUARTER
