"""Scores of boxes and masks against counting by hand."""

import pytest
import torch

from benchmarks.vision.scoring import (
    average_precision,
    mask_iou,
    matched,
    mean_mask_iou,
    precision_of,
)
from bowerbird.vision.boxes import iou
from bowerbird.vision.results import Box

SQUARE = (0.0, 0.0, 10.0, 10.0)


def box(name, score, left, top=0.0, side=10.0, mask=None):
    return Box(name, score, (left, top, left + side, top + side), mask)


def test_iou():
    assert iou(SQUARE, SQUARE) == 1
    assert iou(SQUARE, (5.0, 0.0, 15.0, 10.0)) == pytest.approx(50 / 150)
    assert iou(SQUARE, (10.0, 0.0, 20.0, 10.0)) == 0
    assert iou((3.0, 3.0, 3.0, 3.0), (3.0, 3.0, 3.0, 3.0)) == 0


def test_iou_of_boxes_is_that_of_their_masks():
    random = torch.Generator().manual_seed(2)
    for _ in range(20):
        boxes, masks = [], []
        for _ in range(2):
            x, y = (sorted(torch.randint(0, 30, (2,), generator=random).tolist()) for _ in "xy")
            boxes.append((float(x[0]), float(y[0]), float(x[1]), float(y[1])))
            mask = torch.zeros(30, 30, dtype=torch.bool)
            mask[y[0] : y[1], x[0] : x[1]] = True
            masks.append(mask)
        assert iou(*boxes) == pytest.approx(mask_iou(*masks))


def test_average_precision_by_hand():
    # ranked: right, wrong, right, wrong; 3 are true. Precision 1 to recall 1/3, 2/3 to 2/3, then 0
    found = average_precision([0.9, 0.8, 0.7, 0.6], [True, False, True, False], 3)
    assert found == pytest.approx(1 / 3 + (2 / 3) / 3)
    # precision is the largest at this recall or a higher one: wrong, right, right is 2/3 throughout
    assert average_precision([0.9, 0.8, 0.7], [False, True, True], 2) == pytest.approx(2 / 3)
    assert average_precision([], [], 2) == 0
    with pytest.raises(ValueError, match="one true box"):
        average_precision([0.5], [True], 0)


def test_average_precision_is_scikit_learns_where_that_has_no_envelope():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, right = [0.9, 0.8, 0.7, 0.6, 0.5], [True, True, False, False, True]
    # the envelope changes nothing where precision only falls until the last hit
    assert average_precision(scores, right, 3) == pytest.approx(
        metrics.average_precision_score(right, scores)
    )


def test_a_true_box_is_found_once():
    told = matched([box("cat", 0.5, 1), box("cat", 0.9, 0), box("dog", 0.8, 0)], [box("cat", 1, 0)])
    assert [(found.score, hit) for found, hit in told] == [(0.9, True), (0.8, False), (0.5, False)]


def test_wrong_boxes_of_other_classes_count_only_when_pooled():
    truth = [[box("cat", 1, 0)]]
    found = [[box("dog", 0.9, 0), box("cat", 0.5, 0)]]
    score = precision_of(found, truth)
    assert (score.mean, score.pooled, score.recall) == (1, 0.5, 1)
    assert precision_of([[]], truth).mean == 0
    with pytest.raises(ValueError, match="no true box"):
        precision_of([[]], [[]])


def test_mean_iou_counts_what_was_not_found():
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[:2] = True
    truth = [[box("cat", 1, 0, mask=mask), box("dog", 1, 0, mask=~mask)]]
    half = mask.clone()
    half[1] = False
    assert mean_mask_iou([[box("cat", 0.9, 0, mask=half)]], truth) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="no true mask"):
        mean_mask_iou([[]], [[]])
