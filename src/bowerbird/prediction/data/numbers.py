"""Numbers as people write them: 1,234.50, 1.234,50, 1 234,50, 1'234.50, $5, 12 %, 54 kg, (300).

A cell is split into sign, unit and digits with their separators. The decimal mark is decided for a
whole column: by cells that can be read in one way only (1.5; 1,234,567; 0,125), else by the other
columns, by numbers without separators, by the delimiter of the file; a note says what was assumed.
A cell in another unit than the rest is not a number. Where fractions are mixed with percentages
(0.5 and 50%), 50% is 0.5; otherwise it is 50. ``k`` is a thousand and ``M``, in the same column, a
million; ``K`` or ``M`` in all cells is a unit like any other.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from bowerbird.prediction.data.units import (
    BEHIND,
    CLOCK,
    COMMON_UNITS,
    CURRENCIES,
    FACTORS,
    MULTIPLES,
    clock_hours,
    is_time,
)

DecimalMark = Literal[".", ","]
MARKS: tuple[DecimalMark, ...] = get_args(DecimalMark)
MIN_FRACTION = 0.9  # of numbers in a column from which on the other cells are mistakes
MAX_SAMPLE = 500  # different cells of a column from which its format is detected
PLAIN_UNITS = CURRENCIES | {"%", ""}
CURRENCY = "|".join(map(re.escape, sorted(PLAIN_UNITS - {""}, key=len, reverse=True)))
CELL = re.compile(
    rf"(\()?([-+])? ?({CURRENCY})? ?([-+])?"
    rf"([.,]?\d(?:[\d.,']| (?=\d))*(?:[eE][-+]?\d+)?) ?({CURRENCY}|{BEHIND})?(-)?(\))?"
)
ASCII = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\u2212": "-", "\u2019": "'"}
)  # non-breaking blanks, a minus sign, an apostrophe
GROUPS = {
    ".": r"[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d\d)+,\d{3}",  # the latter: India
    ",": r"[1-9]\d{0,2}(?:\.\d{3})+",
}
GROUPS_OF_EITHER = r"[1-9]\d{0,2}(?: \d{3})+|[1-9]\d{0,2}(?:'\d{3})+"
BODY: dict[DecimalMark, re.Pattern[str]] = {
    mark: re.compile(
        rf"(?P<grouped>{GROUPS[mark]}|{GROUPS_OF_EITHER})(?:{re.escape(mark)}\d*)?"
        rf"|(?:\d+(?:{re.escape(mark)}\d*)?|{re.escape(mark)}\d+)(?:[eE][-+]?\d+)?"
    )
    for mark in MARKS
}
NAMES: dict[DecimalMark, str] = {".": "decimal point", ",": "decimal comma"}
POINT_IS_USUAL = "because a decimal point is more usual"
INFINITE = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written."""

    decimal: DecimalMark = "."
    """The decimal mark."""
    thousands: str = ""
    """The separator between groups of digits, if there is one."""
    unit: str = ""
    """A currency or %, if any cell has one, or the unit behind all numbers (`units`)."""
    percent_is_fraction: bool = False
    """Whether 12 % is 0.12, because other cells are fractions, and not 12."""

    def __post_init__(self) -> None:
        if self.decimal not in MARKS:
            raise ValueError(f"decimal must be one of {', '.join(MARKS)}, got {self.decimal!r}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NumberFormat":
        """Return the format in a model file; raise ValueError if it is invalid."""
        thousands, unit = str(values["thousands"]), str(values["unit"])
        return cls(values["decimal"], thousands, unit, bool(values["percent_is_fraction"]))

    def parse(self, cells: pd.Series) -> pd.Series:
        """Return a column of text as floats, NaN where there is no number of this format."""
        places, words = pd.factorize(cells.to_numpy(object))  # -1: missing
        numbers = np.full(len(words) + 1, np.nan)
        if self.decimal == ".":  # fast, and nearly always enough
            numbers[:-1] = pd.to_numeric(words, errors="coerce")
        for place in np.flatnonzero(np.isnan(numbers[:-1])):
            numbers[place] = self.parse_cell(words[place])
        return pd.Series(numbers[places], cells.index, name=cells.name)

    def parse_cell(self, cell: str) -> float:
        """Return the number in a cell, or NaN."""
        if INFINITE.fullmatch(cell):
            return float(cell)
        if self.unit == CLOCK:
            return clock_hours(cell)
        number = _split(cell)
        factors = FACTORS if self.unit == MULTIPLES else {"": 1.0, self.unit: 1.0}
        if number is None or number.unit not in factors:
            return math.nan
        match = BODY[self.decimal].fullmatch(number.body)
        if match is None or _separator(match) not in ("", self.thousands):
            return math.nan
        digits = number.body if not self.thousands else number.body.replace(self.thousands, "")
        value = number.sign * factors[number.unit] * float(digits.replace(self.decimal, "."))
        return value / 100 if self.percent_is_fraction and number.unit else value


@dataclass(frozen=True)
class _Number:
    """A cell with a number, in parts."""

    sign: int
    body: str
    unit: str

    @cached_property
    def marks(self) -> tuple[DecimalMark, ...]:
        """What may be its decimal mark."""
        return tuple(mark for mark in MARKS if BODY[mark].fullmatch(self.body))

    @property
    def is_ambiguous(self) -> bool:
        """Whether it has a separator and can be read in two ways."""
        return len(self.marks) > 1 and any(mark in self.body for mark in MARKS)


def _split(cell: str) -> _Number | None:
    """Split a cell into its parts; None if it is not a number."""
    match = CELL.fullmatch((cell if cell.isascii() else cell.translate(ASCII)).strip())
    if match is None:
        return None
    opened, sign, before, second, body, after, last, closed = match.groups()
    signs = [part for part in (sign, second, last, opened) if part]
    if bool(opened) != bool(closed) or len(signs) > 1 or (before and after):
        return None
    return _Number(-1 if signs and signs != ["+"] else 1, body, before or after or "")


def _separator(match: re.Match[str]) -> str:
    """Return the separator between groups of digits."""
    return next((char for char in match["grouped"] or "" if not char.isdigit()), "")


def _sample(cells: pd.Series) -> np.ndarray:
    """Return different cells from the whole length of a column."""
    unique = cells.dropna().unique()
    return unique[:: -(-len(unique) // MAX_SAMPLE) or 1]


def _plain_numbers(cells: Iterable[str]) -> list[_Number]:
    """Split the cells that are numbers with either decimal mark, without unit or in a currency."""
    numbers = map(_split, cells)
    return [n for n in numbers if n is not None and n.marks and n.unit in PLAIN_UNITS]


def _votes(numbers: Iterable[_Number]) -> Counter[DecimalMark]:
    """Count the cells that can be read with one decimal mark only."""
    return Counter(number.marks[0] for number in numbers if len(number.marks) == 1)


def common_decimal_mark(columns: Iterable[pd.Series]) -> DecimalMark | None:
    """Return the decimal mark that all columns of numbers agree upon, or None."""
    marks: set[DecimalMark] = set()
    for cells in columns:
        sample = _sample(cells)
        numbers = _plain_numbers(sample)
        if len(numbers) >= MIN_FRACTION * len(sample) and (votes := _votes(numbers)):
            marks.add(votes.most_common(1)[0][0])
    return marks.pop() if len(marks) == 1 else None


def detect_number_format(
    cells: pd.Series, common: DecimalMark | None, delimiter: str
) -> tuple[NumberFormat, str]:
    """Return the format of a column's numbers, and a note on what was assumed, if anything.

    ``common`` is the decimal mark of the other columns, ``delimiter`` that of the file.
    """
    numbers = _plain_numbers(_sample(cells))
    units = Counter(number.unit for number in numbers if number.unit)
    unit = units.most_common(1)[0][0] if units else ""
    return _detect(numbers, unit, common, delimiter)


def detect_quantity_format(
    cells: pd.Series, common: DecimalMark | None, delimiter: str
) -> tuple[NumberFormat, str]:
    """Detect as `detect_number_format` does, also clock times and any unit that all cells have."""
    plain, note = detect_number_format(cells, common, delimiter)
    words = cells.dropna().unique().tolist()
    if not words or not math.isnan(plain.parse_cell(words[0])):
        return plain, note
    if plain.parse(cells.dropna()).notna().mean() >= MIN_FRACTION:
        return plain, note
    if all(map(is_time, words)):
        hours = f"{clock_hours(words[0]):.4g}, in hours"
        return NumberFormat(unit=CLOCK), f"{words[0]} was read as {hours}"
    unit = _shared_unit(words)
    if not unit:
        return plain, note
    numbers = [n for n in map(_split, _sample(cells)) if n is not None and n.marks]
    form, note = _detect(numbers, unit, common, delimiter)
    if any(math.isnan(form.parse_cell(word)) for word in words):
        return plain, ""
    read = f"{words[0]} was read as {form.parse_cell(words[0]):.10g}"
    return form, _joined(read + f", in {unit}" * (unit != MULTIPLES), note)


def _shared_unit(words: Sequence[str]) -> str:
    """Return the unit that all cells have, ``MULTIPLES`` for those with k or M, or nothing."""
    units = {number.unit if number is not None else "" for number in map(_split, words)}
    if "k" in units and units <= FACTORS.keys():
        return MULTIPLES
    return units.pop() if len(units) == 1 else ""


def _detect(
    numbers: Sequence[_Number], unit: str, common: DecimalMark | None, delimiter: str
) -> tuple[NumberFormat, str]:
    """Return the format of numbers, and a note."""
    mark, reason = _decide_mark(numbers, common, delimiter)
    matches = [BODY[mark].fullmatch(number.body) for number in numbers]
    groups = Counter(s for match in matches if match and (s := _separator(match)))
    thousands = groups.most_common(1)[0][0] if groups else ""
    form, note = _decide_percent(NumberFormat(mark, thousands, unit), numbers)
    if not reason:
        return form, note
    example = next(number.body for number in numbers if number.is_ambiguous)
    return form, _joined(f"{example} was read as {form.parse_cell(example):.10g}, {reason}", note)


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _decide_percent(form: NumberFormat, numbers: Sequence[_Number]) -> tuple[NumberFormat, str]:
    """Decide what % means beside numbers without it, with a note."""
    plain = [number.body for number in numbers if not number.unit]
    if form.unit != "%" or not plain:
        return form, ""
    values = np.array([form.parse_cell(body) for body in plain])
    if not (values <= 1).all() or (values == values.round()).all():
        return form, f"{plain[0]} without % was read as {plain[0]} %"
    note = f"percentages were read as fractions, because other cells are fractions ({plain[0]})"
    return replace(form, percent_is_fraction=True), note


def _decide_mark(
    numbers: Sequence[_Number], common: DecimalMark | None, delimiter: str
) -> tuple[DecimalMark, str]:
    """Return the decimal mark, and the reason if the cells alone do not decide it."""
    if votes := _votes(numbers):
        return votes.most_common(1)[0][0], ""
    marks = {mark for mark in MARKS if any(mark in number.body for number in numbers)}
    if not marks:
        return common or ".", ""
    if common is not None:
        sure = common == "." and marks == {"."}
        return common, "" if sure else f"because other columns have a {NAMES[common]}"
    if "." in marks:  # 1.234, perhaps with 1,234
        return ".", POINT_IS_USUAL if delimiter == ";" or len(marks) > 1 else ""
    mark: DecimalMark = ","
    why = "files with semicolons between cells usually have decimal commas"
    if digits := [sum(map(str.isdigit, n.body)) for n in numbers if not n.is_ambiguous]:
        mark = "," if max(digits) > 3 else "."
        why = f"{'larger numbers' if mark == ',' else 'numbers below 1,000'} have no comma"
    elif delimiter != ";":
        mark, why = ".", "three digits follow every comma"
    return mark, f"because {why}"


def format_difference(
    known: NumberFormat, detected: NumberFormat, note: str, cells: pd.Series
) -> str:
    """Say which cell may not mean what it means in the training table, or return nothing."""
    percent = known.unit == "%" and not known.percent_is_fraction
    if known.percent_is_fraction:
        detected = replace(detected, percent_is_fraction=True)
    for word in cells.unique():
        value, other = known.parse_cell(word), detected.parse_cell(word)
        if percent and "%" not in word and 0 < abs(value) < 1:
            return f"{word} without % was read as {word} %, as in the training table"
        number = next(iter(_plain_numbers([word])), None) if note and value == other else None
        ambiguous = number is not None and number.is_ambiguous and known.decimal in number.body
        if ambiguous or abs(value - other) > 0:
            return (
                f"{word} was read as {value:.10g}, as in the training table; in this file it may "
                "be another number"
            )
    return ""


def several_units(cells: pd.Series) -> str:
    """Return the units of numbers in more than one unit as a list, or nothing."""
    sample = _sample(cells)
    numbers = [number for word in sample if (number := _split(word)) is not None]
    units = {number.unit for number in numbers} - {""}
    if len(numbers) < MIN_FRACTION * len(sample) or len(units) < 2:
        return ""
    return ", ".join(sorted(units)) if units <= COMMON_UNITS | PLAIN_UNITS else ""
