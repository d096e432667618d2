"""A run of a command that trains: it writes the model, its record and its curve, and can resume."""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bowerbird.cli.options import RunOptions, Switch
from bowerbird.cli.report import notify, report
from bowerbird.learning.config import CheckpointConfig
from bowerbird.learning.step import Step

if TYPE_CHECKING:
    from bowerbird.cli.curves import Log
    from bowerbird.cli.progress import Work

LAUNCHED = "ACCELERATE_MIXED_PRECISION"  # set by `accelerate launch`, also for one process
SUFFIX, CURVE = ".safetensors", ".png"
RECORD_ONLY = ("inputs", "config", "run", "corpus_sha256")  # not in the printed report


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions):
    """Options of a command that trains, besides its configuration."""

    resume: Switch = False
    """Resume the same command from its last checkpoint, after an interruption."""
    checkpoint_every: int = CheckpointConfig.every
    """Steps between two checkpoints: the most that an interruption can lose; 0 is never."""
    log: Annotated[Path | None, Parameter(show_default=False)] = None
    """Folder for a TensorBoard log."""

    def __post_init__(self) -> None:
        if self.checkpoint_every < 0:
            raise ValueError(
                f"--checkpoint-every must not be negative, got {self.checkpoint_every}"
            )


class TrainingRun:
    """One run of a command that trains, used by ``with``: at the end its folder is deleted."""

    def __init__(self, command: str, run: TrainOptions, unit: str = "character") -> None:
        """Check, before any work, that the output can be written; losses are in nats per ``unit``."""
        from bowerbird.cli.run_record import check_record
        from bowerbird.learning.atomic_write import check_output
        from bowerbird.learning.device import processes

        self.command, self.run, self.unit = command, run, unit
        self.first = processes()[0] == 0  # of several processes, one writes and prints
        self.quiet = run.quiet or not self.first
        self.best = math.inf
        self._log: Log | None = None
        path = run.output
        if path.suffix != SUFFIX:
            raise ValueError(f"{path} is not a name of a model file; end it in {SUFFIX}")
        self.work_dir = path.with_name(f".{path.name}.work")
        # the model of an interrupted run may be replaced by the same run
        interrupted = self._has_checkpoint()
        force = run.force or (run.resume and interrupted)
        if interrupted and path.exists() and not force:
            raise ValueError(
                f"{path} is from an interrupted training; add --resume to continue it, or --force "
                "to start over"
            )
        check_output(path, force=force)
        if run.record:
            check_record(path, force=force)
            check_record(path, force=force, suffix=CURVE)

    def __enter__(self) -> "TrainingRun":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from bowerbird.learning.device import leave_group

        if self.first and not self._has_checkpoint():
            shutil.rmtree(self.work_dir, ignore_errors=True)
        leave_group(together=error is None)

    def _has_checkpoint(self) -> bool:
        """Return whether there is a checkpoint to resume from."""
        return any(self.work_dir.glob("checkpoint*"))

    def follow(self, steps: Iterator[Step[str]]) -> "Work[str]":
        """Follow the steps of a training to its end, or to Ctrl-C."""
        from bowerbird.cli.curves import Log
        from bowerbird.cli.progress import follow
        from bowerbird.learning.device import processes

        count = processes()[1]
        if self.first and (count > 1 or LAUNCHED in os.environ):
            notify(f"training with {count} {'process' if count == 1 else 'processes'}")
        if self.run.log is not None and self.first:
            self._log = Log(self.run.log)
        try:
            return follow(steps, (), self._on_step, quiet=self.quiet)
        finally:
            if self._log:
                self._log.close()

    def finish(self, work: "Work[str]", save: Callable[[Path], None], facts: dict[str, Any]) -> int:
        """Save the model with its record, report, and return the exit code."""
        if self.first:
            if work.ended:
                number, total = work.last.number, work.last.total
                notify(f"{work.ended} at step {number} of {total}; saving the best model so far")
            save(self.run.output)
            self._write_record(work, facts)
            self._report(work, facts)
        if not work.ended:
            if self.first:
                shutil.rmtree(self.work_dir, ignore_errors=True)
            return 0
        if self.first and self._has_checkpoint():
            notify("run the same command with --resume to continue from the last checkpoint")
        return work.exit_code(self.command.partition(" ")[0])

    def _on_step(self, step: Step[str]) -> str:
        """Log a step and print its sample; return a text for the progress bar."""
        if self._log:
            self._log.add(step)
        self.best = step.losses.get("best_validation_loss", self.best)
        if step.preview and not self.quiet:
            loss = step.losses["validation_loss"]
            notify(f"step {step.number}, validation loss {loss:.4f}: {step.preview}")
        return f"best validation loss {self.best:.4f}" if math.isfinite(self.best) else ""

    def _write_record(self, work: "Work[str]", facts: dict[str, Any]) -> None:
        """Write the record and the curve beside the model."""
        from bowerbird.cli import run_record
        from bowerbird.cli.curves import draw_losses

        if not self.run.record:
            return
        head = {**run_record.versions(), "command": self.command}
        record = {**head, **run_record.summary(work), **facts}
        record["steps"] = run_record.loss_table(work)
        run_record.write_record(run_record.record_path(self.run.output), record)
        draw_losses(work.history, self.run.output.with_suffix(CURVE), f"nats per {self.unit}")

    def _report(self, work: "Work[str]", facts: dict[str, Any]) -> None:
        from bowerbird.cli.run_record import summary

        loss = facts["validation_loss"]
        validation = "not validated" if loss is None else f"validation loss {loss:.4f}"
        speed = f"{facts[f'{self.unit}s_per_second']:.0f} {self.unit}s/s"
        report(
            {**summary(work), **{k: v for k, v in facts.items() if k not in RECORD_ONLY}},
            f"{self.run.output}: {work.last.number} steps in {work.last.seconds:.0f} s, {speed}, "
            f"{validation}" + ("" if loss is None else f" nats per {self.unit}"),
            json=self.run.json,
            quiet=self.quiet,
        )
