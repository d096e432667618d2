"""Columns as network inputs, fitted by scikit-learn's transformers and stored as plain numbers.

Numbers: missing ones become the median, and an extra column marks them; all are scaled to mean 0
and standard deviation 1. Categories: one-hot, the rarest in one shared column; unknown ones are 0
everywhere. Stored as plain numbers, a model file needs neither a pickle nor the same version of
scikit-learn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from bowerbird.prediction.data.columns import DATE_PARTS, Columns
from bowerbird.prediction.data.dates import DateFormat
from bowerbird.prediction.data.numbers import NumberFormat

MAX_CATEGORIES = 32  # of one column; rarer ones share the last


@dataclass(frozen=True)
class Encoding:
    """A fitted encoding: maps the values of the columns to network inputs."""

    columns: Columns
    medians: tuple[float, ...]
    """One per numeric column."""
    indicators: tuple[int, ...]
    """Indices of the numeric columns with an extra column that marks missing values."""
    means: tuple[float, ...]
    """One per numeric column, then one per indicator."""
    scales: tuple[float, ...]
    """As the means."""
    categories: tuple[tuple[str, ...], ...]
    """The frequent categories of each column with categories."""
    rare: tuple[tuple[str, ...], ...]
    """The categories of each that share one column, behind the frequent ones."""

    def __post_init__(self) -> None:
        numbers, texts = len(self.columns.numbers), len(self.columns.categories)
        fits = (
            len(self.medians) == numbers
            and len(self.means) == len(self.scales) == numbers + len(self.indicators)
            and len(self.categories) == len(self.rare) == texts
            and all(0 <= place < numbers for place in self.indicators)
            and all(scale > 0 for scale in self.scales)
        )
        if not fits:
            raise ValueError("the numbers of the encoding do not fit its columns")

    @property
    def width(self) -> int:
        """Number of network inputs."""
        shared = sum(bool(rare) for rare in self.rare)
        return len(self.means) + sum(map(len, self.categories)) + shared

    def __call__(self, values: pd.DataFrame) -> Float[np.ndarray, "rows width"]:
        """Encode the values of the columns, exactly as scikit-learn's transformers do."""
        numbers = values[self.columns.numbers].to_numpy(float)
        missing = np.isnan(numbers)
        filled = np.where(missing, np.array(self.medians), numbers)
        inputs = np.hstack([filled, missing[:, list(self.indicators)].astype(float)])
        parts = [(inputs - np.array(self.means)) / np.array(self.scales)]
        for name, known, rare in self._categories():
            cells = values[name].to_numpy(object)
            hot = cells[:, None] == np.array(known, object)[None]
            if rare:  # unknown categories go there too
                hot = np.hstack([hot, ~hot.any(1, keepdims=True)])
            parts.append(hot.astype(float))
        return np.hstack(parts)

    def _categories(self) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        return zip(self.columns.categories, self.categories, self.rare, strict=True)

    def unknown(self, values: pd.DataFrame) -> list[str]:
        """Return sentences on what in some rows did not occur in the training table."""
        notes = []
        with_gaps = {self.columns.numbers[place] for place in self.indicators}
        for name, kind in self.columns.kinds.items():
            number = f"{name} ({DATE_PARTS[0]})" if kind == "date" else name
            missing = values.index[values[number].isna()]
            if kind != "category" and len(missing) and number not in with_gaps:
                explanation = "and never was in training: its median is used"
                notes.append(f"{name} is missing in {_lines(missing)}, {explanation}")
        for name, known, rare in self._categories():
            unknown = values.index[~values[name].isin([*known, *rare])]
            if len(unknown):
                category = str(values[name][unknown[0]])[:40]
                similar = [k for k in (*known, *rare) if k.lower() == category.lower()]
                hint = f"; the training table has {similar[0]}" if similar else ""
                notes.append(
                    f"{name} has the unknown category {category} in {_lines(unknown)}{hint}"
                )
        return notes

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs."""
        columns = {
            "kinds": dict(self.columns.kinds),
            "ignored": dict(self.columns.ignored),
            "formats": {name: asdict(form) for name, form in self.columns.formats.items()},
            "sentinels": {name: list(n) for name, n in self.columns.sentinels.items()},
        }
        return {**asdict(self), "columns": columns}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Encoding":
        """Return the encoding in a model file; raise ValueError if it is invalid."""
        kinds, ignored, formats = (
            dict(values["columns"][part]) for part in ("kinds", "ignored", "formats")
        )
        sentinels = {
            str(name): tuple(map(float, numbers))
            for name, numbers in values["columns"]["sentinels"].items()
        }
        readers: dict[str, type[NumberFormat] | type[DateFormat]]
        readers = {"number": NumberFormat, "date": DateFormat}
        formats = {name: readers[kinds[name]].from_dict(form) for name, form in formats.items()}
        return cls(
            Columns(kinds, ignored, formats, sentinels=sentinels),
            tuple(map(float, values["medians"])),
            tuple(map(int, values["indicators"])),
            tuple(map(float, values["means"])),
            tuple(map(float, values["scales"])),
            *(tuple(tuple(map(str, names)) for names in values[p]) for p in ("categories", "rare")),
        )


def _lines(lines: pd.Index) -> str:
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"line {lines[0]}{more}"


def fit_encoding(columns: Columns, values: pd.DataFrame) -> Encoding:
    """Fit an encoding to the values of the columns."""
    from sklearn.impute import SimpleImputer  # noqa: PLC0415 - seconds; only training needs them
    from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: PLC0415

    nothing: tuple[Any, ...] = ()
    medians = indicators = means = scales = categories = rare = nothing
    if columns.numbers:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        scaler = StandardScaler().fit(imputer.fit_transform(values[columns.numbers]))
        medians = tuple(imputer.statistics_.tolist())
        indicators = tuple(imputer.indicator_.features_.tolist())
        means, scales = tuple(scaler.mean_.tolist()), tuple(scaler.scale_.tolist())
    if columns.categories:
        hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES)
        hot.fit(values[columns.categories])
        rare = tuple(
            () if few is None else tuple(few.tolist()) for few in hot.infrequent_categories_
        )
        categories = tuple(
            tuple(name for name in known.tolist() if name not in few)
            for known, few in zip(hot.categories_, rare, strict=True)
        )
    return Encoding(columns, medians, indicators, means, scales, categories, rare)
