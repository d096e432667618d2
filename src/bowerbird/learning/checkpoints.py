"""Checkpoints of a training: one file for each process, and the step from which all resume.

Each process writes its own file, at slightly different times: the run may be killed in between.
With several processes each therefore keeps its previous checkpoint too, and all resume from the
newest step that every one of them has.

What is in a checkpoint, and how a run continues from it, is in ``trainer.py``.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from bowerbird.errors import ModelError
from bowerbird.learning.config import CheckpointConfig
from bowerbird.learning.model_file import ModelHeader, read_header, write_model

START_OVER = "leave --resume out to start over"
Exchange = Callable[[list[Any]], list[Any]]
"""Gives each process the concatenated lists of all."""


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one process."""

    config: CheckpointConfig
    settings: Mapping[str, Any]
    """The trainer's configuration, as JSON holds it."""
    rank: int = 0
    processes: int = 1

    @property
    def path(self) -> Path:
        """The file of the newest checkpoint."""
        name = self.config.path.name + (f".{self.rank}" if self.rank else "")
        return self.config.path.with_name(name)

    @property
    def previous(self) -> Path:
        """The file of the checkpoint before it; written only with several processes."""
        return self.path.with_name(f"{self.path.name}.previous")

    def due(self, number: int, last: bool) -> bool:
        """Return whether to write a checkpoint after this step; ``last``: no step follows."""
        return self.config.every > 0 and (last or number % self.config.every == 0)

    def clear(self) -> None:
        """Delete the checkpoints of an earlier run."""
        for path in (self.path, self.previous):
            path.unlink(missing_ok=True)

    def write(self, progress: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Write a checkpoint atomically; ``progress`` holds the ``number`` of its step."""
        if self.processes > 1 and self.path.exists():
            os.replace(self.path, self.previous)
        run = {"run": self.config.run, "processes": self.processes}
        header = ModelHeader("checkpoint", self.settings, {}, {**progress, **run})
        write_model(self.path, header, tensors)

    def newest(self, exchange: Exchange) -> Path | None:
        """Return the newest checkpoint that every process has; None to start from the beginning.

        Raises ModelError, in every process, for a checkpoint that can't be read or used, and if
        there is no step that all of them have.
        """
        available: dict[int, Path] = {}
        fault: ModelError | None = None
        try:
            available = {self._number(p): p for p in (self.previous, self.path) if p.exists()}
        except ModelError as error:  # raised after the exchange, for which the others wait
            fault = error
        # before its first checkpoint a process can only start from the beginning
        start = [0] if max(available, default=0) <= self.config.every else []
        steps = exchange([None if fault else [*available, *start]])
        if fault:
            raise fault
        if None in steps:
            raise ModelError(f"another process can't use its checkpoint; {START_OVER}")
        common = set.intersection(*map(set, steps))
        if not common:
            raise ModelError(
                f"{self.path} and the checkpoints of other processes have no step in common; "
                f"{START_OVER}"
            )
        return available.get(max(common))

    def _number(self, path: Path) -> int:
        """Return the step of a checkpoint of this run."""
        header = read_header(path, "checkpoint")
        if dict(header.config) != json.loads(json.dumps(self.settings)):
            raise ModelError(
                f"{path} is from a run with other settings; use the same ones, or {START_OVER}"
            )
        processes, number = (header.provenance.get(name) for name in ("processes", "number"))
        if header.provenance.get("run") != self.config.run or type(number) is not int:
            raise ModelError(f"{path} is from another run; {START_OVER}")
        if processes != self.processes:
            raise ModelError(
                f"{path} is from a run with {processes} processes, not {self.processes}; start "
                f"{processes} processes, or {START_OVER}"
            )
        return number
