"""How quantities of a column are written: plain numbers, or with one unit behind them all."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bowerbird.prediction.data.numbers import MOSTLY, Mark, Numerals, numerals_of
from bowerbird.prediction.data.units import CLOCK, LARGE, hours, taken_off, unit_behind


def quantity_of(cells: pd.Series, usual: Mark | None, sign: str) -> tuple[Numerals, str]:
    """Return how numbers are written as `numerals_of` does, also with any unit behind them all."""
    written, note = numerals_of(cells, usual, sign)
    words = cells.dropna().unique().tolist()
    unit = unit_behind(words) if words and np.isnan(written.value(words[0])) else ""
    if not unit or written.floats(cells.dropna()).notna().mean() >= MOSTLY:
        return written, note
    if unit == CLOCK:
        return Numerals(unit=unit), f"{words[0]} was read as {hours(words[0]):.4g}, in hours"
    bare = pd.Series([taken_off(word, unit)[0] for word in words], dtype=object)
    own, note = numerals_of(bare, usual, sign)
    own = replace(own, unit=unit)
    if any(np.isnan(own.value(word)) for word in words):
        return written, ""
    said = f"{words[0]} was read as {own.value(words[0]):.10g}" + f", in {unit}" * (unit != LARGE)
    return own, "; ".join(part for part in (said, note) if part)
