"""Estimators that follow scikit-learn's rules and predict as ``predict table`` does."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils.estimator_checks import parametrize_with_checks

from bowerbird.prediction import TableClassifier, TableRegressor
from bowerbird.prediction.data.samples import read_sample
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import cross_validate

QUICK = {"hidden_sizes": (16,), "members": 3, "epochs": 60, "learning_rate": 0.02}


FAST = {"hidden_sizes": (8,), "members": 2, "epochs": 25, "learning_rate": 0.05}


@parametrize_with_checks([TableRegressor(**FAST), TableClassifier(**FAST)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def mixed():
    """Rows with numbers, missing ones, categories and dates."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"size": random.normal(100, 20, 200), "town": ["Ayr", "Oban"] * 100})
    frame["sold"] = pd.date_range("2025-01-01", periods=200, tz="Europe/London")
    frame["new"] = random.random(200) < 0.5
    price = 3 * frame["size"] + 40 * (frame["town"] == "Ayr") + random.normal(0, 10, 200)
    frame.loc[::9, "size"] = np.nan
    return frame, price


def test_classes_are_predicted_as_by_predict_table():
    x, y = load_iris(return_X_y=True, as_frame=True)
    config = TableConfig(folds=2, compare=False, ensemble=EnsembleConfig(**QUICK))
    report = cross_validate(read_sample("iris"), "species", config)
    expected, _ = report.model.predict(read_sample("iris"), 0.8)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = TableClassifier(**QUICK).fit(x, names)
    assert np.array_equal(model.predict_proba(x), expected.values)
    assert np.array_equal(model.predict_set(x, coverage=0.8), expected.sets)
    assert model.score(x, names) > 0.95


def test_intervals_have_the_requested_coverage():
    x, y = load_diabetes(return_X_y=True)
    model = TableRegressor(**QUICK).fit(x[:300], y[:300])
    low, high = model.predict_interval(x[300:], coverage=0.8).T
    # 142 new rows: a standard error of 3.4 %
    assert ((low <= y[300:]) & (y[300:] <= high)).mean() == pytest.approx(0.8, abs=3 * 0.034)
    wide = model.predict_interval(x[300:])
    assert (wide[:, 0] < low).all()
    assert (wide[:, 1] > high).all()
    with pytest.raises(ValueError, match=r"coverage must be in \(0, 1\), got 1"):
        model.predict_interval(x, coverage=1)


def test_data_frames_are_used_by_their_dtypes(mixed):
    frame, price = mixed
    model = TableRegressor(**QUICK).fit(frame, price)
    kinds = {"size": "number", "town": "category", "sold": "date", "new": "number"}
    assert model.columns_.kinds == kinds
    assert model.score(frame[::2], price[::2]) > 0.6
    same = frame.astype({"town": "category"}).assign(sold=frame["sold"].dt.tz_convert("UTC"))
    assert np.array_equal(model.predict(same), model.predict(frame))
    assert np.isfinite(model.predict(frame.assign(town="Perth"))).all()
    assert np.isfinite(model.predict(frame.assign(sold=pd.NaT, town=None))).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["town", "size", "sold", "new"]])
    with pytest.raises(ValueError, match="infinity"):
        model.predict(frame.assign(size=np.inf))


def test_the_seed_is_random_state():
    x, y = load_diabetes(return_X_y=True)
    first, same, other, random = (
        TableRegressor(**QUICK, random_state=state).fit(x, y).predict(x)
        for state in (1, 1, 2, np.random.RandomState(1))
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, random)
