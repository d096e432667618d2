"""Predictions of rows in files, on the terminal and in JSON; needs no scikit-learn."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import RenderableType
from rich.table import Table as Grid

from bowerbird.files.delimited import write_rows
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.conformal import Predictions
from bowerbird.prediction.tabular.model import predictions_frame
from bowerbird.prediction.tabular.target import Target

MAX_PRINTED = 12  # rows


def write_predictions(rows: Table, target: Target, predictions: Predictions, path: Path) -> None:
    """Write rows with their predictions behind them, in the format of their file."""
    frame = predictions_frame(target, predictions).set_axis(rows.frame.index)
    both = pd.concat([rows.frame, frame], axis=1)
    write_rows(
        path,
        list(both.columns),
        both.itertuples(index=False, name=None),
        delimiter=rows.delimiter,
        decimal=rows.output_decimal_mark,
    )


def predictions_text(target: Target, predictions: Predictions) -> list[RenderableType]:
    """Return the first predictions for the terminal."""
    frame = predictions_frame(target, predictions)
    grid = Grid("row", *frame.columns, box=None, pad_edge=False)
    for number, row in enumerate(frame.head(MAX_PRINTED).itertuples(index=False), 1):
        grid.add_row(str(number), *(c if isinstance(c, str) else f"{c:.4g}" for c in row))
    more = len(frame) - MAX_PRINTED
    return [grid, f"... and {more} more rows; -o OUT.csv writes them all"] if more > 0 else [grid]


def predictions_facts(target: Target, predictions: Predictions) -> dict[str, Any]:
    """Return predictions row by row, for JSON."""
    classes, rows = target.classes, list[dict[str, Any]]()
    if predictions.sets is not None:
        for values, possible in zip(predictions.values, predictions.sets, strict=True):
            rows.append(
                {
                    "value": classes[int(values.argmax())],
                    "probabilities": {
                        name: round(float(v), 6) for name, v in zip(classes, values, strict=True)
                    },
                    "possible": [classes[i] for i in np.flatnonzero(possible)],
                }
            )
    elif predictions.low is not None and predictions.high is not None:
        columns = (predictions.values, predictions.low, predictions.high)
        for row in zip(*columns, strict=True):
            rows.append(dict(zip(("value", "low", "high"), map(rounded, row), strict=True)))
    return {"target": target.name, "predictions": rows}


def rounded(number: float) -> float | None:
    """Return a number with six digits for JSON, None if it is infinite or NaN."""
    return float(f"{number:.6g}") if math.isfinite(number) else None
