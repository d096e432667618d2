"""Columns that predict the target on their own: often they are not known when it is predicted.

A number is one if a straight line, or an interpolation through the rows in its order, predicts the
target almost exactly in held-out rows: R2 above 0.9995 (errors of 2 % of its standard deviation)
and in nearly the same order. The main cause of a target, such as a quantity of an amount, leaves
larger errors. A class has to be found by a decision tree in nearly all of its rows; categories
predict by the mean, or the most frequent class, of their rows. Dates and evenly increasing numbers
are known beforehand and never reported.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.tree import DecisionTreeClassifier

from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.tabular.ensemble import split_evenly
from bowerbird.prediction.tabular.metrics import mean_recall, r_squared

FOLDS = 5
MAX_ROWS = 2000  # that are used
MIN_ROWS = 20  # in fewer, a column may predict the target by chance
MIN_R2 = 0.9995
MIN_RECALL = 0.998  # on average over the classes
MIN_RANK_CORRELATION = 0.85  # of two even groups of numbers it is 0.87
MAX_INPUT = float(np.finfo(np.float32).max)  # of scikit-learn's trees
MIN_FIRST = 0.95  # in the first folds, or the others are skipped


def find_leakage(
    columns: Columns, values: pd.DataFrame, truth: np.ndarray, num_classes: int, seed: int
) -> list[str]:
    """Return the columns that predict the target on their own: numbers, or class indices."""
    if len(truth) < MIN_ROWS:
        return []
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(truth))[:MAX_ROWS])
    groups = truth[rows] if num_classes else np.zeros(len(rows), np.int64)
    folds = split_evenly(groups, FOLDS, seed)
    names = [n for n, kind in columns.kinds.items() if kind != "date" and not _is_even(values[n])]
    return [n for n in names if _leaks(values[n].iloc[rows], truth[rows], num_classes, folds)]


def leakage_notes(names: Sequence[str], target: str) -> list[str]:
    """Return a note for each column."""
    ask = "is it known at prediction time?"
    return [f"column {name} predicts {target} on its own: {ask}" for name in names]


def _is_even(column: pd.Series) -> bool:
    """Return whether a number increases by the same from row to row, as time does."""
    if column.dtype == object:
        return False
    steps = np.diff(column.to_numpy(float))
    return bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0))


def _leaks(column: pd.Series, truth: np.ndarray, num_classes: int, folds: np.ndarray) -> bool:
    """Return whether a column alone predicts the target in each fold from the others."""
    is_number = column.dtype != object
    inputs = column.to_numpy(float) if is_number else pd.factorize(column)[0].astype(float)
    methods = ["interpolation", "line"] if is_number and not num_classes else ["tree"]
    for method in methods if is_number else ["category"]:
        predictions = np.full(len(truth), np.nan)
        for fold in range(FOLDS):
            new, done = folds == fold, folds <= fold
            known = (inputs[~new], truth[~new])
            predictions[new] = _predict(method, *known, inputs[new], num_classes)
            if _score(predictions[done], truth[done], num_classes) < MIN_FIRST:
                break
        else:
            score = _score(predictions, truth, num_classes)
            if num_classes and score > MIN_RECALL:
                return True
            if not num_classes and score > MIN_R2 and _same_order(predictions, truth):
                return True
    return False


def _predict(
    method: str, known: np.ndarray, truth: np.ndarray, new: np.ndarray, num_classes: int
) -> Float[np.ndarray, " new"]:
    """Return predictions for ``new`` values of one column after fitting to known ones."""
    if method == "tree":
        x, x_new = (np.clip(v, -MAX_INPUT, MAX_INPUT)[:, None] for v in (known, new))
        return DecisionTreeClassifier(random_state=0).fit(x, truth).predict(x_new)
    if method == "category":
        groups = pd.Series(truth).groupby(known)
        values = groups.agg(lambda c: np.bincount(c).argmax()) if num_classes else groups.mean()
        unknown = -1 if num_classes else truth.mean()
        return pd.Series(new).map(values).fillna(unknown).to_numpy(float)
    finite = np.isfinite(known)
    known, y = known[finite], truth[finite]
    if len(np.unique(known)) < 2:
        return np.full(len(new), truth.mean())
    if method == "interpolation":
        points = pd.Series(y).groupby(known).mean()
        return np.where(np.isfinite(new), np.interp(new, points.index, points), truth.mean())
    middle, scale = known.mean(), known.std()
    line = np.polyfit((known - middle) / scale, y, 1)
    return np.nan_to_num(np.polyval(line, (new - middle) / scale), nan=truth.mean())


def _score(predictions: np.ndarray, truth: np.ndarray, num_classes: int) -> float:
    """Return R2 (0 if all numbers are equal), or the mean recall of the classes."""
    if num_classes:
        return mean_recall(truth, predictions == truth)
    return float(np.nan_to_num(r_squared(truth, predictions - truth)))


def _same_order(predictions: np.ndarray, truth: np.ndarray) -> bool:
    """Return whether numbers are in the same order: R2 alone may be due to a few large ones."""
    correlation = pd.Series(predictions).corr(pd.Series(truth), method="spearman")
    return float(correlation) > MIN_RANK_CORRELATION
