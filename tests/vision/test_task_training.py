"""The schedule of a run that is planned by its minutes."""

from bowerbird.learning.config import TrainerConfig
from bowerbird.vision.task_training import with_iterations


def test_a_plan_scales_the_schedule_with_the_steps():
    trainer = TrainerConfig(iterations=2600, warmup_steps=390, validate_every=520)
    planned = with_iterations(trainer, 260)
    assert (planned.iterations, planned.warmup_steps, planned.validate_every) == (260, 39, 52)


def test_a_plan_has_few_validations():
    planned = with_iterations(TrainerConfig(iterations=13000, validate_every=1000), 800)
    assert planned.validate_every == 100
    assert with_iterations(planned, 1).validate_every == 1
