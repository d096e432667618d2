"""Times of a series: parsed from text, and placed on a regular grid.

A grid of months, quarters, years or working days follows the calendar; any other has the median
distance of two times as its step.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bowerbird.errors import SeriesError, TableError
from bowerbird.prediction.data.dates import detect_first_part
from bowerbird.prediction.series.time_formats import YEARS, check_years, parse_counts, parse_weeks

NUM_FUTURE = 2000  # times after the last one that are known as text
TOLERANCE = 0.1  # of a step: times further off the grid are reported
MAX_SPARSITY = 50  # grid points per value
YEAR_FIRST = re.compile(r"\d{4}[-/.](\d{1,2})[-/.]\d{1,2}(?!\d)")
QUARTER = re.compile(r"^(\d{4})[- ]?Q([1-4])$", re.IGNORECASE)  # 2024Q1
OFFSET = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|UTC|([+-]\d{2}):?(\d{2})?)$")
CALENDAR = {"month": ((28, 31), "M"), "quarter": ((90, 92), "Q"), "year": ((365, 366), "Y")}


@dataclass(frozen=True)
class Grid:
    """A regular grid of times."""

    positions: np.ndarray
    """The grid position of each given time, from 0."""
    frequency: str
    irregular: int
    """Number of times that are clearly off the grid."""
    times: Sequence[str]
    """Every time of the grid as text, and ``NUM_FUTURE`` more."""


def parse_plain_numbers(words: Sequence[str]) -> np.ndarray | None:
    """Return times that are plain numbers (years, hours ...), or None."""
    numbers = pd.to_numeric(pd.Series(list(words)), errors="coerce").to_numpy(float)
    return numbers if np.isfinite(numbers).all() else None


def parse_times(
    words: Sequence[str], column: str, lines: Sequence[int], notes: list[str]
) -> np.ndarray:
    """Return times as numbers or as datetime64, and add notes about assumptions.

    Raises SeriesError, naming column and line.
    """
    weeks = parse_weeks(words, column, notes)
    if weeks is not None:
        return weeks
    check_years(words, column, lines[0])
    numbers = parse_plain_numbers(words)
    compact = numbers is not None and all(len(w.strip()) in (6, 8) for w in words)
    if numbers is not None and not compact:
        counted = None if column.strip().lower() in YEARS else parse_counts(numbers, column, notes)
        return numbers if counted is None else counted
    text, first = pd.Series([word.strip() for word in words]), ""
    form = ("%Y%m%d" if len(text[0]) == 8 else "%Y%m") if compact else "mixed"
    if not compact:
        try:
            first, note = detect_first_part(text.tolist(), lines)
        except TableError as error:
            raise SeriesError(f"column {column} has {error}") from error
        notes += [note.format(column)] if note else []
    dates = parse_dates(text, form, day_first=first == "day")
    invalid = np.flatnonzero(dates.isna().to_numpy())
    if len(invalid):
        if numbers is not None:
            return numbers
        place = int(invalid[0])
        raise SeriesError(
            f"column {column} has {words[place]!r} in line {lines[place]}, which is not a date; "
            "write dates like 2024-03-31, or weeks like 2024-W05"
        )
    utc = dates.dt.tz_localize(None).to_numpy("datetime64[us]")
    return utc + np.timedelta64(_utc_offset(text.tolist(), column, notes), "s")


def _utc_offset(words: Sequence[str], column: str, notes: list[str]) -> int:
    """Return the offset from UTC in s that all times have; 0, with a note, if it changes."""
    offsets = set()
    for word in words:
        match = OFFSET.search(word)
        hours, minutes = (match[1] or "+00", match[2] or "0") if match else ("", "0")
        direction = -1 if hours.startswith("-") else 1
        offsets.add(3600 * int(hours) + direction * 60 * int(minutes) if match else None)
    if len(offsets) == 1:
        return offsets.pop() or 0
    notes.append(f"the offset from UTC changes in column {column}, so times are shown in UTC")
    return 0


def time_unit(column: str, times: np.ndarray) -> str:
    """Return the unit of times that are plain numbers: year if the column says so, else step."""
    is_year = column.strip().lower() in YEARS and times.dtype.kind == "f"
    return "year" if is_year and bool((times == np.round(times)).all()) else "step"


def parse_dates(words: pd.Series, form: str = "mixed", *, day_first: bool = False) -> pd.Series:
    """Return dates, NaT for a word that is not a date or has a month above 12."""
    months = words.str.replace(QUARTER, lambda of: f"{of[1]}-{3 * int(of[2]) - 2:02}", regex=True)
    dates = pd.to_datetime(months, errors="coerce", format=form, utc=True, dayfirst=day_first)
    if form != "mixed":
        return dates
    matches = [YEAR_FIRST.match(word) for word in words]
    return dates.mask([match is not None and int(match[1]) > 12 for match in matches])


def regular_grid(times: np.ndarray, unit: str = "step") -> Grid:
    """Return the grid of two or more increasing times; ``unit`` is that of plain numbers."""
    if times.dtype.kind != "M":
        size = float(np.median(np.diff(times)))
        frequency = unit if size == 1 or unit == "step" else f"{size:g} {unit}s"
        return _even_grid(times.astype(float), frequency, lambda at: f"{at:g}")
    days = float(np.median(np.diff(times) / np.timedelta64(1, "D")))
    stamps = pd.DatetimeIndex(times)
    for frequency, ((low, high), code) in CALENDAR.items():
        if low - 0.1 <= days <= high + 0.1:
            periods = stamps.to_period(code)
            positions = periods.astype("int64").to_numpy()
            if len(np.unique(positions)) == len(positions):
                return _calendar_grid(positions, periods[0], frequency)
    if abs(days - 1) < 0.01 and bool((stamps.day_of_week < 5).all()) and len(times) > 10:
        dates = times.astype("datetime64[D]")
        positions = np.busday_count(dates[0], dates)
        every = np.busday_offset(dates[0], np.arange(int(positions[-1]) + 1 + NUM_FUTURE))
        return Grid(positions, "working day", 0, [str(day) for day in every])
    seconds = (times - times[0]) / np.timedelta64(1, "s")
    step = float(np.median(np.diff(seconds)))
    unit_: Literal["D", "m", "s", "us"] = "m" if step % 60 == 0 else "s" if step % 1 == 0 else "us"
    if bool((stamps == stamps.normalize()).all()):
        unit_ = "D"

    def word(at: float) -> str:
        stamp = times[0] + np.timedelta64(round(at * 1e6), "us")
        return str(np.datetime_as_string(stamp, unit_)).replace("T", " ")

    return _even_grid(seconds, _duration(step), word)


def _calendar_grid(positions: np.ndarray, first: pd.Period, frequency: str) -> Grid:
    last = int(positions[-1] - positions[0])
    times = [str(period) for period in pd.period_range(first, periods=last + 1 + NUM_FUTURE)]
    return Grid(positions - positions[0], frequency, 0, times)


def _even_grid(times: np.ndarray, frequency: str, word: Callable[[float], str]) -> Grid:
    step = float(np.median(np.diff(times)))
    exact = (times - times[0]) / step
    positions = np.round(exact).astype(int)
    if positions[-1] > MAX_SPARSITY * len(times):
        raise SeriesError(
            "the times are too irregular for a series: a few are far from all others; remove "
            "those rows"
        )
    irregular = int((np.abs(exact - positions) > TOLERANCE).sum())
    every = times[0] + step * np.arange(positions[-1] + 1 + NUM_FUTURE)
    return Grid(positions, frequency, irregular, [word(at) for at in every])


def _duration(seconds: float) -> str:
    """Return a duration as text."""
    for size, name in ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds / size
            return name if count == 1 else f"{count:g} {name}s"
    return f"{seconds:g} s"
