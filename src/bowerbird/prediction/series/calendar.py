"""Moments of a series: read from words, put in order, laid on an even grid of time.

A grid of months, quarters, years or working days follows the calendar; any other has the median
distance between two moments as its step.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bowerbird.errors import SeriesError, TableError
from bowerbird.prediction.data.dates import FirstPart, detect_first_part

AHEAD = 2000  # moments after the last one that are told in words
UNEVEN = 0.1  # of a step that a moment may lie off the grid without a note
LARGEST = 50  # times as many moments as values, at most
YEAR_FIRST = re.compile(r"\d{4}[-/.](\d{1,2})[-/.]\d{1,2}(?!\d)")
QUARTER = re.compile(r"^(\d{4})[- ]?Q([1-4])$", re.IGNORECASE)  # 2024Q1
OFFSET = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|UTC|([+-]\d{2}):?(\d{2})?)$")
YEARS = ("year", "years", "jahr", "année", "annee", "anno", "año", "ano")  # names of columns
CALENDAR = {"month": ((28, 31), "M"), "quarter": ((90, 92), "Q"), "year": ((365, 366), "Y")}


@dataclass(frozen=True)
class Grid:
    """Where moments lie on an even grid, and how its moments are written."""

    places: np.ndarray
    """The place of each moment given, from 0."""
    step: str
    uneven: int
    """Moments that lie clearly off the grid."""
    names: Sequence[str]
    """Every moment of the grid in words, and ``AHEAD`` more."""


def plain_numbers(words: Sequence[str]) -> np.ndarray | None:
    """Return moments that are plain numbers (years, hours ...), or None."""
    found = pd.to_numeric(pd.Series(list(words)), errors="coerce").to_numpy(float)
    return found if np.isfinite(found).all() else None


def moments(
    words: Sequence[str], column: str, lines: Sequence[int], notes: list[str]
) -> np.ndarray:
    """Return moments as numbers or as datetime64, and note what was taken for granted.

    Raises SeriesError naming column and line.
    """
    numbers = plain_numbers(words)
    compact = numbers is not None and all(len(w.strip()) in (6, 8) for w in words)
    if numbers is not None and not compact:
        return numbers
    text = pd.Series([word.strip() for word in words])
    form = None
    if compact:
        form = "%Y%m%d" if len(text[0]) == 8 else "%Y%m"
    first = "" if compact else _first(text.tolist(), column, lines, notes)
    parsed = dates_of(text, form or "mixed", day_first=first == "day")
    bad = np.flatnonzero(parsed.isna().to_numpy())
    if numbers is not None and len(bad):
        return numbers
    if len(bad):
        worst = int(bad[0])
        raise SeriesError(
            f"column {column} has {words[worst]!r} in line {lines[worst]}, which is no date; write "
            "dates like 2024-03-31, or leave --time out"
        )
    universal = parsed.dt.tz_localize(None).to_numpy("datetime64[us]")
    return universal + np.timedelta64(_offset(text.tolist(), column, notes), "s")


def _offset(words: Sequence[str], column: str, notes: list[str]) -> int:
    """Return how many seconds all clocks are before UTC: 0 and a note if they do not agree."""
    found = set()
    for word in words:
        match = OFFSET.search(word)
        hours, minutes = (match[1] or "+00", match[2] or "0") if match else ("", "0")
        sign = -1 if hours.startswith("-") else 1
        found.add(3600 * int(hours) + sign * 60 * int(minutes) if match else None)
    if len(found) == 1:
        return found.pop() or 0
    notes.append(f"the offset from UTC changes in column {column}, so moments are told as UTC")
    return 0


def unit_of(column: str, times: np.ndarray) -> str:
    """Return what plain numbers in a column count: years where it says so, else steps."""
    years = column.strip().lower() in YEARS and times.dtype.kind == "f"
    return "year" if years and bool((times == np.round(times)).all()) else "step"


def _first(words: Sequence[str], column: str, lines: Sequence[int], notes: list[str]) -> FirstPart:
    """Tell what comes first in dates like 31/12/2024; raise SeriesError if it is unclear."""
    try:
        first, note = detect_first_part(words, lines)
    except TableError as error:
        raise SeriesError(f"column {column} has {error}") from error
    notes += [note.format(column)] if note else []
    return first


def dates_of(words: pd.Series, form: str = "mixed", *, day_first: bool = False) -> pd.Series:
    """Return dates, each missing (NaT) that is none; a month above 12 is none."""
    months = words.str.replace(QUARTER, lambda of: f"{of[1]}-{3 * int(of[2]) - 2:02}", regex=True)
    found = pd.to_datetime(months, errors="coerce", format=form, utc=True, dayfirst=day_first)
    if form != "mixed":
        return found
    matches = [YEAR_FIRST.match(word) for word in words]
    return found.mask([match is not None and int(match[1]) > 12 for match in matches])


def grid_of(times: np.ndarray, unit: str = "step") -> Grid:
    """Return the grid of moments that are in order, without two alike; at least two.

    ``unit`` is what is counted where they are plain numbers.
    """
    if times.dtype.kind != "M":
        many = float(np.median(np.diff(times)))
        step = unit if many == 1 or unit == "step" else f"{many:g} {unit}s"
        return _even(times.astype(float), step, lambda at: f"{at:g}")
    days = np.diff(times) / np.timedelta64(1, "D")
    middle = float(np.median(days))
    stamps = pd.DatetimeIndex(times)
    for step, ((low, high), code) in CALENDAR.items():
        if low - 0.1 <= middle <= high + 0.1:
            periods = stamps.to_period(code)
            places = periods.astype("int64").to_numpy()
            if len(np.unique(places)) == len(places):
                return _calendar(places, periods[0], step)
    if abs(middle - 1) < 0.01 and bool((stamps.day_of_week < 5).all()) and len(times) > 10:
        dates = times.astype("datetime64[D]")
        places = np.busday_count(dates[0], dates)
        whole = np.busday_offset(dates[0], np.arange(int(places[-1]) + 1 + AHEAD))
        return Grid(places, "working day", 0, [str(day) for day in whole])
    seconds = (times - times[0]) / np.timedelta64(1, "s")
    every = float(np.median(np.diff(seconds)))
    told: Literal["D", "m", "s", "us"] = "m" if every % 60 == 0 else "s" if every % 1 == 0 else "us"
    if bool((stamps == stamps.normalize()).all()):
        told = "D"

    def word(at: float) -> str:
        stamp = times[0] + np.timedelta64(round(at * 1e6), "us")
        return str(np.datetime_as_string(stamp, told)).replace("T", " ")

    return _even(seconds, _spoken(every), word)


def _calendar(places: np.ndarray, first: pd.Period, step: str) -> Grid:
    last = int(places[-1] - places[0])
    names = [str(period) for period in pd.period_range(first, periods=last + 1 + AHEAD)]
    return Grid(places - places[0], step, 0, names)


def _even(times: np.ndarray, step: str, word: Callable[[float], str]) -> Grid:
    distance = float(np.median(np.diff(times)))
    exact = (times - times[0]) / distance
    places = np.round(exact).astype(int)
    if places[-1] > LARGEST * len(times):
        raise SeriesError(
            "the moments lie too unevenly for a series: a few are far from all others; leave "
            "those rows out"
        )
    uneven = int((np.abs(exact - places) > UNEVEN).sum())
    ahead = times[0] + distance * np.arange(places[-1] + 1 + AHEAD)
    return Grid(places, step, uneven, [word(at) for at in ahead])


def _spoken(seconds: float) -> str:
    """Return a step in words."""
    for size, name in ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds / size
            return name if count == 1 else f"{count:g} {name}s"
    return f"{seconds:g} s"
