"""Settings of classification, localization, detection, visualization, and what trainings share.

This module doesn't import torch: the command line derives its flags from it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bowerbird.learning.config import Precision
from bowerbird.learning.validate import check_choice, check_range, check_seed
from bowerbird.networks.vgg_layers import check_channels, stride

ClassifierName = Literal["efficientnet-lite0", "vgg16", "vgg19", "alexnet"]
DetectorName = Literal["efficientnet-lite0", "detr", "mask2former"]
Show = Literal["all", "filters", "maps", "activation", "dream", "class"]

NUM_CLASSES = 1000  # of ImageNet
MAX_LOCALIZED = 5  # classes; the task of Russakovsky et al. 2015 allows five
MIN_SIZE = 16  # px
MIN_TILE = 64  # px; in a smaller tile the network sees mostly the border
OVERVIEW = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_2")  # one layer of each block
FIRST_LAYER = "conv1_1"  # whose filters can be shown as they are
DEFAULT_LAYER = "conv4_3"  # where a single layer is needed and none is given


@dataclass(frozen=True)
class ClassifyConfig:
    """How pictures are classified."""

    top: int = 5
    """Number of classes to return, the most probable first, 1 to 1000."""
    network: ClassifierName = "efficientnet-lite0"
    """Classifier; all but the first are downloaded when first used (230 to 570 MB)."""
    weights: Path | None = None
    """File with the network's weights, a state dict; else the default ones."""
    precision: Precision = "auto"
    """auto takes bfloat16 where it is faster."""

    def __post_init__(self) -> None:
        check_choice(self.network, get_args(ClassifierName))
        check_range(self, 1, NUM_CLASSES, "top")


@dataclass(frozen=True)
class LocalizeConfig:
    """How the main object of a picture is located."""

    top: int = 1
    """Maximum number of classes, the most probable first, 1 to 5; classes with less than a tenth
    of the first one's score are left out."""
    weights: Path | None = None
    """File with the weights of EfficientNet-Lite0; else those that are installed."""
    precision: Precision = "auto"
    """auto takes bfloat16 where it is faster."""

    def __post_init__(self) -> None:
        check_range(self, 1, MAX_LOCALIZED, "top")


@dataclass(frozen=True)
class DetectConfig:
    """How objects are detected."""

    max_boxes: int = 20
    """Maximum number of boxes, the best first."""
    threshold: float = 0.3
    """Minimum score of a box, 0 to 1."""
    network: DetectorName = "efficientnet-lite0"
    """The installed classifier, or a detector, downloaded when first used."""
    weights: Path | None = None
    """File with the classifier's weights, or folder of a detector as transformers saves it."""
    precision: Precision = "auto"
    """auto takes bfloat16 where it is faster; detectors always use float32."""

    def __post_init__(self) -> None:
        check_choice(self.network, get_args(DetectorName))
        check_range(self, 1, math.inf, "max_boxes")
        check_range(self, 0, 1, "threshold")


@dataclass(frozen=True)
class DreamConfig:
    """How DeepDream changes a picture."""

    layer: str = "conv4_3"
    """Layer of VGG-19 to make more active: conv1_1 ... conv5_4, relu..., pool1 ... pool5."""
    channels: tuple[int, ...] = ()
    """Channels of the layer, from 0; none is the whole layer."""
    size: int = 512
    """Long side of the result in px; smaller pictures are not enlarged; 0 keeps every size."""
    strength: float = 0.5
    """Size of the steps, from 0 (the picture stays as it is) to 1."""
    octaves: int = 4
    """Number of scales, from coarse to the picture's own."""
    octave_scale: float = 1.4
    """Ratio between two scales (Mordvintsev et al.)."""
    steps: int = 10
    """Steps at each scale (Mordvintsev et al.)."""
    jitter: int = 32
    """Maximum random shift of the picture at each step, in px."""
    tile: int = 512
    """Maximum side of a tile in px; larger pictures are computed tile by tile."""
    seed: int = 0
    """Seed of the random shifts, and of the noise that feature visualizations start from."""
    weights: str = "vgg19-codebook"
    """Name of VGG-19's weights (``bowerbird models list``) or a file."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    precision: Precision = "auto"
    """Precision of the network: auto takes bfloat16 where it is faster, else float32."""

    def __post_init__(self) -> None:
        if self.size and self.size < MIN_SIZE:
            raise ValueError(f"size must be at least {MIN_SIZE} px, or 0, got {self.size}")
        check_range(self, 0, 1, "strength")
        check_range(self, 1, math.inf, "octaves", "steps")
        if not 1 < self.octave_scale < math.inf:
            raise ValueError(f"octave_scale must be above 1, got {self.octave_scale}")
        check_range(self, 0, math.inf, "jitter")
        check_range(self, MIN_TILE, math.inf, "tile")
        check_seed(self.seed)
        if self.layer:
            check_channels(self.layer, self.channels)

    def octave_sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the (height, width) of each octave, smallest first.

        Sizes too small for the layer are left out.
        """
        factors = [self.octave_scale**-number for number in range(self.octaves)]
        sizes = [(round(size[0] * f), round(size[1] * f)) for f in factors]
        min_side = 2 * stride(self.layer)
        return [size, *(smaller for smaller in sizes[1:] if min(smaller) >= min_side)][::-1]


@dataclass(frozen=True)
class InspectConfig(DreamConfig):
    """What to show of a network's features, and how dreams are made."""

    layer: str = ""
    """Layer of VGG-19: conv1_1 ... conv5_4, relu..., pool1 ... pool5; none is an overview."""
    channels: tuple[int, ...] = ()
    """Channels of the layer, from 0; none is the most active ones (of a dream: all)."""
    show: Show = "all"
    """all, filters (feature visualization: what activates each channel), maps (feature maps),
    activation (where the layer is active), dream (DeepDream), or class: class activation maps of
    the most probable ImageNet classes, by the classifier."""
    max_channels: int = 16
    """Maximum number of channels on a sheet, the most active first; 0 is all of them."""
    visualization_steps: int = 32
    """Steps of gradient ascent of each feature visualization."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.show, get_args(Show))
        check_range(self, 0, math.inf, "max_channels")
        check_range(self, 1, math.inf, "visualization_steps")
        if self.channels and not self.layer:
            raise ValueError(f"channels {self.channels} need a layer")
        if self.layer and self.show == "class":
            raise ValueError(f"classes have no layer; leave layer {self.layer} out")

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are shown."""
        if self.layer:
            return (self.layer,)
        if self.show == "all":
            return OVERVIEW
        return (FIRST_LAYER if self.show == "filters" else DEFAULT_LAYER,)

    @property
    def overview(self) -> bool:
        """Whether one layer of each block is shown."""
        return len(self.layers) > 1
