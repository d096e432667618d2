"""Tell the one thing that a picture shows, and where it is.

The best scored of all that detection.py proposes: a class whose evidence is strong in some window,
with the box around its activation map, judged by a second look at that box alone. Where nothing
is proposed: the classifier's word for the whole picture, with the box of its map.

Source: Zhou et al. 2016, arXiv:1512.04150, section 3.2; the task: Russakovsky et al. 2015,
arXiv:1409.0575, section 2.2 (classification and localisation in one).

Departures: Zhou et al. take the class from the whole picture; a thing that is small or at the side
is lost then (docs/guides/localize.md has both figures). Of each class only the best box counts.
"""

from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.class_activation import box_from_heatmap, class_activation_maps, class_heatmap
from bowerbird.vision.classification import Classifier, classes, open_classifier
from bowerbird.vision.config import ClassifyConfig, LocalizeConfig
from bowerbird.vision.detection import candidates
from bowerbird.vision.results import Box, Label, VisionResult

FAINT = 0.1  # of the first class's score: what is below it is not told beside it


def localize(
    rgb: Float[Tensor, "3 h w"],
    classifier: Classifier | None = None,
    config: LocalizeConfig = LocalizeConfig(),
) -> VisionResult:
    """Return the likeliest classes of a picture in 0..1, each with its box, likeliest first.

    Without a classifier EfficientNet-Lite0 is opened. Raises ValueError for one whose scores are no
    average over positions.
    """
    if classifier is None:
        settings = ClassifyConfig(weights=config.weights, precision=config.precision)
        classifier = open_classifier(settings)
    best: dict[str, Box] = {}
    for box in candidates(rgb, classifier):
        best.setdefault(box.name, box)
    boxes = list(best.values())[: config.top] or [_everywhere(rgb, classifier)]
    boxes = [box for box in boxes if box.score >= FAINT * boxes[0].score]
    ids = dict(classes())
    labels = tuple(Label(box.name, box.score, ids[box.name]) for box in boxes)
    return VisionResult(labels=labels, boxes=tuple(boxes))


def _everywhere(rgb: Float[Tensor, "3 h w"], classifier: Classifier) -> Box:
    """Return the likeliest class of the middle of the picture, with the box of its map."""
    size = (rgb.shape[1], rgb.shape[2])
    chances = classifier.probabilities([rgb])[0]
    number = int(chances.argmax())
    warm = class_heatmap(class_activation_maps(rgb, classifier), number, size)
    sides = box_from_heatmap(warm, (0.0, 0.0, float(size[1]), float(size[0])), size)
    return Box(classes()[number][0], float(chances[number]), sides)
