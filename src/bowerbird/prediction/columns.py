"""What each column of a table is: numbers, dates, categories, or nothing to learn from.

A column is what all of its cells are. Where nine in ten cells are numbers, the others are taken for
mistakes and named. Dates become days since 1970 and the angle of the day within the year (sine and
cosine). Left out, with the reason: what is missing or the same in every row, numbers of rows, and
texts of which more than half are different (names, addresses).
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from bowerbird.prediction.frames import Table, TableError, listed, without_words

Kind = Literal["number", "date", "category"]

MOSTLY = 0.9  # share of numbers from which on the rest are mistakes
NAMES = 0.5  # share of different texts from which on they are names
DATE = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
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
        parts: dict[str, Any] = {}
        dates: dict[str, Any] = {}
        for name, kind in self.kinds.items():
            cells = without_words(find_column(table, name))
            if kind == "number":
                parts[name] = numbers_of(cells, table)
            elif kind == "date":
                dates |= _date_parts(cells, name, table)
        parts |= dates
        for name in self.categories:
            cells = without_words(find_column(table, name))
            parts[name] = cells.fillna(MISSING).astype(object)
        return pd.DataFrame(parts, index=table.frame.index)


def read_columns(table: Table, target: str) -> Columns:
    """Return what each column but the target is; raise TableError if none can be learned from."""
    find_column(table, target)
    kinds: dict[str, Kind] = {}
    ignored: dict[str, str] = {}
    for name in table.frame.columns:
        if name == target:
            continue
        found = _kind(without_words(table.frame[name]), table)
        if found in get_args(Kind):
            kinds[name] = found
        else:
            ignored[name] = found
    if not kinds:
        why = listed([f"{name}: {reason}" for name, reason in ignored.items()], 4)
        raise TableError(
            f"{table.name} has no column to predict {target} from" + (f" ({why})" if why else "")
        )
    return Columns(kinds, ignored)


def find_column(table: Table, name: str) -> pd.Series:
    """Return a column; raise TableError, listing those that are there, if it is not."""
    if name in table.frame.columns:
        return table.frame[name]
    names = [str(known) for known in table.frame.columns]
    lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), lower, 1)
    mend = f"did you mean {lower[near[0]]!r}? " if near else ""
    raise TableError(f"{table.name} has no column {name!r}; {mend}it has {listed(names)}")


def numbers_of(cells: pd.Series, table: Table) -> pd.Series:
    """Return a column of text as floats; raise TableError for a cell that is no finite number."""
    numbers = as_numbers(cells, table.comma)
    wrong = cells.notna() & ~(numbers.abs() <= LARGEST)
    if wrong.any():
        row = wrong.idxmax()
        what = f"{str(cells[row])[:40]!r}"
        what = f"the infinite or huge number {what}" if numbers[row] == numbers[row] else what
        raise TableError(
            f"{table.name} has {what} in the column {cells.name}, line {row}, where a number is "
            "expected; mend the cell or leave it empty"
        )
    return numbers


def as_numbers(cells: pd.Series, comma: bool) -> pd.Series:
    """Return a column of text as floats, NaN where there is no number."""
    if comma:
        cells = cells.str.replace(r"^([-+]?\d*),(\d+)$", r"\1.\2", regex=True)
    return pd.to_numeric(cells, errors="coerce").astype(float)


def _kind(cells: pd.Series, table: Table) -> Any:
    """Return the kind of a column, or why it is left out."""
    there = cells.dropna()
    if there.empty:
        return "all of its values are missing"
    if there.nunique() == 1 and len(there) == len(cells):
        return "the same in every row"
    numbers = as_numbers(there, table.comma)
    share = numbers.notna().mean()
    if share >= MOSTLY:
        numbers_of(cells, table)
        away = numbers.to_numpy() - there.index.to_numpy()
        # from 0 or 1 on; the first row is in line 2. Years that follow each other are no count
        named = str(cells.name).lower() in COUNTERS or str(cells.name).startswith("column ")
        first = named and away[0] in (-2, -1)
        counts = first and len(there) == len(cells) > 2 and bool((away == away[0]).all())
        return "it counts the rows" if counts else "number"
    if there.str.fullmatch(DATE).all():
        return "date"
    if there.nunique() > max(NAMES * len(there), 10):
        return "most rows have a text of their own"
    return "category"


def _date_parts(cells: pd.Series, name: str, table: Table) -> dict[str, np.ndarray]:
    """Return the days since 1970 and the place in the year of a column of dates."""
    known = cells.where(cells.isna() | cells.str.fullmatch(DATE).astype(bool))
    moments = pd.to_datetime(known, errors="coerce", format="ISO8601", utc=True)
    wrong = cells.notna() & moments.isna()
    if wrong.any():
        row = wrong.idxmax()
        raise TableError(
            f"{table.name} has {str(cells[row])[:40]!r} in the column {name}, line {row}, where a "
            "date such as 2026-01-31 is expected; mend the cell or leave it empty"
        )
    days = ((moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(float)
    angle = 2 * np.pi * days / YEAR
    values = (days, np.sin(angle), np.cos(angle))
    return {f"{name} ({part})": v for part, v in zip(DATE_PARTS, values, strict=True)}
