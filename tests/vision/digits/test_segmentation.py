"""Broken digits are merged, touching ones split, and the path through the cuts is the best one."""

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch

from bowerbird.vision.digits.binarize import binarize
from bowerbird.vision.digits.components import Component, find_components
from bowerbird.vision.digits.config import NO_DIGIT
from bowerbird.vision.digits.page import read_page
from bowerbird.vision.digits.segmentation import Candidate, _best_path


@pytest.mark.parametrize("gap", [60, 64, 66])
def test_a_broken_digit_is_read_as_one(write_page, reader, gap):
    page = write_page(["3 6 5"])
    page[:, gap : gap + 3, 300:] = 0.95  # through the last
    result = read_page(page, reader)
    assert result.text == "3 6 5"
    top, bottom = result.boxes[-1].xyxy[1::2]
    assert top < gap - 5
    assert bottom > gap + 8


@pytest.mark.parametrize("bridge", [60, 66, 72])
def test_touching_digits_are_read_separately(write_page, reader, bridge):
    touching = write_page(["25"], 34)
    part = touching[:, bridge : bridge + 3, 68:102]
    part.clamp_(max=0.2)  # one stroke from the middle of one to that of the other
    page = torch.cat([touching, write_page(["369"])], 2)
    assert len(find_components(binarize(page.permute(1, 2, 0).numpy()))) == 4
    result = read_page(page, reader)
    assert result.text == "25 3 6 9"
    first, second = (box.xyxy for box in result.boxes[:2])
    assert first[0] < first[2] <= second[0] + 5 < second[2]  # a cut along the stroke leans


def test_the_path_through_cuts_has_the_best_worst_digit():
    random, last = np.random.default_rng(0), 5
    component = Component(0, 0, np.ones((4, 4), np.float32), 1.0, 1.0)
    for _ in range(20):
        spans = [s for s in combinations(range(last + 1), 2) if random.random() < 0.7]
        rows = {span: torch.zeros(NO_DIGIT + 1) for span in spans}
        for row in rows.values():
            row[1] = float(random.random())
        parts = {span: Candidate(component, row) for span, row in rows.items()}
        paths = [
            [(a, b) for a, b in pairwise((0, *inner, last))]
            for count in range(last)
            for inner in combinations(range(1, last), count)
        ]
        worst = [min(parts[s].score for s in p) for p in paths if all(s in parts for s in p)]
        scores = [one.score for one in _best_path(parts, last)]
        assert min(scores, default=-1) == max(worst, default=-1)
