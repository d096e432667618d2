"""A lock on an output, so that two programs can't make the same file at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of an output within the block; the system releases it if the process dies.

    The lock is a hidden file beside ``path``, deleted afterwards. Raises ValueError if another
    process holds it. Without an effect on file systems that have no locks, and in a folder that
    doesn't exist.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only trainings need it

    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file, timeout=0)
    try:
        if not path.parent.is_dir():
            raise FileNotFoundError  # acquiring would make the folder
        lock.acquire()
    except Timeout as error:
        raise ValueError(
            f"another training is writing {path}; wait for it to end, or give another output"
        ) from error
    except (OSError, NotImplementedError):  # there are no locks here
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)  # while the lock is held: nobody else can hold it
        lock.release()
