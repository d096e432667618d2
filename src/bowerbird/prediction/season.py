"""The season of a series: after how many steps it repeats itself.

The autocorrelation ``r(k)`` of what is left without a quadratic trend is looked at for its peaks. A
peak at k counts if ``r(k) > 0.3``, rises by 0.2 above the lowest r before it, and a third of it is
still there after two seasons. With fewer than eight seasons the differences have to repeat
themselves too (beyond 1.96 deviations of noise), or a random walk would have one. The season is
the shortest peak that is nearly (to 0.05) as high as the highest. Each lag is averaged over the
pairs that it has, so that long seasons are not made small.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.prediction.series import SeriesError

LEAST = 0.3  # autocorrelation of a season
RISE = 0.2  # above the lowest autocorrelation before it
NEAR = 0.05  # of the highest peak
ECHO = 1 / 3  # of the peak that is there at two seasons
MANY = 8  # seasons, from which on a peak needs no second witness
PARTS = 3  # seasons that a series must have for one to be found


@dataclass(frozen=True)
class Season:
    """After how many steps a series repeats itself, and how that is known."""

    steps: int
    """1 is no season."""
    why: str


def autocorrelation(values: Float[np.ndarray, " n"], most: int) -> Float[np.ndarray, " k"]:
    """Return r(0) .. r(most) of a series without its quadratic trend."""
    at = np.linspace(-1, 1, len(values))
    left = values - np.polynomial.Polynomial.fit(at, values, 2)(at)
    size = 1 << (2 * len(left) - 1).bit_length()
    power = np.abs(np.fft.rfft(left, size)) ** 2
    sums = np.fft.irfft(power, size)[: most + 1]
    sums /= len(left) - np.arange(most + 1)
    return sums / max(float(sums[0]), 1e-300)


def find_season(values: Float[np.ndarray, " n"]) -> Season:
    """Return the season of a series, 1 if it shows none."""
    most = len(values) // PARTS
    if most < 3:
        return Season(1, "it is too short to show a season")
    r = autocorrelation(values, 2 * most)
    lowest = np.minimum.accumulate(r)
    steps = autocorrelation(np.diff(values), most)
    peaks = [
        k
        for k in range(2, most)
        if r[k] >= r[k - 1]
        and r[k] >= r[k + 1]
        and r[k] > LEAST
        and r[k] - lowest[k] > RISE
        and r[2 * k] > ECHO * r[k]
        and (k <= len(values) // MANY or steps[k] > 1.96 / (len(values) - k) ** 0.5)
    ]
    if not peaks:
        return Season(1, "its autocorrelation has no clear peak")
    highest = max(r[k] for k in peaks)
    best = next(k for k in peaks if r[k] >= highest - NEAR)
    return Season(best, f"found: its autocorrelation has a peak of {r[best]:.2f} there")


def told_season(values: Float[np.ndarray, " n"], steps: int) -> Season:
    """Return a season that a person told; raise SeriesError if it is too long for the series."""
    if steps > len(values) // 2:
        raise SeriesError(
            f"a season of {steps} is longer than half of the {len(values)} values; give --season "
            f"{len(values) // 2} at most, or 1 for none"
        )
    return Season(steps, "told")
