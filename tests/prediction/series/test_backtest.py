"""The backtest: no leak, bands that hold, scores by their formulas, rivals by statsmodels."""

import math
import resource
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from bowerbird.errors import ModelError, SeriesError
from bowerbird.learning.model_file import read_model, write_model
from bowerbird.prediction.ridge import PENALTIES, fit_ridge, fit_ridges
from bowerbird.prediction.series import backtest as backtest_module, plot as seriesdrawing
from bowerbird.prediction.series.accuracy import (
    apart,
    mase,
    paired_t,
    rmse,
    smape,
)
from bowerbird.prediction.series.backtest import (
    OURS,
    SEASONAL,
    BacktestConfig,
    backtest,
)
from bowerbird.prediction.series.baselines import fit_autoregression, fit_smoothing, seasonal_naive
from bowerbird.prediction.series.file import known_series
from bowerbird.prediction.series.forecaster import Forecaster, NetworkConfig, load_forecaster
from bowerbird.prediction.series.interval import band, bands
from bowerbird.prediction.series.series import Series
from bowerbird.prediction.series.splits import fitting_window, plan

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


def test_the_band_is_its_formula():
    """One step, so that nothing overlaps and nothing is evened out."""
    from scipy.stats import t as student  # noqa: PLC0415

    errors = np.random.default_rng(0).normal(size=30)
    weights = 0.95 ** np.arange(29, -1, -1)
    many = weights.sum() ** 2 / (weights**2).sum()
    wide = student.ppf(0.95, many) * math.sqrt((weights * errors**2).sum() / weights.sum())
    assert band([errors], 1, 0.9) == pytest.approx([wide])
    assert np.isinf(band([errors, errors[:1]], 1, 0.9)).all()


@pytest.mark.parametrize(("horizon", "stride"), [(12, 1), (24, 3), (8, 8)])
@pytest.mark.parametrize("walk", [True, False])
def test_the_band_holds_as_often_as_it_says_though_horizons_overlap(horizon, stride, walk):
    """Errors of 20 origins and of one much later; sums of shared steps, as of a random walk."""
    random, held = np.random.default_rng(0), []
    for _ in range(400):
        steps = random.normal(size=(22 * stride + 2 * horizon))
        if walk:
            at = [np.cumsum(steps[k * stride : k * stride + horizon]) for k in range(20)]
            then = np.cumsum(steps[-horizon:])
        else:
            at = [steps[k * stride : k * stride + horizon] for k in range(20)]
            then = steps[-horizon:]
        held.append(np.abs(then) <= band(list(np.stack(at).T), stride, 0.9))
    # what shares nothing is taken for fewer errors than there are: a little wide
    assert (0.87 if walk else 0.89) <= np.mean(held) <= (0.93 if walk else 0.96)


def test_the_band_follows_errors_that_grow_and_does_not_fall_with_the_step():
    random = np.random.default_rng(1)
    errors = random.normal(size=(40, 6)) * np.linspace(1, 4, 40)[:, None]
    late = band(list(errors.T), 1, 0.9)
    assert (late > band(list(errors[::-1].T), 1, 0.9)).all()
    variance = (errors**2).mean(0)
    assert (np.diff(variance) < 0).any()
    flat = [errors[:, step] for step in np.argsort(-variance)]  # the largest first
    assert np.ptp(band(flat, 100, 0.9)) < 1e-9


@pytest.mark.parametrize(("horizon", "stride"), [(24, 3), (11, 2), (48, 30)])
@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_the_paired_test_rejects_a_true_null_as_often_as_it_says(horizon, stride, memory):
    """Twenty origins with the overlaps of the three series that come along."""
    random, wrong = np.random.default_rng(0), []
    for _ in range(2000):
        steps = random.normal(size=19 * stride + horizon)
        for k in range(1, len(steps) if memory else 0):
            steps[k] += memory * steps[k - 1]
        own = np.array([steps[k * stride : k * stride + horizon].mean() for k in range(20)])
        wrong.append(paired_t(own, np.zeros(20), -(-horizon // stride) - 1)[1] < 0.05)
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.016)


def test_the_paired_test_is_that_of_scipy_and_has_power():
    from scipy.stats import ttest_rel  # noqa: PLC0415

    random = np.random.default_rng(0)
    ours, theirs = random.normal(size=(2, 60))
    score, p = paired_t(ours, theirs, 3)
    known = ttest_rel(apart(ours, 3), apart(theirs, 3))
    assert (score, p) == pytest.approx((known.statistic, known.pvalue))
    assert len(apart(ours, 3)) == 15
    score, p = paired_t(ours, ours + 1 + 0.1 * random.normal(size=60), 3)
    assert score < 0
    assert p < 1e-6
    assert paired_t(ours[:8], theirs[:8], 3) is None  # two are too few


def months(growth=100.0, seed=3):
    """Ten years of sales in euros, of many digits, whose season does not grow."""
    at = np.arange(120)
    noise = np.random.default_rng(seed).normal(0, 300, 120)
    return 20_000 + growth * at + 3000 * np.sin(2 * np.pi * at / 12) + noise


@pytest.mark.parametrize("values", [months(), months(seed=4), -months(), wave()])
def test_smoothing_does_not_depend_on_the_unit(values):
    plain = fit_smoothing(values, 12)
    for unit in (1e-12, 1e-3, 1e3, 1e12):
        fitted = fit_smoothing(values * unit, 12)
        assert fitted.name == plain.name
        said = fitted.forecast(values * unit, 12) / unit
        np.testing.assert_allclose(said, plain.forecast(values, 12), atol=0.01 * values.std())


def test_after_an_exactly_periodic_past_there_is_no_mase():
    values = np.tile(np.array([1.1, 2.3, 5.7, 3.9]), 30)
    assert mase(np.ones((2, 3)), values, 4) is None
    done = backtest(series(values), BacktestConfig(horizon=4, season=4, fits=1), SMALL)
    assert {score.mase for score in done.scores} == {None}
    assert done.score(OURS).rmse < 1e-6


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


def test_nothing_ahead_is_seen(monkeypatch):
    """What comes after an origin changes no model's forecast there, nor at those before."""
    values = wave()
    config = BacktestConfig(horizon=6, season=12, origins=16, fits=4)
    where = plan(len(values), 12, config)
    cut = int(where.origins[8])  # where all are fitted anew
    other = values.copy()
    other[cut:] = np.random.default_rng(9).normal(50, 20, len(values) - cut)
    said = []
    real = backtest_module._Fitted.forecasts

    def told(fitted, past, horizon):
        said.append(np.stack(list(real(fitted, past, horizon).values())))
        return real(fitted, past, horizon)

    monkeypatch.setattr(backtest_module._Fitted, "forecasts", told)
    for one in (values, other):
        backtest(series(one), config, SMALL)
    ours, theirs = said[: len(said) // 2], said[len(said) // 2 :]
    assert len(ours) == 17  # the last is of what is really ahead
    np.testing.assert_array_equal(ours[:9], theirs[:9])
    assert not any(np.array_equal(*both) for both in zip(ours[9:], theirs[9:], strict=True))


@pytest.mark.parametrize(("step", "known"), [(0, 21), (1, 21), (2, 22), (3, 22)])
def test_bands_use_only_errors_that_were_known(step, known):
    """Two steps lie between origins: step 3 of origin 20 has been seen at origin 22."""
    errors = np.random.default_rng(0).normal(size=(30, 4))
    changed = errors.copy()
    changed[20, step] = 100
    before, after = bands(errors, 2, 0.8), bands(changed, 2, 0.8)
    np.testing.assert_array_equal(before[:known], after[:known])
    assert (before[known:, step] != after[known:, step]).all()
    assert np.isfinite(before[-1]).all()
    assert not np.isfinite(before[0]).any()


def test_foresees_a_wave_better_than_its_last_season():
    done = backtest(series(wave(220)), BacktestConfig(horizon=12, fits=1), SMALL)
    assert done.season.steps == 12
    assert done.score(OURS).mase < 0.8 * done.score(SEASONAL).mase
    assert 0.7 < done.covered <= 1
    assert np.isfinite(done.band).all()
    assert len(done.forecast) == 12


@pytest.mark.filterwarnings("ignore")  # of statsmodels, for a past without any movement
def test_a_series_may_begin_late():
    """At its first origins nothing has been but zeros."""
    values = np.zeros(240)
    values[215:] = np.random.default_rng(0).normal(10, 1, 25)
    done = backtest(series(values), BacktestConfig(horizon=2, fits=1), SMALL)
    assert done.origins[0] < 215
    assert np.isfinite(done.band).all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "horizon"), [("sunspots", 11), ("co2", 24)])
def test_real_series_are_foreseen_better_than_by_their_last_season(name, horizon):
    done = backtest(known_series(name), BacktestConfig(horizon=horizon))
    assert done.score(OURS).mase < done.score(SEASONAL).mase
    assert done.covered > 0.75


def test_the_same_seed_foresees_the_same_and_a_file_keeps_it(tmp_path):
    values = wave()
    one, same = (Forecaster.fit(values, 12, 5, SMALL) for _ in range(2))
    other = Forecaster.fit(values, 12, 5, NetworkConfig(width=20, draws=2, seed=1))
    np.testing.assert_array_equal(one.forecast(values), same.forecast(values))
    assert not np.array_equal(one.forecast(values), other.forecast(values))
    one.band = [1.0] * 5
    one.save(tmp_path / "m.safetensors")
    opened = load_forecaster(tmp_path / "m.safetensors")
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


@pytest.mark.parametrize(("years", "measured"), [(7, True), (5, True), (4, True), (3, False)])
def test_some_years_of_months_have_a_forecast_of_one_year(tmp_path, years, measured):
    values = wave(12 * years)
    done = backtest(series(values), BacktestConfig(season=12), SMALL)
    assert np.isfinite(done.forecast).all()
    assert bool(done.scores) is measured
    assert np.isfinite(done.band).all() == measured
    assert done.covered is None
    assert "measure" in done.notes[0]
    done.forecaster.save(tmp_path / "m.safetensors")
    opened = load_forecaster(tmp_path / "m.safetensors")
    np.testing.assert_allclose(opened.forecast(values), done.forecast, rtol=1e-5)
    assert len(opened.band) == (12 if measured else 0)


def test_what_is_too_short_says_what_would_do():
    with pytest.raises(
        SeriesError, match="32 are needed, or give --horizon 4 at most, or --season"
    ):
        plan(24, 12, BacktestConfig())
    assert len(plan(24, 12, BacktestConfig(horizon=4)).origins) == 0
    assert len(plan(32, 12, BacktestConfig()).origins) == 0
    with pytest.raises(SeriesError, match=r"26 are needed$"):
        plan(12, 1, BacktestConfig())


def test_few_origins_are_taken_as_told():
    where = plan(300, 7, BacktestConfig(origins=12, fits=1))
    assert len(where.origins) == 12
    assert where.held < 12


def test_a_long_series_keeps_its_origins():
    """Those of CO2: 40 at most, half of them measured."""
    where = plan(526, 12, BacktestConfig(horizon=24))
    assert (len(where.origins), where.stride, where.measured, where.held) == (40, 3, 20, 20)


@pytest.mark.parametrize("count", [60, 84])
def test_a_short_plan_has_its_truth_and_its_past(count):
    where = plan(count, 12, BacktestConfig())
    assert where.origins[-1] + 12 == count
    assert fitting_window(int(where.origins[0]), 12, 12) is not None


def test_a_difference_far_below_the_scale_is_none():
    done = backtest(series(2.0 * np.arange(160)), BacktestConfig(season=1, fits=1), SMALL)
    assert done.score(OURS).rmse < 1e-3
    assert done.against["autoregression"] is None


def test_a_band_that_is_far_wider_than_late_errors_is_told():
    config = BacktestConfig(horizon=4)
    where = plan(160, 1, config)
    errors = np.random.default_rng(0).normal(size=(len(where.origins), 4))
    jumped = errors.copy()
    jumped[2:10] *= 60  # once, and not since
    steady, after = (
        backtest_module._notes(where, own, band(list(own.T), where.stride, 0.9), config)
        for own in (errors, jumped)
    )
    assert steady == []
    assert "times as far as the latest errors" in after[0]


def test_smoothing_says_nothing_on_the_terminal():
    """In a process of its own: what statsmodels does to warnings, it does when first imported."""
    words = (
        "import numpy as np; from bowerbird.prediction.series.baselines import fit_smoothing; "
        "fit_smoothing(10.0 + np.arange(84) % 12, 12)"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr


def test_bars_are_as_long_as_their_errors_or_say_that_they_are_cut():
    from matplotlib.figure import Figure  # noqa: PLC0415

    done = backtest(series(wave(200)), BacktestConfig(fits=1), SMALL)
    median = float(np.median([score.mase for score in done.scores]))
    for factor in (8, 1000):
        scores = [
            replace(score, mase=factor * median) if score.model == "naive" else score
            for score in done.scores
        ]
        axes = Figure().subplots()
        seriesdrawing._bars(axes, replace(done, scores=scores))
        longest = max(bar.get_width() for bar in axes.patches)
        words = [text.get_text() for text in axes.texts]
        true = max(score.mase for score in scores)
        if longest == pytest.approx(true):
            assert not any("cut" in word for word in words)
        else:
            assert factor == 1000
            assert sum("cut" in word for word in words) == words.count("//") == 1
        assert axes.get_xlim()[1] > longest


def test_ticks_are_at_round_moments():
    from matplotlib.figure import Figure  # noqa: PLC0415

    values = wave(200)
    months_ = [f"{2000 + k // 12}-{k % 12 + 1:02}" for k in range(212)]
    own = Series("wave", values, months_[:200], months_[200:], "month")
    done = backtest(own, BacktestConfig(fits=1), SMALL)
    axes = Figure().subplots()
    seriesdrawing._ahead(axes, done)
    axes.figure.canvas.draw()
    assert {"2012", "2014", "2016"} <= {text.get_text() for text in axes.get_xticklabels()}


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


def test_seeds_far_and_near_draw_networks_of_their_own():
    drawn = [
        network.all_layers()[0].weight_hh
        for seed in (0, 1, 2**62 - 1)
        for network in Forecaster.fit(wave(), 12, 3, NetworkConfig(5, 1200, seed=seed)).draws[::400]
    ]
    assert len({tuple(weight.flatten().tolist()) for weight in drawn}) == len(drawn)


@pytest.mark.parametrize(
    ("told", "tensors", "words"),
    [
        ({"scale": 10**400}, None, "no forecaster"),
        ({"band": [1.0]}, None, "band"),
        ({"band": [-1.0] * 5}, None, "band"),
        ({}, (2, 2), "readout.weight"),
        ({}, math.nan, "no numbers"),
        ({"horizon": 60_000, "width": 4096, "band": []}, None, "another shape"),
    ],
)
def test_a_forged_model_is_refused(tmp_path, told, tensors, words):
    one = Forecaster.fit(wave(), 12, 5, SMALL)
    one.save(tmp_path / "m.safetensors")
    assert load_forecaster(tmp_path / "m.safetensors").band == []
    card, weights = read_model(tmp_path / "m.safetensors")
    if isinstance(tensors, tuple):
        weights["0.readout.weight"] = torch.zeros(tensors)
    elif tensors is not None:
        weights["0.readout.bias"].fill_(tensors)
    card = replace(card, config={**card.config, **told})
    write_model(tmp_path / "m.safetensors", card, weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=words):
        load_forecaster(tmp_path / "m.safetensors")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
