"""Predict a column of a table from the others, with error bars: y = f(x) +- eps.

The rows are dealt into folds. In each fold every tool learns from the others and predicts the rows
it has not seen; on these all figures are measured, also how many lie in their intervals
(`conformal`). Then the networks learn from all rows: that is the model.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from sklearn.pipeline import Pipeline

from bowerbird.learning.device import select_compute
from bowerbird.learning.step import Step, run_to_end
from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.baselines import fitted, pipeline, said
from bowerbird.prediction.tabular.config import TableConfig, Tool
from bowerbird.prediction.tabular.conformal import of_classes, of_numbers
from bowerbird.prediction.tabular.encoding import encoding_of
from bowerbird.prediction.tabular.ensemble import Members, deal
from bowerbird.prediction.tabular.error_scale import spread_of
from bowerbird.prediction.tabular.leakage import sentences, telling
from bowerbird.prediction.tabular.model import Predictions, TableModel
from bowerbird.prediction.tabular.problem import Question, ask
from bowerbird.prediction.tabular.scores import Score, bootstrap, measure, share
from bowerbird.prediction.tabular.target import Target

LONG = 60.0  # s that are left after two folds, from which on it is told


@dataclass(frozen=True, eq=False)
class Study:
    """What was found out about a table."""

    target: Target
    columns: Columns
    table: Table
    """The rows that were learned from: those with a target."""
    folds: int
    wanted: np.ndarray
    """(n,) the truth: numbers, or class numbers."""
    said: Mapping[Tool, np.ndarray]
    """What each tool said of rows that it had not seen: (n,) or (n, classes)."""
    unseen: Predictions
    """Ours, with the intervals or sets of the same moment."""
    scores: Mapping[Tool, Mapping[str, Score]]
    gains: Mapping[Tool, Mapping[str, Score]]
    """How much better than ours each tool is, by metric; below 0: worse."""
    coverage: Score
    """Share of the rows whose interval or set held the truth."""
    width: float
    """Mean width of finite intervals in the target's unit, or mean number of classes in a set."""
    model: TableModel
    notes: list[str]
    """What was taken for granted, and what looks strange."""
    history: list[tuple[float, float]]
    """Of the model: the loss of each epoch on what it learned from, and on what was held out."""

    @property
    def rows(self) -> int:
        """Rows that were learned from."""
        return len(self.table.frame)


def study(table: Table, target: str, config: TableConfig, device: str = "cpu") -> Study:
    """Learn to predict a column of a table, and judge it; see ``study_steps``."""
    return run_to_end(study_steps(table, target, config, device))


def study_steps(
    table: Table, target: str, config: TableConfig, device: str = "cpu"
) -> Generator[Step[Study], None, None]:
    """Learn and judge, and yield a step after each tool and fold; the last one has the study.

    Raises TableError for a table that can't be learned from, ValueError for a device that is not
    there.
    """
    yield from answer_steps(ask(table, target, config), config, device)


def answer_steps(
    question: Question, config: TableConfig, device: str = "cpu"
) -> Generator[Step[Study], None, None]:
    """Do the same for a table that has been read; see ``study_steps``."""
    began, where = time.perf_counter(), str(select_compute(device, "float32").device)
    asked, columns = question.target, question.columns
    table, wanted = question.table, question.wanted
    values = columns.values(table)
    folds, why = _folds(wanted, asked, config)
    work = _Work(table, asked, columns, values, wanted, config, where)
    count = int(folds.max()) + 1
    leaks = telling(columns, values, wanted, len(asked.classes), config.networks.seed)
    notes = [*table.notes, asked.note, *columns.notes, *sentences(leaks, asked.name), why]
    work.notes = [note for note in notes if note]
    total = count * len(config.tools) + 1
    number, ends = 0, list[float]()
    for fold in range(count):
        for tool in config.tools:
            loss = work.judge(tool, folds == fold)
            number += 1
            seconds = time.perf_counter() - began
            if tool == config.tools[-1]:
                ends.append(seconds)
            note = _long(ends, count) if number == 2 * len(config.tools) else ""
            yield Step(number, total, {"total": loss}, seconds, note=note)
    found = work.study(count)
    loss = found.scores["networks"][work.metric].value
    yield Step(total, total, {"total": loss}, time.perf_counter() - began, found)


def _folds(
    wanted: np.ndarray, target: Target, config: TableConfig
) -> tuple[Int[np.ndarray, " n"], str]:
    """Deal the rows into folds, each class evenly, and say why these are fewer than asked.

    They are at most as many as rows, or as rows of the rarest class.
    """
    groups, most = np.zeros(len(wanted), np.int64), len(wanted)
    why = f"there are {most} rows: each is predicted from all others"
    if target.classes:
        groups, counts = wanted, np.bincount(wanted)
        most = int(counts.min())
        rarest = target.classes[int(counts.argmin())]
        why = f"{rarest} has {most} rows, and every fold needs one of each class"
    count = min(config.folds, most)
    note = f"{count} folds instead of {config.folds}, as {why}" if count < config.folds else ""
    return deal(groups, count, config.networks.seed), note


def _long(ends: Sequence[float], folds: int) -> str:
    """Say after the second fold how long all will take, if that is long; the first one warms up."""
    left = (ends[1] - ends[0]) * (folds - 2)
    if left < LONG:
        return ""
    return f"{folds} folds will take about {left / 60:.0f} minutes; a smaller --folds takes less"


@dataclass(eq=False)
class _Work:
    """A table under study, between two steps."""

    table: Table
    target: Target
    columns: Columns
    values: pd.DataFrame
    wanted: np.ndarray
    config: TableConfig
    device: str

    def __post_init__(self) -> None:
        several = (len(self.target.classes),) if self.target.classes else ()
        empty = np.full((len(self.wanted), *several), np.nan)
        self.said: dict[Tool, np.ndarray] = {tool: empty.copy() for tool in self.config.tools}
        self.low, self.high = np.empty(len(empty)), np.empty(len(empty))
        self.sets = np.zeros(empty.shape, bool)
        self.notes: list[str] = []

    @property
    def metric(self) -> str:
        """What the networks minimise, in the unit of the target."""
        return "log_loss" if self.target.classes else "rmse"

    def fit(self, tool: Tool, rows: np.ndarray) -> Pipeline:
        """Let a tool learn from some rows."""
        plain = pipeline(
            tool, self.columns, len(self.target.classes), self.config.networks, self.device
        )
        return fitted(plain, self.values[rows], self.wanted[rows])

    def judge(self, tool: Tool, unseen: np.ndarray) -> float:
        """Let a tool learn from all but some rows and predict those; return its loss there."""
        learned = self.fit(tool, ~unseen)
        if tool == "networks":
            model = self.model(learned, ~unseen)
            x = learned["encode"].transform(self.values[unseen])
            found = model.judged(x, self.config.coverage)
            self.said[tool][unseen] = found.values
            if found.sets is not None:
                self.sets[unseen] = found.sets
            else:
                self.low[unseen], self.high[unseen] = found.low, found.high
        else:
            self.said[tool][unseen] = said(learned, self.values[unseen])
        return measure(self.wanted[unseen], self.said[tool][unseen])[self.metric]

    def model(
        self, learned: Pipeline, rows: np.ndarray, provenance: Mapping[str, Any] | None = None
    ) -> TableModel:
        """Return what the networks have learned from some rows, with the scores of these."""
        members: Members = learned["model"]
        x, wanted = learned["encode"].transform(self.values[rows]), self.wanted[rows]
        held_out, spread = members.held_out(x), None
        if self.target.classes:
            known = of_classes(wanted, held_out, members.part_)
        else:
            known = of_numbers(wanted, held_out, members.part_)
            spread = spread_of(members, x, known.scores)
        if spread is not None:
            known = known.in_units(spread(x))
        return TableModel(
            self.target,
            encoding_of(learned["encode"], self.columns),
            members.network_,  # type: ignore[arg-type]
            known.drawn(self.config.networks.seed),
            members.mean_,
            members.scale_,
            spread,
            provenance or {},
        )

    def study(self, folds: int) -> Study:
        """Let the networks learn from all rows, and tell all that was found."""
        everything = np.ones(len(self.wanted), bool)
        learned = self.fit("networks", everything)
        scores, gains = bootstrap(self.wanted, self.said, "networks", self.config.networks.seed)
        ours = self.said["networks"]
        if self.target.classes:
            unseen = Predictions(self.target, ours, sets=self.sets)
            inside = self.sets[np.arange(len(ours)), self.wanted]
            width = float(self.sets.sum(1).mean())
        else:
            unseen = Predictions(self.target, ours, self.low, self.high)
            inside = (self.low <= self.wanted) & (self.wanted <= self.high)
            wide = self.high - self.low
            width = float(wide[np.isfinite(wide)].mean()) if np.isfinite(wide).any() else np.inf
        coverage = share(inside)
        told = {name: score.value for name, score in scores["networks"].items()}
        provenance = {
            "table": self.table.name,
            "rows": len(ours),
            "seed": self.config.networks.seed,
            "scores": told,
            "coverage": {"asked": self.config.coverage, "found": coverage.value},
        }
        model = self.model(learned, everything, provenance)
        return Study(
            *(self.target, self.columns, self.table, folds, self.wanted, self.said, unseen),
            *(scores, gains, coverage, width, model, self.notes, learned["model"].history_),
        )
