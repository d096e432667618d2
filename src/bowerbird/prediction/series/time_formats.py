"""Times as exports write them: weeks, parts in several columns, and numbers of days or seconds."""

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from bowerbird.errors import SeriesError

ISO_WEEK = re.compile(r"^(\d{4})[- ]?W(\d{1,2})(?:-([1-7]))?$", re.IGNORECASE)  # 2024-W05
YEAR_WEEK = re.compile(r"^(\d{4})[-/]?(\d{2})$")  # 202405
NO_YEAR = re.compile(
    r"^(\d{1,2}[-/]\d{1,2}|\d{1,2}\.\d{1,2}\.|\d{1,2}[ -][A-Za-z]{3,9}|[A-Za-z]{3,9}[ -]\d{1,2})$"
)
DATE_NAME = re.compile(r"^\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?$")  # of a column
EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119
EXCEL_EPOCH = np.datetime64("1899-12-30", "us")
SECONDS = (3e8, 4e9)  # since 1970: 1979 to 2096
UNIX_UNITS = {1: "seconds", 1000: "milliseconds", 1_000_000: "microseconds"}
YEARS = ("year", "years", "jahr", "année", "annee", "anno", "año", "ano")  # names of columns
MONTHS = ("month", "monat", "mois", "mese", "mes", "mês")
QUARTERS = ("quarter", "quartal", "trimestre", "qtr")
WEEKS = ("week", "woche", "semaine", "settimana", "semana")
DAYS = ("day", "tag", "jour", "giorno", "día", "dia")


def parse_weeks(words: Sequence[str], column: str, notes: list[str]) -> np.ndarray | None:
    """Return the Mondays of weeks like 2024-W05 or 202405; None for other words.

    Six digits are weeks if one of them is no month. Raises SeriesError for a week that its year
    doesn't have.
    """
    matches = [ISO_WEEK.match(word.strip()) for word in words]
    if not all(matches):
        matches = [YEAR_WEEK.match(word.strip()) for word in words]
        if not all(matches) or all(1 <= int(m[2]) <= 12 for m in matches if m):
            return None
    days = []
    for match in matches:
        assert match is not None
        year, week = int(match[1]), int(match[2])
        try:
            days.append(date.fromisocalendar(year, week, 1))
        except ValueError as error:  # not every year has a week 53
            raise SeriesError(
                f"column {column} has {match[0]}, but {year} has no week {week}; correct it"
            ) from error
    notes.append(f"the weeks of column {column} are shown by their Mondays")
    return np.array(days, "datetime64[us]")


def parse_counts(numbers: np.ndarray, column: str, notes: list[str]) -> np.ndarray | None:
    """Return times of Excel's days or of Unix's seconds; None for other numbers."""
    low, high = float(numbers.min()), float(numbers.max())
    if EXCEL_DAYS[0] <= low and high <= EXCEL_DAYS[1] and len(numbers) > 2:
        notes.append(f"the numbers in column {column} are taken for Excel's dates")
        return EXCEL_EPOCH + np.round(numbers * 86_400).astype("timedelta64[s]")
    for factor, unit in UNIX_UNITS.items():
        if SECONDS[0] * factor <= low and high <= SECONDS[1] * factor:
            notes.append(f"the numbers in column {column} are taken for {unit} since 1970")
            seconds = np.round(numbers / factor * 1e6).astype("timedelta64[us]")
            return np.datetime64("1970-01-01", "us") + seconds
    return None


def check_years(words: Sequence[str], column: str, line: int) -> None:
    """Raise SeriesError for dates without a year, such as 31.12. or Dec 31."""
    if all(NO_YEAR.match(word.strip()) for word in words):
        raise SeriesError(
            f"column {column} has {words[0]!r} in line {line}, a date without a year; add the years"
        )


def join_parts(frame: pd.DataFrame, target: str) -> tuple[str, pd.Series] | None:
    """Return the name and the text of times whose parts are in several columns; None if not so.

    They are a year, and a month (with or without a day), a quarter or a week.
    """
    columns = {str(name).strip().lower(): str(name) for name in frame.columns if name != target}
    year, month, quarter, week, day = (
        next((columns[name] for name in names if name in columns), None)
        for names in (YEARS, MONTHS, QUARTERS, WEEKS, DAYS)
    )
    second = month or quarter or week
    if year is None or second is None:
        return None
    years, seconds = frame[year].str.strip(), frame[second].str.strip()
    if month:
        text = years + "-" + seconds.str.zfill(2)
        used = [year, month]
        if day:
            text, used = text + "-" + frame[day].str.strip().str.zfill(2), [*used, day]
        return " and ".join(used), text
    if quarter:
        return f"{year} and {quarter}", years + "Q" + seconds.str.upper().str.lstrip("Q")
    return f"{year} and {second}", years + "-W" + seconds.str.upper().str.lstrip("W")


def key_column(frame: pd.DataFrame, target: str, time: str, times: np.ndarray) -> str | None:
    """Return the column that distinguishes the rows of a time, such as a store; None if none does.

    Its values, each on many rows, are unique at every time.
    """
    for column in map(str, frame.columns):
        if column in (target, time):
            continue
        cells = frame[column].fillna("")
        count = cells.nunique()
        if 2 <= count <= len(cells) / 3:
            pairs = pd.DataFrame({"time": times, "key": cells.to_numpy()})
            if not pairs.duplicated().any():
                return column
    return None
