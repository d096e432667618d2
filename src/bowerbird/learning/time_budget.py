"""How much can be learned here in a time: a stopwatch, and a plan of width and steps from it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.trainer import Task, train_steps

WARM = 3  # steps before the stopwatch starts: the first ones find their kernels
LEAST_SECONDS = 0.8  # a measurement of less is chance
PLANNING = 0.1  # share of the time that is spent on planning: then no wider network is tried
LOOKING = 0.1  # share of the time that is spent on measuring validation data, at most
MOST_LOOKS = 20
READING = 1 / 3  # of the time of a step of learning is spent on reading alone
SIGNS_A_WEIGHT = 6.0  # signs to be read for each weight: a wider network is not learned in time


@dataclass(frozen=True)
class Plan:
    """What fits into a time."""

    hidden_size: int
    """The widest network that can be learned in it; 0 if there was no choice."""
    trainer: TrainerConfig
    """With the steps that fit."""
    epochs: float
    """How often each sign will be read."""


@dataclass(frozen=True)
class TokenCounts:
    """How much there is to read, in signs."""

    per_step: int
    """In a step."""
    train: int
    """To learn from."""
    validation: int
    """To measure on."""


def seconds_per_step(
    task: Task, config: TrainerConfig, device: str, most: float = LEAST_SECONDS
) -> float:
    """Return the median time of a step of learning, in seconds; the task is used up.

    It takes ``most`` seconds, or little longer than two steps where these are slower than that.
    """
    plan = replace(config, iterations=1000, validate_every=1000)
    random = torch.get_rng_state()
    times: list[float] = []
    began = last = time.perf_counter()
    for step in train_steps(task, plan, device=device):
        now = time.perf_counter()
        late = now - began > 2 * most
        if step.number > WARM or (late and step.number > 1):
            times.append(now - last)
        last = now
        if (sum(times) > most and len(times) >= 3) or (late and times):
            break
    torch.set_rng_state(random)
    return sorted(times)[len(times) // 2]


def plan_training(
    make: Callable[[int], Task],
    widths: Sequence[int],
    config: TrainerConfig,
    seconds: float,
    streams: TokenCounts,
    device: str,
) -> Plan:
    """Return the widest network of ``widths`` (rising) and the steps that fit into a time.

    ``make`` returns a task with a network of a width, to be used up. The time taken by planning
    itself is subtracted.
    """
    began, chosen, each = time.perf_counter(), 0, 0.0
    most = min(LEAST_SECONDS, PLANNING * seconds / len(widths))
    for width in widths:
        task = make(width)
        weights = sum(p.numel() for p in task.network.parameters())
        pace = seconds_per_step(task, config, device, most)
        if chosen and seconds / pace * streams.per_step < SIGNS_A_WEIGHT * weights:
            break
        chosen, each = width, pace
        if time.perf_counter() - began > PLANNING * seconds:
            break
    left = max(0.0, seconds - (time.perf_counter() - began))
    look = READING * each * streams.validation / streams.per_step
    looks = max(1, min(MOST_LOOKS, math.floor(LOOKING * left / look)))
    steps = max(1, math.floor((left - looks * look) / each))
    fit = replace(
        config,
        iterations=steps,
        validate_every=-(-steps // looks),
        warmup_steps=min(config.warmup_steps, steps // 10),
    )
    return Plan(chosen, fit, steps * streams.per_step / streams.train)
