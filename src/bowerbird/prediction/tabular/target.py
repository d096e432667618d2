"""What is predicted: a number (regression) or one of several classes, and how that was decided.

Text is a class, also "none", "na" or "null", which are gaps among numbers; so are codes, digits of
one length of which some begin with 0. Numbers are a quantity,
unless they are whole and at most ten different ones occur five times each on average, or only two
different ones occur at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.categories import are_codes, only_case, same_truths
from bowerbird.prediction.data.columns import find_column, numbers_of
from bowerbird.prediction.data.numbers import MOSTLY, Numerals, several_units
from bowerbird.prediction.data.quantities import quantity_of
from bowerbird.prediction.data.table import Table, listed, without_words

Task = Literal["auto", "regression", "classification"]
MOST_CODES = 10  # different whole numbers that may be classes
OFTEN = 5  # rows that each of these needs on average
MOST_CLASSES = 100
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Target:
    """The column that is predicted."""

    name: str
    classes: tuple[str, ...] = ()
    """Names of the classes, sorted; none: it is a number."""
    why: str = ""
    """Why it is one or the other."""
    note: str = field(default="", compare=False)
    """What was taken for granted."""

    def __post_init__(self) -> None:
        if len(self.classes) == 1:
            raise ValueError("a target has two or more classes, or none and is a number")

    @property
    def task(self) -> str:
        """regression or classification."""
        return "classification" if self.classes else "regression"

    @property
    def outputs(self) -> int:
        """Numbers that a network returns for a row."""
        return len(self.classes) or 1

    def as_json(self) -> dict[str, Any]:
        """Return what `target_from` needs."""
        return {"name": self.name, "classes": list(self.classes), "why": self.why}


def target_from(told: Mapping[str, Any]) -> Target:
    """Return the target that a model file tells of; raise ValueError if it makes no sense."""
    return Target(str(told["name"]), tuple(map(str, told["classes"])), str(told["why"]))


def read_target(table: Table, name: str, task: Task = "auto") -> tuple[Target, Table, np.ndarray]:
    """Return the target, the rows that have one, and their values: numbers or class numbers.

    Raises TableError for a target that is not there, is missing or the same in every row, has too
    few rows, or does not fit the task.
    """
    cells = find_column(table, name)
    there = without_words(cells).dropna()
    written, note = quantity_of(there, table.mark, table.sign)
    if not written.floats(there).notna().mean() >= MOSTLY:
        there = cells.dropna()  # where there are words, none may be one of the classes
    if there.empty:
        raise TableError(f"{table.name} has no value in the column {name}; nothing can be learned")
    table = table.part(there.index)
    classify, why = _decide(there, table, task, written)
    if (same_truths(there) if classify else there).nunique() == 1:
        raise TableError(
            f"{table.name} has {str(there.iloc[0])[:40]!r} in every row of {name}; there must be "
            "two different values at least"
        )
    if len(there) < FEWEST_ROWS:
        raise TableError(
            f"{table.name} has {len(there)} rows with a {name}; {FEWEST_ROWS} are needed at least"
        )
    if classify:
        return _classes(there, table, why, written)
    numbers = numbers_of(there, table, written).to_numpy()
    note = f"in column {name} {note}" if note else ""
    return Target(name, (), why, note), table, numbers


def _decide(cells: pd.Series, table: Table, task: Task, written: Numerals) -> tuple[bool, str]:
    """Return whether to classify, and why."""
    name = cells.name
    if task != "auto":
        return task == "classification", f"{task}, as you said"
    numbers = written.floats(cells)
    different = cells.nunique()
    if numbers.notna().mean() < MOSTLY:
        return True, f"classification, because {name} is text with {different} different values"
    if are_codes(cells):
        return True, f"classification, because {name} has codes that begin with 0"
    numbers_of(cells, table, written)
    if different == 2:
        return True, f"classification, because {name} has two different values"
    whole = bool((numbers == numbers.round()).all())
    if whole and different <= MOST_CODES and OFTEN * different <= len(cells):
        return True, f"classification, because {name} has only {different} different whole numbers"
    kind = "whole numbers" if whole else "numbers"
    return False, f"regression, because {name} has {different} different {kind}"


def _classes(
    cells: pd.Series, table: Table, why: str, written: Numerals
) -> tuple[Target, Table, np.ndarray]:
    merged = same_truths(cells)
    cells = merged if merged.nunique() < cells.nunique() else cells
    counts = cells.value_counts()
    units = several_units(cells)
    if len(counts) > min(MOST_CLASSES, len(cells) // 2):
        if units:
            raise TableError(
                f"{table.name} has {cells.name} in several units ({units}), which is no one "
                "quantity to predict; write it in one"
            )
        raise TableError(
            f"{table.name} has {len(counts)} different values of {cells.name} in {len(cells)} "
            "rows, too many for classes; name another column, or say --task regression for numbers"
        )
    if counts.min() < 2:
        once = listed(list(counts.index[counts < 2]), 5)
        raise TableError(
            f"{table.name} has only one row with the {cells.name} {once}; give each class two rows "
            "at least, or leave these out"
        )
    numbers = written.floats(pd.Series(counts.index, dtype=object))
    by_number = numbers.notna().all()
    names = [str(counts.index[i]) for i in numbers.argsort()] if by_number else sorted(counts.index)
    codes = cells.map({known: code for code, known in enumerate(names)})
    note = f"{cells.name} is in several units ({units}): its values are classes" if units else ""
    note = note or only_case(cells)
    return Target(str(cells.name), tuple(names), why, note), table, codes.to_numpy(np.int64)
