"""What is asked of a table: which column from which others, in which rows.

It needs nothing that takes long to import, so that what is wrong with a table is told first.
"""

from dataclasses import dataclass

import numpy as np

from bowerbird.prediction.data.columns import Columns, read_columns
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.config import TableConfig
from bowerbird.prediction.tabular.target import Target, read_target


@dataclass(frozen=True, eq=False)
class Question:
    """A target, and what it is to be predicted from."""

    target: Target
    columns: Columns
    table: Table
    """The rows that have a target."""
    wanted: np.ndarray
    """(n,) numbers, or class numbers."""


def ask(table: Table, target: str, config: TableConfig) -> Question:
    """Read a table's target and columns; raise TableError for what can't be learned from."""
    asked, rows, wanted = read_target(table, target, config.task)
    columns = read_columns(rows, target, config.keep, config.category)
    return Question(asked, columns, rows, wanted)
