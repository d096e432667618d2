"""What a table is predicted with: our networks, and scikit-learn's models to compare them with.

Each is one scikit-learn pipeline of the same encoding (`encoding`) and a model at its own defaults,
with these exceptions: the linear model chooses its penalty by cross-validation within the fold, and
scikit-learn's network learns a standardised target, as ours does.
"""

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from bowerbird.prediction.columns import Columns
from bowerbird.prediction.encoding import transformer
from bowerbird.prediction.ensemble import Members, MembersConfig

Tool = Literal["networks", "linear", "boosting", "sklearn-mlp", "baseline"]
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
    models = {
        "networks": lambda: Members(config, classes, device),
        "linear": lambda: LogisticRegression(max_iter=2000) if classes else RidgeCV(PENALTIES),
        "boosting": lambda: (
            HistGradientBoostingClassifier(random_state=config.seed)
            if classes
            else HistGradientBoostingRegressor(random_state=config.seed)
        ),
        "sklearn-mlp": lambda: _sklearn_mlp(classes, config.seed),
        "baseline": lambda: DummyClassifier(strategy="prior") if classes else DummyRegressor(),
    }
    return Pipeline([("encode", transformer(columns)), ("model", models[tool]())])


def _sklearn_mlp(classes: int, seed: int) -> MLPClassifier | TransformedTargetRegressor:
    if classes:
        return MLPClassifier(random_state=seed)
    return TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())


def fitted(tool: Pipeline, values: pd.DataFrame, wanted: np.ndarray) -> Pipeline:
    """Return a tool after it has learned; that scikit-learn's would go on is no concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return tool.fit(values, wanted)


def said(tool: Pipeline, values: pd.DataFrame) -> np.ndarray:
    """Return what a tool says of rows: numbers (n,) or probabilities (n, classes)."""
    found = tool.predict_proba(values) if hasattr(tool, "predict_proba") else tool.predict(values)
    return np.asarray(found, np.float64)
