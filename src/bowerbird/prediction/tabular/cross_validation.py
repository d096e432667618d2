"""Predict a column of a table from the others, with error bars: y = f(x) +- eps.

In each fold of a cross-validation every method is fitted to the other folds and predicts the
held-out rows; all metrics are of these predictions, also how many rows are in their intervals
(`conformal`). Then the ensemble is trained on all rows: that is the model.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from bowerbird.learning.device import select_compute
from bowerbird.learning.step import Step, run_to_end
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.baselines import predict_baseline
from bowerbird.prediction.tabular.config import Method, TableConfig
from bowerbird.prediction.tabular.conformal import Predictions, fit_conformal
from bowerbird.prediction.tabular.encoding import fit_encoding
from bowerbird.prediction.tabular.ensemble import split_evenly
from bowerbird.prediction.tabular.leakage import (
    exact_notes,
    find_leakage,
    leakage_notes,
    presence_notes,
)
from bowerbird.prediction.tabular.metrics import Estimate, bootstrap, compute_metrics, proportion
from bowerbird.prediction.tabular.model import TableModel
from bowerbird.prediction.tabular.target import Problem, Target, read_problem

LONG = 60.0  # s left after two folds, from which on the duration is reported


@dataclass(frozen=True, eq=False)
class TableReport:
    """The result of a cross-validation, and the model trained on all rows."""

    problem: Problem
    folds: int
    predictions: Mapping[Method, np.ndarray]
    """Each method's predictions of held-out rows: (n,) numbers or (n, classes) probabilities."""
    held_out: Predictions
    """Those of the ensemble, with their intervals or sets."""
    metrics: Mapping[Method, Mapping[str, Estimate]]
    improvements: Mapping[Method, Mapping[str, Estimate]]
    """Of each method over the ensemble, by metric; negative: it is worse."""
    coverage: Estimate
    """Fraction of the rows whose interval or set contains the truth."""
    coverage_by_class: Mapping[str, Estimate]
    """The same of the rows of each class; empty for numbers."""
    width: float
    """Mean width of finite intervals in the target's unit, or mean number of classes in a set."""
    model: TableModel
    notes: list[str]
    """Assumptions and warnings, as sentences."""
    history: list[tuple[float, float]]
    """(training loss, out-of-part loss) of each epoch of the model's training."""

    @property
    def target(self) -> Target:
        """The column that is predicted."""
        return self.problem.target


def cross_validate(
    table: Table, target: str, config: TableConfig, device: str = "cpu"
) -> TableReport:
    """Cross-validate models that predict a column of a table, then train one on all rows.

    Raises TableError for a table that no model can be trained on, ValueError for an unknown device.
    """
    return run_to_end(cross_validate_steps(read_problem(table, target, config), config, device))


def cross_validate_steps(
    problem: Problem, config: TableConfig, device: str = "cpu"
) -> Generator[Step[TableReport], None, None]:
    """Do as `cross_validate` does, and yield a step for each method and fold.

    The last step has the report. Raises ValueError for an unknown device.
    """
    return CrossValidation(problem, config, device).steps()


def _duration_note(ends: Sequence[float], folds: int) -> str:
    """Say after the second fold how long all will take, if that is long; the first one warms up."""
    left = (ends[1] - ends[0]) * (folds - 2)
    if left < LONG:
        return ""
    return f"{folds} folds will take about {left / 60:.0f} minutes; a smaller --folds takes less"


class CrossValidation:
    """A cross-validation between two steps; its notes are known before the first."""

    def __init__(self, problem: Problem, config: TableConfig, device: str) -> None:
        self.problem, self.config = problem, config
        self.device = str(select_compute(device, "float32").device)
        target, columns, self.truth = problem.target, problem.columns, problem.truth
        self.values, self.num_classes = columns.values(problem.table), len(target.classes)
        self.folds, why = _split_folds(problem, config)
        self.count = int(self.folds.max()) + 1
        seed = config.ensemble.seed
        leaks = find_leakage(columns, self.values, self.truth, self.num_classes, seed)
        known = [*leakage_notes(leaks, target.name)]
        known += presence_notes(columns, self.values, self.truth, target)
        known += [] if leaks else exact_notes(columns, self.values, self.truth, target)
        notes = [*problem.table.notes, target.note, *columns.notes]
        self.notes = [n for n in (*notes, *known, why) if n]
        n = len(self.truth)
        shape = (n, self.num_classes) if self.num_classes else (n,)
        self.predictions = {method: np.full(shape, np.nan) for method in config.methods}
        self.low, self.high, self.sets = np.empty(n), np.empty(n), np.zeros(shape, bool)

    def steps(self) -> Generator[Step[TableReport], None, None]:
        """Yield a step for each method and fold, and one with the report."""
        began, config = time.perf_counter(), self.config
        number, total = 0, self.count * len(config.methods) + 1
        ends: list[float] = []
        for fold in range(self.count):
            for method, loss in self.fold(fold):
                number += 1
                seconds = time.perf_counter() - began
                if method == config.methods[-1]:
                    ends.append(seconds)
                note = _duration_note(ends, self.count) if number == 2 * len(config.methods) else ""
                yield Step(number, total, {"total": loss}, seconds, note=note)
        report = self.report()
        loss = report.metrics["ensemble"][self.metric].value
        yield Step(total, total, {"total": loss}, time.perf_counter() - began, report)

    @property
    def metric(self) -> str:
        """The metric that the ensemble is trained for, in the unit of the target."""
        return "log_loss" if self.num_classes else "rmse"

    def fold(self, fold: int) -> Generator[tuple[Method, float], None, None]:
        """Fit each method to the other folds; yield it with its loss in this one."""
        new, config = self.folds == fold, self.config.ensemble
        encoding = fit_encoding(self.problem.columns, self.values[~new])
        x, y, x_new = encoding(self.values[~new]), self.truth[~new], encoding(self.values[new])
        networks = np.empty(0)
        for method in self.config.methods:
            if method == "networks":
                values = networks
            elif method == "ensemble":
                model, _ = fit_conformal(x, y, self.num_classes, config, self.device)
                predictions = model.predict(x_new, self.config.coverage)
                predictions = predictions.within(self.problem.target)
                values, sets = predictions.values, predictions.sets
                networks = model.ensemble.networks(x_new).mean(0)
                if sets is None:
                    self.low[new], self.high[new] = predictions.low, predictions.high
                else:
                    self.sets[new] = sets
            else:
                values = predict_baseline(method, x, y, x_new, self.num_classes, config.seed)
            self.predictions[method][new] = values
            yield method, compute_metrics(self.truth[new], values)[self.metric]

    def report(self) -> TableReport:
        """Train the model on all rows, and return the report."""
        seed = self.config.ensemble.seed
        metrics, improvements = bootstrap(self.truth, self.predictions, "ensemble", seed)
        ours = self.predictions["ensemble"]
        if self.num_classes:
            held_out = Predictions(ours, sets=self.sets)
            hits = self.sets[np.arange(len(ours)), self.truth]
            width = float(self.sets.sum(1).mean())
        else:
            held_out = Predictions(ours, self.low, self.high)
            hits = (self.low <= self.truth) & (self.truth <= self.high)
            widths = (self.high - self.low)[np.isfinite(self.high - self.low)]
            width = float(widths.mean()) if len(widths) else np.inf
        coverage = proportion(hits)
        by_class = {
            name: proportion(hits[self.truth == code])
            for code, name in enumerate(self.problem.target.classes)
        }
        provenance = {
            "table": self.problem.table.name,
            "rows": len(ours),
            "seed": seed,
            "metrics": {name: metric.value for name, metric in metrics["ensemble"].items()},
            "coverage": {"requested": self.config.coverage, "validated": coverage.value},
        }
        encoding = fit_encoding(self.problem.columns, self.values)
        predictor, trained = fit_conformal(
            encoding(self.values), self.truth, self.num_classes, self.config.ensemble, self.device
        )
        model = TableModel(self.problem.target, encoding, predictor, provenance)
        return TableReport(
            *(self.problem, self.count, self.predictions, held_out, metrics, improvements),
            *(coverage, by_class, width, model, self.notes, trained.history),
        )


def _split_folds(problem: Problem, config: TableConfig) -> tuple[Int[np.ndarray, " n"], str]:
    """Assign rows to folds, evenly within each class, and say why there are fewer than configured.

    There can't be more folds than rows, or than rows of the rarest class.
    """
    rows = len(problem.truth)
    groups, max_count = np.zeros(rows, np.int64), rows
    why = f"there are {rows} rows: each is predicted from all others"
    if problem.target.classes:
        groups, counts = problem.truth, np.bincount(problem.truth)
        max_count = int(counts.min())
        rarest = problem.target.classes[int(counts.argmin())]
        why = f"{rarest} has {max_count} rows, and every fold needs one of each class"
    count = min(config.folds, max_count)
    note = f"{count} folds instead of {config.folds}: {why}" if count < config.folds else ""
    return split_evenly(groups, count, config.ensemble.seed), note
