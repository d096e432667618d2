"""Atomic writes: a file is written under a temporary name first, then renamed.

If the process is killed, the disk is full or the user presses Ctrl-C, an older file is kept, and no
partial one is left in its place.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def part_of(path: Path) -> Path:
    """Return the name of a temporary file beside ``path``, to be renamed to it."""
    return path.with_name(f".bowerbird-{secrets.token_hex(8)}.part")


def link_target(path: Path) -> Path:
    """Return the file that a symbolic link names, so that the link stays one; else ``path``."""
    return path.resolve() if path.is_symlink() else path


def put_in_place(part: Path, path: Path) -> None:
    """Flush a file to the disk and rename it to ``path``; raise OSError."""
    with part.open("r+b") as stream:  # Windows syncs only files that are open for writing
        os.fsync(stream.fileno())
    os.replace(part, path)


def check_output(path: Path, *, force: bool) -> None:
    """Check, before any long work, that an output can be written.

    Raises ValueError if its folder doesn't exist, if it is a folder, or if it exists and not
    ``force``; OSError for what the system refuses.
    """
    target = link_target(path)
    if not target.parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist; create {target.parent} first")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file")
    if path.exists() and not force:
        raise ValueError(f"{path} exists; add --force to overwrite it")
    # permission bits don't apply to root or on network shares: try it
    probe = part_of(target)
    try:
        probe.open("xb").close()
        probe.unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary name to write to; the file is renamed to ``path`` if nothing is raised.

    It is flushed to the disk before it replaces an older one. An OSError about the temporary file
    names ``path``.
    """
    target = link_target(path)
    part = part_of(target)
    try:
        yield part
        put_in_place(part, target)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) == str(part):
            error.filename = str(path)
        raise
