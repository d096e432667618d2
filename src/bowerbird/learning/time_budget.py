"""Plan a training for a given time: time a few steps, then choose the width and the steps."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.device import processes
from bowerbird.learning.schedule import TimeLimit
from bowerbird.learning.trainer import Task, train_steps

WARMUP = 3  # steps before the timing starts: the first ones load their kernels
MIN_SECONDS = 0.8  # shorter timings are too noisy
PLANNING = 0.1  # fraction of the time after which no wider network is tried
VALIDATING = 0.1  # largest fraction of the time that is spent on validation
MAX_VALIDATIONS = 20
FORWARD = 1 / 3  # time of reading tokens, as a fraction of a training step
TOKENS_PER_WEIGHT = 6.0  # tokens to train on for each weight: a wider network doesn't pay off


@dataclass(frozen=True)
class Plan:
    """What fits into a time."""

    hidden_size: int
    """Width of the network; 0 if there was no choice."""
    trainer: TrainerConfig
    """With the steps that fit."""
    epochs: float
    """How often each token will be read."""
    limit: TimeLimit
    """The time that is left, by which the steps are corrected on the way."""


@dataclass(frozen=True)
class TokenCounts:
    """How many tokens there are."""

    per_step: int
    """In a training step."""
    train: int
    """To train on."""
    validation: int
    """To validate on."""


def check_single_process() -> None:
    """Raise ValueError if several processes train together: each would plan for itself."""
    if processes()[1] > 1:
        raise ValueError("--minutes plans for one process; with several give --iterations")


def seconds_per_step(
    task: Task, config: TrainerConfig, device: str, seconds: float = MIN_SECONDS
) -> float:
    """Return the median time of a training step, in seconds; the task can't be used afterwards.

    Timing takes ``seconds``, or little longer than two steps where these are slower.
    """
    plan = replace(config, iterations=1000, validate_every=1000)
    random = torch.get_rng_state()
    times: list[float] = []
    began = last = time.perf_counter()
    for step in train_steps(task, plan, device=device):
        now = time.perf_counter()
        late = now - began > 2 * seconds
        if step.number > WARMUP or (late and step.number > 1):
            times.append(now - last)
        last = now
        if (sum(times) > seconds and len(times) >= 3) or (late and times):
            break
    torch.set_rng_state(random)
    return sorted(times)[len(times) // 2]


def plan_training(
    make_task: Callable[[int], Task],
    widths: Sequence[int],
    config: TrainerConfig,
    seconds: float,
    tokens: TokenCounts,
    device: str,
) -> Plan:
    """Return the widest network of ``widths`` (ascending) and the steps that fit into a time.

    ``make_task`` returns a task with a network of a width. The time of the planning itself is
    subtracted.
    """
    began, chosen, step_seconds = time.perf_counter(), 0, 0.0
    timing = min(MIN_SECONDS, PLANNING * seconds / len(widths))
    for width in widths:
        task = make_task(width)
        weights = sum(p.numel() for p in task.network.parameters())
        pace = seconds_per_step(task, config, device, timing)
        if chosen and seconds / pace * tokens.per_step < TOKENS_PER_WEIGHT * weights:
            break
        chosen, step_seconds = width, pace
        if time.perf_counter() - began > PLANNING * seconds:
            break
    left = max(0.0, seconds - (time.perf_counter() - began))
    validation = FORWARD * step_seconds * tokens.validation / tokens.per_step
    validations = max(1, min(MAX_VALIDATIONS, math.floor(VALIDATING * left / validation)))
    steps = max(1, math.floor((left - validations * validation) / step_seconds))
    trainer = replace(
        config,
        iterations=steps,
        validate_every=-(-steps // validations),
        warmup_steps=min(config.warmup_steps, steps // 10),
    )
    limit = TimeLimit(left, validation)
    return Plan(chosen, trainer, steps * tokens.per_step / tokens.train, limit)
