import numpy as np
import pytest
from sklearn import metrics

from bowerbird.prediction.tabular.scores import bootstrap, measure, share


def test_metrics_of_numbers_equal_scikit_learn():
    random = np.random.default_rng(0)
    y, f = random.normal(size=(2, 50))
    found = measure(y, f)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, f))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(y, f))
    assert found["r2"] == pytest.approx(metrics.r2_score(y, f))


def test_metrics_of_classes_equal_scikit_learn():
    random = np.random.default_rng(0)
    y, p = random.integers(0, 3, 60), random.dirichlet(np.ones(3), 60)
    found = measure(y, p)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, p.argmax(1)))
    balanced = metrics.balanced_accuracy_score(y, p.argmax(1))
    assert found["balanced_accuracy"] == pytest.approx(balanced)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, p))


def test_the_interval_of_a_mean_is_the_textbook_one():
    random = np.random.default_rng(3)
    y = random.normal(size=400)
    scores, gains = bootstrap(y, {"a": np.zeros(400), "b": np.ones(400)}, "a", 0)
    mae = scores["a"]["mae"]
    wanted = 1.96 * np.abs(y).std() / 20
    assert mae.low == pytest.approx(mae.value - wanted, abs=0.1 * wanted + 0.005)
    assert mae.high == pytest.approx(mae.value + wanted, abs=0.1 * wanted + 0.005)
    assert gains["a"]["rmse"].low == gains["a"]["rmse"].high == 0
    assert gains["b"]["rmse"].high < 0  # worse
    assert gains["b"]["r2"].value == pytest.approx(
        scores["b"]["r2"].value - scores["a"]["r2"].value
    )


def test_wilsons_interval():
    # Brown, Cai, DasGupta 2001: for 0 of n it goes up to z^2 / (n + z^2)
    none = share(np.zeros(20, bool))
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(3.8415 / 23.8415, rel=1e-4)
    half = share(np.arange(100) < 50)
    assert half.low + half.high == pytest.approx(1)
    assert half.high == pytest.approx(0.5962, abs=1e-4)
