"""A bristle brush and the light on thick paint.

A stroke is a bundle of hairs: parallel polylines, each with its own color (the brush is loaded
with two colors that never mix fully), its own ragged beginning and end, and its own thickness of
paint. The canvas has four channels, red, green, blue and height, so paint covers paint in one
drawing call; at the end a lamp at the upper left lights the height map (Lambert's law plus a small
highlight).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.noise import Field

SHIFT = 4  # cv2 takes fixed-point coordinates: 1/16 px
GROUND = 60  # height of the primed canvas, of 255


@dataclass(frozen=True)
class Load:
    """What the brush carries: two colors ``(3,)`` in [0, 255], thickness and dryness in [0, 1]."""

    color: NDArray[np.floating]
    second: NDArray[np.floating]
    body: float = 0.6
    dry: float = 0.3


class Canvas:
    """Paint in progress: ``(H, W, 4)`` uint8, ``k`` px for each plate unit."""

    def __init__(self, size: tuple[int, int], k: float, ground: NDArray[np.floating]) -> None:
        self.k = k
        shape = (round(size[0] * k), round(size[1] * k), 4)
        self.pixels = np.zeros(shape, np.uint8)
        self.pixels[..., :3] = ground
        self.pixels[..., 3] = GROUND

    def stroke(self, path: Field, width: float, load: Load, rng: np.random.Generator) -> None:
        """Paint one stroke along ``path (n, 2)``, ``width`` plate units wide."""
        hairs = _hairs(_resample(path, 3.0), width, rng)
        count, points = hairs.shape[0], hairs.shape[1]
        colors = _hair_colors(count, load, rng)
        first = rng.uniform(0, 0.22, count) ** 1.2 * points
        last = points - rng.uniform(0, 0.3 + 0.6 * load.dry, count) ** 1.4 * points
        fixed = np.round(hairs * self.k * 2**SHIFT).astype(np.int32)
        thick = max(1, round(0.9 * self.k))
        order = rng.permutation(count)
        for i in order:
            line = fixed[i, int(first[i]) : max(int(last[i]), int(first[i]) + 2)]
            color = colors[i].tolist()
            cv2.polylines(self.pixels, [line], False, color, thick, cv2.LINE_AA, SHIFT)

    def bare(self) -> NDArray[np.bool_]:
        """Return where, on the grid of plate units, no stroke has covered the ground yet."""
        height = self.pixels[..., 3]
        size = (round(height.shape[1] / self.k), round(height.shape[0] / self.k))
        return np.asarray(cv2.resize(height, size, interpolation=cv2.INTER_NEAREST) == GROUND)

    def lit(self, relief: float, tooth: Field) -> Field:
        """Return the painting ``(H, W, 3)`` in [0, 255] with the lamp on its relief and tooth."""
        color = self.pixels[..., :3].astype(np.float32)
        height = self.pixels[..., 3].astype(np.float32) / 255 + 0.012 * tooth
        return lamp(color, height, self.k, relief)


def _resample(path: Field, step: float) -> Field:
    """Return the path with points about ``step`` apart, so that hairs end anywhere along it."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    places = np.linspace(0, along[-1], max(4, int(along[-1] / step)))
    return np.stack([np.interp(places, along, path[:, c]) for c in (0, 1)], axis=1)


def _hairs(path: Field, width: float, rng: np.random.Generator) -> Field:
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    count = max(4, round(width / 0.7))
    across = np.linspace(-1, 1, count) + rng.normal(0, 0.6 / count, count)
    along = np.linspace(0, 1, len(path))
    # the brush lands round, presses, and lifts to a narrower end; the hand shakes a little
    press = np.minimum(1, 0.55 + 3 * along) * (1 - 0.35 * along**3)
    shake = np.interp(along, np.linspace(0, 1, 5), rng.normal(1, 0.06, 5))
    reach = 0.5 * width * press * shake
    wander = rng.normal(0, 0.25, (count, 1)) * np.sin(along * rng.uniform(2, 6, (count, 1)))
    side = across[:, None] * reach[None, :] + wander
    return np.asarray(path[None] + side[..., None] * normal[None], np.float32)


def _hair_colors(count: int, load: Load, rng: np.random.Generator) -> Field:
    across = np.linspace(0, 1, count)
    knots = rng.uniform(-0.35, 1.0, 5)
    mix = np.clip(np.interp(across, np.linspace(0, 1, 5), knots), 0, 1)[:, None]
    color = load.color * (1 - mix) + load.second * mix
    # unevenly mixed paint: each hair lighter or darker in proportion, a few almost clean
    color = color * rng.lognormal(0, 0.15, (count, 1)) + rng.normal(0, 7, (count, 3))
    # paint is pushed to the sides of a stroke and stands there as a ridge
    ridge = 0.28 * np.abs(2 * across - 1) ** 4
    height = 0.25 + 0.5 * load.body + ridge + rng.normal(0, 0.13, count)
    return np.clip(np.column_stack([color, height * 255]), 0, 255).astype(np.float32)


def lamp(color: Field, height: Field, k: float, relief: float) -> Field:
    """Return ``color`` lit from the upper left over ``height`` in [0, 1]; ``k`` px a plate unit."""
    fine = cv2.GaussianBlur(height, (0, 0), 0.55 * k)
    broad = cv2.GaussianBlur(height, (0, 0), 1.6 * k)
    surface = 0.6 * fine + 0.9 * broad
    dx = cv2.Sobel(surface, cv2.CV_32F, 1, 0, scale=0.125) * k
    dy = cv2.Sobel(surface, cv2.CV_32F, 0, 1, scale=0.125) * k
    slope = relief * (0.62 * dx + 0.78 * dy)
    shade = 1 + 1.1 * np.tanh(2.2 * slope)
    hollow = np.clip(1 + 0.7 * relief * (fine - broad), 0.75, 1.15)
    gloss = np.clip(slope - 0.16, 0, 0.4)[..., None] * np.array([300, 290, 260], np.float32)
    return np.asarray(np.clip(color * (shade * hollow)[..., None] + gloss, 0, 255), np.float32)
