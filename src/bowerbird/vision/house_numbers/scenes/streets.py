"""Generated scenes of streets: a sign with a number on a real photograph, as a camera sees it.

A sign (``signs.py``) is put into perspective, casts its shadow, is lit unevenly, partly hidden,
and taken by a camera that blurs, adds noise and compresses (``camera.py``). Scenes without a
number have words, windows or bars, or nothing on them: they teach what is no number.

So one trains where the photographs of Street View House Numbers (Netzer et al. 2011) are not at
hand. All chance comes from the generator that is given: the same scene for the same seed.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.house_numbers.scenes.camera import occlude, take
from bowerbird.vision.house_numbers.scenes.signs import (
    MATERIALS,
    Sign,
    make_sign,
    smooth_noise,
    tone,
)
from bowerbird.vision.house_numbers.scenes.typefaces import HEIGHT, Arrangement, Typeface, lay_out

Pixels = NDArray[Any]  # (h, w, 3), RGB
LENGTHS = (0.2, 0.25, 0.25, 0.16, 0.1, 0.04)  # chances of 1, 2, 3, 4, 5 digits, and of more
TRIES = 6  # scenes that are made until one is legible
SEEN = 0.3  # least correlation of a digit's pixels with its ink, in the best color
CONTRAST = 5.0  # least standard deviation of a color by the ink, in levels of 255
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghkmnprstuvwxyz"  # without O, I, l: they are 0 and 1


@dataclass(frozen=True)
class StreetConfig:
    """What scenes are like."""

    height: int = 128
    """Height of a scene in px."""
    width: int = 128
    """Width of a scene in px."""
    smallest: float = 13.0
    """Smallest number: square root of its area in px."""
    largest: float = 90.0
    """Largest number: square root of its area in px."""
    empty: float = 0.2
    """Share of scenes without a number."""

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 32:
            raise ValueError("height and width are at least 32 px")
        if not 4 <= self.smallest <= self.largest:
            raise ValueError("smallest is at least 4 px, and not above largest")
        if not 0 <= self.empty <= 1:
            raise ValueError("empty is a share in 0..1")


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture of a street with a number, or with none."""

    pixels: Pixels
    text: str  # the digits, or nothing
    boxes: NDArray[Any]  # (n, 4) of the digits: left, top, right, bottom in px
    decoy: NDArray[Any]  # (n, 4) of letters that may be taken for digits
    material: str  # of the sign, or nothing
    arrangement: str  # level, stacked, diagonal, or nothing
    hardness: float  # 0..1: how much perspective, shadow, blur, noise and hiding

    @property
    def box(self) -> NDArray[Any]:
        """Left, top, right, bottom of the whole number."""
        return np.concatenate([self.boxes[:, :2].min(0), self.boxes[:, 2:].max(0)])


def make_scene(
    random: np.random.Generator,
    fonts: Sequence[Typeface],
    photos: Sequence[Pixels],
    config: StreetConfig = StreetConfig(),
) -> Scene:
    """Make one scene, with backgrounds cut from these photographs."""
    hardness = float(random.random())
    for _ in range(TRIES):
        scene, shown = _tried(random, fonts, photos, config, hardness)
        if legible(scene, shown):
            break
        hardness *= 0.8
    return scene


def legible(scene: Scene, ink: NDArray[Any]) -> bool:
    """Tell whether each digit's ink can be seen: it goes along with some color of the picture.

    ``ink`` (h, w) is where the lettering is. Nobody could read what is not so.
    """
    for left, top, right, bottom in scene.boxes.tolist():
        rim = 0.05 * (bottom - top) + 1
        rows = slice(max(0, int(top - rim)), int(bottom + rim) + 1)
        columns = slice(max(0, int(left - rim)), int(right + rim) + 1)
        mask, colors = ink[rows, columns].ravel(), scene.pixels[rows, columns].reshape(-1, 3)
        if not len(mask) or mask.std() < 1e-3:
            return False
        part = (mask - mask.mean()) / mask.std()
        slope = np.abs((part[:, None] * (colors - colors.mean(0))).mean(0))  # levels of 255
        if (slope / (colors.std(0) + 1e-3)).max() < SEEN or slope.max() < CONTRAST:
            return False
    return True


def _tried(
    random: np.random.Generator,
    fonts: Sequence[Typeface],
    photos: Sequence[Pixels],
    config: StreetConfig,
    hardness: float,
) -> tuple[Scene, NDArray[Any]]:
    """Make one scene, with where the ink of its number is."""
    street = _wall(random, photos, config)
    _add_bars(random, street)
    nothing = np.zeros((0, 4), np.float32)
    placed = _Placed(street, np.zeros(street.shape[:2], np.float32), nothing, "", "")
    text, what = "", random.random()
    if what >= config.empty:
        text = _number(random)
        placed = _place(random, street, text, fonts, config, hardness)
    elif what < 0.6 * config.empty:
        word = "".join(random.choice(list(LETTERS), random.integers(1, 8)))
        placed = _place(random, street, word, fonts, config, hardness)
    boxes, decoy = (placed.boxes, nothing) if text else (nothing, placed.boxes)
    street = occlude(random, placed.rgb, boxes, hardness)
    least = float((boxes[:, 3] - boxes[:, 1]).min()) if len(boxes) else 20.0
    pixels = take(random, street, hardness, least)
    kinds = (placed.material, placed.arrangement) if text else ("", "")
    return Scene(pixels, text, boxes, decoy, *kinds, hardness), placed.ink


@dataclass(frozen=True, eq=False)
class _Placed:
    """A street with a sign on it."""

    rgb: NDArray[Any]  # (h, w, 3) in 0..1
    ink: NDArray[Any]  # (h, w) in 0..1
    boxes: NDArray[Any]  # (n, 4) in px
    material: str
    arrangement: str


def _number(random: np.random.Generator) -> str:
    length = int(random.choice(6, p=LENGTHS)) + 1
    if length == 6:
        length = int(random.integers(6, 9))
    digits = random.integers(0, 10, length)
    if digits[0] == 0 and random.random() < 0.9:
        digits[0] = random.integers(1, 10)
    return "".join(map(str, digits))


def _wall(
    random: np.random.Generator, photos: Sequence[Pixels], config: StreetConfig
) -> NDArray[Any]:
    """Cut a piece out of a photograph, or paint a wall of one color, in 0..1."""
    h, w = config.height, config.width
    photo = photos[int(random.integers(len(photos)))]
    most = min(photo.shape[0] / h, photo.shape[1] / w)
    scale = min(most, random.uniform(0.35, 1.8))
    ch, cw = max(8, int(h * scale)), max(8, int(w * scale))
    y = random.integers(0, photo.shape[0] - ch + 1)
    x = random.integers(0, photo.shape[1] - cw + 1)
    piece = photo[y : y + ch, x : x + cw]
    if random.random() < 0.5:
        piece = piece[:, ::-1]
    way = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    wall = cv2.resize(piece, (w, h), interpolation=way).astype(np.float32) / 255
    kind = random.random()
    if kind < 0.45:  # plaster or paint, with a breath of the photograph
        plain = tone(random, bool(random.random() < 0.6), 0.5)
        plain = plain + 0.04 * smooth_noise(random, (h, w), random.uniform(2, 40))[..., None]
        wall = plain + random.uniform(0, 0.25) * (wall - plain)
        if kind < 0.18:
            _add_bricks(random, wall)
    return wall.astype(np.float32)


def _add_bricks(random: np.random.Generator, wall: NDArray[Any]) -> None:
    """Draw joints of bricks or boards, in place."""
    h, w = wall.shape[:2]
    high = random.uniform(6, 26)
    long = high * random.uniform(2, 3.5)
    mortar = (tone(random, bool(random.random() < 0.5)) * 0.8).tolist()
    line = 1 if high < 14 else 2
    boards = random.random() < 0.35
    if not boards and random.random() < 0.6:
        _color_bricks(random, wall, high, long)
    for row in range(int(h / high) + 1):
        y = int(row * high)
        cv2.line(wall, (0, y), (w, y), mortar, line)
        if boards:
            continue
        for column in range(int(w / long) + 2):
            x = int((column - 0.5 * (row % 2)) * long)
            cv2.line(wall, (x, y), (x, int(y + high)), mortar, line)


def _color_bricks(
    random: np.random.Generator, wall: NDArray[Any], high: float, long: float
) -> None:
    """Give each brick a red, brown or yellow of its own, in place."""
    h, w = wall.shape[:2]
    base = colorsys.hls_to_rgb(random.uniform(0.0, 0.12), random.uniform(0.2, 0.6), 0.35)
    y, x = np.mgrid[0:h, 0:w]
    row = (y / high).astype(int)
    column = ((x + 0.5 * long * (row % 2)) / long).astype(int)
    shades = random.normal(1, 0.1, (row.max() + 1, column.max() + 1))
    wall *= 0.3
    wall += 0.7 * shades[row, column, None] * np.array(base)


def _add_bars(random: np.random.Generator, scene: NDArray[Any]) -> None:
    """Draw what stands in streets and is no number, in place: windows, rails, rings."""
    if random.random() > 0.3:
        return
    h, w = scene.shape[:2]
    color = tone(random, bool(random.random() < 0.4)).tolist()
    line = int(random.integers(1, max(2, h // 30) + 1))
    kind = random.integers(4)
    x, y = int(random.uniform(0, w)), int(random.uniform(0, h))
    if kind == 0:  # a window with its bars
        ww, hh = int(random.uniform(0.2, 0.6) * w), int(random.uniform(0.2, 0.6) * h)
        glass = tone(random, bool(random.random() < 0.4)).tolist()
        cv2.rectangle(scene, (x, y), (x + ww, y + hh), glass, -1)
        cv2.rectangle(scene, (x, y), (x + ww, y + hh), color, line)
        cv2.line(scene, (x + ww // 2, y), (x + ww // 2, y + hh), color, line)
        cv2.line(scene, (x, y + hh // 2), (x + ww, y + hh // 2), color, line)
    elif kind == 1:  # rails
        gap = int(random.uniform(5, 25))
        for place in range(x % gap, w, gap):
            cv2.line(scene, (place, y), (place, h), color, line, cv2.LINE_AA)
    elif kind == 2:  # a lamp, a bell, a handle
        cv2.circle(scene, (x, y), int(random.uniform(3, 20)), color, line, cv2.LINE_AA)
    else:  # a post or a pipe
        cv2.line(scene, (x, 0), (x, h), color, 3 * line, cv2.LINE_AA)


def _place(
    random: np.random.Generator,
    scene: NDArray[Any],
    text: str,
    fonts: Sequence[Typeface],
    config: StreetConfig,
    hardness: float,
) -> _Placed:
    """Put a sign with this text into a scene."""
    kinds = get_args(Arrangement)
    upright = len(text) < 2 or len(text) > 5
    arrangement = kinds[0] if upright else kinds[random.choice(3, p=(0.84, 0.08, 0.08))]
    step = random.uniform(0.15, 0.7) * random.choice((-1, 1))
    font = fonts[int(random.integers(len(fonts)))]
    spacing = random.uniform(-0.02, 0.12) if random.random() < 0.8 else random.uniform(0.12, 0.5)
    material = MATERIALS[random.integers(len(MATERIALS))]
    lettering = lay_out(text, font, arrangement, spacing, step)
    sign = make_sign(random, lettering, material, float(scene.mean()))
    matrix = _perspective(random, sign, config, hardness)
    boxes = _moved(sign.boxes, matrix)
    size = (scene.shape[1], scene.shape[0])
    ink = cv2.warpPerspective(sign.ink, matrix, size, flags=cv2.INTER_LINEAR)
    return _Placed(_composed(random, scene, sign, matrix), ink, boxes, material, arrangement)


def _perspective(
    random: np.random.Generator, sign: Sign, config: StreetConfig, hardness: float
) -> NDArray[Any]:
    """Return the homography from a sign's px to the scene's."""
    low = np.concatenate([sign.boxes[:, :2].min(0), sign.boxes[:, 2:].max(0)])
    wide, high = low[2] - low[0], low[3] - low[1]
    squeeze = np.exp(random.uniform(-0.3, 0.2))  # condensed by the view from the side
    fits = 0.94 * min(config.width / (wide * squeeze), config.height / high)
    wanted = np.exp(random.uniform(np.log(config.smallest), np.log(config.largest)))
    legible = 8.0 / HEIGHT  # px: digits that are smaller can't be read by anybody
    scale = min(max(wanted / np.sqrt(wide * squeeze * high), legible), fits)
    turn = np.deg2rad(random.normal(0, 1.5 + 6 * hardness))
    shear = random.normal(0, 0.02 + 0.1 * hardness)
    cos, sin = np.cos(turn), np.sin(turn)
    flat = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, 1]])
    flat = flat @ np.diag([squeeze, 1.0]) * scale
    center = np.array([(low[0] + low[2]) / 2, (low[1] + low[3]) / 2])
    corners = np.array([[low[0], low[1]], [low[2], low[1]], [low[2], low[3]], [low[0], low[3]]])
    bent = (corners - center) @ flat.T
    bent *= 1 + random.normal(0, 0.01 + 0.07 * hardness, bent.shape).clip(-0.2, 0.2)
    reach = np.abs(bent).max(0)
    room = np.maximum(np.array([config.width, config.height]) / 2 - reach - 1, 0)
    bent *= np.minimum(1, np.array([config.width, config.height]) / 2 / (reach + 1)).min()
    middle = np.array([config.width, config.height]) / 2 + random.uniform(-1, 1, 2) * room
    return cv2.getPerspectiveTransform(
        corners.astype(np.float32), (bent + middle).astype(np.float32)
    )


def _moved(boxes: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """Return the upright boxes around boxes that are seen in perspective."""
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 1, 2)
    seen = cv2.perspectiveTransform(corners, matrix).reshape(-1, 4, 2)
    return np.concatenate([seen.min(1), seen.max(1)], 1).astype(np.float32)


def _composed(
    random: np.random.Generator,
    scene: NDArray[Any],
    sign: Sign,
    matrix: NDArray[Any],
) -> NDArray[Any]:
    """Lay a sign and its shadow over a scene."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    layer = np.concatenate([sign.rgb * sign.alpha[..., None], sign.alpha[..., None]], 2)
    while scale < 0.6:  # else thin strokes would fall between the samples
        half = (max(1, layer.shape[1] // 2), max(1, layer.shape[0] // 2))
        shrink = np.diag([layer.shape[1] / half[0], layer.shape[0] / half[1], 1.0])
        layer = cv2.resize(layer, half, interpolation=cv2.INTER_AREA)
        matrix, scale = matrix @ shrink, scale * 2
    h, w = scene.shape[:2]
    seen = cv2.warpPerspective(layer, matrix, (w, h), flags=cv2.INTER_LINEAR)
    alpha = seen[..., 3:]
    if sign.lift > 0:
        length = sign.lift * scale * min(1.0, h / 128)
        way = np.array([[1, 0, random.uniform(-1, 1) * length], [0, 1, random.uniform(0, length)]])
        dark = cv2.warpAffine(alpha[..., 0], way, (w, h))
        dark = cv2.GaussianBlur(dark, (0, 0), 0.4 + 0.3 * length)
        scene = scene * (1 - random.uniform(0.2, 0.7) * dark)[..., None]
    return (scene * (1 - alpha) + seen[..., :3]).astype(np.float32)
