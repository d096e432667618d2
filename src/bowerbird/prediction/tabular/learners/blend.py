"""The weighted mean of networks, gradient-boosted trees and a linear model.

Each of them is fitted without each part of the rows, as the networks are (`ensemble`). The weights
are those, in steps of a tenth, with the smallest loss of the out-of-part predictions; a weight of
1 is one of the three alone. So the blend has members, parts and out-of-part predictions as an
ensemble has, and intervals are made in the same way (`conformal`).

Source: Wolpert 1992, "Stacked generalization"; Breiman 1996, "Stacked regressions" (weights that
are not negative).

Departure: of larger tables, trees leave out two or more parts at once, so that fewer are fitted.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from bowerbird.prediction.tabular.config import EnsembleConfig
from bowerbird.prediction.tabular.ensemble import MAX_INPUT, Ensemble, train_ensemble
from bowerbird.prediction.tabular.learners.boosting import Trees, probabilities, train_trees
from bowerbird.prediction.tabular.learners.linear import Linear, train_linear
from bowerbird.prediction.tabular.metrics import MIN_PROBABILITY

LEARNERS = ("networks", "boosting", "linear")
STEPS = 10  # of a weight between 0 and 1
MIN_ROWS = 30  # of fewer rows, the networks are used alone
MAX_GROUPS = ((2000, 10), (8000, 5), (10**9, 3))  # models of trees, by rows


@dataclass(frozen=True, eq=False)
class Blend:
    """Networks, and where they help, trees and linear models."""

    networks: Ensemble
    weights: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Of networks, trees and linear models; they add up to 1."""
    trees: Trees | None = None
    linear: Linear | None = None

    def __post_init__(self) -> None:
        members, outputs = self.networks.network.config.members, self._outputs
        fits = (
            len(self.weights) == len(LEARNERS)
            and all(0 <= weight <= 1 for weight in self.weights)
            and abs(sum(self.weights) - 1) < 1e-6
            and (self.trees is not None) == (self.weights[1] > 0)
            and (self.linear is not None) == (self.weights[2] > 0)
            and (self.trees is None or self.trees.base.shape[1] == outputs)
            and (self.trees is None or 1 <= len(self.trees.base) <= members)
            and (self.linear is None or self.linear.bias.shape == (members, outputs))
        )
        if not fits:
            raise ValueError("the parts of its blend do not fit each other")

    @property
    def num_classes(self) -> int:
        """0 if numbers are predicted."""
        return self.networks.num_classes

    @property
    def _outputs(self) -> int:
        return self.num_classes if self.num_classes > 2 else 1

    def __call__(self, x: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "members n ..."]:
        """Return each member's predictions: numbers, or probabilities of the classes."""
        x = np.clip(x, -MAX_INPUT, MAX_INPUT)
        parts = [self.networks(x)] if self.weights[0] else []
        if self.trees is not None:
            members = self.networks.network.config.members
            groups = _groups(np.arange(members), members, len(self.trees.base))
            parts.append(self._scaled(self.trees(x))[groups])
        if self.linear is not None:
            parts.append(self._scaled(self.linear(x)))
        used = [weight for weight in self.weights if weight]
        return np.asarray(sum(w * part for w, part in zip(used, parts, strict=True)))

    def _scaled(self, outputs: np.ndarray) -> np.ndarray:
        return _values(outputs, self.networks)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights of the learners for a model file."""
        tensors = self.networks.tensors("ensemble.")
        if self.trees is not None:
            tensors |= self.trees.tensors("trees.")
        if self.linear is not None:
            tensors |= self.linear.tensors("linear.")
        return tensors

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs, except the tensors."""
        return {**self.networks.to_dict(), "weights": list(self.weights)}

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor], device: str
    ) -> "Blend":
        """Return the blend in a model file; raise ValueError if its parts do not fit."""
        networks = Ensemble.from_dict(values, tensors, "ensemble.", device)
        width = networks.network.config.widths[0]
        a, b, c = map(float, values["weights"])
        trees = Trees.from_tensors(tensors, "trees.", width) if b else None
        linear = Linear.from_tensors(tensors, "linear.", width) if c else None
        return cls(networks, (a, b, c), trees, linear)


def _values(outputs: Float[np.ndarray, "*n outputs"], scale: Ensemble) -> np.ndarray:
    """Return outputs as numbers in the target's unit, or as probabilities."""
    if scale.num_classes:
        return probabilities(outputs)
    return outputs[..., 0] * scale.scale + scale.mean


def _groups(parts: Int[np.ndarray, " n"], members: int, count: int) -> Int[np.ndarray, " n"]:
    """Return the group of each part, of ``count`` groups of neighboring parts."""
    return parts * count // members


@dataclass(frozen=True, eq=False)
class TrainedBlend:
    """A blend, and what is known from its training."""

    blend: Blend
    parts: Int[np.ndarray, " n"]
    """The part of each row, which is the member that was not trained on it."""
    out_of_part: Float[np.ndarray, "n ..."]
    """Predictions of the training rows, each by the member that was not trained on it."""
    history: list[tuple[float, float]]
    """(training loss, out-of-part loss) of each epoch of the networks."""


def train_blend(
    x: Float[np.ndarray, "n width"],
    y: np.ndarray,
    num_classes: int,
    config: EnsembleConfig,
    device: str = "cpu",
) -> TrainedBlend:
    """Train the learners on encoded rows and their numbers or class indices, and weight them."""
    trained = train_ensemble(x, y, num_classes, config, device)
    networks, parts = trained.ensemble, trained.parts
    ours = trained.out_of_part(x)
    members = min(config.members, len(x))
    count = min(members, next(count for rows, count in MAX_GROUPS if len(x) <= rows))
    groups = _groups(parts, members, count)
    if len(x) < MIN_ROWS or members < config.members or not _has_all(y, num_classes, groups):
        return TrainedBlend(Blend(networks), parts, ours, trained.history)
    target = np.array(y, np.int64) if num_classes else (y - networks.mean) / networks.scale
    boosted = train_trees(x, target, num_classes, groups, config.seed)
    linear, lines = train_linear(x, target, num_classes, parts)
    left_out = [ours, _values(boosted.left_out, networks), _values(lines, networks)]
    weights = _weights(left_out, y, num_classes)
    blend = Blend(
        networks,
        weights,
        boosted.trees if weights[1] else None,
        linear if weights[2] else None,
    )
    mixed = sum(weight * values for weight, values in zip(weights, left_out, strict=True))
    return TrainedBlend(blend, parts, np.asarray(mixed), trained.history)


def _has_all(y: np.ndarray, num_classes: int, groups: np.ndarray) -> bool:
    """Return whether every class remains without any one of the groups."""
    if not num_classes:
        return True
    return all(
        len(np.unique(y[groups != group])) == num_classes for group in range(int(groups.max()) + 1)
    )


def _weights(
    left_out: list[np.ndarray], y: np.ndarray, num_classes: int
) -> tuple[float, float, float]:
    """Return the weights of the smallest squared error, or log loss, of out-of-part predictions."""
    if num_classes:
        table = np.stack([values[np.arange(len(y)), y] for values in left_out])
    else:
        scale = float(np.std(y)) or 1.0
        table = np.stack([(values - y) / scale for values in left_out])
    best, chosen = np.inf, (1.0, 0.0, 0.0)
    for a, b in itertools.product(range(STEPS, -1, -1), repeat=2):
        if a + b > STEPS:
            continue
        weights = (a / STEPS, b / STEPS, (STEPS - a - b) / STEPS)
        mixed = np.array(weights) @ table
        logs = -np.log(np.maximum(mixed, MIN_PROBABILITY)) if num_classes else np.square(mixed)
        if logs.mean() < best:
            best, chosen = float(logs.mean()), weights
    return chosen
