"""The style of plots, and files that are written atomically."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from bowerbird.prediction.plot_style import TEXT, save_figure, style_axes


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "old.png"
    save_figure(Figure(figsize=(2, 1)), path)
    with Image.open(path) as picture:
        assert picture.size == (220, 110)
    before = path.read_bytes()

    def fail_halfway(_, part, **settings):
        part.write_bytes(before[:50])
        raise OSError("the disk is full")

    monkeypatch.setattr(Figure, "savefig", fail_halfway)
    with pytest.raises(OSError, match="disk is full"):
        save_figure(Figure(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_styled_axes_have_no_upper_and_right_border():
    axes = Figure().subplots()
    style_axes(axes)
    assert [side for side, line in axes.spines.items() if line.get_visible()] == ["left", "bottom"]
    assert to_hex(axes.title.get_color()) == TEXT
