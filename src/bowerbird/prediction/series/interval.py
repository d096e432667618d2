"""Prediction intervals of each step, from the errors of forecasts at earlier cutoffs.

The error e of step s is taken to have mean 0 and the variance of the n errors known by then, in
which later ones weigh more: ``v_s = sum_i w_i e_i^2 / sum_i w_i``, ``w_i = 0.95^(n - i)``. The
variance does not decrease with s, so its estimates are smoothed by isotonic regression. The half
width at coverage c is

    t_{m, (1 + c) / 2} sqrt(v_s),   m = (sum w)^2 / sum w^2 / (1 + 2 sum_{0<j<L} (1 - j / L)^2)

with Student's t of m degrees of freedom: the number of independent errors that are worth as much as
the known ones, whose horizons overlap those of the next L - 1 (sums of shared steps: Bartlett
1946).

Sources: Gosset 1908 (t); Kish 1965 (effective sample size); Barlow, Bartholomew, Bremner, Brunk
1972 (isotonic regression); decaying weights, for a distribution that changes, as in Barber, Candes,
Ramdas, Tibshirani 2023 (arXiv:2202.13415), whose quantile is discussed in the experiment log.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Array = np.ndarray
DECAY = 0.95  # weight of an error relative to that of the next cutoff
MIN_DEGREES = 4.0  # independent errors; with fewer, t would be wider than it is worth
MIN_ERRORS = 2  # for an interval


def half_widths(
    errors: Sequence[Float[Array, " n"]], stride: int, coverage: float
) -> Float[Array, " h"]:
    """Return the half width of each step's interval, from its known errors in the order of time.

    ``stride`` is the number of steps between two cutoffs. All are infinite if any step has fewer
    than two errors, because they are smoothed together.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - takes a moment
    from scipy.stats import t as student  # noqa: PLC0415

    if min(map(len, errors)) < MIN_ERRORS:
        return np.full(len(errors), np.inf)
    variance, degrees = np.empty(len(errors)), np.empty(len(errors))
    for step, known in enumerate(errors):
        weights = DECAY ** np.arange(len(known))[::-1]
        variance[step] = weights @ known**2 / weights.sum()
        overlap = -(-(step + 1) // stride)
        shared = ((1 - np.arange(1, overlap) / overlap) ** 2).sum()
        degrees[step] = weights.sum() ** 2 / (weights @ weights) / (1 + 2 * shared)
    smooth = isotonic_regression(variance, weights=degrees).x
    return student.ppf((1 + coverage) / 2, np.maximum(degrees, MIN_DEGREES)) * np.sqrt(smooth)


def rolling_half_widths(
    errors: Float[Array, "k h"], stride: int, coverage: float
) -> Float[Array, "k h"]:
    """Return the half widths at each cutoff, from the errors that are known by then.

    They are infinite at cutoffs with too few errors.
    """
    if len(errors) == 0:
        return errors
    steps = range(errors.shape[1])
    delay = [-(-(step + 1) // stride) for step in steps]  # cutoffs until a step's error is known
    return np.stack(
        [
            half_widths([errors[: max(0, k - delay[s] + 1), s] for s in steps], stride, coverage)
            for k in range(len(errors))
        ]
    )


def interval(
    forecast: Float[Array, " h"], widths: Float[Array, " h"], past: Float[Array, " n"]
) -> tuple[Float[Array, " h"], Float[Array, " h"], Float[Array, " h"]]:
    """Return a forecast and the lower and upper bounds of its intervals.

    They are at least 0 if no past value is negative.
    """
    minimum = 0.0 if past.min() >= 0 else -np.inf
    bounds = forecast, forecast - widths, forecast + widths
    point, lower, upper = (np.maximum(bound, minimum) for bound in bounds)
    return point, lower, upper
