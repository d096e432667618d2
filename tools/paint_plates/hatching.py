"""Pen and ink: hatching that follows the form.

A hatch line is a streamline of a field of directions. Lines start at random places, keep a distance
to lines already there, stop where the form ends or the tone is too light, and swell with the tone.
Darker tones get a second and a third layer of lines across the first.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.noise import Field

SHIFT = 4


@dataclass(frozen=True)
class Form:
    """A part of the drawing: where it is, the direction of its lines, its darkness in [0, 1]."""

    mask: NDArray[np.bool_]
    angle: Field
    dark: Field
    spacing: float = 4.6
    # turn of each layer (rad) and the darkness at which it begins
    layers: tuple[tuple[float, float], ...] = ((0.0, 0.16), (1.0, 0.50), (-0.65, 0.76))


class Pen:
    """Ink in progress: coverage ``(H, W)`` uint8, ``k`` px for each plate unit."""

    def __init__(self, size: tuple[int, int], k: float) -> None:
        self.size, self.k = size, k
        self.ink = np.zeros((round(size[0] * k), round(size[1] * k)), np.uint8)

    def line(self, points: NDArray[np.floating], widths: NDArray[np.floating]) -> None:
        """Draw a line ``(n, 2)`` whose width (px) changes from point to point."""
        tangent = np.gradient(points, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
        side = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * (0.5 * widths)[:, None]
        ribbon = np.concatenate([points + side, (points - side)[::-1]])
        fixed = np.round(ribbon * self.k * 2**SHIFT).astype(np.int32)
        cv2.fillPoly(self.ink, [fixed], 255, cv2.LINE_AA, SHIFT)

    def contour(self, points: NDArray[np.floating], width: float, rng: np.random.Generator) -> None:
        """Draw an outline as if by hand: it swells, thins and lifts."""
        count = len(points)
        knots = np.linspace(0, 1, max(4, count // 9))
        swell = np.interp(np.linspace(0, 1, count), knots, rng.uniform(0.35, 1.5, len(knots)))
        self.line(points, width * swell)

    def clear(self, mask: NDArray[np.bool_]) -> None:
        """Keep the paper white where a nearer form will be drawn."""
        shape = (self.ink.shape[1], self.ink.shape[0])
        self.ink[cv2.resize(mask.astype(np.uint8), shape, interpolation=cv2.INTER_LINEAR) > 0] = 0

    def hatch(self, form: Form, rng: np.random.Generator) -> None:
        """Fill a form with layers of hatching."""
        for turn, threshold in form.layers:
            taken = np.where(form.mask & (form.dark > threshold), 0, 255).astype(np.uint8)
            ys, xs = np.nonzero(taken == 0)
            if len(ys) == 0:
                continue
            for pick in rng.integers(0, len(ys), int(len(ys) / form.spacing**2 * 1.6) + 3):
                x, y = float(xs[pick]), float(ys[pick])
                if taken[int(y), int(x)]:
                    continue
                path = _follow(form.angle, taken, (x, y), turn, rng.uniform(50, 130))
                if len(path) < 3:
                    continue
                gap = max(1, round(form.spacing * 1.15))
                cv2.polylines(taken, [np.round(path).astype(np.int32)], False, 255, gap)
                self._swell(path, form.dark, threshold, rng)

    def _swell(self, path: Field, dark: Field, threshold: float, rng: np.random.Generator) -> None:
        x = np.clip(path[:, 0].astype(int), 0, self.size[1] - 1)
        y = np.clip(path[:, 1].astype(int), 0, self.size[0] - 1)
        s = np.linspace(0, 1, len(path))
        taper = np.clip(5 * np.minimum(s, 1 - s) + 0.25, 0, 1)
        widths = (0.55 + 1.25 * np.clip(dark[y, x] - threshold, 0, 0.7)) * taper
        self.line(path + rng.normal(0, 0.22, path.shape), widths * rng.uniform(0.8, 1.25))


def _follow(
    angle: Field, taken: NDArray[np.uint8], start: tuple[float, float], turn: float, reach: float
) -> Field:
    """Return the streamline through `start`, up to `reach` px each way, ended by what is taken."""
    height, width = angle.shape
    step, halves = 2.5, []
    for sign in (-1.0, 1.0):
        x, y = start
        line, ahead = [], None
        for _ in range(int(reach / step)):
            direction = float(angle[int(y), int(x)]) + turn
            dx, dy = np.cos(direction) * sign, np.sin(direction) * sign
            # a direction and its opposite are the same hatch line
            if ahead is not None and dx * ahead[0] + dy * ahead[1] < 0:
                dx, dy = -dx, -dy
            ahead = (dx, dy)
            x, y = x + dx * step, y + dy * step
            if not (0 <= x < width and 0 <= y < height) or taken[int(y), int(x)]:
                break
            line.append((x, y))
        halves.append(line)
    return np.array([*halves[0][::-1], start, *halves[1]], np.float32)
