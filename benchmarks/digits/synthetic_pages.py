"""Synthetic photographs of pages with handwritten digits, to evaluate readers.

    python benchmarks/digits/synthetic_pages.py OUT.jpg   # the page of the demo

Digits are enlarged and written along lines in blue, black, red or pencil on plain, ruled or
squared paper, or in chalk on a board; some touch. The page gets stains, specks and grain, is placed
on a table in perspective, and is photographed (``camera.py``). All randomness comes from one seed,
and the box of each digit is known.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from bowerbird.vision.camera import photograph_page, warp_boxes

Surface = Literal["plain", "ruled", "squared", "board"]
Array = NDArray[Any]  # float32
LabeledBox = tuple[str, tuple[float, float, float, float]]  # digit; left, top, right, bottom in px
WIDTH, HEIGHT = 1000, 1300  # px of the flat page
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
    """What a page looks like; the rest is drawn at random."""

    seed: int = 0
    """Seed of everything that is random."""
    surface: Surface | None = None
    """plain, ruled, squared, or board; None is random."""
    lines: int = 0
    """Lines of digits; 0 is 3 to 7."""
    touching_fraction: float = 0.08
    """Fraction of neighboring digits that touch."""
    size: tuple[int, int] = (900, 1150)
    """Width and height of the photograph, px."""


@dataclass(eq=False)
class Page:
    """A photographed page and its contents."""

    rgb: Array  # (h, w, 3), 0..1
    lines: list[str] = field(default_factory=list)  # groups are separated by a blank
    boxes: list[LabeledBox] = field(default_factory=list)


def make_page(images: NDArray[np.uint8], labels: NDArray[np.int64], config: PageConfig) -> Page:
    """Return a page with digits from ``images`` (n, 28, 28), 0..255, with ``labels`` (n,)."""
    random = np.random.default_rng(config.seed)
    surface = config.surface or random.choice(get_args(Surface), p=[0.3, 0.3, 0.25, 0.15])
    pitch = float(random.uniform(90, 150))
    flat = empty_page(surface, pitch, random)
    handwriting = Handwriting(images, labels, random, config.touching_fraction)
    handwriting.write_lines(pitch, config.lines)
    chalk = surface == "board"
    color = random.choice(CHALKS) if chalk else INKS[str(random.choice([*INKS]))]
    density = 0.92 - 0.25 * _noise(random, HEIGHT, WIDTH, 3 if chalk else 12)
    flat = blend(flat, _array(color), density * handwriting.mask)
    matrix = _perspective(random, config.size)
    rgb = photograph_page(_on_table(flat, matrix, random, config.size), random)
    boxes = [(name, _warped(box, matrix)) for name, box in handwriting.boxes]
    return Page(rgb, handwriting.lines, boxes)


class Handwriting:
    """Digits written along lines on a flat page: ``mask`` (h, w) in 0..1, ``lines``, ``boxes``."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        random: Generator,
        touching_fraction: float,
    ) -> None:
        self.images, self.labels = images, labels
        self.random, self.touching_fraction = random, touching_fraction
        self.mask = np.zeros((HEIGHT, WIDTH), np.float32)
        self.lines: list[str] = []
        self.boxes: list[LabeledBox] = []
        self.stroke_threshold = float(random.uniform(0.35, 0.7))  # higher is thinner

    def write_lines(self, pitch: float, num_lines: int = 0) -> None:
        """Write lines ``pitch`` px apart; 0 is 3 to 7 of them."""
        random = self.random
        height = pitch * float(random.uniform(0.5, 0.72))
        max_lines = int((HEIGHT - 120) // pitch) - 1
        count = min(max_lines, num_lines or int(random.integers(3, 8)))
        first = int(random.integers(1, max_lines - count + 2))
        slope = float(random.uniform(-0.012, 0.012))
        for number in range(count):
            self.write_line((first + number) * pitch + 40, height, slope)

    def write_line(self, baseline: float, height: float, slope: float) -> None:
        """Write groups of digits up to the right edge."""
        random, text = self.random, ""
        x, end = 130 + float(random.uniform(0, 120)), WIDTH - 60
        for _ in range(int(random.integers(1, 5))):
            size = int(random.integers(1, 7))
            if x + 1.05 * height * size > end:
                break
            text += " " if text else ""
            for _ in range(size):
                index = int(random.integers(len(self.images)))
                scale = float(random.uniform(0.88, 1.1))
                x = self._write_digit(index, x, baseline + slope * x, height * scale)
                text += str(self.labels[index])
            x += height * float(random.uniform(1.0, 1.8))
        if text:
            self.lines.append(text)

    def _write_digit(self, index: int, x: float, baseline: float, height: float) -> float:
        """Write a digit with its left edge at ``x``; return where the next one begins."""
        random, digit = self.random, self.images[index].astype(np.float32) / 255
        digit = _trimmed(digit, 0.2)
        scale = height / max(digit.shape)
        size = max(3, round(digit.shape[1] * scale)), max(3, round(digit.shape[0] * scale))
        large = cv2.resize(digit, size, interpolation=cv2.INTER_CUBIC)
        large = cv2.GaussianBlur(large, (0, 0), scale * 0.35)
        large = np.clip((large - self.stroke_threshold) * 5 + 0.5, 0, 1)
        if not (large > 0.3).any():
            return x
        large = _trimmed(large, 0.3)
        top = round(baseline - large.shape[0] + height * float(random.uniform(-0.05, 0.05)))
        left = round(x)
        touches = random.random() < self.touching_fraction
        if touches and 0 < (distance := self._distance(top, left, large)) < 0.6 * large.shape[0]:
            left -= distance + int(random.integers(1, 4))
        window = self.mask[top : top + large.shape[0], left : left + large.shape[1]]
        np.maximum(window, large[: window.shape[0], : window.shape[1]], out=window)
        right, bottom = left + large.shape[1], top + large.shape[0]
        self.boxes.append((str(self.labels[index]), (left, top, right, bottom)))
        return right + height * float(random.uniform(0.12, 0.4))

    def _distance(self, top: int, left: int, digit: Array) -> int:
        """Return how many px a digit can be moved to the left until it touches another one."""
        before = self.mask[top : top + digit.shape[0], :left] > 0.3
        own = digit[: before.shape[0]] > 0.3
        gap = np.where(before.any(1), left - before.shape[1] + before[:, ::-1].argmax(1), 10**6)
        start = np.where(own.any(1), own.argmax(1), 10**6)
        return int((gap + start).min())


def _trimmed(digit: Array, threshold: float) -> Array:
    """Return the part of an image around the values above a threshold."""
    rows, columns = np.where(digit > threshold)
    return digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _array(values: Any) -> Array:
    return np.asarray(values, np.float32)


def blend(image: Array, color: Array | float, mask: Array) -> Array:
    """Return an image (h, w, 3) with a color where the mask (h, w), 0..1, is."""
    return image * (1 - mask[..., None]) + color * mask[..., None]


def _noise(random: Generator, height: int, width: int, grain: float) -> Array:
    """Return smooth noise in 0..1 whose spots are about ``grain`` px."""
    size = max(2, int(height / grain)), max(2, int(width / grain))
    small = random.random(size).astype(np.float32)
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def empty_page(surface: str, pitch: float, random: Generator) -> Array:
    """Return an empty page (h, w, 3) whose rulings are ``pitch`` px apart."""
    board = surface == "board"
    color = random.uniform(0.02, 0.14, 3) * [0.8, 1, 1.5]
    color = random.choice(BOARDS) if board else 1 - color
    page: Array = np.full((HEIGHT, WIDTH, 3), color, np.float32)
    for grain, depth in ((2, 0.02), (40, 0.03), (250, 0.06)):
        page += depth * (_noise(random, HEIGHT, WIDTH, grain)[..., None] - 0.5)
    if board:  # wiped chalk
        page += 0.08 * _noise(random, HEIGHT, WIDTH, 120)[..., None] ** 2
    blue = _array([0.55, 0.68, 0.85] if random.random() < 0.7 else [0.65, 0.65, 0.65])
    thickness, depth = int(random.integers(1, 4)), float(random.uniform(0.4, 0.95))
    lines = np.zeros((HEIGHT, WIDTH), np.float32)
    if surface == "ruled":
        for y in np.arange(40 + pitch, HEIGHT, pitch):
            lines[int(y) : int(y) + thickness] = depth
        page = blend(page, blue, lines)
        page[:, 100 : 100 + thickness] = (0.85, 0.45, 0.45)
    elif surface == "squared":
        step = pitch / 3
        for at in np.arange(step / 2, HEIGHT, step):
            lines[int(at) : int(at) + thickness] = depth
            lines[:, int(at) : int(at) + thickness] = depth
        page = blend(page, blue, lines)
    for _ in range(int(random.integers(0, 40))):  # specks
        at = (int(random.integers(WIDTH)), int(random.integers(HEIGHT)))
        shade = float(random.uniform(0.1, 0.6))
        cv2.circle(page, at, int(random.integers(1, 4)), (shade, shade, shade), -1, cv2.LINE_AA)
    return page


def _perspective(random: Generator, size: tuple[int, int]) -> Array:
    """Return the homography (3, 3) from px of the flat page to px of the photograph."""
    width, height = size
    inset = random.uniform(-0.03, 0.06, (4, 2)) * [width, height]
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) + inset * inward
    angle = np.deg2rad(random.uniform(-3, 3))
    middle = np.array([width, height]) / 2
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = (corners - middle) @ rotation + middle
    flat = _array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]])
    return cv2.getPerspectiveTransform(flat, corners.astype(np.float32)).astype(np.float32)


def _on_table(page: Array, matrix: Array, random: Generator, size: tuple[int, int]) -> Array:
    """Return the page on a table, transformed by the matrix."""
    width, height = size
    table = _array([0.42, 0.30, 0.20]) * float(random.uniform(0.5, 1.6))
    grain = cv2.resize(_noise(random, height, width // 12, 6), (width, height))
    table = table * (0.8 + 0.4 * grain[..., None])
    mask = cv2.warpPerspective(np.ones(page.shape[:2], np.float32), matrix, size)
    warped = cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_AREA)
    return table * (1 - mask[..., None]) + warped * (mask[..., None] > 0)


def _warped(
    box: tuple[float, float, float, float], matrix: Array
) -> tuple[float, float, float, float]:
    left, top, right, bottom = warp_boxes(_array([box]), matrix)[0].tolist()
    return left, top, right, bottom


def demo_page() -> Page:
    """Return a ruled page with scikit-learn's digits of 8 x 8 px, enlarged."""
    data = load_digits()
    large = [cv2.resize(one, (28, 28), interpolation=cv2.INTER_CUBIC) for one in data.images]
    images = np.clip(np.stack(large) / 16 * 255, 0, 255).astype(np.uint8)
    config = PageConfig(seed=4, surface="ruled", lines=5, touching_fraction=0)
    return make_page(images, data.target, config)


def main() -> None:
    """Write the page of the demo."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    pixels = (demo_page().rgb * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(parser.parse_args().output, quality=75)


if __name__ == "__main__":
    main()
