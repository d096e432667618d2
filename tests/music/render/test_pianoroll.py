"""A piano roll shows every note at its place."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from symusic import Score

from bowerbird.music.config import RollConfig
from bowerbird.music.render.engraving import png_of
from bowerbird.music.render.pianoroll import draw_roll


def notes(svg):
    found = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
    return [r for r in found if r.get("class", "").startswith("n ")]


def test_every_note_is_drawn(written):
    score = written([(0, 1, 60), (1, 2, 64, 30), (3, 1, 67, 120)], [(0, 4, 48)])
    roll = draw_roll(score)
    found = notes(roll.svg)
    assert [r.get("class") for r in found] == ["n t1", "n t0", "n t0", "n t0"]
    first, second, third = found[1:]
    assert float(second.get("x")) == pytest.approx(roll.scale, abs=0.1)
    assert float(second.get("width")) == pytest.approx(2 * roll.scale - 1, abs=0.1)
    assert float(first.get("y")) - float(second.get("y")) == 4 * 7  # semitones of 7 px
    assert float(third.get("opacity")) > float(second.get("opacity")) + 0.2


def test_a_note_over_the_end_of_a_row_is_drawn_in_both(melody):
    score = melody(*[(60, 1)] * 15, (62, 2), *[(60, 1)] * 15)
    roll = draw_roll(score, RollConfig(bars_per_row=4))
    assert len(roll.rows) == 2
    assert roll.rows[0][:2] == (0, 16)
    assert len(notes(roll.svg)) == 32


def test_rows_are_even(melody):
    rows = draw_roll(melody(*[(60, 1)] * 32 * 4), RollConfig(width=1600)).rows
    lengths = [last - first for first, last, *_ in rows]
    assert max(lengths) - min(lengths) <= 16
    assert all(length % 16 == 0 for length in lengths)


def test_png(written):
    roll = draw_roll(written([(0, 4, 60)]), RollConfig(width=500, title="One note"))
    picture = np.asarray(Image.open(io.BytesIO(png_of(roll.svg, 96))).convert("RGB"))
    assert picture.shape[1] == 500
    blue = picture[..., 2].astype(int) - picture[..., 0] > 50
    assert blue.sum() > 300 * 5  # a note of nearly the whole width


def test_bad_input(written):
    with pytest.raises(ValueError, match="no notes"):
        draw_roll(Score(480))
    many = written([(i / 8, 0.125, 60) for i in range(50_001)])
    with pytest.raises(ValueError, match="more than 50,000 notes"):
        draw_roll(many)
