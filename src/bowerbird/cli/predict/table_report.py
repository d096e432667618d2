"""What ``predict table`` prints and writes; predictions alone need no scikit-learn."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console, RenderableType
from rich.table import Table as Grid

from bowerbird.cli.predict.outputs import MODEL, PICTURE, ROWS, TableOptions
from bowerbird.cli.report import report, show
from bowerbird.files.delimited import write_rows
from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.data.numbers import DecimalMark
from bowerbird.prediction.data.table import Table, shortened
from bowerbird.prediction.data.written import readable
from bowerbird.prediction.tabular.config import LABELS, TableConfig
from bowerbird.prediction.tabular.conformal import Predictions
from bowerbird.prediction.tabular.metrics import Estimate
from bowerbird.prediction.tabular.model import predictions_frame
from bowerbird.prediction.tabular.target import Problem, Target

if TYPE_CHECKING:
    from bowerbird.prediction.tabular.cross_validation import TableReport

WIDTH = 100  # characters of a line if there is no terminal
MAX_COLUMNS = 6  # of a kind that are named
MAX_ROWS = 12  # of predictions that are printed
KINDS = {"number": "numbers", "date": "dates", "category": "categories"}
MAX_R2 = 0.9995  # above which the target is probably among the columns
METRICS = {"rmse": "RMSE", "mae": "MAE", "r2": "R2", "balanced_accuracy": "balanced"}


def write_report(
    result: "TableReport",
    new: Table | None,
    predictions: Predictions | None,
    paths: Mapping[str, Path],
) -> None:
    """Write the requested files: model, plot, predictions."""
    if MODEL in paths:
        result.model.save(paths[MODEL])
    if PICTURE in paths:
        from bowerbird.prediction.tabular.plot import plot_report

        plot_report(result, paths[PICTURE])
    if ROWS in paths:
        rows = result.problem.table if new is None else new
        write_predictions(rows, result.target, predictions or result.held_out, paths[ROWS])


def write_predictions(rows: Table, target: Target, predictions: Predictions, path: Path) -> None:
    """Write rows with their predictions behind them, in the format of their file."""
    frame = predictions_frame(target, predictions).set_axis(rows.frame.index)
    both = pd.concat([rows.frame, frame], axis=1)
    cells, decimal = both.itertuples(index=False, name=None), rows.output_decimal_mark
    write_rows(path, list(both.columns), cells, delimiter=rows.delimiter, decimal=decimal)


def print_report(
    result: "TableReport",
    data: Table,
    predictions: Predictions | None,
    run: TableOptions,
    config: TableConfig,
) -> None:
    """Print the report as text, or as one JSON object."""
    facts = _facts(result, data, run, config)
    results = _metrics(result, config, data.output_decimal_mark)
    if predictions is not None:
        facts |= predictions_facts(result.target, predictions)
        if not any(path.suffix.lower() == ROWS for path in run.output):
            mark = data.output_decimal_mark
            results += ["", *predictions_text(result.target, predictions, mark)]
    report(facts, *results, json=run.json)


def predictions_text(
    target: Target, predictions: Predictions, mark: DecimalMark = "."
) -> list[RenderableType]:
    """Return the first predictions for the terminal."""
    frame = predictions_frame(target, predictions)
    grid = Grid("row", *frame.columns, box=None, pad_edge=False)
    for number, row in enumerate(frame.head(MAX_ROWS).itertuples(index=False), 1):
        grid.add_row(str(number), *(c if isinstance(c, str) else readable(c, mark) for c in row))
    more = len(frame) - MAX_ROWS
    return [grid, f"... and {more} more rows; -o OUT.csv writes them all"] if more > 0 else [grid]


def predictions_facts(target: Target, predictions: Predictions) -> dict[str, Any]:
    """Return predictions row by row, for JSON."""
    classes, values = target.classes, predictions.values
    rows: list[dict[str, Any]]
    if predictions.sets is None:
        names = ("value", "low", "high")
        columns = zip(values, predictions.low, predictions.high, strict=True)  # type: ignore[arg-type]
        rows = [dict(zip(names, map(_rounded, row), strict=True)) for row in columns]
        return {"target": target.name, "predictions": rows}
    rows = [
        {
            "value": classes[int(row.argmax())],
            "probabilities": {n: round(float(v), 6) for n, v in zip(classes, row, strict=True)},
            "possible": [classes[i] for i in np.flatnonzero(possible)],
        }
        for row, possible in zip(values, predictions.sets, strict=True)
    ]
    return {"target": target.name, "predictions": rows}


def print_table(problem: Problem, data: Table, notes: Sequence[str]) -> None:
    """Print what was read, what is left out and what was assumed, before the long work."""
    show(*_text(problem, data, notes))
    sys.stdout.flush()


def _text(problem: Problem, data: Table, notes: Sequence[str]) -> list[RenderableType]:
    """Return lines on the table, and on what of it was used."""
    columns, rows, target = problem.columns, len(problem.truth), problem.target
    sample = f", a sample of {data.rows:,}" if data.rows > len(data.frame) else ""
    lines = [
        f"{data.name}: {rows:,} rows{sample}, {len(columns.kinds)} columns; {target.reason}",
        _kinds(columns),
    ]
    cells = data.frame[target.name].drop(problem.table.frame.index)
    if len(cells):
        cell = "nothing" if pd.isna(cells.iloc[0]) else repr(cells.iloc[0])
        count = "1 row" if len(cells) == 1 else f"{len(cells):,} rows"
        lines += [f"left out {count} without {target.name}: {cell} in line {cells.index[0]}"]
    lines += [f"left out {name}: {reason}" for name, reason in columns.ignored.items()]
    lines += ["(--keep COLUMN uses one anyway)"] if columns.ignored else []
    return [*lines, *(f"note: {note}" for note in notes), ""]


def _kinds(columns: Columns) -> str:
    """Return a line with the kind of each column."""
    names = {kind: [n for n, k in columns.kinds.items() if k == kind] for kind in KINDS}
    return "; ".join(f"{KINDS[k]}: {shortened(of, MAX_COLUMNS)}" for k, of in names.items() if of)


def _metrics(result: "TableReport", config: TableConfig, mark: DecimalMark) -> list[RenderableType]:
    """Return the metrics of all methods, ours first, and the coverage of the intervals."""
    names = list(result.metrics["ensemble"])
    headers = [METRICS.get(name, name.replace("_", " ")) for name in names]
    grid = Grid(f"{result.folds} folds", *headers, box=None, pad_edge=False)
    for method, metrics in result.metrics.items():
        cells = [_with_interval(metrics[name], mark) for name in names]
        grid.add_row(LABELS[method], *cells, style="bold" if method == "ensemble" else None)
    console = Console(width=None if Console().is_terminal else WIDTH)
    with console.capture() as text:  # report() would cut it at 80 characters
        console.print(grid)
    covered = result.coverage
    coverage = f"coverage {covered.value:.1%} ({covered.low:.1%}..{covered.high:.1%})"
    size = f"mean interval width {readable(result.width, mark)}"
    if result.target.classes:
        size = f"mean set size {result.width:.2f} classes"
    lines = [text.get().rstrip("\n"), f"{coverage}, {config.coverage:.0%} requested; {size}"]
    classes = sorted(result.coverage_by_class.items(), key=lambda item: item[1].value)
    shown = [f"{n} {e.value:.1%} ({e.low:.1%}..{e.high:.1%})" for n, e in classes[:MAX_COLUMNS]]
    if shown:
        more = f", and {len(classes) - len(shown)} more above" if len(shown) < len(classes) else ""
        lines.append(f"coverage by class: {', '.join(shown)}{more}")
    return [*lines, *_afterwards(result)]


def _afterwards(result: "TableReport") -> list[str]:
    """Return warnings that only the metrics show."""
    metrics, name = result.metrics["ensemble"], result.target.name
    if "r2" in metrics and metrics["r2"].value > MAX_R2:
        return [f"note: R2 is {metrics['r2'].value:.4f}: does a column contain {name}?"]
    if "accuracy" in metrics and metrics["accuracy"].value == 1:
        return [f"note: every held-out row is right: does a column contain {name}?"]
    return []


def _with_interval(estimate: Estimate, mark: DecimalMark) -> str:
    value, low, high = estimate.value, estimate.low, estimate.high
    if abs(value) < 10:
        parts = [f"{number:.3f}".replace(".", mark) for number in (value, low, high)]
    else:
        parts = [readable(number, mark) for number in (value, low, high)]
    return f"{parts[0]} ({parts[1]}..{parts[2]})"


def _facts(
    result: "TableReport", data: Table, run: TableOptions, config: TableConfig
) -> dict[str, Any]:
    """Return the report for JSON."""
    columns, target, rows = result.problem.columns, result.target, len(result.problem.truth)
    improvements = {m: _numbers(v) for m, v in result.improvements.items() if m != "ensemble"}
    return {
        "file": data.name,
        "target": target.name,
        "task": target.task,
        "reason": target.reason,
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
            "coverage_by_class": {n: asdict(e) for n, e in result.coverage_by_class.items()},
            "mean_set_size" if target.classes else "mean_width": _rounded(result.width),
        },
        "output": [str(path) for path in run.output],
    }


def _numbers(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {
        name: {part: _rounded(value) for part, value in asdict(estimate).items()}
        for name, estimate in estimates.items()
    }


def _rounded(number: float) -> float:
    """Return a number with six digits."""
    return float(f"{number:.6g}")
