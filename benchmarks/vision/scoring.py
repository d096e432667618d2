"""How well boxes and masks were found: IoU, average precision, localisation error, mean IoU.

IoU(a, b) = |a and b| / |a or b|. A found box is right if its class is true and its IoU with a
true box that no better-scored one has taken is 0.5 or more. Average precision is the area under
the precision-recall curve, where precision at recall r is the largest at any recall >= r (all
points: PASCAL VOC from 2010 on, Everingham et al. 2015, doi:10.1007/s11263-014-0733-5, section
4.2). mAP is its mean over the classes that are truly there.

Departures: VOC says nothing of classes outside its 20; mAP here leaves wrong boxes of classes
that are nowhere true unpunished, so ``pooled`` ranks all boxes of all classes in one list, where
each wrong one counts.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from bowerbird.vision.boxes import iou
from bowerbird.vision.results import Box

RIGHT = 0.5  # IoU from which a box is right, in VOC and in ILSVRC


@dataclass(frozen=True)
class Precision:
    """How well boxes were found in many pictures; all 0..1."""

    mean: float  # mAP: mean of the classes' average precision
    pooled: float  # average precision of all boxes in one list
    recall: float  # share of the true boxes that were found


def mask_iou(one: Bool[Tensor, "h w"], other: Bool[Tensor, "h w"]) -> float:
    """Return the intersection of two masks over their union, 0..1; 0 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


def average_precision(scores: Sequence[float], right: Sequence[bool], truths: int) -> float:
    """Return the area under the precision-recall curve of ranked finds, all points."""
    if truths < 1:
        raise ValueError("average precision needs one true box or more")
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    hits = np.cumsum(np.asarray(right, bool)[order])
    precision = hits / np.arange(1, len(hits) + 1)
    recall = np.concatenate([[0.0], hits / truths])
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * best))


def precision_of(
    found: Sequence[Sequence[Box]], truth: Sequence[Sequence[Box]], least: float = RIGHT
) -> Precision:
    """Compare the boxes found in pictures with the true ones, in the same order."""
    scores: dict[str, list[float]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    number: dict[str, int] = defaultdict(int)
    for boxes, true in zip(found, truth, strict=True):
        for box in true:
            number[box.name] += 1
        for box, hit in matched(boxes, true, least):
            scores[box.name].append(box.score)
            right[box.name].append(hit)
    if not number:
        raise ValueError("there is no true box to compare with")
    each = [average_precision(scores[name], right[name], number[name]) for name in number]
    every = [score for name in scores for score in scores[name]]
    hits = [hit for name in scores for hit in right[name]]
    truths = sum(number.values())
    pooled = average_precision(every, hits, truths)
    return Precision(sum(each) / len(each), pooled, sum(hits) / truths)


def matched(
    boxes: Sequence[Box], truth: Sequence[Box], least: float = RIGHT
) -> list[tuple[Box, bool]]:
    """Return, for each box of a picture, best first, whether it is correct."""
    taken: set[int] = set()
    outcomes = []
    for box in sorted(boxes, key=lambda box: -box.score):
        fits = [
            (iou(box.xyxy, true.xyxy), number)
            for number, true in enumerate(truth)
            if true.name == box.name
        ]
        best, number = max(fits, default=(0.0, -1))
        hit = best >= least and number not in taken
        if hit:
            taken.add(number)
        outcomes.append((box, hit))
    return outcomes


def mean_mask_iou(found: Sequence[Sequence[Box]], truth: Sequence[Sequence[Box]]) -> float:
    """Return the mean over true things of the best IoU with a found mask of their class; 0: none.

    This is per thing, as instance segmentation needs it; one found mask may serve several.
    """
    best = [
        max(
            (
                mask_iou(box.mask, true.mask)
                for box in boxes
                if box.name == true.name and box.mask is not None
            ),
            default=0.0,
        )
        for boxes, things in zip(found, truth, strict=True)
        for true in things
        if true.mask is not None
    ]
    if not best:
        raise ValueError("there is no true mask to compare with")
    return sum(best) / len(best)
