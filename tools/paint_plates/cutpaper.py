"""Garden: painted papers cut with a knife and pinned over one another.

Every sheet of paper is first brushed with gouache: streaks of a wide brush in one direction, dry
places where the paper shows, and thick streaks. Pieces are then cut from the sheets (blocks of
ground, seaweed leaves, birds, pebbles), with the small flats that scissors leave, and laid down:
each casts a soft shadow and shows the white core of the paper on the edge towards the lamp.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.noise import Field, fractal, noise, rgb, smoothstep, warp
from paint_plates.waves import spline

SIZE = (768, 1024)
Points = NDArray[np.floating]
ULTRA, COBALT, SKY, EMERALD, LEAF, YELLOW, ORANGE, RED, MAGENTA, PINK, BLACK, CREAM = rgb(
    "1f2f86",
    "2a63b8",
    "8fc3dd",
    "12795a",
    "86b04a",
    "f3bd33",
    "ea7a2b",
    "d6392f",
    "b02a6b",
    "ef9fae",
    "1b1a24",
    "f5ead2",
)


# root x, y, direction (rad), length, pairs of arms, color
LEAVES = (
    (50, 306, -1.15, 330, 6, CREAM),
    (390, 252, -1.60, 250, 5, BLACK),
    (596, 280, -1.0, 300, 6, YELLOW),
    (930, 246, -1.75, 260, 5, EMERALD),
    (110, 770, -1.5, 430, 7, ULTRA),
    (300, 520, -1.05, 330, 6, PINK),
    (930, 530, -1.6, 270, 5, YELLOW),
    (300, 772, -1.25, 270, 6, RED),
    (690, 775, -1.75, 270, 6, EMERALD),
    (925, 775, -1.45, 260, 5, ORANGE),
    (470, 772, -1.75, 240, 5, CREAM),
    (215, 400, -1.5, 130, 4, LEAF),
    (800, 500, -1.2, 130, 4, MAGENTA),
    (528, 560, -1.9, 140, 4, BLACK),
    (806, 690, -1.7, 150, 4, SKY),
    (500, 120, -1.4, 130, 4, RED),
)


@dataclass(frozen=True)
class Brushing:
    """Thickness of the gouache on a sheet, how much of its paper is bare, and warmth of its hue."""

    tone: Field
    bare: Field
    hue: Field


class Table:
    """Papers placed so far: ``(H, W, 3)`` in [0, 255], ``k`` px for each plate unit."""

    def __init__(self, k: float, rng: np.random.Generator) -> None:
        self.k, self.rng = k, rng
        self.brushings = [_brush(rng) for _ in range(10)]
        self.pixels = np.zeros((round(SIZE[0] * k), round(SIZE[1] * k), 3), np.float32)

    def lay(self, pieces: list[Points], color: NDArray[np.floating], lift: float = 1.0) -> None:
        """Place pieces cut from one sheet of gouache of this color, ``lift`` px above the table."""
        reach = 3.2 * lift * self.k
        corner, end = self._bounds(np.concatenate(pieces), 4 * reach + 2)
        under = self.pixels[corner[1] : end[1], corner[0] : end[0]]
        mask = np.zeros(under.shape[:2], np.uint8)
        for piece in pieces:
            cut = _snip(piece, self.rng) * self.k - corner
            cv2.fillPoly(mask, [np.round(cut * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        cover = mask.astype(np.float32) / 255
        cast = cv2.GaussianBlur(_shift(cover, 0.75 * reach, reach), (0, 0), 0.55 * reach) * 0.42
        cast += cv2.GaussianBlur(cover, (0, 0), 0.8 * self.k) * 0.22
        under *= 1 - (cast * (1 - cover))[..., None] * np.array([0.90, 0.94, 0.78], np.float32)
        sheet = self._sheet(color, corner, end)
        core = np.clip(cover - _shift(cover, 0.55 * self.k, 0.7 * self.k), 0, 1)
        sheet += (np.array([255, 250, 238], np.float32) - sheet) * (0.55 * core)[..., None]
        under += (sheet - under) * cover[..., None]

    def _bounds(self, points: Points, margin: float) -> NDArray[np.int64]:
        limit = np.array([self.pixels.shape[1], self.pixels.shape[0]])
        low = np.floor(points.min(axis=0) * self.k - margin)
        high = np.ceil(points.max(axis=0) * self.k + margin)
        return np.clip(np.stack([low, high]), 0, limit).astype(np.int64)

    def _sheet(
        self, color: NDArray[np.floating], corner: NDArray[np.int64], end: NDArray[np.int64]
    ) -> Field:
        """Return a part of a sheet brushed with one color; each call may turn the sheet over."""
        brushing = self.brushings[self.rng.integers(len(self.brushings))]
        flip = self.rng.choice([1, -1], 2)
        x, y = np.meshgrid(np.arange(corner[0], end[0]), np.arange(corner[1], end[1]))
        x, y = (x / self.k).astype(np.float32), (y / self.k).astype(np.float32)
        x, y = x if flip[0] > 0 else SIZE[1] - 1 - x, y if flip[1] > 0 else SIZE[0] - 1 - y
        tone, bare, hue = (
            cv2.remap(f, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)[..., None]
            for f in (brushing.tone, brushing.bare, brushing.hue)
        )
        sheet = color * tone + 18 * (tone - 1)
        sheet = sheet * (1 + hue * np.array([1.0, 0.3, -1.0]))
        return np.asarray(sheet + (np.array([246, 238, 220]) - sheet) * bare, np.float32)


def _shift(cover: NDArray[np.floating], dx: float, dy: float) -> Field:
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(cover, move, (cover.shape[1], cover.shape[0])))


def _brush(rng: np.random.Generator) -> Brushing:
    """Brush a whole sheet in one direction."""
    reach = int(np.hypot(*SIZE)) + 160  # space for the bends at the rim
    square = (reach, reach)
    hairs = 0.7 * noise(square, (170, 1.9), rng) + 0.5 * noise(square, (320, 5), rng)
    strokes = noise(square, (420, 30), rng)
    bend = 16 * noise(square, (260, 260), rng)
    middle = (reach / 2, reach / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(middle, rng.uniform(0, 180), 1.0), np.float64)
    turn[:, 2] += np.array([SIZE[1] - reach, SIZE[0] - reach]) / 2
    streak, broad = (
        cv2.warpAffine(warp(f, 0 * bend, bend), turn, (SIZE[1], SIZE[0])) for f in (hairs, strokes)
    )
    tooth = noise(SIZE, (1.7, 1.7), rng)
    load = 0.55 * streak + 0.6 * broad + 0.35 * fractal(SIZE, (150, 150), rng, 3)
    tone = 1 + 0.080 * load + 0.018 * tooth
    bare = 0.6 * smoothstep(1.7, 2.9, -0.75 * load - 0.5 * streak + 0.5 * tooth)
    hue = 0.045 * noise(SIZE, (260, 200), rng) + 0.02 * broad
    return Brushing(tone.astype(np.float32), bare, hue.astype(np.float32))


def _snip(piece: Points, rng: np.random.Generator) -> Points:
    """Return the outline as short straight cuts of uneven length."""
    step = np.linalg.norm(np.diff(piece, axis=0, append=piece[:1]), axis=1)
    along = np.concatenate([[0], np.cumsum(step)])
    closed = np.vstack([piece, piece[:1]])
    cuts = np.cumsum(rng.uniform(2.5, 9, int(along[-1] / 2.5) + 2))
    cuts = cuts[cuts < along[-1]]
    out = np.stack([np.interp(cuts, along, closed[:, c]) for c in (0, 1)], axis=1)
    return np.asarray(out + rng.normal(0, 0.35, out.shape))


def seaweed(
    root: Points, turn: float, length: float, lobes: int, rng: np.random.Generator
) -> list[Points]:
    """Return a leaf with rounded arms on both sides of a bending stem."""
    s = np.linspace(0, 1, 60)
    turns = turn + rng.normal(0, 0.25) * s + 0.22 * np.sin(2 * np.pi * s * rng.uniform(0.5, 1))
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / 60
    stem = np.asarray(root) + np.cumsum(steps, axis=0)
    pieces = [_arm(stem, length * 0.036)]
    for i in range(lobes):
        place = 0.12 + 0.72 * i / max(lobes - 1, 1)
        for side in (-1, 1):
            j = int(min(place + rng.uniform(-0.03, 0.03), 0.9) * 59)
            reach = length * (0.36 - 0.22 * place) * rng.uniform(0.85, 1.15)
            lean = turns[j] + side * (1.05 - 0.35 * place + rng.normal(0, 0.06))
            bend = lean + side * (0.55 * s[::4] - 0.9 * s[::4] ** 2)
            arm = np.cumsum(np.stack([np.cos(bend), np.sin(bend)], axis=1), axis=0) * reach / 15
            pieces.append(_arm(np.vstack([stem[j], stem[j] + arm]), length * 0.040, True))
    return pieces


def _arm(line: Points, half: float, swell: bool = False) -> Points:
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    s = np.linspace(0, 1, len(line))
    shape = (0.55 + 0.75 * s - 0.2 * s**2) if swell else (1.1 - 0.5 * s)
    side = normal * (half * shape * np.sqrt(np.clip(1.03 - s**7, 0, 1)))[:, None]
    return np.concatenate([line + side, (line - side)[::-1]])


def pebble(center: Points, radius: float, squash: float, rng: np.random.Generator) -> Points:
    """Return a round fruit or stone, cut by eye."""
    turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    r = radius * (1 + 0.10 * rng.normal(0, 1, 10))
    ring = np.stack([r * np.cos(turn), squash * r * np.sin(turn)], axis=1) + center
    return spline(np.vstack([ring, ring[:1]]), 90)


def bird(center: Points, size: float) -> Points:
    """Return a flying bird, ``size`` px from bill to tail."""
    outline = np.array(
        [
            (0.50, -0.06),
            (0.38, -0.12),
            (0.27, -0.10),
            (0.16, -0.08),
            (0.13, -0.26),
            (0.02, -0.46),
            (-0.12, -0.54),
            (-0.09, -0.34),
            (-0.10, -0.10),
            (-0.26, 0.00),
            (-0.50, -0.06),
            (-0.40, 0.04),
            (-0.52, 0.14),
            (-0.28, 0.13),
            (-0.12, 0.16),
            (-0.20, 0.34),
            (-0.14, 0.48),
            (0.02, 0.36),
            (0.10, 0.15),
            (0.24, 0.10),
            (0.33, 0.01),
        ]
    )
    return spline(np.vstack([outline, outline[:1]]), 160) * size + center


def paint(scale: float = 1.0, seed: int = 8) -> Field:
    """Paint the plate ``(768, 1024, 3)`` times ``2 * scale``, in [0, 255]."""
    rng = np.random.default_rng(seed)
    table = Table(2 * scale, rng)
    _grounds(table, rng)
    _garden(table, rng)
    return np.clip(table.pixels, 0, 255)


def _grounds(table: Table, rng: np.random.Generator) -> None:
    blocks = (
        (-40, -40, 1100, 900, CREAM),
        (-12, -12, 262, 330, ULTRA),
        (250, -12, 270, 250, YELLOW),
        (512, -12, 300, 300, COBALT),
        (800, -12, 240, 262, PINK),
        (-12, 308, 232, 480, ORANGE),
        (212, 236, 318, 296, EMERALD),
        (520, 286, 290, 240, CREAM),
        (796, 240, 240, 300, RED),
        (208, 522, 330, 260, SKY),
        (528, 512, 280, 270, MAGENTA),
        (800, 528, 240, 260, ULTRA),
    )
    for x, y, w, h, color in blocks:
        corner = np.array([(0, 0), (w, 0), (w, h), (0, h)], float) + np.array([x, y])
        table.lay([corner + rng.normal(0, 4, (4, 2))], color, 0.5)


def _garden(table: Table, rng: np.random.Generator) -> None:
    for x, y, w, h, color in (
        (300, 24, 190, 200, ORANGE),
        (36, 470, 170, 250, PINK),
        (590, 560, 180, 190, YELLOW),
        (850, 290, 160, 210, BLACK),
    ):
        oval = pebble(np.array([x + w / 2, y + h / 2]), w / 2, h / w, rng)
        table.lay([oval], color, 0.7)
    for x, y, turn, length, lobes, color in LEAVES:
        table.lay(seaweed(np.array([x, y], float), turn, length, lobes, rng), color, 1.0)
    table.lay([bird(np.array([662, 402]), 215)], ULTRA, 1.3)
    table.lay([bird(np.array([566, 70]), 80)], CREAM, 1.1)
    stones = (
        (226, 300, 30, RED),
        (794, 268, 30, CREAM),
        (212, 596, 26, YELLOW),
        (60, 350, 26, CREAM),
        (806, 560, 24, RED),
        (500, 500, 22, ORANGE),
        (40, 60, 26, ORANGE),
        (986, 40, 24, ULTRA),
    )
    for x, y, radius, color in stones:
        table.lay([pebble(np.array([x, y]), radius, rng.uniform(0.8, 1.2), rng)], color, 1.2)
