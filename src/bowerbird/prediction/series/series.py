"""A time series: one number at each of many evenly spaced times."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from bowerbird.errors import SeriesError

MAX_MISSING = 0.5  # fraction of the values
ROUNDING = 1e-12  # relative to the largest value: smaller differences are rounding


@dataclass(frozen=True)
class Series:
    """Values with their times."""

    name: str
    values: Float[np.ndarray, " n"]
    times: Sequence[str]
    """Each time as text."""
    future_times: Sequence[str] = ()
    """Times after the last one as text, as many as are known."""
    frequency: str = "step"
    """The distance of two times: month, 7 days, step ..."""
    notes: list[str] = field(default_factory=list)
    """What was changed or assumed, as sentences."""
    source: str = ""
    """The file, or the data's source."""
    interpolated: Bool[np.ndarray, " n"] | None = None
    """Which values were missing; None if none were."""

    @property
    def known_values(self) -> Float[np.ndarray, " n"]:
        """The values, NaN where they were interpolated: forecasts are scored on nothing else."""
        if self.interpolated is None:
            return self.values
        return np.where(self.interpolated, np.nan, self.values)

    def __len__(self) -> int:
        return len(self.values)

    def future_time(self, step: int) -> str:
        """Return as text the time that is this number of steps, from 1, after the last one."""
        return self.future_times[step - 1] if step <= len(self.future_times) else f"+{step}"


def interpolate_missing(values: Float[np.ndarray, " n"], notes: list[str]) -> np.ndarray:
    """Interpolate missing values (NaN) linearly, and add a note about them.

    The first and last value must not be missing. Raises SeriesError if more than half is missing,
    or if the series is constant.
    """
    missing = np.isnan(values)
    count = int(missing.sum())
    if count > MAX_MISSING * len(values):
        raise SeriesError(
            f"{count} of {len(values)} values are missing, too many to interpolate; give a series "
            "with fewer gaps"
        )
    if count:
        present = np.flatnonzero(~missing)
        longest = int(np.diff(present).max()) - 1
        verb = "value was" if count == 1 else "values were"
        notes.append(f"{count} missing {verb} interpolated (longest gap: {longest})")
        values = np.interp(np.arange(len(values)), present, values[present])
    if len(values) and np.ptp(values) <= ROUNDING * max(1.0, float(np.abs(values).max())):
        raise SeriesError("the series is constant, so there is nothing to forecast")
    return values
