"""Sample tables that come with installed packages; only California is downloaded.

Iris: Fisher 1936. Wine, breast cancer: the UCI repository. Diabetes: Efron, Hastie, Johnstone,
Tibshirani 2004. Cars: Quinlan 1993, in vega-datasets, with gaps and dates. California: Pace, Barry
1997, which scikit-learn downloads once.
"""

import json
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from bowerbird.errors import TableError
from bowerbird.learning.extras import package_folder
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
    if name == "cars":
        path = package_folder("vega_datasets", "the table cars") / "_data" / "cars.json"
        frame = pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))
    else:
        frame = _from_sklearn(name)
    text = frame.map(lambda cell: cell if pd.isna(cell) else str(cell)).astype(object)
    return Table(name, text.set_axis(range(2, len(text) + 2)), len(text))  # as lines of a file


def _from_sklearn(name: str) -> pd.DataFrame:
    from sklearn import datasets  # noqa: PLC0415 - takes a second

    loaders: dict[str, Callable[..., Any]] = {
        "iris": datasets.load_iris,
        "wine": datasets.load_wine,
        "breast-cancer": datasets.load_breast_cancer,
        "diabetes": partial(datasets.load_diabetes, scaled=False),  # in its own units
        "california": partial(datasets.fetch_california_housing, n_retries=1, delay=0.1),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each download; the message below is enough
            bunch = loaders[name](as_frame=True)
    except Exception as error:  # scikit-learn's and urllib's are many
        raise TableError(
            f"{name} is not on this machine and could not be downloaded; connect to the internet "
            "once, or use `cars`"
        ) from error
    target = bunch.target
    if name in ("iris", "wine", "breast-cancer"):
        target = target.map(lambda number: str(bunch.target_names[number]))
    frame = bunch.data.assign(**{TARGETS[name]: target})
    if name == "diabetes":
        frame["sex"] = frame["sex"].map({1.0: "one", 2.0: "two"})  # codes, not a quantity
    return frame
