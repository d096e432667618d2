"""Walls behind house numbers, and what stands in front of them: bricks, windows, rails, cables."""

import colorsys
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bowerbird.vision.camera import smooth_noise
from bowerbird.vision.house_numbers.crops import Pixels
from bowerbird.vision.house_numbers.scenes.plaques import random_color

Canvas = NDArray[Any]  # (h, w, 3) in 0..1
MAX_COVERED = 0.2  # of a digit's box by an occlusion


def make_background(random: Generator, photos: Sequence[Pixels], height: int, width: int) -> Canvas:
    """Return a part of a photograph or a plain or brick wall, some with a window, rails or a lamp.

    Shape (height, width, 3), values 0..1.
    """
    wall = _wall(random, photos, height, width)
    _add_street_furniture(random, wall)
    return wall


def occlude(random: Generator, scene: Canvas, boxes: NDArray[Any], hardness: float) -> Canvas:
    """Return a scene behind twigs, cables or posts; without them if they hide too much of a digit.

    ``boxes`` (n, 4) are those of the digits; ``hardness`` in 0..1 scales the probability.
    """
    if random.random() > 0.45 * hardness:
        return scene
    h, w = scene.shape[:2]
    digit_height = float((boxes[:, 3] - boxes[:, 1]).mean()) if len(boxes) else 0.2 * h
    mask = np.zeros((h, w), np.uint8)
    thickness = max(1, int(random.uniform(0.03, 0.12) * digit_height))
    for _ in range(random.integers(1, 4)):
        middle = random.uniform(0, 1, 2) * (w, h)
        angle = random.uniform(0, np.pi)
        half = max(h, w) * np.array([np.cos(angle), np.sin(angle)])
        start, end = (middle - half).astype(int).tolist(), (middle + half).astype(int).tolist()
        cv2.line(mask, start, end, 255, thickness, cv2.LINE_AA)
    for left, top, right, bottom in boxes.astype(int).tolist():
        digit = mask[max(0, top) : bottom + 1, max(0, left) : right + 1]
        if digit.size and digit.mean() > MAX_COVERED * 255:
            return scene
    alpha = (mask.astype(np.float32) / 255)[..., None]
    bright = bool(random.random() < 0.2)
    return scene + alpha * (random_color(random, bright=bright, max_saturation=0.4) - scene)


def _wall(random: Generator, photos: Sequence[Pixels], height: int, width: int) -> Canvas:
    photo = photos[int(random.integers(len(photos)))]
    max_scale = min(photo.shape[0] / height, photo.shape[1] / width)
    scale = min(max_scale, random.uniform(0.35, 1.8))
    crop_height, crop_width = max(8, int(height * scale)), max(8, int(width * scale))
    y = random.integers(0, photo.shape[0] - crop_height + 1)
    x = random.integers(0, photo.shape[1] - crop_width + 1)
    crop = photo[y : y + crop_height, x : x + crop_width]
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    wall = cv2.resize(crop, (width, height), interpolation=interpolation).astype(np.float32) / 255
    kind = random.random()
    if kind < 0.45:  # plaster or paint, with a trace of the photograph
        plain = random_color(random, bright=bool(random.random() < 0.6), max_saturation=0.5)
        noise = smooth_noise(random, (height, width), random.uniform(2, 40))
        plain = plain + 0.04 * noise[..., None]
        wall = plain + random.uniform(0, 0.25) * (wall - plain)
        if kind < 0.18:
            _add_bricks(random, wall)
    return wall.astype(np.float32)


def _add_bricks(random: Generator, wall: Canvas) -> None:
    """Draw the joints of bricks or boards, in place."""
    h, w = wall.shape[:2]
    brick_height = random.uniform(6, 26)
    brick_width = brick_height * random.uniform(2, 3.5)
    mortar = (random_color(random, bright=bool(random.random() < 0.5)) * 0.8).tolist()
    thickness = 1 if brick_height < 14 else 2
    boards = random.random() < 0.35
    if not boards and random.random() < 0.6:
        _color_bricks(random, wall, brick_height, brick_width)
    for row in range(int(h / brick_height) + 1):
        y = int(row * brick_height)
        cv2.line(wall, (0, y), (w, y), mortar, thickness)
        if boards:
            continue
        for column in range(int(w / brick_width) + 2):
            x = int((column - 0.5 * (row % 2)) * brick_width)
            cv2.line(wall, (x, y), (x, int(y + brick_height)), mortar, thickness)


def _color_bricks(random: Generator, wall: Canvas, brick_height: float, brick_width: float) -> None:
    """Give each brick its own shade of red, brown or yellow, in place."""
    h, w = wall.shape[:2]
    base = colorsys.hls_to_rgb(random.uniform(0.0, 0.12), random.uniform(0.2, 0.6), 0.35)
    y, x = np.mgrid[0:h, 0:w]
    row = (y / brick_height).astype(int)
    column = ((x + 0.5 * brick_width * (row % 2)) / brick_width).astype(int)
    shades = random.normal(1, 0.1, (row.max() + 1, column.max() + 1))
    wall *= 0.3
    wall += 0.7 * shades[row, column, None] * np.array(base)


def _add_street_furniture(random: Generator, scene: Canvas) -> None:
    """Draw a window, rails, a lamp or a post on some scenes, in place: shapes like digits."""
    if random.random() > 0.3:
        return
    h, w = scene.shape[:2]
    color = random_color(random, bright=bool(random.random() < 0.4)).tolist()
    thickness = int(random.integers(1, max(2, h // 30) + 1))
    kind = random.integers(4)
    x, y = int(random.uniform(0, w)), int(random.uniform(0, h))
    if kind == 0:  # a window with bars
        ww, hh = int(random.uniform(0.2, 0.6) * w), int(random.uniform(0.2, 0.6) * h)
        glass = random_color(random, bright=bool(random.random() < 0.4)).tolist()
        cv2.rectangle(scene, (x, y), (x + ww, y + hh), glass, -1)
        cv2.rectangle(scene, (x, y), (x + ww, y + hh), color, thickness)
        cv2.line(scene, (x + ww // 2, y), (x + ww // 2, y + hh), color, thickness)
        cv2.line(scene, (x, y + hh // 2), (x + ww, y + hh // 2), color, thickness)
    elif kind == 1:  # rails
        gap = int(random.uniform(5, 25))
        for rail in range(x % gap, w, gap):
            cv2.line(scene, (rail, y), (rail, h), color, thickness, cv2.LINE_AA)
    elif kind == 2:  # a lamp, a bell, a handle
        cv2.circle(scene, (x, y), int(random.uniform(3, 20)), color, thickness, cv2.LINE_AA)
    else:  # a post or a pipe
        cv2.line(scene, (x, 0), (x, h), color, 3 * thickness, cv2.LINE_AA)
