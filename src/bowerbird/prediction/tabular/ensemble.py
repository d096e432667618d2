"""Networks that are each trained without one part of the rows, and whose predictions are averaged.

The rows are divided into K parts, and network k is trained on all but the k-th. So every row has a
prediction by a network that was not trained on it; these out-of-part predictions decide when
training stops and how far off predictions are (`conformal`), and no row is set aside. The networks
are one batched network (``MLP`` with members).

Sources: Krogh, Vedelsby 1995, "Neural network ensembles, cross validation, and active learning"
(members that leave out parts); Barber et al. 2021, section 3 (CV+, whose K models these are).

Departure from CV+: training stops for all members at once, by the mean of the same losses.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.model_file import load_weights, stored_weights
from bowerbird.learning.trainer import Task, train_steps
from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP
from bowerbird.prediction.tabular.config import EnsembleConfig

LARGE = 4000  # rows
LARGE_EPOCHS = 20  # at most, of as many
BLOCK = 8192  # rows predicted at once
MAX_INPUT = 1e18  # standard deviations, whose square is still finite in float32


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks of one shape, and the scale of the numbers that they predict."""

    network: MLP
    num_classes: int = 0
    """0 if they predict numbers."""
    mean: float = 0.0
    """Mean of the training table's numbers, in their unit."""
    scale: float = 1.0
    """Their standard deviation."""

    def __post_init__(self) -> None:
        if not np.isfinite(self.mean) or not 0 < self.scale < np.inf:
            raise ValueError(f"mean and scale must be finite, got {self.mean} and {self.scale}")

    def __call__(self, x: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "members n ..."]:
        """Return each member's predictions: numbers, or probabilities of the classes."""
        values = _outputs(self.network, _inputs(x)).numpy().astype(np.float64)
        if not self.num_classes:
            return values[..., 0] * self.scale + self.mean
        powers = np.exp(values - values.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs, except the weights."""
        shape = asdict(self.network.config)
        return {**shape, "num_classes": self.num_classes, "mean": self.mean, "scale": self.scale}

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Return the weights for a model file, with a prefix before their names."""
        return {f"{prefix}{name}": w for name, w in stored_weights(self.network).items()}

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor], prefix: str, device: str
    ) -> "Ensemble":
        """Return the ensemble in a model file; raise ValueError if its parts do not fit."""
        num_classes = int(values["num_classes"])
        shape = {name: values[name] for name in ("activation", "dropout", "members")}
        config = MLPConfig(tuple(map(int, values["widths"])), **shape)
        if config.members < 1 or config.widths[-1] != (num_classes or 1):
            raise ValueError("the shape of its networks does not fit its target")
        with torch.device("meta"):  # a forged header must not allocate more than the file has
            network = MLP(config)
        load_weights(network, tensors, prefix)
        mean, scale = float(values["mean"]), float(values["scale"])
        return cls(network.eval().to(device), num_classes, mean, scale)


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """An ensemble, and what is known from its training."""

    ensemble: Ensemble
    parts: Int[np.ndarray, " n"]
    """The part of each row, which is the member that was not trained on it."""
    history: list[tuple[float, float]]
    """(training loss, out-of-part loss) of each epoch, per member."""

    def out_of_part(self, x: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "n ..."]:
        """Return, for the training rows, the predictions of the member not trained on each."""
        return self.ensemble(x)[self.parts, np.arange(len(x))]


def train_ensemble(
    x: Float[np.ndarray, "n width"],
    y: np.ndarray,
    num_classes: int,
    config: EnsembleConfig,
    device: str = "cpu",
    parts: Int[np.ndarray, " n"] | None = None,
) -> TrainedEnsemble:
    """Train an ensemble on encoded rows and their numbers (``num_classes`` 0) or class indices.

    ``parts`` is the part of each row, if it is already known.
    """
    groups = y if num_classes else np.zeros(len(y), np.int64)
    if parts is None:
        parts = split_evenly(groups, min(config.members, len(x)), config.seed)
    mean, scale = 0.0, 1.0
    if num_classes:
        targets = np.array(y, np.int64)  # a copy: pandas returns read-only arrays
    else:
        mean, scale = float(np.mean(y)), float(np.std(y)) or 1.0
        targets = ((y - mean) / scale).astype(np.float32)
    widths = (x.shape[1], *config.hidden_sizes, num_classes or 1)
    shape = MLPConfig(widths, config.activation, config.dropout, members=config.members)
    config = _for_size(config, len(x))
    batch_size = config.batch_size or int(np.clip(len(x) // 16, 32, 256))
    with _seeded(config.seed, device):
        network = MLP(shape)
        tensors = (torch.from_numpy(targets), torch.from_numpy(parts))
        history = _train(_EnsembleTask(network, _inputs(x), *tensors, batch_size, device), config)
    return TrainedEnsemble(Ensemble(network.eval(), num_classes, mean, scale), parts, history)


def _for_size(config: EnsembleConfig, rows: int) -> EnsembleConfig:
    """Return settings for many rows: larger batches and fewer epochs take a tenth of the time."""
    if rows <= LARGE or config.batch_size:
        return config
    rate, patience = min(1.5 * config.learning_rate, 0.99), min(config.patience, 4)
    epochs = min(config.epochs, LARGE_EPOCHS)
    return replace(config, batch_size=512, learning_rate=rate, patience=patience, epochs=epochs)


def split_evenly(groups: Int[np.ndarray, " n"], count: int, seed: int) -> Int[np.ndarray, " n"]:
    """Assign rows to ``count`` parts at random, as evenly as possible, also within each group."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    parts = np.empty(len(groups), np.int64)
    parts[order] = np.arange(len(groups)) % count
    return parts


def _inputs(x: Float[np.ndarray, "n width"]) -> Float[Tensor, "n width"]:
    """Return encoded rows in float32, without numbers that would overflow there."""
    return torch.from_numpy(np.clip(x, -MAX_INPUT, MAX_INPUT).astype(np.float32))


@torch.inference_mode()
def _outputs(network: nn.Module, x: Float[Tensor, "n width"]) -> Float[Tensor, "members n out"]:
    """Return the outputs of each member on the CPU, some rows at a time."""
    device = next(network.parameters()).device
    return torch.cat([network(block.to(device)).cpu() for block in x.split(BLOCK)], 1)


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch's generators; afterwards they are as before."""
    cuda = range(torch.cuda.device_count()) if device.startswith("cuda") else range(0)
    with torch.random.fork_rng(cuda):
        torch.default_generator.manual_seed(seed)  # not those of devices that nothing runs on
        if cuda:
            torch.cuda.manual_seed_all(seed)
        yield


@dataclass(eq=False)
class _EnsembleTask(Task):
    """What the trainer needs: each member's loss leaves out the rows of its own part."""

    network: nn.Module
    x: Float[Tensor, "n width"]
    targets: Tensor
    parts: Int[Tensor, " n"]
    batch_size: int
    device: str
    batches: Iterator[Tensor] = field(default_factory=lambda: iter(()))

    def loss(self, network: nn.Module) -> Tensor:
        """Return the training loss of the next batch of rows."""
        rows = next(self.batches, None)
        if rows is None:  # the next epoch
            self.batches = iter(torch.randperm(len(self.targets)).split(self.batch_size))
            rows = next(self.batches)
        losses = losses_of_members(network(self.x[rows].to(self.device)), self.targets[rows])
        return training_loss(losses, self.parts[rows])

    def validate(self, network: nn.Module) -> float:
        """Return the mean over rows of the loss of the member that is not trained on each."""
        outputs = _outputs(network.eval(), self.x)
        outputs = outputs[self.parts, torch.arange(len(self.parts))]
        return float(losses_of_members(outputs[None].to(self.device), self.targets).mean())


def losses_of_members(
    outputs: Float[Tensor, "members n out"], targets: Tensor
) -> Float[Tensor, "members n"]:
    """Return each member's loss in each row: squared error, or cross-entropy of class indices."""
    targets = targets.to(outputs.device).expand(len(outputs), -1)
    if targets.is_floating_point():
        return F.mse_loss(outputs[..., 0], targets, reduction="none")
    return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")


def training_loss(losses: Float[Tensor, "members n"], parts: Int[Tensor, " n"]) -> Tensor:
    """Return the sum over members of their mean loss in the rows of other parts than their own."""
    members = torch.arange(len(losses), device=losses.device)[:, None]
    used = parts.to(losses.device)[None] != members
    # a mean for each member: the number of members must not change the size of their steps
    return ((losses * used).sum(1) / used.sum(1).clamp(min=1)).sum()


def _train(task: _EnsembleTask, config: EnsembleConfig) -> list[tuple[float, float]]:
    """Train a task's network; return (training loss, out-of-part loss) of each epoch."""
    sizes = [len(rows) for rows in torch.arange(len(task.targets)).split(task.batch_size)]
    trainer = TrainerConfig(
        iterations=config.epochs * len(sizes),
        learning_rate=config.learning_rate,
        warmup_steps=0,
        lr_schedule="constant",
        beta2=0.999,
        weight_decay=config.weight_decay,
        max_grad_norm=0.0,
        ema_decay=0.0,
        validate_every=len(sizes),
        patience=config.patience,
    )
    losses: list[float] = []
    history: list[tuple[float, float]] = []
    for step in train_steps(task, trainer, device=task.device):
        losses.append(step.losses["total"])
        if "validation_loss" in step.losses:
            mean = float(np.average(losses, weights=sizes)) / config.members
            history.append((mean, step.losses["validation_loss"]))
            losses.clear()
    return history
