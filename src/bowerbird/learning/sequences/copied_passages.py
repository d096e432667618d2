"""Find passages of a generated sequence that are copied from the corpus.

Candidates are found by hashes of ``min_length`` tokens (Karp and Rabin 1987, with a polynomial
modulo 2^64) and then compared token by token, so there are no false positives. The corpus is read
in parts and may be larger than the memory.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so it has an inverse modulo 2^64
INVERSE = np.uint64(pow(int(FACTOR), -1, 1 << 64))
PART = 1 << 22  # tokens hashed at once: 100 MB
MAX_MATCHES = 1 << 16  # followed in one part; a corpus of one repeated token has too many


@dataclass(frozen=True)
class Copy:
    """A passage of the generated sequence that is in the corpus too."""

    start: int
    """Its start in the generated sequence, in tokens."""
    length: int
    """Tokens."""
    source: int
    """Its start in the corpus, in tokens."""


def longest_copies(
    sequence: np.ndarray, parts: Iterable[np.ndarray], min_length: int = 24
) -> list[Copy]:
    """Return the copied passages of at least ``min_length`` tokens, the longest first.

    They don't overlap. Raises ValueError if ``min_length`` is below 1.
    """
    if min_length < 1:
        raise ValueError(f"min_length must be at least 1, got {min_length}")
    sequence = np.ascontiguousarray(sequence).astype(np.int64)
    if len(sequence) < min_length:
        return []
    hashes = _hashes(sequence, min_length)
    order = np.argsort(hashes, kind="stable")
    longest: dict[int, Copy] = {}
    for begin, part in _overlapping(parts, len(sequence)):
        for copy in _in_part(sequence, part, (hashes[order], order), min_length):
            known = longest.get(copy.start)
            if known is None or copy.length > known.length:
                longest[copy.start] = Copy(copy.start, copy.length, begin + copy.source)
    return _disjoint(longest.values(), min_length)


def copies_of_each(
    sequences: Sequence[np.ndarray], parts: Iterable[np.ndarray], min_length: int = 24
) -> list[list[Copy]]:
    """Return the copied passages of each of several sequences, reading the corpus once."""
    separator = 1 + max((int(array.max()) for array in sequences if len(array)), default=0)
    # a token that the corpus doesn't have keeps passages from reaching into the next sequence
    row = [part for array in sequences for part in (array.astype(np.int64), np.array([separator]))]
    starts = np.cumsum([0] + [len(array) + 1 for array in sequences])
    copies: list[list[Copy]] = [[] for _ in sequences]
    joined = np.concatenate(row) if row else np.zeros(0, np.int64)
    for copy in longest_copies(joined, (_without(part, separator) for part in parts), min_length):
        index = int(np.searchsorted(starts, copy.start, "right")) - 1
        copies[index].append(replace(copy, start=copy.start - int(starts[index])))
    return copies


def _without(part: np.ndarray, token: int) -> np.ndarray:
    """Return tokens with this one, and all above it, incremented, so that it doesn't occur."""
    tokens = part.astype(np.int64)
    return tokens + (tokens >= token)


def copied_fraction(copies: Iterable[Copy], length: int) -> float:
    """Return the fraction of a sequence of this length that is in copied passages."""
    return sum(copy.length for copy in copies) / length if length else 0.0


def _overlapping(parts: Iterable[np.ndarray], overlap: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield parts of the corpus with their positions; each begins with the end of the previous."""
    end, position = np.zeros(0, np.int64), 0
    for given in parts:
        for start in range(0, len(given), PART):
            part = np.concatenate([end, given[start : start + PART].astype(np.int64)])
            yield position, part
            end = part[max(0, len(part) - overlap) :]
            position += len(part) - len(end)


def _hashes(tokens: np.ndarray, length: int) -> np.ndarray:
    """Return the hash of each window of this length, modulo 2^64."""
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(len(tokens), INVERSE))
        sums = np.concatenate(
            [np.zeros(1, np.uint64), np.cumsum((tokens.astype(np.uint64) + 1) * powers)]
        )
        count = len(tokens) - length + 1
        shift = np.cumprod(np.full(count, FACTOR))
        return (sums[length:] - sums[:count]) * shift


def _in_part(
    sequence: np.ndarray,
    part: np.ndarray,
    sequence_hashes: tuple[np.ndarray, np.ndarray],
    min_length: int,
) -> Iterator[Copy]:
    """Yield the maximal passages that a part shares with the sequence."""
    if len(part) < min_length:
        return
    hashes, order = sequence_hashes
    part_hashes = _hashes(part, min_length)
    left = np.searchsorted(hashes, part_hashes)
    matches = np.flatnonzero(hashes[np.minimum(left, len(hashes) - 1)] == part_hashes)
    reached: dict[int, int] = {}  # the end of what has been compared, by diagonal
    for source in matches[:MAX_MATCHES].tolist():
        last = int(np.searchsorted(hashes, part_hashes[source], "right"))
        for start in order[int(left[source]) : last].tolist():
            if source < reached.get(source - start, -1):
                continue
            length = _common_prefix(sequence[start:], part[source:])
            if length < min_length:
                continue
            reached[source - start] = source + length - min_length + 1
            yield Copy(start, length, source)


def _common_prefix(a: np.ndarray, b: np.ndarray) -> int:
    """Return the length of the common prefix of two sequences."""
    length, step = 0, 256
    while True:
        part_a, part_b = a[length : length + step], b[length : length + step]
        size = min(len(part_a), len(part_b))
        differ = np.flatnonzero(part_a[:size] != part_b[:size])
        if len(differ):
            return length + int(differ[0])
        length += size
        if size < step:
            return length


def _disjoint(copies: Collection[Copy], min_length: int) -> list[Copy]:
    """Return the longest copies that don't overlap; overlapping ones are shortened."""
    chosen: list[Copy] = []
    taken = np.zeros(max((c.start + c.length for c in copies), default=0), bool)
    for copy in sorted(copies, key=lambda c: (-c.length, c.start)):
        free = ~taken[copy.start : copy.start + copy.length]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]])))
        runs = edges.reshape(-1, 2)
        first, last = max(runs.tolist(), key=lambda run: run[1] - run[0], default=(0, 0))
        if last - first >= min_length:
            taken[copy.start + first : copy.start + last] = True
            chosen.append(Copy(copy.start + first, last - first, copy.source + first))
    return sorted(chosen, key=lambda c: (-c.length, c.start))
