"""The shape of a breaking wave, its stripes, its foam and its claws.

A wave is two splines that meet at the tip of the lip: the back `O(t)`, and the hollow face `I(t)`,
with t = 0 in the troughs and 1 at the tip. A place is ``P(t, k) = (1 - k) O(t) + k I(t)``, so lines
of constant k run up the body and gather in the lip as the water does.
Claws are small tapering hooks that carry smaller hooks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paint_plates.carving import Points

# unit wave that breaks to the right; y up; height 1
BACK = (
    (-2.0, -0.05),
    (-1.45, 0.03),
    (-1.0, 0.22),
    (-0.66, 0.55),
    (-0.30, 0.88),
    (0.08, 1.02),
    (0.44, 0.96),
    (0.68, 0.78),
    (0.74, 0.60),
)
FACE = (
    (1.5, -0.12),
    (0.95, -0.06),
    (0.46, 0.06),
    (0.14, 0.26),
    (0.03, 0.50),
    (0.12, 0.70),
    (0.33, 0.79),
    (0.56, 0.75),
    (0.74, 0.60),
)


def spline(points: Points, count: int) -> NDArray[np.float64]:
    """Return ``count`` points of the Catmull-Rom spline through ``points (n, 2)``."""
    p = np.asarray(points, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    s = np.linspace(0, len(p) - 3 - 1e-9, count)
    i = s.astype(int)
    u = (s - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return 0.5 * (
        2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3
    )


@dataclass(frozen=True)
class Wave:
    """A wave at ``(x, y)`` (middle of its foot), ``height`` px, breaking to the right or left."""

    x: float
    y: float
    height: float
    facing: int = 1
    stretch: float = 1.0

    def _place(self, unit: Points) -> NDArray[np.float64]:
        scale = np.array([self.facing * self.height * self.stretch, -self.height])
        return np.array([self.x, self.y]) + np.asarray(unit, float) * scale

    def at(self, t: Points | float, k: Points | float) -> NDArray[np.float64]:
        """Return the points ``(n, 2)`` at ``t``, ``k`` ``(n,)``, both in [0, 1]."""
        t, k = np.broadcast_arrays(np.asarray(t, float), np.asarray(k, float))
        grid = np.linspace(0, 1, 400)
        back, face = (
            self._place(spline(np.array(BACK), 400)),
            self._place(spline(np.array(FACE), 400)),
        )
        o = np.stack([np.interp(t, grid, back[:, c]) for c in (0, 1)], axis=-1)
        i = np.stack([np.interp(t, grid, face[:, c]) for c in (0, 1)], axis=-1)
        return o * (1 - k[..., None]) + i * k[..., None]

    def body(self, floor: float) -> NDArray[np.float64]:
        """Return the outline of the wave and of the water below it, down to ``floor``."""
        t = np.linspace(0, 1, 200)
        back, face = self.at(t, np.zeros(200)), self.at(t[::-1], np.ones(200))
        feet = np.array([[face[-1, 0], floor], [back[0, 0], floor]])
        return np.concatenate([back, face, feet])

    def band(self, k0: float, k1: float, start: float, stop: float) -> NDArray[np.float64]:
        """Return a stripe of water between ``k0`` and ``k1`` that tapers at both ends."""
        t = np.linspace(start, stop, 120)
        s = np.linspace(0, 1, 120)
        half = 0.5 * (k1 - k0) * np.clip(np.sin(np.pi * s) * 1.6, 0, 1)
        middle = 0.5 * (k0 + k1) + 0.012 * np.sin(9 * s + 20 * k0)
        return np.concatenate([self.at(t, middle - half), self.at(t[::-1], (middle + half)[::-1])])


def claw(
    root: Points, turn: float, length: float, curl: float, rng: np.random.Generator
) -> list[Points]:
    """Return the polygons of a hook of foam: an arm that curls by ``curl`` rad, and its hooks."""
    s = np.linspace(0, 1, 14)
    turns = turn + curl * s**1.4
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / 13)
    line = np.asarray(root) + np.cumsum(steps, axis=0) - steps[0]
    normal = np.stack([-np.sin(turns), np.cos(turns)], axis=1)
    half = length * (0.16 * (1 - s) ** 0.75 + 0.024) * np.sqrt(np.clip(1.02 - s**8, 0, 1))
    half *= np.clip(s / 0.3 + 0.08, 0, 1) ** 0.7  # a comma: thin at the root too
    shapes: list[Points] = [
        np.concatenate([line + normal * half[:, None], (line - normal * half[:, None])[::-1]])
    ]
    if length > 17:
        for place in (0.34, 0.56, 0.78):
            i = int(place * 13 + rng.uniform(-1, 1))
            side = -1 if rng.random() < 0.8 else 1
            lean = side * np.sign(curl) * rng.uniform(0.6, 1.1)
            small = length * rng.uniform(0.46, 0.64) * (1.15 - 0.6 * place)
            bend = curl * rng.uniform(0.8, 1.2)
            shapes += claw(line[i], turns[i] + lean, small, bend, rng)
    return shapes


def disc(center: Points, radius: float, rng: np.random.Generator, wobble: float = 1.0) -> Points:
    """Return a hand-cut round ``(n, 2)``."""
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    two, three = rng.uniform(0, 2 * np.pi, 2)
    lobes = 0.07 * np.sin(2 * turn + two) + 0.03 * np.sin(3 * turn + three)
    r = radius * (1 + wobble * lobes)
    return np.asarray(center) + np.stack([r * np.cos(turn), r * np.sin(turn)], axis=1)
