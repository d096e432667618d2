"""What lies between a street and its photograph: light, shadow, leaves, and the camera itself.

``hardness`` in 0..1 scales all of it. Digits stay legible to a person: blur is bounded by their
height, and what hides them covers a part only.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.house_numbers.scenes.signs import smooth_noise, tone

Scene = NDArray[Any]  # (h, w, 3) in 0..1


def occlude(
    random: np.random.Generator, scene: Scene, boxes: NDArray[Any], hardness: float
) -> Scene:
    """Let a twig, a cable or a post stand before the scene; of no digit more than a fifth goes."""
    if random.random() > 0.45 * hardness:
        return scene
    h, w = scene.shape[:2]
    tall = float((boxes[:, 3] - boxes[:, 1]).mean()) if len(boxes) else 0.2 * h
    over = np.zeros((h, w), np.uint8)
    line = max(1, int(random.uniform(0.03, 0.12) * tall))
    for _ in range(random.integers(1, 4)):
        at = random.uniform(0, 1, 2) * (w, h)
        way = random.uniform(0, np.pi)
        reach = max(h, w) * np.array([np.cos(way), np.sin(way)])
        start, end = (at - reach).astype(int).tolist(), (at + reach).astype(int).tolist()
        cv2.line(over, start, end, 255, line, cv2.LINE_AA)
    for left, top, right, bottom in boxes.astype(int).tolist():
        digit = over[max(0, top) : bottom + 1, max(0, left) : right + 1]
        if digit.size and digit.mean() > 0.2 * 255:
            return scene
    cover = (over.astype(np.float32) / 255)[..., None]
    bright = bool(random.random() < 0.2)
    return scene + cover * (tone(random, bright, 0.4) - scene)


def take(
    random: np.random.Generator, scene: Scene, hardness: float, least: float
) -> NDArray[np.uint8]:
    """Photograph a scene whose lowest digit is ``least`` px high; return RGB of 8 bits."""
    scene = _lit(random, scene, hardness)
    if random.random() < 0.7:
        blur = random.uniform(0.2, 0.35 + hardness * min(2.0, 0.055 * least))
        scene = cv2.GaussianBlur(scene, (0, 0), blur)
    if random.random() < 0.25 * hardness:
        scene = _shaken(random, scene, 0.18 * least)
    noise = hardness * random.uniform(0, 0.07)
    grain = random.standard_normal(scene.shape, np.float32)
    pixels = (np.clip(scene + noise * grain, 0, 1) * 255).astype(np.uint8)
    if random.random() < 0.7:
        quality = int(random.uniform(95 - 65 * hardness, 96))
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _lit(random: np.random.Generator, scene: Scene, hardness: float) -> Scene:
    """Light a scene: an even slope, a cast shadow with a soft edge, exposure and contrast."""
    h, w = scene.shape[:2]
    if random.random() < 0.5:
        slope = cv2.resize(random.uniform(0.65, 1.2, (2, 2)).astype(np.float32), (w, h))
        scene = scene * slope[..., None]
    if random.random() < 0.15 + 0.3 * hardness:
        shade: NDArray[Any] = np.zeros((h, w), np.float32)
        if random.random() < 0.6:  # of a house
            corners = random.uniform(-0.5, 1.5, (4, 2)) * (w, h)
            cv2.fillConvexPoly(shade, cv2.convexHull(corners.astype(np.int32)), 1.0)
        else:  # of leaves
            leaves = smooth_noise(random, (h, w), random.uniform(0.08, 0.3) * min(h, w))
            shade = np.clip(2 * leaves, 0, 1).astype(np.float32)
        shade = cv2.GaussianBlur(shade, (0, 0), random.uniform(0.6, 4))
        scene = scene * (1 - random.uniform(0.2, 0.3 + 0.4 * hardness) * shade)[..., None]
    gamma = np.exp(random.normal(0, 0.1 + 0.25 * hardness))
    gain, lift = random.uniform(0.75, 1.15), random.uniform(-0.05, 0.12)
    cast = 1 + random.normal(0, 0.05, 3).astype(np.float32)
    scene = np.clip(scene, 0.001, 1) ** gamma * gain * cast + lift
    if random.random() < 0.12:
        scene = np.repeat(scene.mean(2, keepdims=True), 3, 2)
    return np.clip(scene, 0, 1).astype(np.float32)


def _shaken(random: np.random.Generator, scene: Scene, most: float) -> Scene:
    """Blur along a line of up to ``most`` px."""
    length = max(1.0, random.uniform(0.3, 1) * most)
    size = 2 * int(length) + 3
    kernel = np.zeros((size, size), np.float32)
    way = random.uniform(0, np.pi)
    reach = length / 2 * np.array([np.cos(way), np.sin(way)]) * 8
    middle = np.array([size // 2, size // 2]) * 8
    start, end = (middle - reach).astype(int).tolist(), (middle + reach).astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 3)
    return cv2.filter2D(scene, -1, kernel / max(1e-6, float(kernel.sum())))
