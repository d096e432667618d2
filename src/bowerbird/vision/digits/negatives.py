"""Negative examples, with which the classifier is trained to reject what is not a digit.

Letters in many fonts, except those that look like a digit; dots, dashes and blots; two touching
digits; and components that ``find_components`` returns for photographs without any writing. All
are normalized as digits are.
"""

import functools

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from bowerbird.learning.extras import import_extra
from bowerbird.vision.digits.binarize import Array, binarize
from bowerbird.vision.digits.components import find_components
from bowerbird.vision.digits.idx import DigitDataset
from bowerbird.vision.digits.normalize import normalize

LETTERS = "ACEFHKMNPRTUVWXYdefhkmnprvwx+-=*?%&@#<>:."  # without those that look like digits
# from scikit-image; its other photographs are for evaluation
PHOTOS = ("astronaut", "camera", "coins", "rocket", "moon", "brick", "grass", "gravel", "cell")
NUM_LETTERS, NUM_BLOTS, NUM_PAIRS = 3000, 600, 3000
MAX_PHOTO_COMPONENTS = 2500
PHOTO_SCALE = 1.5  # enlarged, so that there are more components
MIN_PHOTO_COMPONENT = 12  # px, height


def make_negatives(digits: DigitDataset, seed: int) -> UInt8[Tensor, "n 28 28"]:
    """Return images that are not digits; touching pairs are made from ``digits``."""
    random = np.random.default_rng(seed)
    images = digits.images.numpy()
    shapes = [_letter(random) for _ in range(NUM_LETTERS)]
    shapes += [_blot(random) for _ in range(NUM_BLOTS)]
    shapes += [
        _touching_pair(images[random.integers(len(images), size=2)], random)
        for _ in range(NUM_PAIRS)
    ]
    shapes += _photo_components(random)
    stacked = np.stack([normalize(shape) for shape in shapes])
    return torch.from_numpy((stacked * 255).round().astype(np.uint8))


@functools.cache
def _fonts() -> list[str]:
    """Return the text fonts that come with matplotlib."""
    from matplotlib import font_manager  # noqa: PLC0415 - slow to import

    names = ("DejaVu Sans", "DejaVu Serif", "STIXGeneral", "DejaVu Sans Mono")
    return [font_manager.findfont(name) for name in names]


def _letter(random: Generator) -> Array:
    letter = LETTERS[int(random.integers(len(LETTERS)))]
    if random.random() < 0.5:
        size = int(random.integers(40, 70))
        image = Image.new("L", (120, 120))
        font = ImageFont.truetype(str(random.choice(_fonts())), size)
        ImageDraw.Draw(image).text((25, 20), letter, 255, font)
        drawn = np.asarray(image, np.float32) / 255
    else:  # pen strokes
        canvas = np.zeros((120, 120), np.uint8)
        font_number = int(random.choice([0, 1, 2, 3, 4, 6, 7]))
        thickness = int(random.integers(3, 11))
        cv2.putText(canvas, letter, (30, 85), font_number, 2.2, 255, thickness, cv2.LINE_AA)
        drawn = canvas.astype(np.float32) / 255
    return drawn if drawn.max() > 0 else np.ones((3, 9), np.float32)


def _blot(random: Generator) -> Array:
    """Return a dot, a dash that is not upright, or a ragged blot."""
    canvas = np.zeros((80, 80), np.float32)
    kind = random.random()
    if kind < 0.3:
        axes = tuple(int(side) for side in random.integers(8, 25, 2))
        cv2.ellipse(canvas, (40, 40), axes, float(random.uniform(0, 180)), 0, 360, 1.0, -1)
    elif kind < 0.6:
        angle, length = np.deg2rad(random.uniform(-25, 25)), random.uniform(15, 35)
        half = np.array([np.cos(angle), np.sin(angle)]) * length
        first, last = (tuple(int(v) for v in 40 + direction * half) for direction in (-1, 1))
        cv2.line(canvas, first, last, 1.0, int(random.integers(2, 12)))
    else:
        rough = cv2.GaussianBlur(random.random((80, 80)).astype(np.float32), (0, 0), 6)
        y, x = np.mgrid[-1:1:80j, -1:1:80j]
        canvas = (rough - 0.25 * np.hypot(x, y) > np.quantile(rough, 0.45) - 0.1).astype(np.float32)
    return canvas


def _touching_pair(pair: NDArray[np.uint8], random: Generator) -> Array:
    """Return two digits side by side that touch."""
    first, second = (digit.astype(np.float32) / 255 for digit in pair)
    canvas = np.zeros((34, 56), np.float32)
    canvas[3:31, :28] = first
    ends = np.where((first > 0.3).any(1), 27 - (first > 0.3)[:, ::-1].argmax(1), -99)
    starts = np.where((second > 0.3).any(1), (second > 0.3).argmax(1), 99)
    shift = int(random.integers(-2, 3))
    x = int((ends - np.roll(starts, shift)).max()) + int(random.integers(-1, 2))
    x = int(np.clip(x, 6, 28))
    window = canvas[3 + shift : 31 + shift, x : x + 28]
    np.maximum(window, second, out=window)
    return canvas


def _is_bar(image: Array) -> bool:
    """Return whether a shape is a bar that is not horizontal, and so may pass for a 1."""
    y, x = np.nonzero(image > 0.3)
    if len(x) < 8:
        return True
    values, vectors = np.linalg.eigh(np.cov(np.stack([x, y])))
    horizontal = abs(vectors[0, 1]) > np.cos(np.deg2rad(30))
    return bool(values[0] < 0.1 * values[1]) and not horizontal


def _photo_components(random: Generator) -> list[Array]:
    """Return components of photographs without writing."""
    data = import_extra("skimage.data", "the training of digits")
    shapes: list[Array] = []
    for name in PHOTOS:
        photo = np.asarray(getattr(data, name)())
        photo = photo if photo.ndim == 3 else np.repeat(photo[..., None], 3, 2)
        rgb = photo[..., :3].astype(np.float32) / 255
        size = round(rgb.shape[1] * PHOTO_SCALE), round(rgb.shape[0] * PHOTO_SCALE)
        rgb = np.clip(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), 0, 1)
        for light in (False, True):
            components = find_components(binarize(rgb, light=light))
            tall = [c.image for c in components if c.height >= MIN_PHOTO_COMPONENT]
            shapes += [image for image in tall if not _is_bar(image)]
    chosen = random.permutation(len(shapes))[:MAX_PHOTO_COMPONENTS]
    return [shapes[index] for index in chosen]
