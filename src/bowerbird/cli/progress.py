"""Follow a long job on standard error: a bar on a terminal, else a line every ten seconds.

Steps of a coarse scale are cheaper than those of the last one, so the time that is left is judged
by effort (px), not by the number of steps.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from types import TracebackType
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bowerbird.cli.errors import BAD_INPUT, INTERRUPTED, exit_code, is_no_number, say
from bowerbird.learning.step import Step

P = TypeVar("P")

EVERY = 10.0  # s between two lines where there is no terminal
RECENT = 10  # steps over which the rate is taken


@dataclass
class Work(Generic[P]):
    """What came of a long job."""

    last: Step[P]
    """The last step that was done."""
    history: list[Step[None]] = field(default_factory=list)
    """All steps, without their previews."""
    ended: str = ""
    """Why it ended early, or nothing."""
    interrupted: bool = False
    """Whether it was Ctrl-C that ended it."""
    error: Exception | None = None
    """What else ended it."""

    def exit_code(self, craft: str = "") -> int:
        """Return the exit code, once ``ended`` has been told; say what else there is to say."""
        if self.interrupted:
            return INTERRUPTED
        if self.error is None:
            return 0
        # of a loss that is no number ``ended`` says all; other errors may be a mistake of ours
        return BAD_INPUT if is_no_number(self.error) else exit_code(self.error, craft)


def follow(
    steps: Iterator[Step[P]],
    effort: Sequence[float],
    look: Callable[[Step[P]], str],
    *,
    quiet: bool = False,
) -> Work[P]:
    """Run a job to its end, or to Ctrl-C or an error, and show how it goes.

    ``effort`` is the share of each step, in any unit; empty if all are alike. ``look`` is called
    with each step and describes its preview. The job is closed however it ends, so that it can put
    its result in place. Raises what the job raises before its first step, and KeyboardInterrupt
    with a sentence.
    """
    work: Work[P] | None = None
    try:
        with _Display(effort, quiet) as display:
            for step in steps:
                work = Work(step) if work is None else work
                work.last = step
                plain = Step[None](
                    step.number, step.total, step.losses, step.seconds, None, step.note
                )
                work.history.append(plain)
                display.show(plain, look(step))
    except KeyboardInterrupt as error:
        if work is None:
            sentence = "interrupted before the first step; there was nothing to save"
            raise KeyboardInterrupt(sentence) from error
        work.ended, work.interrupted = "interrupted", True
    except Exception as error:  # whatever ends a long job, what it has made is kept
        if work is None:
            raise
        work.ended, work.error = str(error).partition("\n")[0] or type(error).__name__, error
    finally:
        if isinstance(steps, Generator):
            steps.close()
    if work is None:
        raise ValueError("the job had no step to do")
    return work


class _Display:
    """Show steps on standard error."""

    def __init__(self, effort: Sequence[float], quiet: bool) -> None:
        self.reached, self.quiet = [0.0, *accumulate(effort)], quiet
        self.recent: deque[Step[None]] = deque(maxlen=RECENT + 1)
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
        """Draw one step whose preview is described in words."""
        self.first = self.first or step
        self.recent.append(step)
        if self.quiet:
            return
        words = self._words(step, preview)
        if step.note and step.note != preview:
            words = f"{words}: {step.note}"
        if self.draws:
            done, whole = self._share(step)
            self.bar.update(self.task, completed=done, total=whole, description=words)
        elif step.note or time.monotonic() - self.printed > EVERY:
            self.printed = time.monotonic()
            say(words)

    def _share(self, step: Step[None]) -> tuple[float, float]:
        """Return the effort up to a step, and the whole."""
        if len(self.reached) != step.total + 1:
            return step.number, step.total
        return self.reached[step.number], self.reached[-1]

    def _words(self, step: Step[None], preview: str) -> str:
        parts = [f"step {step.number} of {step.total}", preview]
        before = self.recent[0]
        if step.seconds > before.seconds:
            rate = (step.number - before.number) / (step.seconds - before.seconds)
            parts.append(f"{rate:.2g} it/s")
        parts.append(self._left(step))
        if "total" in step.losses:  # last, as a narrow terminal cuts the end off
            terms = [f"{n} {v:.3g}" for n, v in step.losses.items() if n != "total" and v]
            detail = f" ({', '.join(terms)})" if len(terms) > 1 else ""
            parts.append(f"loss {step.losses['total']:.4g}{detail}")
        return ", ".join(part for part in parts if part)

    def _left(self, step: Step[None]) -> str:
        """Return the time that is left; the first step has no say, as it also opens the network."""
        done, whole = self._share(step)
        begun = self._share(self.first)[0] if self.first else 0.0
        if self.first is None or done <= begun:
            return ""
        seconds = (step.seconds - self.first.seconds) / (done - begun) * (whole - done)
        return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"
