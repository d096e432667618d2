"""Several networks that each learn without one part of the rows, as a scikit-learn estimator.

The rows are dealt into K parts. Network k learns from all parts but the k-th; the prediction is the
mean of all networks. So every row is judged by a network that never learned from it, and these
judgements tell when to stop and how far off predictions are (`conformal`): nothing is set aside.
The networks are computed at once (``MLP`` with members) and trained by skorch.

Sources: Krogh, Vedelsby 1995, "Neural network ensembles, cross validation, and active learning"
(members that leave out parts); Barber et al. 2021, section 3 (CV+, whose K models these are).

Departure from CV+: when learning stops is read off the same judgements, one number for all members.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from torch import Tensor, nn

from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP
from bowerbird.prediction.tabular.config import MembersConfig
from bowerbird.prediction.tabular.predict import as_inputs, decoded, evaluate


def deal(classes: Int[np.ndarray, " n"], parts: int, seed: int) -> Int[np.ndarray, " n"]:
    """Deal rows into parts at random, as even as can be, also within each class."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    dealt = np.empty(len(classes), np.int64)
    dealt[order] = np.arange(len(classes)) % parts
    return dealt


class Members(BaseEstimator):
    """An estimator of numbers (``classes`` 0) or of the probabilities of so many classes."""

    def __init__(
        self,
        config: MembersConfig = MembersConfig(),
        classes: int = 0,
        device: str = "cpu",
    ) -> None:
        self.config, self.classes, self.device = config, classes, device

    def fit(self, X: Float[np.ndarray, "n width"], y: np.ndarray) -> "Members":
        """Learn from rows and their numbers, or the numbers of their classes."""
        x, config = as_inputs(X), self.config
        groups = y if self.classes else np.zeros(len(y), np.int64)
        self.part_ = deal(groups, min(config.members, len(x)), config.seed)
        self.mean_, self.scale_ = 0.0, 1.0
        if self.classes:
            wanted = np.array(y, np.int64)  # of its own: pandas lends arrays that are read only
        else:
            self.mean_, self.scale_ = float(np.mean(y)), float(np.std(y)) or 1.0
            wanted = ((y - self.mean_) / self.scale_).astype(np.float32)
        batch = config.batch or int(np.clip(len(x) // 16, 32, 256))
        with _seeded(config.seed, self.device):
            net = _Net(**_settings(config, x.shape[1], self.classes, batch, self.device))
            net.fit({"x": x, "part": self.part_}, wanted)
        self.network_: nn.Module = net.module_.eval()
        self.history_ = [
            (float(row["train_loss"]) / config.members, float(row["held_out"]))
            for row in net.history
        ]
        return self

    def by_member(self, X: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "members n ..."]:
        """Return what each network predicts: numbers, or probabilities."""
        raw = evaluate(self.network_, X)
        return decoded(raw, self.classes, self.mean_, self.scale_)

    def predict(self, X: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "n ..."]:
        """Return the mean of all networks' numbers, or probabilities."""
        return self.by_member(X).mean(0)

    def held_out(self, X: Float[np.ndarray, "n width"]) -> Float[np.ndarray, "n ..."]:
        """Return, for the rows of ``fit``, what the network says that did not learn from each."""
        return self.by_member(X)[self.part_, np.arange(len(X))]


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch's generators, from which skorch draws; afterwards they are as before."""
    cuda = range(torch.cuda.device_count()) if device.startswith("cuda") else range(0)
    with torch.random.fork_rng(cuda):
        torch.default_generator.manual_seed(seed)  # not those of devices that nothing runs on
        if cuda:
            torch.cuda.manual_seed_all(seed)
        yield


def _settings(
    config: MembersConfig, width: int, classes: int, batch: int, device: str
) -> dict[str, Any]:
    """Return what skorch is told."""
    widths = (width, *config.hidden, classes or 1)
    stop = EarlyStopping("held_out", config.patience, threshold=0, load_best=True, sink=_silent)
    return {
        "module": MLP,
        "module__config": MLPConfig(
            widths, config.activation, config.dropout, members=config.members
        ),
        "criterion": nn.CrossEntropyLoss if classes else nn.MSELoss,
        "criterion__reduction": "none",
        "optimizer": torch.optim.AdamW,
        "optimizer__fused": True,
        "optimizer__weight_decay": config.weight_decay,
        "lr": config.rate,
        "max_epochs": config.epochs,
        "batch_size": batch,
        "iterator_train": _Batches,
        "train_split": None,
        "callbacks": [("held_out", _HeldOut()), ("stop", stop)],
        "verbose": 0,
        "device": device,
    }


def _silent(sentence: str) -> None:
    """Say nothing of why learning stopped."""


class _Net(NeuralNet):
    """skorch's loop, in which each member skips the rows of its own part."""

    def infer(self, x: Any, **fit_params: Any) -> Tensor:
        return self.module_(x["x"].to(self.device))

    def row_losses(self, said: Float[Tensor, "m n out"], wanted: Tensor) -> Float[Tensor, "m n"]:
        """Return the loss of each member in each row."""
        wanted = wanted.to(self.device).expand(len(said), -1)
        if wanted.is_floating_point():
            return self.criterion_(said[..., 0], wanted)
        return F.cross_entropy(said.transpose(1, 2), wanted, reduction="none")

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor, X: Any = None, training: bool = False
    ) -> Tensor:
        losses = self.row_losses(y_pred, y_true)
        own = torch.arange(len(losses), device=losses.device)[:, None]
        learned = X["part"].to(losses.device)[None] != own
        # each member's own mean: how many there are must not change how fast one learns
        return ((losses * learned).sum(1) / learned.sum(1).clamp(min=1)).sum()


class _Batches:
    """Rows in a random order, some at a time: slices of tensors, without a loader's detours."""

    def __init__(self, dataset: Any, batch_size: int) -> None:
        self.x, self.part = (torch.from_numpy(dataset.X[name]) for name in ("x", "part"))
        self.y, self.size = torch.from_numpy(dataset.y), batch_size

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        for rows in torch.randperm(len(self.y)).split(self.size):
            yield {"x": self.x[rows], "part": self.part[rows]}, self.y[rows]


class _HeldOut(Callback):
    """After each epoch, the mean loss of every row in the network that does not learn from it."""

    def on_epoch_end(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        x, part = (dataset_train.X[name] for name in ("x", "part"))
        net.module_.eval()
        said = torch.from_numpy(evaluate(net.module_, x))
        own = said[torch.from_numpy(part), torch.arange(len(part))]
        wanted = torch.from_numpy(dataset_train.y)
        losses = net.row_losses(own[None].to(net.device), wanted)
        net.history.record("held_out", float(losses.mean()))
