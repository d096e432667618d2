"""A run of a command that trains: it writes the model, its record and its curve; it can resume."""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.options import RunOptions, Switch
from bowerbird.cli.report import notify, report
from bowerbird.learning.config import (
    CheckpointConfig,
    SequenceConfig,
    TrainerConfig,
    TrainingConfig,
)
from bowerbird.learning.validate import check_range
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig

if TYPE_CHECKING:
    from torch import nn

    from bowerbird.cli.curves import Log
    from bowerbird.cli.progress import Work
    from bowerbird.learning.device import Compute
    from bowerbird.learning.step import Step

LAUNCHED = "ACCELERATE_MIXED_PRECISION"  # `accelerate launch` sets it, also for a single process
SUFFIX, CURVE = ".safetensors", ".png"
IN_RECORD_ONLY = ("inputs", "config", "run", "corpus_sha256")  # not printed

# parts of several configurations; their fields are flags like all others
Parameter(name="*")(LanguageModelConfig)
Parameter(name="*", group=Group("Network", sort_key=3))(RecurrentConfig)
Parameter(name="*", group=Group("Batches", sort_key=4))(SequenceConfig)
Parameter(name="*", group=Group("Optimizer", sort_key=5))(TrainerConfig)
Parameter(name="transformer", group=Group("Transformer", sort_key=6))(TransformerConfig)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions):
    """Options of a command that trains."""

    resume: Switch = False
    """Continue an interrupted run of the same command from its last checkpoint."""
    checkpoint_every: int = CheckpointConfig.every
    """Steps between checkpoints, 0 for none: the most that an interruption can cost."""
    log: Annotated[Path | None, Parameter(show_default=False)] = None
    """Folder for a TensorBoard log."""

    def __post_init__(self) -> None:
        check_range(self, 0, math.inf, "checkpoint_every")


class TrainingRun:
    """A run of a command that trains; a context manager that deletes its working folder."""

    def __init__(self, command: str, run: TrainOptions, unit: str = "character") -> None:
        """Losses are in nats per ``unit``; raise ValueError for an output that is no model file."""
        from bowerbird.learning.device import processes

        self.command, self.run, self.unit = command, run, unit
        self.is_main = processes()[0] == 0  # of several processes, one writes and prints
        self.quiet = run.quiet or not self.is_main
        self.best = math.inf
        self._log: Log | None = None
        self._lock = ExitStack()
        path = run.output
        if path.suffix != SUFFIX:
            raise ValueError(f"{path} must be a model file; end its name in {SUFFIX}")
        self.work_dir = path.with_name(f".{path.name}.work")

    def __enter__(self) -> "TrainingRun":
        """Refuse, before any work, an output that could not be written later, or is written now."""
        from bowerbird.files.lock import locked

        with ExitStack() as lock:
            if self.is_main:
                lock.enter_context(locked(self.run.output))
            self._check_output()
            self._lock = lock.pop_all()
        return self

    def _check_output(self) -> None:
        from bowerbird.files.atomic_write import check_output

        run, path = self.run, self.run.output
        # the model of an interrupted run is overwritten by the run that continues it
        interrupted = self._has_checkpoint()
        force = run.force or (run.resume and interrupted)
        if interrupted and path.exists() and not force:
            raise ValueError(
                f"{path} is from a training that was interrupted; add --resume to continue it, or "
                "--force to start again"
            )
        check_output(path, force=force)
        if run.record:
            from bowerbird.cli.run_record import check_record

            check_record(path, force=force)
            check_record(path, force=force, suffix=CURVE)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from bowerbird.learning.device import leave_group

        if self.is_main and not self._has_checkpoint():
            shutil.rmtree(self.work_dir, ignore_errors=True)
        self._lock.close()
        leave_group(together=error is None)

    def _has_checkpoint(self) -> bool:
        return any(self.work_dir.glob("checkpoint*"))

    def train(self, steps: "Iterator[Step[str]]") -> "Work[str]":
        """Run the steps of a training to the end, or to Ctrl-C."""
        from bowerbird.cli.curves import Log
        from bowerbird.cli.progress import follow
        from bowerbird.learning.device import processes

        count = processes()[1]
        if self.is_main and (count > 1 or LAUNCHED in os.environ):
            notify(f"training with {count} {'process' if count == 1 else 'processes'}")
        if self.run.log is not None and self.is_main:
            self._log = Log(self.run.log)
        try:
            return follow(steps, (), self._on_step, quiet=self.quiet)
        finally:
            if self._log:
                self._log.close()

    def facts(
        self,
        work: "Work[str]",
        config: TrainingConfig,
        network: "nn.Module",
        compute: "Compute",
        units_per_step: float,
    ) -> dict[str, Any]:
        """Return the facts that all trainings report; ``config`` is what was planned."""
        from bowerbird.learning.trainer import ALREADY_DONE

        first, last = work.history[0], work.last
        # the steps before a resumed run are not its own
        steps = 0 if last.note == ALREADY_DONE else last.number - first.number + 1
        return {
            "model": str(self.run.output),
            "config": {**asdict(config), "precision": str(compute.dtype).removeprefix("torch.")},
            "train_loss": last.losses["total"],
            "validation_loss": self.best if math.isfinite(self.best) else None,
            f"{self.unit}s_per_second": round(steps * units_per_step / max(last.seconds, 1e-9)),
            "parameters": sum(p.numel() for p in network.parameters()),
        }

    def finish(self, work: "Work[str]", save: Callable[[Path], None], facts: dict[str, Any]) -> int:
        """Save the model with its record, report it, and return the exit code."""
        if self.is_main:
            if work.ended:
                notify(
                    f"{work.ended} at step {work.last.number} of {work.last.total}; saving the best"
                )
            save(self.run.output)
            self._write_record(work, facts)
            self._report(work, facts)
        if not work.ended:
            if self.is_main:
                shutil.rmtree(self.work_dir, ignore_errors=True)
            return 0
        if self.is_main and self._has_checkpoint():
            notify("the same command with --resume continues from the last checkpoint")
        return work.exit_code(self.command.partition(" ")[0])

    def _on_step(self, step: "Step[str]") -> str:
        """Log a step and print its sample; return the best validation loss in words."""
        if self._log:
            self._log.add(step)
        self.best = step.losses.get("best_validation_loss", self.best)
        if step.preview and not self.quiet:
            loss = step.losses["validation_loss"]
            notify(f"step {step.number}, validation {loss:.4f}: {step.preview}")
        return f"best validation {self.best:.4f}" if math.isfinite(self.best) else ""

    def _write_record(self, work: "Work[str]", facts: dict[str, Any]) -> None:
        """Write the record and the curve beside the model."""
        from bowerbird.cli.curves import draw_losses
        from bowerbird.cli.run_record import (
            loss_table,
            record_path,
            summary,
            versions,
            write_record,
        )

        if not self.run.record:
            return
        record = {**versions(), "command": self.command, **summary(work), **facts}
        record["steps"] = loss_table(work)
        write_record(record_path(self.run.output), record)
        draw_losses(work.history, self.run.output.with_suffix(CURVE), f"nats per {self.unit}")

    def _report(self, work: "Work[str]", facts: dict[str, Any]) -> None:
        from bowerbird.cli.run_record import summary

        loss = facts["validation_loss"]
        validation = "not measured" if loss is None else f"{loss:.4f} nats per {self.unit}"
        report(
            {**summary(work), **{k: v for k, v in facts.items() if k not in IN_RECORD_ONLY}},
            f"{self.run.output}: {work.last.number} steps in {work.last.seconds:.0f} s, "
            f"{facts[f'{self.unit}s_per_second']:.0f} {self.unit}s/s, validation {validation}",
            json=self.run.json,
            quiet=self.quiet,
        )
