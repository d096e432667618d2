"""The Step that every long job yields, so that a terminal, a page or a test can watch it alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Preview = TypeVar("Preview")


@dataclass(frozen=True)
class Step(Generic[Preview]):
    """One step of a long job, as it stands when the step is done."""

    number: int
    """Steps done so far, from 1."""
    total: int
    """Steps that the whole job will take, as far as is known now."""
    losses: Mapping[str, float]
    """Loss terms by name; ``total`` is what is minimised."""
    seconds: float
    """Seconds since the job began."""
    preview: Preview | None = None
    """The work as it is now (a picture, a text ...), or None if this step has none."""
    note: str = field(default="")
    """What a person should know of this step (a new scale, a restart), or nothing."""


def run_to_end(steps: Iterable[Step[Preview]]) -> Preview:
    """Run a job to its end and return the last preview of its steps; one at least has to have one.

    The plain sibling of a generator of steps is this.
    """
    last: Preview | None = None
    for step in steps:
        last = last if step.preview is None else step.preview
    assert last is not None
    return last
