"""What each column of a table is: numbers, dates, categories, or not used.

A column is what all of its cells are; where nine in ten are numbers, the others are mistakes and
reported. Dates become days since 1970 and the angle of the day in the year (sine and cosine). Not
used, with the reason, unless asked for by name: columns that are empty or the same in every row,
row numbers, texts of which more than half are different (names, addresses), dates that can be read
in two ways. Digits of one length, some with a leading zero (postal codes), are categories. How
numbers and dates are written is part of the result, so that new rows are read alike.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.categories import are_codes, case_note, lower_booleans
from bowerbird.prediction.data.dates import DateFormat, detect_date_format
from bowerbird.prediction.data.numbers import (
    MIN_FRACTION,
    NAMES,
    NumberFormat,
    detect_number_format,
    detect_quantity_format,
    format_difference,
    several_units,
)
from bowerbird.prediction.data.sentinels import (
    find_sentinels,
    sentinel_note,
    without_sentinels,
)
from bowerbird.prediction.data.table import Table, missing_words_to_nan, shortened

Kind = Literal["number", "date", "category"]

MAX_UNIQUE_FRACTION = 0.5  # of different texts, above which they are names
MISSING = "(missing)"  # the category of an empty cell
DATE_PARTS = ("day", "year sine", "year cosine")
YEAR = 365.2425  # days
# names of columns that only number the rows; under another name such a column may be informative
COUNTERS = ("index", "id", "row", "no", "no.", "nr", "nr.", "number", "count", "#", "unnamed: 0")
IDENTIFIERS = ("id", "ids", "idx", "uid", "uuid", "guid", "pk", "rownames", "rowid")
IDENTIFIED = re.compile(
    "(passenger|customer|client|user|order|product|patient|student|member|account|employee|record"
    "|sample|transaction|invoice|case|subject|row|loan)[ _]?(id|no|nr|num|number)",
    re.IGNORECASE,
)
MAX_NUMBER = 1e150  # whose square, in a variance, is still finite


@dataclass(frozen=True)
class Columns:
    """The columns that are used as inputs, and why the others are not."""

    kinds: Mapping[str, Kind]
    ignored: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, NumberFormat | DateFormat] = field(default_factory=dict)
    """How numbers and dates are written; for columns without, it is detected in each table."""
    notes: Sequence[str] = field(default=(), compare=False)
    """Assumptions, as sentences."""
    sentinels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Numbers that stand for missing ones, such as -9999."""

    def __post_init__(self) -> None:
        if unknown := [k for k in self.kinds.values() if k not in get_args(Kind)]:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(get_args(Kind))}")

    @property
    def numbers(self) -> list[str]:
        """The names of the numeric columns of ``values``."""
        plain = [name for name, kind in self.kinds.items() if kind == "number"]
        dates = [name for name, kind in self.kinds.items() if kind == "date"]
        return plain + [f"{name} ({part})" for name in dates for part in DATE_PARTS]

    @property
    def categories(self) -> list[str]:
        """The names of the columns with categories."""
        return [name for name, kind in self.kinds.items() if kind == "category"]

    def values(self, table: Table) -> pd.DataFrame:
        """Return a table's numbers as floats (NaN: missing) and its categories as text.

        Raises TableError for a missing column and, with the line, for text where numbers or dates
        are expected.
        """
        return self.parse(table)[0]

    def parse(self, table: Table) -> tuple[pd.DataFrame, list[str]]:
        """Return ``values``, and notes on numbers that are not written as in the training table."""
        notes = []
        numbers: dict[str, pd.Series] = {}
        dates: dict[str, np.ndarray] = {}
        categories: dict[str, pd.Series] = {}
        for name, kind in self.kinds.items():
            cells = missing_words_to_nan(find_column(table, name))
            if kind == "number":
                read, note = self._parse_numbers(cells, table)
                numbers[name] = without_sentinels(read, self.sentinels.get(name, ()))
                notes += [f"in column {name} {note}"] if note else []
            elif kind == "date":
                known = self.formats.get(name)
                form = known if isinstance(known, DateFormat) else DateFormat()
                times = form.parse(cells)
                if (wrong := cells.notna() & times.isna()).any():
                    raise _refusal(cells, wrong, table, f"date {form}")
                dates |= date_parts(name, times)
            else:
                categories[name] = lower_booleans(cells).fillna(MISSING).astype(object)
        return pd.DataFrame(numbers | dates | categories, index=table.frame.index), notes

    def _parse_numbers(self, cells: pd.Series, table: Table) -> tuple[pd.Series, str]:
        """Return a column as floats, and a note if they are not written as in training.

        The known format applies, unless it fits less than most cells, or fewer than another format
        with the same decimal mark and no other unit does.
        """
        known, present = self.formats.get(str(cells.name)), cells.dropna()
        detected, note = detect_quantity_format(present, table.decimal_mark, table.delimiter)
        if not isinstance(known, NumberFormat):
            return _finite(detected.parse(cells), cells, table, detected), note
        numbers = known.parse(cells)
        if detected == known and not note and detected.unit != "%":
            return _finite(numbers, cells, table, known), ""
        others = numbers if detected == known else detected.parse(cells)
        is_better = others.notna().sum() > numbers.notna().sum()
        same_unit = detected.unit in ("", known.unit) or not known.unit
        fits = numbers.notna().sum() >= MIN_FRACTION * len(present)
        if is_better and same_unit and (not fits or detected.decimal == known.decimal):
            if not note and detected.decimal != known.decimal:
                marks = NAMES[detected.decimal], NAMES[known.decimal]
                note = f"numbers have a {marks[0]} instead of a {marks[1]}"
            return _finite(others, cells, table, detected), note
        note = format_difference(known, detected, note, present)
        return _finite(numbers, cells, table, known), note


def read_columns(
    table: Table, target: str, keep: Sequence[str] = (), category: Sequence[str] = ()
) -> Columns:
    """Return what each column but the target is.

    Columns in ``keep`` are always used; those in ``category`` are categories whatever they contain.
    Raises TableError if no column can be used, or if one of these is missing, empty or the target.
    """
    find_column(table, target)
    for name in (*keep, *category):
        if find_column(table, name).isna().all():
            raise TableError(f"{table.name} has no value in the column {name}, which can't be used")
        if name == target:
            raise TableError(f"{name} is the column to predict; it can't be an input too")
    columns = {
        name: _CATEGORY
        if name in category
        else _read_column(missing_words_to_nan(table.frame[name]), table, keep=name in keep)
        for name in table.frame.columns
        if name != target
    }
    ignored = {name: column.reason for name, column in columns.items() if column.kind is None}
    kinds = {name: column.kind for name, column in columns.items() if column.kind is not None}
    if not kinds:
        reasons = shortened([f"{name}: {reason}" for name, reason in ignored.items()], 4)
        raise TableError(
            f"{table.name} has no column to predict {target} from"
            + (f" ({reasons}); --keep COLUMN uses one anyway" if reasons else "")
        )
    formats = {name: column.format for name, column in columns.items() if column.format}
    notes = [c.note for c in columns.values() if c.note]
    sentinels = {name: column.sentinels for name, column in columns.items() if column.sentinels}
    return Columns(kinds, ignored, formats, notes, sentinels)


def find_column(table: Table, name: str) -> pd.Series:
    """Return a column; raise TableError, listing the columns, if it does not exist."""
    if name in table.frame.columns:
        return table.frame[name]
    names = [str(known) for known in table.frame.columns]
    lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), lower, 1)
    hint = f"did you mean {lower[close[0]]!r}? " if close else ""
    raise TableError(f"{table.name} has no column {name!r}; {hint}it has {shortened(names)}")


def parse_numbers(cells: pd.Series, table: Table, form: NumberFormat) -> pd.Series:
    """Return a column of text as floats; raise TableError for a cell without a finite number."""
    return _finite(form.parse(cells), cells, table, form)


def _finite(numbers: pd.Series, cells: pd.Series, table: Table, form: NumberFormat) -> pd.Series:
    """Return the numbers parsed from cells; raise TableError for a cell without a finite one."""
    wrong = cells.notna() & ~(numbers.abs() <= MAX_NUMBER)
    if wrong.any():
        kind = "" if np.isnan(numbers[wrong.idxmax()]) else "the infinite or huge number "
        unit = f" in {form.unit}" if form.unit else ""
        raise _refusal(cells, wrong, table, f"number{unit}", kind)
    return numbers


def _refusal(
    cells: pd.Series, wrong: pd.Series, table: Table, expected: str, kind: str = ""
) -> TableError:
    """Return the error for the first wrong cell of a column."""
    line = wrong.idxmax()
    return TableError(
        f"{table.name} has {kind}{str(cells[line])[:40]!r} in the column {cells.name}, line "
        f"{line}, where a {expected} is expected; correct the cell or leave it empty"
    )


@dataclass(frozen=True)
class _Column:
    """What was found out about a column."""

    kind: Kind | None = None
    reason: str = ""
    """Why it is not used."""
    format: NumberFormat | DateFormat | None = None
    note: str = ""
    sentinels: tuple[float, ...] = ()


_CATEGORY = _Column("category")


def _read_column(cells: pd.Series, table: Table, *, keep: bool) -> _Column:
    """Return the kind of a column, or why it is not used."""
    present = cells.dropna()
    if present.empty:
        return _Column(reason="all of its values are missing")
    if not keep and present.nunique() == 1 and len(present) == len(cells):
        return _Column(reason="it is the same in every row")
    if are_codes(present):
        return _read_texts(present, keep=keep)
    form, note = detect_number_format(present, table.decimal_mark, table.delimiter)
    numbers = form.parse(cells)
    if numbers.notna().sum() < MIN_FRACTION * len(present):
        return _read_words(present, table, keep=keep)
    reason = "" if keep else _row_names(_finite(numbers, cells, table, form))
    if reason:
        return _Column(reason=reason)
    note = f"in column {cells.name} {note}" if note else ""
    if sentinels := find_sentinels(numbers):
        read_as = sentinel_note(cells.name, numbers, sentinels)
        note = f"{note}; {read_as}" if note else read_as
    return _Column("number", "", form, note, sentinels)


def _read_words(present: pd.Series, table: Table, *, keep: bool) -> _Column:
    """Return the kind of a column without plain numbers: dates, quantities or categories."""
    try:
        dates = detect_date_format(present)
    except TableError as error:
        return _CATEGORY if keep else _Column(reason=f"it has {error}")
    if dates is not None:
        return _Column("date", "", dates[0], dates[1].format(present.name))
    form, note = detect_quantity_format(present, table.decimal_mark, table.delimiter)
    if form.parse(present).notna().all():
        return _Column("number", "", form, f"in column {present.name} {note}")
    column = _read_texts(present, keep=keep)
    if units := several_units(present):
        if column.kind is None:
            return _Column(reason=f"it has numbers in several units ({units}); use one unit")
        note = f"column {present.name} has numbers in several units ({units}): they are categories"
        return _Column(column.kind, note=note)
    return column


def _read_texts(present: pd.Series, *, keep: bool) -> _Column:
    """Return a category, unless most rows have a text of their detected."""
    if not keep and present.nunique() > max(MAX_UNIQUE_FRACTION * len(present), 10):
        return _Column(reason="most rows have a text of their own")
    return _Column("category", note=case_note(present))


def _is_counter(numbers: pd.Series) -> bool:
    """Return whether a column only numbers the rows, from 0 or 1 on, by its name too."""
    named = str(numbers.name).lower() in COUNTERS or str(numbers.name).startswith("column ")
    away = numbers.to_numpy() - numbers.index.to_numpy()
    # the first row is in line 2; consecutive years do not number the rows
    starts = named and away[0] in (-2, -1)
    return bool(starts and len(away) > 2 and (away == away[0]).all())


def _row_names(numbers: pd.Series) -> str:
    """Return why a column of numbers only names the rows, or nothing."""
    if _is_counter(numbers):
        return "it numbers the rows"
    return "it identifies the rows" if is_identifier(numbers) else ""


def is_identifier(numbers: pd.Series) -> bool:
    """Return whether a column has a name like PassengerId, and another integer in each row."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", str(numbers.name))
    named = bool(words and words[-1].lower() in IDENTIFIERS)
    named = named or bool(IDENTIFIED.fullmatch(str(numbers.name)))
    whole = numbers.dropna()
    return named and len(whole) > 2 and whole.is_unique and bool((whole == whole.round()).all())


def date_parts(name: object, times: pd.Series) -> dict[str, np.ndarray]:
    """Return UTC timestamps as days since 1970, and sine and cosine of the day in the year."""
    start = pd.Timestamp("1970-01-01", tz="UTC")  # Timestamp(0) would be in ns, which end in 2262
    days = ((times - start) / pd.Timedelta(days=1)).to_numpy(float)
    angle = 2 * np.pi * days / YEAR
    values = (days, np.sin(angle), np.cos(angle))
    return {f"{name} ({part})": v for part, v in zip(DATE_PARTS, values, strict=True)}
