"""The models of scikit-learn that the ensemble is compared with, on the same encoded rows.

They have their default settings, with these exceptions: the linear model chooses its penalty
by cross-validation within the fold, and scikit-learn's network is trained on a standardized target,
as ours is, and stops early in large tables.
"""

import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from bowerbird.prediction.tabular.config import Method
from bowerbird.prediction.tabular.ensemble import LARGE

PENALTIES = np.logspace(-3, 3, 13)  # of ridge regression


def predict_baseline(
    method: Method, x: np.ndarray, y: np.ndarray, new: np.ndarray, num_classes: int, seed: int
) -> np.ndarray:
    """Fit a baseline to encoded rows (n, width) and predict the rows ``new``.

    Returns numbers (n,), or for class indices ``y`` probabilities (n, classes).
    """
    model = _classifier(method, y, seed) if num_classes else _regressor(method, y, seed)
    with warnings.catch_warnings():  # at the default number of iterations they may not converge
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    return np.asarray(model.predict_proba(new) if num_classes else model.predict(new), np.float64)


def _classifier(method: Method, y: np.ndarray, seed: int) -> BaseEstimator:
    match method:
        case "linear":
            return LogisticRegression(max_iter=2000)
        case "boosting":  # a class of one row can't be split for early stopping
            stop = "auto" if np.unique(y, return_counts=True)[1].min() > 1 else False
            return HistGradientBoostingClassifier(random_state=seed, early_stopping=stop)
        case "sklearn-mlp":
            return MLPClassifier(random_state=seed, early_stopping=len(y) > LARGE)
    return DummyClassifier(strategy="prior")


def _regressor(method: Method, y: np.ndarray, seed: int) -> BaseEstimator:
    match method:
        case "linear":
            return RidgeCV(PENALTIES)
        case "boosting":
            return HistGradientBoostingRegressor(random_state=seed)
        case "sklearn-mlp":
            network = MLPRegressor(random_state=seed, early_stopping=len(y) > LARGE)
            return TransformedTargetRegressor(network, transformer=StandardScaler())
    return DummyRegressor()
