"""A file is written whole or not at all: beside its place first, then moved there in one step.

A run that is killed, a full disk or Ctrl-C leaves what was there before, and nothing half-written.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def part_of(path: Path) -> Path:
    """Name a temporary file beside ``path``, from where it can be moved there in one step."""
    return path.with_name(f".bowerbird-{secrets.token_hex(8)}.part")


def put_in_place(part: Path, path: Path) -> None:
    """Bring a file to the disk, then let it take the place of ``path``; raise OSError."""
    with part.open("r+b") as stream:  # Windows syncs only what is open for writing
        os.fsync(stream.fileno())
    os.replace(part, path)


def check_output(path: Path, *, force: bool) -> None:
    """Refuse, before any long work, an output that could not be written later.

    Raises ValueError for a folder that is missing, and for what exists (a file: unless ``force``);
    OSError for what the system refuses.
    """
    if not path.parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist; create {path.parent} first")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file")
    if path.exists() and not force:
        raise ValueError(f"{path} exists; add --force to overwrite it")
    # permission bits say nothing to root or on network shares: only trying tells
    probe = part_of(path)
    try:
        probe.open("xb").close()
        probe.unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a name to write a file under, which becomes ``path`` if nothing is raised.

    The file is on the disk before it takes the place of an older one. An OSError about the
    temporary file names ``path``.
    """
    part = part_of(path)
    try:
        yield part
        put_in_place(part, path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) == str(part):
            error.filename = str(path)
        raise
