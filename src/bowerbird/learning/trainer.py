"""The trainer: batches -> loss -> optimizer step -> ``Step``, with checkpoints and exact resume.

It runs on Accelerate: in one process, or in as many as ``torchrun`` starts. Each process draws its
own part of every batch and gradients are averaged, so N processes with B rows each train like one
with N B rows.

A checkpoint holds everything that the next step depends on (weights, optimizer, random state, the
task's place in its data), so on a CPU a resumed run ends with the same weights, bit for bit, as one
that was never interrupted. ``checkpoints.py`` has the files; ``stored_plan.py`` has the plan of a
run, which a resumed run keeps.

Optimizers: AdamW (Loshchilov, Hutter 2019), RMSprop (Hinton 2012), Muon (Jordan et al. 2024) for
matrices with AdamW for the rest. The moving average of the weights is that of Polyak, Juditsky
1992, with exponential decay.
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
from bowerbird.learning.optimizers import load_optimizer, make_optimizers
from bowerbird.learning.schedule import Schedule, TimeLimit
from bowerbird.learning.step import Step

MAX_FAILURES = 10  # batches in a row whose loss isn't finite
ALREADY_DONE = "the run was finished already"


class Task(Protocol):
    """What is trained: a network, its data and its loss."""

    network: nn.Module
    """The network; its parameters are float32."""

    def loss(self, network: nn.Module) -> Tensor:
        """Return the mean loss of the next batch, computed by ``network``."""

    def validate(self, network: nn.Module) -> float:
        """Return the loss on the validation data."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return what the next batch depends on: the place in the data, a carried state.

        A task that inherits this protocol has none, unless it overrides both methods.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what ``state_dict`` returned."""
        assert not state, "a task with a state overrides this method"


def train_steps(
    task: Task,
    config: TrainerConfig,
    checkpoints: CheckpointConfig | None = None,
    *,
    device: str = "cpu",
    limit: TimeLimit | None = None,
) -> Generator[Step[None], None, None]:
    """Train, and yield a step after each; at the end the network has its best weights.

    ``losses`` has ``total`` (the training loss), ``learning_rate`` and ``grad_norm``;
    ``validation_loss`` at steps with a validation; and there, as at the first step of a resumed
    run, ``best_validation_loss``, the lowest so far. With a time ``limit`` there are fewer or more
    steps than ``iterations`` if they are slower or faster than planned; only a single process may
    have one. A run that is resumed at its end yields its last step again. Raises TrainingError if
    the loss stays non-finite, ModelError for a checkpoint that doesn't fit, ValueError for one
    device shared by several processes.
    """
    began = time.perf_counter()
    accelerator = _accelerator(torch.device(device))
    trainer = _Trainer(task, config, accelerator, Schedule(config, limit))
    store = None
    if checkpoints is not None:  # each process has its own
        processes = accelerator.process_index, accelerator.num_processes
        store = CheckpointStore(checkpoints, asdict(config), *processes)
        trainer.resume(store)
    resumed = trainer.number > 0
    try:
        if trainer.done:  # the run was finished, but its result may not have been saved
            seconds = time.perf_counter() - began
            yield Step(trainer.number, trainer.number, trainer.report(), seconds, note=ALREADY_DONE)
        while not trainer.done:
            note = trainer.step()
            if trainer.schedule.validation_due:
                trainer.validate()
            if store and store.due(trainer.number, trainer.done):
                trainer.save(store)
            losses, resumed = trainer.report(resumed), False
            total = trainer.number + trainer.schedule.steps_left
            yield Step(trainer.number, total, losses, time.perf_counter() - began, note=note)
    finally:  # also if the caller stops early
        trainer.finish()


def _accelerator(device: torch.device) -> Any:
    """Return the Accelerator for this device."""
    from accelerate import Accelerator  # noqa: PLC0415 - takes a second
    from accelerate.state import AcceleratorState, is_initialized  # noqa: PLC0415

    # Accelerate would stay with the first device of a process
    if is_initialized() and AcceleratorState().device.type != device.type:
        AcceleratorState._reset_state(reset_partial_state=True)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    accelerator = Accelerator(cpu=device.type == "cpu")
    if accelerator.num_processes > 1 and device.index is not None:
        raise ValueError(
            f"{accelerator.num_processes} processes can't share {device}; give --device "
            f"{device.type}, without a number"
        )
    return accelerator


class _Trainer:
    """The state of a training between two steps."""

    def __init__(
        self, task: Task, config: TrainerConfig, accelerator: Any, schedule: Schedule
    ) -> None:
        self.task, self.config, self.accelerator = task, config, accelerator
        self.schedule = schedule
        self.network = accelerator.prepare(task.network)
        # torch's own optimizers: Accelerate's look for optional packages in every step (0.3 ms)
        self.optimizers = make_optimizers(task.network, config)
        self.number, self.validations_since_best, self.failures = 0, 0, 0
        self.losses: dict[str, float] = {}  # of the last step
        self.best: dict[str, Tensor] = {}
        self.best_loss = math.inf
        self.average: dict[str, Tensor] = {}
        if config.ema_decay:
            self.average = {n: p.detach().clone() for n, p in task.network.named_parameters()}

    @property
    def done(self) -> bool:
        """Whether the training is at its end."""
        patience = self.config.patience
        return self.schedule.done or 0 < patience <= self.validations_since_best

    def report(self, with_best: bool = False) -> dict[str, float]:
        """Return the losses of the last step, with the best one if it was validated, or wanted."""
        validated = with_best or "validation_loss" in self.losses
        if not (validated and math.isfinite(self.best_loss)):
            return dict(self.losses)
        return {**self.losses, "best_validation_loss": self.best_loss}

    def step(self) -> str:
        """Train on the next batches; return a note if something was unusual."""
        began, config, total = time.perf_counter(), self.config, 0.0
        self.network.train()  # a preview or a validation may have switched dropout off
        learning_rate = config.learning_rate_at(self.schedule.place)
        for _ in range(config.gradient_accumulation_steps):
            loss = self.task.loss(self.network)
            (loss / config.gradient_accumulation_steps).backward()
            total += (
                float(self.accelerator.reduce(loss.detach(), "mean"))
                / config.gradient_accumulation_steps
            )
        norm = self._clip_gradient()
        self.number += 1
        note = ""
        if math.isfinite(total) and math.isfinite(norm):
            self.failures = 0
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate * group["lr_factor"]
                optimizer.step()
            self._update_average()
        else:  # no step: the weights are still good
            self.failures += 1
            note = "the loss was not finite; this batch was skipped"
            if self.failures >= MAX_FAILURES:
                raise TrainingError(
                    f"the loss was not finite {MAX_FAILURES} times in a row; lower the learning "
                    "rate, or resume from a checkpoint"
                )
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        self.losses = {"total": total, "learning_rate": learning_rate, "grad_norm": norm}
        self.schedule.advance(time.perf_counter() - began)
        return note

    def _clip_gradient(self) -> float:
        """Clip the gradient as configured; return its norm before."""
        parameters = list(self.task.network.parameters())
        norm = float(
            torch.nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm or math.inf)
        )
        if self.config.max_grad_value:
            torch.nn.utils.clip_grad_value_(parameters, self.config.max_grad_value)
        return norm

    def _update_average(self) -> None:
        # early on a slow average would remember the initial weights: its memory starts short
        decay = min(self.config.ema_decay, (1 + self.number) / (10 + self.number))
        for name, p in self.task.network.named_parameters():
            if name in self.average:
                self.average[name].lerp_(p.detach(), 1 - decay)

    def validate(self) -> None:
        """Validate the weights that would be the result now, and keep them if they are the best."""
        began = time.perf_counter()
        named = list(self.task.network.named_parameters())
        current = {n: p.detach().clone() for n, p in named} if self.average else {}
        self._set_weights(self.average)
        loss = self.task.validate(self.task.network)
        if loss < self.best_loss:
            self.best_loss, self.validations_since_best = loss, 0
            self.best = {n: p.detach().clone() for n, p in self.task.network.named_parameters()}
        else:
            self.validations_since_best += 1
        self._set_weights(current)
        self.losses["validation_loss"] = loss
        self.schedule.validation_seconds = time.perf_counter() - began

    def finish(self) -> None:
        """Give the network its best weights, or the latest if none were validated."""
        self._set_weights(self.best or self.average)

    def _set_weights(self, weights: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self.task.network.named_parameters():
                if name in weights:
                    p.copy_(weights[name])

    def save(self, store: CheckpointStore) -> None:
        """Write a checkpoint with everything that the next step depends on."""
        tensors: dict[str, Tensor] = {
            f"network.{n}": p for n, p in self.task.network.named_parameters()
        }
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors |= {f"best.{n}": p for n, p in self.best.items()}
        tensors |= {f"task.{n}": t for n, t in self.task.state_dict().items()}
        tensors["random"] = torch.get_rng_state()
        for i, optimizer in enumerate(self.optimizers):
            for j, state in optimizer.state_dict()["state"].items():
                for name, value in state.items():
                    tensors[f"optimizer.{i}.{j}.{name}"] = torch.as_tensor(value)
        progress: dict[str, Any] = {
            "number": self.number,
            "place": self.schedule.place,
            "stride": self.schedule.stride,
            "best_loss": _finite(self.best_loss),
            "validations_since_best": self.validations_since_best,
            "failures": self.failures,
            "losses": {name: _finite(loss) for name, loss in self.losses.items()},
        }
        # clones: safetensors doesn't save one tensor under two names (tied weights)
        store.write(progress, {n: t.detach().clone() for n, t in tensors.items()})

    def resume(self, store: CheckpointStore) -> None:
        """Load the newest checkpoint if the run is to be resumed, or delete old ones."""
        from accelerate.utils import gather_object  # noqa: PLC0415

        if not store.config.resume:
            store.clear()
        elif path := store.newest(gather_object):
            self._load(path)

    def _load(self, path: Path) -> None:
        """Load a checkpoint of this run."""
        header, tensors = read_model(path, "checkpoint")
        progress = header.provenance
        self.number, self.failures = progress["number"], progress["failures"]
        self.validations_since_best = progress["validations_since_best"]
        self.schedule.place, self.schedule.stride = progress["place"], progress["stride"]
        self.losses = {n: math.nan if v is None else v for n, v in progress["losses"].items()}
        self.best_loss = math.inf if progress["best_loss"] is None else progress["best_loss"]
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = tensor
        self._set_weights(parts["network"])
        devices = {n: p.device for n, p in self.task.network.named_parameters()}
        self.average = {n: t.to(devices[n]) for n, t in parts.get("average", {}).items()}
        self.best = parts.get("best", {})
        self.task.load_state_dict(parts.get("task", {}))
        torch.set_rng_state(tensors["random"])
        for i, optimizer in enumerate(self.optimizers):
            load_optimizer(optimizer, i, parts.get("optimizer", {}))


def _finite(number: float) -> float | None:
    """Return a number as JSON can represent it."""
    return number if math.isfinite(number) else None
