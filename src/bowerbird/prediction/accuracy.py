"""How far forecasts are off: MASE, sMAPE, RMSE, and whether one is better than another.

Hyndman and Koehler 2006 (International Journal of Forecasting 22): ``MASE`` is the mean absolute
error divided by that of the seasonal-naive forecast of one step within the past that was learned
from; ``sMAPE = mean(200 |y - f| / (|y| + |f|))`` in per cent (as in the M4 competition); ``RMSE``
the root of the mean squared error, in the unit of the series.

Diebold and Mariano 1995, with the correction of Harvey, Leybourne and Newbold 1997: whether the
mean difference of two losses is zero, from its variance over overlapping origins (Bartlett
weights, which keep it above zero) and Student's t.
"""

import math

import numpy as np
from jaxtyping import Float

Array = np.ndarray


def mase(errors: Float[Array, "k h"], past: Float[Array, " n"], season: int) -> float:
    """Return the mean absolute error in units of the past's own seasonal-naive error."""
    return float(np.abs(errors).mean() / naive_scale(past, season))


def naive_scale(past: Float[Array, " n"], season: int) -> float:
    """Return the mean absolute seasonal difference of the past, above 0."""
    return max(float(np.abs(past[season:] - past[:-season]).mean()), 1e-300)


def smape(true: Float[Array, "k h"], said: Float[Array, "k h"]) -> float:
    """Return the symmetric error in per cent, 0 to 200."""
    both = np.abs(true) + np.abs(said)
    return float((200 * np.abs(true - said) / np.where(both > 0, both, 1)).mean())


def rmse(errors: Float[Array, "k h"]) -> float:
    """Return the root of the mean squared error."""
    return math.sqrt(float((errors**2).mean()))


def diebold_mariano(
    ours: Float[Array, " k"], theirs: Float[Array, " k"], overlap: int
) -> tuple[float, float]:
    """Return (t, p) of two losses over the same origins, two-sided; t < 0: ours is lower.

    ``overlap`` is how many origins after its own one forecast still reaches.
    """
    from scipy.stats import t as student  # noqa: PLC0415 - takes a moment

    difference = ours - theirs
    count = len(difference)
    if count < 3:
        return 0.0, 1.0
    left = difference - difference.mean()
    lags = min(overlap, count - 1)
    variance = float((left**2).mean())
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float((left[lag:] * left[:-lag]).sum()) / count
    if variance <= 0:
        return 0.0, 1.0
    score = float(difference.mean()) / math.sqrt(variance / count)
    h = min(lags + 1, count // 2)
    score *= math.sqrt(max((count + 1 - 2 * h + h * (h - 1) / count) / count, 1e-9))
    return score, float(2 * student.sf(abs(score), count - 1))


def conformal_width(errors: Float[Array, " n"], coverage: float) -> float:
    """Return how wide a band on each side has to be to hold the next error with ``coverage``.

    The ``ceil((n + 1) coverage)``-th smallest of n absolute errors (Vovk, Gammerman, Shafer 2005);
    infinite if n is too small for that.
    """
    rank = math.ceil((len(errors) + 1) * coverage - 1e-9)
    if rank > len(errors):
        return math.inf
    return float(np.sort(np.abs(errors))[rank - 1])
