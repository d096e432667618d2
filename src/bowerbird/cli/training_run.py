"""Where something learns: the model, its record and its curve are written, a run can be resumed."""

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

from cyclopts import Parameter

from bowerbird.cli.curves import Log, draw_losses
from bowerbird.cli.options import RunOptions, Switch
from bowerbird.cli.progress import Work, follow
from bowerbird.cli.report import notify
from bowerbird.cli.run_record import (
    check_record,
    loss_table,
    record_path,
    summary,
    versions,
    write_record,
)
from bowerbird.learning.atomic_write import check_output
from bowerbird.learning.config import CheckpointConfig
from bowerbird.learning.device import leave_group, processes
from bowerbird.learning.step import Step

LAUNCHED = "ACCELERATE_MIXED_PRECISION"  # `accelerate launch` sets it, also where it starts one
SUFFIX, CURVE = ".safetensors", ".png"
NOT_TOLD = ("inputs", "config", "run", "corpus_sha256")  # which the record has


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainRun(RunOptions):
    """What a command that trains can be told besides its configuration."""

    resume: Switch = False
    """Go on with the same command after it was interrupted, from its last checkpoint."""
    checkpoint_every: int = CheckpointConfig.every
    """Steps between two checkpoints (0 is never): what an interruption can cost."""
    log: Annotated[Path | None, Parameter(show_default=False)] = None
    """Folder for a TensorBoard log."""

    def __post_init__(self) -> None:
        if self.checkpoint_every < 0:
            raise ValueError("--checkpoint-every takes a number of steps, or 0")


class School:
    """One run of a command that trains, to be left by ``with``: then its folder is swept."""

    def __init__(self, command: str, run: TrainRun, unit: str = "character") -> None:
        """Refuse, before any work, an output that could not be written later.

        Losses are told in nats a ``unit``.
        """
        self.command, self.run, self.unit = command, run, unit
        self.first = processes()[0] == 0  # of several processes, one writes and tells
        self.quiet = run.quiet or not self.first
        self.best = math.inf
        self._log: Log | None = None
        path = run.output
        if path.suffix != SUFFIX:
            raise ValueError(f"{path} is to be a model file; end its name in {SUFFIX}")
        self.room = path.with_name(f".{path.name}.work")
        # what an interrupted run has saved is its own, and gives way to what it comes to
        begun = self._has_checkpoint()
        force = run.force or (run.resume and begun)
        if begun and path.exists() and not force:
            raise ValueError(
                f"{path} is of a training that was interrupted; add --resume to go on, or "
                "--force to begin anew"
            )
        check_output(path, force=force)
        if run.record:
            check_record(path, force=force)
            check_record(path, force=force, suffix=CURVE)

    def __enter__(self) -> "School":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self.first and not self._has_checkpoint():
            shutil.rmtree(self.room, ignore_errors=True)
        leave_group(together=error is None)

    def _has_checkpoint(self) -> bool:
        """Tell whether there is something to go on from."""
        return any(self.room.glob("checkpoint*"))

    def learn(self, made: Iterator[Step[str]]) -> Work[str]:
        """Follow the steps of a training to its end, or to Ctrl-C."""
        count = processes()[1]
        if self.first and (count > 1 or LAUNCHED in os.environ):
            notify(f"{count} {'process takes' if count == 1 else 'processes take'} part")
        if self.run.log is not None and self.first:
            self._log = Log(self.run.log)
        try:
            return follow(made, (), self._look, quiet=self.quiet)
        finally:
            if self._log:
                self._log.close()

    def finish(
        self,
        work: Work[str],
        save: Callable[[Path], None],
        told: dict[str, Any],
    ) -> int:
        """Save the model with its record, tell about it, and return the exit code."""
        if self.first:
            if work.ended:
                notify(
                    f"{work.ended} at step {work.last.number} of {work.last.total}; saving the best"
                )
            save(self.run.output)
            self._keep(work, told)
            self._tell(work, told)
        if not work.ended:
            if self.first:
                shutil.rmtree(self.room, ignore_errors=True)
            return 0
        if self.first and self._has_checkpoint():
            notify("the same command with --resume goes on from the last checkpoint")
        return work.exit_code(self.command.partition(" ")[0])

    def _look(self, step: Step[str]) -> str:
        """Log a step and show its sample; return how well it does in words."""
        if self._log:
            self._log.add(step)
        self.best = step.losses.get("best_validation_loss", self.best)
        if step.preview and not self.quiet:
            notify(
                f"step {step.number}, validation {step.losses['validation_loss']:.4f}: {step.preview}"
            )
        return f"best validation {self.best:.4f}" if math.isfinite(self.best) else ""

    def _keep(self, work: Work[str], told: dict[str, Any]) -> None:
        """Write the record and the curve beside the model."""
        if not self.run.record:
            return
        record = {**versions(), "command": self.command, **summary(work), **told}
        record["steps"] = loss_table(work)
        write_record(record_path(self.run.output), record)
        draw_losses(work.history, self.run.output.with_suffix(CURVE), f"nats a {self.unit}")

    def _tell(self, work: Work[str], told: dict[str, Any]) -> None:
        if self.run.json:
            facts = {k: v for k, v in told.items() if k not in NOT_TOLD}
            print(json.dumps({**summary(work), **facts}, allow_nan=False))  # noqa: T201
        elif not self.quiet:
            loss = told["validation_loss"]
            words = "not measured" if loss is None else f"{loss:.4f} nats a {self.unit}"
            print(  # noqa: T201
                f"{self.run.output}: {work.last.number} steps in {work.last.seconds:.0f} s, "
                f"{told[f'{self.unit}s_per_second']:.0f} {self.unit}s/s, validation {words}"
            )
