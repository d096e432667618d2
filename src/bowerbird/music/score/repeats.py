"""Repeats: a score as it is written becomes a score as it is played.

The signs are the score's markers: ``|:`` and ``:|`` around what is played twice, ``[1``, ``[2``
... before its endings, each played after the same beginning. Without ``|:`` a repeat goes back to
the end of the one before, or to the end of the section (``||``), or to the beginning.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

SIGNS = ("|:", ":|", "||", "[1", "[2")
MOST_SIGNS = 256  # that are followed in one score: a forged one is not played for ever


def passages(score: "Score") -> list[tuple[int, int]]:
    """Return the stretches of a score in the order of playing, as first and last tick."""
    end = max(track.end() for track in score.tracks)
    order = {":|": 0, "||": 1, "|:": 2}  # at one tick: a section ends before the next begins
    signs = sorted(
        ((m.time, m.text) for m in score.markers if is_sign(m.text)),
        key=lambda sign: (sign[0], order.get(sign[1], 3)),
    )[:MOST_SIGNS]
    played: list[tuple[int, int]] = []
    at, back, ending = 0, -1, -1  # where we are, where a repeat goes back to, the first ending
    marked, home = False, (-1, -1)  # whether there was |:, what a third ending goes back to
    for (time, sign), (_, after) in pairwise([*signs, (0, "")]):
        if sign == "|:" or (sign == "||" and not marked):
            back, marked, ending, home = time, sign == "|:", -1, (-1, -1)
        elif sign == "[1":
            ending, home = time, (-1, -1)
        elif sign == ":|":
            if after.startswith("[") and home[1] > home[0] >= 0:
                back, ending = home
            back = _beginning(score, time) if back < 0 else back
            if time > max(at, back):
                played.append((at, time))
                played.append((back, ending if ending > back else time))
                at = time
            home = back, ending
            back, marked, ending = time, False, -1
        elif sign.startswith("[") and at == back:  # straight on, over the silence between
            at = back = time
    played.append((at, end))
    return [(first, last) for first, last in played if last > first]


def is_sign(text: str) -> bool:
    """Return whether a marker is a sign of repeats."""
    return text in SIGNS or (text[:1] == "[" and text[1:].isdigit())


def _beginning(score: "Score", time: int) -> int:
    """Return where a repeat that ends at `time` begins: at a pickup, if whole bars need it."""
    if not score.time_signatures:
        return 0
    meter = score.time_signatures[0]
    bar = 4 * score.ticks_per_quarter * meter.numerator // meter.denominator
    first = min(int(track.notes.numpy()["time"].min()) for track in score.tracks if track.notes)
    return 0 if bar and time % bar == 0 else min(first, time)


def expanded(score: "Score") -> "Score":
    """Return a score with its repeats played out and without their signs."""
    stretches = passages(score)
    plain = score.copy()
    plain.markers = plain.markers.filter(lambda m: not is_sign(m.text), inplace=False)
    if len(stretches) < 2:
        return plain
    made = plain.copy()
    for name in ("time_signatures", "key_signatures", "tempos"):
        _play_states(getattr(made, name), getattr(plain, name), stretches)
    for new, old in zip(made.tracks, plain.tracks, strict=True):
        for name in ("notes", "controls", "pitch_bends", "pedals", "lyrics"):
            _play(getattr(new, name), getattr(old, name), stretches)
    return made


def _play(made: Any, written: Any, stretches: list[tuple[int, int]]) -> None:
    """Fill a list with the events of the stretches, one stretch after the other."""
    made.clear()
    offset = 0
    for first, last in stretches:
        for event in written:
            if first <= event.time < last:
                made.append(_moved(event, event.time + offset - first))
        offset += last - first


def _play_states(made: Any, written: Any, stretches: list[tuple[int, int]]) -> None:
    """Do the same with meters, keys or tempos; each stretch begins with what is in force there."""
    made.clear()
    states = sorted(written, key=lambda event: event.time)
    offset = 0
    for first, last in stretches:
        before = [event for event in states if event.time <= first][-1:]
        inside = [event for event in states if first < event.time < last]
        for event in (*before, *inside):
            if not made or made[-1] != _moved(event, made[-1].time):
                made.append(_moved(event, offset + max(0, event.time - first)))
        offset += last - first


def _moved(event: Any, time: int) -> Any:
    copy = event.copy()
    copy.time = time
    return copy
