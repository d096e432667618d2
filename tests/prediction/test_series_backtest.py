"""The backtest: no leak, bands that hold, scores by their formulas, rivals by statsmodels."""

import math
import warnings

import numpy as np
import pytest
import torch

from bowerbird.prediction.accuracy import (
    conformal_width,
    diebold_mariano,
    mase,
    rmse,
    smape,
)
from bowerbird.prediction.backtest import (
    OURS,
    SEASONAL,
    BacktestConfig,
    backtest,
    backtest_steps,
    bands,
    plan,
)
from bowerbird.prediction.classical import fit_autoregression, fit_smoothing, seasonal_naive
from bowerbird.prediction.forecaster import Forecaster, NetworkConfig, open_forecaster
from bowerbird.prediction.readout import ridge, ridges
from bowerbird.prediction.series import Series, SeriesError
from bowerbird.prediction.seriesfile import known_series

SMALL = NetworkConfig(width=20, draws=2)


def wave(count=160, noise=0.3, seed=0):
    at = np.arange(count)
    own = 10 + 3 * np.sin(2 * np.pi * at / 12) + 0.05 * at
    return own + np.random.default_rng(seed).normal(0, noise, count)


def series(values):
    return Series("wave", values, [str(k) for k in range(len(values))])


def test_scores_by_their_formulas():
    true, said = np.array([[2.0, 4.0]]), np.array([[1.0, 8.0]])
    past = np.array([1.0, 2.0, 4.0, 8.0])
    assert mase(said - true, past, 1) == pytest.approx(((1 + 4) / 2) / ((1 + 2 + 4) / 3))
    assert smape(true, said) == pytest.approx((200 * 1 / 3 + 200 * 4 / 12) / 2)
    assert rmse(said - true) == pytest.approx(math.sqrt(17 / 2))


def test_conformal_width_is_the_order_statistic():
    errors = np.arange(1.0, 20.0)  # 19 of them
    assert conformal_width(errors, 0.9) == 18
    assert conformal_width(errors, 0.95) == 19
    assert conformal_width(errors, 0.96) == math.inf


def test_conformal_bands_hold_what_is_exchangeable():
    random = np.random.default_rng(0)
    held = [
        abs(random.normal()) <= conformal_width(random.normal(size=39), 0.9) for _ in range(4000)
    ]
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


def test_diebold_mariano_has_its_size_and_power():
    random = np.random.default_rng(0)
    wrong = [diebold_mariano(*random.normal(size=(2, 60)), 0)[1] < 0.05 for _ in range(500)]
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.03)
    ours = random.normal(size=60)
    score, p = diebold_mariano(ours, ours + 1 + 0.1 * random.normal(size=60), 3)
    assert score < 0
    assert p < 1e-6


def test_ridge_is_the_normal_equation():
    random = np.random.default_rng(0)
    features, targets = random.normal(size=(50, 4)) * 3 + 1, random.normal(size=(50, 2))
    normal = (features - features.mean(0)) / features.std(0)
    middle = targets - targets.mean(0)
    weight = np.linalg.solve(normal.T @ normal + 2.5 * np.eye(4), normal.T @ middle)
    found = ridges(features, targets, [2.5])[0]
    np.testing.assert_allclose(found(features), normal @ weight + targets.mean(0), atol=1e-9)
    assert ridge(features, features[:, :2] * 2, 3).penalty == 0.01  # the least: there is no noise


def test_nothing_ahead_is_seen():
    """What comes after an origin changes no forecast that was made there."""
    values = wave()
    config = BacktestConfig(horizon=6, origins=16, fits=1)
    where = plan(len(values), 12, config)
    cut = int(where.origins[4])
    other = values.copy()
    other[cut:] = np.random.default_rng(9).normal(50, 20, len(values) - cut)
    forecaster = Forecaster.fit(values[:cut], 12, 6, SMALL)
    np.testing.assert_array_equal(
        forecaster.forecast(values[:cut]),
        Forecaster.fit(other[:cut], 12, 6, SMALL).forecast(other[:cut]),
    )
    losses = []
    for one in (values, other):
        steps = list(backtest_steps(series(one), config, SMALL))
        # an origin's loss depends on the horizon after it: only those that end before the cut
        losses.append(
            [
                s.losses["total"]
                for s, at in zip(steps, where.origins, strict=False)
                if at + 6 <= cut
            ]
        )
    assert losses[0]
    assert losses[0] == losses[1]


def test_bands_use_only_errors_that_were_known():
    errors = np.random.default_rng(0).normal(size=(30, 4))
    before = bands(errors, 2, 0.8)
    changed = errors.copy()
    changed[20:] = 100
    after = bands(changed, 2, 0.8)
    for origin in range(30):
        for step in range(4):
            if origin - math.ceil((step + 1) / 2) < 20:
                assert before[origin, step] == after[origin, step]
    assert np.isfinite(before[-1]).all()
    assert not np.isfinite(before[0]).any()


def test_foresees_a_wave_better_than_its_last_season():
    done = backtest(series(wave(220)), BacktestConfig(horizon=12, fits=1), SMALL)
    assert done.season.steps == 12
    assert done.score(OURS).mase < 0.8 * done.score(SEASONAL).mase
    assert 0.7 < done.covered <= 1
    assert np.isfinite(done.band).all()
    assert len(done.forecast) == 12


@pytest.mark.slow
@pytest.mark.parametrize(("name", "horizon"), [("sunspots", 11), ("co2", 24)])
def test_real_series_are_foreseen_better_than_by_their_last_season(name, horizon):
    done = backtest(known_series(name), BacktestConfig(horizon=horizon))
    t, p = done.against[SEASONAL]
    assert t < 0
    assert p < 0.01
    assert done.covered > 0.75


def test_the_same_seed_foresees_the_same_and_a_file_keeps_it(tmp_path):
    values = wave()
    one, same = (Forecaster.fit(values, 12, 5, SMALL) for _ in range(2))
    other = Forecaster.fit(values, 12, 5, NetworkConfig(width=20, draws=2, seed=1))
    np.testing.assert_array_equal(one.forecast(values), same.forecast(values))
    assert not np.array_equal(one.forecast(values), other.forecast(values))
    one.band = [1.0] * 5
    one.save(tmp_path / "m.safetensors")
    opened = open_forecaster(tmp_path / "m.safetensors")
    np.testing.assert_allclose(opened.forecast(values), one.forecast(values), rtol=1e-6)
    assert opened.band == one.band


def test_scale_and_level_do_not_matter():
    values = wave()
    base = Forecaster.fit(values, 12, 5, SMALL).forecast(values)
    moved = Forecaster.fit(values * 1000 - 5e4, 12, 5, SMALL).forecast(values * 1000 - 5e4)
    np.testing.assert_allclose((moved + 5e4) / 1000, base, rtol=1e-3)


def test_a_perfect_season_is_foreseen():
    values = np.tile(np.arange(12.0), 14)
    said = Forecaster.fit(values, 12, 12, SMALL).forecast(values)
    np.testing.assert_allclose(said, np.arange(12.0), atol=1e-3)


def test_seasonal_naive_repeats_the_last_season():
    assert seasonal_naive(np.arange(10.0), 5, 3).tolist() == [7, 8, 9, 7, 8]
    assert seasonal_naive(np.arange(10.0), 3, 1).tolist() == [9, 9, 9]


def test_rivals_are_those_of_statsmodels():
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


@pytest.mark.parametrize(
    ("count", "season", "horizon", "words"),
    [(160, 12, 90, "--horizon"), (25, 1, 2, "too few"), (150, 60, 5, "too few")],
)
def test_what_is_too_short_says_what_would_do(count, season, horizon, words):
    with pytest.raises(SeriesError, match=words):
        plan(count, season, BacktestConfig(horizon=horizon))


def test_the_horizon_that_is_offered_is_taken():
    with pytest.raises(SeriesError) as told:
        plan(160, 12, BacktestConfig(horizon=100))
    offered = int(str(told.value).split("--horizon ")[1].split()[0])
    assert plan(160, 12, BacktestConfig(horizon=offered)).measured > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizon": 0},
        {"season": -1},
        {"coverage": 1.0},
        {"origins": 3},
        {"share": 0.0},
        {"fits": 0},
    ],
)
def test_nonsense_settings(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BacktestConfig(**wrong)


def test_a_forged_model_is_refused(tmp_path):
    one = Forecaster.fit(wave(), 12, 5, SMALL)
    one.draws[0].readout.weight = torch.nn.Parameter(torch.zeros(2, 2))
    one.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="no forecaster"):
        open_forecaster(tmp_path / "m.safetensors")
