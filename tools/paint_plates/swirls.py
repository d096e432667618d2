"""Evening wind: oil paint in thick strokes along a flow with several vortices.

The sky is a stream function: vortices on a wavy wind. Its contour lines are the directions of the
strokes, and its value picks the tone, so bands of color curl with the brush. Every region of the
picture (sky, sun, hills, lake, field, tree) knows its direction, its tone, how warm it is, and two
families of color, cold and warm; a stroke takes one of them by chance, so that colors mix in the
eye. Each region is painted from back to front with four brushes, from large to small.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.brush import Canvas, Load
from paint_plates.noise import Field, fractal, grow, noise, ramp, rgb, smoothstep

SIZE = (768, 1024)
SUN = (716.0, 372.0, 62.0)
# x, y, radius, turn
VORTICES = (
    (250, 170, 150, 1.0),
    (520, 262, 84, -0.8),
    (716, 372, 190, 1.25),
    (905, 120, 105, -1.0),
    (20, 330, 90, -0.7),
    (640, 70, 70, 0.7),
)
COLD_SKY = rgb("0d1238", "16245f", "1d4a8c", "2b86a3", "7fc4b4", "dbe9c0")
WARM_SKY = rgb("3a1440", "8a2346", "d4492f", "ee8430", "f7bb4a", "fdeab0")


@dataclass(frozen=True)
class Region:
    """A part of the picture: its mask, directions, tone, warmth, and its two color families."""

    mask: NDArray[np.bool_]
    angle: NDArray[np.floating]
    tone: NDArray[np.floating]
    warmth: NDArray[np.floating]
    cold: NDArray[np.float64]
    warm: NDArray[np.float64]
    size: float = 1.0  # of the brushes
    contour: Field = field(default_factory=lambda: np.zeros((0, 2), np.float32))


@dataclass(frozen=True)
class Brush:
    """Size of the strokes (px), how often they cover the region, and how the paint varies."""

    width: float
    length: float
    coverage: float
    jitter: float  # of the tone
    body: float  # thickness of the paint
    lift: float = 0.0  # of the tone


BRUSHES = (
    Brush(27, 150, 4.5, 0.06, 0.40),
    Brush(15, 118, 1.6, 0.09, 0.55),
    Brush(9, 74, 1.1, 0.11, 0.8),
    Brush(5, 38, 0.28, 0.14, 1.0, 0.10),
)
MENDER = Brush(13, 42, 9.0, 0.08, 0.40)


def paint(scale: float = 1.0, seed: int = 11) -> Field:
    """Paint the plate ``(768, 1024, 3)`` times ``2 * scale``, in [0, 255]."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(SIZE, 2 * scale, rgb("2a2350")[0])
    for region in _regions(rng):
        for brush in BRUSHES:
            _cover(canvas, region, brush, rng)
            # strokes part around still points of the flow; short ones fill the gap they leave
            gaps = replace(region, mask=region.mask & canvas.bare())
            if brush is BRUSHES[0] and gaps.mask.any():
                _cover(canvas, gaps, MENDER, rng)
        if len(region.contour):
            _draw_contour(canvas, region.contour, rng)
    # the mixed paint is never quite even, nor is the canvas under it
    picture = canvas.lit(1.0, grow(noise(SIZE, (1.6, 1.6), rng), canvas.pixels.shape[:2]))
    cloud = grow(fractal(SIZE, (9, 9), rng, 3), canvas.pixels.shape[:2])
    return np.clip(picture * (1 + 0.02 * cloud[..., None]), 0, 255)


def _cover(
    canvas: Canvas,
    region: Region,
    brush: Brush,
    rng: np.random.Generator,
) -> None:
    width, length = brush.width * region.size, brush.length * region.size
    rows, columns = np.nonzero(region.mask)
    picks = rng.integers(0, len(rows), int(len(rows) / (width * length) * brush.coverage))
    # neighbors choose alike, so warm strokes gather into ribbons instead of confetti
    drift = 1 / (1 + np.exp(-1.6 * noise(SIZE, (34, 22), rng)))
    for y, x in zip(rows[picks], columns[picks], strict=True):
        chance = 0.72 * drift[y, x] + 0.28 * rng.random()
        family = region.warm if chance < region.warmth[y, x] else region.cold
        tone = region.tone[y, x] + rng.normal(0, brush.jitter) + brush.lift
        color = ramp(family, np.array(np.clip(tone, 0, 1)))
        second = ramp(family, np.array(np.clip(tone + rng.normal(0.05, 0.12), 0, 1)))
        spot = np.array([x, y]) + rng.normal(0, 1, 2)
        path = _trace(region, spot, length * rng.uniform(0.6, 1.25))
        load = Load(color, second, brush.body * rng.uniform(0.7, 1.1), rng.uniform(0.1, 0.7))
        canvas.stroke(path, width * rng.uniform(0.65, 1.25), load, rng)


def _trace(region: Region, spot: NDArray[np.float64], length: float) -> Field:
    """Follow the region's directions from ``spot``, half the length each way."""
    steps = max(4, int(length / 7))
    halves = []
    for sign in (-1.0, 1.0):
        point, line = spot.copy(), []
        for _ in range(steps):
            x = min(max(int(point[0]), 0), SIZE[1] - 1)
            y = min(max(int(point[1]), 0), SIZE[0] - 1)
            turn = region.angle[y, x]
            heading = np.array([np.cos(turn), np.sin(turn)]) * sign
            point = point + heading * (0.5 * length / steps)
            line.append(point)
            if not region.mask[y, x]:
                break
        halves.append(line)
    return np.array([*halves[0][::-1], spot, *halves[1]], np.float32)


def _draw_contour(canvas: Canvas, line: Field, rng: np.random.Generator) -> None:
    """Draw a dark broken outline in short overlapping strokes."""
    dark = rgb("1a1036", "10254a", "3b1233")
    start = 0
    while start < len(line) - 8:
        stop = start + int(rng.integers(10, 22))
        part = line[start:stop] + rng.normal(0, 1.2, 2)
        if len(part) > 3 and rng.random() < 0.75:
            load = Load(dark[rng.integers(3)], dark[rng.integers(3)], 0.9, 0.5)
            canvas.stroke(part.astype(np.float32), rng.uniform(3, 6), load, rng)
        start = stop - int(rng.integers(-3, 5))


def _regions(rng: np.random.Generator) -> list[Region]:
    x, y = np.meshgrid(np.arange(SIZE[1], dtype=np.float32), np.arange(SIZE[0], dtype=np.float32))
    regions = [_sky(x, y, rng), _sun(x, y)]
    regions += _land(x, y, rng)
    return regions


def _sky(x: Field, y: Field, rng: np.random.Generator) -> Region:
    psi = 0.95 * y + 26 * noise(SIZE, (260, 150), rng) + 9 * noise(SIZE, (90, 60), rng)
    phase, core = psi / 74, np.zeros_like(psi)
    for cx, cy, radius, turn in VORTICES:
        r = np.hypot(x - cx, 1.12 * (y - cy))
        weight = np.exp(-((r / radius) ** 2))
        psi = psi + 1.9 * turn * radius * weight
        # a spiral: one more band for every turn around the core
        spin = np.arctan2(y - cy, x - cx) / (2 * np.pi) * np.sign(turn)
        phase = phase * (1 - weight) + (r / 30 + spin * np.round(weight + 0.35)) * weight
        core += np.exp(-((r / (0.2 * radius)) ** 2))
    gy, gx = np.gradient(psi)
    angle = np.arctan2(-gx, gy) + 0.10 * noise(SIZE, (60, 60), rng)
    glow = np.exp(-np.hypot(x - SUN[0], 1.3 * (y - SUN[1])) / 190)
    low = smoothstep(120, 430, y)
    bands = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    tone = 0.12 + 0.42 * bands**1.3 + 0.20 * low + 0.45 * glow + 0.3 * core
    warmth = np.clip(0.04 + 0.62 * low * (0.35 + bands) + 0.75 * glow + 0.25 * core, 0, 0.96)
    return Region(y < 520, angle.astype(np.float32), tone, warmth, COLD_SKY, WARM_SKY)


def _sun(x: Field, y: Field) -> Region:
    r = np.hypot(x - SUN[0], y - SUN[1])
    angle = np.arctan2(y - SUN[1], x - SUN[0]) + np.pi / 2 + 0.12
    tone = np.clip(1.02 - 0.5 * (r / SUN[2]) ** 2, 0, 1)
    warm = rgb("d23a2a", "ef7a2c", "f9bb45", "fde08a", "fff6d0")
    return Region(r < SUN[2] - 6, angle, tone, np.full_like(x, 0.98), COLD_SKY, warm, 0.55)


def _ridge(base: float, wave: tuple[tuple[float, float, float], ...]) -> Field:
    """Return the height (px from the top) of a hill line at every column."""
    x = np.arange(SIZE[1], dtype=np.float32)
    return np.asarray(base + sum(a * np.sin(x / p + s) for a, p, s in wave), np.float32)


def _hill(
    y: Field,
    line: Field,
    bend: float,
    families: tuple[NDArray[np.float64], NDArray[np.float64]],
    rng: np.random.Generator,
) -> Region:
    depth = y - line[None]
    slope = np.gradient(line)[None] * np.exp(-np.maximum(depth, 0) / 120)
    roll = bend * noise(SIZE, (150, 70), rng)
    angle = np.arctan(slope) + roll
    bands = 0.5 + 0.5 * np.cos(2 * np.pi * (depth / 34 + 0.8 * noise(SIZE, (200, 60), rng)))
    x = np.arange(SIZE[1], dtype=np.float32)[None]
    lit = np.exp(-np.abs(x - SUN[0]) / 260) * np.exp(-np.maximum(depth, 0) / 45)
    tone = np.clip(0.14 + 0.42 * bands + 0.4 * lit, 0, 1).astype(np.float32)
    warmth = np.clip(0.16 + 0.22 * bands + 0.6 * lit, 0, 0.9).astype(np.float32)
    contour = np.stack([np.arange(0, SIZE[1], 6), line[::6]], axis=1).astype(np.float32)
    return Region(depth > 0, angle, tone, warmth, *families, 0.8, contour)


def _land(x: Field, y: Field, rng: np.random.Generator) -> list[Region]:
    violet = (
        rgb("1b1746", "2b3a86", "4a6db5", "86b3cf"),
        rgb("4b1a52", "a13a5d", "e0704f", "f6b267"),
    )
    green = (
        rgb("0b2a33", "11504f", "2d8264", "8dbb6a"),
        rgb("3c2230", "8a4a25", "cf8a2c", "f3cf6a"),
    )
    far = _hill(y, _ridge(404, ((22, 120, 1.0), (10, 47, 0.2))), 0.25, violet, rng)
    near = _hill(y, _ridge(446, ((24, 150, 3.6), (9, 60, 1.2))), 0.35, green, rng)
    return [far, near, _lake(x, y, rng), _field(x, y, rng), *_tree(x, y, rng)]


def _lake(x: Field, y: Field, rng: np.random.Generator) -> Region:
    shore = _ridge(512, ((7, 110, 0.0), (4, 37, 1.0)))
    angle = 0.10 * noise(SIZE, (120, 30), rng)
    ripples = 0.5 + 0.5 * np.sin(y / 3.9 + 2.2 * noise(SIZE, (90, 22), rng))
    path = np.exp(-(((x - SUN[0] - 10 * noise(SIZE, (60, 14), rng)) / 70) ** 2))
    tone = np.clip(0.10 + 0.45 * ripples + 0.6 * path * (0.3 + ripples), 0, 1)
    warmth = np.clip(0.12 + 0.95 * path + 0.15 * ripples, 0, 0.96)
    contour = np.stack([np.arange(0, SIZE[1], 6), shore[::6]], axis=1).astype(np.float32)
    return Region(y > shore[None], angle, tone, warmth, COLD_SKY, WARM_SKY, 0.6, contour)


def _field(x: Field, y: Field, rng: np.random.Generator) -> Region:
    line = _ridge(604, ((20, 170, 4.4), (7, 66, 0.4)))
    depth = np.maximum(y - line[None], 0)
    to_x, to_y = x - 640, y - 520
    bow = 0.35 * noise(SIZE, (220, 120), rng)
    angle = np.arctan2(to_y, to_x) + bow
    rows = np.arctan2(to_x, to_y) * 11 + 0.7 * noise(SIZE, (160, 90), rng)
    furrow = 0.5 + 0.5 * np.sin(2 * np.pi * rows)
    tone = np.clip(0.10 + 0.62 * furrow + 0.25 * np.exp(-depth / 22), 0, 1)
    warmth = np.clip(0.12 + 0.62 * smoothstep(0.35, 0.85, furrow), 0, 0.92)
    cold = rgb("101640", "173b5c", "1f6a62", "5fa35f", "b9cf7c")
    warm = rgb("3b1238", "8c2a35", "cf5a28", "eda33a", "f9dc7c")
    contour = np.stack([np.arange(0, SIZE[1], 6), line[::6]], axis=1).astype(np.float32)
    return Region(depth > 0, angle, tone, warmth, cold, warm, 0.9, contour)


def _tree(x: Field, y: Field, rng: np.random.Generator) -> list[Region]:
    """A wind-bent tree at the left, trunk and crown."""
    rise = np.linspace(0, 1, 60)
    spine = np.stack([118 + 70 * rise**1.7 + 8 * np.sin(5 * rise), 742 - 330 * rise], axis=1)
    trunk = np.zeros(SIZE, np.uint8)
    for (px, py), t in zip(spine, rise, strict=True):
        cv2.circle(trunk, (int(px), int(py)), int(21 - 13 * t), 1, -1)
    edge = 0.5 * fractal(SIZE, (46, 34), rng)
    blobs = (
        (178, 400, 88, 60),
        (262, 372, 84, 44),
        (120, 452, 70, 46),
        (236, 446, 82, 40),
        (340, 400, 56, 28),
        (170, 340, 60, 40),
    )
    crown, tone = np.full(SIZE, -9, np.float32), np.zeros(SIZE, np.float32)
    for cx, cy, rx, ry in blobs:
        value = 1 - np.hypot((x - cx) / rx, (y - cy) / ry)
        light = 0.26 + 0.30 * (x - cx) / rx - 0.34 * (y - cy) / ry
        tone = np.where(value > crown, light, tone).astype(np.float32)
        crown = np.maximum(crown, value)
    psi = fractal(SIZE, (74, 48), rng, 2) + 2.4 * crown
    gy, gx = np.gradient(psi)
    cold = rgb("0a0f2c", "0f2b3e", "17545a", "3f8f6a", "a6c76c")
    warm = rgb("1f0d2b", "5a1c34", "a8432c", "e3902f", "f8cf66")
    lean = np.full(SIZE, -1.32, np.float32) + 0.25 * noise(SIZE, (40, 60), rng)
    side = np.clip(0.25 + (x - 140) / 60, 0.05, 0.6).astype(np.float32)
    stem = Region(trunk > 0, lean, side, side * 0.9, cold, warm, 0.55)
    leaves = Region(
        crown + 0.22 * edge > 0,
        np.arctan2(-gx, gy),
        tone,
        np.clip(tone, 0.08, 0.6),
        cold,
        warm,
        0.62,
    )
    return [stem, leaves]
