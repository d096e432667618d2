"""Backtests don't look ahead; intervals cover; metrics and baselines equal their references."""

import math
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

from bowerbird.errors import SeriesError
from bowerbird.prediction.ridge import PENALTIES, fit_ridge, fit_ridges
from bowerbird.prediction.series import backtest as backtest_module, plot
from bowerbird.prediction.series.accuracy import mase, non_overlapping, paired_t, rmse, smape
from bowerbird.prediction.series.backtest import OURS, SEASONAL, backtest
from bowerbird.prediction.series.baselines import fit_autoregression, fit_smoothing, seasonal_naive
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.file import sample_series
from bowerbird.prediction.series.forecaster import Forecaster, load_forecaster
from bowerbird.prediction.series.interval import half_widths, rolling_half_widths
from bowerbird.prediction.series.network import ForecastNetworks, member_seeds
from bowerbird.prediction.series.series import Series
from bowerbird.prediction.series.splits import make_splits, training_window

SMALL = ForecasterConfig(hidden_size=20, members=2)


def wave(count=160, noise=0.3, seed=0):
    at = np.arange(count)
    signal = 10 + 3 * np.sin(2 * np.pi * at / 12) + 0.05 * at
    return signal + np.random.default_rng(seed).normal(0, noise, count)


def series(values):
    return Series("wave", values, [str(k) for k in range(len(values))])


def test_metrics_equal_their_formulas():
    true, forecast = np.array([[2.0, 4.0]]), np.array([[1.0, 8.0]])
    past = np.array([1.0, 2.0, 4.0, 8.0])
    assert mase(forecast - true, past, 1) == pytest.approx(((1 + 4) / 2) / ((1 + 2 + 4) / 3))
    assert smape(true, forecast) == pytest.approx((200 * 1 / 3 + 200 * 4 / 12) / 2)
    assert rmse(forecast - true) == pytest.approx(math.sqrt(17 / 2))


def test_the_interval_equals_its_formula():
    """One step, so that nothing overlaps and nothing is smoothed."""
    from scipy.stats import t as student  # noqa: PLC0415

    errors = np.random.default_rng(0).normal(size=30)
    weights = 0.95 ** np.arange(29, -1, -1)
    degrees = weights.sum() ** 2 / (weights**2).sum()
    width = student.ppf(0.95, degrees) * math.sqrt((weights * errors**2).sum() / weights.sum())
    assert half_widths([errors], 1, 0.9) == pytest.approx([width])
    assert np.isinf(half_widths([errors, errors[:1]], 1, 0.9)).all()


@pytest.mark.parametrize(("horizon", "stride"), [(12, 1), (24, 3), (8, 8)])
@pytest.mark.parametrize("walk", [True, False])
def test_the_interval_has_its_coverage_although_horizons_overlap(horizon, stride, walk):
    """Errors at 20 cutoffs and at a much later one; sums of shared steps, as of a random walk."""
    random, inside = np.random.default_rng(0), []
    for _ in range(400):
        steps = random.normal(size=(22 * stride + 2 * horizon))
        if walk:
            at = [np.cumsum(steps[k * stride : k * stride + horizon]) for k in range(20)]
            later = np.cumsum(steps[-horizon:])
        else:
            at = [steps[k * stride : k * stride + horizon] for k in range(20)]
            later = steps[-horizon:]
        inside.append(np.abs(later) <= half_widths(list(np.stack(at).T), stride, 0.9))
    # independent errors count as fewer than there are: a little wide
    assert (0.87 if walk else 0.89) <= np.mean(inside) <= (0.93 if walk else 0.96)


def test_the_interval_follows_growing_errors_and_does_not_shrink_with_the_step():
    random = np.random.default_rng(1)
    errors = random.normal(size=(40, 6)) * np.linspace(1, 4, 40)[:, None]
    late = half_widths(list(errors.T), 1, 0.9)
    assert (late > half_widths(list(errors[::-1].T), 1, 0.9)).all()
    variance = (errors**2).mean(0)
    assert (np.diff(variance) < 0).any()
    sorted_ = [errors[:, step] for step in np.argsort(-variance)]  # the largest first
    assert np.ptp(half_widths(sorted_, 100, 0.9)) < 1e-9


@pytest.mark.parametrize(("horizon", "stride"), [(24, 3), (11, 2), (48, 30)])
@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_the_paired_test_rejects_a_true_null_at_its_level(horizon, stride, memory):
    """Twenty cutoffs with the overlaps of the three sample series."""
    random, rejected = np.random.default_rng(0), []
    for _ in range(2000):
        steps = random.normal(size=19 * stride + horizon)
        for k in range(1, len(steps) if memory else 0):
            steps[k] += memory * steps[k - 1]
        losses = np.array([steps[k * stride : k * stride + horizon].mean() for k in range(20)])
        rejected.append(paired_t(losses, np.zeros(20), -(-horizon // stride) - 1)[1] < 0.05)
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.016)


def test_the_paired_test_equals_scipys_and_has_power():
    from scipy.stats import ttest_rel  # noqa: PLC0415

    random = np.random.default_rng(0)
    ours, theirs = random.normal(size=(2, 60))
    t, p = paired_t(ours, theirs, 3)
    reference = ttest_rel(non_overlapping(ours, 3), non_overlapping(theirs, 3))
    assert (t, p) == pytest.approx((reference.statistic, reference.pvalue))
    assert len(non_overlapping(ours, 3)) == 15
    t, p = paired_t(ours, ours + 1 + 0.1 * random.normal(size=60), 3)
    assert t < 0
    assert p < 1e-6
    assert paired_t(ours[:8], theirs[:8], 3) is None  # two are too few


def months(growth=100.0, seed=3):
    """Ten years of monthly sales in euros, large numbers with a constant seasonality."""
    at = np.arange(120)
    noise = np.random.default_rng(seed).normal(0, 300, 120)
    return 20_000 + growth * at + 3000 * np.sin(2 * np.pi * at / 12) + noise


@pytest.mark.parametrize("values", [months(), months(seed=4), -months(), wave()])
def test_smoothing_does_not_depend_on_the_unit(values):
    plain = fit_smoothing(values, 12)
    for unit in (1e-12, 1e-3, 1e3, 1e12):
        fitted = fit_smoothing(values * unit, 12)
        assert fitted.name == plain.name
        forecast = fitted.forecast(values * unit, 12) / unit
        np.testing.assert_allclose(forecast, plain.forecast(values, 12), atol=0.01 * values.std())


def test_an_exactly_periodic_past_has_no_mase():
    values = np.tile(np.array([1.1, 2.3, 5.7, 3.9]), 30)
    assert mase(np.ones((2, 3)), values, 4) is None
    result = backtest(series(values), BacktestConfig(horizon=4, seasonal_period=4, refits=1), SMALL)
    assert {metrics.mase for metrics in result.metrics.values()} == {None}
    assert result.metrics[OURS].rmse < 1e-6


def test_few_rows_and_ties_take_the_largest_penalty():
    random = np.random.default_rng(0)
    features, targets = random.normal(size=(20, 60)), random.normal(size=(20, 4))
    assert fit_ridge(features, targets, 14).penalty == max(PENALTIES)
    assert fit_ridge(features, np.ones((20, 4)), 0).penalty == max(PENALTIES)


def test_ridge_is_the_normal_equation():
    random = np.random.default_rng(0)
    features, targets = random.normal(size=(50, 4)) * 3 + 1, random.normal(size=(50, 2))
    normal = (features - features.mean(0)) / features.std(0)
    middle = targets - targets.mean(0)
    weight = np.linalg.solve(normal.T @ normal + 2.5 * np.eye(4), normal.T @ middle)
    found = fit_ridges(features, targets, [2.5])[0]
    np.testing.assert_allclose(found(features), normal @ weight + targets.mean(0), atol=1e-9)
    assert fit_ridge(features, features[:, :2] * 2, 3).penalty == 0.01  # the smallest


def test_a_backtest_does_not_look_ahead(monkeypatch):
    """Values after a cutoff change no model's forecast there, nor at earlier cutoffs."""
    values = wave()
    config = BacktestConfig(horizon=6, seasonal_period=12, splits=16, refits=2)
    cutoff = int(make_splits(len(values), 12, config).cutoffs[8])  # where all are fitted again
    other = values.copy()
    other[cutoff:] = np.random.default_rng(9).normal(50, 20, len(values) - cutoff)
    recorded = []
    original = backtest_module._Models.forecasts

    def record(models, past, horizon):
        forecasts = original(models, past, horizon)
        recorded.append(np.stack(list(forecasts.values())))
        return forecasts

    monkeypatch.setattr(backtest_module._Models, "forecasts", record)
    for one in (values, other):
        backtest(series(one), config, SMALL)
    first, second = recorded[: len(recorded) // 2], recorded[len(recorded) // 2 :]
    assert len(first) == 17  # the last is the forecast of the real future
    np.testing.assert_array_equal(first[:9], second[:9])
    assert not any(np.array_equal(*pair) for pair in zip(first[9:], second[9:], strict=True))


@pytest.mark.parametrize(("step", "known"), [(0, 21), (1, 21), (2, 22), (3, 22)])
def test_rolling_intervals_use_only_known_errors(step, known):
    """Cutoffs are two steps apart: the error of step 3 at cutoff 20 is known at cutoff 22."""
    errors = np.random.default_rng(0).normal(size=(30, 4))
    changed = errors.copy()
    changed[20, step] = 100
    before, after = (rolling_half_widths(array, 2, 0.8) for array in (errors, changed))
    np.testing.assert_array_equal(before[:known], after[:known])
    assert (before[known:, step] != after[known:, step]).all()
    assert np.isfinite(before[-1]).all()
    assert not np.isfinite(before[0]).any()


@pytest.fixture(scope="module")
def result():
    """Return the backtest of a wave of 200 months."""
    months_ = [f"{2000 + k // 12}-{k % 12 + 1:02}" for k in range(212)]
    monthly = Series("wave", wave(200), months_[:200], months_[200:], "month")
    return backtest(monthly, BacktestConfig(refits=1), SMALL)


def test_a_wave_is_forecast_better_than_by_its_last_period(result):
    assert result.seasonality.period == 12
    assert result.metrics[OURS].mase < 0.8 * result.metrics[SEASONAL].mase
    assert 0.7 < result.empirical_coverage <= 1
    assert np.isfinite(result.half_widths).all()
    assert len(result.forecast) == 12


@pytest.mark.filterwarnings("ignore")  # of statsmodels, for a constant past
def test_a_series_may_start_with_zeros():
    """The past of the first cutoffs is constant."""
    values = np.zeros(240)
    values[215:] = np.random.default_rng(0).normal(10, 1, 25)
    result = backtest(series(values), BacktestConfig(horizon=2, refits=1), SMALL)
    assert result.splits.cutoffs[0] < 215
    assert np.isfinite(result.half_widths).all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "horizon", "splits"), [("sunspots", 11, 40), ("co2", 24, 12)])
def test_real_series_are_forecast_better_than_by_their_last_period(name, horizon, splits):
    config = BacktestConfig(horizon=horizon, splits=splits, refits=2)
    result = backtest(sample_series(name), config, ForecasterConfig(members=2))
    assert result.metrics[OURS].mase < result.metrics[SEASONAL].mase
    assert result.empirical_coverage > 0.75


def test_the_same_seed_gives_the_same_forecast():
    values = wave()
    first, same = (ForecastNetworks.fit(values, 12, 5, SMALL) for _ in range(2))
    other = ForecastNetworks.fit(values, 12, 5, replace(SMALL, seed=1))
    np.testing.assert_array_equal(first.forecast(values), same.forecast(values))
    assert not np.array_equal(first.forecast(values), other.forecast(values))


def test_scale_and_level_do_not_matter():
    values = wave()
    base = ForecastNetworks.fit(values, 12, 5, SMALL).forecast(values)
    moved = values * 1000 - 5e4
    forecast = ForecastNetworks.fit(moved, 12, 5, SMALL).forecast(moved)
    np.testing.assert_allclose((forecast + 5e4) / 1000, base, rtol=1e-3)


def test_an_exact_seasonality_is_forecast():
    values = np.tile(np.arange(12.0), 14)
    forecast = ForecastNetworks.fit(values, 12, 12, SMALL).forecast(values)
    np.testing.assert_allclose(forecast, np.arange(12.0), atol=1e-3)


def test_seasonal_naive_repeats_the_last_season():
    assert seasonal_naive(np.arange(10.0), 5, 3).tolist() == [7, 8, 9, 7, 8]
    assert seasonal_naive(np.arange(10.0), 3, 1).tolist() == [9, 9, 9]


def test_baselines_equal_those_of_statsmodels():
    from statsmodels.tsa.ar_model import AutoReg  # noqa: PLC0415
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel  # noqa: PLC0415

    values = wave(100)
    smoothing = fit_smoothing(values, 12)
    assert smoothing.name in ("ETS(A,N,A)", "ETS(A,Ad,A)", "ETS(A,N,M)", "ETS(A,Ad,M)")
    kind = smoothing.kind
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ETSModel(
            values, trend=kind["trend"], damped_trend=bool(kind["trend"]), seasonal_periods=12,
            seasonal=kind["seasonal"],
        ).fit(disp=False, maxiter=200)  # fmt: skip
    np.testing.assert_allclose(smoothing.forecast(values, 5), model.forecast(5), rtol=1e-4)
    regression = fit_autoregression(values, 12)
    fitted = AutoReg(values, regression.lags, trend="ct").fit()
    np.testing.assert_allclose(regression.forecast(values, 5), fitted.forecast(5), rtol=1e-9)


@pytest.mark.parametrize(("years", "tested"), [(7, True), (5, True), (4, True), (3, False)])
def test_a_few_years_of_months_have_a_forecast_of_one_year(tmp_path, years, tested):
    values = wave(12 * years)
    result = backtest(series(values), BacktestConfig(seasonal_period=12), SMALL)
    assert np.isfinite(result.forecast).all()
    assert bool(result.metrics) is tested
    assert np.isfinite(result.half_widths).all() == tested
    assert result.empirical_coverage is None
    assert "test" in result.notes[0]
    Forecaster.from_backtest(result).save(tmp_path / "m.safetensors")
    loaded = load_forecaster(tmp_path / "m.safetensors")
    np.testing.assert_allclose(loaded.networks.forecast(values), result.forecast, rtol=1e-5)
    np.testing.assert_array_equal(loaded.half_widths(0.9), result.half_widths)


def test_a_series_that_is_too_short_is_refused_with_a_fix():
    with pytest.raises(
        SeriesError, match="32 are needed, or give --horizon 4 at most, or --seasonal-period"
    ):
        make_splits(24, 12, BacktestConfig())
    assert len(make_splits(24, 12, BacktestConfig(horizon=4)).cutoffs) == 0
    assert len(make_splits(32, 12, BacktestConfig()).cutoffs) == 0
    with pytest.raises(SeriesError, match=r"26 are needed$"):
        make_splits(12, 1, BacktestConfig())


def test_few_splits_are_made_as_given():
    splits = make_splits(300, 7, BacktestConfig(splits=12, refits=1))
    assert len(splits.cutoffs) == 12
    assert splits.first_coverage < 12


def test_a_long_series_has_all_splits():
    """Those of CO2: 40, half of them for tests."""
    splits = make_splits(526, 12, BacktestConfig(horizon=24))
    numbers = len(splits.cutoffs), splits.stride, splits.first_test, splits.first_coverage
    assert numbers == (40, 3, 20, 20)


@pytest.mark.parametrize("count", [60, 84])
def test_short_splits_have_their_future_and_past(count):
    cutoffs = make_splits(count, 12, BacktestConfig()).cutoffs
    assert cutoffs[-1] + 12 == count
    assert training_window(int(cutoffs[0]), 12, 12) is not None


def test_a_difference_far_below_the_scale_is_not_tested():
    config = BacktestConfig(seasonal_period=1, refits=1)
    result = backtest(series(2.0 * np.arange(160)), config, SMALL)
    assert result.metrics[OURS].rmse < 1e-3
    assert result.comparisons["autoregression"] is None


def test_an_interval_far_wider_than_late_errors_is_reported():
    splits = make_splits(160, 1, BacktestConfig(horizon=4))
    errors = np.random.default_rng(0).normal(size=(len(splits.cutoffs), 4))
    jumped = errors.copy()
    jumped[2:10] *= 60  # once, and not since
    steady, late = (
        backtest_module._interval_notes(
            splits, array, half_widths(list(array.T), splits.stride, 0.9), 0.9
        )
        for array in (errors, jumped)
    )
    assert steady == []
    assert "times as wide as the latest mean error" in late[0]


def test_smoothing_prints_no_warnings():
    """In its own process: statsmodels changes the warning filters when it is first imported."""
    code = (
        "import numpy as np; from bowerbird.prediction.series.baselines import fit_smoothing; "
        "fit_smoothing(10.0 + np.arange(84) % 12, 12)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Warning" not in result.stderr


def test_bars_are_as_long_as_their_errors_or_marked_as_cut(result):
    from matplotlib.figure import Figure  # noqa: PLC0415

    median = float(np.median([metrics.mase for metrics in result.metrics.values()]))
    for factor in (8, 1000):
        naive = replace(result.metrics["naive"], mase=factor * median)
        metrics = result.metrics | {"naive": naive}
        axes = Figure().subplots()
        plot._accuracy(axes, replace(result, metrics=metrics))
        longest = max(bar.get_width() for bar in axes.patches)
        words = [text.get_text() for text in axes.texts]
        largest = max(one.mase for one in metrics.values())
        if longest == pytest.approx(largest):
            assert not any("cut" in word for word in words)
        else:
            assert factor == 1000
            assert sum("cut" in word for word in words) == words.count("//") == 1
        assert axes.get_xlim()[1] > longest


def test_ticks_are_at_round_dates(result):
    from matplotlib.figure import Figure  # noqa: PLC0415

    axes = Figure().subplots()
    plot._forecast(axes, result)
    axes.figure.canvas.draw()
    assert {"2012", "2014", "2016"} <= {text.get_text() for text in axes.get_xticklabels()}


@pytest.mark.parametrize(
    "settings",
    [
        {"horizon": 0},
        {"seasonal_period": -1},
        {"coverage": 1.0},
        {"splits": 3},
        {"test_fraction": 0.0},
        {"refits": 0},
    ],
)
def test_invalid_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        BacktestConfig(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": 0},
        {"members": 5000},
        {"context_length": 0},
        {"max_windows": 3},
        {"seed": -1},
    ],
)
def test_invalid_network_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ForecasterConfig(**settings)


def test_seeds_far_and_near_draw_different_networks():
    weights, seeds = [], []
    for seed in (0, 1, 2**62 - 1):
        seeds += member_seeds(replace(SMALL, members=1200, seed=seed)).tolist()
        networks = ForecastNetworks.fit(wave(), 12, 3, ForecasterConfig(5, 3, seed=seed))
        weights += [network.layers[0].weight_hh for network in networks.members]
    assert len({tuple(weight.flatten().tolist()) for weight in weights}) == len(weights) == 9
    assert len(set(seeds)) == 3600
