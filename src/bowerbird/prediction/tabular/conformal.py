"""Intervals that hold without assumptions on the noise: cross-conformal prediction (CV+).

Each training row i has a nonconformity score from the member that was not trained on it, of part
k(i). A number's score is R_i = |y_i - mu_k(i)(x_i)|, and the interval of a new x at coverage
1 - alpha goes

    from the floor(alpha (n + 1))-th smallest of  mu_k(i)(x) - R_i
    to   the ceil((1 - alpha)(n + 1))-th smallest of  mu_k(i)(x) + R_i

Where errors are known to be larger in some rows than in others (`error_scale`), R_i is divided by
sigma_k(i)(x_i) and multiplied by sigma_k(i)(x). Theorem 4 below does not apply then: sigma_k is
trained on errors of members that were trained on the k-th part. The coverage reached is validated.

A class's score is 1 - p_k(i)(its probability), and the set of a new x has every class whose score
is above fewer than (1 - alpha)(n_c + 1) of the scores of the n_c training rows of that class. So
the coverage holds in each class, also in a rare one (Mondrian conformal prediction); a class with
too few rows for the coverage is in every set.

Sources: Vovk, Gammerman, Shafer 2005 (conformal prediction; section 4.5: Mondrian); Vovk 2015
(cross-conformal); Barber, Candes, Ramdas, Tibshirani 2021, "Predictive inference with the
jackknife+", section 3 and theorem 4: coverage at least
1 - 2 alpha - min(2 (1 - 1/K) / (n/K + 1), (1 - K/n) / (K + 1)), and nearly 1 - alpha where training
is stable; Romano, Sesia, Candes 2020 (arXiv:2006.02544), section 2.3 (sets by CV+); Sadinle, Lei,
Wasserman 2019 (the score 1 - p: the smallest sets).

Departures: of more than 5,000 scores of numbers a random sample is used; an empty set gets
the class that a higher coverage adds first.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bowerbird.learning.validate import check_fraction
from bowerbird.prediction.tabular.config import EnsembleConfig
from bowerbird.prediction.tabular.error_scale import ErrorScale, fit_error_scale
from bowerbird.prediction.tabular.learners.blend import Blend, TrainedBlend, train_blend
from bowerbird.prediction.tabular.target import Target

MAX_SCORES = 5000
EPSILON = 1e-9  # 0.1 * 10 is 1, even if floats are a little below
BLOCK = 4_000_000  # numbers that are compared at once


@dataclass(frozen=True, eq=False)
class Calibration:
    """The nonconformity scores of training rows."""

    scores: Float[np.ndarray, " n"]
    members: Int[np.ndarray, " n"]
    """The member that each score is of."""
    classes: Int[np.ndarray, " n"] | None = None
    """The class of each row, if classes are predicted."""

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or self.scores.shape != self.members.shape or not len(self.scores):
            raise ValueError("scores and members must be two arrays of one shape (n,), n > 0")
        if self.classes is not None and self.classes.shape != self.scores.shape:
            raise ValueError("scores and classes must be two arrays of one shape")

    def intervals(
        self,
        predictions: Float[np.ndarray, "members m"],
        coverage: float,
        scale: Float[np.ndarray, "members m"] | None = None,
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Return the ends of the intervals of new rows, by each member's predictions.

        ``scale`` is the unit of the scores, 1 if not given. The ends are infinite if there are too
        few scores for the coverage.
        """
        n, rows = len(self.scores), predictions.shape[1]
        low, high = np.full(rows, -np.inf), np.full(rows, np.inf)
        low_rank = math.floor((1 - coverage) * (n + 1) + EPSILON)
        high_rank = math.ceil(coverage * (n + 1) - EPSILON)
        if low_rank < 1:
            return low, high
        step = max(1, BLOCK // n)
        for start in range(0, rows, step):
            block = slice(start, start + step)
            centers, scores = predictions[self.members, block], self.scores[:, None]
            if scale is not None:
                scores = scores * scale[self.members, block]
            low[block] = np.partition(centers - scores, low_rank - 1, axis=0)[low_rank - 1]
            high[block] = np.partition(centers + scores, high_rank - 1, axis=0)[high_rank - 1]
        return low, high

    def sets(
        self, probabilities: Float[np.ndarray, "members m classes"], coverage: float
    ) -> Bool[np.ndarray, "m classes"]:
        """Return the sets of classes of new rows, by each member's probabilities."""
        members, rows, classes = probabilities.shape
        below = np.zeros((rows, classes), np.int64)  # scores below that of the class
        own = np.zeros(len(self.scores), int) if self.classes is None else self.classes
        counts = np.full(classes, len(own))
        if self.classes is not None:
            counts = np.bincount(own, minlength=classes)
        for member, c in itertools.product(range(members), range(classes)):
            chosen = self.members == member
            if self.classes is not None:
                chosen = chosen & (own == c)
            scores = np.sort(self.scores[chosen])
            below[:, c] += np.searchsorted(scores, 1 - probabilities[member, :, c], side="left")
        sets = below < coverage * (counts + 1) - EPSILON
        empty = ~sets.any(1)
        # the first to enter as the coverage rises, so sets of a higher coverage contain it
        ranks = below / (counts + 1)
        best = np.lexsort((-probabilities.mean(0), ranks), axis=1)[:, 0]
        sets[empty, best[empty]] = True
        return sets


def sample_rows(count: int, seed: int) -> Int[np.ndarray, " n"]:
    """Return the indices of all rows, or of a random sample of as many as are used."""
    if count <= MAX_SCORES:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MAX_SCORES, replace=False))


def nonconformity(
    truth: np.ndarray, predictions: Float[np.ndarray, "n ..."]
) -> Float[np.ndarray, " n"]:
    """Return the scores of numbers, or of class indices by the probabilities of the classes."""
    if predictions.ndim == 1:
        return np.abs(truth - predictions)
    return 1 - predictions[np.arange(len(truth)), truth]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of some rows."""

    values: Float[np.ndarray, "n ..."]
    """Numbers (n,), or probabilities of the classes (n, classes)."""
    low: Float[np.ndarray, " n"] | None = None
    """Lower ends of intervals, for numbers; may be infinite."""
    high: Float[np.ndarray, " n"] | None = None
    sets: Bool[np.ndarray, "n classes"] | None = None
    """The possible classes."""

    def within(self, target: Target) -> "Predictions":
        """Return the predictions without numbers that the target can't be."""
        if self.low is None or self.high is None:
            return self
        return Predictions(*map(target.within, (self.values, self.low, self.high)))


@dataclass(frozen=True, eq=False)
class ConformalEnsemble:
    """A blend with the calibration of its intervals; predicts encoded rows."""

    ensemble: Blend
    calibration: Calibration
    error_scale: ErrorScale | None = None
    """The unit of the scores, if errors are larger in some rows than in others."""

    def predict(self, x: Float[np.ndarray, "n width"], coverage: float) -> Predictions:
        """Predict encoded rows, with intervals or sets of a coverage in (0, 1), else ValueError."""
        check_fraction("coverage", coverage)
        members = self.ensemble(x)
        if self.ensemble.num_classes:
            return Predictions(members.mean(0), sets=self.calibration.sets(members, coverage))
        scale = None if self.error_scale is None else self.error_scale(x)
        return Predictions(members.mean(0), *self.calibration.intervals(members, coverage, scale))


def fit_conformal(
    x: Float[np.ndarray, "n width"],
    y: np.ndarray,
    num_classes: int,
    config: EnsembleConfig,
    device: str = "cpu",
) -> tuple[ConformalEnsemble, TrainedBlend]:
    """Train a blend as `train_blend` does, and calibrate it on its out-of-part errors."""
    trained = train_blend(x, y, num_classes, config, device)
    scores, parts = nonconformity(y, trained.out_of_part), trained.parts
    if num_classes:
        calibration = Calibration(scores, parts, np.array(y, np.int64))
        return ConformalEnsemble(trained.blend, calibration), trained
    rows = sample_rows(len(x), config.seed)
    x, scores, parts = x[rows], scores[rows], parts[rows]
    error_scale = fit_error_scale(x, scores, config, device, parts)
    if error_scale is not None:
        scores = scores / error_scale(x)[parts, np.arange(len(x))]
    calibration = Calibration(scores, parts)
    return ConformalEnsemble(trained.blend, calibration, error_scale), trained
