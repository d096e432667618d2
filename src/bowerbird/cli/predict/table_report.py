"""The report on a table: its files, and its numbers as text or JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console, RenderableType
from rich.table import Table as Grid

from bowerbird.cli.predict.outputs import MODEL, PICTURE, ROWS, TableRun
from bowerbird.cli.predict.table_predictions import (
    predictions_facts,
    predictions_text,
    rounded,
    write_predictions,
)
from bowerbird.cli.report import report
from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.data.table import Table, shortened
from bowerbird.prediction.tabular.baselines import LABELS
from bowerbird.prediction.tabular.config import TableConfig
from bowerbird.prediction.tabular.conformal import Predictions
from bowerbird.prediction.tabular.cross_validation import TableReport
from bowerbird.prediction.tabular.metrics import Estimate
from bowerbird.prediction.tabular.plot import plot_report

WIDTH = 100  # characters of a line if there is no terminal
MAX_COLUMNS = 6  # of a kind that are named
KINDS = {"number": "numbers", "date": "dates", "category": "categories"}
METRICS = {"rmse": "RMSE", "mae": "MAE", "r2": "R2", "balanced_accuracy": "balanced"}


def write_report(
    result: TableReport,
    new: Table | None,
    predictions: Predictions | None,
    paths: Mapping[str, Path],
) -> None:
    """Write the requested files: model, plot, predictions."""
    if MODEL in paths:
        result.model.save(paths[MODEL])
    if PICTURE in paths:
        plot_report(result, paths[PICTURE])
    if ROWS in paths:
        rows = result.problem.table if new is None else new
        write_predictions(rows, result.target, predictions or result.held_out, paths[ROWS])


def print_report(
    result: TableReport,
    data: Table,
    predictions: Predictions | None,
    run: TableRun,
    config: TableConfig,
) -> None:
    """Print the report as text, or as one JSON object."""
    facts = _facts(result, data, run, config)
    results = [*_text(result, data), *_metrics(result, config)]
    if predictions is not None:
        facts |= predictions_facts(result.target, predictions)
        if not any(path.suffix.lower() == ROWS for path in run.output):
            results += ["", *predictions_text(result.target, predictions)]
    report(facts, *results, json=run.json)


def _text(result: TableReport, data: Table) -> list[RenderableType]:
    """Return lines on the table, and on what of it was used."""
    columns, rows = result.problem.columns, len(result.problem.truth)
    sample = f", a sample of {data.rows:,}" if data.rows > len(data.frame) else ""
    return [
        f"{data.name}: {rows:,} rows{sample}, {len(columns.kinds)} columns; {result.target.reason}",
        _kinds(columns),
        *_left_out(result, data),
        *(f"note: {note}" for note in result.notes),
        "",
    ]


def _kinds(columns: Columns) -> str:
    """Return a line with the kind of each column."""
    names = {kind: [n for n, k in columns.kinds.items() if k == kind] for kind in KINDS}
    return "; ".join(f"{KINDS[k]}: {shortened(of, MAX_COLUMNS)}" for k, of in names.items() if of)


def _left_out(result: TableReport, data: Table) -> list[str]:
    """Return lines on rows without a target, and on columns that are not used."""
    lines, target = [], result.target.name
    cells = data.frame[target].drop(result.problem.table.frame.index)
    if len(cells):
        cell = "nothing" if pd.isna(cells.iloc[0]) else repr(cells.iloc[0])
        rows = "1 row" if len(cells) == 1 else f"{len(cells):,} rows"
        lines.append(f"left out {rows} without {target}: {cell} in line {cells.index[0]}")
    ignored = result.problem.columns.ignored
    lines += [f"left out {name}: {reason}" for name, reason in ignored.items()]
    return [*lines, "(--keep COLUMN uses one anyway)"] if ignored else lines


def _metrics(result: TableReport, config: TableConfig) -> list[RenderableType]:
    """Return the metrics of all methods, ours first, and the coverage of the intervals."""
    names = list(result.metrics["ensemble"])
    headers = [METRICS.get(name, name.replace("_", " ")) for name in names]
    grid = Grid(f"{result.folds} folds", *headers, box=None, pad_edge=False)
    for method, metrics in result.metrics.items():
        cells = [_with_interval(metrics[name]) for name in names]
        grid.add_row(LABELS[method], *cells, style="bold" if method == "ensemble" else None)
    console = Console(width=None if Console().is_terminal else WIDTH)
    with console.capture() as text:  # report() would cut it at 80 characters
        console.print(grid)
    return [text.get().rstrip("\n"), _coverage(result, config)]


def _with_interval(estimate: Estimate) -> str:
    form = ".3f" if abs(estimate.value) < 10 else ".4g"
    return f"{estimate.value:{form}} ({estimate.low:{form}}..{estimate.high:{form}})"


def _coverage(result: TableReport, config: TableConfig) -> str:
    """Return a line with the coverage of the intervals or sets, and their size."""
    covered = result.coverage
    coverage = f"coverage {covered.value:.1%} ({covered.low:.1%}..{covered.high:.1%})"
    size = f"mean interval width {result.width:.4g}"
    if result.target.classes:
        size = f"mean set size {result.width:.2f} classes"
    return f"{coverage}, {config.coverage:.0%} requested; {size}"


def _facts(result: TableReport, data: Table, run: TableRun, config: TableConfig) -> dict[str, Any]:
    """Return the report for JSON."""
    columns, rows = result.problem.columns, len(result.problem.truth)
    improvements = {m: _numbers(v) for m, v in result.improvements.items() if m != "ensemble"}
    return {
        "file": data.name,
        "target": result.target.name,
        "task": result.target.task,
        "reason": result.target.reason,
        "rows": rows,
        "rows_without_target": len(data.frame) - rows,
        "rows_in_file": data.rows,
        "columns": dict(columns.kinds),
        "ignored": dict(columns.ignored),
        "notes": result.notes,
        "folds": result.folds,
        "metrics": {method: _numbers(metrics) for method, metrics in result.metrics.items()},
        "improvement_over_ensemble": improvements,
        "intervals": {
            "requested_coverage": config.coverage,
            "coverage": asdict(result.coverage),
            "mean_set_size" if result.target.classes else "mean_width": rounded(result.width),
        },
        "output": [str(path) for path in run.output],
    }


def _numbers(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {
        name: {part: rounded(value) for part, value in asdict(estimate).items()}
        for name, estimate in estimates.items()
    }
