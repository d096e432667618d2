"""Train a network to predict the next token, whatever the tokens are.

A domain brings two streams of tokens, a tokenizer and a way to show what the network generates.
This module does the rest: it plans what fits into the given minutes, trains, reports losses per
character or note, writes checkpoints and resumes from them, and describes the result.

Source of the dropout for each number of epochs: our own measurements (docs/experiment-log.md).
"""

import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np

from bowerbird.learning.config import (
    CheckpointConfig,
    SequenceConfig,
    TrainerConfig,
    TrainingConfig,
)
from bowerbird.learning.device import Compute, keep_freed_memory, processes
from bowerbird.learning.model_file import training_provenance
from bowerbird.learning.schedule import TimeLimit
from bowerbird.learning.sequences.batches import SequenceBatches, SequenceTask
from bowerbird.learning.step import Step
from bowerbird.learning.stored_plan import load_plan, save_plan
from bowerbird.learning.time_budget import TokenCounts, check_single_process, plan_training
from bowerbird.learning.trainer import train_steps

DROPOUT = ((1.5, 0.0), (4, 0.1), (8, 0.2), (12, 0.3), (math.inf, 0.4))  # up to so many epochs


class ModelConfig(Protocol):
    """The shape of a network that can be resized and stored."""

    @property
    def can_be_resized(self) -> bool:
        """Whether its width may be chosen to fit the minutes."""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Any:
        """Return what ``to_dict`` stored; raise ValueError for anything else."""

    def resized(self, hidden_size: int, dropout: float) -> Any:
        """Return it with another width and another dropout."""


class Model(Protocol):
    """A trained model, from which a training may start."""

    network: Any
    config: Any

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The description of its training."""


@dataclass(frozen=True)
class SequenceData:
    """Two streams of tokens, and the unit in which their losses are reported."""

    train: np.ndarray
    """Tokens to train on."""
    validation: np.ndarray
    """Tokens to validate on."""
    tokens_per_unit: tuple[float, float]
    """Tokens of a character or note, in the training and in the validation stream."""
    sha256: str
    """Identifies the corpus."""


C = TypeVar("C", bound=TrainingConfig)
M = TypeVar("M", bound=ModelConfig)


@dataclass
class SequenceTrainer(Generic[C, M]):
    """A training of a network on a stream of tokens."""

    data: SequenceData
    config: C
    model_config: M
    """The shape of the network; becomes what was planned."""
    sequence: SequenceConfig
    """Batches."""
    build: Callable[[M], Any]
    """Makes a network of a configuration, with its initial weights, on the device."""
    work_dir: Path
    """Folder of the checkpoints and the plan."""
    compute: Compute
    preview: Callable[[], str]
    """Shows what the current network generates."""
    widths: tuple[int, ...] = ()
    """Hidden sizes, ascending, among which the minutes choose."""
    start: Model | None = None
    """Model to start from."""
    start_time: float = field(default_factory=time.perf_counter)
    """When the minutes began."""
    network: Any = None
    """The network, from the first step on."""
    last: Step[str] | None = None
    """The last step."""
    best: float | None = None
    """The best validation loss so far, in nats per unit."""

    def __post_init__(self) -> None:
        keep_freed_memory()
        self.trainer_config, self.minutes = self.config.trainer, self.config.minutes
        self.limit: TimeLimit | None = None  # a resumed run has none: it keeps its pace
        if self.start or not self.model_config.can_be_resized:
            self.widths = ()
        self.settings = {**asdict(cast(Any, self.config)), "corpus": self.data.sha256}

    def steps(
        self, checkpoint_every: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Train, and yield a step after each, with a preview at steps with a validation.

        ``losses`` are in nats per unit. Every ``checkpoint_every`` steps (0: never) a checkpoint is
        written; ``resume`` continues from the last one, with the plan of the interrupted run.
        Raises TrainingError, ModelError for a checkpoint of another run, and ValueError.
        """
        run = self._plan(resume)
        path = self.work_dir / "checkpoint"
        checkpoints = CheckpointConfig(path, checkpoint_every, resume, run)
        train, validation = self.data.tokens_per_unit
        units = {"total": train, "validation_loss": validation, "best_validation_loss": validation}
        device = str(self.compute.device)
        task = self._task(self.network)
        training = train_steps(
            task, self.trainer_config, checkpoints, device=device, limit=self.limit
        )
        with closing(training) as steps:
            for step in steps:
                losses = {name: v * units.get(name, 1.0) for name, v in step.losses.items()}
                self.best = losses.get("best_validation_loss", self.best)
                self.last = Step(step.number, step.total, losses, step.seconds, None, step.note)
                preview = self.preview() if "validation_loss" in losses else None
                yield replace(self.last, preview=preview)

    @property
    def planned(self) -> C:
        """The configuration with what fitted into the minutes."""
        trainer = self.trainer_config
        if self.last:  # the minutes may have been enough for fewer or more steps than planned
            trainer = replace(trainer, iterations=self.last.total)
        plan = {"minutes": self.minutes, "model": self.model_config, "trainer": trainer}
        return cast(C, replace(cast(Any, self.config), **plan))

    def provenance(self, corpus: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a model file records about the training, after the facts of its corpus."""
        settings = {"sequence": asdict(self.sequence), "trainer": asdict(self.trainer_config)}
        run = training_provenance(self.last, self.best, self.config.licence)
        facts = {**corpus, **run, "settings": settings}
        return {**facts, "base_model": dict(self.start.provenance)} if self.start else facts

    @property
    def tokens_per_step(self) -> int:
        """The tokens read in a step, by all processes together."""
        return self._tokens_per_batch * self.trainer_config.gradient_accumulation_steps

    @property
    def _tokens_per_batch(self) -> int:
        return self._batches((0, 1)).batch_size * self.sequence.sequence_length

    def _batches(self, shard: tuple[int, int]) -> SequenceBatches:
        sequence, seed = self.sequence, self.trainer_config.seed
        size = sequence.batch_size, sequence.sequence_length
        return SequenceBatches(self.data.train, *size, seed, shard)

    def _task(self, network: Any) -> SequenceTask:
        batches = self._batches(processes())
        return SequenceTask(network, batches, self.data.validation, self.compute.device)

    def _plan(self, resume: bool) -> str:
        """Choose what fits into the minutes, or keep an earlier plan; return the plan's SHA-256."""

        def parse(plan: Mapping[str, Any]) -> tuple[M, TrainerConfig]:
            model = type(self.model_config).from_dict(plan["model"])
            return model, TrainerConfig(**plan["trainer"])

        stored = load_plan(self.work_dir, self.settings, parse) if resume else None
        if stored:
            self.model_config, self.trainer_config = stored
        elif self.minutes:
            self._choose()
        self.minutes = 0.0  # spent: a run that is repeated from its record has these steps
        plan = {"model": self.model_config.to_dict(), "trainer": asdict(self.trainer_config)}
        run = save_plan(self.work_dir, self.settings, plan)
        self.network = self.build(self.model_config)
        if self.start:
            self.network.load_state_dict(self.start.network.state_dict())
        return run

    def _choose(self) -> None:
        """Choose the width and the steps that fit into the minutes."""
        check_single_process()

        def make_task(width: int) -> SequenceTask:
            model = self.model_config.resized(width, 0.0) if width else self.model_config
            return self._task(self.build(model))

        plan = plan_training(
            make_task,
            self.widths or (0,),
            self.trainer_config,
            60 * self.minutes - (time.perf_counter() - self.start_time),
            TokenCounts(self._tokens_per_batch, len(self.data.train), len(self.data.validation)),
            str(self.compute.device),
        )
        if plan.hidden_size:  # the more epochs, the more dropout
            dropout = next(dropout for most, dropout in DROPOUT if plan.epochs <= most)
            self.model_config = self.model_config.resized(plan.hidden_size, dropout)
        self.trainer_config, self.limit = plan.trainer, plan.limit
