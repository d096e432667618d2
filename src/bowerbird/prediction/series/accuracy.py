"""How far forecasts are off: MASE, sMAPE, RMSE, and whether one is better than another.

Hyndman and Koehler 2006 (International Journal of Forecasting 22): ``MASE`` is the mean absolute
error divided by that of the seasonal-naive forecast of one step within the past that was learned
from; ``sMAPE = mean(200 |y - f| / (|y| + |f|))`` in per cent (as in the M4 competition); ``RMSE``
the root of the mean squared error, in the unit of the series.

Whether one is better: Student's paired t of the losses at origins whose horizons don't overlap.
The test of Diebold and Mariano 1995 takes all origins and estimates how they hang together; with 20
origins, each reaching over the next seven, it rejects a true null 18 times in 100 at 0.05 (so do
its corrections by Harvey et al. 1997 and by fixed-b critical values), and this one 5 times.
"""

import math

import numpy as np
from jaxtyping import Float

Array = np.ndarray
FEWEST_PAIRS = 3
ROUNDING = 1e-12  # of the largest value
NEGLIGIBLE = 1e-6  # of the deviation of a series; about what single precision leaves


def mase(errors: Float[Array, "k h"], past: Float[Array, " n"], season: int) -> float | None:
    """Return the mean absolute error in units of the past's own seasonal-naive error.

    None where that is 0, as after a past that repeats itself exactly.
    """
    scale = naive_scale(past, season)
    return float(np.abs(errors).mean()) / scale if scale else None


def naive_scale(past: Float[Array, " n"], season: int) -> float:
    """Return the mean absolute seasonal difference of the past, 0 if it is only rounding."""
    scale = float(np.abs(past[season:] - past[:-season]).mean())
    return scale if scale > ROUNDING * float(np.abs(past).max()) else 0.0


def smape(true: Float[Array, "k h"], said: Float[Array, "k h"]) -> float:
    """Return the symmetric error in per cent, 0 to 200."""
    both = np.abs(true) + np.abs(said)
    return float((200 * np.abs(true - said) / np.where(both > 0, both, 1)).mean())


def rmse(errors: Float[Array, "k h"]) -> float:
    """Return the root of the mean squared error."""
    return math.sqrt(float((errors**2).mean()))


def apart(losses: Float[Array, " k"], overlap: int) -> Float[Array, " p"]:
    """Return the losses of origins whose horizons don't overlap, counted from the last one.

    ``overlap`` is how many origins after its own one forecast still reaches.
    """
    return losses[:: -(overlap + 1)]


def paired_t(
    ours: Float[Array, " k"], theirs: Float[Array, " k"], overlap: int
) -> tuple[float, float] | None:
    """Return (t, p) of two losses over the same origins, two-sided; t < 0: ours is lower.

    None where fewer than three origins lie apart, or all differ by the same: that is no test.
    """
    from scipy.stats import t as student  # noqa: PLC0415 - takes a moment

    difference = apart(ours - theirs, overlap)
    count = len(difference)
    if count < FEWEST_PAIRS or not (deviation := float(difference.std(ddof=1))):
        return None
    score = float(difference.mean()) / (deviation / math.sqrt(count))
    return score, float(2 * student.sf(abs(score), count - 1))


def same(ours: Float[Array, " k"], theirs: Float[Array, " k"], values: Float[Array, " n"]) -> bool:
    """Return whether two losses differ by nothing that could be seen in a series."""
    return float(np.abs(ours - theirs).max()) <= NEGLIGIBLE * float(values.std())
