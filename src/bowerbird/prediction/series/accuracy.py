"""Accuracy of forecasts (MASE, sMAPE, RMSE), and a test of whether one is better than another.

Hyndman and Koehler 2006 (International Journal of Forecasting 22): ``MASE`` is the mean absolute
error divided by that of the seasonal naive forecast of one step within the training data;
``sMAPE = mean(200 |y - f| / (|y| + |f|))`` in % (as in the M4 competition); ``RMSE`` is the root of
the mean squared error, in the unit of the series.

The test is Student's paired t of the losses at cutoffs whose horizons don't overlap. The test of
Diebold and Mariano 1995 uses all cutoffs and estimates their correlation; with 20 cutoffs, each
overlapping the next seven, it rejects a true null 18 times in 100 at 0.05 (so do its corrections by
Harvey et al. 1997 and by fixed-b critical values), and this one 5 times.
"""

import math

import numpy as np
from jaxtyping import Float

from bowerbird.prediction.series.series import ROUNDING

Array = np.ndarray
MIN_PAIRS = 3
NEGLIGIBLE = 1e-6  # relative to the standard deviation of a series; about single precision


def mase(errors: Float[Array, "k h"], past: Float[Array, " n"], period: int) -> float | None:
    """Return the mean absolute error divided by the past's seasonal naive error.

    None if that is 0, as for a past that repeats itself exactly. Here and below, NaN errors, of
    values that are not known, don't count.
    """
    scale = naive_scale(past, period)
    return float(np.nanmean(np.abs(errors))) / scale if scale else None


def naive_scale(past: Float[Array, " n"], period: int) -> float:
    """Return the mean absolute seasonal difference of the past, 0 if it is rounding."""
    scale = float(np.abs(past[period:] - past[:-period]).mean())
    return scale if scale > ROUNDING * float(np.abs(past).max()) else 0.0


def smape(true: Float[Array, "k h"], predicted: Float[Array, "k h"]) -> float:
    """Return the symmetric mean absolute percentage error, 0 to 200."""
    total = np.abs(true) + np.abs(predicted)
    return float(np.nanmean(200 * np.abs(true - predicted) / np.where(total == 0, 1, total)))


def rmse(errors: Float[Array, "k h"]) -> float:
    """Return the root of the mean squared error."""
    return math.sqrt(float(np.nanmean(errors**2)))


def non_overlapping(losses: Float[Array, " k"], overlap: int) -> Float[Array, " p"]:
    """Return the losses at cutoffs whose horizons don't overlap, counted from the last one.

    ``overlap`` is the number of later cutoffs that are within the horizon of one.
    """
    return losses[:: -(overlap + 1)]


def paired_t(
    ours: Float[Array, " k"], theirs: Float[Array, " k"], overlap: int
) -> tuple[float, float] | None:
    """Return (t, p) of two losses at the same cutoffs, two-sided; t < 0: ours is lower.

    None if fewer than three cutoffs don't overlap, or if all differences are equal.
    """
    from scipy.stats import t as student  # noqa: PLC0415 - takes a moment

    difference = non_overlapping(ours - theirs, overlap)
    count = len(difference)
    if count < MIN_PAIRS or not (std := float(difference.std(ddof=1))):
        return None
    statistic = float(difference.mean()) / (std / math.sqrt(count))
    return statistic, float(2 * student.sf(abs(statistic), count - 1))


def are_equal(
    ours: Float[Array, " k"], theirs: Float[Array, " k"], values: Float[Array, " n"]
) -> bool:
    """Return whether two losses differ by less than the precision of a series."""
    return float(np.abs(ours - theirs).max()) <= NEGLIGIBLE * float(values.std())
