"""What fits into a time: planning keeps to its share of it, and plans what can be done."""

import time

import torch

from bowerbird.learning import time_budget as pace
from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.time_budget import TokenCounts, plan_training, seconds_per_step

CONFIG = TrainerConfig(warmup_steps=0)
STREAMS = TokenCounts(per_step=64, train=64_000, validation=6400)


class Slow:
    """A task whose loss takes a time on a clock that only it moves."""

    def __init__(self, clock, seconds, weights=4):
        self.network, self.clock, self.seconds = torch.nn.Linear(weights, 1), clock, seconds

    def loss(self, network):
        self.clock.now += self.seconds
        return network.weight.square().sum() + network.bias.square().sum()

    def validate(self, network):
        raise AssertionError("a stopwatch measures nothing else")


class Clock:
    now = 0.0


def stopped(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    return clock


def test_a_step_is_measured(monkeypatch):
    clock = stopped(monkeypatch)
    assert abs(seconds_per_step(Slow(clock, 0.05), CONFIG, "cpu") - 0.05) < 1e-9
    assert 0.8 < clock.now < 1.2


def test_slow_steps_end_the_measurement_early(monkeypatch):
    clock = stopped(monkeypatch)
    assert abs(seconds_per_step(Slow(clock, 5.0), CONFIG, "cpu") - 5.0) < 1e-9
    assert clock.now == 10.0


def test_planning_takes_a_tenth_of_the_time(monkeypatch):
    clock = stopped(monkeypatch)
    widths, made = (8, 16, 32, 64, 128, 256, 512), []

    def make(width):
        made.append(width)
        return Slow(clock, 1e-3)

    plan = plan_training(make, widths, CONFIG, 3.0, STREAMS, "cpu")
    assert made[-1] == plan.hidden_size
    assert clock.now < 1.5 * pace.PLANNING * 3.0
    # so slow that the first width takes more than its share: no other is tried
    made.clear()
    clock.now = 0.0
    slow = plan_training(
        lambda w: made.append(w) or Slow(clock, 1.0), widths, CONFIG, 12.0, STREAMS, "cpu"
    )
    assert made == [8]
    assert slow.hidden_size == 8
    assert 1 <= slow.trainer.iterations <= 10


def test_the_widest_that_can_be_trained_in_time(monkeypatch):
    clock = stopped(monkeypatch)
    # 100 s at 0.01 s a step of 64 tokens: 640,000 tokens, six for each of 106,666 weights
    weights = {1: 1000, 2: 50_000, 3: 100_000, 4: 120_000}
    plan = plan_training(
        lambda w: Slow(clock, 0.01, weights[w]), (1, 2, 3, 4), CONFIG, 100.0, STREAMS, "cpu"
    )
    assert plan.hidden_size == 3
    assert 7000 < plan.trainer.iterations < 10_000
    assert plan.epochs == plan.trainer.iterations * 64 / 64_000
