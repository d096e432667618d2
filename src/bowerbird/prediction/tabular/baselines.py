"""What a table is predicted with: our networks, and scikit-learn's models to compare them with.

Each is one scikit-learn pipeline of the same encoding (`encoding`) and a model at its own defaults,
with these exceptions: the linear model chooses its penalty by cross-validation within the fold, and
scikit-learn's network learns a standardised target, as ours does.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.tabular.config import MembersConfig, Tool
from bowerbird.prediction.tabular.encoding import transformer
from bowerbird.prediction.tabular.ensemble import Members

WORDS: dict[Tool, str] = {
    "networks": "networks",
    "linear": "linear model",
    "boosting": "boosting",
    "sklearn-mlp": "sklearn's MLP",
    "baseline": "constant",
}
PENALTIES = np.logspace(-3, 3, 13)  # of ridge regression


def pipeline(
    tool: Tool, columns: Columns, classes: int, config: MembersConfig, device: str = "cpu"
) -> Pipeline:
    """Return a tool for numbers (``classes`` 0) or so many classes, not fitted yet."""
    ours = Members(config, classes, device) if tool == "networks" else None
    model = ours or (_classifier(tool, config.seed) if classes else _regressor(tool, config.seed))
    return Pipeline([("encode", transformer(columns)), ("model", model)])


def _classifier(tool: Tool, seed: int) -> BaseEstimator:
    match tool:
        case "linear":
            return LogisticRegression(max_iter=2000)
        case "boosting":
            return _Boosting(random_state=seed)
        case "sklearn-mlp":
            return MLPClassifier(random_state=seed)
    return DummyClassifier(strategy="prior")


def _regressor(tool: Tool, seed: int) -> BaseEstimator:
    match tool:
        case "linear":
            return RidgeCV(PENALTIES)
        case "boosting":
            return HistGradientBoostingRegressor(random_state=seed)
        case "sklearn-mlp":
            network = MLPRegressor(random_state=seed)
            return TransformedTargetRegressor(network, transformer=StandardScaler())
    return DummyRegressor()


class _Boosting(HistGradientBoostingClassifier):
    """Boosting that does not stop early where a class has one row, which can't be dealt in two."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Boosting":
        if np.unique(y, return_counts=True)[1].min() < 2:
            self.set_params(early_stopping=False)
        super().fit(X, y)
        return self


def fitted(tool: Pipeline, values: pd.DataFrame, wanted: np.ndarray) -> Pipeline:
    """Return a tool after it has learned; that scikit-learn's would go on is no concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return tool.fit(values, wanted)


def said(tool: Pipeline, values: pd.DataFrame) -> np.ndarray:
    """Return what a tool says of rows: numbers (n,) or probabilities (n, classes)."""
    found = tool.predict_proba(values) if is_classifier(tool) else tool.predict(values)
    return np.asarray(found, np.float64)
