"""Categories in a column of text: booleans, codes, and names that differ only by case."""

import pandas as pd

BOOLEANS = ("true", "false", "yes", "no")  # in any case, as programs write them


def lower_booleans(cells: pd.Series) -> pd.Series:
    """Return a column of text with booleans in lower case, so that TRUE, True and true are one."""
    lower = cells.str.lower()
    return cells.mask(lower.isin(BOOLEANS), lower)


def case_note(cells: pd.Series) -> str:
    """Name two categories that differ only by case, or return nothing."""
    words = pd.Series(lower_booleans(cells).unique(), dtype=object)
    alike = words[words.str.lower().duplicated(keep=False)]
    if alike.empty:
        return ""
    pair = alike[alike.str.lower() == alike.iloc[0].lower()]
    return f"column {cells.name} has {pair.iloc[0]} and {pair.iloc[1]}, which are two categories"


def are_codes(cells: pd.Series) -> bool:
    """Return whether cells are codes: digits of one length, two or more, some starting with 0."""
    words = cells.unique()
    return (
        len({len(word) for word in words}) == 1
        and len(words[0]) > 1
        and all(word.isdecimal() for word in words)
        and any(word.startswith("0") for word in words)
    )
