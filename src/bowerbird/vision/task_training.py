"""A training run of a vision task: planned to fit the minutes, checkpointed, and resumable.

The plan (how many steps) is stored in the work directory, so a resumed run has the same schedule
even if the machine is slower now.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from bowerbird.learning.config import CheckpointConfig, TrainerConfig, TrainingConfig
from bowerbird.learning.device import select_compute
from bowerbird.learning.model_file import training_provenance
from bowerbird.learning.schedule import TimeLimit
from bowerbird.learning.step import Step
from bowerbird.learning.stored_plan import load_plan, save_plan
from bowerbird.learning.time_budget import check_single_process, seconds_per_step
from bowerbird.learning.trainer import Task, train_steps

TRAINING_FRACTION = 0.93  # of the minutes, for steps; the rest is for validation and saving
MAX_VALIDATIONS = 8  # of a run that is planned by its minutes

Config = TypeVar("Config", bound=TrainingConfig)


class TaskTraining(ABC, Generic[Config]):
    """One training run; ``config`` becomes what was planned."""

    def __init__(self, config: Config, work_dir: Path | None) -> None:
        """Start the clock; without a folder for checkpoints and the plan there are none."""
        self.start_time = time.perf_counter()
        self.config, self.work_dir = config, work_dir
        self.compute = select_compute(config.device, config.precision)
        self.last: Step[str] | None = None
        self.best: float | None = None
        self.limit: TimeLimit | None = None  # a resumed run has none: it keeps its pace

    @abstractmethod
    def make_task(self) -> Task:
        """Return the task with new weights."""

    @abstractmethod
    def data_id(self) -> Any:
        """Return what identifies the data, as JSON."""

    @abstractmethod
    def sample(self) -> str:
        """Return a preview for a step with a validation."""

    def make_trial(self) -> Task:
        """Return a task to time a step with."""
        return self.make_task()

    def steps(
        self, checkpoint_every: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Train, and yield a step after each.

        Every ``checkpoint_every`` steps (0: never) a checkpoint is written; ``resume`` continues
        from the last one. Raises ModelError for a checkpoint and ValueError for a plan of another
        run.
        """
        run = self._plan(resume)
        checkpoints = None
        if self.work_dir is not None:
            path = self.work_dir / "checkpoint"
            checkpoints = CheckpointConfig(path, checkpoint_every, resume, run)
        trainer, device = self.config.trainer, str(self.compute.device)
        training = train_steps(
            self.make_task(), trainer, checkpoints, device=device, limit=self.limit
        )
        with closing(training) as steps:
            for step in steps:
                losses = dict(step.losses)
                if math.isnan(losses.get("validation_loss", 0.0)):  # nothing was held out
                    del losses["validation_loss"]
                self.best = losses.get("best_validation_loss", self.best)
                preview = self.sample() if "validation_loss" in losses else None
                self.last = Step(step.number, step.total, losses, step.seconds, preview, step.note)
                yield self.last
        if self.last:  # the minutes may have been enough for fewer or more steps than planned
            trainer = replace(trainer, iterations=self.last.total)
            self.config = replace(self.config, trainer=trainer)

    def run(self) -> None:
        """Train to the end."""
        for _ in self.steps():
            pass

    def provenance(self) -> dict[str, Any]:
        """Return how the run went so far, for the header of a model file."""
        return training_provenance(self.last, self.best, self.config.licence)

    def _plan(self, resume: bool) -> str:
        """Choose the steps that fit into the minutes, or keep those of the interrupted run.

        Returns the SHA-256 of the plan. The minutes become 0: a run that is repeated from its
        record has the planned steps.
        """
        settings, trainer = [asdict(self.config), self.data_id()], self.config.trainer
        stored = load_plan(self.work_dir, settings, _trainer_config) if resume else None
        if stored:
            trainer = stored
        elif self.config.minutes:
            check_single_process()
            pace = seconds_per_step(self.make_trial(), trainer, str(self.compute.device))
            elapsed = time.perf_counter() - self.start_time
            left = 60 * self.config.minutes * TRAINING_FRACTION - elapsed
            trainer = with_iterations(trainer, max(1, math.floor(left / pace)))
            self.limit = TimeLimit(60 * self.config.minutes - elapsed)
        self.config = replace(self.config, minutes=0.0, trainer=trainer)
        return save_plan(self.work_dir, settings, {"trainer": asdict(trainer)})


def _trainer_config(plan: Mapping[str, Any]) -> TrainerConfig:
    return TrainerConfig(**plan["trainer"])


def with_iterations(trainer: TrainerConfig, iterations: int) -> TrainerConfig:
    """Return the settings with another number of steps, and the schedule scaled to it."""
    scale = iterations / trainer.iterations
    validate_every = round(trainer.validate_every * scale), math.ceil(iterations / MAX_VALIDATIONS)
    return replace(
        trainer,
        iterations=iterations,
        warmup_steps=round(trainer.warmup_steps * scale),
        validate_every=max(1, *validate_every),
    )
