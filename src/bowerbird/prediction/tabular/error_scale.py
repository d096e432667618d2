"""The expected size of the error in each row, so that intervals widen with the noise.

A second ensemble of the same shape, with the same parts, is trained on the logarithm of the errors
``|y_i - mu_k(i)(x_i)|`` of rows in the members that were not trained on them. Of its prediction
g_k(x), a power is taken:

    sigma_k(x) = exp(p g_k(x)),   p in {1/4, 1/2, 3/4, 1}

p maximizes the likelihood of the errors under Laplace distributions of scale ``b sigma_k(i)(x_i)``,
each row predicted by the member that was not trained on it. If that is not better than one scale
for all rows by two standard errors, there is no error scale.

Sources: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, section 5.2 (locally weighted conformal
prediction); Papadopoulos, Haralambous 2011 (a second network for the logarithm of the errors).

Departure: the errors that g_k is trained on come from members that were trained on the k-th part;
only the errors in that part are kept from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from bowerbird.prediction.tabular.config import EnsembleConfig
from bowerbird.prediction.tabular.ensemble import Ensemble, train_ensemble

Array = np.ndarray
POWERS = (0.25, 0.5, 0.75, 1.0)
MAX_LOG = 700.0  # whose exponential is still finite
MIN_GAIN = 2.0  # standard errors by which an error scale must be better than none
MIN_ERROR = 0.05  # of the median; smaller errors count as this, or their logarithm would dominate


@dataclass(frozen=True, eq=False)
class ErrorScale:
    """A model of the size of errors."""

    ensemble: Ensemble
    """Predicts the logarithm of errors, less its mean over the training rows."""
    power: float
    low: float
    """Lowest prediction in the training rows; lower ones are clipped."""
    high: float

    def __post_init__(self) -> None:
        fits = 0 < self.power <= 1 and -MAX_LOG <= self.low <= self.high <= MAX_LOG
        if self.ensemble.num_classes or not fits:
            numbers = f"{self.power}, {self.low} and {self.high}"
            raise ValueError(f"power, low and high of an error scale can't be {numbers}")

    def __call__(self, x: Float[Array, "n width"]) -> Float[Array, "members n"]:
        """Return the relative size of errors in encoded rows, predicted by each member."""
        return np.exp(self.power * np.clip(self.ensemble(x), self.low, self.high))

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs, except the weights."""
        numbers = {"power": self.power, "low": self.low, "high": self.high}
        return {**self.ensemble.to_dict(), **numbers}

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor], prefix: str, device: str
    ) -> "ErrorScale":
        """Return the error scale in a model file; raise ValueError if its parts do not fit."""
        ensemble = Ensemble.from_dict(values, tensors, prefix, device)
        return cls(ensemble, *(float(values[name]) for name in ("power", "low", "high")))


def fit_error_scale(
    x: Float[Array, "n width"],
    errors: Float[Array, " n"],
    config: EnsembleConfig,
    device: str = "cpu",
    parts: Int[Array, " n"] | None = None,
) -> ErrorScale | None:
    """Fit the scale of errors in encoded rows, each error by the member not trained on the row.

    Returns None if the table does not show that errors are larger in some rows than in others.
    ``config`` is that of the ensemble whose errors these are, ``parts`` the part of each row there.
    """
    smallest = MIN_ERROR * float(np.median(errors))
    if smallest <= 0:
        return None
    trained = train_ensemble(x, np.log(np.maximum(errors, smallest)), 0, config, device, parts)
    logs = trained.out_of_part(x)
    middle = float(logs.mean())
    constant = _negative_log_likelihood(errors, np.zeros(len(errors)))
    gains = {
        power: constant - _negative_log_likelihood(errors, power * (logs - middle))
        for power in POWERS
    }
    power = max(gains, key=lambda power: gains[power].mean())
    gain = gains[power]
    if gain.mean() <= MIN_GAIN * gain.std() / len(gain) ** 0.5:
        return None
    ensemble = replace(trained.ensemble, mean=trained.ensemble.mean - middle)
    return ErrorScale(ensemble, power, float(logs.min()) - middle, float(logs.max()) - middle)


def _negative_log_likelihood(
    errors: Float[Array, " n"], logs: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Return that of Laplace distributions, with their one free scale the likeliest."""
    relative = errors / np.exp(logs)
    scale = relative.mean()
    return logs + np.log(scale) + relative / scale
