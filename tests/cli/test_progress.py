"""The bar, the lines, and how a job ends, on made-up steps."""

import io
import itertools

import pytest
from rich.console import Console

from bowerbird.cli import progress
from bowerbird.cli.progress import follow
from bowerbird.errors import TrainingError
from bowerbird.learning.step import Step


def job(count, note=""):
    for n in range(1, count + 1):
        yield Step(n, count, {"content": 1.0, "style": 2.0, "total": 3.0}, n / 2, n, note)


def text(step):
    return f"{step.preview} px"


def test_all_steps_are_kept_without_their_previews():
    work = follow(job(5), (), text, quiet=True)
    assert work.last.preview == 5
    assert [step.number for step in work.history] == [1, 2, 3, 4, 5]
    assert {step.preview for step in work.history} == {None}
    assert (work.ended, work.interrupted) == ("", False)


def test_quiet(capsys):
    follow(job(5, "a note"), (), text, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_line_every_ten_seconds_where_there_is_no_terminal(capsys, monkeypatch):
    clock = itertools.count(0, 3.0)  # s; each step looks at the clock once
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    follow(job(12), (), text)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "bowerbird: step 4 of 12, 4 px, 2 it/s, 4 s left, loss 3 (content 1, style 2)"
    )


def test_notes_are_printed_at_once(capsys):
    follow(job(1, "restarted"), (), text)
    assert capsys.readouterr().err == (
        "bowerbird: step 1 of 1, 1 px, loss 3 (content 1, style 2): restarted\n"
    )


def test_time_left_counts_cost(capsys):
    # two cheap steps, then two of nine times their cost; half a second a step so far
    steps = list(job(4))
    noted = [Step(s.number, 4, s.losses, s.seconds, s.preview, "a note") for s in steps]
    follow(iter(noted[:2]), (1, 1, 9, 9), text)
    assert "9 s left" in capsys.readouterr().err


def test_bar_on_a_terminal(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        progress,
        "Console",
        lambda stderr: Console(file=screen, force_terminal=True, width=120, legacy_windows=False),
    )
    monkeypatch.setenv("TERM", "xterm")
    follow(job(3), (), text)
    assert "step 3 of 3" in screen.getvalue()


def failing(error, after):
    yield from job(after)
    raise error


def test_interruption_keeps_what_there_is():
    work = follow(failing(KeyboardInterrupt(), 2), (), text, quiet=True)
    assert (work.last.number, work.ended, work.interrupted) == (2, "interrupted", True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_job_is_closed_before_its_result_is_taken(error):
    ended = []

    def closing():
        try:
            yield from job(5)
        finally:
            ended.append(True)

    def on_step(step):
        raise error

    made = closing()
    follow(made, (), on_step, quiet=True)
    assert ended == [True]


def test_interruption_before_the_first_step():
    with pytest.raises(KeyboardInterrupt, match="nothing to save"):
        follow(failing(KeyboardInterrupt(), 0), (), text, quiet=True)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, ""),
        (TrainingError("the loss is nan"), 2, ""),
        (ValueError("bad"), 2, "bowerbird: bad\n"),
        (MemoryError(), 2, "there is not enough memory"),
        (ZeroDivisionError("odd"), 1, "ZeroDivisionError (odd); this is an error in Bowerbird"),
        (AttributeError("odd"), 1, "AttributeError (odd); this is an error in Bowerbird"),
    ],
)
def test_how_it_ended_is_an_exit_code(capsys, error, code, words):
    work = follow(failing(error, 2), (), text, quiet=True)
    assert capsys.readouterr().err == ""
    assert work.exit_code() == code
    assert words in capsys.readouterr().err
    assert follow(job(2), (), text, quiet=True).exit_code() == 0


def test_each_domain_has_its_own_way_to_take_less_memory(capsys):
    work = follow(failing(MemoryError(), 2), (), text, quiet=True)
    for noun, words in (
        ("text", "--batch-size"),
        ("image", "--size"),
        ("", "close other programs"),
    ):
        work.exit_code(noun)
        assert words in capsys.readouterr().err


def test_a_loss_that_is_not_finite():
    work = follow(failing(TrainingError("the loss is nan"), 2), (), text, quiet=True)
    assert (work.last.number, work.ended, work.interrupted) == (2, "the loss is nan", False)
    with pytest.raises(TrainingError, match="the loss is nan"):
        follow(failing(TrainingError("the loss is nan"), 0), (), text, quiet=True)


def test_other_errors_keep_the_work_and_are_not_hidden():
    work = follow(failing(ValueError("bad"), 2), (), text, quiet=True)
    assert work.last.number == 2
    assert work.ended == "bad"
    assert isinstance(work.error, ValueError)
    with pytest.raises(ValueError, match="bad"):
        follow(failing(ValueError("bad"), 0), (), text, quiet=True)
