"""Error bars that hold without assumptions on the noise: conformal prediction by cross-validation.

Of each known row i a network that did not learn from it, of part k(i), gives a score. A number's
score is R_i = |y_i - mu_k(i)(x_i)|, and the interval of a new x at coverage 1 - alpha goes

    from the floor(alpha (n + 1))-th smallest of  mu_k(i)(x) - R_i
    to   the ceil((1 - alpha)(n + 1))-th smallest of  mu_k(i)(x) + R_i

Where it is known that errors are larger in some rows than in others (`spread`), R_i is divided by
sigma_k(i)(x_i) and multiplied by sigma_k(i)(x). Theorem 4 below is not for these: sigma_k is
learned from errors of networks that knew the k-th part. How often they hold is measured in folds.

A class's score is 1 - p_k(i)(its probability), and the set of a new x has every class whose score
is above fewer than (1 - alpha)(n + 1) of the known ones.

Sources: Vovk, Gammerman, Shafer 2005 (conformal prediction); Vovk 2015 (cross-conformal); Barber,
Candes, Ramdas, Tibshirani 2021, "Predictive inference with the jackknife+", section 3 and theorem
4: coverage at least 1 - 2 alpha - min(2 (1 - 1/K) / (n/K + 1), (1 - K/n) / (K + 1)), and nearly
1 - alpha where learning is stable; Romano, Sesia, Candes 2020 (arXiv:2006.02544), section 2.3 (sets
by CV+); Sadinle, Lei, Wasserman 2019 (the score 1 - p: the smallest sets).

Departures: of more than 5,000 known rows that many are drawn; an empty set gets its likeliest
class.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

COVERAGE = 0.9  # share that is asked for where nothing else is
MOST = 5000  # known rows that are compared with
TINY = 1e-9  # 0.1 * 10 is 1, also where floats are a little below
AT_ONCE = 4_000_000  # numbers that are compared at once


@dataclass(frozen=True, eq=False)
class Conformal:
    """The scores of known rows in networks that did not learn from them."""

    scores: Float[np.ndarray, " n"]
    parts: Int[np.ndarray, " n"]
    """Which network each score is of."""

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or self.scores.shape != self.parts.shape or not len(self.scores):
            raise ValueError("there is one score and one part for each known row")

    def drawn(self, seed: int) -> "Conformal":
        """Return these, or so many of them as are compared with, drawn at random."""
        if len(self.scores) <= MOST:
            return self
        some = np.random.default_rng(seed).choice(len(self.scores), MOST, replace=False)
        return Conformal(self.scores[some], self.parts[some])

    def in_units(self, spread: Float[np.ndarray, "members n"]) -> "Conformal":
        """Return scores relative to what each network says of how large errors are in the rows."""
        return Conformal(self.scores / spread[self.parts, np.arange(len(self.parts))], self.parts)

    def intervals(
        self,
        said: Float[np.ndarray, "members m"],
        coverage: float,
        spread: Float[np.ndarray, "members m"] | None = None,
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Return the lower and upper ends of the intervals of new rows, by what each network says.

        ``spread`` is what scores are in units of, 1 if not given. The ends are infinite where the
        known rows are too few for the coverage.
        """
        low_rank, high_rank = _ranks(len(self.scores), coverage)
        rows = said.shape[1]
        low, high = np.full(rows, -np.inf), np.full(rows, np.inf)
        if low_rank < 1:
            return low, high
        step = max(1, AT_ONCE // len(self.scores))
        for start in range(0, rows, step):
            some = slice(start, start + step)
            mu, away = said[self.parts, some], self.scores[:, None]
            if spread is not None:
                away = away * spread[self.parts, some]
            low[some] = np.partition(mu - away, low_rank - 1, axis=0)[low_rank - 1]
            high[some] = np.partition(mu + away, high_rank - 1, axis=0)[high_rank - 1]
        return low, high

    def sets(
        self, said: Float[np.ndarray, "members m classes"], coverage: float
    ) -> Bool[np.ndarray, "m classes"]:
        """Return which classes each new row may have, by the probabilities of each network."""
        members, rows, classes = said.shape
        above = np.zeros((rows, classes), np.int64)  # known scores that are below the class's
        for member in range(members):
            known = np.sort(self.scores[self.parts == member])
            above += np.searchsorted(known, 1 - said[member], side="left")
        inside = above < coverage * (len(self.scores) + 1)
        likeliest = said.mean(0).argmax(1)
        empty = ~inside.any(1)
        inside[empty, likeliest[empty]] = True
        return inside


def _ranks(count: int, coverage: float) -> tuple[int, int]:
    """Return the ranks, from 1, of the lower and the upper end; 0 is minus infinity."""
    return math.floor((1 - coverage) * (count + 1) + TINY), upper_rank(count, coverage)


def upper_rank(count: int, coverage: float) -> int:
    """Return which of so many errors, from the smallest, 1, bounds this share of new ones.

    It is above ``count`` where there are too few of them for the coverage.
    """
    return math.ceil(coverage * (count + 1) - TINY)


def of_numbers(
    wanted: Float[np.ndarray, " n"], said: Float[np.ndarray, " n"], parts: Int[np.ndarray, " n"]
) -> Conformal:
    """Return the scores of numbers that were judged by networks that did not know them."""
    return Conformal(np.abs(wanted - said), parts)


def of_classes(
    wanted: Int[np.ndarray, " n"],
    said: Float[np.ndarray, "n classes"],
    parts: Int[np.ndarray, " n"],
) -> Conformal:
    """Return the scores of classes that were judged by networks that did not know them."""
    return Conformal(1 - said[np.arange(len(wanted)), wanted], parts)
