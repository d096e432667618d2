"""Sample tables that come with installed packages; only California is downloaded.

Iris: Fisher 1936. Wine, breast cancer: the UCI repository. Diabetes: Efron, Hastie, Johnstone,
Tibshirani 2004. Cars: Quinlan 1993, in vega-datasets, with gaps and dates. California: Pace, Barry
1997, which scikit-learn downloads once.
"""

import json
import warnings
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pandas as pd

from bowerbird.errors import TableError
from bowerbird.prediction.data.table import Table

TARGETS = {  # the column that is usually predicted
    "iris": "species",
    "wine": "cultivar",
    "breast-cancer": "diagnosis",
    "diabetes": "progression",
    "cars": "Miles_per_Gallon",
    "california": "MedHouseVal",
}


def read_sample(name: str) -> Table:
    """Return a sample table by its name; raise TableError if it can't be downloaded."""
    frame = _cars() if name == "cars" else _from_sklearn(name)
    text = frame.map(lambda cell: cell if pd.isna(cell) else str(cell)).astype(object)
    return Table(name, text.set_axis(range(2, len(text) + 2)), len(text))  # as lines of a file


def _from_sklearn(name: str) -> pd.DataFrame:
    from sklearn import datasets  # noqa: PLC0415 - takes a second

    bunch = LOADERS[name](datasets)
    frame = bunch.data.copy()
    target = bunch.target
    if name in ("iris", "wine", "breast-cancer"):
        target = target.map(lambda number: str(bunch.target_names[number]))
    if name == "diabetes":
        frame["sex"] = frame["sex"].map({1.0: "one", 2.0: "two"})  # codes, not a quantity
    frame[TARGETS[name]] = target
    return frame


def _california(datasets: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each attempt; the message below is enough
            return datasets.fetch_california_housing(as_frame=True, n_retries=1, delay=0.1)
    except Exception as error:  # scikit-learn's and urllib's are many
        raise TableError(
            "california is not on this machine and could not be downloaded; connect to the "
            "internet once, or use `cars`"
        ) from error


LOADERS: dict[str, Callable[[Any], Any]] = {  # of scikit-learn's datasets module
    "iris": lambda datasets: datasets.load_iris(as_frame=True),
    "wine": lambda datasets: datasets.load_wine(as_frame=True),
    "breast-cancer": lambda datasets: datasets.load_breast_cancer(as_frame=True),
    # as measured, not as scaled by scikit-learn
    "diabetes": lambda datasets: datasets.load_diabetes(as_frame=True, scaled=False),
    "california": _california,
}


def _cars() -> pd.DataFrame:
    source = files("vega_datasets").joinpath("_data", "cars.json")
    with source.open("r", encoding="utf-8") as stream:
        return pd.DataFrame(json.load(stream))
