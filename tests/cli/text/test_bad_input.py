"""Bad input to the text commands is refused in one sentence."""

import pytest

from bowerbird.cli import run


def bad(train, tmp_path, model):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "binary.txt").write_bytes(b"\x00\x01\x02" * 99)
    (tmp_path / "latin.txt").write_bytes("für".encode("latin-1") * 99)
    (tmp_path / "short.txt").write_text("short")
    (tmp_path / "cut.safetensors").write_bytes(model.read_bytes()[:999])
    (tmp_path / "verse.txt").write_text((model.parent / "verse.txt").read_text())
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
        "samples": (
            ["text", "write", str(model), "-n", "0"],
            "--samples must be at least 1",
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
    *("minutes and width", "clip", "no folder to write", "prompt file", "novelty", "samples"),
)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name, train, model, tmp_path, capsys):
    words, message = bad(train, tmp_path, model)[name]
    assert run(words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("bowerbird: ")
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("o.*"))
    assert not list(tmp_path.glob(".o.*")), "a refused corpus leaves no folder"
