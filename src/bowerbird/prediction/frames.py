"""A table in a file, as text: comma, semicolon or tab between the cells, names in the first line.

Every cell is read as text, block by block; which columns are numbers is another question
(`columns`). Of a table with more rows than can be learned from, so many are drawn that each row has
the same chance, so memory does not grow with the file.
"""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MISSING = ("", "?", "-", "--", ".", "n/a", "nan")  # in any case
WORDS = ("na", "null", "none")  # missing too, but where they may be the name of a class
BLOCK = 20_000  # rows that are read at once
HEAD = 1 << 16  # bytes in which the sign between cells is looked for


class TableError(ValueError):
    """A table can't be used; the sentence names the file or column, and the mend."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a file holds."""

    name: str
    frame: pd.DataFrame
    """Text in every cell, NaN where it is missing; the index is the line of the file (names: 1)."""
    rows: int
    """Rows of the file; ``frame`` has fewer if only some were drawn."""
    comma: bool = False
    """Whether the decimal sign may be a comma."""


def read_table(path: Path, most: int = 0, seed: int = 0) -> Table:
    """Read a table, or ``most`` of its rows drawn at random (0: all).

    Raises TableError for what is no table with names in its first line.
    """
    sign = _sign(path)
    random, rows = np.random.default_rng(seed), 0
    kept, chances = pd.DataFrame(), np.empty(0)
    for block in _blocks(path, sign):
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
    return Table(str(path), frame, rows - len(kept) + len(frame), sign != ",")


def _stripped(frame: pd.DataFrame) -> pd.DataFrame:
    """Take away blanks around each cell, and what only says that it is missing."""
    frame = frame.apply(lambda column: column.astype(object).str.strip())
    return frame.mask(frame.apply(lambda column: column.str.lower().isin(MISSING)))


def without_words(cells: pd.Series) -> pd.Series:
    """Return a column in which words that may say that a cell is missing do so."""
    return cells.mask(cells.str.lower().isin(WORDS))


def _sign(path: Path) -> str:
    """Return the sign between cells; raise TableError for what is no text file."""
    if path.is_dir():
        raise TableError(f"{path} is a folder; give the name of a table")
    if not path.exists():
        raise TableError(f"{path} does not exist; check the name of the table")
    if not path.is_file():
        raise TableError(f"{path} is no file; give the name of a table")
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head.strip():
        raise TableError(f"{path} is empty; it needs names in its first line and rows under them")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableError(f"{path} is a spreadsheet; save it as CSV first")
    if b"\0" in head:
        raise TableError(f"{path} is not a text file; save it as CSV in UTF-8")
    lines = _lines(head.decode("utf-8", "replace"))
    counts = {sign: [len(row) - 1 for row in csv.reader(lines, delimiter=sign)] for sign in SIGNS}
    # the sign that every line has as often as the first one
    same = {s: sum(n == c[0] for n in c) * (c[0] > 0) / len(c) for s, c in counts.items()}
    best = max(SIGNS, key=lambda sign: (round(same[sign], 1), counts[sign][0]))
    return best if counts[best][0] else ","


def _lines(head: str) -> list[str]:
    """Return the first whole lines of a text, in which a cell may hold line breaks."""
    lines = [line for line in io.StringIO(head) if line.strip()][:100]
    return lines[:-1] if len(head) >= HEAD and len(lines) > 1 else lines


def _blocks(path: Path, sign: str) -> Iterator[pd.DataFrame]:
    """Yield the rows as text under their names, some at a time, each with its line as index."""
    records = _records(path, sign)
    _, first = next(records, (1, []))
    names = _names(path, first)
    while block := list(itertools.islice(records, BLOCK)):
        if long := [(line, len(cells)) for line, cells in block if len(cells) > len(names)]:
            line, many = long[0]
            raise TableError(
                f"{path} is no table with {SIGNS[sign]} between its cells (line {line} has {many} "
                f"of them, and the first {len(names)}); give every line as many cells as the first"
            )
        rows = [cells + [""] * (len(names) - len(cells)) for _, cells in block]
        lines = [line for line, _ in block]
        yield pd.DataFrame(rows, index=lines, columns=names, dtype=object)


def _records(path: Path, sign: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each line that has any, with its number; wrong ones are a TableError."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader, line = csv.reader(stream, delimiter=sign, skipinitialspace=True, strict=True), 1
        try:
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield line, cells
                line = reader.line_num + 1  # a cell may hold line breaks
        except UnicodeDecodeError as error:
            raise TableError(
                f"{path} is not UTF-8 ({error.reason} after line {reader.line_num}); save it as "
                "UTF-8"
            ) from error
        except csv.Error as error:
            raise TableError(
                f"{path} is no table with {SIGNS[sign]} between its cells ({error} in the row that "
                f"begins in line {line}); mend its quotation marks"
            ) from error


def _names(path: Path, first: Sequence[str]) -> list[str]:
    """Return the names of columns in the first line; raise TableError if it has none."""
    cells = [cell.strip() for cell in first]
    numbers = [cell for cell in cells if is_number(cell)]
    if len(numbers) * 2 > len(cells):
        raise TableError(
            f"{path} has numbers ({', '.join(numbers[:3])}) where the names of its columns should "
            "be; put a line with names first"
        )
    # spreadsheets and pandas leave the name of row numbers empty
    names = [cell or f"column {number}" for number, cell in enumerate(cells, 1)]
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"{path} has {names.count(name)} columns named {name}; rename one")
    return names


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number, also an infinite one."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() != "nan"


def write_rows(frame: pd.DataFrame, path: Path) -> None:
    """Write a table with names in its first line; numbers have six digits."""
    frame.to_csv(path, index=False, float_format="%.6g")


def listed(names: Sequence[object], most: int = 12) -> str:
    """Return names for a sentence, not too many."""
    shown = ", ".join(map(str, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
