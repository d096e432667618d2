"""Settings of the house-number reader, of the generated scenes, and of the training."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from bowerbird.learning.config import TrainerConfig, TrainingConfig
from bowerbird.learning.validate import check_range
from bowerbird.networks.config import MultiDigitConfig


@dataclass(frozen=True)
class HouseNumberConfig:
    """How house numbers are detected and read."""

    max_side: int = 1536
    """Larger images are downscaled to this long side before detection, px."""
    finder_threshold: float = 0.15
    """Lowest probability from the finder, 0..1, of a region that is read."""
    report_threshold: float = 0.45
    """Lowest score, 0..1, of a reported number, confident or not."""
    confident_threshold: float = 0.0
    """Lowest score of a number that is reported as confident; 0 uses the model's own threshold."""
    max_regions: int = 16
    """Largest number of regions that are read in an image."""

    def __post_init__(self) -> None:
        check_range(self, 64, math.inf, "max_side")
        check_range(self, 0, 1, "finder_threshold", "report_threshold", "confident_threshold")
        check_range(self, 1, math.inf, "max_regions")


@dataclass(frozen=True)
class SceneConfig:
    """What generated scenes look like."""

    height: int = 128
    """Height of a scene, px."""
    width: int = 128
    """Width of a scene, px."""
    min_number_size: float = 13.0
    """Smallest number: square root of its area, px."""
    max_number_size: float = 90.0
    """Largest number: square root of its area, px."""
    empty_fraction: float = 0.2
    """Fraction of scenes without a number."""

    def __post_init__(self) -> None:
        check_range(self, 32, math.inf, "height", "width")
        check_range(self, 4, self.max_number_size, "min_number_size")
        check_range(self, 0, 1, "empty_fraction")


@dataclass(frozen=True)
class ScenePoolConfig:
    """How scenes become batches."""

    batch_size: int = 32
    """Crops that are read per step."""
    finder_batch_size: int = 6
    """Crops per step in which the finder looks for numbers."""
    pool_size: int = 3000
    """Scenes that are held in memory."""
    new_scenes_per_step: int = 4
    """Scenes of the pool that are replaced per step."""
    validation_scenes: int = 300
    """Scenes for validation, from typefaces and photographs that are not trained on."""

    def __post_init__(self) -> None:
        check_range(self, 1, math.inf, *vars(self))


@dataclass(frozen=True)
class TrainingAssets:
    """Where the training data is; everything may be left out."""

    photos: Path | None = None
    """Folder of photographs without numbers; default: those of scikit-image and scikit-learn."""
    fonts: tuple[Path, ...] = ()
    """Folder of fonts, besides those of installed packages; may be given several times."""
    svhn: Path | None = None
    """train.tar.gz of Street View House Numbers, or its unpacked folder."""
    start: Path | None = None
    """Model file to continue from."""


@dataclass(frozen=True)
class HouseNumberTrainConfig(TrainingConfig):
    """How a house-number reader is trained."""

    validation_families: tuple[str, ...] = (
        *("Manrope", "P052", "STIXGeneral", "STIXGeneralBolIta", "HankenGrotesk"),
    )
    """Typefaces for validation, never trained on."""
    test_families: tuple[str, ...] = ("Lato", "Caladea", "FjallaOne", "Intuitive", "URWBookman")
    """Typefaces for tests: neither trained nor validated on."""
    exclude_photos: tuple[str, ...] = ()
    """Photographs to leave out because they show numbers, by parts of their names."""
    svhn_fraction: float = 0.5
    """Fraction of SVHN images among the training scenes, if --svhn is given."""
    max_mined_photos: int = 160
    """Photographs that are searched for false positives of the model given by --from."""
    hard_negative_fraction: float = 0.07
    """Fraction of these false positives among the training scenes."""
    calibration_crops: int = 1500
    """Crops that are read at the end to set the confidence threshold of readings."""
    calibration_photos: int = 300
    """Whole scenes that are searched at the end to set the threshold of detections."""
    model: MultiDigitConfig = field(default_factory=MultiDigitConfig)
    """Shape of the network."""
    scene: SceneConfig = field(default_factory=SceneConfig)
    """What scenes look like."""
    pool: ScenePoolConfig = field(default_factory=ScenePoolConfig)
    """How scenes become batches."""
    trainer: TrainerConfig = field(
        default_factory=lambda: TrainerConfig(
            iterations=13000, learning_rate=4e-3, warmup_steps=200
        )
    )
    """How weights are trained."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 0, math.inf, "max_mined_photos")
        check_range(self, 0, 1, "svhn_fraction")
        check_range(self, 0, 0.99, "hard_negative_fraction")
