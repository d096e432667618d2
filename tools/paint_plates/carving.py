"""The tools of the woodblock print: flat inks, carved lines, printed on grained wood and paper.

Shapes are drawn opaque from back to front on one sheet, in plate units. `Sheet.printed` then prints
the sheet: the ink thins along the grain of the block and in fine speckles, so the paper shows.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.noise import Field, fractal, grow, noise, smoothstep, warp
from paint_plates.paper import washi

Points = NDArray[np.floating]
Color = NDArray[np.floating]
SHIFT = 4  # fixed-point coordinates: 1/16 px


class Sheet:
    """Shapes in progress: ``(H, W, 3)`` uint8, ``k`` px for each plate unit."""

    def __init__(self, size: tuple[int, int], k: float, paper: Color) -> None:
        self.size, self.k, self.paper = size, k, paper
        self.pixels = np.empty((round(size[0] * k), round(size[1] * k), 3), np.uint8)
        self.pixels[:] = np.round(paper).astype(np.uint8)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        return np.round(np.asarray(points) * self.k * 2**SHIFT).astype(np.int32)

    def fill(self, points: Points, color: Color) -> None:
        """Fill the polygon ``(n, 2)`` with one ink."""
        cv2.fillPoly(self.pixels, [self._fixed(points)], color.tolist(), cv2.LINE_AA, SHIFT)

    def fade(self, points: Points, top: Color, bottom: Color, span: tuple[float, float]) -> None:
        """Fill the polygon with ink that changes from ``top`` to ``bottom`` between two heights."""
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._fixed(points)], 255, cv2.LINE_AA, SHIFT)
        rows = np.arange(len(mask)) / self.k
        t = smoothstep(span[0], span[1], rows)[:, None, None]
        ink = np.asarray(top) * (1 - t) + np.asarray(bottom) * t
        cover = mask[..., None].astype(np.float32) / 255
        self.pixels[:] = np.round(self.pixels * (1 - cover) + ink * cover).astype(np.uint8)

    def carve(self, points: Points, width: float, color: Color, rng: np.random.Generator) -> None:
        """Draw a line that swells and tapers like one cut with a knife."""
        points = np.asarray(points, float)
        tangent = np.gradient(points, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        along = np.linspace(0, 1, len(points))
        swell = np.interp(along, np.linspace(0, 1, 6), rng.uniform(0.7, 1.25, 6))
        half = 0.5 * width * swell * np.clip(8 * np.minimum(along, 1 - along) + 0.25, 0, 1)
        side = normal * half[:, None]
        self.fill(np.concatenate([points + side, (points - side)[::-1]]), color)

    def union(self, shapes: list[Points], color: Color, line: Color, width: float) -> None:
        """Fill overlapping polygons as one shape with one outline."""
        fixed = [self._fixed(s) for s in shapes]
        thick = max(1, round(2 * width * self.k))
        for shape in fixed:
            cv2.polylines(self.pixels, [shape], True, line.tolist(), thick, cv2.LINE_AA, SHIFT)
        for shape in fixed:
            cv2.fillPoly(self.pixels, [shape], color.tolist(), cv2.LINE_AA, SHIFT)

    def printed(self, rng: np.random.Generator) -> Field:
        """Return the sheet ``(H, W, 3)`` in [0, 255] with the grain of wood, ink and paper."""
        shape = self.pixels.shape[:2]
        edge = 0.34 * self.k  # the knife never runs perfectly smooth
        dx, dy = (grow(edge * noise(self.size, (7, 7), rng), shape) for _ in range(2))
        flat = warp(self.pixels.astype(np.float32), dx, dy)
        wood = grow(wood_grain(self.size, rng), shape)
        speckle = grow(noise(self.size, (1.7, 1.7), rng), shape)
        cloud = grow(fractal(self.size, (240, 130), rng, 3), shape)
        strength = 0.88 - 0.19 * wood - 0.13 * smoothstep(0.7, 2.2, speckle) + 0.035 * cloud
        strength = np.clip(strength, 0, 1)[..., None]
        paper = (self.paper * grow(washi(self.size, rng), shape)[..., None]).astype(np.float32)
        ink = flat + 2.0 * speckle[..., None]
        amount = np.abs(flat - self.paper).max(axis=2, keepdims=True) / 60
        strength = 1 - (1 - strength) * np.clip(amount, 0, 1)
        tooth = paper / self.paper
        return np.clip((paper + (ink - self.paper) * strength) * (0.5 + 0.5 * tooth), 0, 255)


def wood_grain(size: tuple[int, int], rng: np.random.Generator) -> Field:
    """Return the grain of a plank in [0, 1], 1 on the hard lines where ink does not hold."""
    y = np.arange(size[0], dtype=np.float32)[:, None]
    rings = y + 46 * noise(size, (900, 150), rng) + 7 * noise(size, (260, 40), rng)
    for _ in range(3):  # knots, around which the rings flow
        cx, cy = rng.uniform(0, size[1]), rng.uniform(0, size[0])
        x = np.arange(size[1], dtype=np.float32)[None]
        rings = rings + 30 * np.exp(-(((x - cx) / 110) ** 2) - ((y - cy) / 34) ** 2)
    pitch = rings / 8.5
    line = (0.5 + 0.5 * np.sin(2 * np.pi * pitch + 1.2 * np.sin(1.7 * pitch))) ** 4
    fibre = noise(size, (60, 1.3), rng)
    return np.clip(0.85 * line * (0.75 + 0.3 * noise(size, (160, 30), rng)) + 0.2 * fibre, 0, 1)
