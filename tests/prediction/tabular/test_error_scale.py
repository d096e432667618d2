import numpy as np
import pytest

from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP
from bowerbird.prediction.tabular.config import EnsembleConfig
from bowerbird.prediction.tabular.conformal import Calibration
from bowerbird.prediction.tabular.ensemble import Ensemble, train_ensemble
from bowerbird.prediction.tabular.error_scale import ErrorScale, fit_error_scale

QUICK = EnsembleConfig((16,), members=4, epochs=60, learning_rate=0.01)


def rows(count, noisy, seed=0):
    """A line with noise of one size, or from a fifth to 2.2 of it."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (count, 2))
    size = 0.2 + x[:, 0] + 1 if noisy else np.ones(count)
    return x, x[:, 1] + size * random.normal(size=count), size


@pytest.fixture(scope="module")
def noisy():
    x, y, _ = rows(600, noisy=True)
    trained = train_ensemble(x, y, 0, QUICK)
    return x, trained, np.abs(y - trained.out_of_part(x))


def test_with_growing_errors_each_quarter_is_covered(noisy):
    x, trained, errors = noisy
    scale = fit_error_scale(x, errors, QUICK)
    assert scale is not None
    new, truth, size = rows(4000, noisy=True, seed=1)
    quarter = np.argsort(np.argsort(size)) * 4 // len(size)

    def covered(low, high):
        inside = (low <= truth) & (truth <= high)
        return np.array([inside[quarter == k].mean() for k in range(4)])

    predictions = trained.ensemble(new)
    constant = covered(*Calibration(errors, trained.parts).intervals(predictions, 0.9))
    relative = errors / scale(x)[trained.parts, np.arange(len(x))]
    scaled = Calibration(relative, trained.parts).intervals(predictions, 0.9, scale(new))
    assert constant[3] < 0.83  # the reason for error scales
    assert covered(*scaled).min() > 0.85
    assert covered(*scaled).mean() == pytest.approx(0.9, abs=0.03)


def test_with_even_noise_there_is_no_error_scale():
    for seed in range(3):
        x, y, _ = rows(300, noisy=False, seed=seed)
        trained = train_ensemble(x, y, 0, QUICK)
        assert fit_error_scale(x, np.abs(y - trained.out_of_part(x)), QUICK) is None


def test_errors_of_zero_have_no_scale(noisy):
    x, _, errors = noisy
    assert fit_error_scale(x, np.zeros(len(errors)), QUICK) is None


def test_the_unit_of_the_errors_does_not_matter(noisy):
    x, _, errors = noisy
    one, other = fit_error_scale(x, errors, QUICK), fit_error_scale(x, errors * 1e6, QUICK)
    np.testing.assert_allclose(other(x), one(x), rtol=1e-3)


def test_it_does_not_extrapolate(noisy):
    x, trained, errors = noisy
    scale = fit_error_scale(x, errors, QUICK)
    known = scale(x)[trained.parts, np.arange(len(x))]
    far = scale(np.array([[1e6, 0.0], [-1e6, 0.0]]))
    assert far.max() <= known.max() * (1 + 1e-9)
    assert far.min() >= known.min() * (1 - 1e-9)


@pytest.mark.parametrize("wrong", [{"mean": np.inf}, {"scale": 0.0}, {"power": 2.0}, {"low": 9.0}])
def test_invalid_numbers(wrong):
    numbers = {"mean": 0.0, "scale": 1.0, "power": 1.0, "low": -1.0, "high": 1.0, **wrong}
    network = MLP(MLPConfig((2, 1), members=2))
    with pytest.raises(ValueError, match="scale"):
        ErrorScale(
            Ensemble(network, 0, numbers["mean"], numbers["scale"]),
            *(numbers[name] for name in ("power", "low", "high")),
        )
