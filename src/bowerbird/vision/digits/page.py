"""The digits on a photographed page, in lines, with calibrated probabilities.

Writing is separated from its background, each connected component is classified as one digit, and
components are merged or split (``segmentation.py``). Whether a component that looks like a digit
is one depends on the page around it: ``calibration.py`` gives the probability of each digit and
each line. Improbable digits are left out. A line is confident from the probability at which 98 % of
the lines were right on held-out pages, unless writing between its digits was not read. An image
with a single component is one digit, at any size (``single.py``).

The background is estimated in windows that are a fraction of the image, so writing has to be small
in it. Large writing on an even background is therefore padded with more background first.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.digits.binarize import SOLID, Array, binarize, even_foreground, is_even
from bowerbird.vision.digits.calibration import (
    calibrated_probability,
    digit_features,
    has_unread,
    line_features,
)
from bowerbird.vision.digits.components import find_components, label_components
from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.lines import group_lines, line_text
from bowerbird.vision.digits.reader import DigitReader
from bowerbird.vision.digits.segmentation import Candidate, classify, classify_again, resegment
from bowerbird.vision.digits.single import read_single_digit
from bowerbird.vision.results import Box, Line, VisionResult

CERTAIN = 0.6  # probability of the digits that give the typical height
UNREAD = 0.5  # highest probability of a line with writing that was not read
MIN_HEIGHT = 8  # px of a digit in the original image
SIMILAR = 1.5  # ratio of the heights of digits of one size
MIN_RATIO, MAX_RATIO = 0.3, 3.0  # height of a digit, relative to the typical one
MIN_CONTRAST = 0.4  # of a digit, relative to the typical one
MIN_SIDE, MAX_UPSCALE = 400, 4.0  # px, and factor: smaller images are enlarged up to these
WRITING_HEIGHT = 1 / 16  # of writing on a page, of the long side


@dataclass(frozen=True, eq=False)
class PageDigits:
    """The digits of one polarity, and all components that were classified."""

    digits: list[Candidate]
    probabilities: Array  # (n,) of the digits
    candidates: list[Candidate]


def read_page(
    rgb: Float[Tensor, "3 h w"], reader: DigitReader, config: DigitConfig = DigitConfig()
) -> VisionResult:
    """Return the digits in an image: text, lines, and boxes in reading order.

    The confidence is the mean probability of the digits.
    """
    values: Array = np.ascontiguousarray(rgb.permute(1, 2, 0).numpy(), np.float32)
    light = None if config.polarity == "auto" else config.polarity == "light"
    single = read_single_digit(values, reader, config.report_threshold, light=light)
    if single is not None:
        return single
    margin = page_margin(values)
    if margin:
        background = [float(np.median(values[..., channel])) for channel in range(3)]
        sides = (margin, margin, margin, margin)
        values = cv2.copyMakeBorder(values, *sides, cv2.BORDER_CONSTANT, value=background)
    best = max(find_digits(values, reader, config), key=lambda one: float(one.probabilities.sum()))
    return _result(best, scale_factor(max(values.shape[:2]), config.max_side), margin)


def find_digits(values: Array, reader: DigitReader, config: DigitConfig) -> list[PageDigits]:
    """Return the digits of an image (h, w, 3), 0..1, for each polarity in question."""
    height, width = values.shape[:2]
    factor = scale_factor(max(height, width), config.max_side)
    if factor != 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        values = np.clip(cv2.resize(values, size, interpolation=interpolation), 0, 1)
    polarities = [config.polarity == "light"] if config.polarity != "auto" else [False, True]
    return [_find(values, reader, config, light, MIN_HEIGHT * factor) for light in polarities]


def scale_factor(side: int, max_side: int) -> float:
    """Return the factor by which an image with this long side is resized before it is read."""
    return max_side / side if side > max_side else max(1.0, min(MAX_UPSCALE, MIN_SIDE / side))


def page_margin(values: Array) -> int:
    """Return how much background, px, has to be added on each side of an image (h, w, 3).

    0 unless large writing fills it.
    """
    gray = values.mean(axis=2)
    foreground = even_foreground(np.abs(gray - np.median(gray)))
    if foreground is None or not is_even(foreground):
        return 0
    _, boxes = label_components(foreground > SOLID)
    heights = np.sort(boxes[:, cv2.CC_STAT_HEIGHT].astype(float))
    # weighted, so that neither one grid nor a few specks outweigh the digits
    weights = np.cumsum(np.sqrt(heights))
    typical = float(heights[np.searchsorted(weights, weights[-1] / 2)])
    return max(0, math.ceil((typical / WRITING_HEIGHT - max(gray.shape)) / 2))


def _find(
    values: Array, reader: DigitReader, config: DigitConfig, light: bool, min_height: float
) -> PageDigits:
    """Return the digits of one polarity, unordered."""
    components = find_components(binarize(values, light=light))
    candidates = classify([c for c in components if c.height >= min_height], reader)
    certain = [one for one in candidates if one.score >= CERTAIN]
    if certain:
        candidates = resegment(candidates, _typical_height(certain), reader)
    likely = classify_again(_likely_digits(candidates, config), reader)
    nothing = PageDigits([], np.zeros(0), candidates)
    if not likely:
        return nothing
    probabilities = calibrated_probability(digit_features(likely, candidates), "digit")
    reported = probabilities >= config.report_threshold
    if not reported.any() or probabilities[reported].mean() < config.page_threshold:
        return nothing
    digits = [one for one, keep in zip(likely, reported, strict=True) if keep]
    return PageDigits(digits, probabilities[reported], candidates)


def _typical_height(candidates: list[Candidate]) -> float:
    """Return the height of digits, px: the one to which most others are similar.

    Each is weighted by the root of its height, so that many specks do not outweigh some digits,
    nor does one large component.
    """
    height = np.array([float(one.component.height) for one in candidates])
    similar = np.abs(np.log(height[:, None] / height)) < np.log(SIMILAR)
    best = int((similar * np.sqrt(height)).sum(1).argmax())
    return float(np.median(height[similar[best]]))


def _likely_digits(candidates: list[Candidate], config: DigitConfig) -> list[Candidate]:
    """Return the candidates that look like digits, on clean paper, of about the typical size."""
    likely = [
        one
        for one in candidates
        if one.score >= config.classifier_threshold
        and one.component.clean_fraction >= config.min_clean_fraction
    ]
    if not likely:
        return []
    height = _typical_height(likely)
    contrast = float(np.median([one.component.contrast for one in likely]))
    return [
        one
        for one in likely
        if MIN_RATIO * height < one.component.height < MAX_RATIO * height
        and one.component.contrast > MIN_CONTRAST * contrast
    ]


def _result(page: PageDigits, factor: float, margin: int) -> VisionResult:
    """Return the digits in lines, with boxes in px of the original image."""
    digits = page.digits
    if not digits:
        return VisionResult(boxes=(), text="", lines=(), confidence=0.0)
    own_boxes = np.array([one.component.box for one in digits], float)
    names = [str(one.digit) for one in digits]
    lines = group_lines(own_boxes)
    features = line_features(lines, digits, page.candidates, page.probabilities)
    confidences = calibrated_probability(features, "line")
    unread = has_unread(lines, digits, page.candidates)
    confidences[unread] = np.minimum(confidences[unread], UNREAD)
    texts = [line_text(line, names, own_boxes) for line in lines]
    boxes = []
    for index in (index for line in lines for index in line):
        left, top, right, bottom = (side / factor - margin for side in digits[index].component.box)
        score = float(page.probabilities[index])
        boxes.append(Box(names[index], score, (left, top, right, bottom)))
    return VisionResult(
        boxes=tuple(boxes),
        text="\n".join(texts),
        lines=tuple(Line(text, float(p)) for text, p in zip(texts, confidences, strict=True)),
        confidence=float(page.probabilities.mean()),
    )
