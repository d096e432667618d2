"""How far off a forecast may be at each step, by the errors of forecasts from earlier origins.

The error e of step s is taken for one of mean 0 whose variance is that of the n errors known by
then, the later ones counting more: ``v_s = sum_i w_i e_i^2 / sum_i w_i``, ``w_i = 0.95^(n - i)``.
It does not fall with s, so what is noise in its estimates is evened out by isotonic regression. The
half width at coverage c is

    t_{m, (1 + c) / 2} sqrt(v_s),   m = (sum w)^2 / sum w^2 / (1 + 2 sum_{0<j<L} (1 - j / L)^2)

with Student's t for m errors: so many independent ones tell as much as those that there are, of
which each reaches over the next L - 1, as sums of shared steps do (Bartlett 1946).

Sources: Gosset 1908 (t); Kish 1965 (the size of a weighted sample); Barlow, Bartholomew, Bremner,
Brunk 1972 (isotonic regression); weights that fade, for a distribution that moves, as in Barber,
Candes, Ramdas, Tibshirani 2023 (arXiv:2202.13415), whose quantile the log tells about.
"""

import numpy as np
from jaxtyping import Float

Array = np.ndarray
FADES = 0.95  # weight of an error beside that of the next origin
LEAST = 4.0  # independent errors; t of fewer is wider than it is worth
FEWEST = 2  # errors that a width is made from


def band(known: list[Float[Array, " n"]], stride: int, coverage: float) -> Float[Array, " h"]:
    """Return the half width of each step, from its known errors in the order of their origins.

    ``stride`` steps lie between two origins. All are infinite where one step has fewer than two
    errors, as they are evened out together.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - takes a moment
    from scipy.stats import t as student  # noqa: PLC0415

    if min(map(len, known)) < FEWEST:
        return np.full(len(known), np.inf)
    variance, many = np.empty(len(known)), np.empty(len(known))
    for step, errors in enumerate(known):
        weights = FADES ** np.arange(len(errors))[::-1]
        variance[step] = weights @ errors**2 / weights.sum()
        reach = -(-(step + 1) // stride)
        shared = ((1 - np.arange(1, reach) / reach) ** 2).sum()
        many[step] = weights.sum() ** 2 / (weights @ weights) / (1 + 2 * shared)
    even = isotonic_regression(variance, weights=many).x
    return student.ppf((1 + coverage) / 2, np.maximum(many, LEAST)) * np.sqrt(even)


def bands(errors: Float[Array, "k h"], stride: int, coverage: float) -> Float[Array, "k h"]:
    """Return the half width at each origin and step, from errors that were known by then.

    Infinite at origins at which too few were.
    """
    if len(errors) == 0:
        return errors
    steps = range(errors.shape[1])
    reach = [-(-(step + 1) // stride) for step in steps]  # origins until step h has been seen
    return np.stack(
        [
            band([errors[: max(0, at - reach[s] + 1), s] for s in steps], stride, coverage)
            for at in range(len(errors))
        ]
    )
