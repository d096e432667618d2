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


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a name to write a file under, which becomes ``path`` if nothing is raised.

    The file is on the disk before it takes the place of an older one. An OSError about the
    temporary file names ``path``.
    """
    part = part_of(path)
    try:
        yield part
        with part.open("r+b") as stream:  # Windows syncs only what is open for writing
            os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) == str(part):
            error.filename = str(path)
        raise
