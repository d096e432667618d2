"""`bowerbird demo`, with a demo of two steps."""

import json

import pytest

from bowerbird.learning.step import Step


@pytest.fixture
def short_demo(monkeypatch):
    """Replace the demo, which takes minutes; return the configurations it was called with."""
    configs = []

    def steps(output, config):
        configs.append(config)
        output.mkdir(parents=True, exist_ok=True)
        yield Step(1, 2, {}, 0.1)
        yield Step(2, 2, {}, 0.2)
        (output / "index.html").write_text("<html>")

    monkeypatch.setattr("bowerbird.demo.page.demo_steps", steps)
    return configs


def test_seed_and_device(bowerbird, short_demo, refuses):
    assert bowerbird("demo --output out --seed 7 --device cpu").code == 0
    assert (short_demo[0].seed, short_demo[0].device) == (7, "cpu")
    refuses("demo --output other --device abacus", "abacus", "cpu")


@pytest.mark.usefixtures("short_demo")
def test_demo(bowerbird, here):
    done = bowerbird("demo --output out")
    assert (done.code, done.out) == (0, "out/index.html: open it in a browser\n")
    assert (here / "out" / "index.html").is_file()
    assert bowerbird("demo --output out").code == 2
    again = bowerbird("demo --output out --force --json --quiet")
    assert json.loads(again.out)["output"] == "out/index.html"
    assert again.err == ""


@pytest.mark.usefixtures("short_demo")
def test_a_file_is_not_a_folder(refuses):
    refuses("demo --output photo.png", "photo.png")


def test_interruption(bowerbird, monkeypatch):
    def steps(output, config):
        yield Step(1, 2, {}, 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr("bowerbird.demo.page.demo_steps", steps)
    done = bowerbird("demo --output out")
    assert done.code == 130
    assert "incomplete" in done.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (AttributeError("odd"), 1, "error in Bowerbird"),
        (OSError(28, "No space left on device", "out/a.png"), 2, "out/a.png can't be used"),
    ],
)
def test_what_ends_the_demo_is_reported(bowerbird, monkeypatch, error, code, words):
    def steps(output, config):
        yield Step(1, 2, {}, 0.1)
        raise error

    monkeypatch.setattr("bowerbird.demo.page.demo_steps", steps)
    done = bowerbird("demo --output out")
    assert done.code == code
    assert "incomplete" in done.err
    assert words in done.err
