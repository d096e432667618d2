"""`bowerbird text train`: train, kill, resume, repeat."""

import errno
import itertools
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bowerbird.cli import progress, run
from bowerbird.cli.run_record import sha256
from bowerbird.learning import model_file as modelfile
from bowerbird.learning.model_file import read_header
from bowerbird.learning.sequences.batches import SequenceTask
from bowerbird.text.generator import load

VERSE = "The owl and the pussycat went to sea in a beautiful pea-green boat.\n"
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
LONGEST = 240  # s that a child may take: it needs a few


def test_train_reports_its_results(train, verse, tmp_path, capsys):
    output = tmp_path / "m.safetensors"
    log = ["--log", str(tmp_path / "log")]
    assert (
        run(train(verse, output, "--iterations", "20", "--json", "--validate-every=10", *log)) == 0
    )
    facts = json.loads(capsys.readouterr().out)
    for key in ("model", "seconds", "train_loss", "validation_loss", "characters_per_second"):
        assert facts[key], key
    assert output.exists()
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "log").glob("events*"))
    record = json.loads((tmp_path / "m.json").read_text())
    assert len(record["steps"]) == 20
    assert record["inputs"]["corpus"][0]["file"] == verse
    assert not list(tmp_path.glob(".m*")), "checkpoints are deleted"


def test_a_record_repeats_the_training(train, verse, tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert run(train(verse, first, "--iterations", "15", "--quiet")) == 0
    repeat = ["text", "train", "-o", str(second), "--recipe", str(tmp_path / "a.json"), "--quiet"]
    assert run(repeat) == 0
    a, b = load_file(first), load_file(second)
    assert all((a[name] == b[name]).all() for name in a)


def test_killed_and_resumed_is_as_never_interrupted(train, verse, tmp_path):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    more = ["--iterations", "120", "--dropout", "0.2", "--ema-decay", "0.9", "--validate-every=50"]
    more += ["--checkpoint-every", "20", "--quiet"]
    assert run(train(verse, whole, *more)) == 0
    place = tmp_path / ".killed.safetensors.work" / "checkpoint"
    resumed = train(verse, killed, *more, "--resume")
    child = subprocess.Popen([sys.executable, "-m", "bowerbird", *resumed], env=ONE_THREAD)
    try:
        until = time.monotonic() + LONGEST
        while not place.exists():  # killed wherever it happens to be
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < until, "no checkpoint appeared"
            time.sleep(0.005)
    finally:
        child.kill()
        child.wait()
    assert not killed.exists()
    assert run(resumed) == 0
    a, b = load_file(whole), load_file(killed)
    assert all((a[name] == b[name]).all() for name in a)


@pytest.mark.slow
def test_two_processes_train_as_one(train, verse, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    more = ["--iterations", "30", "--checkpoint-every", "10"]
    assert run(train(verse, one, *more)) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["-m", "bowerbird", *train(verse, two, *more)]
    how = {"env": ONE_THREAD, "timeout": LONGEST, "capture_output": True, "text": True}
    done = subprocess.run(launch, check=True, **how)
    assert done.stderr.count("training with 2 processes") == 1
    curves = [json.loads(p.with_suffix(".json").read_text())["steps"] for p in (one, two)]
    for a, b in zip(*curves, strict=True):
        assert a["total"] == pytest.approx(b["total"], rel=1e-3)
    assert not list(tmp_path.glob(".two*"))


def test_another_picture_is_not_overwritten(train, verse, tmp_path, capsys):
    output, picture = tmp_path / "m.safetensors", tmp_path / "m.png"
    picture.write_bytes(b"a holiday")
    assert run(train(verse, output, "--iterations", "2", "--quiet")) == 2
    assert (
        f"the record of m.safetensors goes into {picture}, which exists" in capsys.readouterr().err
    )
    assert picture.read_bytes() == b"a holiday"
    assert run(train(verse, output, "--iterations", "2", "--quiet", "--no-record")) == 0
    assert picture.read_bytes() == b"a holiday"


def test_resuming_without_a_checkpoint_overwrites_nothing(train, model, verse, capsys):
    before = model.read_bytes()
    assert run(train(verse, model, "--iterations", "2", "--resume", "--quiet")) == 2
    assert "m.safetensors exists" in capsys.readouterr().err
    assert model.read_bytes() == before


@pytest.fixture
def diverging(monkeypatch):
    """From its eighth batch on no loss is a number."""
    real, calls = SequenceTask.loss, itertools.count(1)

    def loss(self, network):
        return real(self, network) * (math.nan if next(calls) > 7 else 1.0)

    monkeypatch.setattr(SequenceTask, "loss", loss)


def test_a_training_that_diverges_leaves_its_best(train, diverging, verse, tmp_path, capsys):
    output = tmp_path / "m.safetensors"
    words = train(verse, output, "--iterations", "50", "--validate-every", "2", "--json")
    assert run(words) == 2
    printed = capsys.readouterr()
    assert "saving the best" in printed.err
    assert json.loads(printed.out)["train_loss"] is None
    provenance = read_header(output).provenance
    assert provenance["train_loss"] is None
    assert 0 < provenance["validation_loss"] < 5
    assert (tmp_path / "m.json").exists()
    assert (tmp_path / "m.png").exists()


def test_a_full_disk_at_the_end_costs_nothing(train, verse, tmp_path, capsys, monkeypatch):
    output, real = tmp_path / "m.safetensors", modelfile.save_file
    more = ["--iterations", "20", "--validate-every", "5", "--quiet"]

    def full(tensors, path, metadata):
        if path.parent.name == ".m.safetensors.part":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(tensors, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(modelfile, "save_file", full)
        assert run(train(verse, output, *more)) == 2
    assert "No space left" in capsys.readouterr().err
    assert not output.exists()
    assert run(train(verse, output, *more, "--resume")) == 0
    whole = tmp_path / "whole.safetensors"
    assert run(train(verse, whole, *more)) == 0
    a, b = load_file(output), load_file(whole)
    assert all((a[name] == b[name]).all() for name in a)
    losses = [read_header(path).provenance["validation_loss"] for path in (output, whole)]
    assert losses[0] == losses[1]
    assert not list(tmp_path.glob(".m*"))


def test_ctrl_c_keeps_the_best_weights_and_no_folder(train, ctrl_c, verse, tmp_path, capsys):
    output = tmp_path / "m.safetensors"
    ctrl_c(8)
    # after the first validation the learning rate ruins the weights
    more = ["--lr-schedule=steps", "--lr-decay-every=3", "--lr-decay-factor=300"]
    assert run(train(verse, output, "--iterations", "50", "--validate-every=2", *more)) == 130
    assert "interrupted at step 8 of 50" in capsys.readouterr().err
    best = read_header(output).provenance["validation_loss"]
    steps = json.loads((tmp_path / "m.json").read_text())["steps"]
    measured = [s["validation_loss"] for s in steps if "validation_loss" in s]
    assert measured[-1] > best == min(measured)
    score = load(output, "cpu").evaluate(Path(verse).read_text()[-408:]).nats_per_char
    assert score == pytest.approx(best, abs=0.1)
    assert not list(tmp_path.glob(".m*")), "without a checkpoint its folder is of no use"


def test_a_foreign_record_can_not_overwrite_files(train, verse, tmp_path, capsys):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert run(train(verse, first, "--iterations", "2", "--quiet")) == 0
    record = json.loads((tmp_path / "a.json").read_text())
    record["run"] |= {"force": True, "output": str(first)}
    (tmp_path / "a.json").write_text(json.dumps(record))
    second.write_text("mine")
    repeat = ["text", "train", "--recipe", str(tmp_path / "a.json"), "-o", str(second)]
    assert run(repeat) == 2
    assert second.read_text() == "mine"


def test_minutes_override_a_preset_and_refuse_typed_settings(verse, tmp_path, capsys):
    words = ["text", "train", verse, "-o", str(tmp_path / "m.safetensors"), "--device=cpu"]
    words += [
        "--minutes=0.02",
        "--batch-size=8",
        "--sequence-length=32",
        "--quiet",
        "--precision=float32",
    ]
    assert run([*words, "--preset", "small"]) == 0
    assert json.loads((tmp_path / "m.json").read_text())["config"]["minutes"] == 0
    for flag in ("--iterations=7", "--hidden-size=16", "--dropout=0.1", "--validate-every=3"):
        assert run([*words, "--force", flag]) == 2
        assert f"--minutes chooses {flag.partition('=')[0]}" in capsys.readouterr().err


def test_a_resumed_run_counts_what_it_did_itself(train, verse, tmp_path, capsys, monkeypatch):
    output = tmp_path / "m.safetensors"
    words = train(verse, output, "--iterations=40", "--checkpoint-every=10", "--json")
    with monkeypatch.context() as patch:
        real = progress._Display.show

        def show(self, step, preview):
            real(self, step, preview)
            if step.number == 33:
                raise KeyboardInterrupt

        patch.setattr(progress._Display, "show", show)
        assert run(words) == 130
    capsys.readouterr()
    assert run([*words, "--resume"]) == 0
    facts = json.loads(capsys.readouterr().out)
    steps = 10  # 31 to 40
    read = steps * 8 * 32
    assert facts["characters_per_second"] * facts["seconds"] == pytest.approx(read, rel=0.1)


def test_the_record_has_all_options(train, model, tmp_path, capsys):
    table = tmp_path / "verse.csv"
    table.write_bytes(("no,text\n" + f'1,"{VERSE}"\n' * 60).replace("sea", "séa").encode("latin-1"))
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    more = ["--iterations", "6", "--quiet", "--from", str(model), "--half"]
    more += ["--encoding", "latin-1", "--column", "text"]
    assert run(train(str(table), first, *more)) == 0
    record = json.loads(first.with_suffix(".json").read_text())
    assert record["run"] == {"encoding": "latin-1", "column": "text", "half": True}
    assert record["inputs"]["start"][0]["sha256"] == sha256(model)
    repeat = ["text", "train", "--recipe", str(first.with_suffix(".json")), "--quiet"]
    assert run([*repeat, "-o", str(second)]) == 0
    a, b = load_file(first), load_file(second)
    assert next(iter(a.values())).dtype == torch.float16
    assert all((a[name] == b[name]).all() for name in a)
    assert capsys.readouterr().err == ""
    table.write_bytes(table.read_bytes().replace(b"owl", b"elk"))
    assert run([*repeat, "-o", str(second), "--force"]) == 0
    assert f"the corpus has changed since {first.with_suffix('.json')}" in capsys.readouterr().err


def test_standard_input_is_a_corpus(tmp_path):
    output = tmp_path / "m.safetensors"
    command = [sys.executable, "-m", "bowerbird", "text", "train", "-", "-o", str(output)]
    command += ["--iterations", "2", "--hidden-size", "16", "--quiet", "--sequence-length", "16"]
    done = subprocess.run(
        command, input=VERSE * 20, text=True, capture_output=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert output.exists()


def test_an_unknown_option_is_not_a_file(verse, tmp_path, capsys):
    output = str(tmp_path / "m.safetensors")
    assert run(["text", "train", str(verse), "--bogus", "3", "-o", output]) == 2
    assert "there is no option --bogus" in capsys.readouterr().err
