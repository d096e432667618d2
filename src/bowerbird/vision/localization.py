"""Name the main object of a picture and its box.

It is the best-scored candidate of detection.py: a class whose activation is strong in some window,
with the box around its activation map, scored by classifying that box alone. If nothing is
proposed, it is the class of the whole picture, with the box of its map.

Source: Zhou et al. 2016, arXiv:1512.04150, section 3.2; the task: Russakovsky et al. 2015,
arXiv:1409.0575, section 2.2 (classification and localization together).

Departures: Zhou et al. take the class from the whole picture, which misses objects that are small
or off center (docs/guides/localize.md has both figures). Each class has its best box only.
"""

from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.class_activation import box_from_heatmap, class_activation_maps, class_heatmap
from bowerbird.vision.classification import Classifier, classes, open_classifier
from bowerbird.vision.config import ClassifyConfig, LocalizeConfig
from bowerbird.vision.detection import candidates
from bowerbird.vision.results import Box, Label, VisionResult

MIN_SCORE_RATIO = 0.1  # of the first class's score, below which a class is not reported


def localize(
    rgb: Float[Tensor, "3 h w"],
    classifier: Classifier | None = None,
    config: LocalizeConfig = LocalizeConfig(),
) -> VisionResult:
    """Return the most likely classes of a picture in [0, 1], each with its box, best first.

    Without a classifier EfficientNet-Lite0 is opened. Raises ValueError for a classifier without
    class activation maps.
    """
    if classifier is None:
        settings = ClassifyConfig(weights=config.weights, precision=config.precision)
        classifier = open_classifier(settings)
    best: dict[str, Box] = {}
    for box in candidates(rgb, classifier):
        best.setdefault(box.name, box)
    boxes = list(best.values())[: config.top] or [_whole_picture(rgb, classifier)]
    boxes = [box for box in boxes if box.score >= MIN_SCORE_RATIO * boxes[0].score]
    ids = dict(classes())
    labels = tuple(Label(box.name, box.score, ids[box.name]) for box in boxes)
    return VisionResult(labels=labels, boxes=tuple(boxes))


def _whole_picture(rgb: Float[Tensor, "3 h w"], classifier: Classifier) -> Box:
    """Return the most likely class of the central crop, with the box of its map."""
    size = (rgb.shape[1], rgb.shape[2])
    probabilities = classifier.probabilities([rgb])[0]
    number = int(probabilities.argmax())
    heatmap = class_heatmap(class_activation_maps(rgb, classifier), number, size)
    sides = box_from_heatmap(heatmap, (0.0, 0.0, float(size[1]), float(size[0])), size)
    return Box(classes()[number][0], float(probabilities[number]), sides)
