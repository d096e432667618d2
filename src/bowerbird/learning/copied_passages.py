"""What a made sequence has copied: its longest passages that stand in what was learned from.

Passages are found by hashes of ``least`` signs (Karp and Rabin 1987, with a polynomial modulo 2^64)
and then compared sign by sign, so nothing is reported that is not there. The corpus is read in
parts and may be larger than memory.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so it has an inverse modulo 2^64
INVERSE = np.uint64(pow(int(FACTOR), -1, 1 << 64))
PART = 1 << 22  # signs looked at together: 100 MB of hashes
MOST_SEEDS = 1 << 16  # matches followed in one part; a corpus of one sign has too many


@dataclass(frozen=True)
class Copy:
    """A passage of the made sequence that stands in the corpus too."""

    start: int
    """Where it begins in the made sequence, in signs."""
    length: int
    """Signs."""
    place: int
    """Where it begins in the corpus, in signs."""


def longest_copies(made: np.ndarray, parts: Iterable[np.ndarray], least: int = 24) -> list[Copy]:
    """Return the passages of at least ``least`` signs that were copied, the longest first.

    No sign of ``made`` is in two of them. Raises ValueError if ``least`` is below 1.
    """
    if least < 1:
        raise ValueError(f"a copied passage has at least 1 sign, not {least}")
    made = np.ascontiguousarray(made).astype(np.int64)
    if len(made) < least:
        return []
    wanted = _hashes(made, least)
    order = np.argsort(wanted, kind="stable")
    found: dict[int, Copy] = {}
    for begin, part in _overlapping(parts, len(made)):
        for copy in _in_part(made, part, (wanted[order], order), least):
            known = found.get(copy.start)
            if known is None or copy.length > known.length:
                found[copy.start] = Copy(copy.start, copy.length, begin + copy.place)
    return _apart(found.values(), least)


def copies_of_each(
    several: Sequence[np.ndarray], parts: Iterable[np.ndarray], least: int = 24
) -> list[list[Copy]]:
    """Return the copied passages of each of several sequences, in one reading of the corpus."""
    between = 1 + max((int(made.max()) for made in several if len(made)), default=0)
    # a sign that the corpus does not have keeps passages from reaching into the next sequence
    row = [part for made in several for part in (made.astype(np.int64), np.array([between]))]
    starts = np.cumsum([0] + [len(made) + 1 for made in several])
    found: list[list[Copy]] = [[] for _ in several]
    joined = np.concatenate(row) if row else np.zeros(0, np.int64)
    for copy in longest_copies(joined, (_without(part, between) for part in parts), least):
        place = int(np.searchsorted(starts, copy.start, "right")) - 1
        found[place].append(replace(copy, start=copy.start - int(starts[place])))
    return found


def _without(part: np.ndarray, sign: int) -> np.ndarray:
    """Return signs with one of them, and all above it, renamed, so that it does not occur."""
    signs = part.astype(np.int64)
    return signs + (signs >= sign)


def copied_share(copies: Iterable[Copy], length: int) -> float:
    """Return the share of a sequence of this length that lies in copied passages, 0 to 1."""
    return sum(copy.length for copy in copies) / length if length else 0.0


def _overlapping(parts: Iterable[np.ndarray], overlap: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield parts of the corpus with their places; each begins with the end of the one before."""
    kept, place = np.zeros(0, np.int64), 0
    for given in parts:
        for start in range(0, len(given), PART):
            part = np.concatenate([kept, given[start : start + PART].astype(np.int64)])
            yield place, part
            kept = part[max(0, len(part) - overlap) :]
            place += len(part) - len(kept)


def _hashes(signs: np.ndarray, length: int) -> np.ndarray:
    """Return the hash of each stretch of this length, modulo 2^64."""
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(len(signs), INVERSE))
        sums = np.concatenate(
            [np.zeros(1, np.uint64), np.cumsum((signs.astype(np.uint64) + 1) * powers)]
        )
        count = len(signs) - length + 1
        back = np.cumprod(np.full(count, FACTOR))
        return (sums[length:] - sums[:count]) * back


def _in_part(
    made: np.ndarray, part: np.ndarray, wanted: tuple[np.ndarray, np.ndarray], least: int
) -> Iterator[Copy]:
    """Yield the maximal passages that a part shares with the made sequence."""
    if len(part) < least:
        return
    hashes, order = wanted
    there = _hashes(part, least)
    left = np.searchsorted(hashes, there)
    hit = np.flatnonzero(hashes[np.minimum(left, len(hashes) - 1)] == there)[:MOST_SEEDS]
    reached: dict[int, int] = {}  # where each diagonal has been followed to
    for place in hit.tolist():
        last = int(np.searchsorted(hashes, there[place], "right"))
        for start in order[int(left[place]) : last].tolist():
            if place < reached.get(place - start, -1):
                continue
            length = _common(made[start:], part[place:])
            if length < least:
                continue
            reached[place - start] = place + length - least + 1
            yield Copy(start, length, place)


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """Return how many signs two sequences share from their beginnings."""
    length, step = 0, 256
    while True:
        here, there = a[length : length + step], b[length : length + step]
        size = min(len(here), len(there))
        differ = np.flatnonzero(here[:size] != there[:size])
        if len(differ):
            return length + int(differ[0])
        length += size
        if size < step:
            return length


def _apart(copies: Collection[Copy], least: int) -> list[Copy]:
    """Return the longest copies, none of which shares a sign with another."""
    chosen: list[Copy] = []
    taken = np.zeros(max((c.start + c.length for c in copies), default=0), bool)
    for copy in sorted(copies, key=lambda c: (-c.length, c.start)):
        free = ~taken[copy.start : copy.start + copy.length]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]])))
        runs = edges.reshape(-1, 2)
        first, last = max(runs.tolist(), key=lambda run: run[1] - run[0], default=(0, 0))
        if last - first >= least:
            taken[copy.start + first : copy.start + last] = True
            chosen.append(Copy(copy.start + first, last - first, copy.place + first))
    return sorted(chosen, key=lambda c: (-c.length, c.start))
