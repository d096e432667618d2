"""Columns as numbers that a network can learn from: scikit-learn's transformers, and their numbers.

Numbers: gaps are filled with the median, a column more tells where they were, all are scaled to
mean 0 and deviation 1. Categories: one column each (one-hot), the rarest share one, unknown ones
are 0 everywhere. What was fitted is kept as plain numbers (`Encoding`), so that a model file needs
neither a pickle nor the same version of scikit-learn.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from bowerbird.prediction.data.categories import same_truths
from bowerbird.prediction.data.columns import DATE_PARTS, Columns
from bowerbird.prediction.data.dates import Dates, dates_from
from bowerbird.prediction.data.numbers import Numerals, numerals_from

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

MOST_CATEGORIES = 32  # of one column; rarer ones share the last


def transformer(columns: Columns) -> "ColumnTransformer":
    """Return what turns the values of the columns into numbers, not fitted yet."""
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415 - seconds; models need none
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: PLC0415

    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MOST_CATEGORIES,
        sparse_output=False,
    )
    return ColumnTransformer(
        [("numbers", numbers, columns.numbers), ("categories", categories, columns.categories)]
    )


@dataclass(frozen=True)
class Encoding:
    """The numbers of a fitted transformer."""

    columns: Columns
    medians: tuple[float, ...]
    """One a numeric column."""
    gaps: tuple[int, ...]
    """Numeric columns, by their place, of which a column more tells where they are missing."""
    means: tuple[float, ...]
    """One a numeric column, and then one a gap."""
    scales: tuple[float, ...]
    """As the means."""
    categories: tuple[tuple[str, ...], ...]
    """The known categories of each column with categories."""
    rare: tuple[tuple[str, ...], ...]
    """Categories that share one column, behind the known ones."""

    def __post_init__(self) -> None:
        numbers, texts = len(self.columns.numbers), len(self.columns.categories)
        scaled = numbers + len(self.gaps)
        fits = (
            len(self.medians) == numbers
            and len(self.means) == len(self.scales) == scaled
            and len(self.categories) == len(self.rare) == texts
            and all(0 <= gap < numbers for gap in self.gaps)
            and all(scale > 0 for scale in self.scales)
        )
        if not fits:
            raise ValueError("the numbers of the encoding do not fit its columns")

    @property
    def width(self) -> int:
        """Numbers that a row becomes."""
        shared = sum(bool(rare) for rare in self.rare)
        return len(self.means) + sum(map(len, self.categories)) + shared

    def __call__(self, values: pd.DataFrame) -> Float[np.ndarray, "rows width"]:
        """Return the values of the columns as numbers, as scikit-learn's transformers do it."""
        numbers = values[self.columns.numbers].to_numpy(float)
        missing = np.isnan(numbers)
        filled = np.where(missing, np.array(self.medians), numbers)
        told = np.hstack([filled, missing[:, list(self.gaps)].astype(float)])
        parts = [(told - np.array(self.means)) / np.array(self.scales)]
        for name, known, rare in zip(
            self.columns.categories, self.categories, self.rare, strict=True
        ):
            cells = values[name].to_numpy(object)
            hot = cells[:, None] == np.array(known, object)[None]
            if rare:  # which is also where unknown ones go
                hot = np.hstack([hot, ~hot.any(1, keepdims=True)])
            parts.append(hot.astype(float))
        return np.hstack(parts)

    def unfamiliar(self, values: pd.DataFrame) -> list[str]:
        """Say what in some rows is of a kind that was never learned from."""
        told = []
        known_gaps = {self.columns.numbers[place] for place in self.gaps}
        for name, kind in self.columns.kinds.items():
            inner = f"{name} ({DATE_PARTS[0]})" if kind == "date" else name
            missing = values.index[values[inner].isna()]
            if kind != "category" and len(missing) and inner not in known_gaps:
                told.append(
                    f"{name} is missing in {_rows(missing)}, as it never was: its median is taken"
                )
        for name, known, rare in zip(
            self.columns.categories, self.categories, self.rare, strict=True
        ):
            strange = values.index[~values[name].isin([*known, *rare])]
            if len(strange):
                which = str(values[name][strange[0]])[:40]
                near = [k for k in (*known, *rare) if k.lower() == which.lower()]
                mend = f"; {near[0]} was learned" if near else ""
                told.append(f"{name} is of an unknown kind ({which}) in {_rows(strange)}{mend}")
        return told

    def as_json(self) -> dict[str, Any]:
        """Return what `encoding_from` needs."""
        return {
            "columns": dict(self.columns.kinds),
            "ignored": dict(self.columns.ignored),
            "written": {name: how.as_json() for name, how in self.columns.written.items()},
            "medians": list(self.medians),
            "gaps": list(self.gaps),
            "means": list(self.means),
            "scales": list(self.scales),
            "categories": [list(known) for known in self.categories],
            "rare": [list(known) for known in self.rare],
        }


def _names(known: Iterable[Any]) -> tuple[str, ...]:
    """Return categories as columns tell them; older models have TRUE for true."""
    return tuple(same_truths(pd.Series([str(name) for name in known], dtype=object)))


def _rows(rows: pd.Index) -> str:
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"line {rows[0]}{more}"


def encoding_of(fitted: "ColumnTransformer", columns: Columns) -> Encoding:
    """Return the numbers of a fitted transformer."""
    nothing: tuple[Any, ...] = ()
    medians = gaps = means = scales = categories = rare = nothing
    if columns.numbers:
        imputer, scaler = (step for _, step in fitted.named_transformers_["numbers"].steps)
        medians = tuple(imputer.statistics_.tolist())
        gaps = tuple(imputer.indicator_.features_.tolist())
        means, scales = tuple(scaler.mean_.tolist()), tuple(scaler.scale_.tolist())
    if columns.categories:
        hot = fitted.named_transformers_["categories"]
        without = hot.infrequent_categories_
        rare = tuple(() if few is None else tuple(few.tolist()) for few in without)
        categories = tuple(
            tuple(name for name in known.tolist() if name not in few)
            for known, few in zip(hot.categories_, rare, strict=True)
        )
    return Encoding(columns, medians, gaps, means, scales, categories, rare)


def encoding_from(told: Mapping[str, Any]) -> Encoding:
    """Return the encoding that a model file tells of; raise ValueError if it makes no sense."""
    columns = Columns(dict(told["columns"]), dict(told["ignored"]))
    readers: dict[str, Callable[[Mapping[str, Any]], Numerals | Dates]] = {
        "number": numerals_from, "date": dates_from
    }  # fmt: skip
    # models of before it was learned have none
    written = {
        name: readers[columns.kinds[name]](how) for name, how in told.get("written", {}).items()
    }
    columns = replace(columns, written=written)
    return Encoding(
        columns,
        tuple(map(float, told["medians"])),
        tuple(map(int, told["gaps"])),
        tuple(map(float, told["means"])),
        tuple(map(float, told["scales"])),
        *(tuple(map(_names, told[part])) for part in ("categories", "rare")),
    )
