"""A training takes longer or shorter strides through its schedule, and ends on time."""

from dataclasses import replace

import pytest

from bowerbird.learning import schedule
from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.schedule import Schedule, TimeLimit

CONFIG = TrainerConfig(iterations=1000, validate_every=100, warmup_steps=10)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set; it starts at 100 s."""
    now = [100.0]
    monkeypatch.setattr(schedule.time, "perf_counter", lambda: now[0])
    return now


def train(clock, seconds_at, limit, validation=0.5, config=CONFIG):
    """Return the number of steps, those with a validation, and the seconds they took."""
    start, place, validations = clock[0], Schedule(config, limit), []
    number = 0
    while not place.done:
        seconds = seconds_at(clock[0] - start)
        clock[0] += seconds
        place.advance(seconds)
        number += 1
        if place.validation_due:
            clock[0] += validation
            place.validation_seconds = validation
            validations.append(number)
    assert place.steps_left == 0
    return number, validations, clock[0] - start


def test_without_a_limit_a_step_is_a_planned_step(clock):
    steps, validations, _ = train(clock, lambda _: 9.0, None)
    assert (steps, validations) == (1000, list(range(100, 1001, 100)))


def test_as_planned_nothing_changes(clock):
    steps, validations, _ = train(clock, lambda _: 0.1, TimeLimit(105.0, 0.5))
    assert (steps, validations) == (1000, list(range(100, 1001, 100)))


@pytest.mark.parametrize(
    ("seconds_at", "steps"),
    [
        (lambda _: 0.14, (690, 730)),  # another program runs all the time
        (lambda now: 0.2 if now > 40 else 0.1, (680, 720)),  # it starts
        (lambda now: 0.2 if now < 40 else 0.1, (780, 830)),  # it stops
        (lambda _: 0.05, (1960, 2040)),  # the timed steps were slow ones
        (lambda now: 0.3 if 20 < now < 50 else 0.1, (770, 820)),
    ],
)
def test_it_ends_on_time_whatever_else_runs(clock, seconds_at, steps):
    taken, validations, seconds = train(clock, seconds_at, TimeLimit(105.0, 0.5))
    assert seconds == pytest.approx(105, rel=0.05)
    assert steps[0] < taken < steps[1]
    assert len(validations) == 10  # all that were planned
    assert validations[-1] == taken


def test_too_short_a_time_is_overrun_by_no_more_than_its_check(clock):
    config = replace(CONFIG, validate_every=1000)
    taken, _, seconds = train(clock, lambda _: 1.0, TimeLimit(10.0), 0.0, config)
    assert seconds < 30  # the stride is bounded: not every planned step is jumped over at once
    assert taken >= 1000 / schedule.MAX_STRIDE


def test_the_steps_that_are_left_follow_the_pace(clock):
    place = Schedule(CONFIG, TimeLimit(100.0))
    for _ in range(60):
        clock[0] += 0.2
        place.advance(0.2)
    # 60 steps took 12 s; 88 s are left for 0.2 s each
    assert place.steps_left == pytest.approx(440, rel=0.03)
    assert place.place == pytest.approx(60, abs=70)


def test_a_correction_repeats_and_skips_no_validation(clock):
    """Whatever the stride was before, a validation is due where its place is crossed."""
    place = Schedule(TrainerConfig(iterations=1000, validate_every=50), TimeLimit(100.0))
    strides, due, crossed = set(), [], []
    while not place.done:
        seconds = 0.099 if place.place < 50 else 0.9 if place.place < 52 else 0.3
        before = place.place
        clock[0] += seconds
        place.advance(seconds)
        strides.add(place.stride)
        due.append(place.validation_due)
        crossed.append(place.done or (place.place + 1e-6) // 50 > (before + 1e-6) // 50)
    assert len(strides) > 3
    assert due == crossed
