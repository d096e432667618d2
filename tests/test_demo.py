"""The demo makes what its page shows."""

import re
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from bowerbird.demo import prediction
from bowerbird.demo.page import DemoConfig, demo_steps
from bowerbird.learning.extras import EXTRAS
from bowerbird.registry import DOMAINS

SMALL = DemoConfig(size=48, iterations=1, device="cpu")


@pytest.fixture
def small_predictions(monkeypatch):
    """Train the demo's predictors for a second; with all defaults they take half a minute."""
    for name, smaller in (
        ("EnsembleConfig", {"members": 2, "epochs": 20}),
        ("TableConfig", {"folds": 2}),
        ("ForecasterConfig", {"members": 1, "hidden_size": 20}),
        ("BacktestConfig", {"splits": 12, "refits": 1}),
        ("DynamicsConfig", {"hidden_size": 50, "trajectories": 10}),
        ("DynamicsConfig", {"test_trajectories": 2, "free_run": 10.0}),
    ):
        monkeypatch.setattr(prediction, name, partial(getattr(prediction, name), **smaller))


@pytest.mark.slow
@pytest.mark.usefixtures("small_predictions")
def test_the_demo_makes_every_picture_of_its_page(tmp_path, monkeypatch):
    for package in EXTRAS:  # it needs none of them
        monkeypatch.setitem(sys.modules, package, None)
    steps = list(demo_steps(tmp_path, SMALL))
    assert [step.number for step in steps] == [1, 2, 1, 2, 3, 1, 2, 1, 2, 3, 1, 2, 3]
    assert [step.total for step in steps] == [2, 2, 3, 3, 3, 2, 2, *[3] * 6]
    page = (tmp_path / "index.html").read_text()
    shown = {name for name in re.findall(r'src="([^"]+)"', page) if not name.startswith("data:")}
    assert {"chelsea.jpg", "swirls.jpg", "mosaic.jpg", "chelsea-swirls.png"} <= shown
    assert all((tmp_path / name).stat().st_size > 0 for name in shown)
    fetched = re.findall(r'(?:src|href)="(https?:[^"]+)"', page)
    assert fetched == []  # offline
    assert "Second Witch:" in page
    assert (tmp_path / "reel.mid").stat().st_size > 100
    assert page.count("<audio") == 2
    assert {"chelsea-features.jpg", "coffee-cut.png", "page-read.png"} <= shown
    assert {"diabetes.png", "co2.png", "lorenz.png"} <= shown
    assert "found: espresso" in page
    assert "bowerbird image transfer chelsea.jpg swirls.jpg -o chelsea-swirls.png" in page


def test_an_interrupted_demo_leaves_no_page_of_another_one(tmp_path):
    (tmp_path / "index.html").write_text("the page of an older demo")
    next(demo_steps(tmp_path, SMALL))
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(("call", "domains"), [("copyfile", DOMAINS), ("write_text", ())])
def test_what_could_not_be_written_whole_is_not_there(tmp_path, monkeypatch, call, domains):
    def broken(*args, **_):
        target = args[1] if call == "copyfile" else args[0]
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bowerbird.demo.page.DOMAINS", domains)
    monkeypatch.setattr(shutil if call == "copyfile" else Path, call, broken)
    with pytest.raises(OSError, match="No space left"):
        list(demo_steps(tmp_path, SMALL))
    missing = "chelsea.jpg" if call == "copyfile" else "index.html"
    assert not (tmp_path / missing).exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
