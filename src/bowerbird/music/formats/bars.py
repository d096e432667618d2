"""Bars laid out in time: a tune becomes a score, and its bars lie on the meter's grid.

A score has no bar lines; they follow from its meters. So a first bar that is too short is a pickup
and stands at the end of a whole bar; two short bars that make a whole one together are one bar (a
line or a repeat in the middle of a bar); a section's short last bar is filled with silence. What
still does not add up has a meter of its own, for that bar. An empty bar is a whole one of silence.
All voices have the bars of the first one that sounds, each as long as its longest voice. Music
without bar lines, as the old was written, has bars by its meter.

Repeats are not played: they are kept in the score's markers (``|:``, ``:|``, ``[1``, ``[2``, and
``||`` for the end of a section), which `score.repeats.expand_repeats` plays. The title is the
name of the only track; with several it is in a marker ``T:title``, and they are named by voice.
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
    FIDDLE,
    TICKS,
    new_marker,
    new_meter,
    new_score,
    new_tempo,
    new_track,
)
from bowerbird.music.score.key import Key, with_key
from bowerbird.music.score.meter import MOST_BARS

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score, TrackTick as Track


LONGEST_BAR = 16 * WHOLE  # units: what is longer is no bar
MOST_BEATS = 64  # of a bar

Placed = list[tuple[Bar, int, int]]
"""Bars, where they begin, and where the next begins, in units."""


def tune_to_score(tune: Tune) -> "Score":
    """Return the score of a tune as it is written, at 480 ticks a quarter note.

    Raises MusicError for a tune without a note, or one that lasts for hours.
    """
    score = new_score()
    sounding = {
        name: bars
        for name, bars in tune.voices.items()
        if any(pitches for bar in bars for _, _, pitches, _ in bar.notes)
    }
    if _unbarred([bar for bars in sounding.values() for bar in bars]):
        sounding = {name: _cut(bars) for name, bars in sounding.items()}
    places, meters = placed(_timeline(list(sounding.values())))
    for start, (beats, part) in meters:
        score.time_signatures.append(new_meter(_ticks(start), beats, part))
    for start, sign in _signs(places):
        score.markers.append(new_marker(_ticks(start), sign))
    for voice, bars in sounding.items():
        track = _track(_along(bars, places))
        if not len(track.notes):
            continue
        track.name = tune.names.get(voice, voice)
        track.program = tune.programs.get(voice, FIDDLE)
        track.is_drum = voice in tune.drums
        score.tracks.append(track)
    if not score.tracks:
        raise MusicError(f"line {tune.line}: the tune has no notes")
    if tune.title and len(score.tracks) == 1:
        score.tracks[0].name = tune.title
    elif tune.title:
        score.markers.append(new_marker(0, f"T:{tune.title}"))
    with_key(score, tune.key, _changes(places, tune.key))
    for time, qpm in _tempos(places, tune.qpm):
        score.tempos.append(new_tempo(time, min(max(qpm, 10), 1000)))
    if tune.rhythm:
        score.markers.append(new_marker(0, f"R:{tune.rhythm}"))
    score.markers.sort(key=lambda marker: marker.time)
    check_hours(score)
    return score


def _unbarred(bars: list[Bar]) -> bool:
    """Return whether there are no bar lines but at the ends of sections."""
    return all(bar.length > _whole(bar) for bar in bars) and any(
        bar.length > LONGEST_BAR or _beats(bar)[0] > MOST_BEATS for bar in bars
    )


def _cut(bars: list[Bar]) -> list[Bar]:
    """Return bars cut into those of their meters; a note stays whole where it begins.

    Raises MusicError for more bars than a tune can have.
    """
    pieces: list[Bar] = []
    for bar in bars:
        whole = _whole(bar)
        count = -(-bar.length // whole)
        if len(pieces) + count > MOST_BARS:
            raise MusicError(f"line {bar.line}: a bar of {bar.length / QUARTER:.0f} quarter notes")
        cut = [Bar(bar.line, bar.meter, length=whole) for _ in range(count)]
        cut[-1].length = bar.length - whole * (count - 1)
        for start, length, pitches, tied in bar.notes:
            cut[start // whole].notes.append((start % whole, length, pitches, tied))
        for start, qpm in bar.tempos:
            cut[min(start // whole, count - 1)].tempos.append((start % whole, qpm))
        cut[0].signs, cut[0].key, cut[-1].ends = bar.signs, bar.key, bar.ends
        pieces += cut
    return pieces


def _timeline(voices: list[list[Bar]]) -> list[Bar]:
    """Return the bars of the first voice, each as long as the longest that sounds at once."""
    alike = [bars for bars in voices if len(bars) == len(voices[0])]
    return [
        replace(same[0], length=max(bar.length for bar in same))
        for same in zip(*alike, strict=True)
    ]


def _along(bars: list[Bar], places: Placed) -> Placed:
    """Return where the bars of a voice stand: where those of the first do, if they match."""
    same = [(bar, start, end) for bar, (_, start, end) in zip(bars, places, strict=False)]
    early = all(
        bar.length == first.length for bar, (first, _, _) in zip(bars, places, strict=False)
    )
    return (
        same if len(bars) == len(places) or (len(same) == len(bars) and early) else placed(bars)[0]
    )


def _changes(places: Placed, key: Key) -> list[tuple[int, Key]]:
    """Return the keys that come after the first one, with their ticks."""
    changes = []
    for bar, start, _ in places:
        if bar.key is not None and bar.key != key:
            key = bar.key
            changes.append((_ticks(start), key))
    return changes


def _tempos(places: Placed, qpm: float) -> list[tuple[int, float]]:
    """Return the tempos with their ticks; one before the first note holds from the beginning."""
    tempos = [(0, qpm)]
    for bar, start, _ in places:
        tempos += [(_ticks(start + at), new) for at, new in bar.tempos]
    first = _ticks(places[0][1])
    found = sorted({0 if time <= first else time: new for time, new in tempos if new > 0}.items())
    before = [0.0, *(new for _, new in found)]
    return [change for change, old in zip(found, before, strict=False) if change[1] != old]


def placed(bars: list[Bar]) -> tuple[Placed, list[tuple[int, tuple[int, int]]]]:
    """Return where each bar begins and ends, and where which meter begins, in units."""
    places: Placed = []
    meters: list[tuple[int, tuple[int, int]]] = []
    at, number = 0, 0

    def begin(meter: tuple[int, int]) -> None:
        if not meters or meters[-1][1] != meter:
            meters.append((at, meter))

    while number < len(bars):
        bar = bars[number]
        whole, last = _whole(bar), number == len(bars) - 1
        after = bars[number + 1] if not last else None
        lack = whole - (bar.length or whole)
        if lack > 0 and number == 0 and not last:
            begin(bar.meter)
            places.append((bar, at + lack, at + whole))
        elif lack > 0 and after and after.meter == bar.meter and after.length == lack:
            begin(bar.meter)
            places += [(bar, at, at + bar.length), (after, at + bar.length, at + whole)]
            number += 1
        elif lack == 0 or (lack > 0 and (last or _ends(bar, after))):
            begin(bar.meter)
            places.append((bar, at, at + whole))
        else:
            begin(_own_meter(bar))
            whole = bar.length
            places.append((bar, at, at + whole))
        at += whole
        number += 1
    return places, meters


def adds_up(bars: list[Bar]) -> bool:
    """Return whether all bars are as long as their meters say, by the rules above."""
    return all(
        end - start <= _whole(bar) and bar.length <= _whole(bar)
        for bar, start, end in placed(bars)[0]
    ) and {meter for _, meter in placed(bars)[1]} <= {bar.meter for bar in bars}


def _whole(bar: Bar) -> int:
    return WHOLE * bar.meter[0] // bar.meter[1]


def _ends(bar: Bar, after: Bar | None) -> bool:
    return bool(bar.ends) or bool(after and after.signs)


def _own_meter(bar: Bar) -> tuple[int, int]:
    """Return the meter of a bar that is too long or too short, by its length."""
    if bar.length > LONGEST_BAR:
        raise MusicError(f"line {bar.line}: a bar of {bar.length / QUARTER:.0f} quarter notes")
    beats, part = _beats(bar)
    if beats > MOST_BEATS:
        raise MusicError(f"line {bar.line}: a bar of {beats}/{part} is no bar")
    return beats, part


def _beats(bar: Bar) -> tuple[int, int]:
    part = WHOLE // gcd(bar.length, WHOLE)
    if part > 64 or part & (part - 1):  # no meter is so long
        part = 16
    elif bar.length * bar.meter[1] <= MOST_BEATS * WHOLE:
        part = max(part, bar.meter[1])
    return max(1, round(bar.length * part / WHOLE)), part


def _signs(places: Placed) -> Iterator[tuple[int, str]]:
    """Yield where repeats, endings and sections begin and end."""
    forgotten = _pickup_outside([bar for bar, _, _ in places])
    if forgotten:
        yield places[0][1], "|:"
    for number, (bar, start, _) in enumerate(places, 1):
        yield from ((start, sign) for sign in bar.signs if not (forgotten and number == 2))
        for sign in bar.ends:
            if number < len(places) or sign != "||":  # every tune ends
                yield start + bar.length, sign


def _pickup_outside(bars: list[Bar]) -> bool:
    """Return whether a pickup stands before ``|:`` that the end of the repeat makes room for."""
    if len(bars) < 3 or bars[0].signs or "|:" not in bars[1].signs:
        return False
    end = next((bar for bar in bars[1:] if ":|" in bar.ends), bars[0])
    return bars[0].length > 0 and end.length == _whole(end) - bars[0].length


def _track(places: Placed) -> "Track":
    rows: list[list[int]] = []
    open_ties: dict[int, int] = {}  # by pitch, the row that goes on
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
        raise MusicError("it is endlessly long")
    return new_track(table[np.lexsort((table[:, 2], table[:, 0]))])


def _ticks(units: int) -> int:
    return (units * TICKS + QUARTER // 2) // QUARTER
