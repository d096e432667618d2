"""Gradient-boosted trees, each model fitted without some parts of the rows.

scikit-learn's HistGradientBoosting grows the trees. They are kept as arrays, so a model file needs
neither a pickle nor the same version of scikit-learn. The number of trees is the one with the
smallest loss in the rows that were left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from threadpoolctl import threadpool_limits
from torch import Tensor

from bowerbird.prediction.tabular.metrics import MIN_PROBABILITY

SMALL = 3000  # rows, up to which two settings are tried
MAX_TREES = 600  # of a model with several classes
BLOCK = 2_000_000  # (row, tree) pairs that are followed at once


class _Setting(NamedTuple):
    """Parameters of HistGradientBoosting."""

    learning_rate: float
    max_leaf_nodes: int
    min_samples_leaf: int
    max_iter: int


SETTINGS = (_Setting(0.1, 31, 20, 120), _Setting(0.06, 6, 8, 200))


@dataclass(frozen=True, eq=False)
class Trees:
    """The trees of all models in one list of nodes, each tree in one piece, its root first."""

    value: Float[np.ndarray, " nodes"]
    """What a leaf adds to the output of its tree."""
    threshold: Float[np.ndarray, " nodes"]
    feature: Int[np.ndarray, " nodes"]
    left: Int[np.ndarray, " nodes"]
    """Where rows go whose feature is at most the threshold: a later node, or itself in a leaf."""
    right: Int[np.ndarray, " nodes"]
    roots: Int[np.ndarray, " trees"]
    model: Int[np.ndarray, " trees"]
    output: Int[np.ndarray, " trees"]
    """The output that a tree adds to: 0, or the index of a class."""
    base: Float[np.ndarray, "models outputs"]
    """The outputs without any tree."""

    def __call__(self, x: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "models n outputs"]:
        """Return the outputs of all models for encoded rows."""
        models, outputs = self.base.shape
        result = np.repeat(self.base[:, None], len(x), 1)
        step = max(1, BLOCK // max(1, len(self.roots)))
        target = self.model * outputs + self.output
        for start in range(0, len(x), step):
            leaves = self._leaves(x[start : start + step])
            sums = np.zeros((models * outputs, leaves.shape[1]))
            np.add.at(sums, target, self.value[leaves])
            shape = (models, outputs, leaves.shape[1])
            result[:, start : start + step] += sums.reshape(shape).transpose(0, 2, 1)
        return result

    def _leaves(self, x: Float[np.ndarray, "n width"]) -> Int[np.ndarray, "trees n"]:
        nodes = np.repeat(self.roots[:, None], len(x), 1)
        rows = np.arange(len(x))
        while True:
            left = x[rows, self.feature[nodes]] <= self.threshold[nodes]
            after = np.where(left, self.left[nodes], self.right[nodes])
            if np.array_equal(after, nodes):
                return nodes
            nodes = after

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Return the arrays for a model file, with a prefix before their names."""
        return {
            f"{prefix}{field.name}": torch.from_numpy(
                np.ascontiguousarray(getattr(self, field.name))
            )
            for field in fields(self)
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], prefix: str, width: int) -> "Trees":
        """Return the trees in a model file; raise ValueError if they are invalid."""
        arrays = {field.name: tensors[prefix + field.name].numpy() for field in fields(cls)}
        trees = cls(**arrays)
        trees._check(width)
        return trees

    def _check(self, width: int) -> None:
        """Raise ValueError for trees that can't be followed to a leaf."""
        nodes, place = len(self.value), np.arange(len(self.value))
        per_node = (self.value, self.threshold, self.feature, self.left, self.right)
        per_tree = (self.roots, self.model, self.output)
        integers = (self.feature, self.left, self.right, *per_tree)
        fits = (
            self.base.ndim == 2
            and all(array.shape == (nodes,) for array in per_node)
            and all(array.shape == self.roots.shape and array.ndim == 1 for array in per_tree)
            and all(array.dtype.kind == "i" for array in integers)
            and all(np.isfinite(array).all() for array in (self.value, self.threshold, self.base))
            and _within(self.feature, width)
            and _within(self.roots, nodes)
            and _within(self.model, self.base.shape[0])
            and _within(self.output, self.base.shape[1])
            # children come later, so every path ends; a leaf is its own child
            and all(_within(side, nodes) and (side >= place).all() for side in per_node[3:])
            and bool(((self.left == place) == (self.right == place)).all())
        )
        if not fits:
            raise ValueError("its trees are damaged")


def _within(array: np.ndarray, end: int) -> bool:
    return not len(array) or bool(array.min() >= 0 and array.max() < end)


@dataclass(frozen=True, eq=False)
class TrainedTrees:
    """Trees, and their outputs for the training rows by the model that left each row out."""

    trees: Trees
    left_out: Float[np.ndarray, "n outputs"]


def train_trees(
    x: Float[np.ndarray, "n width"],
    y: np.ndarray,
    num_classes: int,
    groups: Int[np.ndarray, " n"],
    seed: int,
) -> TrainedTrees:
    """Fit one model without each group of rows, for standardized numbers or class indices."""
    best: tuple[float, list[Any], int, np.ndarray] | None = None
    for setting in SETTINGS if len(x) <= SMALL else SETTINGS[:1]:
        count = setting.max_iter
        if num_classes > 2:
            count = min(count, max(20, MAX_TREES // num_classes))
        with threadpool_limits(1 if len(x) <= SMALL else None):
            models, outputs = _fit(
                x, y, num_classes, groups, setting._replace(max_iter=count), seed
            )
        losses = [_loss(stage, y) for stage in outputs]
        number = int(np.argmin(losses))
        if best is None or losses[number] < best[0]:
            best = (losses[number], models, number + 1, outputs[number])
    assert best is not None
    return TrainedTrees(_trees(best[1], best[2]), best[3])


def _fit(
    x: np.ndarray, y: np.ndarray, num_classes: int, groups: np.ndarray, setting: _Setting, seed: int
) -> tuple[list[Any], np.ndarray]:
    """Return the models, and the outputs of left-out rows after each iteration."""
    from sklearn.ensemble import (  # noqa: PLC0415 - seconds; only training needs it
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    kind = HistGradientBoostingClassifier if num_classes else HistGradientBoostingRegressor
    count = num_classes if num_classes > 2 else 1
    models, outputs = [], np.empty((setting.max_iter, len(x), count))
    for group in range(int(groups.max()) + 1):
        out = groups == group
        model = kind(random_state=seed, early_stopping=False, **setting._asdict())
        model.fit(x[~out], y[~out])
        outputs[:, out] = _staged_outputs(model, x[out])
        models.append(model)
    return models, outputs


def _staged_outputs(model: Any, x: np.ndarray) -> np.ndarray:
    staged = model.staged_decision_function if hasattr(model, "classes_") else model.staged_predict
    return np.stack([stage.reshape(len(x), -1) for stage in staged(x)])


def _loss(outputs: Float[np.ndarray, "n outputs"], y: np.ndarray) -> float:
    """Return the mean squared error, or the log loss."""
    if y.dtype.kind == "f":
        return float(np.square(outputs[:, 0] - y).mean())
    return log_loss(probabilities(outputs), y)


def log_loss(values: Float[np.ndarray, "n classes"], y: Int[np.ndarray, " n"]) -> float:
    """Return the mean log loss of probabilities in nats."""
    return float(-np.log(np.maximum(values[np.arange(len(y)), y], MIN_PROBABILITY)).mean())


def probabilities(outputs: Float[np.ndarray, "*n outputs"]) -> Float[np.ndarray, "*n classes"]:
    """Return the probabilities of the classes; one output is the log odds of the second class."""
    if outputs.shape[-1] == 1:
        outputs = np.concatenate([np.zeros_like(outputs), outputs], -1)
    powers = np.exp(outputs - outputs.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _trees(models: list[Any], count: int) -> Trees:
    """Return the first ``count`` iterations of scikit-learn's models as arrays."""
    parts: list[dict[str, np.ndarray]] = []
    roots, owners, outputs, offset = [], [], [], 0
    for index, model in enumerate(models):
        for iteration in model._predictors[:count]:
            for output, predictor in enumerate(iteration):
                nodes, own = predictor.nodes, np.arange(len(predictor.nodes))
                leaf = nodes["is_leaf"].astype(bool)
                parts.append(
                    {
                        "value": np.where(leaf, nodes["value"], 0.0),
                        "threshold": np.where(leaf, 0.0, nodes["num_threshold"]),
                        "feature": np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
                        "left": np.where(leaf, own, nodes["left"]).astype(np.int64) + offset,
                        "right": np.where(leaf, own, nodes["right"]).astype(np.int64) + offset,
                    }
                )
                roots.append(offset)
                owners.append(index)
                outputs.append(output)
                offset += len(nodes)
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    base = np.stack([np.ravel(model._baseline_prediction) for model in models]).astype(float)
    return Trees(
        **arrays, roots=np.array(roots), model=np.array(owners), output=np.array(outputs), base=base
    )
