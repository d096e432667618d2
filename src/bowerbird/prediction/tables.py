"""Predict a column of a table from the others, with error bars: y = f(x) +- eps.

The rows are dealt into folds. In each fold every tool learns from the others and predicts the rows
it has not seen; on these all figures are measured, also how many lie in their intervals
(`conformal`). Then the networks learn from all rows: that is the model.
"""

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from sklearn.pipeline import Pipeline

from bowerbird.learning.device import choose
from bowerbird.learning.step import Step, finished
from bowerbird.prediction.columns import Columns, read_columns
from bowerbird.prediction.conformal import COVERAGE, of_classes, of_numbers
from bowerbird.prediction.encoding import encoding_of
from bowerbird.prediction.ensemble import Members, MembersConfig, deal
from bowerbird.prediction.frames import Table
from bowerbird.prediction.peers import Tool, fitted, pipeline, said
from bowerbird.prediction.scores import Score, bootstrap, measure, share
from bowerbird.prediction.spread import spread_of
from bowerbird.prediction.tablemodel import Predictions, TableModel
from bowerbird.prediction.target import Target, Task, read_target

PEERS: tuple[Tool, ...] = ("linear", "boosting", "sklearn-mlp", "baseline")
WIDE = 0.995  # coverage that can be asked for at most


@dataclass(frozen=True)
class TableConfig:
    """How a table is learned from and judged."""

    task: Task = "auto"
    """regression (a number), classification (one of several classes), or auto, which decides."""
    folds: int = 5
    """Parts that are predicted from the others."""
    coverage: float = COVERAGE
    """Share of intervals, or of sets of classes, that shall hold the truth."""
    compare: bool = True
    """Compare with a linear model, gradient boosting and scikit-learn's own network."""
    rows: int = 20_000
    """Most rows that are learned from; of more, so many are drawn at random."""
    networks: MembersConfig = field(default_factory=MembersConfig)

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds are at least 2, not {self.folds}")
        if not 0.5 <= self.coverage <= WIDE:
            raise ValueError(f"coverage lies in 0.5..{WIDE}, not at {self.coverage}")
        if self.rows < 10:
            raise ValueError(f"rows are at least 10, not {self.rows}")

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What is compared, ours first."""
        return ("networks", *PEERS) if self.compare else ("networks", "baseline")


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
    history: list[tuple[float, float]]
    """Of the model: the loss of each epoch on what it learned from, and on what was held out."""

    @property
    def rows(self) -> int:
        """Rows that were learned from."""
        return len(self.table.frame)


def study(table: Table, target: str, config: TableConfig, device: str = "cpu") -> Study:
    """Learn to predict a column of a table, and judge it; see ``study_steps``."""
    return finished(study_steps(table, target, config, device))


def study_steps(
    table: Table, target: str, config: TableConfig, device: str = "cpu"
) -> Generator[Step[Study], None, None]:
    """Learn and judge, and yield a step after each tool and fold; the last one has the study.

    Raises TableError for a table that can't be learned from, ValueError for a device that is not
    there.
    """
    began, where = time.perf_counter(), str(choose(device, "float32").device)
    asked, table, wanted = read_target(table, target, config.task)
    columns = read_columns(table, target)
    values = columns.values(table)
    folds = _folds(wanted, asked, config)
    work = _Work(table, asked, columns, values, wanted, config, where)
    count = int(folds.max()) + 1
    total = count * len(config.tools) + 1
    number = 0
    for fold in range(count):
        for tool in config.tools:
            loss = work.judge(tool, folds == fold)
            number += 1
            yield Step(number, total, {"total": loss}, time.perf_counter() - began)
    found = work.study(count)
    loss = found.scores["networks"][work.metric].value
    yield Step(total, total, {"total": loss}, time.perf_counter() - began, found)


def _folds(wanted: np.ndarray, target: Target, config: TableConfig) -> Int[np.ndarray, " n"]:
    """Deal the rows into folds, each class evenly; fewer folds where a class has fewer rows."""
    count = min(config.folds, len(wanted))
    groups = np.zeros(len(wanted), np.int64)
    if target.classes:
        groups = wanted
        count = min(count, int(np.bincount(wanted).min()))
    return deal(groups, count, config.networks.seed)


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
            *(scores, gains, coverage, width, model, learned["model"].history_),
        )
