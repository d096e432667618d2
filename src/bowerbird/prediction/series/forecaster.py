"""A forecaster of one series, with the methods of sktime's forecasters, and its model file.

``fit``, ``update``, ``predict`` and ``predict_interval`` take and return pandas objects of the same
shape as in sktime, which need not be installed. Forecasts and intervals are those of
``bowerbird predict series``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.errors import ModelError, SeriesError
from bowerbird.learning.model_file import ModelHeader, load_weights, read_model, write_model
from bowerbird.learning.validate import check_fraction
from bowerbird.models import model_path
from bowerbird.prediction.series.backtest import Backtest, network_errors
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.interval import half_widths, interval
from bowerbird.prediction.series.network import ForecastNetworks, build_network, fit_networks
from bowerbird.prediction.series.pandas_series import (
    Horizon,
    as_pandas,
    as_series,
    future_index,
    relative_steps,
)
from bowerbird.prediction.series.season import find_seasonality
from bowerbird.prediction.series.series import Series
from bowerbird.prediction.series.splits import Splits, make_splits

Array = np.ndarray
KIND = "series"
ERRORS = "errors"  # the tensor of backtest errors in a model file
MAX_SIZE = 10**6  # of a period or a horizon in a model file


class Forecaster:
    """Recurrent networks that forecast one series.

    ``config`` has the seasonal period (0 detects it), the horizon for ``fit`` without ``fh`` and
    the backtest of the intervals; ``network`` the size and seed of the networks.
    """

    def __init__(
        self,
        config: BacktestConfig = BacktestConfig(),
        network: ForecasterConfig = ForecasterConfig(),
    ) -> None:
        self.config, self.network = config, network
        self.provenance: dict[str, Any] = {}
        self._networks: ForecastNetworks | None = None
        self._errors: Float[Array, "k h"] | None = None  # computed when they are needed
        self._stride = 1
        self._fh: Horizon | None = None
        self._y: pd.Series | None = None
        self._training: Series | None = None

    @classmethod
    def from_backtest(cls, result: Backtest) -> "Forecaster":
        """Return the forecaster that a backtest evaluated."""
        made = cls(result.config, result.networks.config)
        made._networks = result.networks
        made._errors, made._stride = result.errors, result.splits.stride
        series = result.series
        made.provenance = {
            "series": series.name,
            "source": series.source,
            "frequency": series.frequency,
            "min": float(series.values.min()),
            "max": float(series.values.max()),
            "num_values": len(series),
            "metrics": {
                model: {"mase": m.mase, "smape": m.smape, "rmse": m.rmse}
                for model, m in result.metrics.items()
            },
            "empirical_coverage": result.empirical_coverage,
        }
        return made

    @property
    def networks(self) -> ForecastNetworks:
        """The fitted networks; raises ValueError before ``fit``."""
        if self._networks is None:
            raise ValueError("this Forecaster is not fitted; call fit first")
        return self._networks

    @property
    def is_fitted(self) -> bool:
        """Whether ``fit`` was called, or the forecaster is from a file."""
        return self._networks is not None

    @property
    def cutoff(self) -> pd.Index:
        """The time of the last value, as an index of length 1."""
        return self._data().index[-1:]

    def fit(self, y: pd.Series | Array, X: None = None, fh: Horizon | None = None) -> "Forecaster":
        """Fit the networks to a series.

        ``y`` is an array, or has a regular index of periods, dates or integers. ``fh`` are the
        steps to forecast, from 1, or their times; the default is every step of the horizon. There
        are no exogenous variables ``X``. Raises SeriesError for a series that is too short or
        constant, ValueError for other arguments.
        """
        data = _checked(y, X)
        if fh is not None:
            self.config = replace(self.config, horizon=max(relative_steps(fh, data.index)))
        series = as_series(data)
        self._splits(series)  # refuses a series that is too short
        self._networks = fit_networks(series.values, series.frequency, self.config, self.network)
        self._y, self._training, self._fh, self._errors = data, series, fh, None
        return self

    def update(self, y: pd.Series | Array, X: None = None) -> "Forecaster":
        """Add later values, or those of a series after ``load_forecaster``, without refitting."""
        networks, data = self.networks, _checked(y, X)
        self._y = data if self._y is None else data.combine_first(self._y)
        if len(self._y) < networks.window:
            raise SeriesError(f"{len(self._y)} values are too few; give {networks.window} or more")
        return self

    def predict(self, fh: Horizon | None = None, X: None = None) -> pd.Series:
        """Return the forecast of the steps ``fh``, by default those of ``fit``."""
        point, _, _ = self._bounds(self.config.coverage, intervals=False)
        return self._selected(pd.Series(point, name=self._data().name), fh)

    def predict_interval(
        self,
        fh: Horizon | None = None,
        X: None = None,
        coverage: float | Sequence[float] = 0.9,
    ) -> pd.DataFrame:
        """Return prediction intervals of the steps ``fh``, by default those of ``fit``.

        The columns are (variable, coverage, "lower" or "upper"). They come from the errors of a
        backtest, which the first call runs; bounds are infinite if the series is too short for it.
        """
        name = 0 if self._data().name is None else self._data().name
        columns: dict[tuple[object, float, str], Array] = {}
        for fraction in [coverage] if isinstance(coverage, float) else coverage:
            check_fraction("coverage", fraction)
            _, lower, upper = self._bounds(fraction)
            columns |= {(name, fraction, "lower"): lower, (name, fraction, "upper"): upper}
        return self._selected(pd.DataFrame(columns), fh)

    def half_widths(self, coverage: float) -> Float[Array, " h"]:
        """Return the half width of each step's prediction interval."""
        if self._errors is None and self._training is not None:
            splits = self._splits(self._training)
            self._errors = network_errors(self._training, splits, self.config, self.network)
            self._stride = splits.stride
        assert self._errors is not None, "a fitted forecaster has errors or its training data"
        return half_widths(list(self._errors.T), self._stride, coverage)

    def _splits(self, series: Series) -> Splits:
        values, config = series.values, self.config
        period = find_seasonality(values, series.frequency, config.seasonal_period).period
        return make_splits(len(values), period, config)

    def _data(self) -> pd.Series:
        if self._y is None:
            raise ValueError("there are no values to forecast from; call fit or update first")
        return self._y

    def _bounds(self, coverage: float, *, intervals: bool = True) -> tuple[Array, Array, Array]:
        """Return forecast, lower and upper bounds of all steps of the horizon."""
        values = as_series(self._data()).values
        forecast = self.networks.forecast(values)
        widths = self.half_widths(coverage) if intervals else np.zeros_like(forecast)
        return interval(forecast, widths, values)

    def _selected(self, forecast: Any, fh: Horizon | None) -> Any:
        """Return the rows of ``fh``, with their times as the index."""
        fh = self._fh if fh is None else fh
        future = future_index(self._data().index, len(forecast))
        if fh is None:
            return forecast.set_axis(future)
        steps = relative_steps(fh, self._data().index)
        if max(steps) > len(forecast):
            raise ValueError(
                f"fh must be at most {len(forecast)}, the horizon of fit, got {max(steps)}; fit "
                "again with a longer fh"
            )
        return forecast.set_axis(future).iloc[[step - 1 for step in steps]]

    def save(self, path: Path) -> None:
        """Write a model file; raise OSError if it can't be written."""
        networks = self.networks
        config = asdict(networks.config) | {
            "seasonal_period": networks.period,
            "horizon": networks.horizon,
            "scale": networks.scale,
            "window": networks.window,
            "coverage": self.config.coverage,
        }
        self.half_widths(self.config.coverage)  # computes the errors
        tensors: dict[str, Tensor] = {
            f"{number}.{name}": p
            for number, network in enumerate(networks.members)
            for name, p in network.named_parameters()
        }
        tensors[ERRORS] = torch.from_numpy(self._errors)
        header = ModelHeader(KIND, config | {"stride": self._stride}, provenance=self.provenance)
        write_model(path, header, tensors)


def _checked(y: pd.Series | Array, X: object) -> pd.Series:
    """Return values as a pandas Series with a regular index; raise ValueError."""
    if X is not None:
        raise ValueError("exogenous variables are not supported; leave X out")
    data = as_pandas(y)
    if len(data):
        future_index(data.index, 1)
    return data


def training_differences(forecaster: Forecaster, series: Series) -> list[str]:
    """Return in sentences how a series differs from the one that a forecaster was trained on.

    Raises SeriesError if its frequency is another one.
    """
    trained, notes = forecaster.provenance, []
    frequency, name = trained.get("frequency", "step"), trained.get("series", series.name)
    if "step" not in (frequency, series.frequency) and frequency != series.frequency:
        raise SeriesError(
            f"the step of the series is one {series.frequency}, but the model was trained on a "
            f"series whose step is one {frequency}; leave --model out to train on this one"
        )
    if name != series.name:
        notes.append(f"the model was trained on a column named {name}")
    period = find_seasonality(series.values, series.frequency).period
    if 1 != period != forecaster.networks.period:
        notes.append(
            f"the series seems to have a seasonal period of {period}, and the model has one of "
            f"{forecaster.networks.period}"
        )
    low, high = trained.get("min", -math.inf), trained.get("max", math.inf)
    window = series.values[-forecaster.networks.window :]
    if float(np.maximum(low - window, window - high).max()) > high - low:
        notes.append(
            f"the series has values far outside of those that the model was trained on ({low:.5g} "
            f"to {high:.5g}); does it have the same unit?"
        )
    return notes


def load_forecaster(path: str | Path, device: str = "cpu") -> Forecaster:
    """Load a forecaster, which runs on the CPU whatever the ``device``; ``update`` gives it values.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path)
    header, tensors = read_model(path, KIND)
    try:
        return _from_file(dict(header.config), tensors, dict(header.provenance))
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise ModelError(f"{path} is not a valid forecaster ({reason}); train it again") from error


def _from_file(
    config: dict[str, Any], tensors: Mapping[str, Tensor], provenance: dict[str, Any]
) -> Forecaster:
    """Return the forecaster with the settings and tensors of a model file; raise ValueError."""
    period, horizon = int(config.pop("seasonal_period")), int(config.pop("horizon"))
    scale, window, stride = (
        float(config.pop("scale")), int(config.pop("window")), int(config.pop("stride"))
    )  # fmt: skip
    settings = BacktestConfig(horizon, period, coverage=float(config.pop("coverage")))
    shape = ForecasterConfig(**config)
    if not (1 <= period < MAX_SIZE and horizon < MAX_SIZE and 0 < scale < math.inf and stride > 0):
        raise ValueError("its seasonal period, horizon, scale or stride is out of range")
    if not period < window < 10 * MAX_SIZE:
        raise ValueError("its window does not fit its seasonal period")
    errors = tensors[ERRORS].double().numpy()
    if errors.ndim != 2 or errors.shape[1] != horizon or not np.isfinite(errors).all():
        raise ValueError("its errors do not fit its horizon, or are not finite")
    networks = ForecastNetworks(period, horizon, scale, window, shape)
    for number in range(shape.members):
        with torch.device("meta"):  # only weights in the file take memory, whatever its header says
            network = build_network(window, horizon, shape)
        load_weights(network, tensors, f"{number}.")
        networks.members.append(network)
    forecaster = Forecaster(settings, shape)
    forecaster.provenance = provenance
    forecaster._networks, forecaster._errors, forecaster._stride = networks, errors, stride
    return forecaster
