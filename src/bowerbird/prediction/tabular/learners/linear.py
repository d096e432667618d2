"""Penalized linear models, each fitted without one part of the rows.

Numbers: ridge regression and the lasso. Classes: logistic regression with a squared penalty. The
penalty is the one with the smallest loss in the rows that were left out.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from threadpoolctl import threadpool_limits
from torch import Tensor

from bowerbird.prediction.tabular.learners.boosting import log_loss, probabilities

Array = np.ndarray
RIDGE = np.logspace(-3, 4, 15)
LASSO = np.logspace(-0.3, -3.3, 16)  # of the standard deviation of the target
LOGISTIC = (0.003, 0.02, 0.1, 1.0, 10.0)  # scikit-learn's C
MAX_CELLS = 1_000_000  # of a table, above which one C is tried
MAX_LASSO = 600  # columns


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear models of one shape."""

    weight: Float[Array, "models width outputs"]
    bias: Float[Array, "models outputs"]

    def __call__(self, x: Float[Array, "n width"]) -> Float[Array, "models n outputs"]:
        """Return the outputs of all models for encoded rows."""
        return x @ self.weight + self.bias[:, None]

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Return the arrays for a model file, with a prefix before their names."""
        arrays = {"weight": self.weight, "bias": self.bias}
        return {
            f"{prefix}{n}": torch.from_numpy(np.ascontiguousarray(a)) for n, a in arrays.items()
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], prefix: str, width: int) -> "Linear":
        """Return the models in a file; raise ValueError if they are invalid."""
        weight, bias = (tensors[prefix + name].double().numpy() for name in ("weight", "bias"))
        fits = bias.ndim == 2 and weight.shape == (len(bias), width, bias.shape[1])
        if not (fits and np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError("its linear model is damaged")
        return cls(weight, bias)


def train_linear(
    x: Float[Array, "n width"], y: Array, num_classes: int, groups: Int[Array, " n"]
) -> tuple[Linear, Float[Array, "n outputs"]]:
    """Fit one model without each group of rows, for standardized numbers or class indices.

    Returns the models, and their outputs for the training rows by the model that left each out.
    """
    kinds = ("ridge", "lasso")[: 1 + (x.shape[1] <= MAX_LASSO)]
    paths = (
        _logistic_paths(x, y, groups) if num_classes else (_paths(x, y, groups, k) for k in kinds)
    )
    best: tuple[float, Linear, Array] | None = None
    for models in paths:
        outputs = np.empty((len(models), len(x), models[0].bias.shape[1]))
        for group in range(int(groups.max()) + 1):
            out = groups == group
            for number, model in enumerate(models):
                outputs[number, out] = x[out] @ model.weight[group] + model.bias[group]
        losses = [
            log_loss(probabilities(stage), y) if num_classes else np.square(stage[:, 0] - y).mean()
            for stage in outputs
        ]
        number = int(np.argmin(losses))
        if best is None or losses[number] < best[0]:
            best = (float(losses[number]), models[number], outputs[number])
    assert best is not None
    return best[1], best[2]


def _paths(x: Array, y: Array, groups: Array, kind: str) -> list[Linear]:
    """Return models of numbers for each penalty."""
    weights, biases = [], []
    for group in range(int(groups.max()) + 1):
        known = groups != group
        mean, middle = x[known].mean(0), y[known].mean()
        centered, target = x[known] - mean, y[known] - middle
        coefficients = (_ridge if kind == "ridge" else _lasso)(centered, target)
        weights.append(coefficients)
        biases.append(middle - coefficients @ mean)
    return [
        Linear(np.stack([w[i] for w in weights])[..., None], np.array([[b[i]] for b in biases]))
        for i in range(len(weights[0]))
    ]


def _ridge(x: Array, y: Array) -> Float[Array, "penalties width"]:
    values, vectors = np.linalg.eigh(x.T @ x)
    turned = vectors.T @ (x.T @ y)
    return np.stack([vectors @ (turned / (np.maximum(values, 0) + a)) for a in RIDGE])


def _lasso(x: Array, y: Array) -> Float[Array, "penalties width"]:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - seconds
    from sklearn.linear_model import lasso_path  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        gram = x.T @ x
        path = lasso_path(x, y, alphas=LASSO, precompute=gram, Xy=x.T @ y, max_iter=300, tol=1e-3)
    return np.asarray(path[1].T)


def _logistic_paths(x: Array, y: Array, groups: Array) -> Iterator[list[Linear]]:
    """Yield models of classes for each penalty."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - seconds
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    for strength in LOGISTIC if x.size <= MAX_CELLS else (1.0,):
        weights, biases = [], []
        for group in range(int(groups.max()) + 1):
            known = groups != group
            with warnings.catch_warnings(), threadpool_limits(1):
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = LogisticRegression(C=strength, max_iter=200).fit(x[known], y[known])
            weights.append(model.coef_.T)
            biases.append(model.intercept_)
        yield [Linear(np.stack(weights), np.stack(biases))]
