"""Series from a table in a file, and three sample series from installed packages.

``sunspots``: yearly sunspot numbers, 1700-2008 (SILSO, in statsmodels). ``co2``: carbon dioxide in
the air at Mauna Loa, 1958-2001, here as monthly means of its weekly values (Keeling and Whorf, in
statsmodels). ``electricity``: demand in England and Wales, every half hour, 5 June to 27 August
2000, in MW (Taylor 2003, in pmdarima).
"""

from pathlib import Path

import numpy as np

from bowerbird.errors import SeriesError, TableError
from bowerbird.learning.extras import import_extra
from bowerbird.prediction.data.columns import find_column, parse_numbers
from bowerbird.prediction.data.numbers import MIN_FRACTION, detect_number_format
from bowerbird.prediction.data.table import (
    Table,
    missing_words_to_nan,
    read_table,
    shortened,
)
from bowerbird.prediction.series.calendar import (
    parse_dates,
    parse_plain_numbers,
    parse_times,
    regular_grid,
    time_unit,
)
from bowerbird.prediction.series.config import SAMPLES
from bowerbird.prediction.series.series import Series, interpolate_missing
from bowerbird.prediction.series.time_formats import (
    DATE_NAME,
    DAYS,
    MONTHS,
    QUARTERS,
    WEEKS,
    YEARS,
    join_parts,
    key_column,
)

TIMES = ("date", "time", "timestamp", "datetime", "month", "year", "day", "week", "quarter", "ds")
PARTS = (*TIMES, *YEARS, *MONTHS, *QUARTERS, *WEEKS, *DAYS)  # names of columns of times


def sample_series(name: str) -> Series:
    """Return one of the sample series: sunspots, co2 or electricity."""
    if name not in SAMPLES:
        raise SeriesError(f"there is no sample series {name!r}; choose from {', '.join(SAMPLES)}")
    if name == "electricity":
        datasets = import_extra("pmdarima.datasets", "the series electricity")
        values = np.asarray(datasets.load_taylor(), float)
        times = np.datetime64("2000-06-05T00:00:00") + np.arange(len(values)) * np.timedelta64(
            30, "m"
        )
        return regular_series(name, values, times, [], "Taylor 2003, in pmdarima")
    from statsmodels.datasets import co2, sunspots  # noqa: PLC0415 - takes a second

    notes: list[str] = []
    if name == "sunspots":
        data = sunspots.load_pandas().data
        years, values = data["YEAR"].to_numpy(float), data["SUNACTIVITY"].to_numpy(float)
        return regular_series(name, values, years, notes, "SILSO, in statsmodels", "year")
    monthly = co2.load_pandas().data["co2"].resample("MS").mean()
    words = [str(at)[:10] for at in monthly.index]
    times = parse_times(words, "date", range(2, 2 + len(monthly)), notes)
    source = "Keeling and Whorf, in statsmodels"
    return regular_series(name, monthly.to_numpy(float), times, notes, source)


def read_series(path: Path, target: str | None = None, time: str | None = None) -> Series:
    """Read one column of a table as a series.

    Without ``target`` it is the only column of numbers; without ``time`` a column of dates is
    looked for. Raises SeriesError, naming column and line, and OSError.
    """
    try:
        return _series(read_table(path), target, time)
    except SeriesError:
        raise
    except TableError as error:
        raise SeriesError(str(error)) from error


def _series(table: Table, target: str | None, time: str | None) -> Series:
    name = _target_column(table, target)
    if len(table.frame) < 2:
        raise SeriesError(f"the table has {len(table.frame)} row of values; a series needs many")
    notes = list(table.notes)
    cells = missing_words_to_nan(table.frame[name])
    form, note = detect_number_format(cells, table.decimal_mark, table.delimiter)
    values = parse_numbers(cells, table, form).to_numpy()
    notes += [f"in column {name} {note}"] if note else []
    parts = join_parts(table.frame, name) if time is None else None
    column, dates = parts or (_time_column(table, name, time), None)
    if column is None:
        notes.append("no column of dates was found, so rows are taken as evenly spaced in time")
        numbered = np.arange(1, len(values) + 1, dtype=float)
        return regular_series(name, values, numbered, notes, table.name)
    if dates is None:
        dates = missing_words_to_nan(table.frame[column])
    if dates.isna().any():
        raise SeriesError(
            f"column {column} has no date in line {dates.isna().idxmax()}; fill it in"
        )
    times = parse_times(dates.tolist(), column, dates.index.tolist(), notes)
    if len(np.unique(times)) < len(times):
        _refuse_panel(table, name, column, times)
    return regular_series(name, values, times, notes, table.name, time_unit(column, times))


def _refuse_panel(table: Table, target: str, time: str, times: np.ndarray) -> None:
    """Raise SeriesError if a column names the series of each row."""
    key = key_column(table.frame, target, time, times)
    if key is not None:
        names = sorted(table.frame[key].dropna().unique())
        raise SeriesError(
            f"the table has {len(names)} series, one for each {key} ({shortened(names, 3)}); keep "
            f"the rows of one {key} in a file of its own"
        )


def regular_series(
    name: str,
    values: np.ndarray,
    times: np.ndarray,
    notes: list[str],
    source: str,
    unit: str = "step",
) -> Series:
    """Return a series on the regular grid of its times, with a note on each change.

    Rows are sorted, those of the same time are averaged, and missing values are interpolated.
    ``unit`` is the unit of times that are plain numbers.
    """
    order = np.argsort(times, kind="stable")
    if (order != np.arange(len(order))).any():
        notes.append("the rows were not in the order of time and were sorted")
        times, values = times[order], values[order]
    unique = np.unique(times)
    if len(unique) < len(times):
        notes.append(f"{len(times) - len(unique)} rows have the time of another and were averaged")
        values = _group_means(values, np.searchsorted(unique, times), len(unique))
    present = np.flatnonzero(~np.isnan(values))
    if len(present) < 2:
        raise SeriesError(f"the series has {len(present)} values and needs many more")
    used = slice(int(present[0]), int(present[-1]) + 1)
    if dropped := len(values) - (used.stop - used.start):
        notes.append(f"{dropped} empty rows at its ends were dropped")
    values, unique = values[used], unique[used]
    grid = regular_grid(unique, unit)
    if grid.irregular:
        notes.append(
            f"{grid.irregular} times are irregular; they were moved to a grid of one "
            f"{grid.frequency}"
        )
    count = int(grid.positions[-1]) + 1
    if count > len(values):
        notes.append(f"{count - len(values)} times are missing")
    on_grid = _group_means(values, grid.positions, count)
    return Series(
        name, interpolate_missing(on_grid, notes), grid.times[:count], grid.times[count:],
        grid.frequency, notes, source, np.isnan(on_grid),
    )  # fmt: skip


def _group_means(values: np.ndarray, positions: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of the values at each position, NaN where there is none."""
    present = ~np.isnan(values)
    sums = np.bincount(positions[present], values[present], count)
    counts = np.bincount(positions[present], minlength=count)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _target_column(table: Table, target: str | None) -> str:
    if target is not None:
        find_column(table, target)
        return target
    columns = list(map(str, table.frame.columns))
    dated = [c for c in columns if DATE_NAME.fullmatch(c)]
    if len(dated) * 2 > len(columns):
        raise SeriesError(
            f"the dates ({shortened(dated, 2)}) are columns; transpose the table, so that each row "
            "has one date and each column one series"
        )
    numeric = [c for c in columns if c.lower() not in PARTS and _is_numeric(table, c)]
    if len(numeric) == 1:
        return numeric[0]
    raise SeriesError(f"give the column to forecast: --target, one of {shortened(columns)}")


def _is_numeric(table: Table, column: str) -> bool:
    present = missing_words_to_nan(table.frame[column]).dropna()
    form, _ = detect_number_format(present, table.decimal_mark, table.delimiter)
    return len(present) > 0 and float(form.parse(present).notna().mean()) >= MIN_FRACTION


def _time_column(table: Table, target: str, time: str | None) -> str | None:
    if time is not None:
        find_column(table, time)
        if time == target:
            raise SeriesError(f"{time} can't be both --time and --target")
        return time
    others = [str(column) for column in table.frame.columns if column != target]
    for column in others:
        if column.lower() in TIMES:
            return column
    for column in others:
        words = table.frame[column].fillna("")
        if parse_plain_numbers(words.tolist()) is not None or _is_numeric(table, column):
            continue
        # the first word excludes most columns of names; parsing all of their words takes long
        if all(bool(parse_dates(part).notna().all()) for part in (words.iloc[:1], words)):
            return column
    return None
