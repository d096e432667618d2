"""How far off the networks are likely to be in each row, so that intervals widen with the noise.

A second ensemble, of the same shape and dealt into the same parts, learns the logarithm of the
errors ``|y_i - mu_k(i)(x_i)|`` of rows in networks that did not know them. Of what it says, g_k(x),
a power is taken:

    sigma_k(x) = exp(p g_k(x)),   p in {1/4, 1/2, 3/4, 1}

p is the one under which the errors are likeliest, as Laplace's of scale ``b sigma_k(i)(x_i)``, each
row judged by the network that did not learn from it. Where that is not better than one width for
all by two standard errors, there is no spread, and nothing changes.

Sources: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, section 5.2 (locally weighted conformal
prediction); Papadopoulos, Haralambous 2011 (a second network of the logarithm of the errors).

Departure: the errors that g_k learns from are of networks that knew the k-th part; only its own
errors are kept from it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from bowerbird.networks.mlp import MLP
from bowerbird.prediction.tabular.predict import decoded, evaluate

if TYPE_CHECKING:
    from bowerbird.prediction.tabular.ensemble import Members

Array = np.ndarray
POWERS = (0.25, 0.5, 0.75, 1.0)
MOST = 700.0  # of which the exponential is still a number
CERTAIN = 2.0  # standard errors by which a spread has to be better than none
SMALLEST = 0.05  # of the median: smaller errors are taken for as large, or their logarithm rules


@dataclass(frozen=True, eq=False)
class Spread:
    """What was learned of how large errors are."""

    network: MLP
    mean: float
    """Of the logarithms, less what makes them 0 on average."""
    scale: float
    """Standard deviation of the logarithms."""
    power: float
    low: float
    """Of the logarithms of known rows; those of others are taken for no smaller."""
    high: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.mean) or not 0 < self.scale < np.inf or not 0 < self.power <= 1:
            raise ValueError("the numbers of a spread can't be")
        if not -MOST <= self.low <= self.high <= MOST:
            raise ValueError("the bounds of a spread can't be")

    def __call__(self, x: Float[Array, "n width"]) -> Float[Array, "members n"]:
        """Return how large errors are likely to be in encoded rows, by each network."""
        raw = evaluate(self.network, x)
        logs = decoded(raw, 0, self.mean, self.scale)
        return np.exp(self.power * np.clip(logs, self.low, self.high))


def spread_of(
    members: "Members", x: Float[Array, "n width"], errors: Float[Array, " n"]
) -> Spread | None:
    """Return the spread of errors in rows that ``members`` was fitted on, each by its own network.

    None where the table does not show that errors are larger in some rows than in others.
    """
    smallest = SMALLEST * float(np.median(errors))
    if smallest <= 0:
        return None
    learned = type(members)(members.config, 0, members.device)
    learned.fit(x, np.log(np.maximum(errors, smallest)))
    logs = learned.held_out(x)
    middle = float(logs.mean())
    even = _unlikely(errors, np.zeros(len(errors)))
    tried = {power: even - _unlikely(errors, power * (logs - middle)) for power in POWERS}
    power = max(tried, key=lambda power: tried[power].mean())
    gain = tried[power]
    if gain.mean() <= CERTAIN * gain.std() / len(gain) ** 0.5:
        return None
    low, high = float(logs.min()) - middle, float(logs.max()) - middle
    network: MLP = learned.network_  # type: ignore[assignment]
    return Spread(network, learned.mean_ - middle, learned.scale_, power, low, high)


def _unlikely(errors: Float[Array, " n"], logs: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return minus the logarithm of Laplace's density, its one free scale the likeliest."""
    relative = errors / np.exp(logs)
    scale = relative.mean()
    return logs + np.log(scale) + relative / scale
