"""The report on a table: its files, and its numbers as text or JSON."""

import json as jsonlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from bowerbird.cli.predict.outputs import MODEL, PICTURE, ROWS, TableRun
from bowerbird.cli.predict.table_predictions import (
    predictions_facts,
    print_predictions,
    rounded,
    write_predictions,
)
from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.data.table import Table, shortened
from bowerbird.prediction.tabular.baselines import LABELS
from bowerbird.prediction.tabular.config import TableConfig
from bowerbird.prediction.tabular.conformal import Predictions
from bowerbird.prediction.tabular.cross_validate import TableReport
from bowerbird.prediction.tabular.metrics import Estimate
from bowerbird.prediction.tabular.plot import plot_report

WIDTH = 100  # characters of a line if there is no terminal
MAX_COLUMNS = 6  # of a kind that are named
KINDS = {"number": "numbers", "date": "dates", "category": "categories"}
METRICS = {"rmse": "RMSE", "mae": "MAE", "r2": "R2", "balanced_accuracy": "balanced"}


def write_report(
    report: TableReport,
    new: Table | None,
    predictions: Predictions | None,
    paths: Mapping[str, Path],
) -> None:
    """Write the requested files: model, plot, predictions."""
    if MODEL in paths:
        report.model.save(paths[MODEL])
    if PICTURE in paths:
        plot_report(report, paths[PICTURE])
    if ROWS in paths:
        rows = report.problem.table if new is None else new
        write_predictions(rows, report.target, predictions or report.held_out, paths[ROWS])


def print_report(
    report: TableReport,
    data: Table,
    predictions: Predictions | None,
    run: TableRun,
    config: TableConfig,
) -> None:
    """Print the report as text, or as one JSON object."""
    if run.json:
        facts = _facts(report, data, run, config)
        if predictions is not None:
            facts |= predictions_facts(report.target, predictions)
        print(jsonlib.dumps(facts, allow_nan=False))  # noqa: T201
        return
    columns, rows = report.problem.columns, len(report.problem.truth)
    sample = f", a sample of {data.rows:,}" if data.rows > len(data.frame) else ""
    lines = [
        f"{data.name}: {rows:,} rows{sample}, {len(columns.kinds)} columns; {report.target.reason}",
        _kinds(columns),
        *_left_out(report, data),
        *(f"note: {note}" for note in report.notes),
    ]
    print("\n".join(lines), end="\n\n")  # noqa: T201
    Console(width=None if Console().is_terminal else WIDTH).print(_metrics_grid(report))
    print(_coverage(report, config))  # noqa: T201
    if predictions is not None and not any(path.suffix.lower() == ROWS for path in run.output):
        print()  # noqa: T201
        print_predictions(report.target, predictions)


def _kinds(columns: Columns) -> str:
    """Return a line with the kind of each column."""
    names = {kind: [n for n, k in columns.kinds.items() if k == kind] for kind in KINDS}
    return "; ".join(f"{KINDS[k]}: {shortened(of, MAX_COLUMNS)}" for k, of in names.items() if of)


def _left_out(report: TableReport, data: Table) -> list[str]:
    """Return lines on rows without a target, and on columns that are not used."""
    lines, target = [], report.target.name
    cells = data.frame[target].drop(report.problem.table.frame.index)
    if len(cells):
        cell = "nothing" if pd.isna(cells.iloc[0]) else repr(cells.iloc[0])
        rows = "1 row" if len(cells) == 1 else f"{len(cells):,} rows"
        lines.append(f"left out {rows} without {target}: {cell} in line {cells.index[0]}")
    ignored = report.problem.columns.ignored
    lines += [f"left out {name}: {reason}" for name, reason in ignored.items()]
    return [*lines, "(--keep COLUMN uses one anyway)"] if ignored else lines


def _metrics_grid(report: TableReport) -> Grid:
    """Return the metrics of all methods, ours first."""
    names = list(report.metrics["ensemble"])
    headers = [METRICS.get(name, name.replace("_", " ")) for name in names]
    grid = Grid(f"{report.folds} folds", *headers, box=None, pad_edge=False)
    for method, metrics in report.metrics.items():
        cells = [_with_interval(metrics[name]) for name in names]
        grid.add_row(LABELS[method], *cells, style="bold" if method == "ensemble" else None)
    return grid


def _with_interval(estimate: Estimate) -> str:
    form = ".3f" if abs(estimate.value) < 10 else ".4g"
    return f"{estimate.value:{form}} ({estimate.low:{form}}..{estimate.high:{form}})"


def _coverage(report: TableReport, config: TableConfig) -> str:
    """Return a sentence on the width of the intervals or sets, and their coverage."""
    covered = report.coverage
    rows = f"{covered.value:.1%} of the rows ({covered.low:.1%} to {covered.high:.1%})"
    requested = f"{rows}; {config.coverage:.0%} was requested"
    if report.target.classes:
        return f"sets of {report.width:.2f} classes on average contain the truth in {requested}"
    return f"intervals of width {report.width:.4g} on average contain the truth in {requested}"


def _facts(report: TableReport, data: Table, run: TableRun, config: TableConfig) -> dict[str, Any]:
    """Return the report for JSON."""
    columns, rows = report.problem.columns, len(report.problem.truth)
    improvements = {m: _numbers(v) for m, v in report.improvements.items() if m != "ensemble"}
    return {
        "file": data.name,
        "target": report.target.name,
        "task": report.target.task,
        "reason": report.target.reason,
        "rows": rows,
        "rows_without_target": len(data.frame) - rows,
        "rows_in_file": data.rows,
        "columns": dict(columns.kinds),
        "ignored": dict(columns.ignored),
        "notes": report.notes,
        "folds": report.folds,
        "metrics": {method: _numbers(metrics) for method, metrics in report.metrics.items()},
        "improvement_over_ensemble": improvements,
        "intervals": {
            "requested_coverage": config.coverage,
            "coverage": asdict(report.coverage),
            "mean_set_size" if report.target.classes else "mean_width": rounded(report.width),
        },
        "output": [str(path) for path in run.output],
    }


def _numbers(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {
        name: {part: rounded(value) for part, value in asdict(estimate).items()}
        for name, estimate in estimates.items()
    }
