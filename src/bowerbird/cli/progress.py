"""Show the progress of a long job on standard error: a bar on a terminal, else lines.

Steps at a coarse scale take less time than those at the last one, so the remaining time is
estimated from their cost (px), not from their number.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from types import TracebackType
from typing import Generic, TypeVar

from rich.console import Console

from bowerbird.cli.errors import BAD_INPUT, INTERRUPTED, exit_code, is_divergence
from bowerbird.cli.report import notify
from bowerbird.learning.step import Step

P = TypeVar("P")

INTERVAL = 10.0  # s between two lines where there is no terminal
RATE_STEPS = 10  # over which the steps per second are averaged


@dataclass
class Work(Generic[P]):
    """The result of a long job."""

    last: Step[P]
    """The last step that was done."""
    history: list[Step[None]] = field(default_factory=list)
    """All steps, without their previews."""
    ended: str = ""
    """Why it ended early, or empty."""
    interrupted: bool = False
    """Whether Ctrl-C ended it."""
    error: Exception | None = None
    """The error that ended it."""

    def exit_code(self, noun: str = "") -> int:
        """Return the exit code; print an error that ``ended``, already printed, doesn't explain."""
        if self.interrupted:
            return INTERRUPTED
        if self.error is None:
            return 0
        # ``ended`` says all about a loss that isn't finite; other errors may be internal
        return BAD_INPUT if is_divergence(self.error) else exit_code(self.error, noun)


def follow(
    steps: Iterator[Step[P]],
    costs: Sequence[float],
    on_step: Callable[[Step[P]], str],
    *,
    quiet: bool = False,
) -> Work[P]:
    """Run a job to its end, to Ctrl-C or to an error, and show its progress.

    ``costs`` are those of the steps, in any unit; empty if all are equal. ``on_step`` is called
    with each step and returns a description of its preview. The job is closed however it ends, so
    that it can put its result in place. Raises what the job raises before its first step; a
    KeyboardInterrupt then has a message.
    """
    work: Work[P] | None = None
    try:
        with _Display(costs, quiet) as display:
            for step in steps:
                work = Work(step) if work is None else work
                work.last = step
                plain = Step[None](
                    step.number, step.total, step.losses, step.seconds, None, step.note
                )
                work.history.append(plain)
                display.show(plain, on_step(step))
    except KeyboardInterrupt as error:
        if work is None:
            sentence = "interrupted before the first step; there was nothing to save"
            raise KeyboardInterrupt(sentence) from error
        work.ended, work.interrupted = "interrupted", True
    except Exception as error:  # whatever ends a long job, its result so far is kept
        if work is None:
            raise
        work.ended, work.error = str(error).partition("\n")[0] or type(error).__name__, error
    finally:
        if isinstance(steps, Generator):
            steps.close()
    if work is None:
        raise ValueError("the job has no steps")
    return work


class _Display:
    """Show steps on standard error."""

    def __init__(self, costs: Sequence[float], quiet: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self.reached, self.quiet = [0.0, *accumulate(costs)], quiet
        self.recent: deque[Step[None]] = deque(maxlen=RATE_STEPS + 1)
        self.first: Step[None] | None = None
        self.printed = time.monotonic()
        console = Console(stderr=True)
        columns = (BarColumn(20), TextColumn("{task.description}", markup=False))
        self.bar = Progress(*columns, console=console, transient=True)
        self.draws = console.is_terminal and not console.is_dumb_terminal and not quiet
        self.task = self.bar.add_task("preparing", total=None)

    def __enter__(self) -> "_Display":
        if self.draws:
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self.draws:
            self.bar.stop()

    def show(self, step: Step[None], preview: str) -> None:
        """Show one step and the description of its preview."""
        self.first = self.first or step
        self.recent.append(step)
        if self.quiet:
            return
        text = self._describe(step, preview)
        if step.note and step.note != preview:
            text = f"{text}: {step.note}"
        if self.draws:
            done, total = self._completed(step)
            self.bar.update(self.task, completed=done, total=total, description=text)
        elif step.note or time.monotonic() - self.printed > INTERVAL:
            self.printed = time.monotonic()
            notify(text)

    def _completed(self, step: Step[None]) -> tuple[float, float]:
        """Return the cost up to a step, and the total."""
        if len(self.reached) != step.total + 1:
            return step.number, step.total
        return self.reached[step.number], self.reached[-1]

    def _describe(self, step: Step[None], preview: str) -> str:
        parts = [f"step {step.number} of {step.total}", preview]
        before = self.recent[0]
        if step.seconds > before.seconds:
            rate = (step.number - before.number) / (step.seconds - before.seconds)
            parts.append(f"{rate:.2g} it/s")
        parts.append(self._remaining(step))
        if "total" in step.losses:  # last: a narrow terminal cuts the end off
            terms = [f"{n} {v:.3g}" for n, v in step.losses.items() if n != "total" and v]
            detail = f" ({', '.join(terms)})" if len(terms) > 1 else ""
            parts.append(f"loss {step.losses['total']:.4g}{detail}")
        return ", ".join(part for part in parts if part)

    def _remaining(self, step: Step[None]) -> str:
        """Return the remaining time, without the first step, which also opens the network."""
        done, total = self._completed(step)
        begun = self._completed(self.first)[0] if self.first else 0.0
        if self.first is None or done <= begun:
            return ""
        seconds = (step.seconds - self.first.seconds) / (done - begun) * (total - done)
        return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"
