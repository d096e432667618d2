"""`bowerbird text write`: stream, compare, write together."""

import json
import os
import subprocess
import sys

from bowerbird.cli import run

COMMAND = [sys.executable, "-W", "error", "-m", "bowerbird"]
VERSE = "The owl and the pussycat went to sea in a beautiful pea-green boat.\n"


def test_ctrl_c_keeps_the_text_so_far(ctrl_c, model, tmp_path, capsys):
    ctrl_c(96)
    words = ["text", "write", str(model), "--prompt", "The owl", "--length", "400"]
    assert run(words) == 130
    assert capsys.readouterr().out.startswith("The owl")
    assert run([*words, "--json", "-n", "2"]) == 130
    printed = capsys.readouterr()
    assert [len(text) for text in json.loads(printed.out)["texts"]] == [7 + 96] * 2
    assert "interrupted at token 96 of 400" in printed.err
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
    printed = capsys.readouterr()
    assert json.loads(printed.out)["text"].startswith("The owl")
    assert "latin.txt is not utf-8" in printed.err


def test_a_prompt_of_undecodable_bytes_is_shown(model, capsys):
    assert run(["text", "write", str(model), "--prompt", "The\udcff owl", "--length", "5"]) == 0
    assert capsys.readouterr().out.startswith("The\ufffd owl")


def test_write_streams_and_repeats(model, capsys):
    words = ["text", "write", str(model), "--prompt", "The owl", "--length", "40", "--seed", "3"]
    assert run(words) == 0
    first = capsys.readouterr().out
    assert first.startswith("The owl")
    assert len(first) == 7 + 40 + 1
    assert run(words) == 0
    assert capsys.readouterr().out == first


def test_write_reports_copies_in_json(model, tmp_path, capsys):
    words = ["text", "write", str(model), "--prompt", VERSE * 2, "-n", "2", "--length", "80"]
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(VERSE * 3, encoding="utf-8")
    words += ["--novelty", str(corpus), "--json"]
    assert run(words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["text"] == facts["texts"][0]
    assert len(facts["texts"]) == 2
    assert facts["characters"] == 2 * (2 * len(VERSE) + 80)
    assert facts["seconds"] > 0
    assert facts["copied"][0] == {"fraction": 0.0, "longest": []}  # the prompt is not counted
    new = facts["text"].removeprefix(VERSE * 2)
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


def test_a_number_without_a_proposal_is_asked_for_again(model, capsys, monkeypatch):
    answers = iter(["99", "0", "1", " 1912", "/q"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert run(["text", "write", str(model), "--prompt", "The owl", "--interactive"]) == 0
    out = capsys.readouterr().out
    assert "there is no proposal 99; type 1 to 4\nthere is no proposal 0; type 1 to 4\n" in out
    assert out.endswith(" 1912\n\n")
    assert "The owl99" not in out


def test_a_console_without_a_character_still_gets_the_whole_text(model):
    words = [*COMMAND, "text", "write", str(model), "--prompt", "The “owl” ✓", "--length", "20"]
    done = subprocess.run(
        words, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.decode("cp1252").startswith("The “owl” ?")
    assert len(done.stdout) >= len("The “owl” ?") + 20


def test_ctrl_c_ends_writing_together_and_keeps_the_text(model, capsys, monkeypatch):
    answers = iter([" and so on"])

    def answer(_):
        for one in answers:
            return one
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", answer)
    assert run(["text", "write", str(model), "--prompt", "The owl", "--interactive"]) == 0
    assert capsys.readouterr().out.endswith("The owl and so on\n\n")
