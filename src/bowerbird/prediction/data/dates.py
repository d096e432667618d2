"""Dates in a column: 2024-03-31, 31/03/2024, 03/31/24, 31.3.2024, 3 Mar 2024, Mar 3, 2024, times.

Of dates like 02/01/2023 the whole column tells whether the day or the month comes first: what is
above 12 is a day, and what is the same in every row of several years. Where neither tells, they
are refused. Names of months are English. Quarters (2024Q1) begin with their first month.

Years of two digits are 1969 to 2068, as in POSIX. Where some of them would be to come, the whole
column is of the hundred years up to now, and that is told: births of 1931 are none of 2031; unless
that tears apart what is close together, as plans for 2025 to 2028 are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.numbers import MOSTLY

First = Literal["day", "month", ""]

SLASHED = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?!\d)")
TORN = 50  # years more between the first and the last, by which a column is torn apart
POSIX = 2068  # the last year that two digits may be
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = (
    "(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)[.]?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_CLOCK = (
    r"(?:(?:T|,? )(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:\.\d+)?))?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?(?: ?(?P<zone>Z|UTC|[-+]\d\d:?\d\d))?)?"
)
_SHAPES = [
    re.compile(shape + _CLOCK, re.IGNORECASE)
    for shape in (
        r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})",
        r"(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9]|1[0-2])",
        # two digits of a year beside points may also be a version: 1.2.34
        r"(?P<one>\d{1,2})(?P<sep>[-/.])(?P<two>\d{1,2})(?P=sep)(?P<year>\d{4})",
        r"(?P<one>\d{1,2})/(?P<two>\d{1,2})/(?P<year>\d\d)",
        r"(?P<one>\d\d)(?P<sep>[-.])(?P<two>\d\d)(?P=sep)(?P<year>\d\d)",
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[- ]{_NAME},?[- ](?P<year>\d{{4}}|\d\d)",
        rf"{_WEEKDAY}{_NAME} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})",
        rf"{_NAME}[- ](?P<year>\d{{4}})",
        r"(?P<year>\d{4})[- ]?Q(?P<quarter>[1-4])",
    )
]


@dataclass(frozen=True)
class Dates:
    """How the dates of a column are written."""

    first: First = ""
    """What comes first in dates like 02/01/2023, if any is like that."""
    last: int = POSIX
    """The last year that two digits may be; the first one is 99 earlier."""

    def __post_init__(self) -> None:
        if self.first not in get_args(First):
            raise ValueError(f"{self.first!r} is not one of day, month and nothing")
        if not 1000 <= self.last <= 9999:
            raise ValueError(f"{self.last} is no year")

    def __str__(self) -> str:
        like = {"day": " or 31/01/2026", "month": " or 01/31/2026", "": ""}
        return f"such as 2026-01-31{like[self.first]}"

    def moments(self, cells: pd.Series) -> pd.Series:
        """Return a column of text as moments (UTC), NaT where there is no date written like it."""
        known = {cell: _iso(cell, self) for cell in cells.dropna().unique()}
        return pd.to_datetime(cells.map(known), errors="coerce", format="ISO8601", utc=True)

    def as_json(self) -> dict[str, Any]:
        """Return what `dates_from` needs."""
        return asdict(self)


def dates_from(told: Mapping[str, Any]) -> Dates:
    """Return what a model file tells of; raise ValueError if it makes no sense."""
    return Dates(told["first"], int(told.get("last", POSIX)))  # models of before have POSIX's


def _match(cell: str) -> re.Match[str] | None:
    """Return the parts of a date of any shape, or None."""
    return next((found for shape in _SHAPES if (found := shape.fullmatch(cell))), None)


def _iso(cell: str, written: Dates) -> str | None:
    """Return a date as 2024-03-31T12:00:00, which may not exist; None for what has no such shape.

    So has none what has two numbers before the year where it isn't told which is the day.
    """
    match = _match(cell)
    if match is None:
        return None
    parts = match.groupdict()
    if "one" in parts:
        if not written.first:
            return None
        both = (parts["one"], parts["two"])
        parts["day"], parts["month"] = both if written.first == "day" else both[::-1]
    year, month = _year(parts["year"], written.last), _month(parts)
    day = f"{year:04}-{month:02}-{int(parts.get('day') or 1):02}"
    return day if parts["hour"] is None else f"{day}T{_clock(parts)}"


def _year(digits: str, last: int) -> int:
    """Return a year; two digits are one of the hundred up to the last."""
    return int(digits) if len(digits) > 2 else last - (last - int(digits)) % 100


def _month(parts: Mapping[str, str]) -> int:
    if "quarter" in parts:
        return 3 * int(parts["quarter"]) - 2
    return MONTHS.index(parts["name"][:3].lower()) + 1 if "name" in parts else int(parts["month"])


def _clock(parts: Mapping[str, str | None]) -> str:
    hour = int(parts["hour"] or 0)
    if half := parts["half"]:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    zone = (parts["zone"] or "").upper().replace("UTC", "Z")
    return f"{hour:02}:{parts['minute']}:{parts['second'] or '00'}{zone}"


def dates_in(cells: pd.Series) -> tuple[Dates, str] | None:
    """Return how the dates of a column are written, with a note, or None if they are no dates.

    Most have to be possible, so that 12-34-56 is none. The index has the lines. Raises
    TableError, saying what the column has, where it can be read in two ways.
    """
    different = cells.drop_duplicates()
    possible, matches = 0, []
    for cell, count in cells.value_counts().items():
        match = _match(str(cell))
        if match is None:
            return None
        matches.append(match)
        possible += int(count) * _possible(match.groupdict())
    if possible < MOSTLY * len(cells):
        return None
    first, note = day_first(different.tolist(), different.index.tolist())
    years = [year for match in matches if len(year := match["year"]) == 2]
    last, past = _century(years, pd.Timestamp.now().year)
    return Dates(first, last), "; ".join(part for part in (note, past) if part)


def _years(years: Sequence[int]) -> int:
    return max(years) - min(years)


def _century(years: Sequence[str], now: int) -> tuple[int, str]:
    """Return the last year that two digits may be, and a note if it isn't POSIX's."""
    known = [_year(year, POSIX) for year in years]
    past = [_year(year, now) for year in years]
    if not years or max(known) <= now or _years(past) > _years(known) + TORN:
        return POSIX, ""
    wrong = known.index(max(known))
    return now, f"{years[wrong]} in column {{}} was read as {past[wrong]}, as it is no year to come"


def _possible(parts: Mapping[str, str | None]) -> bool:
    """Tell whether two numbers may be a month and a day, in the order that is known, if it is."""
    if "one" in parts:
        low, high = sorted((int(parts["one"] or 0), int(parts["two"] or 0)))
    else:
        low, high = int(parts.get("month") or 1), int(parts.get("day") or 1)
    return 1 <= low <= 12 and 1 <= high <= 31


def day_first(words: Sequence[str], lines: Sequence[int]) -> tuple[First, str]:
    """Tell what comes first in dates like 31/12/2024, nothing if none is like that; and a note.

    Raises TableError, saying what the column has, where they don't tell.
    """
    found = [match for word in words if (match := SLASHED.match(word))]
    if not found:
        return "", ""
    if len(found) < len(words):
        line, word = next((n, w) for n, w in zip(lines, words, strict=True) if not SLASHED.match(w))
        raise TableError(
            f"{word!r} in line {line} among dates like {found[0][0]}; write all like 2024-03-31"
        )
    parts = [{int(match[place]) for match in found} for place in (1, 2)]
    above = [max(part) > 12 for part in parts]
    if all(above):
        raise TableError(
            "the day first in some rows and the month in others; write all dates like 2024-03-31"
        )
    note = ""
    if not any(above):
        above = [len(part) == 1 for part in parts]
        if all(above):  # years, whichever is the month
            return "month", ""
        if not any(above) or len({match[3] for match in found}) == 1:
            raise TableError(
                f"dates like {found[0][0]}, of which no row tells whether the day or the month "
                "comes first; write them like 2024-03-31"
            )
        which = "first" if above[0] else "second"
        note = f"the {which} number in column {{}} is the day: it never changes"
    return ("day" if above[0] else "month"), note
