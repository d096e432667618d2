"""Numbers as people write them: 1,234.50 and 1.234,50, 1 234,50 and 1'234.50, $5, 12 %, (300).

A cell is taken apart into sign, unit (a currency or %) and digits with their marks. Which mark
begins the decimals is decided for a whole column: by cells that can be read in one way only (1.5;
1,234,567; 0,125), else by the other columns, by numbers without a mark, by the sign between cells.
What rests on the latter is told. A cell in another unit than the rest is no number. Where shares
are mixed with percentages (0.5 and 50%), 50% is 0.5; else it is 50.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from bowerbird.prediction.data.units import (
    CLOCK,
    COMMON,
    hours,
    taken_off,
    units_behind,
)

Mark = Literal[".", ","]
MARKS: tuple[Mark, ...] = get_args(Mark)
MOSTLY = 0.9  # share of numbers in a column from which on the rest are mistakes
LOOKED_AT = 500  # different cells of a column at most, to decide how it is written
SIGNS_OF_MONEY = "$€£¥₹₽₩₺₪₫₴₱฿"
CODES = (  # ISO 4217 of the most traded, and abbreviations in everyday use
    "USD EUR GBP JPY CHF CAD AUD NZD CNY HKD SGD INR KRW TWD RUB BRL MXN ZAR TRY ILS THB IDR SEK "
    "NOK DKK ISK PLN CZK HUF RON kr zł Kč Ft Fr Fr. US$ R$ A$ C$"
)
UNIT = "|".join(map(re.escape, sorted([*CODES.split(), *SIGNS_OF_MONEY, "%"], key=len)[::-1]))
KNOWN = re.compile(UNIT)
CELL = re.compile(
    rf"(\()?([-+])? ?({UNIT})? ?([-+])?"
    rf"([.,]?\d(?:[\d.,']| (?=\d))*(?:[eE][-+]?\d+)?) ?({UNIT})?(-)?(\))?"
)
ALIKE = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\u2212": "-", "\u2019": "'"}
)  # blanks that don't break, a minus sign, an apostrophe
GROUPS = {
    ".": r"[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d\d)+,\d{3}",  # the latter: India
    ",": r"[1-9]\d{0,2}(?:\.\d{3})+",
}
EITHER = r"[1-9]\d{0,2}(?: \d{3})+|[1-9]\d{0,2}(?:'\d{3})+"
BODY: dict[Mark, re.Pattern[str]] = {
    mark: re.compile(
        rf"(?P<grouped>{GROUPS[mark]}|{EITHER})(?:{re.escape(mark)}\d*)?"
        rf"|(?:\d+(?:{re.escape(mark)}\d*)?|{re.escape(mark)}\d+)(?:[eE][-+]?\d+)?"
    )
    for mark in MARKS
}
NAMES: dict[Mark, str] = {".": "point", ",": "comma"}
USUALLY = "as a point usually begins the decimals"
INFINITE = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class Numerals:
    """How the numbers of a column are written."""

    decimal: Mark = "."
    """What begins the decimals."""
    thousands: str = ""
    """What stands between groups of digits, if anything does."""
    unit: str = ""
    """A currency or %, if any cell has one; or what all have behind them (`measures`)."""
    part: bool = False
    """Whether 12 % is 0.12, as others are written so, and not 12."""

    def __post_init__(self) -> None:
        if self.decimal not in MARKS:
            raise ValueError(f"decimals begin with one of {', '.join(MARKS)}")

    def floats(self, cells: pd.Series) -> pd.Series:
        """Return a column of text as floats, NaN where there is no number written like this."""
        places, words = pd.factorize(cells.to_numpy(object))  # -1: missing
        numbers = np.full(len(words) + 1, np.nan)
        if self.decimal == ".":  # fast, and nearly always enough
            numbers[:-1] = pd.to_numeric(words, errors="coerce")
        for place in np.flatnonzero(np.isnan(numbers[:-1])):
            numbers[place] = self.value(words[place])
        return pd.Series(numbers[places], cells.index, name=cells.name)

    def value(self, cell: str) -> float:
        """Return the number in a cell, or NaN."""
        if INFINITE.fullmatch(cell):
            return float(cell)
        if self.unit == CLOCK:
            return hours(cell)
        factor = 1.0
        if self.unit and not KNOWN.fullmatch(self.unit):
            cell, factor = taken_off(cell, self.unit)
        taken = _apart(cell)
        if taken is None or taken.unit not in ("", self.unit):
            return math.nan
        match = BODY[self.decimal].fullmatch(taken.body)
        if match is None or _thousands(match) not in ("", self.thousands):
            return math.nan
        digits = taken.body if not self.thousands else taken.body.replace(self.thousands, "")
        number = taken.sign * factor * float(digits.replace(self.decimal, "."))
        return number / 100 if self.part and taken.unit else number

    def as_json(self) -> dict[str, Any]:
        """Return what `numerals_from` needs."""
        return asdict(self)


def numerals_from(told: Mapping[str, Any]) -> Numerals:
    """Return what a model file tells of; raise ValueError if it makes no sense."""
    part = bool(told.get("part", False))  # models of before have none
    return Numerals(told["decimal"], str(told["thousands"]), str(told["unit"]), part)


@dataclass(frozen=True)
class _Cell:
    sign: int
    body: str
    unit: str

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """What may begin its decimals."""
        return tuple(mark for mark in MARKS if BODY[mark].fullmatch(self.body))


def _apart(cell: str) -> _Cell | None:
    """Take a cell apart, or return None where it is no number."""
    match = CELL.fullmatch((cell if cell.isascii() else cell.translate(ALIKE)).strip())
    if match is None:
        return None
    opened, sign, before, second, body, after, last, closed = match.groups()
    signs = [one for one in (sign, second, last, opened) if one]
    if bool(opened) != bool(closed) or len(signs) > 1 or (before and after):
        return None
    return _Cell(-1 if signs and signs != ["+"] else 1, body, before or after or "")


def _thousands(match: re.Match[str]) -> str:
    """Return what stands between groups of digits."""
    return next((sign for sign in match["grouped"] or "" if not sign.isdigit()), "")


def _some(cells: pd.Series) -> np.ndarray:
    """Return different cells from all over a column."""
    different = cells.dropna().unique()
    return different[:: -(-len(different) // LOOKED_AT) or 1]


def _cells(cells: Iterable[str]) -> list[_Cell]:
    """Take those cells apart that are numbers in one way or another."""
    taken = [_apart(cell) for cell in cells]
    return [one for one in taken if one is not None and one.marks]


def _sure(taken: Iterable[_Cell]) -> Counter[Mark]:
    """Count the cells whose decimals can begin with one mark only."""
    return Counter(one.marks[0] for one in taken if len(one.marks) == 1)


def usual_mark(columns: Iterable[pd.Series]) -> Mark | None:
    """Return the mark that columns agree upon, or None if they don't or none tells.

    A column has a say if most of its cells are numbers.
    """
    found: set[Mark] = set()
    for cells in columns:
        some = _some(cells)
        taken = _cells(some)
        if len(taken) >= MOSTLY * len(some) and (votes := _sure(taken)):
            found.add(votes.most_common(1)[0][0])
    return found.pop() if len(found) == 1 else None


def numerals_of(cells: pd.Series, usual: Mark | None, sign: str) -> tuple[Numerals, str]:
    """Return how the numbers of a column are written, and on what that rests if it is not sure.

    ``usual`` is the mark of the other columns, ``sign`` the one between cells.
    """
    taken = _cells(_some(cells))
    mark, why = _decided(taken, usual, sign)
    matches = [BODY[mark].fullmatch(one.body) for one in taken]
    groups = Counter(t for match in matches if match and (t := _thousands(match)))
    units = Counter(one.unit for one in taken if one.unit)
    thousands, unit = (c.most_common(1)[0][0] if c else "" for c in (groups, units))
    written = Numerals(mark, thousands, unit)
    written, note = _percent(written, taken)
    if not why:
        return written, note
    example = next(one.body for one in taken if len(one.marks) > 1 and _marked(one))
    said = f"{example} was read as {written.value(example):.10g}, {why}"
    return written, "; ".join(part for part in (said, note) if part)


def _percent(written: Numerals, taken: Sequence[_Cell]) -> tuple[Numerals, str]:
    """Decide what % is beside numbers without it, and say so."""
    plain = [one.body for one in taken if not one.unit]
    if written.unit != "%" or not plain:
        return written, ""
    numbers = np.array([written.value(body) for body in plain])
    if not (numbers <= 1).all() or (numbers == numbers.round()).all():
        return written, f"{plain[0]} without % was read as {plain[0]} %"
    return replace(written, part=True), f"% was read as a hundredth, as others are like {plain[0]}"


def clash(learned: Numerals, own: Numerals, note: str, cells: pd.Series) -> str:
    """Say which new number may not mean what it was read as, in the way that was learned."""
    own = replace(own, part=own.part or learned.part)
    for word in cells.unique():
        value, other = learned.value(word), own.value(word)
        doubtful = note and value == other and _doubtful(word, learned.decimal)
        bare = learned.unit == "%" and not learned.part and "%" not in word and 0 < abs(value) < 1
        if bare:
            return f"{word} without % was read as {word} %, as it was learned"
        if doubtful or abs(value - other) > 0:
            return f"{word} was read as {value:.10g}, as it was learned; here it may be another"
    return ""


def manner(learned: Numerals, own: Numerals) -> str:
    """Say that decimals begin with another mark than was learned, or nothing."""
    if own.decimal == learned.decimal:
        return ""
    return f"decimals begin with a {NAMES[own.decimal]}, and not with a {NAMES[learned.decimal]}"


def _doubtful(word: str, mark: Mark) -> bool:
    """Tell a number that has a mark and can be read in two ways."""
    taken = _apart(word)
    return taken is not None and mark in taken.body and len(taken.marks) > 1


def several_units(cells: pd.Series) -> str:
    """Name the currencies or other units of numbers that are no one quantity, or return nothing."""
    some = _some(cells).tolist()
    taken = [_apart(word) for word in some]
    money = Counter(one.unit for one in taken if one is not None and one.unit)
    behind = units_behind([word for word, one in zip(some, taken, strict=True) if one is None])
    if not behind.keys() <= set(COMMON.split()):
        return ""
    numbers = sum(one is not None for one in taken) + behind.total()
    found = money + behind
    if numbers < MOSTLY * len(some) or len(found) < 2:
        return ""
    return ", ".join(sorted(found))


def _marked(one: _Cell) -> bool:
    return any(mark in one.body for mark in MARKS)


def _decided(taken: list[_Cell], usual: Mark | None, sign: str) -> tuple[Mark, str]:
    """Return what begins the decimals, and why, where the cells alone don't tell it."""
    if votes := _sure(taken):
        return votes.most_common(1)[0][0], ""
    doubtful = {mark for mark in MARKS if any(mark in one.body for one in taken)}
    if not doubtful:
        return usual or ".", ""
    if len(doubtful) > 1 and usual is None:  # 1,234 and 1.234
        return ".", USUALLY
    return _guessed(min(doubtful), taken, usual, sign)


def _guessed(mark: Mark, taken: list[_Cell], usual: Mark | None, sign: str) -> tuple[Mark, str]:
    """Decide whether a mark begins the decimals or stands between thousands, as in 1,234."""
    if usual is not None:
        same = usual == mark == "."
        return usual, "" if same else f"as decimals begin with a {NAMES[usual]} in other columns"
    if mark == ".":
        return ".", USUALLY if sign == ";" else ""
    digits = [sum(map(str.isdigit, one.body)) for one in taken if not _marked(one)]
    if digits:
        larger = max(digits) > 3
        why = "larger numbers have no comma" if larger else "numbers below 1,000 have no comma"
        return "," if larger else ".", f"as {why}"
    if sign == ";":
        return ",", "as semicolons between cells go with decimals that begin with a comma"
    return ".", "as three digits follow every comma"
