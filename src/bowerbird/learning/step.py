"""The ``Step`` that every long job yields, so that a terminal, a page or a test can follow it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Preview = TypeVar("Preview")


@dataclass(frozen=True)
class Step(Generic[Preview]):
    """One finished step of a long job."""

    number: int
    """Steps done so far, from 1."""
    total: int
    """Steps of the whole job, as far as is known now."""
    losses: Mapping[str, float]
    """Losses by name; ``total`` is the one that is minimized. Training adds ``learning_rate``."""
    seconds: float
    """Seconds since the job began."""
    preview: Preview | None = None
    """The current result (a picture, a text ...), or None."""
    note: str = field(default="")
    """What is unusual about this step (a new scale, a skipped batch), or nothing."""


def run_to_end(steps: Iterable[Step[Preview]]) -> Preview:
    """Run a job to its end and return its last preview; at least one step must have one."""
    last: Preview | None = None
    for step in steps:
        last = last if step.preview is None else step.preview
    assert last is not None
    return last
