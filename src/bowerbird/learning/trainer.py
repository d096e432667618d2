"""The one way of learning: batches -> loss -> weights, a ``Step`` at a time.

It runs on Accelerate: one process, or as many as ``torchrun`` starts. Each process draws its own
share of every batch; gradients are averaged before a step, so N processes with B rows each learn
as one with N B rows.

A checkpoint holds everything that the next step depends on (weights, optimizer, random numbers,
the task's place in its data and what it carries), so a resumed run ends, on a processor, with the
same weights bit for bit as one that was never interrupted.

Optimizers: AdamW (Loshchilov, Hutter 2019), RMSprop (Hinton 2012), Muon (Jordan et al. 2024) for
matrices with AdamW for the rest. Averaged weights: Polyak, Juditsky 1992, as a decaying mean.
"""

import math
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bowerbird.errors import TrainingError
from bowerbird.learning.checkpoints import CheckpointStore
from bowerbird.learning.config import CheckpointConfig, TrainerConfig
from bowerbird.learning.model_file import read_model
from bowerbird.learning.step import Step

MOST_FAILURES = 10  # batches in a row whose loss is not a number
ALREADY = "everything was learned already"


class Task(Protocol):
    """What is learned: a network, its data, and how both are measured."""

    network: nn.Module
    """What learns; its parameters are float32."""

    def loss(self, network: nn.Module) -> Tensor:
        """Return the mean loss of the next batch, seen through ``network``."""
        ...

    def validate(self, network: nn.Module) -> float:
        """Return the loss on data that is never learned from."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return what the next batch depends on: the place in the data, what is carried."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what ``kept`` returned."""
        ...


def train_steps(
    task: Task,
    config: TrainerConfig,
    checkpoints: CheckpointConfig | None = None,
    *,
    device: str = "cpu",
) -> Generator[Step[None], None, None]:
    """Learn, and yield a step after each; at the end the network has the best weights found.

    ``losses`` has ``total``, ``validation`` at steps where that was measured, and there, as at the
    first step of a resumed run, ``best``: the lowest so far. A run that is resumed at its end
    yields its last step again. Raises TrainingError if the loss stays no number, ModelError for a
    checkpoint that does not fit, ValueError for one device that several processes would share.
    """
    began = time.perf_counter()
    accelerator = _accelerator(torch.device(device))
    fitting = _Fitting(task, config, accelerator)
    shelf = None
    if checkpoints is not None:  # each process carries something of its own
        processes = accelerator.process_index, accelerator.num_processes
        shelf = CheckpointStore(checkpoints, asdict(config), *processes)
        fitting.resume(shelf)
    total, resumed = config.iterations, fitting.number > 0
    try:
        if fitting.done:  # all was learned, but what came of it may not have been saved
            seconds = time.perf_counter() - began
            yield Step(fitting.number, total, fitting.told(), seconds, note=ALREADY)
        while not fitting.done:
            note = fitting.step()
            if fitting.number % config.validate_every == 0 or fitting.number == total:
                fitting.validate()
            if shelf and shelf.due(fitting.number, fitting.done):
                fitting.save(shelf)
            losses, resumed = fitting.told(resumed), False
            yield Step(fitting.number, total, losses, time.perf_counter() - began, note=note)
    finally:  # also when nobody asks for the next step
        fitting.finish()


def _accelerator(device: torch.device) -> Any:
    """Return what distributes the work, on this device."""
    from accelerate import Accelerator  # noqa: PLC0415 - takes a second
    from accelerate.state import AcceleratorState, is_initialized  # noqa: PLC0415

    # the first device of a process would be kept for all that comes later
    if is_initialized() and AcceleratorState().device.type != device.type:
        AcceleratorState._reset_state(reset_partial_state=True)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    accelerator = Accelerator(cpu=device.type == "cpu")
    if accelerator.num_processes > 1 and device.index is not None:
        raise ValueError(
            f"{device} is one device, and {accelerator.num_processes} processes take part; "
            f"give {device.type} without a number"
        )
    return accelerator


class _Fitting:
    """A task with its optimizers, between two steps."""

    def __init__(self, task: Task, config: TrainerConfig, accelerator: Any) -> None:
        self.task, self.config, self.accelerator = task, config, accelerator
        self.network = accelerator.prepare(task.network)
        # torch's own optimizers: Accelerate's look for optional packages in every step (0.3 ms)
        self.optimizers = _optimizers(task.network, config)
        self.number, self.waited, self.failures = 0, 0, 0
        self.losses: dict[str, float] = {}  # of the last step
        self.best: dict[str, Tensor] = {}
        self.best_loss = math.inf
        self.mean: dict[str, Tensor] = {}
        if config.ema_decay:
            self.mean = {n: p.detach().clone() for n, p in task.network.named_parameters()}

    @property
    def done(self) -> bool:
        """Whether there is nothing more to learn."""
        patience = self.config.patience
        return self.number >= self.config.iterations or (0 < patience <= self.waited)

    def told(self, best: bool = False) -> dict[str, float]:
        """Return the losses of the last step, with the best so far if it was measured, or asked."""
        known = math.isfinite(self.best_loss) and (best or "validation_loss" in self.losses)
        return (
            {**self.losses, "best_validation_loss": self.best_loss} if known else dict(self.losses)
        )

    def step(self) -> str:
        """Learn from the next batches; return what was unusual."""
        config, total = self.config, 0.0
        self.network.train()  # whoever wrote or measured in between may have switched dropping off
        rate = config.learning_rate_at(self.number)
        for _ in range(config.gradient_accumulation_steps):
            loss = self.task.loss(self.network)
            (loss / config.gradient_accumulation_steps).backward()
            total += (
                float(self.accelerator.reduce(loss.detach(), "mean"))
                / config.gradient_accumulation_steps
            )
        length = self._clipped()
        self.number += 1
        note = ""
        if math.isfinite(total) and math.isfinite(length):
            self.failures = 0
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate * group["share"]
                optimizer.step()
            self._average()
        else:  # no step: the weights are still good
            self.failures += 1
            note = "the loss was not a number; this batch was left out"
            if self.failures >= MOST_FAILURES:
                raise TrainingError(
                    "the loss is not a number any more; lower the rate, or resume from a checkpoint"
                )
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        self.losses = {"total": total, "learning_rate": rate, "grad_norm": length}
        return note

    def _clipped(self) -> float:
        """Shorten the gradient as configured; return its length before."""
        parameters = list(self.task.network.parameters())
        length = float(
            torch.nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm or math.inf)
        )
        if self.config.max_grad_value:
            torch.nn.utils.clip_grad_value_(parameters, self.config.max_grad_value)
        return length

    def _average(self) -> None:
        # a running mean of few weights would remember the first ones: it begins short
        decay = min(self.config.ema_decay, (1 + self.number) / (10 + self.number))
        for name, p in self.task.network.named_parameters():
            if name in self.mean:
                self.mean[name].lerp_(p.detach(), 1 - decay)

    def validate(self) -> None:
        """Measure the weights that would be the result now, and keep them if they are the best."""
        named = list(self.task.network.named_parameters())
        own = {n: p.detach().clone() for n, p in named} if self.mean else {}
        self._put(self.mean)
        loss = self.task.validate(self.task.network)
        if loss < self.best_loss:
            self.best_loss, self.waited = loss, 0
            self.best = {n: p.detach().clone() for n, p in self.task.network.named_parameters()}
        else:
            self.waited += 1
        self._put(own)
        self.losses["validation_loss"] = loss

    def finish(self) -> None:
        """Give the network the best weights, or the latest if none were measured."""
        self._put(self.best or self.mean)

    def _put(self, weights: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self.task.network.named_parameters():
                if name in weights:
                    p.copy_(weights[name])

    def save(self, shelf: CheckpointStore) -> None:
        """Write everything that the next step depends on, whole or not at all."""
        own = self.task.network.named_parameters()
        tensors: dict[str, Tensor] = {f"network.{n}": p for n, p in own}
        tensors |= {f"mean.{n}": p for n, p in self.mean.items()}
        tensors |= {f"best.{n}": p for n, p in self.best.items()}
        tensors |= {f"task.{n}": t for n, t in self.task.state_dict().items()}
        tensors["random"] = torch.get_rng_state()
        for i, optimizer in enumerate(self.optimizers):
            for j, state in optimizer.state_dict()["state"].items():
                for name, value in state.items():
                    tensors[f"optimizer.{i}.{j}.{name}"] = torch.as_tensor(value)
        told: dict[str, Any] = {"number": self.number, "best_loss": _finite(self.best_loss)}
        told |= {"waited": self.waited, "failures": self.failures}
        told["losses"] = {name: _finite(loss) for name, loss in self.losses.items()}
        # two names of one tensor (tied weights) can't be saved twice in this format
        shelf.write(told, {n: t.detach().clone() for n, t in tensors.items()})

    def resume(self, shelf: CheckpointStore) -> None:
        """Go on from the newest checkpoint, or clear the place for those to come."""
        from accelerate.utils import gather_object  # noqa: PLC0415

        if not shelf.kept.resume:
            shelf.clear()
        elif path := shelf.newest(gather_object):
            self._load(path)

    def _load(self, path: Path) -> None:
        """Go on from a checkpoint of this run."""
        card, tensors = read_model(path, "checkpoint")
        told = card.provenance
        self.number, self.waited, self.failures = (
            told[name] for name in ("number", "waited", "failures")
        )
        self.losses = {n: math.nan if v is None else v for n, v in told["losses"].items()}
        self.best_loss = math.inf if told["best_loss"] is None else told["best_loss"]
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = tensor
        self._put(parts["network"])
        devices = {n: p.device for n, p in self.task.network.named_parameters()}
        self.mean = {n: t.to(devices[n]) for n, t in parts.get("mean", {}).items()}
        self.best = parts.get("best", {})
        self.task.load_state_dict(parts.get("task", {}))
        torch.set_rng_state(tensors["random"])
        for i, optimizer in enumerate(self.optimizers):
            whole = optimizer.state_dict()
            states: dict[int, dict[str, Tensor]] = {}
            for name, tensor in parts.get("optimizer", {}).items():
                which, j, field = name.split(".")
                if int(which) == i:
                    states.setdefault(int(j), {})[field] = tensor
            whole["state"] = states
            optimizer.load_state_dict(whole)
            for p, state in optimizer.state.items():
                for field, t in state.items():  # a fused step reads both as they lie in memory
                    if t.shape == p.shape and t.stride() != p.stride():
                        state[field] = torch.empty_like(p, dtype=t.dtype).copy_(t)


def _finite(number: float) -> float | None:
    """Return a number as JSON can say it."""
    return number if math.isfinite(number) else None


def _optimizers(network: nn.Module, config: TrainerConfig) -> list[torch.optim.Optimizer]:
    """Return the optimizers; ``share`` in each group is its rate as a share of the rate."""
    named = list(network.named_parameters())
    matrices = [p for _, p in named if p.ndim >= 2]
    vectors = [p for _, p in named if p.ndim < 2]
    if config.optimizer in ("rmsprop", "sgd"):  # whose weight decay would be another thing
        everything = [{"params": matrices + vectors, "share": 1.0}]
        if config.optimizer == "rmsprop":
            return [torch.optim.RMSprop(everything, lr=config.learning_rate, alpha=config.beta2)]
        return [torch.optim.SGD(everything, lr=config.learning_rate, momentum=config.beta1)]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay, "share": 1.0},
        {"params": vectors, "weight_decay": 0.0, "share": 1.0},
    ]
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adamw":
        return [torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)]
    inner = [p for n, p in named if p.ndim == 2 and n.startswith("layers")]
    rest = [p for n, p in named if not (p.ndim == 2 and n.startswith("layers"))]
    muon = torch.optim.Muon(
        [{"params": inner, "share": 1.0}], lr=config.learning_rate, weight_decay=config.weight_decay
    )
    adam = torch.optim.AdamW(
        [{"params": rest, "share": 0.25}],
        lr=config.learning_rate,
        betas=betas,
        weight_decay=0.0,
        fused=True,
    )
    return [muon, adam]
