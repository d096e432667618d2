"""Train a network on trajectories of a system, then run it freely on others.

Two methods. ``echo-state``: an echo state network (Jaeger 2001; Jaeger and Haas 2004, Science 304).
Weights below the readout are random; the readout is fitted in closed form (ridge regression), its
penalty chosen by the valid time on validation trajectories. ``gradient``: all weights of an RNN,
LSTM or GRU by backpropagation through time.
"""

import time
from collections.abc import Generator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.step import Step, run_to_end
from bowerbird.learning.trainer import Task, train_steps
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.echo_state import RecurrentRegressor
from bowerbird.prediction.dynamics.config import DynamicsConfig, System
from bowerbird.prediction.dynamics.free_run import FreeRun, free_run
from bowerbird.prediction.dynamics.model import DynamicsModel
from bowerbird.prediction.dynamics.systems import SYSTEMS, simulate
from bowerbird.prediction.ridge import fit_ridges

Array = np.ndarray
PENALTIES = (1e-7, 1e-5, 1e-3, 1e-1)
VALIDATION_FRACTION = 0.2  # of the trajectories
SPECTRAL_RADIUS, INPUT_SCALE = 0.4, 0.5  # of the echo state network


def train_dynamics_steps(
    system: System, config: DynamicsConfig, device: str = "cpu"
) -> Generator[Step[FreeRun], None, None]:
    """Simulate, train and run freely; the preview of the last step is the free run."""
    start = time.perf_counter()
    interval = SYSTEMS[system].interval
    observations = int(config.duration / interval)
    if config.method == "echo-state" and config.washout >= observations:
        raise ValueError(
            f"washout must be below the {observations} observations of a trajectory, got "
            f"{config.washout}; give a smaller --washout or a longer --duration"
        )
    random = np.random.default_rng(config.seed)
    trajectories = simulate(system, config.trajectories, observations, random)
    total = 1
    training_start = time.perf_counter()
    if config.method == "echo-state":
        model = fit_echo_state(system, trajectories, config)
    else:
        model = _initial_model(trajectories, config, device)
        for step in _train_steps(model, trajectories, config, device):
            total = step.total + 1
            yield Step(step.number, total, step.losses, time.perf_counter() - start)
    training_seconds = time.perf_counter() - training_start
    # another seed, so that no trajectory is used twice
    test_random = np.random.default_rng((config.seed, 1))
    test_length = config.washout + int(config.free_run / interval)
    test = simulate(system, config.test_trajectories, test_length, test_random)
    run = free_run(system, model, test, config, training_seconds)
    losses = {"total": run.one_step_error, "valid_time": float(np.median(run.valid_times))}
    yield Step(total, total, losses, time.perf_counter() - start, run)


def train_dynamics(system: System, config: DynamicsConfig, device: str = "cpu") -> FreeRun:
    """Simulate, train and run freely."""
    return run_to_end(train_dynamics_steps(system, config, device))


@torch.no_grad()
def fit_echo_state(
    system: System, trajectories: Float[Array, "p t d"], config: DynamicsConfig
) -> DynamicsModel:
    """Fit an echo state network.

    It is float64, because the valid time depends on the accuracy of the readout.
    """
    size, width = trajectories.shape[2], config.units
    network = RecurrentRegressor(size, size, RecurrentConfig(cell="rnn", hidden_size=width))
    network.double().initialize_reservoir(
        config.seed, spectral_radius=SPECTRAL_RADIUS, input_scale=INPUT_SCALE
    )
    model = DynamicsModel(network, trajectories)
    validation = _validation_count(trajectories)
    s = model.normalize(trajectories)
    hidden, _ = network.hidden(s[:, :-1])
    skipped = min(config.washout, s.shape[1] // 4)  # the state still depends on the initial zeros
    features = torch.cat([hidden, s[:, :-1]], 2)[:-validation, skipped:].flatten(0, 1).numpy()
    targets = model.targets(trajectories)[:-validation, skipped:].flatten(0, 1).numpy()
    best, best_state = -1.0, network.state_dict()
    for readout in fit_ridges(features, targets, PENALTIES):
        network.readout.weight.copy_(torch.from_numpy(readout.weight[:width].T))
        network.skip.weight.copy_(torch.from_numpy(readout.weight[width:].T))
        network.readout.bias.copy_(torch.from_numpy(readout.bias))
        run = free_run(system, model, trajectories[-validation:], config)
        if (valid_time := float(run.valid_times.mean())) > best:
            best = valid_time
            best_state = {name: p.clone() for name, p in network.state_dict().items()}
    network.load_state_dict(best_state)
    return model


class TrajectoryTask(Task):
    """Random sequences of trajectories."""

    def __init__(
        self, model: DynamicsModel, trajectories: Float[Array, "p t d"], config: DynamicsConfig
    ) -> None:
        self.network: torch.nn.Module = model.network
        self.config = config
        self.random = np.random.default_rng(config.seed)
        self.inputs = model.normalize(trajectories)[:, :-1]
        self.targets = model.targets(trajectories)
        self.num_train = len(trajectories) - _validation_count(trajectories)

    def loss(self, network: torch.nn.Module) -> Tensor:
        """Return the mean squared error of the next changes, each of standard deviation one."""
        batch_size, available = self.config.batch_size, self.inputs.shape[1]
        which = self.random.integers(self.num_train, size=batch_size)[:, None]
        length = min(self.config.sequence_length, available)
        start = self.random.integers(available - length + 1, size=batch_size)[:, None]
        place = start + np.arange(length)
        predicted, _ = network(self.inputs[which, place])
        # the first predictions have too little context
        return (predicted - self.targets[which, place])[:, length // 4 :].square().mean()

    def validate(self, network: torch.nn.Module) -> float:
        """Return the mean squared error on the validation trajectories."""
        with torch.no_grad():
            predicted, _ = network(self.inputs[self.num_train :])
            return float((predicted - self.targets[self.num_train :]).square().mean())


def _validation_count(trajectories: Float[Array, "p t d"]) -> int:
    """Return how many trajectories, the last ones, are for validation."""
    return max(1, int(VALIDATION_FRACTION * len(trajectories)))


def _initial_model(
    trajectories: Float[Array, "p t d"], config: DynamicsConfig, device: str
) -> DynamicsModel:
    """Return a model with random initial weights."""
    size = trajectories.shape[2]
    shape = RecurrentConfig(cell=config.cell, hidden_size=config.units)
    network = RecurrentRegressor(size, size, shape)
    network.initialize(config.seed)
    return DynamicsModel(network.to(device), trajectories)


def _train_steps(
    model: DynamicsModel, trajectories: Float[Array, "p t d"], config: DynamicsConfig, device: str
) -> Generator[Step[None], None, None]:
    trainer = TrainerConfig(
        iterations=config.iterations,
        learning_rate=config.learning_rate,
        final_lr_ratio=1e-3,
        weight_decay=0.0,
        validate_every=max(1, config.iterations // 10),
        seed=config.seed,
    )
    yield from train_steps(TrajectoryTask(model, trajectories, config), trainer, device=device)
