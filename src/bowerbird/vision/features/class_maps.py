"""Where a classifier finds its likeliest classes: class activation maps on one sheet.

Zhou et al. 2016 (arXiv:1512.04150); the formula, and how maps of several sizes become one, is in
``class_activation.py``. The classifier is EfficientNet-Lite0, whose last layer is an average over
positions; the installed VGG-19 has no classes.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.class_activation import class_activation_maps, class_heatmap
from bowerbird.vision.classification import Classifier, labels_of
from bowerbird.vision.config import NUM_CLASSES
from bowerbird.vision.features.sheets import Heading, beside
from bowerbird.vision.results import Label


@dataclass(frozen=True, eq=False)
class Activation:
    """Classes, likeliest first, and where each is found."""

    labels: tuple[Label, ...]
    maps: tuple[Float[Tensor, "h4 w4"], ...]  # 0..1, at a quarter of the picture's size
    sheet: Float[Tensor, "3 h w"]


def class_activation(
    rgb: Float[Tensor, "3 h w"], classifier: Classifier, limit: int, title: str = ""
) -> Activation:
    """Return where the ``limit`` likeliest classes of a picture in 0..1 are found, as a sheet."""
    if not 1 <= limit <= NUM_CLASSES:
        raise ValueError(f"limit must be in [1, {NUM_CLASSES}], got {limit}")
    probabilities = classifier.probabilities([rgb])[0]
    numbers = probabilities.topk(limit).indices.tolist()
    labels = labels_of(probabilities, limit)
    all_maps, size = class_activation_maps(rgb, classifier), (rgb.shape[1], rgb.shape[2])
    maps = tuple(class_heatmap(all_maps, number, size) for number in numbers)
    texts = [f"{one.name}   {one.probability:.1%}" for one in labels]
    heading = Heading(rgb, title, "class", overview=False)
    return Activation(labels, maps, beside(heading, "Where its classes are", maps, texts))
