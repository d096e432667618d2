"""Ridge regression in closed form, with the penalty chosen on the latest rows.

``W = argmin ||F W - Y||^2 + p ||W||^2`` (Hoerl and Kennard 1970) over features F of mean 0 and
standard deviation 1. One eigendecomposition of ``F^T F`` gives the solution for every penalty p.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Array = np.ndarray
PENALTIES = tuple(float(p) for p in np.logspace(-2, 5, 15))
MIN_ROWS = 8  # from which a penalty can be chosen
VALIDATION_FRACTION = 0.25  # of the rows, the latest, on which the penalty is chosen


@dataclass(frozen=True)
class Readout:
    """A linear map from features to targets."""

    weight: Float[Array, "f o"]
    bias: Float[Array, " o"]
    penalty: float

    def __call__(self, features: Float[Array, "n f"]) -> Float[Array, "n o"]:
        """Map features to targets."""
        return features @ self.weight + self.bias


def fit_ridges(
    features: Float[Array, "n f"], targets: Float[Array, "n o"], penalties: Sequence[float]
) -> list[Readout]:
    """Fit a map for each penalty."""
    mean, target_mean = features.mean(0), targets.mean(0)
    scale = features.std(0) + 1e-12
    scaled = (features - mean) / scale
    roots, basis = np.linalg.eigh(scaled.T @ scaled)
    projected = basis.T @ (scaled.T @ (targets - target_mean))
    readouts = []
    for penalty in penalties:
        weight = basis @ (projected / (np.maximum(roots, 0) + penalty)[:, None]) / scale[:, None]
        readouts.append(Readout(weight, target_mean - mean @ weight, penalty))
    return readouts


def fit_ridge(
    features: Float[Array, "n f"],
    targets: Float[Array, "n o"],
    gap: int = 0,
    penalties: Sequence[float] = PENALTIES,
) -> Readout:
    """Fit the map whose penalty predicts the last quarter of the rows best.

    Rows are in the order of time. ``gap`` rows before that quarter are left out while the penalty
    is chosen, because their targets overlap it. The best penalty has the smallest mean absolute
    error; of equal ones, and if fewer than eight rows are left, it is the largest.
    """
    cut = len(features) - max(1, int(VALIDATION_FRACTION * len(features)))
    best = max(penalties)
    if (early := cut - gap) >= MIN_ROWS:
        tried = fit_ridges(features[:early], targets[:early], sorted(penalties, reverse=True))
        errors = [float(np.abs(fit(features[cut:]) - targets[cut:]).mean()) for fit in tried]
        best = tried[int(np.argmin(errors))].penalty
    return fit_ridges(features, targets, [best])[0]
