"""Checkpoints of a run: where they lie, whose they are, and which one all processes go on from.

Each process writes its own, and they end up a moment apart: a kill may come between two of them.
Where several processes take part each therefore keeps the one before too, and all take the newest
that every one of them has.
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

ANEW = "leave --resume out to begin anew"
Exchange = Callable[[list[Any]], list[Any]]
"""Gives each process the lists of all of them, joined."""


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one process."""

    kept: CheckpointConfig
    config: Mapping[str, Any]
    rank: int = 0
    processes: int = 1

    @property
    def path(self) -> Path:
        """Where the newest lies."""
        name = self.kept.path.name + (f".{self.rank}" if self.rank else "")
        return self.kept.path.with_name(name)

    @property
    def before(self) -> Path:
        """Where the one before lies, if several processes take part."""
        return self.path.with_name(f"{self.path.name}.before")

    def due(self, number: int, done: bool) -> bool:
        """Tell whether a checkpoint is to be written after this step; ``done``: it is the last."""
        return self.kept.every > 0 and (done or number % self.kept.every == 0)

    def clear(self) -> None:
        """Delete what an older run has left here."""
        for path in (self.path, self.before):
            path.unlink(missing_ok=True)

    def write(self, told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Write a checkpoint, whole or not at all; ``told`` has the ``number`` of its step."""
        if self.processes > 1 and self.path.exists():
            os.replace(self.path, self.before)
        whose = {"run": self.kept.run, "processes": self.processes}
        write_model(
            self.path, ModelHeader("checkpoint", self.config, {}, {**told, **whose}), tensors
        )

    def newest(self, exchange: Exchange) -> Path | None:
        """Return the newest checkpoint that every process has, None to begin at the beginning.

        Raises ModelError, in every process, for one that does not fit or can't be read, and if
        there is no moment that all of them have.
        """
        there: dict[int, Path] = {}
        fault: ModelError | None = None
        try:
            there = {self._number(p): p for p in (self.before, self.path) if p.exists()}
        except ModelError as error:  # told after the exchange, which the others wait for
            fault = error
        # before its first checkpoint a run is at its beginning, which is a moment too
        start = [0] if max(there, default=0) <= self.kept.every else []
        shared = exchange([None if fault else [*there, *start]])
        if fault:
            raise fault
        if None in shared:
            raise ModelError(f"another process can't use its checkpoint; {ANEW}")
        common = set.intersection(*map(set, shared))
        if not common:
            raise ModelError(f"{self.path} and those of other processes differ in step; {ANEW}")
        return there.get(max(common))

    def _number(self, path: Path) -> int:
        """Return the step of a checkpoint of this run."""
        card = read_header(path, "checkpoint")
        if dict(card.config) != json.loads(json.dumps(self.config)):
            raise ModelError(f"{path} is of a run with other settings; use the same, or {ANEW}")
        processes, number = (card.provenance.get(name) for name in ("processes", "number"))
        if card.provenance.get("run") != self.kept.run or type(number) is not int:
            raise ModelError(f"{path} is of another run; {ANEW}")
        if processes != self.processes:
            raise ModelError(
                f"{path} is of a run with {processes} processes, not {self.processes}; take as "
                f"many, or {ANEW}"
            )
        return number
