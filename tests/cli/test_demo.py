"""`bowerbird demo`, with a tour of two steps."""

import json

import pytest

from bowerbird.learning.step import Step


@pytest.fixture
def tour(monkeypatch):
    """Replace the tour, which takes minutes; return how it was asked for."""
    asked = []

    def steps(output, config):
        asked.append(config)
        output.mkdir(parents=True, exist_ok=True)
        yield Step(1, 2, {}, 0.1)
        yield Step(2, 2, {}, 0.2)
        (output / "index.html").write_text("<html>")

    monkeypatch.setattr("bowerbird.cli.demo.demo_steps", steps)
    return asked


def test_seed_and_device(bowerbird, tour, refuses):
    assert bowerbird("demo --output tour --seed 7 --device cpu").code == 0
    assert (tour[0].seed, tour[0].device) == (7, "cpu")
    refuses("demo --output other --device abacus", "abacus", "cpu")


@pytest.mark.usefixtures("tour")
def test_demo(bowerbird, here):
    done = bowerbird("demo --output tour")
    assert (done.code, done.out) == (0, "tour/index.html: open it in a browser\n")
    assert (here / "tour" / "index.html").is_file()
    assert bowerbird("demo --output tour").code == 2
    again = bowerbird("demo --output tour --force --json --quiet")
    assert json.loads(again.out)["output"] == "tour/index.html"
    assert again.err == ""


@pytest.mark.usefixtures("tour")
def test_a_file_is_no_folder(refuses):
    refuses("demo --output photo.png", "photo.png")


def test_interruption(bowerbird, monkeypatch):
    def steps(output, config):
        yield Step(1, 2, {}, 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr("bowerbird.cli.demo.demo_steps", steps)
    done = bowerbird("demo --output tour")
    assert done.code == 130
    assert "not complete" in done.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (AttributeError("odd"), 1, "mistake of ours"),
        (OSError(28, "No space left on device", "tour/a.png"), 2, "tour/a.png can't be used"),
    ],
)
def test_what_ends_the_tour_is_told_as_anywhere(bowerbird, monkeypatch, error, code, words):
    def steps(output, config):
        yield Step(1, 2, {}, 0.1)
        raise error

    monkeypatch.setattr("bowerbird.cli.demo.demo_steps", steps)
    done = bowerbird("demo --output tour")
    assert done.code == code
    assert "not complete" in done.err
    assert words in done.err
