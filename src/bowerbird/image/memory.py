"""The limit on memory, and what reading a picture file needs."""

import math

import psutil

READ_BYTES = 32  # per px of a file that is read: decoded, in floats, upright, in order
LIBRARY_BYTES = 0.4e9  # interpreter and torch, before the weights


def memory_limit(gigabytes: float) -> float:
    """Return a limit in bytes; 0 gigabytes are half of this machine's memory."""
    return gigabytes * 1e9 or 0.5 * psutil.virtual_memory().total


def check_reading(size: tuple[int, int], gigabytes: float) -> None:
    """Raise ValueError if a picture file of this (height, width) can't be read within a limit."""
    limit = memory_limit(gigabytes)
    needed = LIBRARY_BYTES + READ_BYTES * size[0] * size[1]
    if needed > limit:
        raise ValueError(
            f"it has {size[1]} x {size[0]} px and needs {math.ceil(needed / 1e8) / 10} GB to be "
            "read; downscale it first or raise max_memory"
        )
