"""What is predicted: a number (regression) or one of several classes, and how that is decided.

Text is a class, also "none", "na" or "null", which are missing among numbers; so are codes, digits
of one length of which some start with 0. Other numbers are a quantity, unless they are integers of
which at most ten different ones occur five times each on average, or there are only two values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.categories import are_codes, case_note, lower_booleans
from bowerbird.prediction.data.columns import Columns, find_column, parse_numbers, read_columns
from bowerbird.prediction.data.numbers import (
    MIN_FRACTION,
    NumberFormat,
    detect_quantity_format,
    several_units,
)
from bowerbird.prediction.data.sentinels import (
    find_sentinels,
    sentinel_note,
    without_sentinels,
)
from bowerbird.prediction.data.table import Table, missing_words_to_nan, shortened
from bowerbird.prediction.tabular.config import TableConfig, Task

MAX_INTEGER_CLASSES = 10  # different integers that may be classes
MIN_ROWS_PER_INTEGER = 5  # on average
MAX_CLASSES = 100
MIN_ROWS = 10


@dataclass(frozen=True)
class Target:
    """The column that is predicted."""

    name: str
    classes: tuple[str, ...] = ()
    """Names of the classes, sorted; empty for a number."""
    reason: str = ""
    """Why it is one or the other."""
    note: str = field(default="", compare=False)
    """What was assumed."""
    minimum: float | None = None
    """What a number can't be below: 0 if none is negative in the training table."""
    maximum: float | None = None
    """What it can't be above: 100 of percentages, if none is above in the training table."""

    def __post_init__(self) -> None:
        if len(self.classes) == 1:
            raise ValueError("classes must be empty or at least two, got one")

    @property
    def task(self) -> str:
        """regression or classification."""
        return "classification" if self.classes else "regression"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Target":
        """Return the target in a model file; raise ValueError if it is invalid."""
        ends = (None if values[n] is None else float(values[n]) for n in ("minimum", "maximum"))
        minimum, maximum = ends
        return cls(
            str(values["name"]),
            tuple(map(str, values["classes"])),
            str(values["reason"]),
            minimum=minimum,
            maximum=maximum,
        )

    def within(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers between minimum and maximum; infinite ends of intervals stay."""
        if self.minimum is None and self.maximum is None:
            return numbers
        inside = np.clip(numbers, self.minimum, self.maximum)
        return np.where(np.isfinite(numbers), inside, numbers)


@dataclass(frozen=True, eq=False)
class Problem:
    """A target, its inputs, and the rows that have one."""

    target: Target
    columns: Columns
    table: Table
    """The rows that have a target."""
    truth: np.ndarray
    """(n,) numbers, or class indices."""


def read_problem(table: Table, target: str, config: TableConfig) -> Problem:
    """Read a table's target and columns; raise TableError if no model can be trained on them."""
    read, rows, truth = read_target(table, target, config.task)
    return Problem(read, read_columns(rows, target, config.keep, config.category), rows, truth)


def read_target(table: Table, name: str, task: Task = "auto") -> tuple[Target, Table, np.ndarray]:
    """Return the target, the rows that have one, and their values: numbers or class indices.

    Raises TableError for a target that does not exist, is missing or the same in every row, has too
    few rows, or does not fit the task.
    """
    cells = find_column(table, name)
    present = missing_words_to_nan(cells).dropna()
    form, note = detect_quantity_format(present, table.decimal_mark, table.delimiter)
    if not form.parse(present).notna().mean() >= MIN_FRACTION:
        present = cells.dropna()  # among texts, "none" may be a class
    if present.empty:
        raise TableError(f"{table.name} has no value in the column {name}; name another --target")
    table = table.select(present.index)
    is_class, reason = _decide(present, table, task, form)
    if (lower_booleans(present) if is_class else present).nunique() == 1:
        raise TableError(
            f"{table.name} has {str(present.iloc[0])[:40]!r} in every row of {name}; at least two "
            "different values are needed"
        )
    if len(present) < MIN_ROWS:
        raise TableError(
            f"{table.name} has {len(present)} rows with a {name}; at least {MIN_ROWS} are needed"
        )
    if is_class:
        return _read_classes(present, table, reason, form)
    read = parse_numbers(present, table, form)
    notes = [f"in column {name} {note}"] if note else []
    if sentinels := find_sentinels(read):
        notes.append(sentinel_note(name, read, sentinels))
        read = without_sentinels(read, sentinels).dropna()
        table = table.select(read.index)
    numbers = read.to_numpy()
    minimum = 0.0 if (numbers >= 0).all() else None
    maximum = 100.0 if form.unit == "%" and (numbers <= 100).all() else None
    note = "; ".join(notes)
    return Target(name, (), reason, note, minimum, maximum), table, numbers


def _decide(cells: pd.Series, table: Table, task: Task, form: NumberFormat) -> tuple[bool, str]:
    """Return whether the target is a class, and why."""
    name = cells.name
    if task != "auto":
        return task == "classification", f"{task}, as requested"
    numbers = form.parse(cells)
    different = cells.nunique()
    if numbers.notna().mean() < MIN_FRACTION:
        return True, f"classification, because {name} is text with {different} different values"
    if are_codes(cells):
        return True, f"classification, because {name} has codes that start with 0"
    parse_numbers(cells, table, form)
    if different == 2:
        return True, f"classification, because {name} has two different values"
    integers = bool((numbers == numbers.round()).all())
    few = different <= MAX_INTEGER_CLASSES and MIN_ROWS_PER_INTEGER * different <= len(cells)
    if integers and few:
        return True, f"classification, because {name} has only {different} different integers"
    kind = "integers" if integers else "numbers"
    return False, f"regression, because {name} has {different} different {kind}"


def _read_classes(
    cells: pd.Series, table: Table, reason: str, form: NumberFormat
) -> tuple[Target, Table, np.ndarray]:
    merged = lower_booleans(cells)
    cells = merged if merged.nunique() < cells.nunique() else cells
    counts = cells.value_counts()
    units = several_units(cells)
    if len(counts) > min(MAX_CLASSES, len(cells) // 2):
        if units:
            raise TableError(
                f"{table.name} has {cells.name} in several units ({units}), which can't be "
                "predicted as one quantity; use one unit"
            )
        raise TableError(
            f"{table.name} has {len(counts)} different values of {cells.name} in {len(cells)} "
            "rows, too many for classes; name another --target, or use --task regression for "
            "numbers"
        )
    if counts.min() < 2:
        single = shortened(list(counts.index[counts < 2]), 5)
        raise TableError(
            f"{table.name} has only one row with the {cells.name} {single}; add rows, so that each "
            "class has at least two, or remove these"
        )
    numbers = form.parse(pd.Series(counts.index, dtype=object))
    if numbers.notna().all():
        names = [str(counts.index[i]) for i in numbers.argsort()]
    else:
        names = sorted(counts.index)
    codes = cells.map({known: code for code, known in enumerate(names)})
    note = f"{cells.name} is in several units ({units}): its values are classes" if units else ""
    target = Target(str(cells.name), tuple(names), reason, note or case_note(cells))
    return target, table, codes.to_numpy(np.int64)
