"""Find things in a picture and draw boxes around them, with a classifier that never saw a box.

Windows of several sizes propose classes; the map of each proposed class gives a box; the
classifier looks at what is in the box, and its probability there is the score; of boxes that
overlap the best stays.

Source: Zhou et al. 2016, arXiv:1512.04150 (boxes from class activation); Sermanet et al. 2013,
arXiv:1312.6229 (windows); Girshick et al. 2014, arXiv:1311.2524 (scoring a region by looking at
it alone). Steps and figures: evidence.py, windows.py, docs/detect.md.

Departures: nothing here was trained on boxes, so a box is where the class's evidence is: often the
head of an animal, or two things of one class together. ``detr`` and ``mask2former`` are networks
that were (detectors.py), and know COCO's 80 classes instead of ImageNet's 1000.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.choice import check_choice
from bowerbird.learning.device import Precision
from bowerbird.pictures.pixels import resize
from bowerbird.vision.detectors import open_spotter
from bowerbird.vision.evidence import Sides, evidence, extent, heat
from bowerbird.vision.imagenet import SIDE, Classifier, ClassifyConfig, classes, open_classifier
from bowerbird.vision.scoring import iou
from bowerbird.vision.seen import Box
from bowerbird.vision.windows import Window, apart, overlap, suppressed, windows

Looker = Literal["efficientnet-lite0", "detr", "mask2former"]

PROPOSALS = 8  # windows that are looked at more closely
MEET, SWALLOW = 0.4, 0.8  # IoU, and overlap with the smaller, from which the worse box is dropped


@dataclass(frozen=True)
class DetectConfig:
    """How things are found."""

    most: int = 20
    """Boxes to tell at most, the best first."""
    threshold: float = 0.3
    """Score from which a box is told, 0 to 1."""
    network: Looker = "efficientnet-lite0"
    """The classifier that is installed; or a real detector, downloaded at need."""
    weights: Path | None = None
    """File of the classifier's weights, or folder of a detector as transformers saves it."""
    precision: Precision = "auto"
    """auto takes bfloat16 where it is faster; detectors always take float32."""

    def __post_init__(self) -> None:
        check_choice(self.network, get_args(Looker))
        if self.most < 1:
            raise ValueError(f"most is 1 or more, not {self.most}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold is from 0 to 1, not {self.threshold}")


class Finder:
    """What finds things: a classifier, or a detector behind the same function."""

    def __init__(self, config: DetectConfig = DetectConfig(), device: str = "auto") -> None:
        self.config = config
        if config.network == "efficientnet-lite0":
            settings = ClassifyConfig(weights=config.weights, precision=config.precision)
            self.classifier: Classifier | None = open_classifier(settings, device)
        else:
            self.classifier = None
            self.spotter = open_spotter(config.network, config.weights, device)

    def find(self, rgb: Float[Tensor, "3 h w"]) -> tuple[Box, ...]:
        """Return the boxes of a picture in 0..1, best first."""
        least, most = self.config.threshold, self.config.most
        if self.classifier is None:
            return self.spotter.spot(rgb, least, most)
        return detect(self.classifier, rgb, least, most)


def detect(
    classifier: Classifier, rgb: Float[Tensor, "3 h w"], threshold: float = 0.3, most: int = 20
) -> tuple[Box, ...]:
    """Return the boxes of a picture in 0..1 with this score or more, best first."""
    kept = suppressed(candidates(classifier, rgb), _collide)
    return tuple(box for box in kept[:most] if box.score >= threshold)


def candidates(classifier: Classifier, rgb: Float[Tensor, "3 h w"]) -> list[Box]:
    """Return the boxes of all proposed classes of a picture in 0..1, best first; they overlap."""
    size = (rgb.shape[1], rgb.shape[2])
    maps = evidence(classifier, rgb)
    proposed = apart(windows(maps, size), PROPOSALS)
    if not proposed:
        return []
    sides = [extent(heat(maps, one.number, size), one.xyxy, size) for one in proposed]
    return sorted(_scored(classifier, rgb, proposed, sides), key=lambda box: -box.score)


def look_at(
    classifier: Classifier, rgb: Float[Tensor, "3 h w"], sides: list[Sides]
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
    classifier: Classifier, rgb: Float[Tensor, "3 h w"], proposed: list[Window], sides: list[Sides]
) -> list[Box]:
    """Give each box the probability of its class in what lies inside it."""
    chances = look_at(classifier, rgb, sides)
    return [
        Box(classes()[window.number][0], float(chance[window.number]), box)
        for window, chance, box in zip(proposed, chances, sides, strict=True)
    ]


def _collide(one: Box, better: Box) -> bool:
    return iou(one.xyxy, better.xyxy) >= MEET or overlap(one.xyxy, better.xyxy) >= SWALLOW
