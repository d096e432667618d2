"""A linear readout in closed form (ridge regression), its penalty chosen on what comes later.

``W = argmin ||F W - Y||^2 + p ||W||^2`` (Hoerl and Kennard 1970) over features F of mean 0 and
deviation 1. One eigendecomposition of ``F^T F`` gives the solution for every penalty p.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Array = np.ndarray
PENALTIES = tuple(float(p) for p in np.logspace(-2, 5, 15))
EARLIEST = 8  # rows, fewer of which can't tell one penalty from another
LATER = 0.25  # share of the rows, the latest, on which a penalty is chosen


@dataclass(frozen=True)
class Readout:
    """A linear map from features to targets."""

    weight: Float[Array, "f o"]
    bias: Float[Array, " o"]
    penalty: float

    def __call__(self, features: Float[Array, "n f"]) -> Float[Array, "n o"]:
        """Return what is read out of features."""
        return features @ self.weight + self.bias


def ridges(
    features: Float[Array, "n f"], targets: Float[Array, "n o"], penalties: Sequence[float]
) -> list[Readout]:
    """Return the readout of each penalty."""
    mean, middle = features.mean(0), targets.mean(0)
    scale = features.std(0) + 1e-12
    normal = (features - mean) / scale
    roots, basis = np.linalg.eigh(normal.T @ normal)
    seen = basis.T @ (normal.T @ (targets - middle))
    found = []
    for penalty in penalties:
        weight = basis @ (seen / (np.maximum(roots, 0) + penalty)[:, None]) / scale[:, None]
        found.append(Readout(weight, middle - mean @ weight, penalty))
    return found


def ridge(
    features: Float[Array, "n f"],
    targets: Float[Array, "n o"],
    gap: int = 0,
    penalties: Sequence[float] = PENALTIES,
) -> Readout:
    """Return the readout whose penalty foresees the last quarter of the rows best.

    Rows are in the order of time. ``gap`` rows before that quarter are left out while the penalty
    is chosen: their targets reach into it. What is best has the least mean absolute error; of those
    alike, and where fewer than eight rows are left, it is the largest penalty.
    """
    cut = len(features) - max(1, int(LATER * len(features)))
    best = max(penalties)
    if (early := cut - gap) >= EARLIEST:
        tried = ridges(features[:early], targets[:early], sorted(penalties, reverse=True))
        errors = [float(np.abs(one(features[cut:]) - targets[cut:]).mean()) for one in tried]
        best = tried[int(np.argmin(errors))].penalty
    return ridges(features, targets, [best])[0]
