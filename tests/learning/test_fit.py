"""The one way of learning: it learns, it resumes bit for bit, two processes learn as one."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bowerbird.learning.fit import Checkpoints, FitConfig, LearningError, fit_steps
from bowerbird.learning.modelfile import ModelError
from bowerbird.learning.sequence import Rows, SequenceTask
from bowerbird.networks.recurrent import Recurrent, RecurrentConfig

QUICK = FitConfig(iterations=30, rate=1e-2, warm_up=3, validate_every=10)


def pattern(length=4000):
    """A stream whose next sign is known: after 1, 5 and 9 from the sign before."""
    return np.resize(np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 10, 9, 8, 7, 0], np.uint8), length)


def task(rows=4, seed=0, **changes):
    network = Recurrent(11, RecurrentConfig(width=32, **changes))
    network.initialize(seed)
    return SequenceTask(network, Rows(pattern(), rows, 16), pattern(700), torch.device("cpu"))


def learn(job, config=QUICK, checkpoints=None):
    return list(fit_steps(job, config, checkpoints))


def weights(job):
    return torch.cat([p.detach().flatten() for p in job.network.parameters()])


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "rmsprop", "sgd"])
def test_a_pattern_is_learned(optimizer):
    rate = {"sgd": 0.5, "muon": 0.02}.get(optimizer, 1e-2)
    steps = learn(task(), replace(QUICK, iterations=120, optimizer=optimizer, rate=rate))
    assert steps[0].losses["total"] == pytest.approx(math.log(11), rel=0.05)
    assert steps[-1].losses["total"] < 0.5 * math.log(11)
    assert steps[-1].losses["validation"] < 0.5 * math.log(11)
    assert [s.number for s in steps if "validation" in s.losses] == list(range(10, 121, 10))


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "rmsprop", "sgd"])
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(tmp_path, optimizer, average):
    config = replace(QUICK, optimizer=optimizer, average=average, accumulate=2)
    kind = {"dropout": 0.3, "recurrent_dropout": 0.2}
    path = tmp_path / "checkpoint"
    torch.manual_seed(5)
    whole = task(**kind)
    losses = [s.losses["total"] for s in learn(whole, config)]
    torch.manual_seed(5)
    for step in fit_steps(task(**kind), config, Checkpoints(path, every=7)):
        if step.number == 17:
            break  # three steps after the last checkpoint
    torch.manual_seed(99)
    resumed = task(seed=3, **kind)
    steps = learn(resumed, config, Checkpoints(path, every=7, resume=True))
    assert steps[0].number == 15
    assert [s.losses["total"] for s in steps] == losses[14:]
    assert torch.equal(weights(resumed), weights(whole))


CHILD = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_fit import QUICK, Checkpoints, fit_steps, task, weights
from dataclasses import replace
torch.manual_seed(5)
job = task(dropout=0.3)
config = replace(QUICK, iterations=3000, validate_every=500)
kept = Path("kept")
for step in fit_steps(job, config, Checkpoints(kept, every=20, resume=kept.exists())):
    print(step.number, flush=True)
torch.save(weights(job), sys.argv[1])
"""


def test_kill_at_any_moment_loses_at_most_one_interval(tmp_path):
    code = CHILD.format(folder=str(Path(__file__).parent))
    run = [sys.executable, "-W", "error", "-c", code]
    subprocess.run([*run, "whole.pt"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "kept").unlink()
    reached = 0
    for patience in (0.05, 0.13, 0.4):
        with subprocess.Popen([*run, "cut.pt"], cwd=tmp_path, stdout=subprocess.PIPE) as job:
            first = int(job.stdout.readline())
            assert first >= reached - 20  # what was done is at most an interval away
            time.sleep(patience)
            job.send_signal(signal.SIGKILL)
            told = [int(line) for line in job.stdout.read().split()]
            reached = told[-1] if told else first
    assert reached < 3000
    subprocess.run([*run, "cut.pt"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert torch.equal(torch.load(tmp_path / "cut.pt"), torch.load(tmp_path / "whole.pt"))
    assert list(tmp_path.glob("*.part*")) == []


PROCESS = """
import json, sys, torch
sys.path.insert(0, {folder!r})
from test_fit import QUICK, Rows, SequenceTask, fit_steps, pattern, task
import torch.distributed as dist
dist.init_process_group("gloo")
job = task()
part = (dist.get_rank(), dist.get_world_size())
job.rows = Rows(pattern(), 4, 16, part=part)
losses = [s.losses["total"] for s in fit_steps(job, QUICK)]
if part[0] == 0:
    print(json.dumps([part[1], losses]))
dist.destroy_process_group()
"""


def test_two_processes_learn_as_one(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(PROCESS.format(folder=str(Path(__file__).parent)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", str(script)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    processes, losses = json.loads(done.stdout.strip().splitlines()[-1])
    assert processes == 2
    alone = [s.losses["total"] for s in learn(task())]
    assert losses == pytest.approx(alone, rel=1e-4)


def test_accumulated_batches_are_one_larger_batch():
    # two windows of the same rows, each from a state of zeros, or both at once
    config = replace(QUICK, iterations=1, accumulate=2, clip=0.0)
    job = task()
    steps = learn(job, config)
    assert steps[0].number == 1
    assert job.rows.position == 2


def test_the_rate_rises_and_falls():
    config = FitConfig(iterations=100, warm_up=10, rate=1.0, final_rate=0.1)
    rates = [config.rate_at(i) for i in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[99] == pytest.approx(0.1, abs=0.01)
    # torch-rnn halves; char-rnn takes 3 % off at the end of every epoch from the tenth on
    steps = FitConfig(warm_up=0, decay="steps", rate=1.0, decay_every=5, decay_factor=0.5)
    assert [steps.rate_at(i) for i in (0, 4, 5, 10)] == [1.0, 1.0, 0.5, 0.25]


class Broken(SequenceTask):
    """A task whose loss is not a number from some batch on."""

    def __init__(self, whole, first, last):
        super().__init__(whole.network, whole.rows, whole.validation, whole.device)
        self.first, self.last = first, last

    def loss(self, network):
        bad = self.first <= self.rows.position < self.last
        return super().loss(network) * (math.nan if bad else 1.0)


def test_a_bad_batch_is_left_out_and_said():
    steps = learn(Broken(task(), 5, 7))
    assert [s.number for s in steps if "left out" in s.note] == [6, 7]
    assert math.isfinite(steps[-1].losses["validation"])


def test_only_bad_batches_end_it():
    with pytest.raises(LearningError, match="lower the rate"):
        learn(Broken(task(), 5, 1000))


def test_the_best_weights_are_kept():
    # a rate that ruins what a small one has learned
    config = replace(QUICK, iterations=60, decay="steps", decay_every=30, decay_factor=300.0)
    job = task()
    steps = learn(job, config)
    validations = [s.losses["validation"] for s in steps if "validation" in s.losses]
    assert job.validate(job.network) == pytest.approx(min(validations), rel=1e-6)
    assert validations[-1] > min(validations)
    early = learn(task(), replace(config, patience=1))
    assert len(early) < 60


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    path = tmp_path / "checkpoint"
    learn(task(), replace(QUICK, iterations=4), Checkpoints(path, every=2))
    with pytest.raises(ModelError, match="other settings"):
        learn(task(), QUICK, Checkpoints(path, every=2, resume=True))
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        learn(task(), QUICK, Checkpoints(path, every=2, resume=True))
