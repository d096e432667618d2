"""The models that the ensemble is compared with."""

import numpy as np
import pytest

from bowerbird.prediction.tabular.baselines import predict_baseline
from bowerbird.prediction.tabular.config import BASELINES


@pytest.mark.parametrize("method", BASELINES)
@pytest.mark.parametrize("num_classes", [0, 3])
def test_each_baseline_predicts_numbers_or_probabilities(method, num_classes):
    x = np.random.default_rng(0).normal(size=(60, 1))
    y = np.arange(60) % 3 if num_classes else x[:, 0] * 2
    predictions = predict_baseline(method, x, y, x, num_classes, seed=0)
    assert predictions.shape == ((60, 3) if num_classes else (60,))
    if num_classes:
        np.testing.assert_allclose(predictions.sum(1), 1, rtol=1e-6)


def test_boosting_fits_many_rows_with_a_class_of_one_row():
    x = np.random.default_rng(0).normal(size=(10_002, 1))
    y = np.r_[np.arange(10_001) % 2, 2]
    assert predict_baseline("boosting", x, y, x, 3, seed=0).shape == (10_002, 3)
