"""Columns that alone tell the target: often one that is not known yet when it is predicted.

A number is one if a straight line of it alone, or one from row to row in its order, foresees the
target in rows that it has not seen all but exactly: R2 above 0.9995 (errors of 2 % of its spread)
in nearly the same order. What is the main cause and no more, as the quantity is of an amount,
leaves more. Of classes a decision tree has to find nearly all rows of each. So has a category by
the mean, or the most frequent class, of its rows. Dates are known beforehand, and what counts rows
evenly.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.tree import DecisionTreeClassifier

from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.tabular.ensemble import deal

FOLDS = 5
MOST_ROWS = 2000  # that are looked at
FEWEST_ROWS = 20  # of less, one that seems to tell the target may do so by chance
EXACTLY = 0.9995  # of the variance of the target
NEARLY = 0.998  # of the rows of each class
ORDER = 0.85  # least correlation of ranks; of two even groups of numbers it is 0.87
LARGEST = float(np.finfo(np.float32).max)  # in which trees are computed
FIRST = 0.95  # of it in the first fold, or the others are not looked at


def telling(
    columns: Columns, values: pd.DataFrame, wanted: np.ndarray, classes: int, seed: int
) -> list[str]:
    """Return the columns that alone tell the target: numbers, or the numbers of its classes."""
    if len(wanted) < FEWEST_ROWS:
        return []
    random = np.random.default_rng(seed)
    some = np.sort(random.permutation(len(wanted))[:MOST_ROWS])
    folds = deal(wanted[some] if classes else np.zeros(len(some), np.int64), FOLDS, seed)
    dates = {name for name, kind in columns.kinds.items() if kind == "date"}
    names = [name for name in columns.kinds if name not in dates and not _even(values[name])]
    return [n for n in names if _tells(values[n].iloc[some], wanted[some], classes, folds)]


def _even(column: pd.Series) -> bool:
    """Tell a number that grows by the same from row to row, as time does."""
    if column.dtype == object:
        return False
    steps = np.diff(column.to_numpy(float))
    return bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0))


def _tells(column: pd.Series, wanted: np.ndarray, classes: int, folds: np.ndarray) -> bool:
    """Tell whether a column alone foresees the target in each fold from the others."""
    numbers = column.dtype != object
    known = column.to_numpy(float) if numbers else pd.factorize(column)[0].astype(float)
    ways = ("curve", "line") if numbers and not classes else ("tree",) if numbers else ("means",)
    enough = NEARLY if classes else EXACTLY
    for way in ways:
        said = np.full(len(wanted), np.nan)
        for fold in range(FOLDS):
            new = folds == fold
            said[new] = _said(way, known[~new], wanted[~new], known[new], classes)
            if _share(said[folds <= fold], wanted[folds <= fold], classes) < FIRST:
                break
        else:
            if _share(said, wanted, classes) > enough and (classes or _in_order(said, wanted)):
                return True
    return False


def _said(
    way: str, known: np.ndarray, wanted: np.ndarray, new: np.ndarray, classes: int
) -> Float[np.ndarray, " new"]:
    """Return what one column says of new rows after it was learned from others."""
    if way == "tree":
        tree = DecisionTreeClassifier(random_state=0)
        given, asked = (np.clip(x, -LARGEST, LARGEST)[:, None] for x in (known, new))
        return tree.fit(given, wanted).predict(asked)
    if way in ("curve", "line"):
        there = np.isfinite(known)
        if len(np.unique(known[there])) < 2:
            return np.full(len(new), wanted.mean())
        if way == "curve":
            points = pd.Series(wanted[there]).groupby(known[there]).mean()
            return np.where(np.isfinite(new), np.interp(new, points.index, points), wanted.mean())
        middle, scale = known[there].mean(), known[there].std()
        line = np.polyfit((known[there] - middle) / scale, wanted[there], 1)
        return np.nan_to_num(np.polyval(line, (new - middle) / scale), nan=wanted.mean())
    if not classes:
        each = pd.Series(wanted).groupby(known).mean()
        return pd.Series(new).map(each).fillna(wanted.mean()).to_numpy(float)
    groups = int(max(known.max(), new.max())) + 1
    place = known.astype(int) * classes + wanted
    counts = np.bincount(place, minlength=groups * classes).reshape(groups, classes)
    often = np.where(counts.any(1), counts.argmax(1), -1)  # -1: of a group that is not known
    return often[new.astype(int)].astype(float)


def _share(said: np.ndarray, wanted: np.ndarray, classes: int) -> float:
    """Return R2, or the share of each class that was found, on average."""
    if classes:
        each, found = np.bincount(wanted), np.bincount(wanted, said == wanted)
        return float((found[each > 0] / each[each > 0]).mean())
    spread = float(np.square(wanted - wanted.mean()).sum())
    return 1 - float(np.square(said - wanted).sum()) / spread if spread else 0.0


def _in_order(said: np.ndarray, wanted: np.ndarray) -> bool:
    """Tell whether numbers are in the same order, so that it isn't a few large ones that fit."""
    return float(pd.Series(said).corr(pd.Series(wanted), method="spearman")) > ORDER


def sentences(names: Sequence[str], target: str) -> list[str]:
    """Return what to ask of such columns."""
    return [f"column {n} alone tells {target}: is it known when you predict?" for n in names]
