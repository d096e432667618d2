"""Series from a table in a file, and three that come with the packages.

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
from bowerbird.prediction.data.table import Table, missing_words_to_nan, read_table, shortened
from bowerbird.prediction.series.calendar import dates_of, grid_of, moments, plain_numbers, unit_of
from bowerbird.prediction.series.series import Series, mended

KNOWN = ("sunspots", "co2", "electricity")
TIMES = ("date", "time", "timestamp", "datetime", "month", "year", "day", "week", "quarter", "ds")


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
    datasets = import_extra("pmdarima.datasets", "the series electricity")
    values = np.asarray(datasets.load_taylor(), float)
    start = np.datetime64("2000-06-05T00:00:00")
    return laid(
        name,
        values,
        start + np.arange(len(values)) * np.timedelta64(1800, "s"),
        notes,
        "Taylor 2003, in pmdarima",
    )


def read_series(path: Path, target: str | None = None, time: str | None = None) -> Series:
    """Return one column of a table in a file as a series.

    Without ``target`` it is the only column of numbers; without ``time`` moments are looked for.
    Raises SeriesError, saying what is wrong with which column and line, and OSError.
    """
    try:
        return _series(read_table(path), target, time)
    except SeriesError:
        raise
    except TableError as error:
        raise SeriesError(str(error)) from error


def _series(table: Table, target: str | None, time: str | None) -> Series:
    name = _target(table, target)
    if len(table.frame) < 2:
        raise SeriesError(f"it has {len(table.frame)} row of values; a series needs many more")
    notes = list(table.notes)
    cells = missing_words_to_nan(table.frame[name])
    written, note = detect_number_format(cells, table.decimal_mark, table.delimiter)
    values = parse_numbers(cells, table, written).to_numpy()
    notes += [f"in column {name} {note}"] if note else []
    column = _time_column(table, name, time)
    if column is None:
        notes.append("no column of dates was found, so the rows are taken as even in time")
        numbered = np.arange(1, len(values) + 1, dtype=float)
        return laid(name, values, numbered, notes, table.name)
    dates = missing_words_to_nan(table.frame[column])
    if dates.isna().any():
        raise SeriesError(
            f"column {column} has no date in line {dates.isna().idxmax()}; fill it in"
        )
    times = moments(dates.tolist(), column, dates.index.tolist(), notes)
    return laid(name, values, times, notes, table.name, unit_of(column, times))


def laid(
    name: str,
    values: np.ndarray,
    times: np.ndarray,
    notes: list[str],
    source: str,
    unit: str = "step",
) -> Series:
    """Return values on the even grid of their moments: sorted, made one each, and mended.

    ``unit`` is what moments count where they are plain numbers.
    """
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
    grid = grid_of(unique, unit)
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


def _target(table: Table, target: str | None) -> str:
    if target is not None:
        find_column(table, target)
        return target
    columns = list(map(str, table.frame.columns))
    fit = [c for c in columns if c.lower() not in TIMES and _are_numbers(table, c)]
    if len(fit) == 1:
        return fit[0]
    raise SeriesError(f"say which column is foreseen: --target, one of {shortened(columns)}")


def _are_numbers(table: Table, column: str) -> bool:
    there = missing_words_to_nan(table.frame[column]).dropna()
    form, _ = detect_number_format(there, table.decimal_mark, table.delimiter)
    return len(there) > 0 and float(form.parse(there).notna().mean()) >= MIN_FRACTION


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
        if plain_numbers(words.tolist()) is not None:
            continue
        if _are_numbers(table, column):
            continue
        # the first tells most names from dates, which take long to look for in all
        if all(bool(dates_of(part).notna().all()) for part in (words.iloc[:1], words)):
            return column
    return None
