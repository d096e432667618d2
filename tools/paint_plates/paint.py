"""Paint every style plate again: ``PYTHONPATH=tools python -m paint_plates.paint [OUTPUT_DIR]``.

Each plate is painted at twice its size and shrunk, which smooths every edge, and is written as a
JPEG into the package or into OUTPUT_DIR. Seeds are fixed: the same versions of NumPy and OpenCV
paint the same pictures.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bowerbird.plates import PLATES, PlateName, plate_path
from paint_plates import cutpaper, ink, mosaic, swirls, woodblock
from paint_plates.noise import Field

PAINTERS: dict[PlateName, Callable[[float], Field]] = {
    "cutpaper": cutpaper.paint,
    "ink": ink.paint,
    "mosaic": mosaic.paint,
    "swirls": swirls.paint,
    "woodblock": woodblock.paint,
}
QUALITY = 90  # of the JPEG
LIMIT = 320_000  # bytes a plate, for a small package; the quality goes down until it fits


def paint(name: PlateName, scale: float = 1.0) -> NDArray[np.uint8]:
    """Paint a plate, ``(768, 1024, 3)`` times ``scale``, in [0, 255]."""
    large = PAINTERS[name](scale)
    size = (round(large.shape[1] / 2), round(large.shape[0] / 2))
    small = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    return np.clip(np.round(small), 0, 255).astype(np.uint8)


def save(picture: NDArray[np.uint8], path: Path) -> int:
    """Write the picture as a JPEG of at most ``LIMIT`` bytes and return the quality it got."""
    for quality in range(QUALITY, 50, -1):
        Image.fromarray(picture).save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size <= LIMIT:
            return quality
    raise ValueError(f"{path.name} does not fit into {LIMIT} bytes at quality 50")


def main(arguments: list[str]) -> None:
    """Paint all plates into the folder named by the first argument."""
    folder = Path(arguments[0]) if arguments else plate_path(PLATES[0]).parent
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)  # the sums are then in one order, so the pictures are the same every time
    for name in PLATES:
        path = folder / f"{name}.jpg"
        quality = save(paint(name), path)
        sys.stdout.write(f"{path}  quality {quality}  {path.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
