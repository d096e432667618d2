"""The place of a training in its schedule, corrected on the way so that it ends on time.

A plan for some minutes is made from a few timed steps. Another program may slow the training down
later, or stop. A ``Schedule`` then takes longer or shorter strides through the planned steps: the
learning rate and the validations depend on the place, so they end as planned, after fewer or more
steps.
"""

import math
import time
from dataclasses import dataclass

from bowerbird.learning.config import TrainerConfig

CHECKS = 20  # of the pace, in the whole time
TOLERANCE = 0.03  # relative change of the stride that isn't worth it
MAX_STRIDE, MIN_STRIDE = 64.0, 0.25
ROUNDING = 1e-6  # of a step


@dataclass(frozen=True)
class TimeLimit:
    """When a training must end."""

    seconds: float
    """From its first step on, with all validations."""
    validation_seconds: float = 0.0
    """An estimate for one validation, used until one was measured."""


class Schedule:
    """Where a training is between 0 and ``iterations`` planned steps."""

    def __init__(self, config: TrainerConfig, limit: TimeLimit | None = None) -> None:
        """Start the clock; without a limit each step is one planned step."""
        self.iterations, self.validate_every = config.iterations, config.validate_every
        self.place, self.stride = 0.0, 1.0
        self.before = 0.0  # the place a step ago
        now = time.perf_counter()
        self.end = now + limit.seconds if limit else math.inf
        self.interval = limit.seconds / CHECKS if limit else math.inf
        self.validation_seconds = limit.validation_seconds if limit else 0.0
        self.window_start, self.window_steps, self.window_seconds = now, 0, 0.0

    @property
    def done(self) -> bool:
        """Whether all planned steps are covered."""
        return self.place > self.iterations - ROUNDING

    @property
    def steps_left(self) -> int:
        """The steps to the end, with the present stride."""
        return max(0, math.ceil((self.iterations - self.place) / self.stride - ROUNDING))

    @property
    def validation_due(self) -> bool:
        """Whether the last step reached the next validation, or the end."""
        before, now = (
            math.floor((place + ROUNDING) / self.validate_every)
            for place in (self.before, self.place)
        )
        return self.done or now > before

    def advance(self, seconds: float) -> None:
        """Go on by a step that took this time, and correct the stride if it is time to."""
        self.before = self.place
        self.place += self.stride
        self.window_steps += 1
        self.window_seconds += seconds
        now = time.perf_counter()
        if now - self.window_start > self.interval:
            self._correct(now)
            self.window_start, self.window_steps, self.window_seconds = now, 0, 0.0

    def _correct(self, now: float) -> None:
        """Choose the stride with which the rest fits into the time left."""
        validations = math.ceil((self.iterations - self.place) / self.validate_every)
        left = self.end - now - validations * self.validation_seconds
        steps = max(1.0, left / (self.window_seconds / self.window_steps))
        stride = min(MAX_STRIDE, max(MIN_STRIDE, (self.iterations - self.place) / steps))
        if abs(stride - self.stride) > TOLERANCE * self.stride:
            self.stride = stride
