"""Sections: which of a score's repeat signs make sense, and can be played.

Signs in a file may be forgotten or misplaced. Kept are repeats that are as long as whole bars,
``|:`` that are closed, endings that come in pairs, and ends of sections outside of repeats.

On paper a repeat without ``|:`` goes back to the beginning of the piece; where it is played from
elsewhere, ``|:`` has to be written.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from bowerbird.music.score.build import new_marker
from bowerbird.music.score.meter import Bars
from bowerbird.music.score.repeats import is_sign, passages

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

Sign = Literal[":|", "||", "|:", "[1", "[2"]
ORDER: tuple[Sign, ...] = get_args(Sign)
"""Signs in the order in which they stand at the same tick."""


def with_beginnings(score: "Score") -> "Score":
    """Return a score with ``|:`` wherever it goes back to, but for the beginning of the piece."""
    first = min(int(track.notes.numpy()["time"].min()) for track in score.tracks if track.notes)
    told = {m.time for m in score.markers if m.text == "|:" or m.text.startswith("[")}
    played = passages(score)
    begins = {again for (_, last), (again, _) in pairwise(played) if first < again < last} - told
    if not begins:
        return score
    made = score.copy()
    for time in sorted(begins):
        made.markers.append(new_marker(time, "|:"))
    return made if passages(made) == played else score


def closed_endings(bars: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[int, str]:
    """Return the endings by the bar in which they close, of each bar's signs before and after.

    The last ending is as long as the first, or goes on to the next sign.
    """
    closed: dict[int, str] = {}
    ending, begin, first_lasts = "", 0, len(bars)
    for number, (before, after) in enumerate(bars):
        for sign in before:
            if sign[0] == "[":
                ending, begin = sign[1:], number
        lasts = number + 1 - begin
        done = after or number + 1 == len(bars) or bars[number + 1][0]
        if ending and (done or (ending != "1" and lasts >= first_lasts)):
            closed[number] = ending
            first_lasts = lasts if ending == "1" else first_lasts
            ending = ""
    return closed


def written_signs(score: "Score", grid: int, bars: Bars, first: int) -> Sequence[tuple[int, str]]:
    """Return the signs that a file is written with, so that it plays as the score does.

    They are those that make sense or, where these would play something else, all there are.
    """
    sensible = signs_of(score, grid, bars, first)
    if not any(is_sign(marker.text) for marker in score.markers):
        return sensible
    ticks, made = score.ticks_per_quarter, score.copy()
    made.markers = made.markers.filter(lambda m: not is_sign(m.text), inplace=False)
    for time, sign in sensible:
        made.markers.append(new_marker(time * ticks // grid, sign))
    if passages(made) == passages(score):
        return sensible
    given = {(m.time, m.text) for m in score.markers if is_sign(m.text)}
    rank: dict[str, int] = {sign: number for number, sign in enumerate(ORDER)}
    return sorted(
        {((time * grid + ticks // 2) // ticks, sign) for time, sign in given},
        key=lambda sign: (sign[0], rank.get(sign[1], len(rank)), sign[1]),
    )


def signs_of(score: "Score", grid: int, bars: Bars, first: int) -> list[tuple[int, Sign]]:
    """Return the signs that make sense, with their ticks of the grid, in order.

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
    signs = [(time, ORDER[rank]) for time, rank in sorted(found)]
    return _closed(_whole(signs, bars, first))


def offset_in_bar(bars: Bars, time: int) -> int:
    """Return how far into its bar a tick is; the end of the last bar is 0."""
    if time >= bars.end:
        return 0
    return time - int(bars.starts[bars.starts.searchsorted(time, "right") - 1])


def _whole(signs: list[tuple[int, Sign]], bars: Bars, first: int) -> list[tuple[int, Sign]]:
    """Leave out repeats that are not as long as whole bars, and endings that begin within one."""
    second = int(bars.starts[1]) if len(bars.starts) > 1 else bars.end
    begin, kept, inside = (first if first < second else 0), [], False
    for time, sign in signs:
        offset = offset_in_bar(bars, time)
        if sign == ":|" and (time <= begin or offset != offset_in_bar(bars, begin)):
            continue
        if sign in ("[1", "[2") and (offset or time <= 0):
            continue
        early = offset not in (0, offset_in_bar(bars, begin))
        if sign == "||" and (inside or time <= begin or early):
            continue
        if sign == "|:" and time < first < second:
            continue
        inside = {"|:": True, ":|": False}.get(sign, inside)
        if sign in ("|:", ":|", "||"):
            begin = time
        kept.append((time, sign))
    return kept


def _closed(signs: list[tuple[int, Sign]]) -> list[tuple[int, Sign]]:
    """Leave out beginnings without an end, and endings without their pair."""
    kept: list[tuple[int, Sign]] = []
    words = [sign for _, sign in signs]
    for number, (time, sign) in enumerate(signs):
        after = words[number + 1 :]
        if sign == "|:":
            rest = [word for word in after if word in ("|:", ":|")]
            good = rest[:1] == [":|"]
        elif sign == "[1":
            good = after[:2] == [":|", "[2"] and signs[number + 1][0] > time
        elif sign == "[2":
            good = [word for _, word in kept[-2:]] == ["[1", ":|"]
        else:
            good = True
        if good:
            kept.append((time, sign))
    return kept
