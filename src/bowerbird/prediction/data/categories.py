"""Texts that stand for something: truths, codes, and names of categories."""

import pandas as pd

TRUTHS = ("true", "false", "yes", "no")  # in any case, as programs write them in theirs


def same_truths(cells: pd.Series) -> pd.Series:
    """Return a column of text in which TRUE, True and true, YES and Yes are the same."""
    lower = cells.str.lower()
    return cells.mask(lower.isin(TRUTHS), lower)


def only_case(cells: pd.Series) -> str:
    """Name two categories that differ only by case, or return nothing."""
    words = pd.Series(same_truths(cells).unique(), dtype=object)
    alike = words[words.str.lower().duplicated(keep=False)]
    if alike.empty:
        return ""
    pair = alike[alike.str.lower() == alike.iloc[0].lower()]
    return f"column {cells.name} has {pair.iloc[0]} and {pair.iloc[1]}, which are two categories"


def are_codes(cells: pd.Series) -> bool:
    """Tell codes from quantities: digits of one length, two or more, of which some begin with 0."""
    words = cells.unique()
    return (
        len({len(word) for word in words}) == 1
        and len(words[0]) > 1
        and all(word.isdecimal() for word in words)
        and any(word.startswith("0") for word in words)
    )
