"""Numbers that stand for a missing one: -9999 among temperatures, 999 among ages, 1e20."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

NINES = re.compile(r"-?9{2,}(\.9*|\.0*)?")
FILLS = (-32768, 32767, 65535, -2147483648, 2147483647)  # the ends of integers
HUGE = 1e19  # 1e20, 9.96921e36 ... are filled in by programs of climate research
FAR = 3.0  # ranges of the other numbers that it is away from them
MIN_OTHERS = 10


def find_sentinels(numbers: pd.Series) -> tuple[float, ...]:
    """Return the numbers of a column that stand for missing ones, by their digits and distance.

    Positive ones have to occur twice: a single 999 may be a large number.
    """
    values, counts = np.unique(numbers.dropna().to_numpy(float), return_counts=True)
    found: list[float] = []
    for value, count in zip(values, counts, strict=True):
        written = f"{value:.10g}"
        is_fill = NINES.fullmatch(written) or value in FILLS or abs(value) >= HUGE
        if is_fill and (count > 1 or value <= -99):
            others = values[~np.isin(values, [*found, value])]
            others = others[[not _is_candidate(v) for v in others]]
            rest = counts[np.isin(values, others)].sum()
            if len(others) > 1 and rest >= MIN_OTHERS and _is_far(value, others):
                found.append(float(value))
    return tuple(found)


def _is_candidate(value: float) -> bool:
    return (bool(NINES.fullmatch(f"{value:.10g}")) and abs(value) >= 999) or abs(value) >= HUGE


def _is_far(value: float, others: np.ndarray) -> bool:
    low, high = others.min(), others.max()
    gap = max(value - high, low - value)
    return bool(gap > FAR * (high - low))


def without_sentinels(numbers: pd.Series, sentinels: Sequence[float]) -> pd.Series:
    """Return a column with NaN in place of these numbers."""
    return numbers.mask(numbers.isin(sentinels)) if sentinels else numbers


def sentinel_note(name: object, numbers: pd.Series, sentinels: Sequence[float]) -> str:
    """Say what was read as missing."""
    shown = ", ".join(f"{value:.10g}" for value in sentinels)
    count = int(numbers.isin(sentinels).sum())
    rows = "1 row" if count == 1 else f"{count:,} rows"
    return f"column {name} has {shown} in {rows}, read as missing"
