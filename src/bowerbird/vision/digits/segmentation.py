"""Marks that are a digit in pieces, or several digits that touch: what the reader reads better.

Pieces are joined where the whole reads better than its parts, or as well where a part alone is no
digit. Marks that read badly or are wide are cut as LeCun et al. 1998 (section VII) cut words:
between all likely cuts lie candidates, each is read, and the way through the cuts whose worst digit
is best wins, if it is better than the mark as it is.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.digits.components import Mark, cut, cuts, joined
from bowerbird.vision.digits.normalize import normalize
from bowerbird.vision.digits.reader import NONE, DigitReader

DOUBTFUL = 0.5  # probability below which a mark may be several digits
GAIN = 0.1  # by which a join or a cut must read better
WHOLE = 0.75  # probability of a whole one of whose parts is no digit
HIGHEST, WIDEST = 1.5, 1.3  # heights of a digit that a whole one is high and wide at most
ROUNDS = 2  # times that pieces are joined, so that three become one


@dataclass(frozen=True, eq=False)
class Found:
    """A mark, and the probabilities of what it is."""

    mark: Mark
    told: Float[Tensor, "11"]  # of each digit and of "none of these"
    made: bool = False  # from pieces, or cut out of a larger mark

    @property
    def digit(self) -> int:
        """The digit that it is most like."""
        return int(self.told[:NONE].argmax())

    @property
    def score(self) -> float:
        """The probability of that digit, 0..1."""
        return float(self.told[:NONE].max())


def recognized(marks: list[Mark], reader: DigitReader, *, made: bool = False) -> list[Found]:
    """Read each mark as one digit."""
    if not marks:
        return []
    ink = np.stack([normalize(mark.ink) for mark in marks])
    told = reader.probabilities(torch.from_numpy(ink))
    return [Found(mark, row, made) for mark, row in zip(marks, told, strict=True)]


def read_again(found: list[Found], reader: DigitReader) -> list[Found]:
    """Read marks more carefully: moved by a px each way too."""
    if not found:
        return []
    ink = np.stack([normalize(one.mark.ink) for one in found])
    told = reader.steady(torch.from_numpy(ink))
    return [replace(one, told=row) for one, row in zip(found, told, strict=True)]


def mended(found: list[Found], usual: float, reader: DigitReader) -> list[Found]:
    """Join pieces and cut touching digits apart; ``usual`` is the height of a digit, px."""
    for _ in range(ROUNDS):
        found = _joined(found, usual, reader)
    return _parted(found, usual, reader)


def _joined(found: list[Found], usual: float, reader: DigitReader) -> list[Found]:
    """Join pieces of a digit where the whole reads better than its parts."""
    score = np.array([one.score for one in found])
    close = [
        (found[first], found[second])
        for first, second in _near([one.mark for one in found], usual)
        if min(score[first], score[second]) < 0.9
        and _belong(found[first].mark, found[second].mark, usual)
    ]
    wholes = recognized([joined(a.mark, b.mark) for a, b in close], reader, made=True)
    done: set[int] = set()
    kept: list[Found] = []
    order = sorted(zip(close, wholes, strict=True), key=lambda pair: -pair[1].score)
    for (first, second), whole in order:
        if not {id(first), id(second)} & done and _is_better(whole, first, second):
            done |= {id(first), id(second)}
            kept.append(whole)
    return kept + [one for one in found if id(one) not in done]


def _near(marks: list[Mark], usual: float) -> list[tuple[int, int]]:
    """Return the pairs of marks whose middles are near enough to be one digit."""
    middles = np.array([(m.left + m.wide / 2, m.top + m.high / 2) for m in marks]).reshape(-1, 2)
    away = np.abs(middles[:, None] - middles) / usual
    near = np.triu((away[..., 0] < WIDEST) & (away[..., 1] < HIGHEST), 1)
    return [(int(first), int(second)) for first, second in np.argwhere(near)]


def _is_better(whole: Found, first: Found, second: Found) -> bool:
    """Tell whether two pieces are one digit rather than two, or a digit and a crumb."""
    small = min(first, second, key=lambda one: one.mark.ink.sum())
    large = second if small is first else first
    if small.score < DOUBTFUL and whole.score > WHOLE:
        return whole.digit == large.digit or whole.score > large.score
    crumb = small.mark.ink.sum() < 0.35 * large.mark.ink.sum()
    if crumb:
        return whole.score > large.score
    return whole.score > max(first.score, second.score) + GAIN


def _belong(first: Mark, second: Mark, usual: float) -> bool:
    """Tell whether two marks may be one digit: near, above or in each other, not too large."""
    over = min(first.left + first.wide, second.left + second.wide) - max(first.left, second.left)
    under = min(first.top + first.high, second.top + second.high) - max(first.top, second.top)
    bottom = max(first.top + first.high, second.top + second.high)
    high = bottom - min(first.top, second.top)
    right = max(first.left + first.wide, second.left + second.wide)
    wide = right - min(first.left, second.left)
    if (
        high > HIGHEST * usual
        or wide > WIDEST * usual
        or min(first.ink.sum(), second.ink.sum()) < 8
    ):
        return False
    beside = over > -0.12 * usual and under > 0
    return (over > 0.3 * min(first.wide, second.wide) and under > -0.3 * usual) or beside


def _parted(found: list[Found], usual: float, reader: DigitReader) -> list[Found]:
    """Cut marks of several digits apart where their parts read better."""
    kept = []
    for one in found:
        mark = one.mark
        large = mark.high > 0.5 * usual and mark.wide > 0.55 * mark.high
        if large and (one.score < DOUBTFUL or mark.wide > 1.2 * mark.high):
            kept += _best_parts(one, reader)
        else:
            kept.append(one)
    return kept


def _best_parts(whole: Found, reader: DigitReader) -> list[Found]:
    """Return the way through the cuts of a mark whose worst digit is best, or the mark itself."""
    mark = whole.mark
    ends = [np.full(mark.high, -1), *cuts(mark), np.full(mark.high, mark.wide)]
    middles = [float(end.mean()) for end in ends]
    spans = [
        (i, j)
        for i, j in combinations(range(len(ends)), 2)
        if 0.1 * mark.high < middles[j] - middles[i] < 1.3 * mark.high and j - i < len(ends) - 1
    ]
    pieces = {(i, j): cut(mark, ends[i], ends[j]) for i, j in spans}
    whole_ones = {
        span: piece
        for span, piece in pieces.items()
        if piece is not None and piece.high > 0.4 * mark.high
    }
    read = recognized([*whole_ones.values()], reader, made=True)
    way = _way(dict(zip(whole_ones, read, strict=True)), len(ends) - 1)
    better = way and min(one.score for one in way) > whole.score + GAIN
    return way if better else [whole]


def _way(read: dict[tuple[int, int], Found], last: int) -> list[Found]:
    """Return the pieces from the first end to the last whose worst score is best (Viterbi)."""
    reached: dict[int, tuple[float, list[Found]]] = {0: (1.0, [])}
    for end in range(1, last + 1):
        ways = [
            (min(reached[start][0], one.score), [*reached[start][1], one])
            for (start, stop), one in read.items()
            if stop == end and start in reached
        ]
        if ways:
            reached[end] = max(ways, key=lambda way: (way[0], -len(way[1])))
    return reached.get(last, (0.0, []))[1]
