import pandas as pd
import pytest

from bowerbird.prediction.data.table import Table


@pytest.fixture
def table():
    """Make a table of text from columns, None where a cell is missing."""

    def make(comma=False, **columns):
        frame = pd.DataFrame({n: pd.Series(c, dtype=object) for n, c in columns.items()})
        text = frame.map(lambda cell: cell if pd.isna(cell) else str(cell)).astype(object)
        return Table(
            "t.csv", text.set_axis(range(2, len(text) + 2)), len(text), ";" if comma else ","
        )

    return make
