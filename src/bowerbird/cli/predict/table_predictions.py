"""Where predictions of rows are told, without what only learning needs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from bowerbird.learning.atomic_write import atomic_write
from bowerbird.prediction.data.table import Table, write_rows
from bowerbird.prediction.tabular.model import Predictions

SHOWN = 12  # rows that are printed where no file takes them


def write_predictions(rows: Table, said: Predictions, path: Path) -> None:
    """Write rows with their predictions behind them."""
    frame = said.frame().set_axis(rows.frame.index)
    with atomic_write(path) as part:
        write_rows(pd.concat([rows.frame, frame], axis=1), part, rows.sign, rows.decimal)


def show_predictions(said: Predictions) -> None:
    """Print the first predictions."""
    frame = said.frame()
    grid = Grid("row", *frame.columns, box=None, pad_edge=False)
    for number, row in enumerate(frame.head(SHOWN).itertuples(index=False), 1):
        grid.add_row(str(number), *(c if isinstance(c, str) else f"{c:.4g}" for c in row))
    Console().print(grid)
    if len(frame) > SHOWN:
        print(f"... and {len(frame) - SHOWN} more rows; -o OUT.csv takes them all")  # noqa: T201


def predictions_facts(said: Predictions) -> dict[str, Any]:
    """Return predictions row by row, ready for JSON."""
    names = said.target.classes
    if said.sets is None:
        assert said.low is not None
        assert said.high is not None
        rows = zip(said.values, said.low, said.high, strict=True)
        told: list[dict[str, Any]] = [
            {"value": finite(v), "low": finite(low), "high": finite(high)} for v, low, high in rows
        ]
    else:
        told = [
            {
                "value": names[int(p.argmax())],
                "probabilities": {n: round(float(v), 6) for n, v in zip(names, p, strict=True)},
                "possible": [names[i] for i in np.flatnonzero(inside)],
            }
            for p, inside in zip(said.values, said.sets, strict=True)
        ]
    return {"target": said.target.name, "predictions": told}


def finite(number: float) -> float | None:
    """Return a number as JSON can say it."""
    return float(f"{number:.6g}") if math.isfinite(number) else None
