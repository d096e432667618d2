"""Reading the digits on a photographed page: ink, marks, what they are, in lines.

Marks that read badly alone may be a digit in pieces, or several that touch. Pieces are joined
where the whole reads better than its parts. Wide marks are cut as LeCun et al. 1998 (section VII)
cut words: between all likely cuts lie candidates, each is read, and the way through the cuts whose
worst digit is best wins, if it is better than the mark as it is. A mark is a digit if its
probability, and how clean the paper around it is, reach the threshold, and if it is about as high
and as strong as the others. Where most marks of that size are none, or nearly all are 1s, there is
no page: any stroke in a photograph may pass for a 1. A picture as small as MNIST's is one digit.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.choice import check_choice
from bowerbird.vision.digits import NONE, DigitReader
from bowerbird.vision.drawing import draw
from bowerbird.vision.handwriting.ink import Array, find_ink
from bowerbird.vision.handwriting.lines import Place, in_lines, spelled
from bowerbird.vision.handwriting.marks import Mark, cut, cuts, find_marks, joined
from bowerbird.vision.handwriting.normalizing import normalize
from bowerbird.vision.seen import Box, Seen

Kind = Literal["auto", "dark", "light"]
LEANS = (0.0, 0.3, 0.6, -0.3)  # px a px that cuts lean to the right
DOUBTFUL = 0.5  # probability below which a mark may be several digits
GAIN = 0.1  # by which a join or a cut must read better
ALONE = 48  # px of the long side of a picture that is taken for one digit
FAINT = 0.1  # of white: what differs less from the paper of such a picture is none of its ink
LEAST = 8  # px that a mark is high at least, in the picture as it was
SMALLEST, LARGEST = 0.4, 1.9  # heights of a digit, of the usual one


@dataclass(frozen=True)
class ReadConfig:
    """How digits on a page are found."""

    threshold: float = 0.35
    """Least probability, 0..1, at which a mark is taken for a digit among others."""
    sure: float = 0.6
    """Least probability, 0..1, that one mark on the page must reach, else there are no digits."""
    ink: Kind = "auto"
    """dark ink on light paper, light on a dark board, or auto: what more is read in."""
    clean: float = 0.8
    """Least share of the paper around a digit that is without half-tones, 0..1."""
    share: float = 0.4
    """Least share of the marks of a digit's size that must be digits, 0..1: else it is no page,
    nor is one of nothing but 1s; 0 checks neither."""
    long_side: int = 1600
    """Larger pictures are made smaller to this, px, before they are looked at."""

    def __post_init__(self) -> None:
        check_choice(self.ink, get_args(Kind))
        if not all(
            0 <= share <= 1 for share in (self.threshold, self.sure, self.clean, self.share)
        ):
            raise ValueError("threshold, sure, clean and share are in 0..1")
        if not 100 <= self.long_side <= 10000:
            raise ValueError(f"long_side is 100 to 10000 px, not {self.long_side}")


@dataclass(frozen=True, eq=False)
class Found:
    """A mark, the digit that it is most like, and the probability of that."""

    mark: Mark
    digit: int
    score: float


def read_page(
    rgb: Float[Tensor, "3 h w"], reader: DigitReader, config: ReadConfig = ReadConfig()
) -> Seen:
    """Return the digits on a picture: text with a line each, boxes in that order, confidence."""
    values = np.ascontiguousarray(rgb.permute(1, 2, 0).numpy(), np.float32)
    high, wide = values.shape[:2]
    if max(high, wide) <= ALONE:
        return _alone(values, reader, config)
    factor = _factor(max(high, wide), config.long_side)
    if factor != 1:
        size = max(1, round(wide * factor)), max(1, round(high * factor))
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        values = np.clip(cv2.resize(values, size, interpolation=way), 0, 1)
    kinds = [config.ink == "light"] if config.ink != "auto" else [False, True]
    readings = [_read(values, reader, config, light, LEAST * factor) for light in kinds]
    found = max(readings, key=lambda some: sum(one.score for one in some))
    return _seen(found, factor)


def _alone(values: Array, reader: DigitReader, config: ReadConfig) -> Seen:
    """Read a picture so small that it is one digit, as those of MNIST are."""
    gray = values.mean(axis=2)
    rim = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    ink = np.abs(gray - np.median(rim))
    ink = np.where(ink < FAINT, 0, ink) / max(float(ink.max()), FAINT)
    told = reader.probabilities(torch.from_numpy(normalize(ink))[None])[0]
    digit = int(told.argmax())
    score = float(told[digit])
    if digit == NONE or score < config.sure or not ink.any():
        return Seen(boxes=(), text="", confidence=0.0)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    sides = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    box = Box(str(digit), score, tuple(map(float, sides)))  # type: ignore[arg-type]
    return Seen(boxes=(box,), text=str(digit), confidence=score)


def boxed(rgb: Float[Tensor, "3 h w"], seen: Seen) -> Float[Tensor, "3 h w"]:
    """Return a picture with the digits' boxes drawn in it, without a banner of text."""
    return draw(rgb, Seen(boxes=seen.boxes))


def _factor(side: int, longest: int) -> float:
    """Return how many times larger a picture is made: small ones too."""
    return longest / side if side > longest else max(1.0, min(4.0, 400 / side))


def _read(
    values: Array, reader: DigitReader, config: ReadConfig, light: bool, least: float
) -> list[Found]:
    """Return the digits in one kind of ink, at least so many px high, in no order."""
    marks = find_marks(find_ink(values, light=light))
    found = _recognized([mark for mark in marks if mark.high >= least], reader)
    sure = [one.mark.high for one in found if one.score >= config.sure]
    if not sure:
        return []
    usual = float(np.median(sure))
    found = _joined(found, usual, reader)
    found = _parted(found, usual, reader)
    return _kept(found, config)


def _recognized(marks: list[Mark], reader: DigitReader) -> list[Found]:
    """Read each mark as one digit."""
    if not marks:
        return []
    ink = np.stack([normalize(mark.ink) for mark in marks])
    told = reader.probabilities(torch.from_numpy(ink))[:, :NONE]
    best = told.max(1)
    rows = zip(marks, best.indices.tolist(), best.values.tolist(), strict=True)
    return [Found(mark, digit, score) for mark, digit, score in rows]


def _joined(found: list[Found], usual: float, reader: DigitReader) -> list[Found]:
    """Join pieces of a digit where the whole reads better than its parts."""
    close = [
        (first, second)
        for first, second in combinations(found, 2)
        if min(first.score, second.score) < 0.9 and _belong(first.mark, second.mark, usual)
    ]
    wholes = _recognized([joined(a.mark, b.mark) for a, b in close], reader)
    done: set[int] = set()
    kept: list[Found] = []
    order = sorted(zip(close, wholes, strict=True), key=lambda pair: -pair[1].score)
    for (first, second), whole in order:
        if {id(first), id(second)} & done:
            continue
        small = min(first, second, key=lambda one: one.mark.ink.sum())
        large = second if small is first else first
        crumb = small.mark.ink.sum() < 0.35 * large.mark.ink.sum()
        parts = large.score if crumb else max(first.score, second.score)
        if whole.score > parts + (0.0 if crumb else GAIN):
            done |= {id(first), id(second)}
            kept.append(whole)
    return kept + [one for one in found if id(one) not in done]


def _belong(first: Mark, second: Mark, usual: float) -> bool:
    """Tell whether two marks may be one digit: near, above or in each other, not too large."""
    over = min(first.left + first.wide, second.left + second.wide) - max(first.left, second.left)
    under = min(first.top + first.high, second.top + second.high) - max(first.top, second.top)
    bottom = max(first.top + first.high, second.top + second.high)
    high = bottom - min(first.top, second.top)
    right = max(first.left + first.wide, second.left + second.wide)
    wide = right - min(first.left, second.left)
    if high > 1.5 * usual or wide > 1.3 * usual or min(first.ink.sum(), second.ink.sum()) < 8:
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
    best, worst = [whole], whole.score + GAIN
    for lean in LEANS:
        mark = whole.mark
        slack = round(abs(lean) * mark.high / 2)
        ends = [-slack - 1, *cuts(mark, lean), mark.wide + slack + 1]
        spans = [
            (i, j)
            for i, j in combinations(range(len(ends)), 2)
            if 0.1 * mark.high < ends[j] - ends[i] < 1.3 * mark.high and j - i < len(ends) - 1
        ]
        pieces = {span: cut(mark, ends[span[0]], ends[span[1]], lean) for span in spans}
        whole_ones = {
            span: piece
            for span, piece in pieces.items()
            if piece is not None and piece.high > 0.4 * mark.high
        }
        read = dict(zip(whole_ones, _recognized([*whole_ones.values()], reader), strict=True))
        way = _way(read, len(ends) - 1)
        if way and min(one.score for one in way) > worst:
            best, worst = way, min(one.score for one in way)
    return best


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


def _kept(found: list[Found], config: ReadConfig) -> list[Found]:
    """Return what is a digit: likely, on clean paper, and as high and strong as the others."""
    likely = [
        one for one in found if one.score >= config.threshold and one.mark.clean >= config.clean
    ]
    if not likely:
        return []
    usual = float(np.median([one.mark.high for one in likely]))
    strong = float(np.median([one.mark.strength for one in likely]))

    def alike(one: Found) -> bool:
        fits = SMALLEST * usual < one.mark.high < LARGEST * usual
        return fits and one.mark.strength > 0.5 * strong

    kept = [one for one in likely if alike(one)]
    written = len(kept) >= config.share * sum(map(alike, found)) and _shaped(kept, config.sure)
    return kept if written or not config.share else []


def _shaped(kept: list[Found], sure: float) -> bool:
    """Tell whether there is more than strokes: digits that are no 1, at least one to ten 1s."""
    shaped = sum(one.digit != 1 and one.score >= sure for one in kept)
    return shaped > 0 and shaped >= sum(one.digit == 1 for one in kept) / 10


def _seen(found: list[Found], factor: float) -> Seen:
    """Return the digits in lines, their boxes in px of the picture as it was."""
    places = [Place(*one.mark.box) for one in found]
    names = [str(one.digit) for one in found]
    lines = in_lines(places)
    boxes = []
    for index in (index for line in lines for index in line):
        left, top, right, bottom = (side / factor for side in found[index].mark.box)
        boxes.append(Box(names[index], found[index].score, (left, top, right, bottom)))
    text = "\n".join(spelled(line, names, places) for line in lines)
    confidence = float(np.mean([box.score for box in boxes])) if boxes else 0.0
    return Seen(boxes=tuple(boxes), text=text, confidence=confidence)
