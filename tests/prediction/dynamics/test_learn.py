"""Systems by their laws, echo state networks by their formula, free runs that hold."""

import numpy as np
import pytest
import torch

from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.echo_state import RecurrentRegressor
from bowerbird.prediction.dynamics.config import DynamicsConfig
from bowerbird.prediction.dynamics.learn import move, move_steps, valid_times
from bowerbird.prediction.dynamics.systems import EXPONENT, energy, observe


def test_a_pendulum_keeps_its_energy():
    paths = observe("pendulum", 3, 400, np.random.default_rng(0))
    own = energy(paths)
    assert np.ptp(own, axis=1).max() < 1e-6
    np.testing.assert_allclose((paths[..., :2] ** 2).sum(-1), 1, atol=1e-12)


def test_close_lorenz_paths_part_by_the_exponent():
    from scipy.integrate import solve_ivp  # noqa: PLC0415

    from bowerbird.prediction.dynamics.systems import _lorenz  # noqa: PLC0415

    start = observe("lorenz", 12, 1, np.random.default_rng(0))[:, 0]
    rates = []
    for one in start:
        ends = [
            solve_ivp(_lorenz, (0, 12), s, method="DOP853", rtol=1e-11, atol=1e-11).y[:, -1]
            for s in (one, one + 1e-7)
        ]
        rates.append(np.log(np.linalg.norm(ends[1] - ends[0]) / (1e-7 * 3**0.5)) / 12)
    assert np.mean(rates) == pytest.approx(EXPONENT, abs=0.15)


def test_an_echo_state_network_by_its_formula():
    net = RecurrentRegressor(2, 1, RecurrentConfig(cell="rnn", hidden_size=30)).double()
    net.echo(3, radius=0.7, reach=0.4)
    layer = net.all_layers()[0]
    w, u, b = (p.detach().numpy() for p in (layer.weight_hh, layer.weight_ih, layer.bias_ih))
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(0.7, abs=1e-6)
    x = np.random.default_rng(0).normal(size=(20, 2))
    h = np.zeros(30)
    for moment in x:
        h = np.tanh(w @ h + u @ moment + b)
    with torch.no_grad():
        found = net.hidden(torch.from_numpy(x)[None])[0][0, -1].numpy()
    np.testing.assert_allclose(found, h, atol=1e-12)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_step_by_step_is_the_whole_sequence(cell):
    net = RecurrentRegressor(3, 2, RecurrentConfig(cell=cell, hidden_size=8, num_layers=2))
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2)
        x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
        whole, _ = net(x)
        state = net.start(4)
        for place in range(6):
            one, state = net.step(x[:, place], state)
            torch.testing.assert_close(one, whole[:, place], atol=1e-5, rtol=1e-5)


def test_an_echo_needs_a_simple_cell():
    with pytest.raises(ValueError, match="rnn"):
        RecurrentRegressor(1, 1, RecurrentConfig(cell="gru", hidden_size=4)).echo()


def test_valid_time_by_its_definition():
    error = np.array([[0.1, 0.3, 0.5, 0.1], [0.1, 0.1, 0.1, 0.1], [np.nan, 0.1, 0.1, 0.1]])
    np.testing.assert_allclose(valid_times(error, "lorenz") / (0.02 * EXPONENT), [2, 4, 0])


def test_lorenz_is_foreseen_for_several_lyapunov_times():
    done = move("lorenz", DynamicsConfig(width=100, paths=8, duration=15, tests=6, free=12))
    assert np.median(done.valid) > 4  # a Lyapunov time multiplies an error by e
    free = done.free.reshape(-1, 3)  # afterwards it stays on an attractor of the same size
    assert np.abs(free.std(0) / done.true.reshape(-1, 3).std(0) - 1).max() < 0.25


def test_a_pendulum_runs_on_with_its_energy_and_phase():
    done = move("pendulum", DynamicsConfig(width=120, paths=20, duration=20, tests=9, free=10))
    assert np.median(done.energy_drift) < 1e-2
    assert np.nanmedian(done.phase_drift) < 1e-2


def test_everything_can_be_learned_too():
    config = DynamicsConfig(
        learns="everything", width=16, paths=4, duration=10, tests=2, free=2, iterations=60
    )
    steps = list(move_steps("pendulum", config))
    assert len(steps) == 61
    assert steps[-1].preview is not None
    assert steps[59].losses["total"] < steps[0].losses["total"] / 2


def test_the_same_seed_is_the_same_run():
    config = DynamicsConfig(width=40, paths=4, duration=6, tests=2, free=1, warm=20)
    one, same = (move("lorenz", config) for _ in range(2))
    np.testing.assert_array_equal(one.free, same.free)


@pytest.mark.parametrize(("duration", "warm"), [(5.0, 100), (5.5, 200)])
def test_paths_shorter_than_what_is_read_before_are_refused(duration, warm):
    config = DynamicsConfig(duration=duration, paths=4, tests=2, free=2, width=20, warm=warm)
    with pytest.raises(ValueError, match="--warm"):
        move("pendulum", config)


@pytest.mark.parametrize("wrong", [{"paths": 1}, {"duration": 0.0}, {"rate": 0.0}, {"width": -1}])
def test_nonsense_settings(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DynamicsConfig(**wrong)
