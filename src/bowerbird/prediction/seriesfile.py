"""Series from a table in a file, and three that come with the packages.

``sunspots``: yearly sunspot numbers, 1700-2008 (SILSO, in statsmodels). ``co2``: carbon dioxide in
the air at Mauna Loa, 1958-2001, here as monthly means of its weekly values (Keeling and Whorf, in
statsmodels). ``electricity``: demand in England and Wales, every half hour, 5 June to 27 August
2000, in MW (Taylor 2003, in pmdarima).
"""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.prediction.calendar import dates_of, grid_of, moments, numbers_of
from bowerbird.prediction.series import Series, SeriesError, mended

KNOWN = ("sunspots", "co2", "electricity")
TIMES = ("date", "time", "timestamp", "datetime", "month", "year", "day", "week", "quarter", "ds")
MISSING = ("", "na", "nan", "n/a", "null", "none", "-", "?", "missing")


def known_series(name: str) -> Series:
    """Return a series that comes along."""
    import statsmodels.api as sm  # noqa: PLC0415 - takes a second

    notes: list[str] = []
    if name == "sunspots":
        data = sm.datasets.sunspots.load_pandas().data
        years = data["YEAR"].astype(int).tolist()
        ahead = [str(years[-1] + k) for k in range(1, 501)]
        values = data["SUNACTIVITY"].to_numpy(float)
        names = [str(year) for year in years]
        return Series("sunspots", values, names, ahead, "year", notes, "SILSO, in statsmodels")
    if name == "co2":
        weekly = sm.datasets.co2.load_pandas().data["co2"]
        monthly = weekly.resample("MS").mean()
        words = [str(at)[:10] for at in monthly.index]
        times = moments(words, "date", range(2, 2 + len(monthly)), notes)
        source = "Keeling and Whorf, in statsmodels"
        return laid(name, monthly.to_numpy(float), times, notes, source)
    from pmdarima.datasets import load_taylor  # noqa: PLC0415

    values = np.asarray(load_taylor(), float)
    start = np.datetime64("2000-06-05T00:00:00")
    return laid(
        name,
        values,
        start + np.arange(len(values)) * np.timedelta64(1800, "s"),
        notes,
        "Taylor 2003, in pmdarima",
    )


def read_series(path: Path, target: str | None = None, time: str | None = None) -> Series:
    """Return one column of a CSV file as a series.

    Without ``target`` it is the only column of numbers; without ``time`` moments are looked for.
    Raises SeriesError, saying what is wrong with which column and row.
    """
    table = _table(path)
    target = _target(table, target)
    rows = table.index.tolist()
    if len(table) < 2:
        raise SeriesError(f"it has {len(table)} row of values; a series needs many more")
    values = _numbers(table[target].tolist(), target, rows)
    column = _time_column(table, target, time)
    notes: list[str] = []
    if column is None:
        notes.append("no column of dates was found, so the rows are taken as even in time")
        numbered = np.arange(1, len(values) + 1, dtype=float)
        return laid(target, values, numbered, notes, str(path))
    words = table[column].tolist()
    if any(word.strip().lower() in MISSING for word in words):
        first = next(i for i, word in enumerate(words) if word.strip().lower() in MISSING)
        raise SeriesError(f"column {column} has no date in row {rows[first]}; fill it in")
    return laid(target, values, moments(words, column, rows, notes), notes, str(path))


def laid(name: str, values: np.ndarray, times: np.ndarray, notes: list[str], source: str) -> Series:
    """Return values on the even grid of their moments: sorted, made one each, and mended."""
    order = np.argsort(times, kind="stable")
    if (order != np.arange(len(order))).any():
        notes.append("the rows were not in the order of time and were sorted")
        times, values = times[order], values[order]
    unique = np.unique(times)
    if len(unique) < len(times):
        notes.append(
            f"{len(times) - len(unique)} rows have the time of another; their mean was taken"
        )
        values = _means(values, np.searchsorted(unique, times), len(unique))
    there = np.flatnonzero(~np.isnan(values))
    if len(there) < 2:
        raise SeriesError(f"it has {len(there)} values; a series needs many more")
    cut = slice(int(there[0]), int(there[-1]) + 1)
    if cut.stop - cut.start < len(values):
        notes.append(f"{len(values) - cut.stop + cut.start} empty rows at its ends were left out")
    values, unique = values[cut], unique[cut]
    grid = grid_of(unique)
    if grid.uneven:
        notes.append(
            f"{grid.uneven} moments lie unevenly; they were put on a grid of one {grid.step}"
        )
    laid_out = _means(values, grid.places, int(grid.places[-1]) + 1)
    gaps = len(laid_out) - len(values)
    if gaps > 0:
        notes.append(f"{gaps} moments are not in it")
    count = len(laid_out)
    return Series(
        name, mended(laid_out, notes), grid.names[:count], grid.names[count:], grid.step, notes,
        source,
    )  # fmt: skip


def _means(values: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of the values at each place, NaN where there is none."""
    there = ~np.isnan(values)
    sums = np.bincount(places[there], values[there], count)
    counts = np.bincount(places[there], minlength=count)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


_COMMA = re.compile(r"^\s*([-+]?\d*),(\d+)\s*$")


def _table(path: Path) -> pd.DataFrame:
    """Return a CSV file as a table of words, its index the line in the file at which a row ends.

    Raises SeriesError, OSError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SeriesError(f"it is not UTF-8: {error.reason}; save it as UTF-8") from error
    if not text.strip():
        raise SeriesError("it is empty")
    try:
        mark: str = csv.Sniffer().sniff(text[:5000], ",;\t|").delimiter
    except csv.Error:  # one column
        mark = ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        read = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise SeriesError(f"line {reader.line_num} is no row of a table: {error}") from error
    lines = {number: row for number, row in read if any(map(str.strip, row))}
    header = [cell.strip() for cell in lines.pop(min(lines))]
    if all(_is_number(cell) for cell in header):
        raise SeriesError(
            "it has no header: its first line is numbers; add a line with the names of the columns"
        )
    if len(set(header)) < len(header):
        raise SeriesError("two of its columns have the same name; rename one")
    for number, row in lines.items():
        if len(row) > len(header):
            raise SeriesError(f"row {number} has {len(row)} cells, and the header {len(header)}")
    if mark != ",":  # where it parts no cells a comma may begin the decimals
        lines = {n: [_COMMA.sub(r"\1.\2", cell) for cell in row] for n, row in lines.items()}
    body = [row + [""] * (len(header) - len(row)) for row in lines.values()]
    return pd.DataFrame(body, index=list(lines), columns=header)


def _is_number(cell: str) -> bool:
    """Tell a number or a date from a name."""
    if numbers_of([cell]) is not None:
        return True
    return re.fullmatch(r"\d{4}[-/.]\d{1,2}([-/.T ].*)?", cell) is not None


def _target(table: pd.DataFrame, target: str | None) -> str:
    columns = [str(column) for column in table.columns]
    listed = ", ".join(columns)
    if target is None:
        fit = [c for c in columns if c.lower() not in TIMES and _mostly_numbers(table[c].tolist())]
        if len(fit) == 1:
            return fit[0]
        raise SeriesError(f"say which column is foreseen: --target, one of {listed}")
    if target in columns:
        return target
    raise SeriesError(f"it has no column {target!r}; its columns are {listed}")


def _mostly_numbers(words: Sequence[str]) -> bool:
    there = [word for word in words if word.strip().lower() not in MISSING]
    found = pd.to_numeric(pd.Series(there, dtype=object), errors="coerce")
    return bool(there) and float(found.notna().mean()) > 0.5


def _time_column(table: pd.DataFrame, target: str, time: str | None) -> str | None:
    columns = [str(column) for column in table.columns]
    if time is not None:
        if time not in columns:
            raise SeriesError(f"it has no column {time!r}; its columns are {', '.join(columns)}")
        if time == target:
            raise SeriesError(f"{time} can't be both --time and --target")
        return time
    for column in columns:
        if column != target and column.lower() in TIMES:
            return column
    for column in columns:
        words = table[column].tolist()
        if column == target or numbers_of(words) is not None:
            continue
        if bool(dates_of(pd.Series(words)).notna().all()):
            return column
    return None


def _numbers(words: Sequence[str], column: str, rows: Sequence[int]) -> np.ndarray:
    """Return the numbers in a column, NaN for what is missing; raise SeriesError for text."""
    found = np.full(len(words), np.nan)
    for place, word in enumerate(words):
        if word.strip().lower() in MISSING:
            continue
        try:
            found[place] = float(word)
        except ValueError:
            comma = "; decimals are written with a point" if "," in word else ""
            raise SeriesError(
                f"column {column} has {word!r} in row {rows[place]}, where a number is needed"
                f"{comma}"
            ) from None
        if not np.isfinite(found[place]):
            raise SeriesError(
                f"column {column} has the infinite number {word!r} in row {rows[place]}"
            )
    return found
