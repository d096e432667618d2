"""A table in a file, as text, with names in its first line.

Every cell is read as text, block by block; which columns are numbers is another question
(`columns`). Of a table with more rows than can be learned from, so many are drawn that each row has
the same chance, so memory does not grow with the file.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.delimited_file import SIGNS, TableFile, look_into
from bowerbird.prediction.data.numbers import Mark, usual_mark

MISSING = ("", "?", "-", "--", ".", "n/a", "nan")  # in any case
WORDS = ("na", "null", "none", "missing")  # so too, but where they may be the name of a class
BLOCK = 20_000  # rows that are read at once
DATED = re.compile(r"\d{4}[-/.]\d{1,2}([-/.T ].*)?")


@dataclass(frozen=True, eq=False)
class Table:
    """What a file holds."""

    name: str
    frame: pd.DataFrame
    """Text in every cell, NaN where it is missing; the index is the line of the file (names: 1)."""
    rows: int
    """Rows of the file; ``frame`` has fewer if only some were drawn."""
    sign: str = ","
    """What parts its cells."""
    notes: tuple[str, ...] = ()
    """What was taken for granted in reading it."""

    @property
    def comma(self) -> bool:
        """Whether a comma may begin decimals, as it parts no cells."""
        return self.sign != ","

    @cached_property
    def mark(self) -> Mark | None:
        """What begins the decimals wherever it is sure, or None."""
        return usual_mark(without_words(self.frame[name]) for name in self.frame.columns)

    @property
    def decimal(self) -> Mark:
        """What begins the decimals of numbers that are written beside its own."""
        return self.mark or ("," if self.sign == ";" else ".")

    def part(self, lines: pd.Index) -> "Table":
        """Return some of its rows, whose numbers are read as in all of it."""
        some = replace(self, frame=self.frame.loc[lines])
        vars(some)["mark"] = self.mark
        return some


def read_table(path: Path, most: int = 0, seed: int = 0) -> Table:
    """Read a table, or ``most`` of its rows drawn at random (0: all).

    Raises TableError for what is no table with names in its first line.
    """
    file = look_into(path)
    random, rows = np.random.default_rng(seed), 0
    kept, chances = pd.DataFrame(), np.empty(0)
    for block in _blocks(file):
        rows += len(block)
        kept = pd.concat([kept, block]) if len(kept) else block
        chances = np.concatenate([chances, random.random(len(block))])
        if most and len(kept) > most:
            best = np.sort(np.argsort(chances)[:most])
            kept, chances = kept.iloc[best], chances[best]
    frame = _stripped(kept)
    frame = frame[frame.apply(without_words).notna().any(axis=1)]
    if frame.empty:
        raise TableError(f"{path} has names and no rows; add rows under them")
    return Table(str(path), frame, rows - len(kept) + len(frame), file.sign, file.notes)


def _stripped(frame: pd.DataFrame) -> pd.DataFrame:
    """Take away blanks around each cell, and what only says that it is missing."""
    frame = frame.apply(lambda column: column.astype(object).str.strip())
    return frame.mask(frame.apply(lambda column: column.str.lower().isin(MISSING)))


def without_words(cells: pd.Series) -> pd.Series:
    """Return a column in which words that may say that a cell is missing do so."""
    return cells.mask(cells.str.lower().isin(WORDS))


def _blocks(file: TableFile) -> Iterator[pd.DataFrame]:
    """Yield the rows as text under their names, some at a time, each with its line as index."""
    records = file.records()
    _, first = next(records, (1, []))
    names = _names(file.path, first)
    while block := list(itertools.islice(records, BLOCK)):
        rows = [_filled(file, len(names), line, cells) for line, cells in block]
        lines = [line for line, _ in block]
        yield pd.DataFrame(rows, index=lines, columns=names, dtype=object)


def _filled(file: TableFile, count: int, line: int, cells: list[str]) -> list[str]:
    """Return so many cells of a line; raise TableError if there are more that are not empty."""
    if any(map(str.strip, cells[count:])):
        raise TableError(
            f"{file.path} is no table with {SIGNS.get(file.sign, file.sign)} between its cells "
            f"(line {line} has {len(cells)} of them, and the first {count}); give every line as "
            "many cells as the first"
        )
    return cells[:count] + [""] * (count - len(cells))


def _names(path: Path, first: Sequence[str]) -> list[str]:
    """Return the names of columns in the first line; raise TableError if it has none."""
    cells = [cell.strip() for cell in first]
    numbers = [cell for cell in cells if is_number(cell) or DATED.fullmatch(cell)]
    if len(numbers) * 2 > len(cells):
        raise TableError(
            f"{path} has numbers ({', '.join(numbers[:3])}) where the names of its columns should "
            "be; put a line with names first"
        )
    # spreadsheets and pandas leave the name of row numbers empty
    names = [cell or f"column {number}" for number, cell in enumerate(cells, 1)]
    for often, count in Counter(names).most_common(1):
        if count > 1:
            raise TableError(f"{path} has {count} columns named {often}; rename one")
    return names


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number, also an infinite one."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() != "nan"


def write_rows(frame: pd.DataFrame, path: Path, sign: str = ",", decimal: Mark = ".") -> None:
    """Write a table with names in its first line; numbers have six digits.

    ``sign`` is what parts cells, ``decimal`` what begins decimals.
    """
    frame.to_csv(path, index=False, float_format="%.6g", sep=sign, decimal=decimal)


def listed(names: Sequence[object], most: int = 12) -> str:
    """Return names for a sentence, not too many."""
    shown = ", ".join(map(str, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
