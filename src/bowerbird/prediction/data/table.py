"""Tables read from delimited files: every cell as text, column names in the first line.

Which columns are numbers, dates or categories is decided by `columns`. Of a table with more rows
than can be used a random sample is drawn while reading, so memory does not grow with the file.
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
from bowerbird.files.delimited import DELIMITERS, DelimitedFile, detect_format
from bowerbird.prediction.data.numbers import DecimalMark, common_decimal_mark
from bowerbird.prediction.data.report_lines import MAX_TITLE, count_titles, drop_footer

MISSING = ("", "?", "-", "--", ".", "n/a", "nan")  # in any case
MISSING_WORDS = ("na", "null", "none", "missing")  # also missing, unless they may name a class
BLOCK = 20_000  # rows read at once
DATE_LIKE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.T ].*)?")


@dataclass(frozen=True, eq=False)
class Table:
    """The contents of a file."""

    name: str
    frame: pd.DataFrame
    """Text in every cell, NaN where missing; the index is the line of the file (names: line 1)."""
    rows: int
    """Rows of the file; ``frame`` has fewer if it is a sample."""
    delimiter: str = ","
    notes: tuple[str, ...] = ()
    """Assumptions made in reading it, as sentences."""

    @cached_property
    def decimal_mark(self) -> DecimalMark | None:
        """The decimal mark of the columns in which it is certain, or None."""
        return common_decimal_mark(missing_words_to_nan(self.frame[c]) for c in self.frame.columns)

    @property
    def output_decimal_mark(self) -> DecimalMark:
        """The decimal mark for numbers that are written beside its own."""
        return self.decimal_mark or ("," if self.delimiter == ";" else ".")

    def select(self, lines: pd.Index) -> "Table":
        """Return some of its rows, with numbers read as in the whole table."""
        selected = replace(self, frame=self.frame.loc[lines])
        vars(selected)["decimal_mark"] = self.decimal_mark
        return selected


def read_table(path: Path, max_rows: int = 0, seed: int = 0) -> Table:
    """Read a table, or a random sample of ``max_rows`` of its rows (0: all).

    Raises TableError for a file that is not a table with names in its first line.
    """
    file = detect_format(path)
    random, total, titles = np.random.default_rng(seed), 0, _title_rows(file)
    sample, priorities = pd.DataFrame(), np.empty(0)
    for block in _blocks(file, len(titles)):
        total += len(block)
        sample = pd.concat([sample, block]) if len(sample) else block
        priorities = np.concatenate([priorities, random.random(len(block))])
        if max_rows and len(sample) > max_rows:
            drawn = np.sort(np.argsort(priorities)[:max_rows])
            sample, priorities = sample.iloc[drawn], priorities[drawn]
    frame = _missing_to_nan(sample)
    frame = frame[frame.apply(missing_words_to_nan).notna().any(axis=1)]
    if frame.empty:
        raise TableError(f"{path} has names but no rows; add rows below them")
    rows = total - len(sample) + len(frame)
    frame, left_out = drop_footer(frame)
    notes = (*file.notes, *(f"line {n} ({t}) is above the names: left out" for n, t in titles))
    notes = (*notes, *left_out)
    return Table(str(path), frame, rows - len(left_out), file.delimiter, notes)


def _title_rows(file: DelimitedFile) -> list[tuple[int, str]]:
    """Return (line, text) of the rows above the names."""
    head = list(itertools.islice(file.rows(), 2 * MAX_TITLE))
    count = count_titles([cells for _, cells in head])
    return [(line, next(filter(None, map(str.strip, cells)))[:40]) for line, cells in head[:count]]


def _missing_to_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """Strip blanks from each cell and replace by NaN what only marks it as missing."""
    frame = frame.apply(lambda column: column.astype(object).str.strip())
    return frame.mask(frame.apply(lambda column: column.str.lower().isin(MISSING)))


def missing_words_to_nan(cells: pd.Series) -> pd.Series:
    """Return a column with NaN for words such as ``none`` that may mark a cell as missing."""
    return cells.mask(cells.str.lower().isin(MISSING_WORDS))


def _blocks(file: DelimitedFile, titles: int = 0) -> Iterator[pd.DataFrame]:
    """Yield the rows as text under their names, block by block, indexed by line."""
    rows = itertools.islice(file.rows(), titles, None)
    _, first = next(rows, (1, []))
    names = _column_names(file.path, first)
    while block := list(itertools.islice(rows, BLOCK)):
        cells = [_padded(file, len(names), line, row) for line, row in block]
        yield pd.DataFrame(cells, index=[line for line, _ in block], columns=names, dtype=object)


def _padded(file: DelimitedFile, count: int, line: int, cells: list[str]) -> list[str]:
    """Return exactly ``count`` cells; raise TableError if more of them are not empty."""
    if any(map(str.strip, cells[count:])):
        raise TableError(
            f"{file.path} is not a table with {DELIMITERS.get(file.delimiter, file.delimiter)} "
            f"between its cells (line {line} has {len(cells)} cells, and the first line {count}); "
            "give every line as many cells as the first"
        )
    return cells[:count] + [""] * (count - len(cells))


def _column_names(path: Path, first: Sequence[str]) -> list[str]:
    """Return the column names in the first line; raise TableError if it has none."""
    cells = [cell.strip() for cell in first]
    values = [cell for cell in cells if _is_number(cell) or DATE_LIKE.fullmatch(cell)]
    if len(values) * 2 > len(cells):
        raise TableError(
            f"{path} has numbers ({', '.join(values[:3])}) where the names of its columns should "
            "be; add a first line with names"
        )
    # spreadsheets and pandas leave the name of row numbers empty
    names = [cell or f"column {number}" for number, cell in enumerate(cells, 1)]
    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise TableError(f"{path} has {count} columns named {name}; rename one")
    return names


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number, infinite ones included."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() != "nan"


def shortened(names: Sequence[object], max_names: int = 12) -> str:
    """Return names as a list for a sentence, cut after ``max_names``."""
    shown = ", ".join(map(str, names[:max_names]))
    more = len(names) - max_names
    return f"{shown} and {more} more" if more > 0 else shown
