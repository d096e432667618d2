"""Sections: which of a score's repeats and endings make sense, and can be played.

In a file they may be forgotten or misplaced. Those that make sense are repeats as long as whole
bars, ``|:`` that are closed, endings that come in pairs, and ends of sections outside of repeats.

On paper a repeat without ``|:`` goes back to the beginning of the piece; where it is played from
elsewhere, ``|:`` has to be written.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from bowerbird.music.score.build import new_marker
from bowerbird.music.score.meter import Bars
from bowerbird.music.score.repeats import is_repeat_symbol, passages

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

RepeatSymbol = Literal[":|", "||", "|:", "[1", "[2"]
ORDER: tuple[RepeatSymbol, ...] = get_args(RepeatSymbol)
"""The order at the same tick."""


def with_repeat_starts(score: "Score") -> "Score":
    """Return a score with ``|:`` wherever it goes back to, but for the beginning of the piece."""
    first = min(int(track.notes.numpy()["time"].min()) for track in score.tracks if track.notes)
    written = {m.time for m in score.markers if m.text == "|:" or m.text.startswith("[")}
    played = passages(score)
    begins = {again for (_, last), (again, _) in pairwise(played) if first < again < last} - written
    if not begins:
        return score
    made = score.copy()
    for time in sorted(begins):
        made.markers.append(new_marker(time, "|:"))
    return made if passages(made) == played else score


def closed_endings(bars: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[int, str]:
    """Return the endings by the bar in which they close, from what is left and right of each bar.

    The last ending is as long as the first, or goes on to the next repeat or ending.
    """
    closed: dict[int, str] = {}
    ending, begin, first_lasts = "", 0, len(bars)
    for number, (before, after) in enumerate(bars):
        for symbol in before:
            if symbol[0] == "[":
                ending, begin = symbol[1:], number
        lasts = number + 1 - begin
        done = after or number + 1 == len(bars) or bars[number + 1][0]
        if ending and (done or (ending != "1" and lasts >= first_lasts)):
            closed[number] = ending
            first_lasts = lasts if ending == "1" else first_lasts
            ending = ""
    return closed


def written_symbols(score: "Score", grid: int, bars: Bars, first: int) -> Sequence[tuple[int, str]]:
    """Return the repeats and endings to write into a file, so that it plays as the score does.

    They are those that make sense or, where these would play something else, all there are.
    """
    sensible = repeat_symbols(score, grid, bars, first)
    if not any(is_repeat_symbol(marker.text) for marker in score.markers):
        return sensible
    ticks, made = score.ticks_per_quarter, score.copy()
    made.markers = made.markers.filter(lambda m: not is_repeat_symbol(m.text), inplace=False)
    for time, symbol in sensible:
        made.markers.append(new_marker(time * ticks // grid, symbol))
    if passages(made) == passages(score):
        return sensible
    given = {(m.time, m.text) for m in score.markers if is_repeat_symbol(m.text)}
    rank: dict[str, int] = {symbol: number for number, symbol in enumerate(ORDER)}
    return sorted(
        {((time * grid + ticks // 2) // ticks, symbol) for time, symbol in given},
        key=lambda symbol: (symbol[0], rank.get(symbol[1], len(rank)), symbol[1]),
    )


def repeat_symbols(
    score: "Score", grid: int, bars: Bars, first: int
) -> list[tuple[int, RepeatSymbol]]:
    """Return the repeats and endings that make sense, with their ticks of the grid, in order.

    ``first`` is where the first note begins.
    """
    if not score.markers:
        return []
    ticks = score.ticks_per_quarter
    found: set[tuple[int, int]] = set()
    for marker in score.markers:
        if marker.text in ORDER:
            time = (marker.time * grid + ticks // 2) // ticks
            if 0 <= time <= bars.end:
                found.add((time, ORDER.index(marker.text)))
    endings = {time for time, rank in found if ORDER[rank] in ("[1", "[2")}
    found -= {(time, ORDER.index("||")) for time in endings}
    symbols = [(time, ORDER[rank]) for time, rank in sorted(found)]
    return _closed(_whole(symbols, bars, first))


def offset_in_bar(bars: Bars, time: int) -> int:
    """Return how far into its bar a tick is; the end of the last bar is 0."""
    if time >= bars.end:
        return 0
    return time - int(bars.starts[bars.starts.searchsorted(time, "right") - 1])


def _whole(
    symbols: list[tuple[int, RepeatSymbol]], bars: Bars, first: int
) -> list[tuple[int, RepeatSymbol]]:
    """Leave out repeats that are not as long as whole bars, and endings that begin within one."""
    second = int(bars.starts[1]) if len(bars.starts) > 1 else bars.end
    begin, result, inside = (first if first < second else 0), [], False
    for time, symbol in symbols:
        offset = offset_in_bar(bars, time)
        if symbol == ":|" and (time <= begin or offset != offset_in_bar(bars, begin)):
            continue
        if symbol in ("[1", "[2") and (offset or time <= 0):
            continue
        early = offset not in (0, offset_in_bar(bars, begin))
        if symbol == "||" and (inside or time <= begin or early):
            continue
        if symbol == "|:" and time < first < second:
            continue
        inside = {"|:": True, ":|": False}.get(symbol, inside)
        if symbol in ("|:", ":|", "||"):
            begin = time
        result.append((time, symbol))
    return result


def _closed(symbols: list[tuple[int, RepeatSymbol]]) -> list[tuple[int, RepeatSymbol]]:
    """Leave out beginnings without an end, and endings without their pair."""
    result: list[tuple[int, RepeatSymbol]] = []
    texts = [symbol for _, symbol in symbols]
    for number, (time, symbol) in enumerate(symbols):
        after = texts[number + 1 :]
        if symbol == "|:":
            rest = [text for text in after if text in ("|:", ":|")]
            good = rest[:1] == [":|"]
        elif symbol == "[1":
            good = after[:2] == [":|", "[2"] and symbols[number + 1][0] > time
        elif symbol == "[2":
            good = [text for _, text in result[-2:]] == ["[1", ":|"]
        else:
            good = True
        if good:
            result.append((time, symbol))
    return result
