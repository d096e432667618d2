from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone

from bowerbird.prediction.tabular.ensemble import Members, MembersConfig, _Net, deal

QUICK = MembersConfig(hidden=(32, 32), members=4, epochs=80, rate=0.01, weight_decay=0.0)


@pytest.fixture(scope="module")
def wave():
    random = np.random.default_rng(0)
    x = random.uniform(-2, 2, (240, 2))
    return x, 100 + 7 * np.sin(2 * x[:, 0]) + random.normal(size=240) * 0.5


def test_rows_are_dealt_evenly_within_each_class():
    classes = np.array([0] * 50 + [1] * 7 + [2] * 3)
    dealt = deal(classes, 5, seed=1)
    assert np.bincount(dealt).tolist() == [12] * 5
    for c in range(3):
        counts = np.bincount(dealt[classes == c], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(dealt, deal(classes, 5, seed=2))


def test_numbers_are_learned_in_their_own_unit(wave):
    x, y = wave
    members = Members(QUICK).fit(x, y)
    off = y - members.held_out(x)
    assert off.std() < 0.5 * y.std()
    assert members.by_member(x).shape == (4, 240)
    assert np.allclose(members.predict(x), members.by_member(x).mean(0))
    learned, held_out = np.array(members.history_).T
    assert learned[-1] < 0.3 * learned[0]
    assert held_out.min() == pytest.approx(np.mean(off**2) / y.var(), rel=1e-4)  # the best is kept


def test_classes_are_learned_as_probabilities(wave):
    x, _ = wave
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 1)
    members = Members(QUICK, classes=3).fit(x, y)
    said = members.predict(x)
    assert np.allclose(said.sum(1), 1)
    assert (members.held_out(x).argmax(1) == y).mean() > 0.85


def test_a_network_never_learns_from_its_own_part(wave):
    x, y = wave
    part = deal(np.zeros(len(x), int), 3, seed=0)
    gradient = _gradients(x, y, part)
    for member in range(3):
        assert np.all(gradient[member, part == member] == 0)
        assert np.all(gradient[member, part != member] != 0)


def _gradients(x, y, part):
    """The gradient of the loss by what each network said of each row."""
    net = _Net.__new__(_Net)
    net.device, net.criterion_ = "cpu", torch.nn.MSELoss(reduction="none")
    said = torch.zeros(3, len(x), 1, requires_grad=True)
    wanted = torch.from_numpy((y - y.mean()).astype(np.float32))
    loss = net.get_loss(said, wanted, {"part": torch.from_numpy(part)}, training=True)
    loss.backward()
    return said.grad[..., 0].numpy()


def test_the_seed_is_all_the_chance_there_is(wave):
    x, y = wave
    torch.manual_seed(5)
    first = Members(QUICK).fit(x, y).predict(x)
    state = torch.get_rng_state()
    torch.manual_seed(6)
    again = clone(Members(QUICK)).fit(x, y).predict(x)
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), state)  # and the caller's numbers are left alone
    other = replace(QUICK, seed=1)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, Members(other).fit(x, y).predict(x))


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": 1},
        {"epochs": 0},
        {"patience": 0},
        {"batch": -1},
        {"rate": 0.0},
        {"rate": float("nan")},
        {"weight_decay": -1.0},
        {"seed": -1},
        {"hidden": (0,)},
        {"dropout": 1.0},
        {"activation": "swish"},
    ],
)
def test_settings_that_can_not_be(wrong):
    with pytest.raises(ValueError, match=r"members|rate|widths|dropout|one of"):
        MembersConfig(**wrong)
