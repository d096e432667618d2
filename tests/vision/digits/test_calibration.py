"""A line is not confident if writing between its digits was not read."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bowerbird.pictures.reading import read_picture
from bowerbird.vision.digits.calibration import has_unread
from bowerbird.vision.digits.components import Component
from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.page import read_page
from bowerbird.vision.digits.reader import load_digit_reader
from bowerbird.vision.digits.segmentation import Candidate

CASE = Path(__file__).resolve().parents[3].parent / "shared/cases/pictures/digits-unread-mark.tif"


def candidate(left, top, height=40, width=24, contrast=0.8):
    """Return a component of a size; what it is read as does not matter here."""
    component = Component(left, top, np.ones((height, width), np.float32), contrast, 1.0)
    return Candidate(component, torch.full((11,), 1 / 11))


def unread(*others):
    """Return whether lines at the heights 100 and 300, with a gap in the first, miss something."""
    first = [candidate(x, 100) for x in (100, 140, 260)]
    second = [candidate(x, 300) for x in (100, 140, 180)]
    digits = [*first, *second]
    return has_unread([[0, 1, 2], [3, 4, 5]], digits, [*digits, *others])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (candidate(200, 100), [True, False]),  # a letter in the gap
        (candidate(60, 104), [True, False]),  # before the line
        (candidate(300, 96), [True, False]),  # behind it
        (candidate(220, 300), [False, True]),
        (candidate(200, 118, height=6), [False, False]),  # a dash
        (candidate(200, 134, height=8, width=8), [False, False]),  # a point
        (candidate(200, 200), [False, False]),  # between the lines
        (candidate(500, 100), [False, False]),  # far away
        (candidate(200, 60, height=120, width=90), [False, False]),  # a drawing
        (candidate(200, 100, contrast=0.2), [False, False]),  # it shines through the paper
    ],
)
def test_writing_as_large_as_the_digits_of_a_line(other, expected):
    assert unread() == [False, False]
    assert unread(other) == expected


def test_a_letter_in_a_number():
    if not CASE.exists():
        pytest.skip("the page is not here")
    result = read_page(read_picture(CASE).over(), load_digit_reader("digits", "cpu"))
    assert [line.text for line in result.lines][-1] == "7 2 0 1 6"
    assert result.lines[-1].confidence < DigitConfig().confident_threshold
