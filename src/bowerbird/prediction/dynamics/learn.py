"""A recurrent network that learns how a system moves, and then moves on by itself.

``h_t = phi(h_{t-1}, s_t)``, ``s_{t+1} = s_t + D (V h_t + S s_t + a)``: it reads what was observed,
says the next change, and, running free, reads what it has said. D brings changes to a deviation of
one; s is normalized by what was learned from.

Two ways to learn. ``readout``: an echo state network (Jaeger 2001; Jaeger and Haas 2004, Science
304): weights below the readout are drawn, V, S and a follow in closed form. ``everything``: all
weights of an RNN, LSTM or GRU by gradients through time.

Measured on paths that were never learned from, after ``warm`` observed steps. Valid time: how
long the normalized error ``sqrt(mean_i ((s_i - s'_i) / sigma_i)^2)`` stays below 0.4, the bound of
Pathak et al. 2018 (Chaos 28, 041101), who divide by the norm instead; Vlachas et al. 2020
(arXiv:1910.05266) divide as here and have 0.5 for a bound. A penalty is chosen by valid time on
paths set aside.
"""

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.step import Step, run_to_end
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.echo_state import RecurrentRegressor
from bowerbird.prediction.dynamics.config import DynamicsConfig, System
from bowerbird.prediction.dynamics.systems import SYSTEMS, energy, observe
from bowerbird.prediction.ridge import fit_ridges

Array = np.ndarray
VALID = 0.4  # normalized error up to which a prediction is called valid
PENALTIES = (1e-7, 1e-5, 1e-3, 1e-1)
ASIDE = 0.2  # share of the paths on which penalties and weights are chosen
RADIUS, REACH = 0.4, 0.5  # of the echo state network's weights
WIDTHS = {"readout": 300, "everything": 64}


class Mover:
    """A network with the units of what it was observed on."""

    def __init__(self, network: RecurrentRegressor, observed: Float[Array, "p t d"]) -> None:
        self.network = network
        changes = np.diff(observed, axis=1)
        self.mean, self.scale = observed.mean((0, 1)), observed.std((0, 1))
        self.change = changes.std((0, 1)) / self.scale

    def normal(self, observed: Float[Array, "p t d"]) -> Tensor:
        """Return observations as the network reads them."""
        kind = self.network.readout.bias
        return torch.from_numpy((observed - self.mean) / self.scale).to(kind)

    def targets(self, observed: Float[Array, "p t d"]) -> Tensor:
        """Return the changes that the network is to say; one fewer than observations."""
        s = self.normal(observed)
        return s.diff(dim=1) / torch.from_numpy(self.change).to(s)

    @torch.no_grad()
    def run(self, observed: Float[Array, "p w d"], steps: int) -> Float[Array, "p t d"]:
        """Read what was observed, then run free; return the ``steps`` observations after it."""
        s = self.normal(observed)
        change = torch.from_numpy(self.change).to(s)
        said, state = self.network(s)
        here = s[:, -1] + said[:, -1] * change
        found = [here]
        for _ in range(steps - 1):
            more, state = self.network.step(here, state)
            here = here + more * change
            found.append(here)
        return torch.stack(found, 1).cpu().double().numpy() * self.scale + self.mean


@dataclass(frozen=True)
class FreeRun:
    """What came of running free beside the truth."""

    system: System
    config: DynamicsConfig
    true: Float[Array, "p t d"]
    free: Float[Array, "p t d"]
    error: Float[Array, "p t"]
    """Normalized error of each path over time."""
    one_step: float
    """Normalized error of the first step."""
    seconds: float
    """Seconds of learning."""
    weights: int

    @property
    def times(self) -> Float[Array, " t"]:
        """The time since it runs free."""
        return (1 + np.arange(self.error.shape[1])) * SYSTEMS[self.system].interval

    @property
    def valid(self) -> Float[Array, " p"]:
        """How long each path was foreseen, in Lyapunov times or periods."""
        return valid_times(self.error, self.system)

    @property
    def energy_drift(self) -> Float[Array, " p"]:
        """A pendulum's largest change of energy, as a share of what turns it over (2 g / l)."""
        own = energy(self.free)
        return np.abs(own - energy(self.true[:, :1])).max(1) / (2 * 9.81)

    @property
    def phase_drift(self) -> Float[Array, " p"]:
        """How far a pendulum's last swing through the middle is off, as a share of its period."""
        return np.array(
            [_phase(t, f, self.times) for t, f in zip(self.true, self.free, strict=True)]
        )


def valid_times(error: Float[Array, "p t"], system: System) -> Float[Array, " p"]:
    """Return how long the normalized error stays below its bound, in the system's unit."""
    bad = ~(error < VALID)
    steps = np.where(bad.any(1), bad.argmax(1), error.shape[1])
    return steps * SYSTEMS[system].interval / SYSTEMS[system].unit


def move_steps(
    system: System, config: DynamicsConfig, device: str = "cpu"
) -> Generator[Step[FreeRun], None, None]:
    """Observe, learn and run free; the last step has the free run."""
    began = time.perf_counter()
    interval = SYSTEMS[system].interval
    observed = int(config.duration / interval)
    if config.learns == "readout" and config.warm >= observed:
        raise ValueError(
            f"{config.warm} observations to read before running free are too many for paths of "
            f"{observed}; give a --warm below that, or a longer --duration"
        )
    random = np.random.default_rng(config.seed)
    paths = observe(system, config.paths, observed, random)
    total = 1
    learning = time.perf_counter()
    if config.learns == "readout":
        mover = echo(system, paths, config)
    else:
        mover = _unlearned(paths, config, device)
        for step in _by_gradients(mover, paths, config, device):
            total = step.total + 1
            yield Step(step.number, total, step.losses, time.perf_counter() - began)
    learned = time.perf_counter() - learning
    # of another seed: no path is met twice
    tests = observe(
        system,
        config.tests,
        config.warm + int(config.free / interval),
        np.random.default_rng((config.seed, 1)),
    )
    done = free_run(system, mover, tests, config, learned)
    losses = {"total": done.one_step, "valid": float(np.median(done.valid))}
    yield Step(total, total, losses, time.perf_counter() - began, done)


def move(system: System, config: DynamicsConfig, device: str = "cpu") -> FreeRun:
    """Observe, learn and run free."""
    return run_to_end(move_steps(system, config, device))


def free_run(
    system: System,
    mover: Mover,
    paths: Float[Array, "p t d"],
    config: DynamicsConfig,
    seconds: float = 0.0,
) -> FreeRun:
    """Let a mover run free on paths after their first ``warm`` observations."""
    true = paths[:, config.warm :]
    free = mover.run(paths[:, : config.warm], true.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt((((free - true) / mover.scale) ** 2).mean(2))
    count = sum(p.numel() for p in mover.network.parameters())
    first = float(error[:, 0].mean())
    return FreeRun(system, config, true, free, error, first, seconds, count)


@torch.no_grad()
def echo(system: System, paths: Float[Array, "p t d"], config: DynamicsConfig) -> Mover:
    """Return an echo state network whose readout was learned from paths.

    In float64: the readout's accuracy is what the valid time depends on.
    """
    count = paths.shape[2]
    shape = RecurrentConfig(cell="rnn", hidden_size=config.width or WIDTHS["readout"])
    network = RecurrentRegressor(count, count, shape).double()
    network.echo(config.seed, radius=RADIUS, reach=REACH)
    mover = Mover(network, paths)
    aside = max(1, int(ASIDE * len(paths)))
    s = mover.normal(paths)
    hidden, _ = network.hidden(s[:, :-1])
    skipped = min(config.warm, s.shape[1] // 4)  # the state is still that of no past
    features = torch.cat([hidden, s[:, :-1]], 2)[:-aside, skipped:].flatten(0, 1).numpy()
    targets = mover.targets(paths)[:-aside, skipped:].flatten(0, 1).numpy()
    best, found = -1.0, None
    for readout in fit_ridges(features, targets, PENALTIES):
        width = shape.hidden_size
        network.readout.weight.copy_(torch.from_numpy(readout.weight[:width].T))
        network.skip.weight.copy_(torch.from_numpy(readout.weight[width:].T))
        network.readout.bias.copy_(torch.from_numpy(readout.bias))
        valid = float(free_run(system, mover, paths[-aside:], config).valid.mean())
        if valid > best:
            best, found = valid, {n: p.clone() for n, p in network.state_dict().items()}
    assert found is not None
    network.load_state_dict(found)
    return mover


class Pieces:
    """Pieces of paths, as ``train_steps`` wants its tasks."""

    def __init__(self, mover: Mover, paths: Float[Array, "p t d"], config: DynamicsConfig) -> None:
        self.network: torch.nn.Module = mover.network
        self.config = config
        self.random = np.random.default_rng(config.seed)
        aside = max(1, int(ASIDE * len(paths)))
        self.s, self.targets = mover.normal(paths)[:, :-1], mover.targets(paths)
        self.learned = len(paths) - aside

    def loss(self, network: torch.nn.Module) -> Tensor:
        """Return the mean squared error of the next changes, each of deviation one."""
        config = self.config
        path = self.random.integers(self.learned, size=config.rows)[:, None]
        window = min(config.window, self.s.shape[1])
        start = self.random.integers(self.s.shape[1] - window + 1, size=config.rows)[:, None]
        place = start + np.arange(window)
        said, _ = network(self.s[path, place])
        # the first few are read without a past
        return (said - self.targets[path, place])[:, window // 4 :].square().mean()

    def validate(self, network: torch.nn.Module) -> float:
        """Return the same on paths that were set aside."""
        with torch.no_grad():
            said, _ = network(self.s[self.learned :])
            return float((said - self.targets[self.learned :]).square().mean())

    def state_dict(self) -> dict[str, Tensor]:
        """Return nothing: pieces are drawn anew."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on anywhere."""


def _unlearned(paths: Float[Array, "p t d"], config: DynamicsConfig, device: str) -> Mover:
    """Return a network that is to learn everything."""
    count = paths.shape[2]
    shape = RecurrentConfig(cell=config.cell, hidden_size=config.width or WIDTHS["everything"])
    network = RecurrentRegressor(count, count, shape)
    network.initialize(config.seed)
    return Mover(network.to(device), paths)


def _by_gradients(
    mover: Mover, paths: Float[Array, "p t d"], config: DynamicsConfig, device: str
) -> Generator[Step[None], None, None]:
    fit = TrainerConfig(
        iterations=config.iterations,
        learning_rate=config.rate,
        final_lr_ratio=1e-3,
        weight_decay=0.0,
        validate_every=max(1, config.iterations // 10),
        seed=config.seed,
    )
    yield from train_steps(Pieces(mover, paths, config), fit, device=device)


def _phase(true: Array, free: Array, times: Array) -> float:
    """Return the difference of the last common upward crossing, as a share of the true period."""
    own, other = _crossings(true[:, 0], times), _crossings(free[:, 0], times)
    count = min(len(own), len(other))
    if count < 2:
        return float("nan")
    period = (own[-1] - own[0]) / (len(own) - 1)
    return abs(float(own[count - 1] - other[count - 1])) / period


def _crossings(x: Array, times: Array) -> Array:
    """Return when a signal goes up through zero, between observations by a straight line."""
    with np.errstate(invalid="ignore"):
        at = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    return times[at] - x[at] / (x[at + 1] - x[at]) * (times[1] - times[0])
