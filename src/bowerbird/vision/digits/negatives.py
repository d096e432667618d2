"""Marks that are no digits, so that a reader learns to say "none of these".

Letters in many fonts, except those that a hand may write like a digit; dots, dashes and blots; two
digits that touch; and what the finder of marks takes for ink in photographs without any writing.
All are normalized as digits are.
"""

import functools

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from bowerbird.vision.digits.binarize import Array, find_ink
from bowerbird.vision.digits.components import find_marks
from bowerbird.vision.digits.idx import Digits
from bowerbird.vision.digits.normalize import normalize

LETTERS = "ACEFHKMNPRTUVWXYdefhkmnprvwx+-=*?%&@#<>:."  # without those that pass for digits
# photographs of scikit-image's package; others of its pictures are kept for trials
PHOTOS = ("astronaut", "camera", "coins", "rocket", "moon", "brick", "grass", "gravel", "cell")
BLOBS = 2500  # marks taken from photographs at most
ENLARGED = 1.5  # times, so that there are more of them


def strangers(digits: Digits, seed: int) -> UInt8[Tensor, "n 28 28"]:
    """Return marks of 28 x 28 px that are no digits; touching pairs are of ``digits``."""
    random = np.random.default_rng(seed)
    ink = digits.ink.numpy()
    made = [_letter(random) for _ in range(3000)]
    made += [_blot(random) for _ in range(600)]
    made += [_pair(ink[random.integers(len(ink), size=2)], random) for _ in range(3000)]
    made += _blobs(random)
    stacked = np.stack([normalize(one) for one in made])
    return torch.from_numpy((stacked * 255).round().astype(np.uint8))


@functools.cache
def _fonts() -> list[str]:
    """Return the text fonts that come with matplotlib."""
    from matplotlib import font_manager  # noqa: PLC0415 - takes a moment

    names = ("DejaVu Sans", "DejaVu Serif", "STIXGeneral", "DejaVu Sans Mono")
    return [font_manager.findfont(name) for name in names]


def _letter(random: np.random.Generator) -> Array:
    sign = LETTERS[int(random.integers(len(LETTERS)))]
    if random.random() < 0.5:
        size = int(random.integers(40, 70))
        image = Image.new("L", (120, 120))
        font = ImageFont.truetype(str(random.choice(_fonts())), size)
        ImageDraw.Draw(image).text((25, 20), sign, 255, font)
        drawn = np.asarray(image, np.float32) / 255
    else:  # pen strokes
        canvas = np.zeros((120, 120), np.uint8)
        hand, wide = int(random.choice([0, 1, 2, 3, 4, 6, 7])), int(random.integers(3, 11))
        cv2.putText(canvas, sign, (30, 85), hand, 2.2, 255, wide, cv2.LINE_AA)
        drawn = canvas.astype(np.float32) / 255
    return drawn if drawn.max() > 0 else np.ones((3, 9), np.float32)


def _blot(random: np.random.Generator) -> Array:
    """Return a dot, a dash that does not stand upright, or a ragged blot."""
    canvas = np.zeros((80, 80), np.float32)
    kind = random.random()
    if kind < 0.3:
        axes = tuple(int(side) for side in random.integers(8, 25, 2))
        cv2.ellipse(canvas, (40, 40), axes, float(random.uniform(0, 180)), 0, 360, 1.0, -1)
    elif kind < 0.6:
        angle, reach = np.deg2rad(random.uniform(-25, 25)), random.uniform(15, 35)
        step = np.array([np.cos(angle), np.sin(angle)]) * reach
        first, last = (tuple(int(v) for v in 40 + sign * step) for sign in (-1, 1))
        cv2.line(canvas, first, last, 1.0, int(random.integers(2, 12)))
    else:
        rough = cv2.GaussianBlur(random.random((80, 80)).astype(np.float32), (0, 0), 6)
        y, x = np.mgrid[-1:1:80j, -1:1:80j]
        canvas = (rough - 0.25 * np.hypot(x, y) > np.quantile(rough, 0.45) - 0.1).astype(np.float32)
    return canvas


def _pair(two: NDArray[np.uint8], random: np.random.Generator) -> Array:
    """Return two digits side by side that touch."""
    first, second = (one.astype(np.float32) / 255 for one in two)
    canvas = np.zeros((34, 56), np.float32)
    canvas[3:31, :28] = first
    ends = np.where((first > 0.3).any(1), 27 - (first > 0.3)[:, ::-1].argmax(1), -99)
    begins = np.where((second > 0.3).any(1), (second > 0.3).argmax(1), 99)
    shift = int(random.integers(-2, 3))
    moved = np.roll(begins, shift)
    x = int((ends - moved).max()) + int(random.integers(-1, 2))
    x = int(np.clip(x, 6, 28))
    where = canvas[3 + shift : 31 + shift, x : x + 28]
    np.maximum(where, second, out=where)
    return canvas


def _is_bar(ink: Array) -> bool:
    """Tell whether a mark is a bar that does not lie flat, and so may pass for a 1."""
    y, x = np.nonzero(ink > 0.3)
    if len(x) < 8:
        return True
    values, vectors = np.linalg.eigh(np.cov(np.stack([x, y])))
    flat = abs(vectors[0, 1]) > np.cos(np.deg2rad(30))
    return bool(values[0] < 0.1 * values[1]) and not flat


def _blobs(random: np.random.Generator) -> list[Array]:
    """Return what looks like marks in photographs without writing."""
    import skimage.data  # noqa: PLC0415 - takes a moment

    found: list[Array] = []
    for name in PHOTOS:
        picture = np.asarray(getattr(skimage.data, name)())
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
        rgb = picture[..., :3].astype(np.float32) / 255
        size = round(rgb.shape[1] * ENLARGED), round(rgb.shape[0] * ENLARGED)
        rgb = np.clip(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), 0, 1)
        for light in (False, True):
            marks = find_marks(find_ink(rgb, light=light))
            found += [one.ink for one in marks if one.high >= 12 and not _is_bar(one.ink)]
    picked = random.permutation(len(found))[:BLOBS]
    return [found[index] for index in picked]
