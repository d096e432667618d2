"""Cuts go where digits touch, also where no straight cut would part them."""

from itertools import pairwise

import cv2
import numpy as np

from bowerbird.vision.digits.binarize import binarize
from bowerbird.vision.digits.components import Component, find_components, find_cuts, split


def test_cuts_go_where_two_strokes_touch():
    page = np.full((200, 300, 3), 0.9, np.float32)
    page[60:120, 100:106] = page[60:120, 140:146] = 0.1
    page[88:92, 100:146] = 0.1
    (component,) = find_components(binarize(page))
    cuts = find_cuts(component)
    assert cuts
    assert all(6 <= columns[component.height // 2] <= 40 for columns in cuts)
    assert all(np.abs(np.diff(columns)).max() <= 1 for columns in cuts)


def test_cuts_go_between_strokes_that_lean_over_each_other():
    """No straight cut, upright or slanted, separates a bow from the stroke inside it."""
    image = np.zeros((80, 90), np.float32)
    cv2.ellipse(image, (10, 40), (50, 38), 0, -80, 80, 1.0, 5)  # a bow, open to the left
    cv2.ellipse(image, (40, 40), (45, 38), 0, -70, 70, 1.0, 5)  # the same, moved to the right
    image[38:42, 58:84] = 1.0  # where they touch
    component = Component(0, 0, image, 1.0, 1.0)
    assert find_cuts(component)
    areas = []
    for columns in find_cuts(component):
        cuts = np.full(80, -1), columns, np.full(80, 90)
        pair = [split(component, *two) for two in pairwise(cuts)]
        areas.append([part.image.sum() for part in pair if part is not None])
    total = float(image.sum())
    assert any(len(pair) == 2 and min(pair) > 0.35 * total for pair in areas)
