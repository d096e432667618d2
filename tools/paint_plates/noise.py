"""Smooth random fields, the material of every plate.

Value noise: a coarse grid of Gaussian numbers, enlarged with a cubic kernel. Octaves of it make
clouds, stretched cells make wood grain and brushed paint, one field displaced by another makes
eddies. All lengths are plate units (px of the full-size plate), so a plate looks the same at every
scale.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def noise(size: tuple[int, int], cell: tuple[float, float], rng: np.random.Generator) -> Field:
    """Return smooth noise `(height, width)` of about unit variance, cells of `cell = (w, h)` px."""
    height, width = size
    rows, columns = int(height / cell[1]) + 4, int(width / cell[0]) + 4
    grid = rng.standard_normal((rows, columns)).astype(np.float32)
    x = np.arange(width, dtype=np.float32) / np.float32(cell[0]) + 1
    y = np.arange(height, dtype=np.float32) / np.float32(cell[1]) + 1
    map_x, map_y = np.meshgrid(x, y)
    # the cubic kernel of a remap averages neighbors and so loses a third of the std
    return np.asarray(cv2.remap(grid, map_x, map_y, cv2.INTER_CUBIC) * 1.4, np.float32)


def fractal(
    size: tuple[int, int], cell: tuple[float, float], rng: np.random.Generator, octaves: int = 4
) -> Field:
    """Return octaves of noise, each half as wide and half as strong, scaled to unit variance."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        step = 0.5**octave
        width, height = max(cell[0] * step, 1.0), max(cell[1] * step, 1.0)
        total += step * noise(size, (width, height), rng)
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def warp(field: Field, dx: Field, dy: Field) -> Field:
    """Return ``field`` sampled at positions displaced by ``(dx, dy)`` px."""
    height, width = field.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    out = cv2.remap(field, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.float32)


def grow(field: Field, size: tuple[int, int]) -> Field:
    """Return ``field`` resized to ``size = (height, width)``."""
    return np.asarray(cv2.resize(field, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))


def smoothstep(low: float, high: float, x: NDArray[np.floating]) -> Field:
    """Return the cubic ramp from 0 at ``low`` to 1 at ``high`` (which may be the smaller)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def ramp(colors: NDArray[np.floating], t: NDArray[np.floating]) -> Field:
    """Return the colors `(..., 3)` at positions `t` in [0, 1] along evenly spaced `(n, 3)`."""
    stops = np.linspace(0, 1, len(colors))
    channels = [np.interp(t, stops, colors[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def rgb(*codes: str) -> NDArray[np.float64]:
    """Return hexadecimal color codes as ``(n, 3)`` in [0, 255]."""
    return np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in codes], np.float64)
