"""Object detection with a classifier that was not trained on boxes.

Windows of several sizes propose classes; the activation map of each proposed class gives a box; the
classifier's probability for the content of the box is the score; of overlapping boxes the best is
kept. A panorama is processed in tiles.

Source: Zhou et al. 2016, arXiv:1512.04150 (boxes from class activation); Sermanet et al. 2013,
arXiv:1312.6229 (windows); Girshick et al. 2014, arXiv:1311.2524 (scoring a region by classifying
it alone). Figures: docs/guides/detect.md.

Departures: nothing here was trained on boxes, so a box shows where the class activates: often the
head of an animal, or two objects of one class together. ``detr`` and ``mask2former``
(pretrained_detectors.py) were, and know COCO's 80 classes instead of ImageNet's 1000.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.pictures.pixels import resize
from bowerbird.vision.boxes import iou, overlap
from bowerbird.vision.class_activation import box_from_heatmap, class_activation_maps, class_heatmap
from bowerbird.vision.classification import SIDE, Classifier, classes, open_classifier
from bowerbird.vision.config import ClassifyConfig, DetectConfig
from bowerbird.vision.pretrained_detectors import PretrainedDetector, open_pretrained_detector
from bowerbird.vision.proposals import distinct_windows, non_max_suppression, propose_windows
from bowerbird.vision.results import Box

NUM_PROPOSALS = 8  # windows per tile that are examined
PANORAMA = 2.5  # aspect ratio above which a picture is tiled
MAX_TILES = 12  # each takes as long as a picture
MAX_IOU, MAX_OVERLAP = 0.4, 0.8  # from which the worse of two boxes is dropped


def open_detector(config: DetectConfig, device: str = "auto") -> Classifier | PretrainedDetector:
    """Open the configured classifier or detector; errors as of the functions that open them."""
    if config.network != "efficientnet-lite0":
        return open_pretrained_detector(config.network, config.weights, device)
    settings = ClassifyConfig(weights=config.weights, precision=config.precision)
    return open_classifier(settings, device)


def detect(
    rgb: Float[Tensor, "3 h w"],
    detector: Classifier | PretrainedDetector | None = None,
    config: DetectConfig = DetectConfig(),
) -> tuple[Box, ...]:
    """Return the boxes of a picture in [0, 1] that reach the configured threshold, best first.

    Without a classifier or detector the configured one is opened. Raises ValueError for a
    classifier without class activation maps.
    """
    detector = detector or open_detector(config)
    if isinstance(detector, PretrainedDetector):
        return detector.detect(rgb, config.threshold, config.max_boxes)
    boxes = non_max_suppression(candidates(rgb, detector), _collide)
    return tuple(box for box in boxes[: config.max_boxes] if box.score >= config.threshold)


def candidates(rgb: Float[Tensor, "3 h w"], classifier: Classifier) -> list[Box]:
    """Return overlapping boxes of all proposed classes of a picture in [0, 1], best first."""
    boxes = []
    for left, top, right, bottom in tiles(rgb.shape[1], rgb.shape[2]):
        for box in _candidates(rgb[:, top:bottom, left:right], classifier):
            x0, y0, x1, y1 = box.xyxy
            boxes.append(replace(box, xyxy=(x0 + left, y0 + top, x1 + left, y1 + top)))
    return sorted(boxes, key=lambda box: -box.score)


def tiles(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Return left, top, right, bottom, in px, of the tiles in which a picture is processed.

    Usually one; a panorama has tiles twice as long as wide, each overlapping the last by half.
    """
    short, long = min(height, width), max(height, width)
    if long <= PANORAMA * short:
        return [(0, 0, width, height)]
    number = min(MAX_TILES, math.ceil(long / short) - 1)
    step = long / (number + 1)
    spans = [(round(step * n), round(step * (n + 2))) for n in range(number)]
    if width == long:
        return [(first, 0, last, height) for first, last in spans]
    return [(0, first, width, last) for first, last in spans]


def _candidates(rgb: Float[Tensor, "3 h w"], classifier: Classifier) -> list[Box]:
    """Return the boxes of all proposed classes of a tile, scored by what is in each box."""
    _, height, width = rgb.shape
    maps = class_activation_maps(rgb, classifier)
    proposed = distinct_windows(propose_windows(maps, (height, width)), NUM_PROPOSALS)
    if not proposed:
        return []
    boxes, crops = [], []
    for window in proposed:
        heat = class_heatmap(maps, window.number, (height, width))
        left, top, right, bottom = box_from_heatmap(heat, window.xyxy, (height, width))
        boxes.append((left, top, right, bottom))
        y, x = min(max(0, int(top)), height - 1), min(max(0, int(left)), width - 1)
        crop = rgb[:, y : max(y + 1, round(bottom)), x : max(x + 1, round(right))]
        crops.append(resize(crop, (SIDE, SIDE)))
    probabilities = classifier.logits(torch.stack(crops)).softmax(1)
    return [
        Box(classes()[window.number][0], float(values[window.number]), box)
        for window, values, box in zip(proposed, probabilities, boxes, strict=True)
    ]


def _collide(one: Box, better: Box) -> bool:
    return iou(one.xyxy, better.xyxy) >= MAX_IOU or overlap(one.xyxy, better.xyxy) >= MAX_OVERLAP
