"""House-number plaques of several materials, drawn from the front.

Enamel with a rim, brass, carved stone, painted wood, one tile per digit, a plain sticker, and
digits without a plate that are stuck to the wall or painted on it. They are drawn at the scale of
``typefaces.EM``; perspective, light and the camera come later (``streets.py``).
"""

import colorsys
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bowerbird.vision.camera import smooth_noise
from bowerbird.vision.house_numbers.scenes.typefaces import EM, Lettering

Material = Literal["enamel", "brass", "stone", "wood", "tiles", "sticker", "stuck", "painted"]
MATERIALS: tuple[Material, ...] = get_args(Material)
Canvas = NDArray[Any]  # (h, w, 3) in 0..1
Field = NDArray[Any]  # (h, w) in 0..1


@dataclass(frozen=True, eq=False)
class Plaque:
    """A plaque from the front, with transparency."""

    rgb: Canvas
    alpha: Field
    text_mask: Field  # coverage by the lettering
    boxes: NDArray[Any]  # (n, 4) of the digits: left, top, right, bottom in px
    shadow_length: float  # px


def make_plaque(
    random: Generator, lettering: Lettering, material: Material, wall_brightness: float = 0.5
) -> Plaque:
    """Return a plaque of a material; digits without a plate contrast with the wall (0..1)."""
    without_plate = material in ("stuck", "painted")
    margin = int(EM * (0.12 if without_plate else random.uniform(0.15, 0.5)))
    mask = np.pad(lettering.mask, margin)
    boxes = lettering.boxes + margin
    if without_plate:
        color = random_color(random, bright=wall_brightness < 0.5)
        return _without_plate(random, mask, boxes, color, stuck=material == "stuck")
    if material == "tiles":
        return _tiles(random, mask, boxes)
    rgb, color = _plate(random, material, mask.shape)
    outline = _outline(random, mask.shape)
    if material in ("enamel", "sticker", "wood") and random.random() < 0.65:
        _add_rim(random, rgb, outline, color)
    if random.random() < 0.15:
        _add_small_print(random, rgb, color)
    rgb = _with_lettering(random, rgb, mask, color, carved=material in ("brass", "stone"))
    if material in ("enamel", "brass"):
        rgb = _shine(random, rgb, 0.25 if material == "enamel" else 0.4)
    return Plaque(np.clip(rgb, 0, 1), outline, mask, boxes, random.uniform(1, 8))


def random_color(random: Generator, *, bright: bool, max_saturation: float = 0.9) -> NDArray[Any]:
    """Return a dark or bright RGB color (3,) in 0..1."""
    hue, saturation = random.random(), random.random() ** 2 * max_saturation
    lightness = random.uniform(0.7, 1) if bright else random.uniform(0.02, 0.35)
    return np.array(colorsys.hls_to_rgb(hue, lightness, saturation), np.float32)


def _plate(
    random: Generator, material: Material, shape: tuple[int, int]
) -> tuple[Canvas, NDArray[Any]]:
    """Return an empty plate, and the color of its lettering."""
    bright = bool(random.random() < 0.5)
    if material == "brass":
        metals = ((0.78, 0.62, 0.28), (0.72, 0.72, 0.74), (0.55, 0.38, 0.24), (0.35, 0.35, 0.37))
        base = np.array(metals[random.integers(4)], np.float32)
        grain = 0.05 * smooth_noise(random, shape, 40) + 0.02 * _streaks(random, shape)
        color = random_color(random, bright=float(base.mean()) < 0.45)
    elif material == "stone":
        base = random.uniform(0.45, 0.85) + random.uniform(-0.06, 0.06, 3).astype(np.float32)
        grain = 0.05 * smooth_noise(random, shape, 3) + 0.05 * smooth_noise(random, shape, 25)
        color = (
            base * random.uniform(0.35, 0.65)
            if random.random() < 0.7
            else random_color(random, bright=False)
        )
    elif material == "wood":
        base = np.array(colorsys.hls_to_rgb(0.08, random.uniform(0.15, 0.6), 0.45), np.float32)
        grain = 0.08 * _streaks(random, shape) + 0.04 * smooth_noise(random, shape, 30)
        color = random_color(random, bright=float(base.mean()) < 0.4)
    else:
        base, color = random_color(random, bright=bright), random_color(random, bright=not bright)
        grain = random.uniform(0, 0.03) * smooth_noise(random, shape, 12)
    return base + grain[..., None], color.astype(np.float32)


def _streaks(random: Generator, shape: tuple[int, int]) -> Field:
    rows = cv2.GaussianBlur(random.standard_normal((shape[0], 1), np.float32), (1, 3), 0)
    wave = smooth_noise(random, shape, 30)
    return (rows + 0.6 * np.sin(6 * wave + np.arange(shape[0])[:, None] / 5)).astype(np.float32)


def _outline(random: Generator, shape: tuple[int, int]) -> Field:
    """Return the shape of a plate: a rectangle, one with round corners, or an ellipse."""
    h, w = shape
    plate = np.zeros(shape, np.uint8)
    kind = random.random()
    if kind < 0.12 and 0.5 < h / w < 2:
        cv2.ellipse(plate, (w // 2, h // 2), (w // 2 - 1, h // 2 - 1), 0, 0, 360, 255, -1)
    elif kind < 0.65:
        cv2.rectangle(plate, (1, 1), (w - 2, h - 2), 255, -1)
    else:
        r = int(random.uniform(0.08, 0.4) * min(h, w))
        cv2.rectangle(plate, (r, 1), (w - 1 - r, h - 2), 255, -1)
        cv2.rectangle(plate, (1, r), (w - 2, h - 1 - r), 255, -1)
        for center in ((r, r), (w - 1 - r, r), (r, h - 1 - r), (w - 1 - r, h - 1 - r)):
            cv2.circle(plate, center, r - 1, 255, -1)
    return plate.astype(np.float32) / 255


def _add_rim(random: Generator, rgb: Canvas, outline: Field, color: NDArray[Any]) -> None:
    """Draw a line along the inside of the plate's edge, in place."""
    depth = cv2.distanceTransform((np.pad(outline, 1) > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    depth = depth[1:-1, 1:-1]
    start = random.uniform(0.5, 7)
    end = start + random.uniform(1.5, 6)
    rim = np.clip(depth - start, 0, 1) * np.clip(end - depth, 0, 1)
    rgb += rim[..., None] * (color - rgb)


def _add_small_print(random: Generator, rgb: Canvas, color: NDArray[Any]) -> None:
    """Write small capitals along the upper edge, like the name of a street, in place."""
    words = "".join(random.choice(list("ABCDEFGHJKLMNPRSTUVWY "), random.integers(4, 12)))
    layer = np.zeros(rgb.shape[:2], np.uint8)
    scale = random.uniform(0.3, 0.45)
    cv2.putText(layer, words, (int(random.uniform(3, 20)), 12), 0, scale, 255, 1, cv2.LINE_AA)
    rgb += (layer.astype(np.float32) / 255)[..., None] * (color - rgb)


def _with_lettering(
    random: Generator, rgb: Canvas, mask: Field, color: NDArray[Any], *, carved: bool
) -> Canvas:
    """Draw the lettering; carved or embossed letters have a dark and a bright edge."""
    if random.random() < 0.12:  # an outline around the letters
        halo = cv2.dilate(mask, np.ones((5, 5), np.uint8))
        outline = random_color(random, bright=bool(color.mean() < 0.5))
        rgb = rgb + halo[..., None] * (outline - rgb)
    if random.random() < 0.2:  # worn
        mask = mask * np.clip(1.3 - 0.7 * np.abs(smooth_noise(random, mask.shape, 9)), 0, 1)
    rgb = rgb + (random.uniform(0.8, 1) * mask)[..., None] * (color - rgb)
    if carved or random.random() < 0.15:
        dx, dy = random.uniform(-2.5, 2.5, 2)
        soft = cv2.GaussianBlur(mask, (0, 0), 1.2)
        slope = _shift(soft, dx, dy) - _shift(soft, -dx, -dy)
        rgb = rgb + (random.uniform(0.2, 0.5) * slope)[..., None]
    return rgb


def _shine(random: Generator, rgb: Canvas, strength: float) -> Canvas:
    """Return a plate with a band of reflected light."""
    h, w = rgb.shape[:2]
    angle, at, broad = random.uniform(0, 3.14), random.uniform(-0.2, 1.2), random.uniform(0.1, 0.5)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    along = (x * np.cos(angle) + y * np.sin(angle)) / max(h, w)
    glow = np.exp(-(((along - at) / broad) ** 2)) * random.uniform(0, strength)
    return (rgb + glow[..., None]).astype(np.float32)


def _tiles(random: Generator, mask: Field, boxes: NDArray[Any]) -> Plaque:
    """Return a plaque with one tile per digit."""
    rgb = np.zeros((*mask.shape, 3), np.float32)
    alpha = np.zeros(mask.shape, np.float32)
    bright = bool(random.random() < 0.75)
    base = random_color(random, bright=bright)
    color = random_color(random, bright=not bright)
    framed = random.random() < 0.6
    grow = random.uniform(2, 9)
    for left, top, right, bottom in boxes.tolist():
        middle, half = (left + right) / 2, max(right - left, 0.62 * (bottom - top)) / 2
        x0, x1 = int(middle - half - grow), int(middle + half + grow)
        y0, y1 = int(top - grow), int(bottom + grow)
        x0, y0 = max(0, x0), max(0, y0)
        shade = random.uniform(0.95, 1.05)
        rgb[y0:y1, x0:x1] = base * shade
        alpha[y0:y1, x0:x1] = 1
        if framed:
            cv2.rectangle(rgb, (x0 + 2, y0 + 2), (x1 - 3, y1 - 3), color.tolist(), 1, cv2.LINE_AA)
        cv2.rectangle(rgb, (x0, y0), (x1 - 1, y1 - 1), (0.8 * base * shade).tolist(), 1)
    rgb += 0.02 * smooth_noise(random, mask.shape, 8)[..., None]
    rgb = _shine(random, rgb + mask[..., None] * (color - rgb), 0.2)
    return Plaque(np.clip(rgb, 0, 1), np.maximum(alpha, mask), mask, boxes, random.uniform(0, 3))


def _without_plate(
    random: Generator, mask: Field, boxes: NDArray[Any], color: NDArray[Any], *, stuck: bool
) -> Plaque:
    """Return digits without a plate: of metal with a shadow, or painted and worn."""
    rgb = np.broadcast_to(color, (*mask.shape, 3)).astype(np.float32)
    if not stuck:
        wear = np.clip(
            random.uniform(1, 1.6) - 0.5 * np.abs(smooth_noise(random, mask.shape, 7)), 0, 1
        )
        return Plaque(rgb, mask * wear, mask, boxes, 0.0)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.5)
    slope = _shift(soft, 1.2, 1.6) - _shift(soft, -1.2, -1.6)
    rgb = np.clip(rgb + (random.uniform(0, 0.5) * slope)[..., None], 0, 1)
    rgb = np.clip(_shine(random, rgb, 0.3), 0, 1)
    return Plaque(rgb, mask, mask, boxes, random.uniform(2, 9))


def _shift(image: Field, dx: float, dy: float) -> Field:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(image, matrix, (image.shape[1], image.shape[0]))
