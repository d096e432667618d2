"""Dates in a column: 2024-03-31, 31/03/2024, 03/31/24, 31.3.2024, 3 Mar 2024, Mar 3, 2024, 2024Q1.

Whether the day or the month comes first in dates like 02/01/2023 is decided for the whole column: a
number above 12 is a day, and so is what is the same in every row of several years. Where neither
decides it, the column is refused. Names of months are English. Quarters start in their first month.

Years of two digits are 1969 to 2068, as in POSIX. Where some of them would be in the future, the
whole column is read as the hundred years up to now, with a note: births of 1931 are not in 2031;
unless that separates dates that are close together, such as plans for 2025 to 2028.

Our own parser, because dateutil and pandas take "May", "3-12" and versions (1.10.12) for dates and
swap day and month without a word where the other order is impossible (13/25/2024).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.numbers import MIN_FRACTION

FirstPart = Literal["day", "month", ""]

NUMERIC = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?!\d)")
MAX_SPREAD = 50  # years by which the other century may move the first and last date apart
POSIX = 2068  # the last year that two digits can mean
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
_FORMS = [
    re.compile(form + _CLOCK, re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})",
        r"(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9]|1[0-2])",
        # two-digit years between points may also be versions: 1.2.34
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
class DateFormat:
    """How the dates of a column are written."""

    first: FirstPart = ""
    """What comes first in dates like 02/01/2023, if there are such dates."""
    last_year: int = POSIX
    """The last year that two digits can mean; the first one is 99 years earlier."""

    def __post_init__(self) -> None:
        if self.first not in get_args(FirstPart):
            raise ValueError(f"first must be day, month or empty, got {self.first!r}")
        if not 1000 <= self.last_year <= 9999:
            raise ValueError(f"last_year must be in 1000..9999, got {self.last_year}")

    def __str__(self) -> str:
        like = {"day": " or 31/01/2026", "month": " or 01/31/2026", "": ""}
        return f"such as 2026-01-31{like[self.first]}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DateFormat":
        """Return the format in a model file; raise ValueError if it is invalid."""
        return cls(values["first"], int(values["last_year"]))

    def parse(self, cells: pd.Series) -> pd.Series:
        """Return a column of text as UTC timestamps, NaT where there is no date of this format."""
        known = {cell: self._iso(cell) for cell in cells.dropna().unique()}
        return pd.to_datetime(cells.map(known), errors="coerce", format="ISO8601", utc=True)

    def _iso(self, cell: str) -> str | None:
        """Return a date, which may not exist, as 2024-03-31T12:00:00; None if it has no form."""
        match = _match(cell)
        if match is None or ("one" in match.re.groupindex and not self.first):
            return None
        parts = match.groupdict()
        day, month = parts.get("day") or "1", str(_month(parts))
        if "one" in parts:
            day, month = parts["one"], parts["two"]
            if self.first == "month":
                day, month = month, day
        date = f"{_year(parts['year'], self.last_year):04}-{int(month):02}-{int(day):02}"
        return date if parts["hour"] is None else f"{date}T{_clock(parts)}"


def _match(cell: str) -> re.Match[str] | None:
    """Match a date of any form."""
    return next((match for form in _FORMS if (match := form.fullmatch(cell))), None)


def _year(digits: str, last: int) -> int:
    """Return a year; two digits are one of the hundred years up to the last."""
    return int(digits) if len(digits) > 2 else last - (last - int(digits)) % 100


def _month(parts: Mapping[str, str]) -> int:
    if "quarter" in parts:
        return 3 * int(parts["quarter"]) - 2
    name = parts.get("name")
    return MONTHS.index(name[:3].lower()) + 1 if name else int(parts.get("month") or 1)


def _clock(parts: Mapping[str, str | None]) -> str:
    hour = int(parts["hour"] or 0)
    if half := parts["half"]:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    zone = (parts["zone"] or "").upper().replace("UTC", "Z")
    return f"{hour:02}:{parts['minute']}:{parts['second'] or '00'}{zone}"


def detect_date_format(cells: pd.Series) -> tuple[DateFormat, str] | None:
    """Return the format of a column's dates, with a note, or None if they are not dates.

    Most of them must be possible dates, unlike 12-34-56. The index has the lines. Raises
    TableError, saying what the column has, if it can be read in two ways.
    """
    unique = cells.drop_duplicates()
    possible, matches = 0, []
    for cell, count in cells.value_counts().items():
        match = _match(str(cell))
        if match is None:
            return None
        matches.append(match)
        possible += int(count) * _is_possible(match.groupdict())
    if possible < MIN_FRACTION * len(cells):
        return None
    first, note = detect_first_part(unique.tolist(), unique.index.tolist())
    years = [year for match in matches if len(year := match["year"]) == 2]
    last_year, past = _century(years, pd.Timestamp.now().year)
    return DateFormat(first, last_year), "; ".join(filter(None, (note, past)))


def _century(years: Sequence[str], now: int) -> tuple[int, str]:
    """Return the last year that two digits can mean, and a note if it is not that of POSIX."""
    default = [_year(year, POSIX) for year in years]
    past = [_year(year, now) for year in years]
    if not years or max(default) <= now:
        return POSIX, ""
    if max(past) - min(past) > max(default) - min(default) + MAX_SPREAD:
        return POSIX, ""
    place = default.index(max(default))
    note = f"{years[place]} in column {{}} was read as {past[place]}, because {default[place]} is "
    return now, note + "in the future"


def _is_possible(parts: Mapping[str, str | None]) -> bool:
    """Return whether two numbers can be a month and a day, in their order if it is known."""
    if "one" in parts:
        low, high = sorted((int(parts["one"] or 0), int(parts["two"] or 0)))
    else:
        low, high = int(parts.get("month") or 1), int(parts.get("day") or 1)
    return 1 <= low <= 12 and 1 <= high <= 31


def detect_first_part(words: Sequence[str], lines: Sequence[int]) -> tuple[FirstPart, str]:
    """Return what comes first in dates like 31/12/2024 (empty: there are none), and a note.

    Raises TableError, saying what the column has, if the dates do not decide it.
    """
    matches = [match for word in words if (match := NUMERIC.match(word))]
    if not matches:
        return "", ""
    if len(matches) < len(words):
        line, word = next((n, w) for n, w in zip(lines, words, strict=True) if not NUMERIC.match(w))
        raise TableError(
            f"{word!r} in line {line} among dates like {matches[0][0]}; write all dates like "
            "2024-03-31"
        )
    parts = [{int(match[place]) for match in matches} for place in (1, 2)]
    is_day = [max(part) > 12 for part in parts]
    if all(is_day):
        raise TableError(
            "the day first in some rows and the month in others; write all dates like 2024-03-31"
        )
    note = ""
    if not any(is_day):
        is_day = [len(part) == 1 for part in parts]
        if all(is_day):  # years, whichever part is the month
            return "month", ""
        if not any(is_day) or len({match[3] for match in matches}) == 1:
            raise TableError(
                f"dates like {matches[0][0]}, and no row shows whether the day or the month comes "
                "first; write all dates like 2024-03-31"
            )
        which = "first" if is_day[0] else "second"
        note = f"the {which} number in column {{}} is taken for the day, because it never changes"
    return ("day" if is_day[0] else "month"), note
