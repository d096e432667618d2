"""The text doors, through the real command: train, kill, resume, write, score, and bad input."""

import errno
import itertools
import json
import math
import os
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from bowerbird.cli import progress, run
from bowerbird.cli.run_record import sha256
from bowerbird.learning import model_file as modelfile
from bowerbird.learning.model_file import read_header
from bowerbird.learning.sequence_batches import SequenceTask
from bowerbird.text.generator import load

VERSE = "The owl and the pussycat went to sea in a beautiful pea-green boat.\n"
SMALL = [
    "--hidden-size=32",
    "--batch-size=8",
    "--sequence-length=32",
    "--warmup-steps=5",
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
    assert run([*words, *SMALL, "--iterations", "60", "--learning-rate", "0.02", "--quiet"]) == 0
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


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
LONGEST = 240  # s that a child may take: it needs a few


@pytest.mark.slow
def test_killed_and_resumed_is_as_never_interrupted(verse, tmp_path):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    more = ["--iterations", "400", "--dropout", "0.2", "--ema-decay", "0.9", "--validate-every=50"]
    more += ["--checkpoint-every", "20", "--quiet"]
    command = [sys.executable, "-m", "bowerbird"]
    how = {"env": ONE_THREAD, "timeout": LONGEST}
    subprocess.run([*command, *train(verse, whole, *more)], check=True, **how)
    place = tmp_path / ".killed.safetensors.work" / "checkpoint"
    for _ in range(2):  # killed twice, wherever it happens to be
        before = place.stat().st_mtime_ns if place.exists() else 0
        child = subprocess.Popen(
            [*command, *train(verse, killed, *more, "--resume")], env=ONE_THREAD
        )
        try:
            until = time.monotonic() + LONGEST
            while not (place.exists() and place.stat().st_mtime_ns != before):
                assert child.poll() is None, "it ended before it could be killed"
                assert time.monotonic() < until, "no checkpoint appeared"
                time.sleep(0.005)
        finally:
            child.kill()
            child.wait()
    assert not killed.exists()
    resumed = [*command, *train(verse, killed, *more, "--resume")]
    subprocess.run(resumed, check=True, **how)
    a, b = load_file(whole), load_file(killed)
    assert all((a[name] == b[name]).all() for name in a)


@pytest.mark.slow
def test_two_processes_learn_as_one(verse, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    more = ["--iterations", "30", "--checkpoint-every", "10"]
    how = {"env": ONE_THREAD, "timeout": LONGEST}
    command = [sys.executable, "-m", "bowerbird", *train(verse, one, *more)]
    subprocess.run(command, check=True, **how)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["-m", "bowerbird", *train(verse, two, *more)]
    done = subprocess.run(launch, check=True, capture_output=True, text=True, **how)
    assert done.stderr.count("training with 2 processes") == 1
    curves = [json.loads(p.with_suffix(".json").read_text())["steps"] for p in (one, two)]
    for a, b in zip(*curves, strict=True):
        assert a["total"] == pytest.approx(b["total"], rel=1e-3)
    assert not list(tmp_path.glob(".two*"))


def test_a_strangers_picture_is_not_overwritten(verse, tmp_path, capsys):
    output, picture = tmp_path / "m.safetensors", tmp_path / "m.png"
    picture.write_bytes(b"a holiday")
    assert run(train(verse, output, "--iterations", "2", "--quiet")) == 2
    assert (
        f"the record of m.safetensors goes into {picture}, which exists" in capsys.readouterr().err
    )
    assert picture.read_bytes() == b"a holiday"
    assert run(train(verse, output, "--iterations", "2", "--quiet", "--no-record")) == 0
    assert picture.read_bytes() == b"a holiday"


def test_resuming_without_a_checkpoint_overwrites_nothing(model, verse, capsys):
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


def test_a_training_that_diverges_leaves_its_best(diverging, verse, tmp_path, capsys):
    output = tmp_path / "m.safetensors"
    words = train(verse, output, "--iterations", "50", "--validate-every", "2", "--json")
    assert run(words) == 2
    told = capsys.readouterr()
    assert "saving the best" in told.err
    assert json.loads(told.out)["train_loss"] is None
    provenance = read_header(output).provenance
    assert provenance["train_loss"] is None
    assert 0 < provenance["validation_loss"] < 5
    assert (tmp_path / "m.json").exists()
    assert (tmp_path / "m.png").exists()


def test_a_full_disk_at_the_end_costs_nothing(verse, tmp_path, capsys, monkeypatch):
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


@pytest.fixture
def ctrl_c(monkeypatch):
    """Interrupt each writing, or learning, when so many steps have been seen."""

    def at(number):
        real = progress._Display.show

        def show(self, step, preview):
            real(self, step, preview)
            if step.number >= number:
                raise KeyboardInterrupt

        monkeypatch.setattr(progress._Display, "show", show)

    return at


def test_ctrl_c_keeps_the_best_weights_and_no_folder(ctrl_c, verse, tmp_path, capsys):
    output = tmp_path / "m.safetensors"
    ctrl_c(8)
    # the rate ruins after the first measurement what was learned before it
    more = ["--lr-schedule=steps", "--lr-decay-every=3", "--lr-decay-factor=300"]
    assert run(train(verse, output, "--iterations", "50", "--validate-every=2", *more)) == 130
    assert "interrupted at step 8 of 50" in capsys.readouterr().err
    best = read_header(output).provenance["validation_loss"]
    steps = json.loads((tmp_path / "m.json").read_text())["steps"]
    measured = [s["validation_loss"] for s in steps if "validation_loss" in s]
    assert measured[-1] > best == min(measured)
    score = load(output, "cpu").evaluate((VERSE * 60)[-408:]).nats_per_char
    assert score == pytest.approx(best, abs=0.1)
    assert not list(tmp_path.glob(".m*")), "without a checkpoint its folder is of no use"


def test_a_strangers_record_can_not_make_us_overwrite(verse, tmp_path, capsys):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert run(train(verse, first, "--iterations", "2", "--quiet")) == 0
    record = json.loads((tmp_path / "a.json").read_text())
    record["run"] |= {"force": True, "output": str(first)}
    (tmp_path / "a.json").write_text(json.dumps(record))
    second.write_text("mine")
    repeat = ["text", "train", "--recipe", str(tmp_path / "a.json"), "-o", str(second)]
    assert run(repeat) == 2
    assert second.read_text() == "mine"


def test_minutes_overrule_a_preset_and_refuse_what_is_typed(verse, tmp_path, capsys):
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


def test_a_resumed_run_counts_what_it_did_itself(verse, tmp_path, capsys, monkeypatch):
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
    told = json.loads(capsys.readouterr().out)
    steps = 10  # 31 to 40
    read = steps * 8 * 32
    assert told["characters_per_second"] * told["seconds"] == pytest.approx(read, rel=0.1)


def test_ctrl_c_keeps_what_was_written(ctrl_c, model, tmp_path, capsys):
    ctrl_c(96)
    words = ["text", "write", str(model), "--prompt", "The owl", "--length", "400"]
    assert run(words) == 130
    assert capsys.readouterr().out.startswith("The owl")
    assert run([*words, "--json", "-n", "2"]) == 130
    told = capsys.readouterr()
    assert [len(text) for text in json.loads(told.out)["texts"]] == [7 + 96] * 2
    assert "interrupted at token 96 of 400" in told.err
    assert run([*words, "-o", str(tmp_path / "out.txt")]) == 130
    assert len((tmp_path / "out.txt").read_text()) == 7 + 96 + 1


def test_a_novelty_corpus_that_can_not_be_read_costs_no_text(model, tmp_path, capsys):
    corpus = tmp_path / "latin.txt"
    corpus.write_bytes("für".encode("latin-1") * 99)
    words = ["text", "write", str(model), "--prompt", "The owl", "--length", "40"]
    words += ["--novelty", str(corpus)]
    assert run([*words, "-o", str(tmp_path / "out.txt")]) == 2
    assert (tmp_path / "out.txt").read_text().startswith("The owl")
    capsys.readouterr()
    assert run([*words, "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["text"].startswith("The owl")
    assert "latin.txt is not utf-8" in told.err


def test_a_prompt_of_undecodable_bytes_is_shown(model, capsys):
    assert run(["text", "write", str(model), "--prompt", "The\udcff owl", "--length", "5"]) == 0
    assert capsys.readouterr().out.startswith("The\ufffd owl")


def test_the_record_has_all_that_the_run_was_told(model, tmp_path, capsys):
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


def test_write_streams_and_repeats(model, capsys):
    words = ["text", "write", str(model), "--prompt", "The owl", "--length", "40", "--seed", "3"]
    assert run(words) == 0
    first = capsys.readouterr().out
    assert first.startswith("The owl")
    assert len(first) == 7 + 40 + 1
    assert run(words) == 0
    assert capsys.readouterr().out == first


def test_write_tells_in_json_what_was_copied(model, tmp_path, capsys):
    words = ["text", "write", str(model), "--prompt", VERSE * 2, "-n", "2", "--length", "80"]
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(VERSE * 3, encoding="utf-8")
    words += ["--novelty", str(corpus), "--json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["text"] == told["texts"][0]
    assert len(told["texts"]) == 2
    assert told["characters"] == 2 * (2 * len(VERSE) + 80)
    assert told["seconds"] > 0
    assert told["copied"][0] == {"fraction": 0.0, "longest": []}  # the prompt is not counted
    new = told["text"].removeprefix(VERSE * 2)
    corpus.write_text(VERSE + new[:60] + VERSE, encoding="utf-8")
    assert run(words) == 0
    copied = json.loads(capsys.readouterr().out)["copied"][0]
    assert copied["fraction"] >= 60 / 80
    assert copied["longest"][0].startswith(new[:60])


def test_a_stop_may_hold_a_comma_and_a_blank(model, capsys):
    words = ["text", "write", str(model), "--prompt", "The owl", "--length", "100"]
    assert run(words) == 0
    whole = capsys.readouterr().out
    assert run([*words, "--stop", f"{whole[20]}, zz"]) == 0
    assert capsys.readouterr().out == whole  # which never comes
    stop = next(whole[i - 1 : i + 1] for i in range(20, 90) if whole[i] == " ")
    assert run([*words, "--stop", stop]) == 0
    assert capsys.readouterr().out == whole[: whole.index(stop, 7) + 2] + "\n"


def test_standard_input_is_a_corpus(tmp_path):
    output = tmp_path / "m.safetensors"
    command = [sys.executable, "-m", "bowerbird", "text", "train", "-", "-o", str(output)]
    command += ["--iterations", "2", "--hidden-size", "16", "--quiet", "--sequence-length", "16"]
    done = subprocess.run(
        command, input=VERSE * 20, text=True, capture_output=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert output.exists()


def test_what_is_no_option_is_no_file_either(verse, tmp_path, capsys):
    output = str(tmp_path / "m.safetensors")
    assert run(["text", "train", str(verse), "--bogus", "3", "-o", output]) == 2
    assert "there is no option --bogus" in capsys.readouterr().err


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


def test_ctrl_c_ends_writing_together_and_keeps_the_text(model, capsys, monkeypatch):
    answers = iter([" and so on"])

    def answer(_):
        for one in answers:
            return one
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", answer)
    assert run(["text", "write", str(model), "--prompt", "The owl", "--interactive"]) == 0
    assert capsys.readouterr().out.endswith("The owl and so on\n\n")


def test_score_says_whether_that_is_normal(model, verse, capsys):
    assert run(["text", "evaluate", str(model), verse, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["characters"] == 60 * len(VERSE)
    assert told["bits_per_char"] == pytest.approx(told["nats_per_char"] / 0.6931472, rel=1e-4)
    assert told["perplexity"] > 1
    assert run(["text", "evaluate", str(model), verse]) == 0
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
        "no corpus": (["text", "train", "-o", str(out)], "give a corpus"),
        "missing": (train("nothing.txt", out), "nothing.txt does not exist"),
        "empty": (train(str(tmp_path / "empty.txt"), out), "no text"),
        "binary": (train(str(tmp_path / "binary.txt"), out), "zero bytes"),
        "encoding": (train(str(tmp_path / "latin.txt"), out), "--encoding latin-1"),
        "short": (train(str(tmp_path / "short.txt"), out), "too few"),
        "minutes and width": (
            train(str(tmp_path / "verse.txt"), out, "--minutes", "1"),
            "--minutes chooses --hidden-size",
        ),
        "clip": (train(str(tmp_path / "verse.txt"), out, "--max-grad-norm=-1"), "max_grad_norm"),
        "no folder to write": (
            ["text", "write", str(model), "-o", str(tmp_path / "no" / "out.txt")],
            "does not exist; create",
        ),
        "prompt file": (
            ["text", "write", str(model), "--prompt-file", str(tmp_path / "latin.txt")],
            "latin.txt is not UTF-8",
        ),
        "novelty": (
            ["text", "write", str(model), "--novelty", "nothing.txt", "--length", "5"],
            "nothing.txt does not exist",
        ),
        "suffix": (train(str(tmp_path / "verse.txt"), tmp_path / "o.txt"), ".safetensors"),
        "folder": (
            train(str(tmp_path / "verse.txt"), tmp_path / "no/o.safetensors"),
            "does not exist; create",
        ),
        "preset": (train(str(tmp_path / "verse.txt"), out, "--preset", "gpt-5"), "gpt-5"),
        "dropout": (train(str(tmp_path / "verse.txt"), out, "--dropout", "2"), "[0, 1)"),
        "cut": (["text", "write", str(tmp_path / "cut.safetensors")], "cut.safetensors"),
        "no model": (["text", "write", str(tmp_path / "none.safetensors")], "does not exist"),
        "temperature": (["text", "write", str(model), "--temperature", "-1"], "temperature"),
        "two prompts": (
            ["text", "write", str(model), "--prompt", "a", "--prompt-file", "b"],
            "not both",
        ),
        "no text": (["text", "evaluate", str(model), str(tmp_path / "empty.txt")], "no text"),
    }


BAD = (
    *("no corpus", "missing", "empty", "binary", "encoding", "short", "suffix", "folder"),
    *("preset", "dropout", "cut", "no model", "temperature", "two prompts", "no text"),
    *("minutes and width", "clip", "no folder to write", "prompt file", "novelty"),
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
    assert not list(tmp_path.glob(".o.*")), "a refused corpus leaves no folder"
