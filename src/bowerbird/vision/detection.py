"""Find things in a picture and draw boxes around them, with a classifier that never saw a box.

Windows of several sizes propose classes; the map of each proposed class gives a box; the
classifier looks at what is in the box, and its probability there is the score; of boxes that
overlap the best stays. A panorama is looked at in pieces.

Source: Zhou et al. 2016, arXiv:1512.04150 (boxes from class activation); Sermanet et al. 2013,
arXiv:1312.6229 (windows); Girshick et al. 2014, arXiv:1311.2524 (scoring a region by looking at
it alone). Steps and figures: evidence.py, windows.py, docs/guides/detect.md.

Departures: nothing here was trained on boxes, so a box is where the class's evidence is: often the
head of an animal, or two things of one class together. ``detr`` and ``mask2former`` are networks
that were (detectors.py), and know COCO's 80 classes instead of ImageNet's 1000.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.pictures.pixels import resize
from bowerbird.vision.boxes import Sides, iou, overlap
from bowerbird.vision.class_activation import box_from_heatmap, class_activation_maps, class_heatmap
from bowerbird.vision.classification import SIDE, Classifier, classes, open_classifier
from bowerbird.vision.config import ClassifyConfig, DetectConfig
from bowerbird.vision.pretrained_detectors import PretrainedDetector, open_pretrained_detector
from bowerbird.vision.proposals import (
    Window,
    distinct_windows,
    non_max_suppression,
    propose_windows,
)
from bowerbird.vision.results import Box

PROPOSALS = 8  # windows that are looked at more closely, in the picture or a piece of it
PANORAMA = 2.5  # long side over short side above which a picture is looked at in pieces
MOST_PIECES = 12  # as each takes as long as a picture
MEET, SWALLOW = 0.4, 0.8  # IoU, and overlap with the smaller, from which the worse box is dropped


def open_detector(config: DetectConfig, device: str = "auto") -> Classifier | PretrainedDetector:
    """Open what finds things: the classifier, or a detector; errors as those that open them."""
    if config.network != "efficientnet-lite0":
        return open_pretrained_detector(config.network, config.weights, device)
    settings = ClassifyConfig(weights=config.weights, precision=config.precision)
    return open_classifier(settings, device)


def detect(
    rgb: Float[Tensor, "3 h w"],
    looker: Classifier | PretrainedDetector | None = None,
    config: DetectConfig = DetectConfig(),
) -> tuple[Box, ...]:
    """Return the boxes of a picture in 0..1 with the config's score or more, best first.

    Without a classifier or detector the configured one is opened. Raises ValueError for a
    classifier whose scores are no average over positions.
    """
    looker = looker or open_detector(config)
    if isinstance(looker, PretrainedDetector):
        return looker.spot(rgb, config.threshold, config.max_boxes)
    kept = non_max_suppression(candidates(rgb, looker), _collide)
    return tuple(box for box in kept[: config.max_boxes] if box.score >= config.threshold)


def candidates(rgb: Float[Tensor, "3 h w"], classifier: Classifier) -> list[Box]:
    """Return the boxes of all proposed classes of a picture in 0..1, best first; they overlap."""
    boxes = []
    for left, top, right, bottom in pieces(rgb.shape[1], rgb.shape[2]):
        for box in _candidates(rgb[:, top:bottom, left:right], classifier):
            x0, y0, x1, y1 = box.xyxy
            boxes.append(replace(box, xyxy=(x0 + left, y0 + top, x1 + left, y1 + top)))
    return sorted(boxes, key=lambda box: -box.score)


def pieces(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Return left, top, right, bottom, px, of the pieces that a picture is looked at in.

    Usually the whole; of a panorama, pieces twice as long as wide, each half over the one before.
    """
    short, long = min(height, width), max(height, width)
    if long <= PANORAMA * short:
        return [(0, 0, width, height)]
    number = min(MOST_PIECES, math.ceil(long / short) - 1)
    step = long / (number + 1)
    spans = [(round(step * n), round(step * (n + 2))) for n in range(number)]
    if width == long:
        return [(first, 0, last, height) for first, last in spans]
    return [(0, first, width, last) for first, last in spans]


def _candidates(rgb: Float[Tensor, "3 h w"], classifier: Classifier) -> list[Box]:
    """Return the boxes of all proposed classes of a piece of a picture."""
    size = (rgb.shape[1], rgb.shape[2])
    maps = class_activation_maps(rgb, classifier)
    proposed = distinct_windows(propose_windows(maps, size), PROPOSALS)
    if not proposed:
        return []
    sides = [
        box_from_heatmap(class_heatmap(maps, one.number, size), one.xyxy, size) for one in proposed
    ]
    return _scored(rgb, classifier, proposed, sides)


def region_probabilities(
    rgb: Float[Tensor, "3 h w"], classifier: Classifier, sides: list[Sides]
) -> Float[Tensor, "boxes 1000"]:
    """Return the classes' probabilities in each of the boxes, seen alone."""
    _, height, width = rgb.shape
    pieces = []
    for left, top, right, bottom in sides:
        y = min(max(0, int(top)), height - 1)
        x = min(max(0, int(left)), width - 1)
        piece = rgb[:, y : max(y + 1, round(bottom)), x : max(x + 1, round(right))]
        pieces.append(resize(piece, (SIDE, SIDE)))
    return classifier.scores(torch.stack(pieces)).softmax(1)


def _scored(
    rgb: Float[Tensor, "3 h w"], classifier: Classifier, proposed: list[Window], sides: list[Sides]
) -> list[Box]:
    """Give each box the probability of its class in what lies inside it."""
    chances = region_probabilities(rgb, classifier, sides)
    return [
        Box(classes()[window.number][0], float(chance[window.number]), box)
        for window, chance, box in zip(proposed, chances, sides, strict=True)
    ]


def _collide(one: Box, better: Box) -> bool:
    return iou(one.xyxy, better.xyxy) >= MEET or overlap(one.xyxy, better.xyxy) >= SWALLOW
