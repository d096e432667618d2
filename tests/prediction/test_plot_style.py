"""Pictures of predictions: whole files, one look."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from bowerbird.prediction.plot_style import INK, plain, save_figure


def test_a_picture_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "old.png"
    save_figure(Figure(figsize=(2, 1)), path)
    with Image.open(path) as picture:
        assert picture.size == (220, 110)
    before = path.read_bytes()

    def half(_, part, **settings):
        part.write_bytes(before[:50])
        raise OSError("the disk is full")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="disk is full"):
        save_figure(Figure(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_plain_axes_have_no_frame():
    axes = Figure().subplots()
    plain(axes)
    assert [side for side, line in axes.spines.items() if line.get_visible()] == ["left", "bottom"]
    assert to_hex(axes.title.get_color()) == INK
