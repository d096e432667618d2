"""What a command that trains reports about its run."""

import math

import torch

from bowerbird.cli.progress import Work
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.learning.config import TrainingConfig
from bowerbird.learning.device import Compute
from bowerbird.learning.step import Step
from bowerbird.learning.trainer import ALREADY_DONE


def facts_of(job, *steps):
    work = Work(steps[-1], list(steps))
    compute = Compute(torch.device("cpu"), torch.bfloat16)
    return job.facts(work, TrainingConfig(), torch.nn.Linear(3, 2), compute, 5.0)


def step(number, seconds, note=""):
    return Step(number, 20, {"total": 1.5}, seconds, None, note)


def test_a_resumed_run_counts_its_own_steps(tmp_path):
    with TrainingRun("x", TrainOptions(output=tmp_path / "m.safetensors"), "line") as job:
        assert facts_of(job, step(11, 1.0), step(20, 2.0))["lines_per_second"] == 25
        assert facts_of(job, step(20, 0.1, ALREADY_DONE))["lines_per_second"] == 0


def test_facts_about_a_training(tmp_path):
    output = tmp_path / "m.safetensors"
    with TrainingRun("x", TrainOptions(output=output), "line") as job:
        facts = facts_of(job, step(1, 1.0))
        assert facts["validation_loss"] is None
        assert (facts["model"], facts["train_loss"]) == (str(output), 1.5)
        assert (facts["parameters"], facts["config"]["precision"]) == (8, "bfloat16")
        job.best = math.pi
        assert facts_of(job, step(1, 1.0))["validation_loss"] == math.pi


def test_losses_are_per_unit(tmp_path, capsys):
    with TrainingRun("x", TrainOptions(output=tmp_path / "m.safetensors"), "line") as job:
        job.best = 1.25
        work = Work(step(20, 2.0), [step(20, 2.0)])
        facts = {"inputs": {}, **facts_of(job, work.last)}
        assert job.finish(work, lambda path: path.write_bytes(b""), facts) == 0
    assert "2 lines/s, validation 1.2500 nats per line" in capsys.readouterr().out
