"""The text doors, through the real command: train, kill, resume, write, score, and bad input."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from bowerbird.cli import run

VERSE = "The owl and the pussycat went to sea in a beautiful pea-green boat.\n"
SMALL = [
    "--width=32",
    "--rows=8",
    "--window=32",
    "--warm-up=5",
    "--precision=float32",
    "--device=cpu",
]


@pytest.fixture
def verse(tmp_path):
    (tmp_path / "verse.txt").write_text(VERSE * 60, encoding="utf-8")
    return str(tmp_path / "verse.txt")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "verse.txt").write_text(VERSE * 60, encoding="utf-8")
    words = ["text", "train", str(folder / "verse.txt"), "-o", str(folder / "m.safetensors")]
    assert run([*words, *SMALL, "--iterations", "60", "--rate", "0.02", "--quiet"]) == 0
    return folder / "m.safetensors"


def train(corpus, output, *more):
    return ["text", "train", *corpus.split(), "-o", str(output), *SMALL, *more]


def test_train_tells_what_it_did(verse, tmp_path, capsys):
    output = tmp_path / "m.safetensors"
    log = ["--log", str(tmp_path / "log")]
    assert (
        run(train(verse, output, "--iterations", "20", "--json", "--validate-every=10", *log)) == 0
    )
    told = json.loads(capsys.readouterr().out)
    for key in ("model", "seconds", "train_loss", "validation_loss", "characters_per_second"):
        assert told[key], key
    assert output.exists()
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "log").glob("events*"))
    record = json.loads((tmp_path / "m.json").read_text())
    assert len(record["steps"]) == 20
    assert record["inputs"]["corpus"][0]["file"] == verse
    assert not list(tmp_path.glob(".m*")), "what was kept while it learned is gone"


def test_a_record_repeats_the_training(verse, tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert run(train(verse, first, "--iterations", "15", "--quiet")) == 0
    repeat = ["text", "train", "-o", str(second), "--recipe", str(tmp_path / "a.json"), "--quiet"]
    assert run(repeat) == 0
    a, b = load_file(first), load_file(second)
    assert all((a[name] == b[name]).all() for name in a)


@pytest.mark.slow
def test_killed_and_resumed_is_as_never_interrupted(verse, tmp_path):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    more = ["--iterations", "400", "--dropout", "0.2", "--average", "0.9", "--validate-every=50"]
    more += ["--checkpoint-every", "20", "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bowerbird"]
    subprocess.run([*command, *train(verse, whole, *more)], check=True, env=environment)
    for _ in range(2):  # killed twice, wherever it happens to be
        child = subprocess.Popen(
            [*command, *train(verse, killed, *more, "--resume")], env=environment
        )
        place = tmp_path / ".killed.safetensors.work" / "checkpoint"
        before = place.stat().st_mtime_ns if place.exists() else 0
        until = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < until:
            if place.exists() and place.stat().st_mtime_ns != before:
                break
            time.sleep(0.005)
        assert child.poll() is None, "it ended before it could be killed"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert not killed.exists()
    resumed = [*command, *train(verse, killed, *more, "--resume")]
    subprocess.run(resumed, check=True, env=environment)
    a, b = load_file(whole), load_file(killed)
    assert all((a[name] == b[name]).all() for name in a)


@pytest.mark.slow
def test_two_processes_learn_as_one(verse, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    more = ["--iterations", "30", "--checkpoint-every", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bowerbird", *train(verse, one, *more)]
    subprocess.run(command, check=True, env=environment)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["-m", "bowerbird", *train(verse, two, *more)]
    done = subprocess.run(launch, check=True, env=environment, capture_output=True, text=True)
    assert done.stderr.count("2 processes take part") == 1
    curves = [json.loads(p.with_suffix(".json").read_text())["steps"] for p in (one, two)]
    for a, b in zip(*curves, strict=True):
        assert a["total"] == pytest.approx(b["total"], rel=1e-3)


def test_write_streams_and_repeats(model, capsys):
    words = ["text", "write", str(model), "--prompt", "The owl", "--length", "40", "--seed", "3"]
    assert run(words) == 0
    first = capsys.readouterr().out
    assert first.startswith("The owl")
    assert len(first) == 7 + 40 + 1
    assert run(words) == 0
    assert capsys.readouterr().out == first


def test_write_tells_in_json_what_was_copied(model, tmp_path, capsys):
    words = ["text", "write", str(model), "--prompt", VERSE * 2, "-n", "2", "--length", "30"]
    words += ["--novelty", str(model.with_name("verse.txt")), "--json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["text"] == told["texts"][0]
    assert len(told["texts"]) == 2
    assert told["characters"] == 2 * (2 * len(VERSE) + 30)
    assert told["seconds"] > 0
    assert told["copied"][0]["share"] > 0.7  # the prompt is the corpus
    assert told["copied"][0]["longest"][0].startswith(VERSE)


def test_write_takes_a_prompt_from_a_file_and_writes_one(model, tmp_path):
    (tmp_path / "prompt.txt").write_text("The pussycat", encoding="utf-8")
    output = tmp_path / "out.txt"
    words = ["text", "write", str(model), "--prompt-file", str(tmp_path / "prompt.txt")]
    assert run([*words, "-o", str(output), "--length", "20"]) == 0
    assert output.read_text(encoding="utf-8").startswith("The pussycat")
    assert run([*words, "-o", str(output)]) == 2


def test_writing_together(model, capsys, monkeypatch):
    answers = iter(["1", "nonsense", "/u", " and so on", "/r", "/q"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert run(["text", "write", str(model), "--prompt", "The owl", "--interactive"]) == 0
    out = capsys.readouterr().out
    final = out.rstrip("\n").rpartition("\n\n")[2] if "\n\n" in out.rstrip("\n") else out
    assert "The owl" in out
    assert " and so on" in final
    assert "nonsense" not in final


def test_score_says_whether_that_is_normal(model, verse, capsys):
    assert run(["text", "score", str(model), verse, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["characters"] == 60 * len(VERSE)
    assert told["bits_per_char"] == pytest.approx(told["nats_per_char"] / 0.6931472, rel=1e-4)
    assert told["perplexity"] > 1
    assert run(["text", "score", str(model), verse]) == 0
    table = capsys.readouterr().out
    assert "this model" in table
    assert "gzip" in table


def bad(tmp_path, model):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "binary.txt").write_bytes(b"\x00\x01\x02" * 99)
    (tmp_path / "latin.txt").write_bytes("für".encode("latin-1") * 99)
    (tmp_path / "short.txt").write_text("short")
    (tmp_path / "cut.safetensors").write_bytes(model.read_bytes()[:999])
    (tmp_path / "verse.txt").write_text(VERSE * 60)
    out = tmp_path / "o.safetensors"
    return {
        "no corpus": (["text", "train", "-o", str(out)], "no corpus"),
        "missing": (train("nothing.txt", out), "nothing.txt does not exist"),
        "empty": (train(str(tmp_path / "empty.txt"), out), "no text"),
        "binary": (train(str(tmp_path / "binary.txt"), out), "zero bytes"),
        "encoding": (train(str(tmp_path / "latin.txt"), out), "--encoding latin-1"),
        "short": (train(str(tmp_path / "short.txt"), out), "too few"),
        "suffix": (train(str(tmp_path / "verse.txt"), tmp_path / "o.txt"), ".safetensors"),
        "folder": (train(str(tmp_path / "verse.txt"), tmp_path / "no/o.safetensors"), "no folder"),
        "preset": (train(str(tmp_path / "verse.txt"), out, "--preset", "gpt-5"), "gpt-5"),
        "dropout": (train(str(tmp_path / "verse.txt"), out, "--dropout", "2"), "0..1"),
        "cut": (["text", "write", str(tmp_path / "cut.safetensors")], "cut.safetensors"),
        "no model": (["text", "write", str(tmp_path / "none.safetensors")], "does not exist"),
        "temperature": (["text", "write", str(model), "--temperature", "-1"], "temperature"),
        "two prompts": (
            ["text", "write", str(model), "--prompt", "a", "--prompt-file", "b"],
            "not both",
        ),
        "no text": (["text", "score", str(model), str(tmp_path / "empty.txt")], "no text"),
    }


BAD = (
    *("no corpus", "missing", "empty", "binary", "encoding", "short", "suffix", "folder"),
    *("preset", "dropout", "cut", "no model", "temperature", "two prompts", "no text"),
)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name, model, tmp_path, capsys):
    words, said = bad(tmp_path, model)[name]
    assert run(words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.startswith("bowerbird: ")
    assert told.err.count("\n") == 1
    assert not list(tmp_path.glob("o.*"))
