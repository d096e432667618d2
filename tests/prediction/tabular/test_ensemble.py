from dataclasses import replace

import numpy as np
import pytest
import torch

from bowerbird.prediction.tabular.config import EnsembleConfig
from bowerbird.prediction.tabular.ensemble import (
    losses_of_members,
    split_evenly,
    train_ensemble,
    training_loss,
)

QUICK = EnsembleConfig((32, 32), members=4, epochs=80, learning_rate=0.01, weight_decay=0.0)


@pytest.fixture(scope="module")
def wave():
    random = np.random.default_rng(0)
    x = random.uniform(-2, 2, (240, 2))
    return x, 100 + 7 * np.sin(2 * x[:, 0]) + random.normal(size=240) * 0.5


def test_rows_are_split_evenly_within_each_class():
    classes = np.array([0] * 50 + [1] * 7 + [2] * 3)
    parts = split_evenly(classes, 5, seed=1)
    assert np.bincount(parts).tolist() == [12] * 5
    for c in range(3):
        counts = np.bincount(parts[classes == c], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(parts, split_evenly(classes, 5, seed=2))


def test_numbers_are_predicted_in_their_own_unit(wave):
    x, y = wave
    trained = train_ensemble(x, y, 0, QUICK)
    errors = y - trained.out_of_part(x)
    assert errors.std() < 0.5 * y.std()
    assert trained.ensemble(x).shape == (4, 240)
    training, out_of_part = np.array(trained.history).T
    assert training[-1] < 0.3 * training[0]
    best = np.mean(errors**2) / y.var()  # the best weights are the result
    assert out_of_part.min() == pytest.approx(best, rel=1e-4)


def test_classes_are_predicted_as_probabilities(wave):
    x, _ = wave
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 1)
    trained = train_ensemble(x, y, 3, QUICK)
    assert np.allclose(trained.ensemble(x).mean(0).sum(1), 1)
    assert (trained.out_of_part(x).argmax(1) == y).mean() > 0.85


def test_no_member_is_trained_on_its_own_part(wave):
    x, y = wave
    parts = split_evenly(np.zeros(len(x), int), 3, seed=0)
    outputs = torch.zeros(3, len(x), 1, requires_grad=True)
    targets = torch.from_numpy((y - y.mean()).astype(np.float32))
    training_loss(losses_of_members(outputs, targets), torch.from_numpy(parts)).backward()
    gradient = outputs.grad[..., 0].numpy()
    for member in range(3):
        assert np.all(gradient[member, parts == member] == 0)
        assert np.all(gradient[member, parts != member] != 0)


def test_training_equals_a_plain_loop(wave):
    """AdamW with the defaults of torch, and one random order of the rows for each epoch."""
    x, y = wave
    config = replace(QUICK, epochs=2, dropout=0.2, weight_decay=0.3)
    trained = train_ensemble(x, y, 0, config)
    network, parts = trained.ensemble.network, torch.from_numpy(trained.parts)
    inputs = torch.from_numpy(x.astype(np.float32))
    targets = torch.from_numpy(((y - y.mean()) / y.std()).astype(np.float32))
    torch.manual_seed(config.seed)
    expected = type(network)(network.config)
    optimizer = torch.optim.AdamW(
        expected.parameters(), lr=config.learning_rate, weight_decay=0.3, fused=True
    )
    for _ in range(config.epochs):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            losses = losses_of_members(expected(inputs[rows]), targets[rows])
            training_loss(losses, parts[rows]).backward()
            optimizer.step()
    held_out = [loss for _, loss in trained.history]
    assert held_out[-1] == min(held_out)  # so that the last weights are the result
    for name, weight in expected.named_parameters():
        assert torch.equal(weight, network.get_parameter(name))


def test_the_seed_decides_all(wave):
    x, y = wave
    torch.manual_seed(5)
    first = train_ensemble(x, y, 0, QUICK).ensemble(x)
    state = torch.get_rng_state()
    torch.manual_seed(6)
    again = train_ensemble(x, y, 0, QUICK).ensemble(x)
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), state)  # the caller's generator is not touched
    assert np.array_equal(first, again)
    assert not np.array_equal(first, train_ensemble(x, y, 0, replace(QUICK, seed=1)).ensemble(x))


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": 1},
        {"epochs": 0},
        {"patience": 0},
        {"batch_size": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"weight_decay": -1.0},
        {"seed": -1},
        {"hidden_sizes": (0,)},
        {"dropout": 1.0},
        {"activation": "swish"},
    ],
)
def test_invalid_settings(wrong):
    name = "widths" if "hidden_sizes" in wrong else next(iter(wrong))
    with pytest.raises(ValueError, match=name):
        EnsembleConfig(**wrong)
