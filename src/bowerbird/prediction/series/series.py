"""A time series: one number at each of many moments that lie evenly in time.

What is missing is interpolated, what is out of order is sorted, and both are noted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from bowerbird.errors import SeriesError

LONGEST_SHARE = 0.5  # of values that may be missing


@dataclass(frozen=True)
class Series:
    """Values with their moments."""

    name: str
    """What is measured."""
    values: Float[np.ndarray, " n"]
    times: Sequence[str]
    """Each moment in words, as in the file."""
    ahead: Sequence[str] = ()
    """Moments after the last one in words; as many as could be told."""
    step: str = "step"
    """What lies between two moments: month, 7 days, step ..."""
    notes: list[str] = field(default_factory=list)
    """What was mended."""
    source: str = ""
    """The file, or whose data it is."""

    def __len__(self) -> int:
        return len(self.values)

    def moment(self, ahead: int) -> str:
        """Return in words the moment so many steps after the last one, from 1."""
        return self.ahead[ahead - 1] if ahead <= len(self.ahead) else f"+{ahead}"


def mended(values: Float[np.ndarray, " n"], notes: list[str]) -> Float[np.ndarray, " n"]:
    """Return values with what is missing (NaN) in the middle on a straight line, and note it.

    The ends have to be there. Raises SeriesError if more than half is missing, or the rest is
    constant.
    """
    missing = np.isnan(values)
    count = int(missing.sum())
    if count > LONGEST_SHARE * len(values):
        raise SeriesError(
            f"{count} of {len(values)} values are missing, too many to interpolate; give a series "
            "with fewer gaps"
        )
    if count:
        there = np.flatnonzero(~missing)
        longest = int(np.diff(there).max()) - 1
        notes.append(
            f"{count} missing {'value was' if count == 1 else 'values were'} interpolated "
            f"(longest gap: {longest})"
        )
        values = np.interp(np.arange(len(values)), there, values[there])
    if len(values) and np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        raise SeriesError(
            "it is constant, so there is nothing to foresee; give a series that moves"
        )
    return values
