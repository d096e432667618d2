"""Generated street scenes: a plaque with a number on a wall, as a camera sees it.

A plaque (``plaques.py``) is put into perspective, casts a shadow, is lit unevenly and partly
occluded, and is photographed by a camera that blurs, adds noise and compresses (``camera.py``).
Scenes without a number show words, windows or bars, or nothing: they are the negatives.

They replace the photographs of Street View House Numbers (Netzer et al. 2011) where those are not
available. All randomness comes from the generator that is passed in: the same seed gives the same
scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bowerbird.vision.camera import photograph_scene, warp_boxes
from bowerbird.vision.house_numbers.config import SceneConfig
from bowerbird.vision.house_numbers.crops import Pixels, bounding_box
from bowerbird.vision.house_numbers.scenes.backgrounds import make_background, occlude
from bowerbird.vision.house_numbers.scenes.plaques import MATERIALS, Plaque, make_plaque
from bowerbird.vision.house_numbers.scenes.typefaces import EM, Arrangement, lay_out

LENGTHS = (0.2, 0.25, 0.25, 0.16, 0.1, 0.04)  # probabilities of 1, 2, 3, 4, 5 digits, and of more
MAX_TRIES = 6  # scenes that are made until one is legible
MIN_CORRELATION = 0.3  # of a digit's pixels with its mask, in the best color channel
MIN_CONTRAST = 5.0  # levels of 255 that the mask explains, in the best color channel
MIN_HEIGHT = 8.0  # px: smaller digits are not legible to anybody
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghkmnprstuvwxyz"  # without O, I, l, which look like 0, 1


def _no_boxes() -> NDArray[Any]:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture of a street with a house number, or without one."""

    pixels: Pixels
    text: str = ""  # the digits; empty if there is no number
    boxes: NDArray[Any] = field(default_factory=_no_boxes)  # (n, 4) of the digits, px
    negative_boxes: NDArray[Any] = field(default_factory=_no_boxes)  # (n, 4) of similar shapes
    material: str = ""  # of the plaque
    arrangement: str = ""  # level, stacked, diagonal
    hardness: float = 0.0  # 0..1: how much perspective, shadow, blur, noise and occlusion

    @property
    def box(self) -> NDArray[Any]:
        """Left, top, right, bottom of the whole number, px."""
        return bounding_box(self.boxes)


def make_scene(
    random: Generator,
    typefaces: Sequence[Path],
    photos: Sequence[Pixels],
    config: SceneConfig = SceneConfig(),
) -> Scene:
    """Return a random scene, with backgrounds from these photographs."""
    hardness = float(random.random())
    for _ in range(MAX_TRIES):
        scene, mask = _draw_scene(random, typefaces, photos, config, hardness)
        if is_legible(scene, mask):
            break
        hardness *= 0.8
    return scene


def is_legible(scene: Scene, mask: NDArray[Any]) -> bool:
    """Return whether each digit is visible: its mask correlates with a color channel.

    ``mask`` (h, w) is the coverage by the lettering.
    """
    for left, top, right, bottom in scene.boxes.tolist():
        margin = 0.05 * (bottom - top) + 1
        rows = slice(max(0, int(top - margin)), int(bottom + margin) + 1)
        columns = slice(max(0, int(left - margin)), int(right + margin) + 1)
        digit, colors = mask[rows, columns].ravel(), scene.pixels[rows, columns].reshape(-1, 3)
        if not len(digit) or digit.std() < 1e-3:
            return False
        standardized = (digit - digit.mean()) / digit.std()
        slope = np.abs((standardized[:, None] * (colors - colors.mean(0))).mean(0))
        if (slope / (colors.std(0) + 1e-3)).max() < MIN_CORRELATION or slope.max() < MIN_CONTRAST:
            return False
    return True


def _draw_scene(
    random: Generator,
    typefaces: Sequence[Path],
    photos: Sequence[Pixels],
    config: SceneConfig,
    hardness: float,
) -> tuple[Scene, NDArray[Any]]:
    """Return a scene, and the mask (h, w) of its lettering."""
    street = make_background(random, photos, config.height, config.width)
    placed = _PlacedPlaque(street, np.zeros(street.shape[:2], np.float32), _no_boxes(), "", "")
    text, kind = "", random.random()
    if kind >= config.empty_fraction:
        text = _random_number(random)
        placed = _place_plaque(random, street, text, typefaces, config, hardness)
    elif kind < 0.6 * config.empty_fraction:
        word = "".join(random.choice(list(LETTERS), random.integers(1, 8)))
        placed = _place_plaque(random, street, word, typefaces, config, hardness)
    boxes, negative_boxes = (placed.boxes, _no_boxes()) if text else (_no_boxes(), placed.boxes)
    street = occlude(random, placed.rgb, boxes, hardness)
    min_height = float((boxes[:, 3] - boxes[:, 1]).min()) if len(boxes) else 20.0
    pixels = photograph_scene(street, random, hardness, min_height)
    labels = (placed.material, placed.arrangement) if text else ("", "")
    return Scene(pixels, text, boxes, negative_boxes, *labels, hardness), placed.mask


@dataclass(frozen=True, eq=False)
class _PlacedPlaque:
    """A street with a plaque on it."""

    rgb: NDArray[Any]  # (h, w, 3) in 0..1
    mask: NDArray[Any]  # (h, w) in 0..1
    boxes: NDArray[Any]  # (n, 4) in px
    material: str
    arrangement: str


def _random_number(random: Generator) -> str:
    length = int(random.choice(6, p=LENGTHS)) + 1
    if length == 6:
        length = int(random.integers(6, 9))
    digits = random.integers(0, 10, length)
    if digits[0] == 0 and random.random() < 0.9:
        digits[0] = random.integers(1, 10)
    return "".join(map(str, digits))


def _place_plaque(
    random: Generator,
    scene: NDArray[Any],
    text: str,
    typefaces: Sequence[Path],
    config: SceneConfig,
    hardness: float,
) -> _PlacedPlaque:
    """Put a plaque with this text into a scene."""
    arrangements = get_args(Arrangement)
    always_level = len(text) < 2 or len(text) > 5
    number = 0 if always_level else random.choice(3, p=(0.84, 0.08, 0.08))
    arrangement = arrangements[number]
    step = random.uniform(0.15, 0.7) * random.choice((-1, 1))
    typeface = typefaces[int(random.integers(len(typefaces)))]
    spacing = random.uniform(-0.02, 0.12) if random.random() < 0.8 else random.uniform(0.12, 0.5)
    material = MATERIALS[random.integers(len(MATERIALS))]
    lettering = lay_out(text, typeface, arrangement, spacing, step)
    plaque = make_plaque(random, lettering, material, float(scene.mean()))
    matrix = _perspective(random, plaque, config, hardness)
    boxes = warp_boxes(plaque.boxes, matrix)
    size = (scene.shape[1], scene.shape[0])
    mask = cv2.warpPerspective(plaque.text_mask, matrix, size, flags=cv2.INTER_LINEAR)
    return _PlacedPlaque(
        _composite(random, scene, plaque, matrix), mask, boxes, material, arrangement
    )


def _perspective(
    random: Generator, plaque: Plaque, config: SceneConfig, hardness: float
) -> NDArray[Any]:
    """Return the homography (3, 3) from px of a plaque to px of the scene."""
    left, top, right, bottom = bounding_box(plaque.boxes)
    width, height = right - left, bottom - top
    squeeze = np.exp(random.uniform(-0.3, 0.2))  # condensed by a view from the side
    max_scale = 0.94 * min(config.width / (width * squeeze), config.height / height)
    size = np.exp(random.uniform(np.log(config.min_number_size), np.log(config.max_number_size)))
    scale = min(max(size / np.sqrt(width * squeeze * height), MIN_HEIGHT / EM), max_scale)
    angle = np.deg2rad(random.normal(0, 1.5 + 6 * hardness))
    shear = random.normal(0, 0.02 + 0.1 * hardness)
    cos, sin = np.cos(angle), np.sin(angle)
    affine = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, 1]])
    affine = affine @ np.diag([squeeze, 1.0]) * scale
    center = np.array([(left + right) / 2, (top + bottom) / 2])
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    moved = (corners - center) @ affine.T
    moved *= 1 + random.normal(0, 0.01 + 0.07 * hardness, moved.shape).clip(-0.2, 0.2)
    extent = np.abs(moved).max(0)
    half_scene = np.array([config.width, config.height]) / 2
    slack = np.maximum(half_scene - extent - 1, 0)
    moved *= np.minimum(1, half_scene / (extent + 1)).min()
    middle = half_scene + random.uniform(-1, 1, 2) * slack
    return cv2.getPerspectiveTransform(
        corners.astype(np.float32), (moved + middle).astype(np.float32)
    )


def _composite(
    random: Generator, scene: NDArray[Any], plaque: Plaque, matrix: NDArray[Any]
) -> NDArray[Any]:
    """Return a scene with a plaque and its shadow on it."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    layer = np.concatenate([plaque.rgb * plaque.alpha[..., None], plaque.alpha[..., None]], 2)
    while scale < 0.6:  # else thin strokes would fall between the samples
        half = (max(1, layer.shape[1] // 2), max(1, layer.shape[0] // 2))
        shrink = np.diag([layer.shape[1] / half[0], layer.shape[0] / half[1], 1.0])
        layer = cv2.resize(layer, half, interpolation=cv2.INTER_AREA)
        matrix, scale = matrix @ shrink, scale * 2
    h, w = scene.shape[:2]
    warped = cv2.warpPerspective(layer, matrix, (w, h), flags=cv2.INTER_LINEAR)
    alpha = warped[..., 3:]
    if plaque.shadow_length > 0:
        length = plaque.shadow_length * scale * min(1.0, h / 128)
        shift = np.array(
            [[1, 0, random.uniform(-1, 1) * length], [0, 1, random.uniform(0, length)]]
        )
        shadow = cv2.warpAffine(alpha[..., 0], shift, (w, h))
        shadow = cv2.GaussianBlur(shadow, (0, 0), 0.4 + 0.3 * length)
        scene = scene * (1 - random.uniform(0.2, 0.7) * shadow)[..., None]
    return (scene * (1 - alpha) + warped[..., :3]).astype(np.float32)
