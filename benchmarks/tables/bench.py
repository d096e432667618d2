"""How well does the ensemble predict tables, compared with scikit-learn on the same folds?

    .venv/bin/python benchmarks/tables/bench.py [--tables iris diabetes cars] [--seeds 5]

Each seed splits the rows into five folds anew. The method is in README.md. Prints a Markdown table
and appends to results.csv.
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
from sklearn.preprocessing import StandardScaler

from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import cross_validate
from bowerbird.prediction.tabular.encoding import fit_encoding
from bowerbird.prediction.tabular.ensemble import split_evenly, train_ensemble
from bowerbird.prediction.tabular.metrics import compute_metrics
from bowerbird.prediction.tabular.target import Problem, read_problem

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
UNITS = {"rmse": "", "r2": "", "accuracy": "", "log_loss": "nats"}


def sklearn_mlps(num_classes: int, seed: int) -> dict[str, object]:
    """Return scikit-learn's networks with other settings than the defaults."""
    classify = num_classes > 0
    mlp, bagging = (
        (MLPClassifier, BaggingClassifier) if classify else (MLPRegressor, BaggingRegressor)
    )
    stopped = mlp(
        hidden_layer_sizes=(64, 64), early_stopping=True, max_iter=1000, random_state=seed
    )
    averaged = bagging(mlp(random_state=seed), n_estimators=10, bootstrap=False, random_state=seed)
    models = {
        "sklearn MLP (64, 64), early stopping": stopped,
        "10 sklearn MLPs averaged": averaged,
    }
    if num_classes:
        return models
    return {
        name: TransformedTargetRegressor(model, transformer=StandardScaler())
        for name, model in models.items()
    }


def read(name: str) -> Problem:
    """Read a sample table."""
    return read_problem(read_sample(name), TARGETS[name], TableConfig())


def other_metrics(name: str, seed: int) -> dict[str, dict[str, float]]:
    """Evaluate scikit-learn's networks with other settings, on the folds of `cross_validate`."""
    problem = read(name)
    truth, num_classes = problem.truth, len(problem.target.classes)
    values = problem.columns.values(problem.table)
    groups = truth if num_classes else np.zeros(len(truth), int)
    folds = split_evenly(groups, 5, seed)
    metrics = {}
    for method, model in sklearn_mlps(num_classes, seed).items():
        predictions = np.empty((len(truth), num_classes) if num_classes else len(truth))
        for fold in range(5):
            new = folds == fold
            encoding = fit_encoding(problem.columns, values[~new])
            model.fit(encoding(values[~new]), truth[~new])
            x = encoding(values[new])
            predictions[new] = model.predict_proba(x) if num_classes else model.predict(x)
        metrics[method] = compute_metrics(truth, predictions)
    return metrics


def training_seconds(name: str, seed: int) -> float:
    """Return the seconds of CPU that training an ensemble on a whole table takes."""
    problem = read(name)
    values = problem.columns.values(problem.table)
    x = fit_encoding(problem.columns, values)(values)
    began = time.process_time()
    train_ensemble(x, problem.truth, len(problem.target.classes), EnsembleConfig(seed=seed))
    return time.process_time() - began


def evaluate(name: str, seeds: int) -> list[Figure]:
    """Evaluate all methods on one table."""
    values: dict[tuple[str, str], list[float]] = {}
    coverage, width, seconds = [], [], []
    for seed in range(seeds):
        config = replace(TableConfig(), ensemble=EnsembleConfig(seed=seed))
        report = cross_validate(read_sample(name), TARGETS[name], config)
        ours = {
            method: {metric: estimate.value for metric, estimate in metrics.items()}
            for method, metrics in report.metrics.items()
        }
        for method, metrics in {**ours, **other_metrics(name, seed)}.items():
            for metric in UNITS.keys() & metrics.keys():
                values.setdefault((metric, method), []).append(metrics[metric])
        coverage.append(report.coverage.value)
        width.append(report.width)
        seconds.append(training_seconds(name, seed))
    figures = [
        Figure(method, name, metric, UNITS[metric], numbers)
        for metric in UNITS
        for (which, method), numbers in values.items()
        if which == metric
    ]
    unit = "classes" if report.target.classes else "target's unit"
    figures.append(Figure("ensemble", name, "coverage where 0.9 was requested", "", coverage))
    figures.append(Figure("ensemble", name, "width of intervals or sets", unit, width))
    figures.append(Figure("ensemble", name, "training, all rows", "s of CPU", seconds))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=["iris", "diabetes", "cars"])
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(conditions(torch.__version__, torch.get_num_threads(), ("bowerbird", "scikit-learn")))
    for name in args.tables:
        figures = evaluate(name, args.seeds)
        append(HERE / "results.csv", torch.__version__, figures)
        print(table(figures), flush=True)


if __name__ == "__main__":
    main()
