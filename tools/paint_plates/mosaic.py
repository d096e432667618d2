"""The bowerbird in a vine: glass tesserae along every form.

Each form (a leaf, a wing, the halo) is filled as a mosaicist does it: a row of stones along its
outline, then a row inside that, and so on, which are the level lines of the distance to its edge.
Bare places in the middle get small odd stones. A stone takes its color from the form's family of
colors, is cut a little crooked, and stands a little proud of the grout, which the lamp shows.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.brush import lamp
from paint_plates.noise import Field, fractal, grow, noise, ramp, rgb
from paint_plates.waves import spline

SIZE = (768, 1024)
MARGIN = 40  # px around the plate, so that no row follows its border
CENTER = np.array([520.0, 352.0])  # of the halo
GROUT = rgb("3b3029")[0]
Points = NDArray[np.floating]

NIGHT = rgb("0c1c3f", "143468", "1c568f", "2a83a8", "6fb8bd")
GOLD = rgb("8a5a1c", "c08a2a", "e4b545", "f4d67c", "fbeeb8")
CLAY = rgb("6e2118", "a8341f", "d0552b", "e88a4c")
PEARL = rgb("b9a98c", "dccfae", "f3ead0", "fbf6e6")
LEAF = rgb("12392c", "1d6445", "4c9150", "9bbf58", "d9dc86")
BARK = rgb("2f1a14", "5b3420", "8a5930", "bd8a4b")
PLUME = rgb("10103a", "23247a", "3d49b0", "6f7fd0", "a9b6e6")
WING = rgb("0d2f5a", "12608c", "1f93a8", "63c3b8", "c4e6cf")
ROSE = rgb("7c2438", "b8434e", "e0786a", "f2b199")


@dataclass(frozen=True)
class Part:
    """A form to be filled: where, its colors, the tone in [0, 1] everywhere, the stone (px)."""

    mask: NDArray[np.bool_]
    colors: NDArray[np.float64]
    tone: NDArray[np.floating]
    stone: float = 11.0


class Wall:
    """Stones set so far: ``(H, W, 4)`` uint8, red, green, blue and height, with the margin."""

    def __init__(self, k: float) -> None:
        self.k = k
        shape = (round((SIZE[0] + 2 * MARGIN) * k), round((SIZE[1] + 2 * MARGIN) * k), 4)
        self.pixels = np.zeros(shape, np.uint8)
        self.pixels[..., :3] = GROUT
        self.pixels[..., 3] = 50

    def stone(self, corners: Points, color: NDArray[np.floating], height: float) -> None:
        """Set a stone and the grout around it."""
        middle = corners.mean(axis=0)
        out = corners - middle
        around = corners + 1.3 * out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-6)
        for shape, value in ((around, [*GROUT, 50]), (corners, [*color, height])):
            fixed = np.round(shape * self.k * 16).astype(np.int32)
            cv2.fillPoly(self.pixels, [fixed], [float(v) for v in value], cv2.LINE_AA, 4)


def paint(scale: float = 1.0, seed: int = 3) -> Field:
    """Paint the plate ``(768, 1024, 3)`` times ``2 * scale``, in [0, 255]."""
    rng = np.random.default_rng(seed)
    k = 2 * scale
    wall = Wall(k)
    for part in _visible(_parts(rng)):
        _fill(wall, part, rng)
    m = round(MARGIN * k)
    pixels = wall.pixels[m : m + round(SIZE[0] * k), m : m + round(SIZE[1] * k)]
    shape = pixels.shape[:2]
    grit = grow(fractal(SIZE, (3, 3), rng, 2), shape)
    cloud = grow(fractal(SIZE, (7, 4), rng, 2), shape)
    color = pixels[..., :3] * (1 + 0.045 * cloud + 0.03 * grit)[..., None]
    height = pixels[..., 3].astype(np.float32) / 255 + 0.02 * cloud
    return lamp(color.astype(np.float32), height, k, 0.8)


def _visible(parts: list[Part]) -> list[Part]:
    """Cut from every part what later parts cover."""
    covered = np.zeros_like(parts[0].mask)
    out: list[Part] = []
    for part in reversed(parts):
        out.append(Part(part.mask & ~covered, part.colors, part.tone, part.stone))
        covered |= part.mask
    return out[::-1]


def _fill(wall: Wall, part: Part, rng: np.random.Generator) -> None:
    inside = part.mask.astype(np.uint8)
    if not inside.any():
        return
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    done = 1 - inside
    for level in np.arange(0.5 * part.stone, float(distance.max()), part.stone):
        level_set = (distance >= level).astype(np.uint8)
        lines, _ = cv2.findContours(level_set, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for line in lines:
            _row(wall, part, line[:, 0].astype(np.float64), done, rng)
    for _ in range(3):
        bare = cv2.distanceTransform(1 - done, cv2.DIST_L2, 3)
        ys, xs = np.nonzero(bare > 0.27 * part.stone)
        for pick in rng.permutation(len(ys)):
            x, y = xs[pick], ys[pick]
            if done[y, x]:
                continue
            sides = int(rng.integers(3, 5))
            turn = (np.arange(sides) + rng.uniform(-0.2, 0.2, sides)) * 2 * np.pi / sides
            turn += rng.uniform(0, 2 * np.pi)
            ring = np.stack([np.cos(turn), np.sin(turn)], axis=1) * min(bare[y, x], 6.0) * 1.3
            _set(wall, part, np.array([x, y]) + ring, done, rng)


def _row(
    wall: Wall, part: Part, line: Points, done: NDArray[np.uint8], rng: np.random.Generator
) -> None:
    """Place stones along a closed line."""
    if len(line) < 4:
        return
    reach = 7
    wrapped = np.vstack([line[-reach:], line, line[:reach]])
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    smooth = np.stack([np.convolve(wrapped[:, c], kernel, "valid") for c in (0, 1)], axis=1)
    step = np.linalg.norm(np.diff(smooth, axis=0, append=smooth[:1]), axis=1)
    along = np.cumsum(step)
    count = int(along[-1] / (part.stone * rng.uniform(1.0, 1.2)))
    if count < 1:
        return
    cuts = (np.arange(count) + rng.uniform(-0.14, 0.14, count)) * along[-1] / count
    ends = np.append(cuts[1:], cuts[0] + along[-1])
    for a, b in zip(cuts, ends, strict=True):
        mid = np.searchsorted(along, ((a + b) / 2) % along[-1])
        center = smooth[mid % len(smooth)]
        tangent = smooth[(mid + 4) % len(smooth)] - smooth[(mid - 4) % len(smooth)]
        tangent = tangent / (np.linalg.norm(tangent) + 1e-6)
        normal = np.array([-tangent[1], tangent[0]])
        long, wide = 0.5 * (b - a) - 0.75, 0.5 * part.stone - 0.75
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        quad = np.array([center + s * long * tangent + t * wide * normal for s, t in signs])
        x, y = np.clip(center.astype(int), 0, (done.shape[1] - 1, done.shape[0] - 1))
        if not done[y, x]:
            _set(wall, part, quad + rng.normal(0, 0.055 * part.stone, (4, 2)), done, rng)


def _set(
    wall: Wall, part: Part, corners: Points, done: NDArray[np.uint8], rng: np.random.Generator
) -> None:
    x, y = np.clip(corners.mean(axis=0).astype(int), 0, (done.shape[1] - 1, done.shape[0] - 1))
    tone = np.clip(part.tone[y, x] + rng.normal(0, 0.12), 0, 1)
    color = ramp(part.colors, np.asarray(tone)) * rng.lognormal(0, 0.10) + rng.normal(0, 5, 3)
    wall.stone(corners, np.clip(color, 0, 255), float(rng.uniform(140, 215)))
    cv2.fillPoly(done, [np.round(corners).astype(np.int32)], 1)


def _shape(outline: Points) -> NDArray[np.bool_]:
    mask = np.zeros((SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN), np.uint8)
    cv2.fillPoly(mask, [np.round((np.asarray(outline) + MARGIN) * 16).astype(np.int32)], 1, 8, 4)
    return mask > 0


def _closed(*points: tuple[float, float]) -> Points:
    return spline(np.array([*points, points[0]], float), 200)


def _ribbon(line: Points, start: float, stop: float) -> Points:
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
    side = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    side *= np.linspace(start, stop, len(line))[:, None]
    return np.concatenate([line + side, (line - side)[::-1]])


def _disc(center: Points, radius: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    return center + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _parts(rng: np.random.Generator) -> list[Part]:
    size = (SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN)
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) - MARGIN for n in size[::-1]))
    r = np.hypot(x - CENTER[0], y - CENTER[1])
    drift = noise(size, (120, 90), rng)
    everywhere = np.ones(size, bool)
    ripple = 0.5 + 0.5 * np.sin(r / 17 + 0.6 * drift)
    parts = [
        Part(everywhere, NIGHT, 0.12 + 0.32 * ripple + 0.25 * y / 768 + 0.1 * drift, 12),
        Part(_shape(_disc(CENTER, 308)), CLAY, 0.45 + 0.15 * drift, 9),
        Part(_shape(_disc(CENTER, 290)), PEARL, 0.60 + 0.15 * drift, 7),
        Part(_shape(_disc(CENTER, 276)), GOLD, 0.95 - r / 420 + 0.10 * drift, 11),
    ]
    parts += _water(x, y, drift)
    parts += _vine(x, y, rng)
    return parts + _bird(x, y)


def _water(x: Field, y: Field, drift: Field) -> list[Part]:
    column = np.linspace(-60, SIZE[1] + 60, 200)
    out = []
    for i, colors in enumerate((WING, NIGHT, PEARL, WING, NIGHT)):
        line = 636 + 30 * i + 13 * np.sin(column / 62 + 1.9 * i)
        low = [(SIZE[1] + 60, 900), (-60, 900)]
        outline = np.vstack([np.stack([column, line], axis=1), low])
        out.append(Part(_shape(outline), colors, 0.5 + 0.2 * np.sin(x / 40 + i) + 0.1 * drift, 10))
    return out


def _vine(x: Field, y: Field, rng: np.random.Generator) -> list[Part]:
    stem = spline(np.array([(-60, 560), (120, 600), (300, 566), (470, 590), (640, 560), (800, 590),
                            (930, 520), (1080, 540)], float), 240)  # fmt: skip
    curls = [
        spline(np.array(p, float), 120)
        for p in (
            [(150, 600), (70, 470), (90, 300), (180, 210), (150, 100), (60, 60)],
            [(860, 570), (960, 440), (930, 300), (860, 210), (900, 90), (990, 50)],
            [(92, 330), (50, 290), (10, 220)],
            [(936, 322), (1010, 260), (1040, 180)],
        )
    ]
    wood = [Part(_shape(_ribbon(c, 9, 4)), BARK, 0.5 + 0.3 * np.sin(y / 9), 8) for c in curls]
    wood.append(Part(_shape(_ribbon(stem, 18, 13)), BARK, 0.45 + 0.4 * np.sin(y / 8), 9))
    out = []
    for c, places in zip(curls, ((0.2, 0.42, 0.62, 0.82, 1), (0.2, 0.42, 0.62, 0.82, 1),
                                 (0.5, 1), (0.5, 1)), strict=True):  # fmt: skip
        for number, place in enumerate(places):
            i = int(place * 119)
            ahead = c[min(i + 3, 119)] - c[max(i - 3, 0)]
            turn = np.arctan2(ahead[1], ahead[0]) + (-1) ** number * 0.95
            out += _leaf(c[i], turn, rng.uniform(88, 118), x, y)
    for place, side in ((0.13, -1), (0.30, 1), (0.66, 1), (0.78, -1), (0.9, 1)):
        turn = side * 1.0 if side > 0 else -1.9
        out += _leaf(stem[int(place * 239)], turn, 84, x, y)
    for cx, cy in ((236, 640), (262, 664), (226, 672), (724, 640), (752, 660), (716, 670),
                   (176, 160), (150, 182), (846, 160), (872, 184)):  # fmt: skip
        round_tone = 0.75 - 0.02 * (x - cx + y - cy)
        out.append(Part(_shape(_disc(np.array([cx, cy]), 18)), CLAY, round_tone, 7))
    return [*wood, *out]


def _leaf(root: Points, turn: float, length: float, x: Field, y: Field) -> list[Part]:
    """Return the two halves of a leaf, one in the light."""
    s = np.linspace(0, 1, 40)
    ahead, side = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    rib = root + ahead * (length * s)[:, None] + side * (0.10 * length * np.sin(np.pi * s))[:, None]
    belly = (0.30 * length * np.sin(np.pi * s**0.8))[:, None]
    halves = []
    for sign, base in ((1, 0.30), (-1, 0.72)):
        outline = np.concatenate([rib, (rib + sign * side * belly)[::-1]])
        along = ((x - root[0]) * ahead[0] + (y - root[1]) * ahead[1]) / length
        halves.append(Part(_shape(outline), LEAF, base + 0.22 * along - 0.1, 8))
    return halves


def _bird(x: Field, y: Field) -> list[Part]:
    body = _closed((640, 218), (690, 250), (700, 306), (676, 380), (640, 450), (574, 506),
                   (496, 524), (430, 512), (400, 490), (440, 430), (500, 350), (560, 270),
                   (596, 226))  # fmt: skip
    tail = _closed((452, 450), (478, 520), (400, 570), (300, 640), (246, 652), (262, 610),
                   (350, 530))  # fmt: skip
    breast = _closed((676, 300), (700, 318), (678, 384), (640, 450), (580, 502), (540, 512),
                     (590, 450), (640, 380))  # fmt: skip
    wing = _closed((592, 318), (616, 356), (596, 420), (530, 474), (440, 508), (350, 540),
                   (410, 470), (470, 392), (530, 336))  # fmt: skip
    bars = [_ribbon(spline(np.array(p, float), 60), 5, 2) for p in (
        [(590, 380), (510, 440), (410, 500)], [(596, 350), (500, 410), (400, 496)])]  # fmt: skip
    beak = np.array([(692, 258), (752, 272), (694, 290)], float)
    legs = [
        _ribbon(np.array([(p, 500.0), (p + 8, 540.0), (p + 4, 572.0)]), 5, 5) for p in (520, 566)
    ]
    shade = np.clip(0.30 + 0.0016 * (x - 400) - 0.0011 * (y - 350), 0, 1)
    feather = 0.5 + 0.5 * np.sin((x + 1.2 * y) / 13)
    return [
        *(Part(_shape(leg), CLAY, 0.7 + 0 * x, 6) for leg in legs),
        Part(_shape(tail), PLUME, 0.15 + 0.5 * feather, 9),
        Part(_shape(body), PLUME, 0.9 * shade - 0.06, 9),
        Part(_shape(breast), ROSE, 0.5 + 0.003 * (x - 620), 8),
        Part(_shape(wing), WING, 0.25 + 0.5 * feather, 9),
        *(Part(_shape(bar), PEARL, 0.7 + 0 * x, 7) for bar in bars),
        Part(_shape(beak), PEARL, 0.75 - 0.02 * (y - 262), 7),
        Part(_shape(_disc(np.array([650.0, 262.0]), 15)), PEARL, 0.9 + 0 * x, 6),
        Part(_shape(_disc(np.array([652.0, 262.0]), 7)), NIGHT, 0 * x, 7),
    ]
