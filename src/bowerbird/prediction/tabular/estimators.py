"""scikit-learn estimators: the ensemble of ``predict table`` for arrays and DataFrames.

The columns of a DataFrame are used by their dtype: numbers and booleans as they are, dates as days
and the angle of the day in the year, everything else as categories. Values may be missing.
"""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, assert_all_finite, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from bowerbird.learning.device import select_compute
from bowerbird.networks.config import Activation
from bowerbird.prediction.data.columns import MISSING, Columns, Kind, date_parts
from bowerbird.prediction.tabular.config import COVERAGE, EnsembleConfig
from bowerbird.prediction.tabular.conformal import ConformalEnsemble, Predictions, fit_conformal
from bowerbird.prediction.tabular.encoding import Encoding, fit_encoding

Array = np.ndarray


class _TableEstimator(BaseEstimator):
    """The parameters of `EnsembleConfig`, and what both estimators share."""

    columns_: Columns
    encoding_: Encoding
    predictor_: ConformalEnsemble

    def __init__(  # noqa: PLR0913 - scikit-learn's parameters are arguments
        self,
        *,
        hidden_sizes: tuple[int, ...] = (64, 64),
        activation: Activation = "silu",
        dropout: float = 0.0,
        members: int = 10,
        epochs: int = 400,
        patience: int = 20,
        batch_size: int = 0,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.3,
        random_state: int | np.random.RandomState | None = 0,
        device: str = "cpu",
    ) -> None:
        self.hidden_sizes, self.activation, self.dropout = hidden_sizes, activation, dropout
        self.members, self.epochs, self.patience = members, epochs, patience
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.weight_decay, self.random_state, self.device = weight_decay, random_state, device

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, X: Any, y: Any, dtype: type | None = None) -> tuple[pd.DataFrame, Array]:
        """Return rows to fit to, and what is predicted of them."""
        values = self._values(X, fit=True)
        y = column_or_1d(y, warn=True, dtype=dtype)
        check_consistent_length(values, y)
        assert_all_finite(y)
        return values, y

    def _fit(self, values: pd.DataFrame, y: Array, num_classes: int) -> None:
        seed = self.random_state
        if not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        config = EnsembleConfig(
            *(tuple(self.hidden_sizes), self.activation, self.dropout, self.members, self.epochs),
            *(self.patience, self.batch_size, self.learning_rate, self.weight_decay, seed),
        )
        device = str(select_compute(self.device, "float32").device)
        self.encoding_ = fit_encoding(self.columns_, values)
        x = self.encoding_(values)
        self.predictor_, _ = fit_conformal(x, y, num_classes, config, device)

    def _predict(self, X: Any, coverage: float = COVERAGE) -> Predictions:
        check_is_fitted(self)
        return self.predictor_.predict(self.encoding_(self._values(X)), coverage)

    def _values(self, X: Any, *, fit: bool = False) -> pd.DataFrame:
        """Return the values that `Encoding` expects; ``fit`` decides what each column is."""
        kinds: dict[str, Kind] = {} if fit else dict(self.columns_.kinds)
        if fit and isinstance(X, pd.DataFrame):
            kinds = {str(name): _kind(column) for name, column in X.items()}
        if set(kinds.values()) <= {"number"}:
            X = validate_data(
                *(self, X), reset=fit, dtype=np.float64, ensure_all_finite="allow-nan",
                ensure_min_samples=2 if fit else 1,
            )  # fmt: skip
            names = list(kinds) or [f"x{number}" for number in range(X.shape[1])]
            values = pd.DataFrame(X, columns=names)
            kinds = dict.fromkeys(names, "number")
        else:
            validate_data(self, X, reset=fit, skip_check_array=True)
            values = pd.DataFrame(
                {
                    part: cells
                    for (name, kind), (_, column) in zip(kinds.items(), X.items(), strict=True)
                    for part, cells in _parts(name, kind, column).items()
                }
            )
        self.columns_ = Columns(kinds) if fit else self.columns_
        assert_all_finite(values[self.columns_.numbers].to_numpy(), allow_nan=True)
        return values


def _kind(column: pd.Series) -> Kind:
    if is_datetime64_any_dtype(column.dtype):
        return "date"
    numeric = is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)
    return "number" if numeric else "category"


def _parts(name: str, kind: Kind, column: pd.Series) -> dict[str, Array]:
    """Return the values of one column of a DataFrame."""
    if kind == "number":
        return {name: column.to_numpy(float, na_value=np.nan)}
    if kind == "date":
        return date_parts(name, pd.to_datetime(column, utc=True))
    cells = column.astype(object)
    return {name: cells.map(str).mask(cells.isna(), MISSING).to_numpy(object)}


class TableRegressor(RegressorMixin, _TableEstimator):
    """Predict a number, with prediction intervals.

    Parameters are those of `EnsembleConfig`; ``random_state`` is its seed.
    """

    def fit(self, X: Any, y: Any) -> "TableRegressor":
        """Fit to rows (n, columns) and their numbers (n,)."""
        self._fit(*self._checked(X, y, np.float64), 0)
        return self

    def predict(self, X: Any) -> Float[Array, " n"]:
        """Predict numbers."""
        return self._predict(X).values

    def predict_interval(self, X: Any, coverage: float = COVERAGE) -> Float[Array, "n 2"]:
        """Return the lower and upper ends of intervals; infinite if there were too few rows."""
        predictions = self._predict(X, coverage)
        assert predictions.low is not None
        assert predictions.high is not None
        return np.column_stack([predictions.low, predictions.high])


class TableClassifier(ClassifierMixin, _TableEstimator):
    """Predict one of several classes, with probabilities and sets of possible classes.

    Parameters are those of `EnsembleConfig`; ``random_state`` is its seed.
    """

    def fit(self, X: Any, y: Any) -> "TableClassifier":
        """Fit to rows (n, columns) and their classes (n,)."""
        values, y = self._checked(X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y must have at least two classes, got one class")
        self._fit(values, codes, len(self.classes_))
        return self

    def predict(self, X: Any) -> Array:
        """Predict classes (n,)."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> Float[Array, "n classes"]:
        """Return the probability of each class, in the order of ``classes_``."""
        return self._predict(X).values

    def predict_set(self, X: Any, coverage: float = COVERAGE) -> Bool[Array, "n classes"]:
        """Return which classes are possible, so that ``coverage`` of the sets have the truth."""
        sets = self._predict(X, coverage).sets
        assert sets is not None
        return sets
