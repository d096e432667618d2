"""A chapter of the tour: a generator of Steps that ends by returning its part of the page."""

import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from bowerbird.learning.atomic import whole
from bowerbird.learning.step import Step


@dataclass(frozen=True)
class TourConfig:
    """How the tour is made."""

    side: int = 448
    """Long side of its pictures in px; two of them take two minutes on two cores."""
    steps: int = 40
    """Steps of descent of each picture at its final scale."""
    seed: int = 0
    """Seed of whatever begins with chance."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""


Chapter = Callable[[Path, TourConfig], Generator[Step, None, str]]


def copy(source: Path, path: Path) -> None:
    """Copy a file, whole or not at all."""
    with whole(path) as part:
        shutil.copyfile(source, part)
