"""Photographs and typefaces for training, each split into training, validation and test sets.

The split is made before any scene is generated, so validation and test data are never trained on.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import torch

from bowerbird.learning.extras import package_folder
from bowerbird.pictures.reading import read_picture
from bowerbird.vision.house_numbers.crops import Pixels
from bowerbird.vision.house_numbers.scenes.typefaces import font_family

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
SAMPLES = {  # photographs without writing, by the package that has them
    "skimage": (
        *("data/astronaut.png", "data/brick.png", "data/chelsea.png", "data/coffee.png"),
        *("data/grass.png", "data/gravel.png", "data/motorcycle_left.png", "data/rocket.jpg"),
        *("data/camera.png", "data/coins.png", "data/moon.png", "data/retina.jpg"),
    ),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
}
MAX_SIDE = 800  # px, to which photographs are downscaled
NUM_FOLDS = 10  # of all photographs: two for tests, one for validation, the others for training


def split_typefaces(
    typefaces: Sequence[Path], validation: Sequence[str], tests: Sequence[str]
) -> tuple[list[Path], list[Path]]:
    """Return the typefaces for training and for validation, by family; those for tests in neither.

    Raises ValueError if there is none for one of both.
    """
    held_out = {*validation, *tests}
    train = [face for face in typefaces if font_family(face) not in held_out]
    validation_faces = [face for face in typefaces if font_family(face) in validation]
    if not train or not validation_faces:
        raise ValueError(
            f"found {len(train)} typefaces for training and {len(validation_faces)} for validation "
            "(--validation-families); give more with --fonts FOLDER"
        )
    return train, validation_faces


def split_photos(paths: Sequence[Path]) -> tuple[list[Path], list[Path], list[Path]]:
    """Return photographs for training, validation and tests, by the hash of their name.

    Where there are so few that a set would be empty, another one is used in its place.
    """
    train: list[Path] = []
    validation: list[Path] = []
    tests: list[Path] = []
    for path in paths:
        fold = int(hashlib.sha256(path.name.encode()).hexdigest(), 16) % NUM_FOLDS
        (tests if fold < 2 else validation if fold == 2 else train).append(path)
    return train or list(paths), validation or tests or list(paths), tests


def find_photos(folder: Path | None = None, exclude: Sequence[str] = ()) -> list[Path]:
    """Return the images of a folder, or those that come with scikit-image and scikit-learn.

    ``exclude`` lists parts of names to leave out. Raises ValueError for a folder without images.
    """
    if folder is None:
        folders = {
            package: package_folder(package, "training without --photos") for package in SAMPLES
        }
        paths = [folder / name for package, folder in folders.items() for name in SAMPLES[package]]
        paths = [path for path in paths if path.exists()]
    else:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; give one with photographs")
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    paths = [path for path in paths if not any(part in path.stem for part in exclude)]
    if not paths:
        raise ValueError(f"{folder or 'scikit-image'} has no photographs; give another folder")
    return paths


def load_pixels(path: Path) -> Pixels:
    """Return a photograph as 8-bit RGB (h, w, 3), downscaled to at most ``MAX_SIDE``."""
    rgb = read_picture(path).over()
    factor = max(1, math.ceil(max(rgb.shape[1:]) / MAX_SIDE))
    rgb = torch.nn.functional.avg_pool2d(rgb, factor) if factor > 1 else rgb
    return to_pixels(rgb)


def to_pixels(rgb: torch.Tensor) -> Pixels:
    """Return an image (3, h, w) in 0..1 as 8-bit RGB (h, w, 3)."""
    return (rgb * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
