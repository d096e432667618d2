"""Lines of an exported table that are no rows: titles above the names, totals and sources below."""

import re
from collections.abc import Sequence

import pandas as pd

MAX_TITLE = 12  # rows above the names
MAX_FOOTER = 6  # rows below the others
MIN_ROWS = 8  # of fewer, none is left out
TOTAL = re.compile(
    r"(grand |sub|sub-)?totals?|sum|average|mean|gesamt(summe)?|summe|insgesamt|mittelwert|somme"
    r"|moyenne|totale|media|suma|totaal|totalt|итого|всего|合计|总计|合計",
    re.IGNORECASE,
)
NUMBER = re.compile(r"[-+]?[\d.,]+")
MIN_FILLED = 0.5  # of the cells of other rows, from which a row is none of a footer


def count_titles(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of the first rows have one cell, the first, above names and rows."""
    for number, row in enumerate(rows[: MAX_TITLE + 1]):
        cells = [cell.strip() for cell in row]
        if sum(map(bool, cells)) > 1:
            following = [sum(bool(cell.strip()) for cell in r) for r in rows[number + 1 :][:5]]
            has_names = not any(map(NUMBER.fullmatch, cells))
            return number if has_names and following and min(following) > 1 else 0
        if not cells[0]:  # spreadsheets leave the name of row numbers empty
            return 0
    return 0


def drop_footer(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out totals and remarks below the rows; return the others, and notes on each.

    A total has such a word in a column of text, in which it occurs once. A remark has one cell in a
    table whose other rows have most of theirs.
    """
    notes: list[str] = []
    if len(frame) < MIN_ROWS or frame.shape[1] < 2:
        return frame, notes
    usual = frame.notna().sum(axis=1).median()
    kept = len(frame)
    for place in range(len(frame) - 1, max(len(frame) - 1 - MAX_FOOTER, 0), -1):
        row = frame.iloc[place]
        cells = row.dropna()
        total = next((name for name, c in cells.items() if TOTAL.fullmatch(c.strip(" :*"))), None)
        if total is not None and (frame[total] == row[total]).sum() == 1:
            notes.append(f"line {frame.index[place]} ({row[total]}) is not a row: left out")
        elif len(cells) == 1 and usual > 1 / MIN_FILLED:
            shown = str(cells.iloc[0])[:40]
            notes.append(f"line {frame.index[place]} ({shown}) has one cell: left out")
        else:
            break
        kept = place
    return frame.iloc[:kept], notes[::-1]
