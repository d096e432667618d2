"""A file as rows of cells: its encoding, the sign between its cells, and the line of each row.

UTF-8 with or without a mark, UTF-16 with one (Excel's "Unicode text"), else Windows-1252, or
Latin-1 where that has no such letter: that is noted. The sign is the one that every line has as
often as the first one, or what Excel's ``sep=;`` in the first line says.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bowerbird.errors import TableError

SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
HEAD = 1 << 16  # bytes in which the sign between cells is looked for
CHUNK = 1 << 20  # bytes that are looked at together
NO_TEXT = bytes({*range(32)} - set(b"\t\n\v\f\r\x1a\x1b"))  # bytes that no text has
UNDEFINED = b"\x81\x8d\x8f\x90\x9d"  # in Windows-1252
GUESSED = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}
PACKED = {
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x1f\x8b": "compressed",
    b"BZh": "compressed",
    b"\xfd7zXZ": "compressed",
}


@dataclass(frozen=True)
class TableFile:
    """How a file is read."""

    path: Path
    encoding: str
    sign: str
    """What parts cells."""
    notes: tuple[str, ...] = ()
    """What was taken for granted."""
    told: bool = False
    """Whether the first line tells the sign, and no names."""

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the cells of each line that has any, with its number; wrong ones are a TableError.

        A cell may hold line breaks.
        """
        with self.path.open(encoding=self.encoding, newline="") as stream:
            if self.told:
                stream.readline()
            reader = csv.reader(stream, delimiter=self.sign, skipinitialspace=True, strict=True)
            before, line = 1 + self.told, 1 + self.told
            try:
                for cells in reader:
                    if any(map(str.strip, cells)):
                        yield line, cells
                    line = reader.line_num + before
            except UnicodeDecodeError as error:
                raise TableError(
                    f"{self.path} is damaged ({error.reason} after line {line}); save it as UTF-8"
                ) from error
            except csv.Error as error:
                raise TableError(
                    f"{self.path} is no table with {SIGNS.get(self.sign, self.sign)} between its "
                    f"cells ({error} in the row that begins in line {line}); mend its quotation "
                    "marks"
                ) from error


def look_into(path: Path) -> TableFile:
    """Find out how a file is read; raise TableError for what is no text file, OSError."""
    if path.is_dir():
        raise TableError(f"{path} is a folder; give the name of a table")
    if not path.exists():
        raise TableError(f"{path} does not exist; check the name of the table")
    if not path.is_file():
        raise TableError(f"{path} is no file; give the name of a table")
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    for begin, what in PACKED.items():
        if head.startswith(begin):
            raise TableError(f"{path} is {what}; save it as CSV first")
    encoding = _encoding(path)
    notes: tuple[str, ...] = ()
    if encoding in GUESSED:
        notes = (f"{path} is not UTF-8, and was read as {GUESSED[encoding]}; check its accents",)
    lines = _lines(head.decode(encoding, "replace"), whole=len(head) < HEAD)
    if not any(line.strip("\ufeff \t\r\n") for line in lines):
        raise TableError(f"{path} is empty; it needs names in its first line and rows under them")
    first = lines[0].strip().lower()
    if first.startswith("sep=") and len(first) == 5:
        return TableFile(path, encoding, first[4], notes, told=True)
    if lines[0].startswith("sep=\t"):
        return TableFile(path, encoding, "\t", notes, told=True)
    return TableFile(path, encoding, _sign(lines), notes)


def _encoding(path: Path) -> str:
    """Return the encoding of a file; raise TableError for what is no text."""
    with path.open("rb") as stream:
        begin = stream.read(4)
        if begin in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
            return "utf-32"
        if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        stream.seek(0)
        decoder, utf8, defined = codecs.getincrementaldecoder("utf-8")(), True, True
        while chunk := stream.read(CHUNK):
            if _has(chunk, NO_TEXT):
                raise TableError(f"{path} is not a text file; save it as CSV in UTF-8")
            defined = defined and not _has(chunk, UNDEFINED)
            try:
                utf8 = utf8 and decoder.decode(chunk) is not None
            except UnicodeDecodeError:
                utf8 = False
        if utf8 and not decoder.getstate()[0]:  # nothing is cut off at the end
            return "utf-8-sig"
    return "cp1252" if defined else "latin-1"


def _has(chunk: bytes, some: bytes) -> bool:
    """Tell whether any of some bytes is in a chunk."""
    return len(chunk.translate(None, some)) < len(chunk)


def _lines(head: str, *, whole: bool) -> list[str]:
    """Return the first lines of a text that have words, in which a cell may hold line breaks."""
    lines = [line for line in io.StringIO(head, newline="") if line.strip()][:100]
    return lines if whole or len(lines) < 2 else lines[:-1]


def _sign(lines: list[str]) -> str:
    """Return the sign between cells: the one that every line has as often as the first one."""
    counts = {sign: [len(row) - 1 for row in csv.reader(lines, delimiter=sign)] for sign in SIGNS}
    same = {s: sum(n == c[0] for n in c) * (c[0] > 0) / len(c) for s, c in counts.items()}
    best = max(SIGNS, key=lambda sign: (round(same[sign], 1), counts[sign][0]))
    return best if counts[best][0] else ","
