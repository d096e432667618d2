"""How well do networks foresee tables, beside scikit-learn's own, on the same folds?

    .venv/bin/python benchmarks/tables/bench.py [--tables iris diabetes cars] [--seeds 5]

Each seed deals the rows into five folds anew. The method is in README.md. Prints a Markdown table
and adds to results.csv.
"""

import argparse
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from bowerbird.prediction.data.columns import read_columns
from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.tabular.baselines import said
from bowerbird.prediction.tabular.encoding import transformer
from bowerbird.prediction.tabular.ensemble import Members, deal
from bowerbird.prediction.tabular.scores import measure
from bowerbird.prediction.tabular.study import TableConfig, study
from bowerbird.prediction.tabular.target import read_target

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
UNITS = {"rmse": "", "r2": "", "accuracy": "", "log_loss": "nats"}


def sklearn_mlps(classes: int, seed: int) -> dict[str, object]:
    """Return scikit-learn's networks in other settings than its defaults, which `study` judges."""
    kind, bag = (MLPClassifier, BaggingClassifier) if classes else (MLPRegressor, BaggingRegressor)
    stopped = kind(
        hidden_layer_sizes=(64, 64), early_stopping=True, max_iter=1000, random_state=seed
    )
    many = bag(kind(random_state=seed), n_estimators=10, bootstrap=False, random_state=seed)
    found = {"sklearn MLP (64, 64), stopped early": stopped, "10 sklearn MLPs averaged": many}
    if classes:
        return found
    return {
        name: TransformedTargetRegressor(one, transformer=StandardScaler())
        for name, one in found.items()
    }


def others(name: str, seed: int) -> dict[str, dict[str, float]]:
    """Judge scikit-learn's networks in other settings, on the folds of `study`."""
    target, known, wanted = read_target(read_sample(name), TARGETS[name])
    columns = read_columns(known, target.name)
    values, classes = columns.values(known), len(target.classes)
    folds = deal(wanted if classes else np.zeros(len(wanted), int), 5, seed)
    found = {}
    for tool, model in sklearn_mlps(classes, seed).items():
        told = np.empty((len(wanted), classes) if classes else len(wanted))
        for fold in range(5):
            plain = Pipeline([("encode", transformer(columns)), ("model", model)])
            plain.fit(values[folds != fold], wanted[folds != fold])
            told[folds == fold] = said(plain, values[folds == fold])
        found[tool] = measure(wanted, told)
    return found


def one_network(name: str, seed: int) -> float:
    """Return the seconds that our networks take to learn a whole table."""
    target, known, wanted = read_target(read_sample(name), TARGETS[name])
    columns = read_columns(known, target.name)
    x = transformer(columns).fit_transform(columns.values(known))
    began = time.process_time()
    Members(replace(TableConfig().networks, seed=seed), len(target.classes)).fit(x, wanted)
    return time.process_time() - began


def measured(name: str, seeds: int) -> list[Figure]:
    """Judge all tools on one table."""
    values: dict[tuple[str, str], list[float]] = {}
    coverage, width, seconds = [], [], []
    for seed in range(seeds):
        config = TableConfig(networks=replace(TableConfig().networks, seed=seed))
        found = study(read_sample(name), TARGETS[name], config)
        scores = {
            tool: {metric: one.value for metric, one in metrics.items()}
            for tool, metrics in found.scores.items()
        }
        for tool, metrics in {**scores, **others(name, seed)}.items():
            for metric in UNITS.keys() & metrics.keys():
                values.setdefault((metric, tool), []).append(metrics[metric])
        coverage.append(found.coverage.value)
        width.append(found.width)
        seconds.append(one_network(name, seed))
    figures = [
        Figure(tool, name, metric, UNITS[metric], numbers)
        for metric in UNITS
        for (which, tool), numbers in values.items()
        if which == metric
    ]
    unit = "classes" if found.target.classes else "target's unit"
    figures.append(Figure("networks", name, "coverage where 0.9 was asked", "", coverage))
    figures.append(Figure("networks", name, "width of intervals or sets", unit, width))
    figures.append(Figure("networks", name, "learning, all rows", "s of processor", seconds))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=["iris", "diabetes", "cars"])
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    packages = ("bowerbird", "scikit-learn", "skorch")
    print(conditions(torch.__version__, torch.get_num_threads(), packages))
    for name in args.tables:
        figures = measured(name, args.seeds)
        append(HERE / "results.csv", torch.__version__, figures)
        print(table(figures), flush=True)


if __name__ == "__main__":
    main()
