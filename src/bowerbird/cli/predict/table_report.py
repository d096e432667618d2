"""Where tables are told: files by their suffix, figures in words or JSON."""

import json as jsonlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from bowerbird.cli.predict.table import MODEL, PICTURE, ROWS, TableRun
from bowerbird.cli.predict.table_predictions import (
    finite,
    predictions_facts,
    show_predictions,
    write_predictions,
)
from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.data.table import Table, listed
from bowerbird.prediction.tabular.baselines import WORDS
from bowerbird.prediction.tabular.config import TableConfig
from bowerbird.prediction.tabular.model import Predictions
from bowerbird.prediction.tabular.plot import draw_study
from bowerbird.prediction.tabular.scores import Score
from bowerbird.prediction.tabular.study import Study

WIDE = 100  # letters of a line where there is no terminal
NAMED = 6  # columns of a kind that are named


def keep_study(
    found: Study, known: Table, new: Table | None, said: Predictions | None, places: dict[str, Path]
) -> None:
    """Write what was asked for: model, picture, predictions."""
    if MODEL in places:
        found.model.save(places[MODEL])
    if PICTURE in places:
        draw_study(found, places[PICTURE])
    if ROWS not in places:
        return
    if new is not None and said is not None:
        write_predictions(new, said, places[ROWS])
    else:  # each row as it was predicted when it was unseen
        write_predictions(found.table, found.unseen, places[ROWS])


def tell_study(
    found: Study, known: Table, said: Predictions | None, run: TableRun, config: TableConfig
) -> None:
    """Print what was found: one JSON object, or sentences and a table."""
    if run.json:
        print(jsonlib.dumps(_facts(found, known, said, run, config), allow_nan=False))  # noqa: T201
        return
    drawn = f", drawn from {known.rows:,}" if known.rows > len(known.frame) else ""
    used = len(found.columns.kinds)
    print(f"{known.name}: {found.rows:,} rows{drawn}, {used} columns; {found.target.why}")  # noqa: T201
    print(_taken(found.columns))  # noqa: T201
    if without := _without_target(found, known):
        print(f"left out {without}")  # noqa: T201
    for name, why in found.columns.ignored.items():
        print(f"left out {name}: {why}")  # noqa: T201
    if found.columns.ignored:
        print("(--keep COLUMN learns from one all the same)")  # noqa: T201
    for note in found.notes:
        print(f"note: {note}")  # noqa: T201
    print()  # noqa: T201
    Console(width=None if Console().is_terminal else WIDE).print(_scores(found))
    print(_sureness(found, config))  # noqa: T201
    if said is not None and not any(path.suffix.lower() == ROWS for path in run.output):
        print()  # noqa: T201
        show_predictions(said)


def _taken(columns: Columns) -> str:
    """Say in one line what each column was taken for."""
    words = {"number": "numbers", "date": "dates", "category": "categories"}
    names = {kind: [n for n, k in columns.kinds.items() if k == kind] for kind in words}
    return "; ".join(f"{words[k]}: {listed(of, NAMED)}" for k, of in names.items() if of)


def _without_target(found: Study, known: Table) -> str:
    """Say how many rows have no target, and what stands there in the first of them, or nothing."""
    cells = known.frame[found.target.name].drop(found.table.frame.index)
    if not len(cells):
        return ""
    word = "nothing" if pd.isna(cells.iloc[0]) else repr(cells.iloc[0])
    rows = "1 row" if len(cells) == 1 else f"{len(cells):,} rows"
    return f"{rows} without {found.target.name}: {word} in line {cells.index[0]}"


def _scores(found: Study) -> Grid:
    """Return the figures of all tools, ours first."""
    metrics = list(found.scores["networks"])
    grid = Grid(f"{found.folds} folds", *map(_metric, metrics), box=None, pad_edge=False)
    for tool in found.said:
        cells = [_with_interval(found.scores[tool][metric]) for metric in metrics]
        grid.add_row(WORDS[tool], *cells, style="bold" if tool == "networks" else None)
    return grid


def _metric(name: str) -> str:
    words = {"rmse": "RMSE", "mae": "MAE", "r2": "R2", "balanced_accuracy": "balanced"}
    return words.get(name, name.replace("_", " "))


def _with_interval(score: Score) -> str:
    value, low, high = (
        f"{x:.3f}" if abs(score.value) < 10 else f"{x:.4g}"
        for x in (score.value, score.low, score.high)
    )
    return f"{value} ({low}..{high})"


def _sureness(found: Study, config: TableConfig) -> str:
    """Say in a sentence how wide the error bars are and whether they hold."""
    got = found.coverage
    held = (
        f"{got.value:.1%} ({got.low:.1%} to {got.high:.1%}) where {config.coverage:.0%} was asked"
    )
    if found.target.classes:
        return f"sets of {found.width:.2f} classes on average hold the truth in {held}"
    return f"intervals of width {found.width:.4g} on average hold the truth in {held}"


def _facts(
    found: Study, known: Table, said: Predictions | None, run: TableRun, config: TableConfig
) -> dict[str, Any]:
    """Return all that was found, ready for JSON."""
    told: dict[str, Any] = {
        "file": known.name,
        "target": found.target.name,
        "task": found.target.task,
        "why": found.target.why,
        "rows": found.rows,
        "rows_without_target": len(known.frame) - found.rows,
        "rows_of_file": known.rows,
        "columns": dict(found.columns.kinds),
        "ignored": dict(found.columns.ignored),
        "notes": found.notes,
        "folds": found.folds,
        "scores": {tool: _scores_of(scores) for tool, scores in found.scores.items()},
        "better_than_networks": {
            tool: _scores_of(gains) for tool, gains in found.gains.items() if tool != "networks"
        },
        "intervals": {
            "asked": config.coverage,
            "coverage": asdict(found.coverage),
            ("classes" if found.target.classes else "width"): finite(found.width),
        },
        "output": [str(path) for path in run.output],
    }
    return told if said is None else {**told, **predictions_facts(said)}


def _scores_of(scores: Mapping[str, Score]) -> dict[str, Any]:
    return {
        name: {part: finite(value) for part, value in asdict(score).items()}
        for name, score in scores.items()
    }
