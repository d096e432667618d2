"""A training run of a vision task: planned to fit the minutes, checkpointed, and resumable.

The plan (how many steps) is stored in the work directory, so a resumed run has the same schedule
even if the machine is slower now.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from bowerbird.learning.atomic_write import atomic_write
from bowerbird.learning.checkpoints import START_OVER
from bowerbird.learning.config import CheckpointConfig, TrainerConfig
from bowerbird.learning.device import Compute
from bowerbird.learning.step import Step
from bowerbird.learning.time_budget import seconds_per_step
from bowerbird.learning.trainer import Task, train_steps

TRAINING_FRACTION = 0.93  # of the minutes, for steps; the rest is for validation and saving
MAX_VALIDATIONS = 8  # of a run that is planned by its minutes


@dataclass
class TaskTraining:
    """One training run; ``trainer`` becomes what was planned."""

    make_task: Callable[[], Task]
    """Returns the task; called once, when the run starts."""
    trainer: TrainerConfig
    compute: Compute
    settings: Mapping[str, Any]
    """Settings and data hashes, which identify the run when it is resumed."""
    sample: Callable[[], str | None]
    """Returns a preview for the steps with a validation."""
    minutes: float = 0.0
    """Time in which the run should end; 0 keeps the number of steps."""
    make_trial: Callable[[], Task] | None = None
    """Returns a task that is timed to plan the steps; None uses ``make_task``."""
    work_dir: Path | None = None
    """Folder of checkpoints and the plan; without it the run can't be resumed."""
    start_time: float = field(default_factory=time.perf_counter)
    """When the minutes began."""
    last: Step[str] | None = None
    best: float | None = None

    def steps(
        self, checkpoint_every: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Train, and yield a step after each.

        Every ``checkpoint_every`` steps (0: never) a checkpoint is written; ``resume`` continues
        from the last one. Raises ModelError for a checkpoint and ValueError for a plan of another
        run.
        """
        settings = json.loads(json.dumps(self.settings, default=str))
        self._plan(settings, resume)
        checkpoints = None
        if self.work_dir is not None:
            run = json.dumps([settings, asdict(self.trainer)])
            run = hashlib.sha256(run.encode()).hexdigest()
            path = self.work_dir / "checkpoint"
            checkpoints = CheckpointConfig(path, checkpoint_every, resume, run)
        device = str(self.compute.device)
        with closing(
            train_steps(self.make_task(), self.trainer, checkpoints, device=device)
        ) as steps:
            for step in steps:
                losses = dict(step.losses)
                if math.isnan(losses.get("validation_loss", 0.0)):  # nothing was held out
                    del losses["validation_loss"]
                self.best = losses.get("best_validation_loss", self.best)
                preview = self.sample() if "validation_loss" in losses else None
                self.last = Step(step.number, step.total, losses, step.seconds, preview, step.note)
                yield self.last

    def _plan(self, settings: Mapping[str, Any], resume: bool) -> None:
        """Choose the steps that fit into the minutes, or keep those of the interrupted run."""
        file = None if self.work_dir is None else self.work_dir / "plan.json"
        if resume and file is not None and file.exists():
            self.trainer = _stored_plan(file, settings)
        elif self.minutes:
            trial = (self.make_trial or self.make_task)()
            pace = seconds_per_step(trial, self.trainer, str(self.compute.device))
            elapsed = time.perf_counter() - self.start_time
            steps = math.floor((60 * self.minutes * TRAINING_FRACTION - elapsed) / pace)
            self.trainer = with_iterations(self.trainer, max(1, steps))
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            plan = {"settings": settings, "trainer": asdict(self.trainer)}
            with atomic_write(file) as part:
                part.write_text(json.dumps(plan), "utf-8")


def _stored_plan(file: Path, settings: Mapping[str, Any]) -> TrainerConfig:
    """Return a stored plan; raise ValueError if it is damaged or of another run."""
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
        same, trainer = plan["settings"] == settings, TrainerConfig(**plan["trainer"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged; {START_OVER}") from error
    if not same:
        raise ValueError(
            f"the interrupted run had other data or settings; use the same, or {START_OVER}"
        )
    return trainer


def with_iterations(trainer: TrainerConfig, iterations: int) -> TrainerConfig:
    """Return the settings with another number of steps, and the schedule scaled to it."""
    scale = iterations / trainer.iterations
    return replace(
        trainer,
        iterations=iterations,
        warmup_steps=round(trainer.warmup_steps * scale),
        validate_every=max(
            1, round(trainer.validate_every * scale), math.ceil(iterations / MAX_VALIDATIONS)
        ),
    )
