"""Settings of the handwritten-digit reader and of its training."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from bowerbird.learning.config import TrainerConfig, TrainingConfig
from bowerbird.learning.validate import check_choice, check_range
from bowerbird.networks.config import DigitNetwork, SmallConvNetConfig

Polarity = Literal["auto", "dark", "light"]
NO_DIGIT = 10  # class of everything that is not a digit; 0 to 9 are the digits


@dataclass(frozen=True)
class DigitConfig:
    """How the digits on a page are found and read."""

    classifier_threshold: float = 0.35
    """Lowest probability from the network, 0..1, at which a component may be a digit."""
    report_threshold: float = 0.2
    """Lowest calibrated probability, 0..1, of a reported digit, confident or not."""
    page_threshold: float = 0.5
    """Lowest mean probability of these digits, 0..1; below it the image has no writing."""
    confident_threshold: float = 0.935
    """Lowest probability, 0..1, of a line or a digit that is reported as confident."""
    polarity: Polarity = "auto"
    """dark on light paper, light on a dark board, or auto: whichever gives more digits."""
    min_clean_fraction: float = 0.8
    """Lowest fraction of the background around a digit without half-tones, 0..1."""
    max_side: int = 1600
    """Larger images are downscaled to this long side, px."""

    def __post_init__(self) -> None:
        check_choice(self.polarity, get_args(Polarity))
        check_range(self, 0, 1, "classifier_threshold", "report_threshold", "page_threshold")
        check_range(self, 0, 1, "confident_threshold", "min_clean_fraction")
        check_range(self, 100, 10000, "max_side")


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly training digits are distorted."""

    elastic_alpha: float = 34.0
    """Strength of elastic distortions, px (Simard et al. 2003: 34)."""
    elastic_sigma: float = 4.0
    """Smoothness of elastic distortions, px (Simard et al. 2003: 4)."""
    max_rotation: float = 12.0
    """Largest rotation, degrees."""
    max_scale: float = 0.15
    """Largest relative change of height and of width."""
    max_shear: float = 0.2
    """Largest shear, px per px."""
    max_shift: float = 1.5
    """Largest shift along each axis, px."""
    stroke_fraction: float = 0.3
    """Fraction of the digits whose stroke is made thicker, thinner or lighter."""

    def __post_init__(self) -> None:
        check_range(self, 0, 1000, "elastic_alpha", "max_rotation", "max_shear", "max_shift")
        check_range(self, 0.1, 100, "elastic_sigma")
        check_range(self, 0, 0.9, "max_scale")
        check_range(self, 0, 1, "stroke_fraction")


@dataclass(frozen=True)
class DigitTrainConfig(TrainingConfig):
    """How a digit classifier is trained."""

    network: DigitNetwork = "small"
    """small, or lenet5: the network of 1998 as it was."""
    batch_size: int = 128
    """Images per step."""
    label_smoothing: float = 0.05
    """Fraction of the target probability that is spread over all classes (not for lenet5)."""
    negative_fraction: float = 0.1
    """Fraction of the images in a batch that are not digits."""
    undistorted_fraction: float = 0.1
    """Fraction of the digits in a batch that are not distorted."""
    validation_fraction: float = 0.0
    """Fraction of the training digits, the last ones, that is held out for validation."""
    model: SmallConvNetConfig = field(default_factory=SmallConvNetConfig)
    """Shape of the small network."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How digits are distorted."""
    trainer: TrainerConfig = field(
        default_factory=lambda: TrainerConfig(
            iterations=2600,
            learning_rate=4e-3,
            warmup_steps=390,
            final_lr_ratio=0.005,
            weight_decay=0.05,
            validate_every=520,
        )
    )
    """How weights are trained."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.network, get_args(DigitNetwork))
        check_range(self, 2, 1 << 20, "batch_size")
        check_range(self, 0, 0.9, "label_smoothing", "negative_fraction", "validation_fraction")
        check_range(self, 0, 1, "undistorted_fraction")
        if self.model.num_classes != NO_DIGIT + 1:
            raise ValueError(
                f"a digit reader needs {NO_DIGIT + 1} classes, got {self.model.num_classes}"
            )
