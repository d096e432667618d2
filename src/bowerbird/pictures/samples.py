"""Decoded samples of a picture file, before its profile and rotation are applied."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import PictureError

MAX_PIXELS = 200_000_000


class RangeError(ValueError):
    """Float values are not in 0..1; the message is the largest."""


@dataclass(frozen=True)
class Samples:
    """Decoded values before rotation: (h, w, 1 or 3) in 0..1, and the profile still to apply."""

    values: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    orientation: int = 1  # EXIF 1..8
    icc: bytes | None = None


def to_unit(codes: NDArray, top: int) -> NDArray[np.float32]:
    """Scale integers of 0..top to 0..1; floats must mostly be in 0..1 already."""
    if codes.dtype.kind != "f":
        top = min(top, np.iinfo(codes.dtype).max)
        return np.clip(codes.astype(np.float32) / np.float32(top), 0, 1)
    values = np.nan_to_num(codes.astype(np.float32), nan=0, posinf=1, neginf=0)
    if np.median(values) > 1:  # 0..255 in floats: clipping would silently make it white
        raise RangeError(f"{values.max():g}")
    return np.clip(values, 0, 1)


def check_pixels(path: Path, width: int, height: int, max_pixels: int, samples: int = 1) -> None:
    """Raise PictureError for a picture of more than ``max_pixels``, or of as many samples.

    A pixel of up to four samples counts once; one of 40 samples counts as ten.
    """
    if width * height * max(4, samples) > 4 * max_pixels:
        each = f" of {samples} samples each" if samples > 4 else ""
        raise PictureError(
            f"{path} has {width} x {height} pixels{each}, more than the {max_pixels:,} allowed; "
            "downscale it first"
        )
