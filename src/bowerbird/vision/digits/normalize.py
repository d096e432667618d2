"""Size and position of a digit, normalized as in MNIST.

"The original black and white images were size normalized to fit in a 20 x 20 pixel box while
preserving their aspect ratio ... the images were centered in a 28 x 28 image by computing the
center of mass of the pixels, and translating the image so as to position this point at the center"
(LeCun, Bottou, Bengio, Haffner 1998, section III.A). The gray levels come from anti-aliasing.

Departures: the input may be gray; a shape whose center of mass would push it over the border stays
inside.
"""

from typing import Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

BOX, SIDE = 20, 28  # px
EPSILON = 0.5 / 255  # values up to this are background


def normalize(image: NDArray[Any]) -> Float[np.ndarray, "28 28"]:
    """Return a shape (h, w) with values 0 (background) to 1, as 28 x 28 px; empty stays empty."""
    canvas = np.zeros((SIDE, SIDE), np.float32)
    extent = find_extent(image > EPSILON)
    if extent is None:
        return canvas
    shape = image[extent]
    scale = BOX / max(shape.shape)
    width, height = (max(1, round(side * scale)) for side in (shape.shape[1], shape.shape[0]))
    if (height, width) != shape.shape:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        shape = np.ascontiguousarray(shape)
        shape = cv2.resize(shape, (width, height), interpolation=interpolation)
    top, left = (_start(shape.sum(axis)) for axis in (1, 0))
    canvas[top : top + height, left : left + width] = shape
    return canvas


def find_extent(mask: NDArray[Any]) -> tuple[slice, slice] | None:
    """Return the rows and columns of the smallest rectangle around a mask, None if it is empty."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return (slice(top, top + height), slice(left, left + width)) if width else None


def _start(mass: NDArray[Any]) -> int:
    """Return the first row or column of a shape whose center of mass is to be at px 14."""
    center = float((mass * np.arange(len(mass))).sum() / max(float(mass.sum()), 1e-6))
    return int(np.clip(round(SIDE / 2 - center), 0, SIDE - len(mass)))
