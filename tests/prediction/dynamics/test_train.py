"""Systems obey their laws, echo state networks their formula, and free runs stay valid."""

import numpy as np
import pytest
import torch

from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.echo_state import RecurrentRegressor
from bowerbird.prediction.dynamics.config import DynamicsConfig
from bowerbird.prediction.dynamics.free_run import valid_times
from bowerbird.prediction.dynamics.systems import LYAPUNOV_EXPONENT, energy, simulate
from bowerbird.prediction.dynamics.train import train_dynamics, train_dynamics_steps


def test_a_pendulum_keeps_its_energy():
    trajectories = simulate("pendulum", 3, 400, np.random.default_rng(0))
    assert np.ptp(energy(trajectories), axis=1).max() < 1e-6
    np.testing.assert_allclose((trajectories[..., :2] ** 2).sum(-1), 1, atol=1e-12)


def test_close_lorenz_trajectories_diverge_by_the_lyapunov_exponent():
    from scipy.integrate import solve_ivp  # noqa: PLC0415

    from bowerbird.prediction.dynamics.systems import _lorenz  # noqa: PLC0415

    states = simulate("lorenz", 12, 1, np.random.default_rng(0))[:, 0]
    rates = []
    for state in states:
        ends = [
            solve_ivp(_lorenz, (0, 12), s, method="DOP853", rtol=1e-11, atol=1e-11).y[:, -1]
            for s in (state, state + 1e-7)
        ]
        rates.append(np.log(np.linalg.norm(ends[1] - ends[0]) / (1e-7 * 3**0.5)) / 12)
    assert np.mean(rates) == pytest.approx(LYAPUNOV_EXPONENT, abs=0.15)


def test_an_echo_state_network_by_its_formula():
    net = RecurrentRegressor(2, 1, RecurrentConfig(cell="rnn", hidden_size=30)).double()
    net.initialize_reservoir(3, spectral_radius=0.7, input_scale=0.4)
    layer = net.layers[0]
    w, u, b = (p.detach().numpy() for p in (layer.weight_hh, layer.weight_ih, layer.bias_ih))
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(0.7, abs=1e-6)
    x = np.random.default_rng(0).normal(size=(20, 2))
    h = np.zeros(30)
    for observation in x:
        h = np.tanh(w @ h + u @ observation + b)
    with torch.no_grad():
        hidden = net.hidden(torch.from_numpy(x)[None])[0][0, -1].numpy()
    np.testing.assert_allclose(hidden, h, atol=1e-12)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_steps_equal_the_whole_sequence(cell):
    net = RecurrentRegressor(3, 2, RecurrentConfig(cell=cell, hidden_size=8, num_layers=2))
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2)
        x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
        outputs, _ = net(x)
        state = net.initial_state(4)
        for place in range(6):
            output, state = net.step(x[:, place], state)
            torch.testing.assert_close(output, outputs[:, place], atol=1e-5, rtol=1e-5)


def test_an_echo_state_network_needs_the_cell_rnn():
    with pytest.raises(ValueError, match="rnn"):
        RecurrentRegressor(1, 1, RecurrentConfig(cell="gru", hidden_size=4)).initialize_reservoir()


def test_valid_time_by_its_definition():
    error = np.array([[0.1, 0.3, 0.5, 0.1], [0.1, 0.1, 0.1, 0.1], [np.nan, 0.1, 0.1, 0.1]])
    np.testing.assert_allclose(valid_times(error, "lorenz") / (0.02 * LYAPUNOV_EXPONENT), [2, 4, 0])


def test_lorenz_is_predicted_for_several_lyapunov_times():
    config = DynamicsConfig(
        hidden_size=100, trajectories=8, duration=15, test_trajectories=6, free_run=12
    )
    run = train_dynamics("lorenz", config)
    assert np.median(run.valid_times) > 4  # a Lyapunov time multiplies an error by e
    predicted = run.predicted.reshape(-1, 3)  # later it stays on an attractor of the same size
    assert np.abs(predicted.std(0) / run.true.reshape(-1, 3).std(0) - 1).max() < 0.25


def test_a_pendulum_keeps_its_energy_and_phase_in_a_free_run():
    config = DynamicsConfig(
        hidden_size=120, trajectories=20, duration=20, test_trajectories=9, free_run=10
    )
    run = train_dynamics("pendulum", config)
    assert np.median(run.energy_drift) < 1e-2
    assert np.nanmedian(run.phase_drift) < 1e-2


def test_all_weights_can_be_trained():
    config = DynamicsConfig(
        method="gradient", hidden_size=16, trajectories=4, duration=10, test_trajectories=2,
        free_run=2, iterations=60,
    )  # fmt: skip
    steps = list(train_dynamics_steps("pendulum", config))
    assert len(steps) == 61
    assert steps[-1].preview is not None
    assert steps[59].losses["total"] < steps[0].losses["total"] / 2


def test_the_same_seed_gives_the_same_run():
    config = DynamicsConfig(
        hidden_size=40, trajectories=4, duration=6, test_trajectories=2, free_run=1, washout=20
    )
    run, same = (train_dynamics("lorenz", config) for _ in range(2))
    np.testing.assert_array_equal(run.predicted, same.predicted)


@pytest.mark.parametrize(("duration", "washout"), [(5.0, 100), (5.5, 200)])
def test_trajectories_shorter_than_the_washout_are_refused(duration, washout):
    config = DynamicsConfig(
        duration=duration, trajectories=4, test_trajectories=2, free_run=2, hidden_size=20,
        washout=washout,
    )  # fmt: skip
    with pytest.raises(ValueError, match="--washout"):
        train_dynamics("pendulum", config)


@pytest.mark.parametrize(
    "settings",
    [{"trajectories": 1}, {"duration": 0.0}, {"learning_rate": 0.0}, {"hidden_size": -1}],
)
def test_invalid_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        DynamicsConfig(**settings)
