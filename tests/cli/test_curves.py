"""The picture of a training's losses is drawn whatever they are."""

import math

import pytest
from matplotlib.axes import Axes
from PIL import Image

from bowerbird.cli.curves import draw_losses
from bowerbird.learning.step import Step


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("all_of_them", [False, True])
def test_losses_that_are_not_finite(tmp_path, monkeypatch, bad, all_of_them):
    losses = [{"total": bad if all_of_them or i > 5 else 3.0 - 0.1 * i} for i in range(9)]
    losses[2] |= {"validation_loss": bad if all_of_them else 2.0}
    for number in (0, 8):
        losses[number] |= {"validation_loss": bad}
    history = [Step[None](i + 1, 9, loss, 0.1 * i) for i, loss in enumerate(losses)]
    drawn = []
    monkeypatch.setattr(Axes, "annotate", lambda self, words, *_, **__: drawn.append(words))
    draw_losses(history, tmp_path / "m.png", "nats per character")
    assert drawn == ([] if all_of_them else ["2.000"])
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.size == (960, 540)
    assert [path.name for path in tmp_path.iterdir()] == ["m.png"]
