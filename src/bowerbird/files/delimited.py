"""Delimited text files (CSV, TSV): detect how one is written, read its rows, write one.

The encoding is UTF-8, or UTF-16 or UTF-32 with a byte order mark (Excel's "Unicode text"), else
Windows-1252, or Latin-1 where Windows-1252 has no such character. The delimiter is the one that
most lines have as often as the first line, or the one that Excel's ``sep=;`` in the first line
names.
"""

import codecs
import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bowerbird.errors import TableError
from bowerbird.files.atomic_write import atomic_write

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MAX_CELL = 1 << 24  # characters; a quotation mark left open would take the whole file
HEAD = 1 << 16  # bytes in which the delimiter is looked for
CHUNK = 1 << 20  # bytes read at once
BINARY = bytes({*range(32)} - set(b"\t\n\v\f\r\x1a\x1b"))  # bytes that do not occur in text
UNDEFINED = b"\x81\x8d\x8f\x90\x9d"  # in Windows-1252
FALLBACKS = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}
SIGNATURES = {
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x1f\x8b": "compressed",
    b"BZh": "compressed",
    b"\xfd7zXZ": "compressed",
}


@dataclass(frozen=True)
class DelimitedFile:
    """How a file is written."""

    path: Path
    encoding: str
    delimiter: str
    notes: tuple[str, ...] = ()
    """Assumptions made in detecting it, as sentences."""
    has_separator_line: bool = False
    """Whether the first line is Excel's ``sep=;``."""

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, cells) of each row with a cell that is not blank, as `read_rows` does."""
        first = line = 1 + self.has_separator_line
        with self.path.open(encoding=self.encoding, newline="") as stream:
            if self.has_separator_line:
                stream.readline()
            rows = read_rows(
                stream, self.delimiter, self.path, first_line=first, skip_initial_space=True
            )
            try:
                for line, cells in rows:
                    if any(map(str.strip, cells)):
                        yield line, cells
            except UnicodeDecodeError as error:
                raise TableError(
                    f"{self.path} is damaged ({error.reason} after line {line}); save it as UTF-8"
                ) from error


def read_rows(
    lines: Iterable[str],
    delimiter: str,
    name: object,
    *,
    first_line: int = 1,
    skip_initial_space: bool = False,
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of each row that is not empty; ``line`` is where the row starts.

    Cells are quoted as in RFC 4180 and may contain line breaks. Raises TableError, with ``name``
    and line, for a quotation mark that is not closed.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    reader = csv.reader(
        lines, delimiter=delimiter, skipinitialspace=skip_initial_space, strict=True
    )
    line = first_line
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = first_line + reader.line_num
    except csv.Error as error:
        raise TableError(
            f"{name} is not a table with {DELIMITERS.get(delimiter, delimiter)} between its cells "
            f"({error} in the row that starts in line {line}); check its quotation marks"
        ) from error


def write_rows(
    path: Path,
    names: Sequence[str],
    rows: Iterable[Iterable[object]],
    *,
    delimiter: str = ",",
    decimal: str = ".",
    digits: int = 6,
) -> None:
    """Write names and rows atomically; floats have ``digits`` digits, None and NaN are empty."""

    def text(cell: object) -> object:
        if not isinstance(cell, float):
            return cell
        return "" if math.isnan(cell) else _plain(cell, digits).replace(".", decimal)

    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([text(cell) for cell in row] for row in rows)


def _plain(number: float, digits: int) -> str:
    """Return a number with some digits, without an exponent unless it is very large or small."""
    text = f"{number:.{digits}g}"
    if "e" in text and 1e-6 <= abs(number) < 1e16:
        return f"{number:.0f}" if abs(number) >= 1 else f"{number:.{digits + 5}f}".rstrip("0")
    return text


def detect_format(path: Path) -> DelimitedFile:
    """Detect how a file is written; raise TableError if it is not a text file, OSError."""
    if path.is_dir():
        raise TableError(f"{path} is a folder; give the name of a table")
    if not path.exists():
        raise TableError(f"{path} does not exist; check the name of the table")
    if not path.is_file():
        raise TableError(f"{path} is not a file; give the name of a table")
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            raise TableError(f"{path} is {kind}; save it as CSV first")
    encoding = _detect_encoding(path)
    notes: tuple[str, ...] = ()
    if encoding in FALLBACKS:
        notes = (f"{path} is not UTF-8 and was read as {FALLBACKS[encoding]}; check its accents",)
    lines = _first_lines(head.decode(encoding, "replace"), whole=len(head) < HEAD)
    if not any(line.strip("\ufeff \t\r\n") for line in lines):
        raise TableError(f"{path} is empty; put names in its first line and rows below them")
    first = lines[0].strip(" \r\n").lower()
    if first.startswith("sep=") and len(first) == 5:
        return DelimitedFile(path, encoding, first[4], notes, has_separator_line=True)
    return DelimitedFile(path, encoding, _detect_delimiter(lines), notes)


def _detect_encoding(path: Path) -> str:
    """Return the encoding of a file; raise TableError if it is not text."""
    with path.open("rb") as stream:
        start = stream.read(4)
        if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
            return "utf-32"
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        stream.seek(0)
        decoder, is_utf8, is_cp1252 = codecs.getincrementaldecoder("utf-8")(), True, True
        while chunk := stream.read(CHUNK):
            if _contains(chunk, BINARY):
                raise TableError(f"{path} is not a text file; save it as CSV in UTF-8")
            is_cp1252 = is_cp1252 and not _contains(chunk, UNDEFINED)
            try:
                is_utf8 = is_utf8 and decoder.decode(chunk) is not None
            except UnicodeDecodeError:
                is_utf8 = False
        if is_utf8 and not decoder.getstate()[0]:  # no character is cut off at the end
            return "utf-8-sig"
    return "cp1252" if is_cp1252 else "latin-1"


def _contains(chunk: bytes, some: bytes) -> bool:
    """Return whether a chunk contains any of some bytes."""
    return len(chunk.translate(None, some)) < len(chunk)


def _first_lines(head: str, *, whole: bool) -> list[str]:
    """Return the first lines of a text that are not blank, without one that may be cut off."""
    lines = [line for line in io.StringIO(head, newline="") if line.strip()][:100]
    return lines if whole or len(lines) < 2 else lines[:-1]


def _detect_delimiter(lines: list[str]) -> str:
    """Return the delimiter that most lines have as often as the first line."""
    counts = {d: [len(row) - 1 for row in csv.reader(lines, delimiter=d)] for d in DELIMITERS}
    same = {d: sum(n == c[0] for n in c) * (c[0] > 0) / len(c) for d, c in counts.items()}
    best = max(DELIMITERS, key=lambda d: (round(same[d], 1), counts[d][0]))
    return best if counts[best][0] else ","
