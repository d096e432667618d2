"""Series and forecasting horizons as pandas objects, in the conventions of sktime."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import pandas as pd

from bowerbird.errors import SeriesError
from bowerbird.prediction.series.calendar import regular_grid
from bowerbird.prediction.series.series import Series, interpolate_missing

Horizon: TypeAlias = int | Iterable[int] | pd.Index


def as_pandas(y: pd.Series | np.ndarray) -> pd.Series:
    """Return a copy as floats; raise ValueError for what is not one-dimensional."""
    if not isinstance(y, pd.Series):
        values = np.asarray(y, float)
        if values.ndim != 1:
            raise ValueError(f"y must be a pandas Series or a 1-D array, got shape {values.shape}")
        return pd.Series(values)
    return y.astype(float)


def as_series(y: pd.Series) -> Series:
    """Return a pandas Series with interpolated values and the name of its frequency.

    Raises SeriesError if its ends or most of its values are missing, or if it is constant.
    """
    values = y.to_numpy()
    if len(values) < 2 or not np.isfinite(values[[0, -1]]).all() or np.isinf(values).any():
        raise SeriesError("y must have two or more values, of which the first and last are finite")
    index = y.index.to_timestamp() if isinstance(y.index, pd.PeriodIndex) else y.index
    frequency = "step"
    if isinstance(index, pd.DatetimeIndex):
        frequency = regular_grid(index.tz_localize(None).to_numpy("datetime64[us]")).frequency
    notes: list[str] = []
    values = interpolate_missing(values, notes)
    return Series("y" if y.name is None else str(y.name), values, (), (), frequency, notes)


def future_index(index: pd.Index, horizon: int) -> pd.Index:
    """Return the times after those of a series; raise ValueError if they are not regular."""
    message = "y must have a regular index without gaps; call y.asfreq(...) or y.resample(...)"
    if isinstance(index, pd.PeriodIndex):
        if len(index) and len(pd.period_range(index[0], index[-1], freq=index.freq)) != len(index):
            raise ValueError(message)
        return pd.period_range(index[-1] + 1, periods=horizon, freq=index.freq)
    if isinstance(index, pd.DatetimeIndex):
        frequency = index.freq or (pd.infer_freq(index) if len(index) > 2 else None)
        if frequency is None:
            raise ValueError(message)
        return pd.date_range(index[-1], periods=horizon + 1, freq=frequency)[1:]
    if not pd.api.types.is_integer_dtype(index) or (np.diff(index.to_numpy()) != 1).any():
        raise ValueError(message)
    return pd.Index(index[-1] + np.arange(1, horizon + 1))


def relative_steps(fh: Horizon, index: pd.Index) -> list[int]:
    """Return a forecasting horizon as increasing steps after the last time, from 1.

    It is one or several steps, or future times of the kind that the index has. Raises ValueError
    for times that are not in the future.
    """
    steps = pd.Index([fh] if isinstance(fh, int) else list(fh))
    if isinstance(steps, pd.PeriodIndex | pd.DatetimeIndex):
        if isinstance(index, pd.PeriodIndex):
            until = pd.period_range(index[-1], steps.max(), freq=index.freq)
        else:
            until = pd.date_range(index[-1], steps.max(), freq=future_index(index, 1).freq)
        future = future_index(index, max(len(until) - 1, 1))
        steps = pd.Index(future.get_indexer(steps) + 1)
    if not len(steps) or not pd.api.types.is_integer_dtype(steps) or steps.min() < 1:
        raise ValueError(f"fh must be steps from 1 or future times of the index, got {fh!r}")
    return sorted({int(step) for step in steps})
