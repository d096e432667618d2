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

from bowerbird.prediction.data.columns import DATE_PARTS, MISSING, Columns
from bowerbird.prediction.tabular.ensemble import split_evenly
from bowerbird.prediction.tabular.metrics import mean_recall, r_squared
from bowerbird.prediction.tabular.target import Target

FOLDS = 5
MAX_ROWS = 2000  # that are used
MIN_ROWS = 20  # in fewer, a column may predict the target by chance
MIN_R2 = 0.9995
MIN_RECALL = 0.998  # on average over the classes
MIN_RANK_CORRELATION = 0.85  # of two even groups of numbers it is 0.87
MAX_INPUT = float(np.finfo(np.float32).max)  # of scikit-learn's trees
MIN_EXACT = 0.9999  # R2 of a sum of columns
MAX_CHANCE = np.log(1e-6)  # that all of these rows have one class by chance
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


def presence_notes(
    columns: Columns, values: pd.DataFrame, truth: np.ndarray, target: Target
) -> list[str]:
    """Return a note for each column that only one class has, or only one class lacks.

    A date of cancellation is known of those who left; in new rows it is not.
    """
    notes: list[str] = []
    if not target.classes:
        return notes
    shares = np.bincount(truth, minlength=len(target.classes)) / len(truth)
    for name, kind in columns.kinds.items():
        cells = values[f"{name} ({DATE_PARTS[0]})" if kind == "date" else name]
        missing = ((cells == MISSING) if kind == "category" else cells.isna()).to_numpy()
        for rows, verb in ((~missing, "has values"), (missing, "is missing")):
            found = np.unique(truth[rows])
            if len(found) == 1 and rows.sum() * np.log(shares[found[0]]) < MAX_CHANCE:
                notes.append(
                    f"column {name} {verb} only where {target.name} is "
                    f"{target.classes[found[0]]}: is it known at prediction time?"
                )
                break
    return notes


def exact_notes(
    columns: Columns, values: pd.DataFrame, truth: np.ndarray, target: Target
) -> list[str]:
    """Return a note if a sum of numeric columns is the target: R2 would be 1.000."""
    names = [name for name, kind in columns.kinds.items() if kind == "number"]
    x = values[names].iloc[:MAX_ROWS]
    rows = x.notna().all(axis=1).to_numpy()
    if target.classes or len(names) < 2 or rows.sum() < 2 * (len(names) + 1) + MIN_ROWS:
        return []
    known = x.to_numpy(float)[rows]
    y = truth[:MAX_ROWS][rows]
    scale = known.std(0)
    known = np.column_stack([(known - known.mean(0)) / np.where(scale > 0, scale, 1), y * 0 + 1])
    half = len(y) // 2
    weights = np.linalg.lstsq(known[:half], y[:half])[0]
    if _score(known[half:] @ weights, y[half:], 0) <= MIN_EXACT:
        return []
    largest = np.argsort(-np.abs(weights[:-1]))[:3]
    shown = ", ".join(names[i] for i in sorted(largest))
    return [
        f"columns such as {shown} add up to {target.name} almost exactly (R2 above {MIN_EXACT}): "
        "are they known at prediction time?"
    ]


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
