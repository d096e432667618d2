"""Photographs of pages with handwritten digits, composed from digits: to try readers on.

Digits are enlarged and written along lines in blue, black, red or pencil on plain, ruled or
squared paper, or in chalk on a board; some touch. The page gets stains, specks and grain, lies on a
desk in perspective, is lit unevenly, with a shadow, and is photographed: blur, noise, JPEG. All
that is random comes from one seed, and where each digit is, is known.
"""

import io
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bowerbird.learning.validate import check_choice

Surface = Literal["plain", "ruled", "squared", "board"]
Array = NDArray[Any]  # float32
WIDE, HIGH = 1000, 1300  # px of the flat page
INKS: dict[str, tuple[float, float, float]] = {  # sRGB
    "blue": (0.10, 0.17, 0.52),
    "black": (0.10, 0.10, 0.12),
    "red": (0.72, 0.10, 0.13),
    "pencil": (0.38, 0.38, 0.40),
}
CHALKS = ((0.93, 0.93, 0.90), (0.95, 0.90, 0.55))
BOARDS = ((0.10, 0.22, 0.17), (0.13, 0.14, 0.15))


@dataclass(frozen=True)
class PageConfig:
    """What a page is like; what is not told is drawn by the seed."""

    seed: int = 0
    """Seed of everything that is drawn."""
    surface: Surface | None = None
    """plain, ruled, squared, or board."""
    lines: int = 0
    """Lines of digits; 0 is 3 to 7."""
    touching: float = 0.08
    """Share of neighbors that touch."""
    size: tuple[int, int] = (900, 1150)
    """Width and height of the photograph, px."""

    def __post_init__(self) -> None:
        if self.surface is not None:
            check_choice(self.surface, get_args(Surface))
        if not 0 <= self.lines <= 12 or not 0 <= self.touching <= 1:
            raise ValueError("lines are 0 to 12, and touching is in 0..1")
        if not all(200 <= side <= 5000 for side in self.size):
            raise ValueError(f"sides are 200 to 5000 px, not {self.size}")


@dataclass(eq=False)
class Page:
    """A photographed page, and what is on it."""

    rgb: Array  # (h, w, 3), 0..1
    lines: list[str] = field(default_factory=list)  # groups parted by a blank
    boxes: list[tuple[str, tuple[float, float, float, float]]] = field(default_factory=list)


def compose(ink: NDArray[np.uint8], labels: NDArray[np.int64], config: PageConfig) -> Page:
    """Return a page with digits drawn from ``ink`` (n, 28, 28), 0..255, which are ``labels``."""
    random = np.random.default_rng(config.seed)
    surface = config.surface or random.choice(get_args(Surface), p=[0.3, 0.3, 0.25, 0.15])
    pitch = float(random.uniform(90, 150))
    flat, chalk = empty_page(surface, pitch, random)
    writing = Writing(ink, labels, random, config)
    written = writing.write(pitch)
    color = random.choice(CHALKS) if chalk else INKS[str(random.choice([*INKS]))]
    density = (0.92 - 0.25 * _noise(random, HIGH, WIDE, 3 if chalk else 12)) * written
    flat = flat * (1 - density[..., None]) + _array(color) * density[..., None]
    matrix = _view(random, config.size)
    rgb = photographed(_laid(flat, matrix, random, config.size), random)
    boxes = [(name, _moved(box, matrix)) for name, box in writing.boxes]
    return Page(rgb, writing.lines, boxes)


class Writing:
    """Digits written along lines on a flat page."""

    def __init__(
        self,
        ink: NDArray[np.uint8],
        labels: NDArray[np.int64],
        random: np.random.Generator,
        config: PageConfig,
    ) -> None:
        self.ink, self.labels, self.random, self.config = ink, labels, random, config
        self.page = np.zeros((HIGH, WIDE), np.float32)
        self.lines: list[str] = []
        self.boxes: list[tuple[str, tuple[float, float, float, float]]] = []
        self.pen = float(random.uniform(0.35, 0.7))  # higher is thinner

    def write(self, pitch: float) -> Array:
        """Return the page with its ink, 0..1; the lines are ``pitch`` px apart."""
        random = self.random
        high = pitch * float(random.uniform(0.5, 0.72))
        fit = int((HIGH - 120) // pitch) - 1
        count = min(fit, self.config.lines or int(random.integers(3, 8)))
        row = int(random.integers(1, fit - count + 2))
        slope = float(random.uniform(-0.012, 0.012))
        for number in range(count):
            self.line((row + number) * pitch + 40, high, slope)
        return self.page

    def line(self, base: float, high: float, slope: float) -> None:
        """Write groups of digits up to the right edge, standing on ``base``."""
        random, words = self.random, ""
        x, end = 130 + float(random.uniform(0, 120)), WIDE - 60
        for _ in range(int(random.integers(1, 5))):
            size = int(random.integers(1, 7))
            if x + 1.05 * high * size > end:
                break
            words += " " if words else ""
            for _ in range(size):
                pick = int(random.integers(len(self.ink)))
                x = self._digit(pick, x, base + slope * x, high * float(random.uniform(0.88, 1.1)))
                words += str(self.labels[pick])
            x += high * float(random.uniform(1.0, 1.8))
        if words:
            self.lines.append(words)

    def _digit(self, pick: int, x: float, base: float, high: float) -> float:
        """Write one digit with its left edge at ``x``; return where the next one begins."""
        random, one = self.random, self.ink[pick].astype(np.float32) / 255
        rows, columns = np.where(one > 0.2)
        one = one[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        scale = high / max(one.shape)
        size = max(3, round(one.shape[1] * scale)), max(3, round(one.shape[0] * scale))
        big = cv2.resize(one, size, interpolation=cv2.INTER_CUBIC)
        big = cv2.GaussianBlur(big, (0, 0), scale * 0.35)
        big = np.clip((big - self.pen) * 5 + 0.5, 0, 1)
        rows, columns = np.where(big > 0.3)
        if not len(rows):
            return x
        big = big[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        top = round(base - big.shape[0] + high * float(random.uniform(-0.05, 0.05)))
        left = round(x)
        if random.random() < self.config.touching and self._touches(top, left, big):
            left -= self._distance(top, left, big) + int(random.integers(1, 4))
        where = self.page[top : top + big.shape[0], left : left + big.shape[1]]
        np.maximum(where, big[: where.shape[0], : where.shape[1]], out=where)
        box = (left, top, left + big.shape[1], top + big.shape[0])
        self.boxes.append((str(self.labels[pick]), box))
        return left + big.shape[1] + high * float(random.uniform(0.12, 0.4))

    def _touches(self, top: int, left: int, big: Array) -> bool:
        """Tell whether there is a digit before this one that it can touch."""
        return 0 < self._distance(top, left, big) < 0.6 * big.shape[0]

    def _distance(self, top: int, left: int, big: Array) -> int:
        """Return how many px it can be moved to the left until its ink meets other ink."""
        before = self.page[top : top + big.shape[0], :left] > 0.3
        own = big[: before.shape[0]] > 0.3
        reach = np.where(before.any(1), left - before.shape[1] + before[:, ::-1].argmax(1), 10**6)
        begin = np.where(own.any(1), own.argmax(1), 10**6)
        return int((reach + begin).min())


def _array(values: Any) -> Array:
    return np.asarray(values, np.float32)


def _noise(random: np.random.Generator, high: int, wide: int, grain: float) -> Array:
    """Return smooth noise in 0..1 whose spots are about ``grain`` px."""
    small = random.random((max(2, int(high / grain)), max(2, int(wide / grain)))).astype(np.float32)
    return np.clip(cv2.resize(small, (wide, high), interpolation=cv2.INTER_CUBIC), 0, 1)


def empty_page(surface: str, pitch: float, random: np.random.Generator) -> tuple[Array, bool]:
    """Return an empty page (h, w, 3), and whether it is a board."""
    board = surface == "board"
    color = random.uniform(0.02, 0.14, 3) * [0.8, 1, 1.5]
    color = random.choice(BOARDS) if board else 1 - color
    page: Array = np.full((HIGH, WIDE, 3), color, np.float32)
    for grain, depth in ((2, 0.02), (40, 0.03), (250, 0.06)):
        page += depth * (_noise(random, HIGH, WIDE, grain)[..., None] - 0.5)
    if board:  # wiped chalk
        page += 0.08 * _noise(random, HIGH, WIDE, 120)[..., None] ** 2
    blue = _array([0.55, 0.68, 0.85] if random.random() < 0.7 else [0.65, 0.65, 0.65])
    wide, depth = int(random.integers(1, 4)), float(random.uniform(0.4, 0.95))
    lines = np.zeros((HIGH, WIDE), np.float32)
    if surface == "ruled":
        for y in np.arange(40 + pitch, HIGH, pitch):
            lines[int(y) : int(y) + wide] = depth
        page = page * (1 - lines[..., None]) + blue * lines[..., None]
        page[:, 100 : 100 + wide] = (0.85, 0.45, 0.45)
    elif surface == "squared":
        step = pitch / 3
        for at in np.arange(step / 2, HIGH, step):
            lines[int(at) : int(at) + wide] = depth
            lines[:, int(at) : int(at) + wide] = depth
        page = page * (1 - lines[..., None]) + blue * lines[..., None]
    for _ in range(int(random.integers(0, 40))):  # specks
        at = (int(random.integers(WIDE)), int(random.integers(HIGH)))
        shade = float(random.uniform(0.1, 0.6))
        cv2.circle(page, at, int(random.integers(1, 4)), (shade, shade, shade), -1, cv2.LINE_AA)
    return page, board


def _view(random: np.random.Generator, size: tuple[int, int]) -> Array:
    """Return the perspective from the flat page to the photograph, a 3 x 3 matrix."""
    wide, high = size
    inset = random.uniform(-0.03, 0.06, (4, 2)) * [wide, high]
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) + inset * signs
    angle = np.deg2rad(random.uniform(-3, 3))
    middle = np.array([wide, high]) / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = (corners - middle) @ turn + middle
    flat = _array([[0, 0], [WIDE, 0], [WIDE, HIGH], [0, HIGH]])
    return cv2.getPerspectiveTransform(flat, corners.astype(np.float32)).astype(np.float32)


def _laid(page: Array, matrix: Array, random: np.random.Generator, size: tuple[int, int]) -> Array:
    """Return the page on a desk, as seen through the matrix."""
    wide, high = size
    desk = _array([0.42, 0.30, 0.20]) * float(random.uniform(0.5, 1.6))
    grain = cv2.resize(_noise(random, high, wide // 12, 6), (wide, high))
    desk = desk * (0.8 + 0.4 * grain[..., None])
    there = cv2.warpPerspective(np.ones(page.shape[:2], np.float32), matrix, size)
    seen = cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_AREA)
    return desk * (1 - there[..., None]) + seen * (there[..., None] > 0)


def photographed(scene: Array, random: np.random.Generator) -> Array:
    """Return the scene in uneven light with a shadow, blurred, with noise, through JPEG."""
    high, wide = scene.shape[:2]
    y, x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    light = 1 + random.uniform(0, 0.3) * (x * np.cos(angle) + y * np.sin(angle))
    light *= 1 - random.uniform(0, 0.25) * (x**2 + y**2) / 2
    if random.random() < 0.5:
        edge = x * np.cos(angle + 1) + y * np.sin(angle + 1) - random.uniform(-0.5, 0.5)
        soft = 1 / (1 + np.exp(-edge / random.uniform(0.02, 0.15)))
        light *= 1 - random.uniform(0.2, 0.5) * soft
    tint = 1 + random.uniform(-0.06, 0.06, 3)
    photo = np.clip(scene * light[..., None] * tint * random.uniform(0.75, 1.05), 0, 1)
    photo = cv2.GaussianBlur(photo.astype(np.float32), (0, 0), float(random.uniform(0.5, 1.4)))
    photo = photo + random.normal(0, random.uniform(0.005, 0.025), photo.shape)
    stream = io.BytesIO()
    image = Image.fromarray((np.clip(photo, 0, 1) * 255).round().astype(np.uint8))
    image.save(stream, "JPEG", quality=int(random.integers(45, 93)))
    return np.asarray(Image.open(stream), np.float32) / 255


def _moved(
    box: tuple[float, float, float, float], matrix: Array
) -> tuple[float, float, float, float]:
    """Return the box around a box that is seen through the matrix."""
    left, top, right, bottom = box
    corners = _array([[[left, top], [right, top], [right, bottom], [left, bottom]]])
    seen = cv2.perspectiveTransform(corners, matrix)[0]
    (x0, y0), (x1, y1) = seen.min(0).tolist(), seen.max(0).tolist()
    return (x0, y0, x1, y1)
