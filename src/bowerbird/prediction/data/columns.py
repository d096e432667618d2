"""What each column of a table is: numbers, dates, categories, or nothing to learn from.

A column is what all of its cells are. Where nine in ten cells are numbers, the others are taken for
mistakes and named. Dates become days since 1970 and the angle of the day within the year (sine and
cosine). Left out, with the reason, unless they are kept by name: what is missing or the same in
every row, numbers of rows, texts of which more than half are different (names, addresses), dates
that can be read in two ways. Digits of one length, some with a zero in front (postal codes), are
categories. How numbers and dates are written is part of what is learned.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.categories import are_codes, only_case, same_truths
from bowerbird.prediction.data.dates import Dates, dates_in
from bowerbird.prediction.data.numbers import (
    MOSTLY,
    Numerals,
    clash,
    manner,
    numerals_of,
    several_units,
)
from bowerbird.prediction.data.quantities import quantity_of
from bowerbird.prediction.data.table import Table, listed, without_words

Kind = Literal["number", "date", "category"]

NAMES = 0.5  # share of different texts from which on they are names
MISSING = "(missing)"  # the category of an empty cell
DATE_PARTS = ("day", "year sine", "year cosine")
YEAR = 365.2425  # days
# names of columns that only count the rows; under another name such a column may tell something
COUNTERS = ("index", "id", "row", "no", "no.", "nr", "nr.", "number", "count", "#", "unnamed: 0")
LARGEST = 1e150  # whose square, in a variance, is still a number


@dataclass(frozen=True)
class Columns:
    """The columns that are learned from, and why the others are not."""

    kinds: Mapping[str, Kind]
    ignored: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, Numerals | Dates] = field(default_factory=dict)
    """How numbers and dates are written; of columns that are not in it, each table tells it."""
    notes: Sequence[str] = field(default=(), compare=False)
    """What was taken for granted."""

    def __post_init__(self) -> None:
        if unknown := [k for k in self.kinds.values() if k not in get_args(Kind)]:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(get_args(Kind))}")

    @property
    def numbers(self) -> list[str]:
        """The names of the numeric columns that ``values`` returns."""
        plain = [name for name, kind in self.kinds.items() if kind == "number"]
        dates = [name for name, kind in self.kinds.items() if kind == "date"]
        return plain + [f"{name} ({part})" for name in dates for part in DATE_PARTS]

    @property
    def categories(self) -> list[str]:
        """The names of the columns with categories."""
        return [name for name, kind in self.kinds.items() if kind == "category"]

    def values(self, table: Table) -> pd.DataFrame:
        """Return a table's numbers as floats (NaN: missing), and its categories as text.

        Raises TableError for a column that is not there, and, with the line, for text where numbers
        or dates are expected.
        """
        return self.read(table)[0]

    def read(self, table: Table) -> tuple[pd.DataFrame, list[str]]:
        """Return that, and in sentences which numbers are not written as they were learned."""
        notes = []
        parts: dict[str, Any] = {}
        dates: dict[str, Any] = {}
        for name, kind in self.kinds.items():
            cells = without_words(find_column(table, name))
            if kind == "number":
                numbers, written, note = self.numbers_in(cells, table)
                parts[name] = finite(numbers, cells, table, written)
                notes += [f"in column {name} {note}"] if note else []
            elif kind == "date":
                known = self.written.get(name)
                dates |= _date_parts(cells, known if isinstance(known, Dates) else Dates(), table)
        parts |= dates
        for name in self.categories:
            cells = same_truths(without_words(find_column(table, name)))
            parts[name] = cells.fillna(MISSING).astype(object)
        return pd.DataFrame(parts, index=table.frame.index), notes

    def numbers_in(self, cells: pd.Series, table: Table) -> tuple[pd.Series, Numerals, str]:
        """Return a column as floats, NaN where there is none, how, and a note if not as learned.

        What was learned holds, unless most cells can't be read by it, or more can be with the same
        mark before the decimals, in no other unit.
        """
        learned, there = self.written.get(str(cells.name)), cells.dropna()
        own, note = quantity_of(there, table.mark, table.sign)
        if not isinstance(learned, Numerals):
            return own.floats(cells), own, note
        read = learned.floats(cells)
        if own == learned and not note and own.unit != "%":
            return read, learned, ""
        found = read if own == learned else own.floats(cells)
        better = found.notna().sum() > read.notna().sum()
        fits = own.unit in ("", learned.unit) or not learned.unit
        most = read.notna().sum() >= MOSTLY * len(there)
        if better and fits and (not most or own.decimal == learned.decimal):
            return found, own, note or manner(learned, own)
        return read, learned, clash(learned, own, note, there)

    def differing(self, table: Table) -> list[str]:
        """Say which numbers of a table are not written as they were learned."""
        return self.read(table)[1]


def read_columns(
    table: Table, target: str, keep: Sequence[str] = (), category: Sequence[str] = ()
) -> Columns:
    """Return what each column but the target is.

    Those in ``keep`` are not left out, those in ``category`` are categories whatever they hold.
    Raises TableError if none can be learned from, or one of these is not there, empty or the
    target.
    """
    find_column(table, target)
    for name in (*keep, *category):
        if find_column(table, name).isna().all():
            raise TableError(f"{table.name} has no value in the column {name}, which can't be kept")
        if name == target:
            raise TableError(f"{name} is the column to predict; it can't be kept to learn from")
    found = {
        name: _CATEGORY
        if name in category
        else _read(without_words(table.frame[name]), table, keep=name in keep)
        for name in table.frame.columns
        if name != target
    }
    ignored = {name: one.why for name, one in found.items() if one.kind is None}
    kinds = {name: one.kind for name, one in found.items() if one.kind is not None}
    if not kinds:
        why = listed([f"{name}: {reason}" for name, reason in ignored.items()], 4)
        raise TableError(
            f"{table.name} has no column to predict {target} from"
            + (f" ({why}); --keep COLUMN keeps one" if why else "")
        )
    written = {name: one.written for name, one in found.items() if one.written is not None}
    return Columns(kinds, ignored, written, [one.note for one in found.values() if one.note])


def find_column(table: Table, name: str) -> pd.Series:
    """Return a column; raise TableError, listing those that are there, if it is not."""
    if name in table.frame.columns:
        return table.frame[name]
    names = [str(known) for known in table.frame.columns]
    lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), lower, 1)
    mend = f"did you mean {lower[near[0]]!r}? " if near else ""
    raise TableError(f"{table.name} has no column {name!r}; {mend}it has {listed(names)}")


def numbers_of(cells: pd.Series, table: Table, written: Numerals | None = None) -> pd.Series:
    """Return a column of text as floats; raise TableError for a cell that is no finite number."""
    return finite(as_numbers(cells, table, written), cells, table, written)


def finite(
    numbers: pd.Series, cells: pd.Series, table: Table, written: Numerals | None = None
) -> pd.Series:
    """Return what was read of cells; raise TableError for one that is no finite number."""
    wrong = cells.notna() & ~(numbers.abs() <= LARGEST)
    if wrong.any():
        row = wrong.idxmax()
        what = f"{str(cells[row])[:40]!r}"
        what = f"the infinite or huge number {what}" if numbers[row] == numbers[row] else what
        unit = f" in {written.unit}" if written is not None and written.unit else ""
        raise TableError(
            f"{table.name} has {what} in the column {cells.name}, line {row}, where a number{unit} "
            "is expected; mend the cell or leave it empty"
        )
    return numbers


def as_numbers(cells: pd.Series, table: Table, written: Numerals | None = None) -> pd.Series:
    """Return a column of text as floats, NaN where there is no number.

    How they are ``written`` is told, or else found in the cells and the table.
    """
    return (written or numerals_of(cells, table.mark, table.sign)[0]).floats(cells)


@dataclass(frozen=True)
class _Column:
    """What was found out about a column."""

    kind: Kind | None = None
    why: str = ""
    """Why it is left out."""
    written: Numerals | Dates | None = None
    note: str = ""


def _read(cells: pd.Series, table: Table, *, keep: bool) -> _Column:
    """Return the kind of a column, or why it is left out."""
    there = cells.dropna()
    if there.empty:
        return _Column(why="all of its values are missing")
    if not keep and there.nunique() == 1 and len(there) == len(cells):
        return _Column(why="the same in every row")
    if are_codes(there):
        return _texts(there, keep=keep)
    written, note = numerals_of(there, table.mark, table.sign)
    numbers = written.floats(cells)
    if numbers.notna().sum() < MOSTLY * len(there):
        return _words(there, table, keep=keep)
    if _counts(finite(numbers, cells, table, written)) and not keep:
        return _Column(why="it counts the rows")
    return _Column("number", "", written, f"in column {cells.name} {note}" if note else "")


def _words(there: pd.Series, table: Table, *, keep: bool) -> _Column:
    """Return the kind of a column without plain numbers: dates, numbers of a unit or categories."""
    try:
        dates = dates_in(there)
    except TableError as error:
        return _CATEGORY if keep else _Column(why=f"it has {error}")
    if dates is not None:
        return _Column("date", "", dates[0], dates[1].format(there.name))
    written, note = quantity_of(there, table.mark, table.sign)
    if written.floats(there).notna().all():
        return _Column("number", "", written, f"in column {there.name} {note}")
    found = _texts(there, keep=keep)
    if units := several_units(there):
        if found.kind is None:
            return _Column(why=f"it has numbers in several units ({units}); write them in one")
        told = f"column {there.name} has numbers in several units ({units}): they are categories"
        return _Column(found.kind, note=told)
    return found


def _texts(there: pd.Series, *, keep: bool) -> _Column:
    """Return a category, unless most rows have one of their own."""
    many = there.nunique() > max(NAMES * len(there), 10)
    if many and not keep:
        return _Column(why="most rows have a text of their own")
    return _Column("category", note=only_case(there))


_CATEGORY = _Column("category")


def _counts(numbers: pd.Series) -> bool:
    """Tell a column that only counts the rows."""
    named = str(numbers.name).lower() in COUNTERS or str(numbers.name).startswith("column ")
    away = numbers.to_numpy() - numbers.index.to_numpy()
    # from 0 or 1 on; the first row is in line 2. Years that follow each other are no count
    first = named and away[0] in (-2, -1)
    return bool(first and len(away) > 2 and (away == away[0]).all())


def _date_parts(cells: pd.Series, written: Dates, table: Table) -> dict[str, np.ndarray]:
    """Return the days since 1970 and the place in the year of a column of dates."""
    moments = written.moments(cells)
    wrong = cells.notna() & moments.isna()
    if wrong.any():
        row = wrong.idxmax()
        raise TableError(
            f"{table.name} has {str(cells[row])[:40]!r} in the column {cells.name}, line {row}, "
            f"where a date {written} is expected; mend the cell or leave it empty"
        )
    start = pd.Timestamp("1970-01-01", tz="UTC")  # of 0 it would be in ns, which end in 2262
    days = ((moments - start) / pd.Timedelta(days=1)).to_numpy(float)
    angle = 2 * np.pi * days / YEAR
    values = (days, np.sin(angle), np.cos(angle))
    return {f"{cells.name} ({part})": v for part, v in zip(DATE_PARTS, values, strict=True)}
