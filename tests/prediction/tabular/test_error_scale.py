import numpy as np
import pytest

from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP
from bowerbird.prediction.tabular.conformal import of_numbers
from bowerbird.prediction.tabular.ensemble import Members, MembersConfig
from bowerbird.prediction.tabular.error_scale import Spread, spread_of

QUICK = MembersConfig(hidden=(16,), members=4, epochs=60, rate=0.01)


def rows(count, noisy, seed=0):
    """A line with noise of one size, or from a fifth to 2.2 of it."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (count, 2))
    size = 0.2 + x[:, 0] + 1 if noisy else np.ones(count)
    return x, x[:, 1] + size * random.normal(size=count), size


@pytest.fixture(scope="module")
def noisy():
    x, y, _ = rows(600, noisy=True)
    members = Members(QUICK).fit(x, y)
    return x, y, members, np.abs(y - members.held_out(x))


def test_errors_that_grow_are_seen_and_each_quarter_is_covered(noisy):
    x, y, members, errors = noisy
    spread = spread_of(members, x, errors)
    assert spread is not None
    new, true, size = rows(4000, noisy=True, seed=1)
    quarter = np.argsort(np.argsort(size)) * 4 // len(size)
    known = of_numbers(y, members.held_out(x), members.part_)

    def held(low, high):
        inside = (low <= true) & (true <= high)
        return np.array([inside[quarter == k].mean() for k in range(4)])

    said = members.by_member(new)
    even = held(*known.intervals(said, 0.9))
    own = held(*known.in_units(spread(x)).intervals(said, 0.9, spread(new)))
    assert even[3] < 0.83  # what this is for
    assert own.min() > 0.85
    assert own.mean() == pytest.approx(0.9, abs=0.03)


def test_where_noise_is_even_nothing_changes():
    for seed in range(3):
        x, y, _ = rows(300, noisy=False, seed=seed)
        members = Members(QUICK).fit(x, y)
        assert spread_of(members, x, np.abs(y - members.held_out(x))) is None


def test_errors_of_nothing_have_no_spread(noisy):
    x, _, members, errors = noisy
    assert spread_of(members, x, np.zeros(len(errors))) is None


def test_the_unit_of_the_errors_does_not_matter(noisy):
    x, _, members, errors = noisy
    one, other = spread_of(members, x, errors), spread_of(members, x, errors * 1e6)
    np.testing.assert_allclose(other(x), one(x), rtol=1e-3)


def test_far_from_all_rows_it_is_no_larger_than_in_them(noisy):
    x, _, members, errors = noisy
    spread = spread_of(members, x, errors)
    own = spread(x)[members.part_, np.arange(len(x))]
    far = spread(np.array([[1e6, 0.0], [-1e6, 0.0]]))
    assert far.max() <= own.max() * (1 + 1e-9)
    assert far.min() >= own.min() * (1 - 1e-9)


@pytest.mark.parametrize("wrong", [{"mean": np.inf}, {"scale": 0.0}, {"power": 2.0}, {"low": 9.0}])
def test_numbers_that_can_not_be(wrong):
    numbers = {"mean": 0.0, "scale": 1.0, "power": 1.0, "low": -1.0, "high": 1.0}
    with pytest.raises(ValueError, match="spread"):
        Spread(MLP(MLPConfig((2, 1), members=2)), **{**numbers, **wrong})
