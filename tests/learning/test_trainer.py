"""The one way of learning: it trains, it resumes bit for bit, two processes train as one."""

import json
import math
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from safetensors.torch import load_file

from bowerbird.errors import ModelError, TrainingError
from bowerbird.learning.checkpoints import CheckpointStore
from bowerbird.learning.config import CheckpointConfig, TrainerConfig
from bowerbird.learning.sequences.batches import SequenceBatches, SequenceTask, next_token_loss
from bowerbird.learning.trainer import ALREADY_DONE, train_steps
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent

QUICK = TrainerConfig(iterations=30, learning_rate=1e-2, warmup_steps=3, validate_every=10)


def pattern(length=4000):
    """A stream whose next token is known: after 1, 5 and 9 from the token before."""
    return np.resize(np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 10, 9, 8, 7, 0], np.uint8), length)


def task(rows=4, seed=0, **changes):
    network = Recurrent(11, RecurrentConfig(hidden_size=32, **changes))
    network.initialize(seed)
    return SequenceTask(
        network, SequenceBatches(pattern(), rows, 16), pattern(700), torch.device("cpu")
    )


def run(job, config=QUICK, checkpoints=None):
    return list(train_steps(job, config, checkpoints))


def weights(job):
    return torch.cat([p.detach().flatten() for p in job.network.parameters()])


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "rmsprop", "sgd"])
def test_a_pattern_is_trained(optimizer):
    rate = {"sgd": 0.5, "muon": 0.02}.get(optimizer, 1e-2)
    steps = run(task(), replace(QUICK, iterations=120, optimizer=optimizer, learning_rate=rate))
    assert steps[0].losses["total"] == pytest.approx(math.log(11), rel=0.05)
    assert steps[-1].losses["total"] < 0.5 * math.log(11)
    assert steps[-1].losses["validation_loss"] < 0.5 * math.log(11)
    assert [s.number for s in steps if "validation_loss" in s.losses] == list(range(10, 121, 10))


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "rmsprop", "sgd"])
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(tmp_path, optimizer, average):
    config = replace(QUICK, optimizer=optimizer, ema_decay=average, gradient_accumulation_steps=2)
    kind = {"dropout": 0.3, "recurrent_dropout": 0.2}
    path = tmp_path / "checkpoint"
    torch.manual_seed(5)
    whole = task(**kind)
    losses = [s.losses["total"] for s in run(whole, config)]
    torch.manual_seed(5)
    for step in train_steps(task(**kind), config, CheckpointConfig(path, every=7)):
        if step.number == 17:
            break  # three steps after the last checkpoint
    torch.manual_seed(99)
    resumed = task(seed=3, **kind)
    steps = run(resumed, config, CheckpointConfig(path, every=7, resume=True))
    assert steps[0].number == 15
    assert [s.losses["total"] for s in steps] == losses[14:]
    assert torch.equal(weights(resumed), weights(whole))


class Pictures:
    """A convolution whose weights lie channels last, as those of networks that see do."""

    def __init__(self):
        self.network = torch.nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last)
        self.shown = 0

    def loss(self, network):
        self.shown += 1
        x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(self.shown))
        return network(x).square().mean()

    def validate(self, network):
        return -float(self.shown)  # the last weights are the best

    def state_dict(self):
        return {"shown": torch.tensor(self.shown)}

    def load_state_dict(self, state):
        self.shown = int(state["shown"])


def test_a_resumed_run_takes_up_weights_as_they_lie_in_memory(tmp_path):
    torch.manual_seed(5)
    whole = Pictures()
    run(whole)
    torch.manual_seed(5)
    for step in train_steps(Pictures(), QUICK, CheckpointConfig(tmp_path / "kept", every=7)):
        if step.number == 17:
            break
    resumed = Pictures()
    run(resumed, QUICK, CheckpointConfig(tmp_path / "kept", every=7, resume=True))
    assert resumed.network.weight.stride() == whole.network.weight.stride()
    assert torch.equal(weights(resumed), weights(whole))


CHILD = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_trainer import QUICK, CheckpointConfig, train_steps, task, weights
from dataclasses import replace
torch.manual_seed(5)
job = task(dropout=0.3)
config = replace(QUICK, iterations=200, validate_every=50)
for step in train_steps(job, config, CheckpointConfig(Path("kept"), every=20, resume=True)):
    print(step.number, flush=True)
torch.save(weights(job), sys.argv[1])
"""
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # two would wait for each other where it's busy
LONGEST = 240  # s that a child may take: it needs a few


@pytest.mark.slow
def test_kill_at_any_moment_loses_at_most_one_interval(tmp_path):
    code = CHILD.format(folder=str(Path(__file__).parent))
    child = [sys.executable, "-W", "error", "-c", code, "cut.pt"]
    how = {"cwd": tmp_path, "env": ONE_THREAD}
    torch.manual_seed(5)
    whole = task(dropout=0.3)
    run(whole, replace(QUICK, iterations=200, validate_every=50))
    reached = 0
    for last in (31, 60, 119):  # after, at and before a checkpoint
        with subprocess.Popen(child, stdout=subprocess.PIPE, **how) as job:
            clock = threading.Timer(LONGEST, job.kill)
            clock.start()
            try:
                first = int(job.stdout.readline())
                assert first > reached - 20  # what was done is at most an interval away
                reached = first
                while reached < last:
                    reached = int(job.stdout.readline())
            finally:
                job.kill()  # else leaving this block would wait for its end
                clock.cancel()
        assert reached == last
    subprocess.run(child, check=True, stdout=subprocess.DEVNULL, timeout=LONGEST, **how)
    assert torch.equal(torch.load(tmp_path / "cut.pt"), weights(whole))
    assert list(tmp_path.glob("*.part*")) == []


class Listed:
    """A task whose batches are given: pairs of tokens and of what follows them."""

    def __init__(self, *batches):
        self.network, self.batches = task().network, list(batches)

    def loss(self, network):
        tokens, targets = self.batches.pop(0)
        return next_token_loss(network(tokens)[0], targets)

    def validate(self, network):
        return 1.0

    def state_dict(self):
        return {}


def test_accumulated_batches_are_one_larger_batch():
    tokens = torch.randint(11, (6, 13), generator=torch.Generator().manual_seed(0))
    whole = tokens[:, :-1], tokens[:, 1:]
    parts = [(tokens[i : i + 2, :-1], tokens[i : i + 2, 1:]) for i in (0, 2, 4)]
    config = replace(QUICK, iterations=1, optimizer="sgd", warmup_steps=0)
    one, three = Listed(whole), Listed(*parts)
    before = weights(one)
    (step,) = run(one, config)
    (again,) = run(three, replace(config, gradient_accumulation_steps=3))
    assert not torch.equal(weights(one), before)
    torch.testing.assert_close(weights(three), weights(one), rtol=1e-5, atol=1e-7)
    assert again.losses["total"] == pytest.approx(step.losses["total"], rel=1e-5)


def test_the_learning_rate_rises_and_falls():
    config = TrainerConfig(iterations=100, warmup_steps=10, learning_rate=1.0, final_lr_ratio=0.1)
    rates = [config.learning_rate_at(i) for i in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[99] == pytest.approx(0.1, abs=0.01)
    # torch-rnn halves; char-rnn takes 3 % off at the end of every epoch from the tenth on
    steps = TrainerConfig(
        warmup_steps=0,
        lr_schedule="steps",
        learning_rate=1.0,
        lr_decay_every=5,
        lr_decay_factor=0.5,
    )
    assert [steps.learning_rate_at(i) for i in (0, 4, 5, 10)] == [1.0, 1.0, 0.5, 0.25]


class Broken(SequenceTask):
    """A task whose loss is not a number from some batch on."""

    def __init__(self, whole, first, last):
        super().__init__(whole.network, whole.batches, whole.validation, whole.device)
        self.first, self.last = first, last

    def loss(self, network):
        bad = self.first <= self.batches.position < self.last
        return super().loss(network) * (math.nan if bad else 1.0)


def test_a_bad_batch_is_left_out_and_said():
    steps = run(Broken(task(), 5, 7))
    assert [s.number for s in steps if "skipped" in s.note] == [6, 7]
    assert math.isfinite(steps[-1].losses["validation_loss"])


def test_only_bad_batches_end_it():
    with pytest.raises(TrainingError, match="lower the learning rate"):
        run(Broken(task(), 5, 1000))


def test_the_best_weights_are_kept():
    # a rate that ruins what a small one has trained
    config = replace(
        QUICK, iterations=60, lr_schedule="steps", lr_decay_every=30, lr_decay_factor=300.0
    )
    job = task()
    steps = run(job, config)
    validations = [s.losses["validation_loss"] for s in steps if "validation_loss" in s.losses]
    assert job.validate(job.network) == pytest.approx(min(validations), rel=1e-6)
    assert validations[-1] > min(validations)
    early = run(task(), replace(config, patience=1))
    assert len(early) < 60


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    path = tmp_path / "checkpoint"
    run(task(), replace(QUICK, iterations=4), CheckpointConfig(path, every=2))
    with pytest.raises(ModelError, match="other settings"):
        run(task(), QUICK, CheckpointConfig(path, every=2, resume=True))
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        run(task(), QUICK, CheckpointConfig(path, every=2, resume=True))


def test_a_run_begun_again_deletes_old_checkpoints(tmp_path):
    path = tmp_path / "checkpoint"
    run(task(), replace(QUICK, iterations=4), CheckpointConfig(path, every=2))
    anew = train_steps(task(), QUICK, CheckpointConfig(path, every=20))
    next(anew)
    assert not path.exists()
    anew.close()


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "checkpoint"
    run(task(), QUICK, CheckpointConfig(path, every=10, run="one"))
    with pytest.raises(ModelError, match="from another run; leave --resume out"):
        run(task(), QUICK, CheckpointConfig(path, every=10, resume=True, run="two"))


def test_a_run_resumed_at_its_end_reports_its_last_step_again(tmp_path):
    path, job, again = tmp_path / "checkpoint", task(), task(seed=3)
    last = run(job, QUICK, CheckpointConfig(path, every=1000))[-1]
    (step,) = run(again, QUICK, CheckpointConfig(path, every=1000, resume=True))
    assert (step.number, step.total, step.note) == (30, 30, ALREADY_DONE)
    assert step.losses == last.losses
    assert torch.equal(weights(again), weights(job))
    # the same where patience has ended it
    config = replace(
        QUICK, iterations=60, lr_schedule="steps", lr_decay_every=30, lr_decay_factor=300.0
    )
    config = replace(config, patience=1)
    last = run(task(), config, CheckpointConfig(path, every=1000))[-1]
    assert last.number < 60
    (step,) = run(task(), config, CheckpointConfig(path, every=1000, resume=True))
    assert step.number == last.number


def test_a_resumed_run_knows_what_was_the_best(tmp_path):
    path = tmp_path / "checkpoint"
    steps = run(task(), replace(QUICK, validate_every=5), CheckpointConfig(path, every=7))
    best = {
        s.number: s.losses["best_validation_loss"]
        for s in steps
        if "best_validation_loss" in s.losses
    }
    assert list(best) == [5, 10, 15, 20, 25, 30]
    cut = train_steps(task(), replace(QUICK, validate_every=5), CheckpointConfig(path, every=7))
    assert [next(cut).number for _ in range(8)][-1] == 8
    cut.close()
    resumed = run(task(), replace(QUICK, validate_every=5), CheckpointConfig(path, 7, resume=True))
    assert resumed[0].losses["best_validation_loss"] == best[5]
    assert "best_validation_loss" not in resumed[3].losses


def exchanged(*others):
    """As if other processes reported of the steps of their checkpoints."""
    return lambda own: [*own, *others]


@pytest.mark.parametrize(
    ("others", "number"),
    [([[20, 30]], 30), ([[10, 20]], 20), ([[10, 20], [20, 30]], 20)],
)
def test_all_processes_take_the_newest_moment_that_all_have(tmp_path, others, number):
    store = CheckpointStore(
        CheckpointConfig(tmp_path / "kept", 10, resume=True), {}, 0, 1 + len(others)
    )
    for step in (10, 20, 30):
        store.write({"number": step}, {"a": torch.tensor([step])})
    path = store.newest(exchanged(*others))
    assert int(load_file(path)["a"]) == number


def test_a_kill_between_the_first_checkpoints_of_two_processes_begins_again(tmp_path):
    kept = CheckpointConfig(tmp_path / "kept", 10, resume=True)
    first, second = CheckpointStore(kept, {}, 0, 2), CheckpointStore(kept, {}, 1, 2)
    first.write({"number": 10}, {"a": torch.zeros(1)})
    assert first.newest(exchanged([0])) is None
    assert second.newest(exchanged([10, 0])) is None
    second.write({"number": 10}, {"a": torch.zeros(1)})
    assert second.newest(exchanged([10, 0])) == second.path == tmp_path / "kept.1"


def test_processes_without_a_common_moment_are_reported(tmp_path):
    store = CheckpointStore(CheckpointConfig(tmp_path / "kept", 10, resume=True), {}, 0, 2)
    for step in (10, 20, 30):
        store.write({"number": step}, {"a": torch.zeros(1)})
    with pytest.raises(ModelError, match="no step in common"):
        store.newest(exchanged([0]))
    with pytest.raises(ModelError, match="another process can't use its checkpoint"):
        store.newest(exchanged(None))
    fewer = CheckpointStore(store.config, {}, 0, 1)
    with pytest.raises(ModelError, match="a run with 2 processes, not 1"):
        fewer.newest(exchanged())


PROCESS = """
import json, sys, torch
sys.path.insert(0, {folder!r})
from pathlib import Path
from dataclasses import replace
from test_trainer import (
    QUICK, CheckpointConfig, SequenceBatches, SequenceTask, pattern, task, train_steps, weights
)
import torch.distributed as dist
from bowerbird.learning.device import leave_group
dist.init_process_group("gloo")
job = task()
part = (dist.get_rank(), dist.get_world_size())
job.batches = SequenceBatches(pattern(), 4, 16, shard=part)
kept = CheckpointConfig(Path("kept"), every=5, resume=sys.argv[1] == "on")
learned = train_steps(job, QUICK, kept)
steps = [(step.number, step.losses["total"]) for step in learned]
if part[0] == 0:
    print(json.dumps([part[1], steps]))
    torch.save(weights(job), "weights.pt")
leave_group()
"""


@pytest.mark.slow
def test_two_processes_train_as_one_and_resume_at_one_moment(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(PROCESS.format(folder=str(Path(__file__).parent)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    torchrun += ["--nproc-per-node", "2", str(script)]
    how = {"cwd": tmp_path, "env": ONE_THREAD, "timeout": LONGEST}
    how |= {"stdout": subprocess.PIPE, "text": True}
    done = subprocess.run([*torchrun, "anew"], check=True, **how)
    processes, steps = json.loads(done.stdout.strip().splitlines()[-1])
    assert processes == 2
    alone = [step.losses["total"] for step in run(task())]
    assert [loss for _, loss in steps] == pytest.approx(alone, rel=1e-4)
    whole = torch.load(tmp_path / "weights.pt")
    # as if a kill had come between the last checkpoints of the two: one has 30, the other 25
    os.replace(tmp_path / "kept.1.previous", tmp_path / "kept.1")
    done = subprocess.run([*torchrun, "on"], check=True, **how)
    _, steps = json.loads(done.stdout.strip().splitlines()[-1])
    assert steps[0][0] == 26
    assert torch.equal(torch.load(tmp_path / "weights.pt"), whole)


def test_the_device_of_an_earlier_run_is_not_remembered():
    run(task(), replace(QUICK, iterations=1))
    for state in (PartialState(), AcceleratorState()):
        state.device = torch.device("meta")
    job = task()
    run(job, replace(QUICK, iterations=1))
    assert weights(job).device.type == "cpu"


@pytest.mark.parametrize(
    "change",
    [
        {"max_grad_norm": -1},
        {"max_grad_norm": math.nan},
        {"max_grad_value": -1.0},
        {"warmup_steps": -1},
        {"patience": -1},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"beta2": math.nan},
        {"seed": -1},
        {"seed": 2**63},
        {"weight_decay": -1.0},
        {"final_lr_ratio": -1.0},
        {"lr_decay_factor": 0.0},
        {"learning_rate": 0.0},
        {"optimizer": "adam"},
    ],
)
def test_flags_that_mean_nothing(change):
    with pytest.raises(
        ValueError, match=next(iter(change)) if "optimizer" not in change else "one of"
    ):
        TrainerConfig(**change)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_run_on_a_gpu_is_resumed_with_its_averaged_weights(tmp_path, device):
    def job():
        made = task()
        made.network.to(device)
        made.device = torch.device(device)
        return made

    config, path = replace(QUICK, ema_decay=0.9), tmp_path / "checkpoint"
    for step in train_steps(job(), config, CheckpointConfig(path, every=7), device=device):
        if step.number == 17:
            break
    resumed = job()
    kept = CheckpointConfig(path, every=7, resume=True)
    steps = list(train_steps(resumed, config, kept, device=device))
    assert steps[0].number == 15
    assert weights(resumed).device.type == "cuda"
    assert weights(resumed).isfinite().all()
