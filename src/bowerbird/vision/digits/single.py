"""Images with exactly one digit, at any size, as from a drawing canvas.

The background is the most common shade of the image (of a small one: of its border), the foreground
what differs from it. A frame along all four sides is removed. An image has one digit if nearly all
of the remaining foreground is connected, on an even background; images as small as MNIST's always
have one. The digit is normalized as in MNIST.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.digits.binarize import SOLID, Array, even_foreground, is_even
from bowerbird.vision.digits.calibration import calibrated_probability
from bowerbird.vision.digits.components import Component, label_components
from bowerbird.vision.digits.config import NO_DIGIT
from bowerbird.vision.digits.reader import DigitReader
from bowerbird.vision.digits.segmentation import Candidate, classify
from bowerbird.vision.results import Box, Line, VisionResult

SMALL = 48  # px of the long side, up to which an image is one digit
FRAME = 0.03  # of the short side, in which a frame may be
MAIN_FRACTION = 0.85  # lowest fraction of the foreground in the main part, and above or below it
MIN_SIDE = 0.2  # of the long side of the image
MAX_ASPECT = 1.8  # width of a digit in its heights: a 5 with a long top


def read_single_digit(
    values: Array, reader: DigitReader, min_probability: float = 0.0, *, light: bool | None = None
) -> VisionResult | None:
    """Return the digit of an image (h, w, 3) in 0..1 that has exactly one.

    None if there is more in it, or nothing that is a digit with ``min_probability``; for a small
    image the result then has no digits. ``light`` is the polarity, None for both.
    """
    small = max(values.shape[:2]) <= SMALL
    nothing = VisionResult(boxes=(), text="", lines=(), confidence=0.0) if small else None
    component = find_single_component(values, small=small, light=light)
    if component is None:
        return nothing
    (candidate,) = classify([component], reader, shifts=True)
    probability = float(calibrated_probability(single_features(candidate)[None], "single")[0])
    if int(candidate.probabilities.argmax()) == NO_DIGIT or probability < min_probability:
        return nothing
    name = str(candidate.digit)
    return VisionResult(
        boxes=(Box(name, probability, component.box),),
        text=name,
        lines=(Line(name, probability),),
        confidence=probability,
    )


def find_single_component(
    values: Array, *, small: bool, light: bool | None = None
) -> Component | None:
    """Return the one component of an image (h, w, 3) in 0..1, or None if there is not just one."""
    gray = values.mean(axis=2)
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    difference = gray - np.median(border if small else gray)
    if light is None:
        difference = np.abs(difference)
    else:
        difference = np.maximum(difference if light else -difference, 0)
    if not small:
        difference = _without_frame(difference)
    image = even_foreground(difference)
    if image is None or not (small or _is_single(image)):
        return None
    left, top, width, height = cv2.boundingRect((image > 0).astype(np.uint8))
    image = np.ascontiguousarray(image[top : top + height, left : left + width])
    return Component(left, top, image, float(difference.max()), 1.0)


def _without_frame(difference: Array) -> Array:
    """Return the difference to the background without a frame, which reaches all four sides."""
    height, width = difference.shape
    labels, boxes = label_components(difference > SOLID * difference.max())
    margin = max(2, round(FRAME * min(height, width)))
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    result = difference.copy()
    for number, (left, top, w, h, area) in enumerate(boxes.tolist(), 1):
        around = max(left, top, width - left - w, height - top - h) <= margin
        if around and area < margin * 4 * (height + width):
            result[cv2.dilate((labels == number).astype(np.uint8), kernel) > 0] = 0
    return result


def _is_single(image: Array) -> bool:
    """Return whether a foreground 0..1 is one component, not small or wide, without half-tones."""
    body = image > SOLID
    _, boxes = label_components(body)
    if not len(boxes) or not is_even(image):
        return False
    _, _, width, height = cv2.boundingRect(body.astype(np.uint8))
    large = max(height, width) > MIN_SIDE * max(image.shape)
    return bool(large and width < MAX_ASPECT * height and _is_connected(boxes))


def _is_connected(boxes: NDArray[Any]) -> bool:
    """Return whether most of the area is in the largest part, or above, below or inside it."""
    left, width, area = boxes[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH, cv2.CC_STAT_AREA]].T
    main = int(area.argmax())
    overlap = np.minimum(left + width, left[main] + width[main]) - np.maximum(left, left[main])
    return bool(area[overlap > width / 2].sum() > MAIN_FRACTION * area.sum())


def single_features(candidate: Candidate) -> NDArray[Any]:
    """Return the features for the calibration of a single digit, (2,)."""
    probabilities = candidate.probabilities.numpy().astype(float).clip(1e-6, 1 - 1e-6)
    ranked = np.sort(probabilities[:NO_DIGIT])
    logit = np.log(ranked[-1] / (1 - ranked[-1])).clip(-4, 5)
    return np.array([logit, np.log(ranked[-1] / ranked[-2]).clip(0, 6)])
