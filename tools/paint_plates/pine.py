"""An old pine: a tree of bent cylinders that end in fans of needles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paint_plates.hatching import Pen
from paint_plates.noise import Field


@dataclass(frozen=True)
class Branch:
    """A bent cylinder along ``line (n, 2)``; its radius runs from ``radius`` to ``end`` px."""

    line: NDArray[np.float64]
    radius: float
    end: float
    tip: bool


def grow_pine(root: NDArray[np.float64], rng: np.random.Generator) -> list[Branch]:
    """Return the branches from the trunk to the twigs."""
    s = np.linspace(0, 1, 90)
    sway = 66 * np.sin(4.3 * s + 0.4) * s**0.8 + 40 * s
    trunk = np.stack([root[0] + sway, root[1] - 646 * s], axis=1)
    trunk += np.stack([5 * np.sin(23 * s), 0 * s], axis=1)
    tree = [Branch(trunk, 38, 9, False)]
    arms = (
        (0.30, 1, 190),
        (0.40, -1, 200),
        (0.52, 1, 270),
        (0.60, -1, 190),
        (0.70, 1, 220),
        (0.78, -1, 170),
        (0.86, 1, 150),
        (0.93, -1, 110),
        (1.0, 1, 80),
    )
    for place, side, length in arms:
        start = trunk[min(int(place * 89), 89)]
        _extend(
            tree, start, -np.pi / 2 + side * rng.uniform(1.0, 1.5), length, 3 + length / 20, rng
        )
    return tree


def _extend(
    tree: list[Branch],
    start: NDArray[np.float64],
    turn: float,
    length: float,
    radius: float,
    rng: np.random.Generator,
) -> None:
    s = np.linspace(0, 1, max(8, int(length / 5)))
    turns = (
        turn + rng.normal(0, 0.25) * s + 0.45 * np.sin(rng.uniform(5, 8) * s + rng.uniform(0, 6))
    )
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / len(s)
    line = start + np.cumsum(steps, axis=0)
    small = length < 48
    tree.append(Branch(line, radius, max(1.2, 0.35 * radius), small))
    if small:
        return
    for place in np.linspace(0.40, 1, max(3, int(length / 40))):
        at = line[int(place * (len(line) - 1))]
        side = rng.choice([-1, 1])
        lean = turns[-1] + side * rng.uniform(0.3, 1.1)
        lean += 0.5 * np.sin(-np.pi / 2 - lean)  # twigs reach for the light
        child = min(length * rng.uniform(0.30, 0.5), 80)
        _extend(tree, at, lean, child, max(1.6, 0.5 * radius * (1.1 - 0.5 * place)), rng)


def rasterize(tree: list[Branch], size: tuple[int, int]) -> tuple[NDArray[np.bool_], Field, Field]:
    """Return where the branches are, the direction around them, and their shade."""
    mask = np.zeros(size, bool)
    angle, dark = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for branch in tree:
        radii = np.linspace(branch.radius, branch.end, len(branch.line))
        tangents = np.gradient(branch.line, axis=0)
        best = np.full(size, 9.0, np.float32)
        for (cx, cy), (tx, ty), r in zip(branch.line, tangents, radii, strict=True):
            reach = int(r) + 5
            x0, x1 = max(0, int(cx) - reach), min(size[1], int(cx) + reach + 1)
            y0, y1 = max(0, int(cy) - reach), min(size[0], int(cy) + reach + 1)
            if x0 >= x1 or y0 >= y1:
                continue
            y, x = np.mgrid[y0:y1, x0:x1]
            norm = np.hypot(tx, ty) + 1e-9
            along = ((x - cx) * tx + (y - cy) * ty) / norm
            across = (-(x - cx) * ty + (y - cy) * tx) / norm
            far = np.hypot(along, across) / r
            hit = (far <= 1) & (np.abs(along) < best[y0:y1, x0:x1])
            view = (slice(y0, y1), slice(x0, x1))
            best[view][hit] = np.abs(along)[hit]
            mask[view] |= hit
            u = np.clip(across / r, -1, 1)
            # rings around the cylinder, seen from a little below
            around = np.arctan2(ty, tx) + np.pi / 2 + 0.9 * u
            left = u * np.sign(ty if abs(ty) > 1e-6 else -1)
            angle[view][hit] = around[hit]
            dark[view][hit] = (0.42 + 0.45 * left - 0.12 * (1 - u**2))[hit]
    return mask, angle, np.clip(dark, 0, 1)


def needles(pen: Pen, tree: list[Branch], rng: np.random.Generator) -> None:
    """Draw fans of needles along the twigs, none too near to another."""
    fans: list[NDArray[np.float64]] = []
    for branch in tree:
        for place in (0.5, 1.0) if branch.tip else ():
            at = branch.line[int(place * (len(branch.line) - 1))]
            if all(np.hypot(*(at - other)) > 17 for other in fans):
                fans.append(at)
    for at in fans:
        for turn in np.linspace(-np.pi - 0.3, 0.3, 21) + rng.normal(0, 0.09, 21):
            length = rng.uniform(13, 24)
            s = np.linspace(0, 1, 6)
            bend = turn + 0.35 * np.cos(turn) * s
            step = np.stack([np.cos(bend), 0.85 * np.sin(bend)], axis=1)
            pen.line(at + np.cumsum(step, axis=0) * (length / 6), 1.05 * (1 - 0.7 * s))
