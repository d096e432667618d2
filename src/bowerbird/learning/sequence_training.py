"""One training of a network that predicts the next sign, whatever its signs are.

From two streams of signs, one to learn from and one to measure on, and a shape that the network
starts with, to a network that has learned: what fits into the minutes is planned, the plan is kept,
checkpoints go into the same folder, and a run goes on from them as if nothing had happened.

It knows nothing of networks but what its maker does for it: build one, read a description, resize.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from bowerbird.learning.atomic_write import atomic_write
from bowerbird.learning.checkpoints import ANEW
from bowerbird.learning.config import CheckpointConfig, SequenceConfig, TrainerConfig
from bowerbird.learning.device import Compute, processes
from bowerbird.learning.sequence_batches import SequenceBatches, SequenceTask
from bowerbird.learning.step import Step
from bowerbird.learning.time_budget import TokenCounts, plan_training
from bowerbird.learning.trainer import train_steps

DROPOUTS = (
    (1.5, 0.0),
    (4, 0.1),
    (8, 0.2),
    (12, 0.3),
    (math.inf, 0.4),
)  # by how often a text is read


class Shape(Protocol):
    """The configuration of a network."""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        ...


S = TypeVar("S", bound=Shape)


@dataclass(frozen=True)
class NetworkFactory(Generic[S]):
    """What is done with shapes."""

    build: Callable[[S], Any]
    """Returns a network with its first weights, on the device."""
    read: Callable[[Mapping[str, Any]], S]
    """Returns the shape that was described; ValueError for anything else."""
    resize: Callable[[S, int, float], S]
    """Returns a shape of another width, that drops another share."""
    widths: tuple[int, ...]
    """Widths among which the minutes choose, rising; empty if the shape can't be resized."""


@dataclass
class SequenceTrainer(Generic[S]):
    """A training in progress; ``shape``, ``fit`` and ``minutes`` become what was planned."""

    train_tokens: np.ndarray
    """Stream to learn from."""
    validation_tokens: np.ndarray
    """Stream to measure on."""
    factory: NetworkFactory[S]
    model_config: S
    """Shape of the network."""
    sequence: SequenceConfig
    trainer: TrainerConfig
    minutes: float
    """Time to learn for, in minutes; 0 leaves shape and steps as they are."""
    compute: Compute
    work_dir: Path
    """Folder for what has to outlive the process."""
    settings: dict[str, Any]
    """What tells this run from others: settings and corpus."""
    initial_weights: Mapping[str, torch.Tensor] | None = None
    """Weights to begin with, instead of new ones."""
    start_time: float = field(default_factory=time.perf_counter)
    """When the minutes began."""
    network: Any = None
    """What learns, from the first step on."""

    def steps(
        self, checkpoints: int = 0, *, resume: bool = False
    ) -> Generator[Step[None], None, None]:
        """Learn; yield a step after each, with losses in nats a sign.

        Every ``checkpoints`` steps (0: never) all that the next step depends on is kept in
        ``room``; ``resume`` goes on from there, with the plan that was made then. Raises
        TrainingError, ModelError for a checkpoint of another run, and ValueError.
        """
        run = self._plan(resume)
        kept = CheckpointConfig(self.work_dir / "checkpoint", checkpoints, resume, run)
        task = self._task(self.network)
        with closing(
            train_steps(task, self.trainer, kept, device=str(self.compute.device))
        ) as learned:
            yield from learned

    @property
    def tokens_per_step(self) -> int:
        """How many signs are read in a step, by all processes together."""
        return (
            self._rows((0, 1)).rows
            * self.sequence.sequence_length
            * self.trainer.gradient_accumulation_steps
        )

    def _rows(self, part: tuple[int, int]) -> SequenceBatches:
        stream = self.sequence
        return SequenceBatches(
            self.train_tokens, stream.batch_size, stream.sequence_length, self.trainer.seed, part
        )

    def _task(self, network: Any) -> SequenceTask:
        return SequenceTask(
            network, self._rows(processes()), self.validation_tokens, self.compute.device
        )

    def _plan(self, resume: bool) -> str:
        """Choose what fits into the minutes, or go on with what was chosen; return its SHA-256."""
        file = self.work_dir / "plan.json"
        if resume and file.exists():
            self._take(file)
        elif self.minutes:
            self._choose()
        self.minutes = 0.0  # spent: a run that is repeated from its record has these steps
        shape = self.model_config.to_dict()
        plan = json.dumps({"asked": self.settings, "shape": shape, "fit": asdict(self.trainer)})
        if processes()[0] == 0:  # the others may be at the same place
            with atomic_write(file) as part:
                part.write_text(plan, encoding="utf-8")
        self.network = self.factory.build(self.model_config)
        if self.initial_weights:
            self.network.load_state_dict(self.initial_weights)
        return hashlib.sha256(plan.encode()).hexdigest()

    def _take(self, file: Path) -> None:
        """Take a plan over; raise ValueError for a damaged one or one of another run."""
        try:
            plan = json.loads(file.read_text(encoding="utf-8"))
            same = plan["asked"] == json.loads(json.dumps(self.settings))
            shape, fit = self.factory.read(plan["shape"]), TrainerConfig(**plan["fit"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{file} is damaged; {ANEW}") from error
        if not same:
            raise ValueError(
                "the run to be resumed had another corpus or other settings; give the same, or "
                f"{ANEW}"
            )
        self.model_config, self.trainer = shape, fit

    def _choose(self) -> None:
        """Choose the network and the steps that fit into the minutes."""
        if processes()[1] > 1:
            raise ValueError("--minutes plans for one process; with several give --iterations")
        shape, maker = self.model_config, self.factory

        def task(width: int) -> SequenceTask:
            resized = maker.resize(shape, width, 0.0) if width else shape
            return self._task(maker.build(resized))

        plan = plan_training(
            task,
            maker.widths or (0,),
            self.trainer,
            60 * self.minutes - (time.perf_counter() - self.start_time),
            TokenCounts(
                self._rows((0, 1)).rows * self.sequence.sequence_length,
                len(self.train_tokens),
                len(self.validation_tokens),
            ),
            str(self.compute.device),
        )
        if plan.hidden_size:  # the more is dropped, the more often the same text is read
            share = next(share for most, share in DROPOUTS if plan.epochs <= most)
            self.model_config = maker.resize(shape, plan.hidden_size, share)
        self.trainer = plan.trainer
