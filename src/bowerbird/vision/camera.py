"""A simulated camera, for synthetic pages and street scenes: light, shadow, blur, noise and JPEG.

Each function draws its parameters from the generator that is passed in, so the same seed gives
the same photograph. Images are RGB, (h, w, 3) in 0..1.
"""

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[Any]  # float32


def photograph_page(page: Array, random: Generator) -> Array:
    """Return a photograph of a flat page: uneven light, a shadow, blur, noise, JPEG artifacts."""
    height, width = page.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    light = 1 + random.uniform(0, 0.3) * (x * np.cos(angle) + y * np.sin(angle))
    light *= 1 - random.uniform(0, 0.25) * (x**2 + y**2) / 2  # vignetting
    if random.random() < 0.5:  # a shadow with a soft straight edge
        edge = x * np.cos(angle + 1) + y * np.sin(angle + 1) - random.uniform(-0.5, 0.5)
        shadow = 1 / (1 + np.exp(-edge / random.uniform(0.02, 0.15)))
        light *= 1 - random.uniform(0.2, 0.5) * shadow
    tint = 1 + random.uniform(-0.06, 0.06, 3)
    photo = np.clip(page * light[..., None] * tint * random.uniform(0.75, 1.05), 0, 1)
    photo = cv2.GaussianBlur(photo.astype(np.float32), (0, 0), float(random.uniform(0.5, 1.4)))
    photo = photo + random.normal(0, random.uniform(0.005, 0.025), photo.shape)
    pixels = (np.clip(photo, 0, 1) * 255).round().astype(np.uint8)
    quality = int(random.integers(45, 93))
    return _jpeg(pixels[..., ::-1], quality)[..., ::-1].astype(np.float32) / 255


def photograph_scene(
    scene: Array, random: Generator, hardness: float, min_digit_height: float
) -> NDArray[np.uint8]:
    """Return an 8-bit photograph of a street scene.

    ``hardness`` in 0..1 scales every degradation. Blur is bounded by ``min_digit_height``, the
    height of the smallest digit in px, so that digits stay legible to a person.
    """
    scene = _lit(scene, random, hardness)
    if random.random() < 0.7:
        sigma = random.uniform(0.2, 0.35 + hardness * min(2.0, 0.055 * min_digit_height))
        scene = cv2.GaussianBlur(scene, (0, 0), sigma)
    if random.random() < 0.25 * hardness:
        scene = _motion_blurred(scene, random, 0.18 * min_digit_height)
    noise = hardness * random.uniform(0, 0.07)
    grain = random.standard_normal(scene.shape, np.float32)
    pixels = (np.clip(scene + noise * grain, 0, 1) * 255).astype(np.uint8)
    if random.random() < 0.7:
        pixels = _jpeg(pixels, int(random.uniform(95 - 65 * hardness, 96)))
    return pixels


def smooth_noise(random: Generator, shape: tuple[int, int], wavelength: float) -> Array:
    """Return smooth noise (h, w) with mean 0, about -1..1, and waves of ``wavelength`` px."""
    coarse_shape = tuple(max(2, int(side / wavelength) + 1) for side in shape)
    coarse = random.standard_normal(coarse_shape, np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def warp_boxes(boxes: Array, matrix: Array) -> Array:
    """Return the upright boxes (n, 4) around boxes that are transformed by a homography (3, 3)."""
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 1, 2)
    warped = cv2.perspectiveTransform(corners, matrix).reshape(-1, 4, 2)
    return np.concatenate([warped.min(1), warped.max(1)], 1).astype(np.float32)


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return 8-bit BGR pixels after JPEG compression; RGB gives artifacts of exchanged channels."""
    _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _lit(scene: Array, random: Generator, hardness: float) -> Array:
    """Return a scene in uneven light, with a cast shadow, exposure, contrast and a color cast."""
    height, width = scene.shape[:2]
    if random.random() < 0.5:
        brightness = random.uniform(0.65, 1.2, (2, 2)).astype(np.float32)
        scene = scene * cv2.resize(brightness, (width, height))[..., None]
    if random.random() < 0.15 + 0.3 * hardness:
        shadow: Array = np.zeros((height, width), np.float32)
        if random.random() < 0.6:  # of a building
            corners = random.uniform(-0.5, 1.5, (4, 2)) * (width, height)
            cv2.fillConvexPoly(shadow, cv2.convexHull(corners.astype(np.int32)), 1.0)
        else:  # of leaves
            wavelength = random.uniform(0.08, 0.3) * min(height, width)
            leaves = smooth_noise(random, (height, width), wavelength)
            shadow = np.clip(2 * leaves, 0, 1).astype(np.float32)
        shadow = cv2.GaussianBlur(shadow, (0, 0), random.uniform(0.6, 4))
        scene = scene * (1 - random.uniform(0.2, 0.3 + 0.4 * hardness) * shadow)[..., None]
    gamma = np.exp(random.normal(0, 0.1 + 0.25 * hardness))
    gain, offset = random.uniform(0.75, 1.15), random.uniform(-0.05, 0.12)
    cast = 1 + random.normal(0, 0.05, 3).astype(np.float32)
    scene = np.clip(scene, 0.001, 1) ** gamma * gain * cast + offset
    if random.random() < 0.12:  # a gray photograph
        scene = np.repeat(scene.mean(2, keepdims=True), 3, 2)
    return np.clip(scene, 0, 1).astype(np.float32)


def _motion_blurred(scene: Array, random: Generator, max_length: float) -> Array:
    """Return a scene blurred along a line of up to ``max_length`` px."""
    length = max(1.0, random.uniform(0.3, 1) * max_length)
    size = 2 * int(length) + 3
    kernel = np.zeros((size, size), np.float32)
    angle = random.uniform(0, np.pi)
    half = length / 2 * np.array([np.cos(angle), np.sin(angle)]) * 8  # cv2.line: 3 fractional bits
    middle = np.array([size // 2, size // 2]) * 8
    start, end = (middle - half).astype(int).tolist(), (middle + half).astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 3)
    return cv2.filter2D(scene, -1, kernel / max(1e-6, float(kernel.sum())))
