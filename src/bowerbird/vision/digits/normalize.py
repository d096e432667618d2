"""A mark of ink as the makers of MNIST would have stored it.

"The original black and white images were size normalized to fit in a 20 x 20 pixel box while
preserving their aspect ratio ... the images were centered in a 28 x 28 image by computing the
center of mass of the pixels, and translating the image so as to position this point at the center"
(LeCun, Bottou, Bengio, Haffner 1998, section III.A). The grays come from anti-aliasing.

Departures: the ink may be gray already; a mark so lopsided that its center would push it over the
border stays inside.
"""

from typing import Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

BOX, SIDE = 20, 28  # px
FAINT = 0.5 / 255  # ink below this share is paper


def normalize(ink: NDArray[Any]) -> Float[np.ndarray, "28 28"]:
    """Return a mark (h, w) of ink 0..1, on paper of 0, in 28 x 28 px; nothing stays nothing."""
    rows, columns = (np.flatnonzero((ink > FAINT).any(axis)) for axis in (1, 0))
    canvas = np.zeros((SIDE, SIDE), np.float32)
    if not len(rows):
        return canvas
    mark = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(mark.shape)
    wide, high = (max(1, round(side * scale)) for side in (mark.shape[1], mark.shape[0]))
    if (high, wide) != mark.shape:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        mark = cv2.resize(np.ascontiguousarray(mark), (wide, high), interpolation=way)
    top, left = (_start(mark.sum(axis), mark.shape[1 - axis]) for axis in (1, 0))
    canvas[top : top + high, left : left + wide] = mark
    return canvas


def _start(mass: NDArray[Any], length: int) -> int:
    """Return where a mark begins so that its center of mass lies on px 14, counted from 0."""
    center = float((mass * np.arange(len(mass))).sum() / max(float(mass.sum()), 1e-6))
    return int(np.clip(round(SIDE / 2 - center), 0, SIDE - len(mass)))
