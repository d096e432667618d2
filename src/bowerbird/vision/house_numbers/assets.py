"""What a reader of numbers learns from: photographs without numbers, and typefaces, each split.

The split is made before anything is made of them, so that what is measured was never learned from.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from bowerbird.pictures.reading import read_picture
from bowerbird.vision.house_numbers.crops import Pixels
from bowerbird.vision.house_numbers.scenes.typefaces import Typeface

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
SAMPLES = {  # packages with photographs, and which of them have no writing
    "skimage": (
        *("data/astronaut.png", "data/brick.png", "data/chelsea.png", "data/coffee.png"),
        *("data/grass.png", "data/gravel.png", "data/motorcycle_left.png", "data/rocket.jpg"),
        *("data/camera.png", "data/coins.png", "data/moon.png", "data/retina.jpg"),
    ),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
}
LONGEST = 800  # px: larger photographs are shrunk when they are read
PARTS = 10  # of all photographs: two for tests, one for validation, the others to learn from


@dataclass(frozen=True)
class Materials:
    """Where what is learned from lies; all of it may be left out."""

    photos: Path | None = None
    """Folder of photographs without numbers; else those of scikit-image and scikit-learn."""
    fonts: tuple[Path, ...] = ()
    """Folders of fonts, besides those of installed packages."""
    svhn: Path | None = None
    """train.tar.gz of Street View House Numbers, or its folder."""
    start: Path | None = None
    """Model file to go on from."""


def split_typefaces(
    faces: Sequence[Typeface], validation: Sequence[str], tests: Sequence[str]
) -> tuple[list[Typeface], list[Typeface]]:
    """Return the typefaces to learn from, and those to measure with; those of tests are neither."""
    measured = [face for face in faces if face.family in validation]
    kept = {*validation, *tests}
    learned = [face for face in faces if face.family not in kept]
    if not learned or not measured:
        raise ValueError(
            f"there are {len(learned)} typefaces to learn from and {len(measured)} to measure with "
            "(--validation-families); give more by --fonts FOLDER"
        )
    return learned, measured


def split_photos(paths: Sequence[Path]) -> tuple[list[Path], list[Path], list[Path]]:
    """Return photographs to learn from, to measure with, and for tests, by the hash of their name.

    Of so few that none falls to a part, the next part is used in its place.
    """
    parts: tuple[list[Path], list[Path], list[Path]] = [], [], []
    for path in paths:
        number = int(hashlib.sha256(path.name.encode()).hexdigest(), 16) % PARTS
        parts[2 if number < 2 else 1 if number == 2 else 0].append(path)
    learned, measured, tests = parts
    return learned or list(paths), measured or tests or list(paths), tests


def photographs(folder: Path | None = None, without: Sequence[str] = ()) -> list[Path]:
    """Return the pictures of a folder, or those that come with scikit-image and scikit-learn.

    Raises ValueError for a folder without pictures.
    """
    if folder is None:
        roots = {package: find_spec(package) for package in SAMPLES}
        paths = [
            Path(str(spec.origin)).parent / name
            for package, spec in roots.items()
            for name in SAMPLES[package]
            if spec is not None
        ]
        found = [path for path in paths if path.exists()]
    else:
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder; name one with photographs")
        found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    found = [path for path in found if not any(part in path.stem for part in without)]
    if not found:
        raise ValueError(f"{folder or 'scikit-image'} has no photographs; name another folder")
    return found


def pixels_of(path: Path) -> Pixels:
    """Read a photograph as RGB of 8 bits, with a long side of at most ``LONGEST`` px."""
    rgb = read_picture(path).over()
    step = max(1, math.ceil(max(rgb.shape[1:]) / LONGEST))
    rgb = torch.nn.functional.avg_pool2d(rgb, step) if step > 1 else rgb
    return (rgb * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
