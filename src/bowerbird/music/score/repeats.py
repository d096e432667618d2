"""Repeats: a score as it is written becomes a score as it is played.

Repeats and endings are the score's markers: ``|:`` and ``:|`` around what is played twice, ``[1``,
``[2`` ... before its endings, each played after the same beginning. Without ``|:`` a repeat goes
back to the end of the one before, or to the end of the section (``||``), or to the beginning.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

SYMBOLS = ("|:", ":|", "||", "[1", "[2")
MAX_SYMBOLS = 256  # that are followed in one score, so that a hostile one is not played for ever


def passages(score: "Score") -> list[tuple[int, int]]:
    """Return the passages of a score in the order of playing, as first and last tick."""
    end = max(track.end() for track in score.tracks)
    order = {":|": 0, "||": 1, "|:": 2}  # at one tick: a section ends before the next begins
    symbols = sorted(
        ((m.time, m.text) for m in score.markers if is_repeat_symbol(m.text)),
        key=lambda symbol: (symbol[0], order.get(symbol[1], 3)),
    )[:MAX_SYMBOLS]
    played: list[tuple[int, int]] = []
    at, back, ending = 0, -1, -1  # where we are, where a repeat goes back to, the first ending
    marked, home = False, (-1, -1)  # whether there was |:, what a third ending goes back to
    for (time, symbol), (_, after) in pairwise([*symbols, (0, "")]):
        if symbol == "|:" or (symbol == "||" and not marked):
            back, marked, ending, home = time, symbol == "|:", -1, (-1, -1)
        elif symbol == "[1":
            ending, home = time, (-1, -1)
        elif symbol == ":|":
            if after.startswith("[") and home[1] > home[0] >= 0:
                back, ending = home
            back = _beginning(score, time) if back < 0 else back
            if time > max(at, back):
                played.append((at, time))
                played.append((back, ending if ending > back else time))
                at = time
            home = back, ending
            back, marked, ending = time, False, -1
        elif symbol.startswith("[") and at == back:  # straight on, over the silence between
            at = back = time
    played.append((at, end))
    return [(first, last) for first, last in played if last > first]


def is_repeat_symbol(text: str) -> bool:
    """Return whether the text of a marker is a repeat, an ending or the end of a section."""
    return text in SYMBOLS or (text[:1] == "[" and text[1:].isdigit())


def _beginning(score: "Score", time: int) -> int:
    """Return where a repeat that ends at `time` begins: at a pickup, if whole bars need it."""
    if not score.time_signatures:
        return 0
    meter = score.time_signatures[0]
    bar = 4 * score.ticks_per_quarter * meter.numerator // meter.denominator
    first = min(int(track.notes.numpy()["time"].min()) for track in score.tracks if track.notes)
    return 0 if bar and time % bar == 0 else min(first, time)


def expand_repeats(score: "Score") -> "Score":
    """Return a score with its repeats played out, and without their markers."""
    played = passages(score)
    plain = score.copy()
    plain.markers = plain.markers.filter(lambda m: not is_repeat_symbol(m.text), inplace=False)
    if len(played) < 2:
        return plain
    made = plain.copy()
    for name in ("time_signatures", "key_signatures", "tempos"):
        _play_changes(getattr(made, name), getattr(plain, name), played)
    modes = plain.markers.filter(lambda m: m.text.startswith("K:"), inplace=False)
    if any(mode.time for mode in modes):  # of keys that come later
        made.markers = made.markers.filter(lambda m: not m.text.startswith("K:"), inplace=False)
        changes = modes.copy()
        _play_changes(changes, modes, played)
        made.markers.extend(changes)
    for new, old in zip(made.tracks, plain.tracks, strict=True):
        for name in ("notes", "controls", "pitch_bends", "pedals", "lyrics"):
            _play(getattr(new, name), getattr(old, name), played)
    return made


def _play(made: Any, written: Any, played: list[tuple[int, int]]) -> None:
    """Fill a list with the events of the passages, one passage after the other."""
    made.clear()
    offset = 0
    for first, last in played:
        for event in written:
            if first <= event.time < last:
                made.append(_moved(event, event.time + offset - first))
        offset += last - first


def _play_changes(made: Any, written: Any, played: list[tuple[int, int]]) -> None:
    """Do the same with meters, keys or tempos; each passage begins with what holds there."""
    made.clear()
    changes = sorted(written, key=lambda event: event.time)
    offset = 0
    for first, last in played:
        before = [event for event in changes if event.time <= first][-1:]
        inside = [event for event in changes if first < event.time < last]
        for event in (*before, *inside):
            if not made or made[-1] != _moved(event, made[-1].time):
                made.append(_moved(event, offset + max(0, event.time - first)))
        offset += last - first


def _moved(event: Any, time: int) -> Any:
    copy = event.copy()
    copy.time = time
    return copy
