"""The forecaster has sktime's shapes and the command's numbers, and survives its file."""

import math
import resource
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch

from bowerbird.errors import ModelError, SeriesError
from bowerbird.learning.model_file import read_model, write_model
from bowerbird.prediction.series.backtest import backtest
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.forecaster import Forecaster, load_forecaster
from bowerbird.prediction.series.pandas_series import as_series

SMALL = ForecasterConfig(hidden_size=20, members=2)
CONFIG = BacktestConfig(splits=12, refits=2)


def monthly(count=150, noise=0.3, name="sales"):
    at = np.arange(count)
    values = 10 + 3 * np.sin(2 * np.pi * at / 12) + 0.05 * at
    values += np.random.default_rng(0).normal(0, noise, count)
    return pd.Series(values, pd.period_range("2010-01", periods=count, freq="M"), name=name)


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(CONFIG, SMALL).fit(monthly(), fh=range(1, 7))


def test_it_forecasts_what_the_backtest_of_the_command_does(fitted):
    result = backtest(as_series(monthly()), replace(CONFIG, horizon=6), SMALL)
    np.testing.assert_array_equal(fitted.predict(), result.forecast)
    interval = fitted.predict_interval(coverage=0.9)["sales", 0.9]
    np.testing.assert_array_equal(interval["lower"], result.forecast - result.half_widths)
    np.testing.assert_array_equal(interval["upper"], result.forecast + result.half_widths)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (
            pd.period_range("2010-01", periods=60, freq="M"),
            pd.period_range("2015-01", periods=3, freq="M"),
        ),
        (
            pd.date_range("2010-01-01", periods=60, freq="MS"),
            pd.date_range("2015-01-01", periods=3, freq="MS"),
        ),
        (
            pd.date_range("2010-01-01", periods=60, freq="D", tz="UTC"),
            pd.date_range("2010-03-02", periods=3, freq="D", tz="UTC"),
        ),
        (pd.RangeIndex(60), pd.Index([60, 61, 62])),
        (pd.Index(range(5, 65)), pd.Index([65, 66, 67])),
    ],
)
@pytest.mark.parametrize("name", ["load", None])
def test_shapes_are_those_of_sktime(index, expected, name):
    """Compared once with NaiveForecaster of sktime 1.2.0, for the same indices."""
    y = pd.Series(monthly(60).to_numpy(), index, name=name)
    forecaster = Forecaster(BacktestConfig(seasonal_period=12), SMALL).fit(y, fh=[1, 2, 3])
    forecast = forecaster.predict()
    assert isinstance(forecast, pd.Series)
    assert forecast.index.equals(expected)
    assert forecast.name == name
    assert forecaster.cutoff.equals(index[-1:])
    intervals = forecaster.predict_interval(coverage=[0.9, 0.5])
    variable = 0 if name is None else name
    assert intervals.columns.tolist() == [
        (variable, coverage, side) for coverage in (0.9, 0.5) for side in ("lower", "upper")
    ]
    assert intervals.index.equals(expected)
    ascending = [(0.9, "lower"), (0.5, "lower"), None, (0.5, "upper"), (0.9, "upper")]
    columns = [intervals[variable, *key] if key else forecast for key in ascending]
    assert (np.diff(np.stack(columns), axis=0) > 0).all()


def test_an_array_is_a_series_from_0(fitted):
    forecast = Forecaster(CONFIG, SMALL).fit(monthly().to_numpy(), fh=6).predict([1, 2])
    assert forecast.index.tolist() == [150, 151]
    assert forecast.name is None


@pytest.mark.parametrize(
    ("fh", "months"),
    [
        (2, ["2022-08"]),
        ([3, 1], ["2022-07", "2022-09"]),
        (np.array([1, 6]), ["2022-07", "2022-12"]),
        (pd.PeriodIndex(["2022-08", "2022-11"], freq="M"), ["2022-08", "2022-11"]),
        (None, ["2022-07", "2022-08", "2022-09", "2022-10", "2022-11", "2022-12"]),
    ],
)
def test_horizons(fitted, fh, months):
    forecast = fitted.predict(fh)
    assert forecast.index.astype(str).tolist() == months
    assert forecast.equals(fitted.predict()[forecast.index])


@pytest.mark.parametrize(
    ("fh", "words"),
    [
        (7, "at most 6"),
        (0, "from 1"),
        ([], "from 1"),
        ([0.5], "from 1"),
        (pd.PeriodIndex(["2022-06"], freq="M"), "future times"),
    ],
)
def test_horizons_that_cannot_be_forecast_are_refused(fitted, fh, words):
    with pytest.raises(ValueError, match=words):
        fitted.predict(fh)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros((40, 2)), "1-D"),
        (monthly().drop(pd.Period("2012-03", "M")), "regular index"),
        (pd.Series(np.arange(40.0), pd.Index(np.arange(40.0))), "regular index"),
        (pd.Series(np.arange(3.0), pd.to_datetime(["2020-01-01", "2020-01-05", "2020-02-01"])),
         "regular index"),
    ],
)  # fmt: skip
def test_series_of_another_shape_are_refused(y, words):
    with pytest.raises(ValueError, match=words):
        Forecaster(CONFIG, SMALL).fit(y)


@pytest.mark.parametrize(
    ("values", "words"),
    [(np.ones(60), "constant"), (np.arange(9.0), "too few"), ([math.nan, 1.0, 2.0], "finite")],
)
def test_values_that_cannot_be_forecast_are_refused(values, words):
    with pytest.raises(SeriesError, match=words):
        Forecaster(CONFIG, SMALL).fit(values)


def test_exogenous_variables_and_missing_fits_are_refused():
    with pytest.raises(ValueError, match="leave X out"):
        Forecaster().fit(monthly(), X=monthly())
    with pytest.raises(ValueError, match="call fit"):
        Forecaster().predict()
    assert not Forecaster().is_fitted


def test_missing_values_are_interpolated():
    y = monthly()
    y.iloc[40:42] = math.nan
    assert np.isfinite(Forecaster(CONFIG, SMALL).fit(y, fh=3).predict()).all()


def test_update_moves_the_cutoff_without_refitting():
    y = monthly()
    forecaster = Forecaster(CONFIG, SMALL).fit(y[:140], fh=[1, 2])
    weights = forecaster.networks
    forecast = forecaster.update(y[140:]).predict()
    assert forecaster.networks is weights
    assert forecaster.cutoff.equals(y.index[-1:])
    assert forecast.index.astype(str).tolist() == ["2022-07", "2022-08"]
    np.testing.assert_array_equal(forecast, weights.forecast(y.to_numpy())[:2])


def test_nonnegative_series_have_nonnegative_intervals():
    y = monthly(noise=0.0).clip(upper=10).sub(10).abs() + np.arange(150) % 2 * 0.1
    intervals = Forecaster(CONFIG, SMALL).fit(y).predict_interval(coverage=0.99)
    assert (intervals >= 0).all(axis=None)


def test_a_series_too_short_for_a_test_has_infinite_intervals():
    forecaster = Forecaster(BacktestConfig(seasonal_period=12), SMALL).fit(monthly(36) - 100)
    assert np.isinf(forecaster.predict_interval()).all(axis=None)


def test_a_file_keeps_forecasts_and_intervals(tmp_path, fitted):
    fitted.save(tmp_path / "m.safetensors")
    loaded = load_forecaster(tmp_path / "m.safetensors").update(monthly())
    np.testing.assert_allclose(loaded.predict(), fitted.predict(), rtol=1e-6)
    for coverage in (0.5, 0.9):
        np.testing.assert_array_equal(loaded.half_widths(coverage), fitted.half_widths(coverage))
    assert loaded.config.horizon == 6
    assert asdict(loaded.network) == asdict(SMALL)


@pytest.mark.parametrize(
    ("config", "tensors", "words"),
    [
        ({"scale": 10**400}, None, "not a valid forecaster"),
        ({"horizon": 5}, None, "errors do not fit"),
        ({"stride": 0}, None, "stride"),
        ({}, {"errors": torch.full((3, 6), math.inf)}, "errors do not fit"),
        ({}, {"0.readout.weight": torch.zeros(2, 2)}, "readout.weight"),
        ({}, {"0.readout.bias": torch.full((6,), math.nan)}, "not finite"),
        ({"horizon": 60_000, "hidden_size": 4096}, {"errors": torch.zeros(0, 60_000)},
         "another shape"),
    ],
)  # fmt: skip
def test_a_forged_model_is_refused(tmp_path, fitted, config, tensors, words):
    fitted.save(tmp_path / "m.safetensors")
    header, weights = read_model(tmp_path / "m.safetensors")
    header = replace(header, config={**header.config, **config})
    write_model(tmp_path / "m.safetensors", header, {**weights, **(tensors or {})})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=words):
        load_forecaster(tmp_path / "m.safetensors")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
