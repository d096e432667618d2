import numpy as np
import pytest
from sklearn import metrics

from bowerbird.prediction.tabular.metrics import bootstrap, compute_metrics, proportion


def test_metrics_of_numbers_equal_scikit_learn():
    random = np.random.default_rng(0)
    y, f = random.normal(size=(2, 50))
    found = compute_metrics(y, f)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, f))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(y, f))
    assert found["r2"] == pytest.approx(metrics.r2_score(y, f))


def test_metrics_of_classes_equal_scikit_learn():
    random = np.random.default_rng(0)
    y, p = random.integers(0, 3, 60), random.dirichlet(np.ones(3), 60)
    found = compute_metrics(y, p)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, p.argmax(1)))
    balanced = metrics.balanced_accuracy_score(y, p.argmax(1))
    assert found["balanced_accuracy"] == pytest.approx(balanced)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, p))


def test_the_interval_of_a_mean_is_the_textbook_one():
    random = np.random.default_rng(3)
    y = random.normal(size=400)
    values, improvements = bootstrap(y, {"a": np.zeros(400), "b": np.ones(400)}, "a", 0)
    mae = values["a"]["mae"]
    half = 1.96 * np.abs(y).std() / 20
    assert mae.low == pytest.approx(mae.value - half, abs=0.1 * half + 0.005)
    assert mae.high == pytest.approx(mae.value + half, abs=0.1 * half + 0.005)
    assert improvements["a"]["rmse"].low == improvements["a"]["rmse"].high == 0
    assert improvements["b"]["rmse"].high < 0  # worse
    assert improvements["b"]["r2"].value == pytest.approx(
        values["b"]["r2"].value - values["a"]["r2"].value
    )


def test_wilsons_interval():
    # Brown, Cai, DasGupta 2001: for 0 of n it goes up to z^2 / (n + z^2)
    none = proportion(np.zeros(20, bool))
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(3.8415 / 23.8415, rel=1e-4)
    half = proportion(np.arange(100) < 50)
    assert half.low + half.high == pytest.approx(1)
    assert half.high == pytest.approx(0.5962, abs=1e-4)
