"""Waves at sunrise: a print in flat inks with carved lines.

Back to front: a sky that fades (bokashi), a vermilion sun, bars of mist, hills, and then waves. A
wave is a body in deep blue, tapering stripes of paler blue that run up into the lip, a crust of
foam with fingers that run down the stripes, claws along the lip, and spray.
"""

import numpy as np

from paint_plates.carving import Points, Sheet
from paint_plates.noise import Field, rgb
from paint_plates.waves import Wave, claw, disc, spline

SIZE = (768, 1024)
PAPER, CREAM, PALE, LIGHT, MIDDLE, PRUSSIAN, DEEP, LINE = rgb(
    "efe0bf", "f6ebd0", "bccfc6", "86aeb6", "3f7699", "1d4777", "132c56", "101a36"
)
VERMILION, OCHRE = rgb("d7412a", "d9a24a")
CENTER = (640.0, 262.0)  # of the sun


def paint(scale: float = 1.0, seed: int = 7) -> Field:
    """Paint the plate ``(768, 1024, 3)`` times ``2 * scale``, in [0, 255]."""
    rng = np.random.default_rng(seed)
    sheet = Sheet(SIZE, 2 * scale, PAPER)
    _sky(sheet, rng)
    _hills(sheet, rng)
    _sea(sheet, rng)
    for wave in (Wave(560, 560, 92), Wave(770, 566, 118, -1), Wave(420, 590, 130)):
        _wave(sheet, wave, rng)
    _swell(sheet, rng)
    _wave(sheet, Wave(960, 668, 330, -1, 0.92), rng)
    _wave(sheet, Wave(250, 712, 560, 1, 0.80), rng)
    _wave(sheet, Wave(640, 800, 190, 1, 1.3), rng)
    _seal(sheet)
    return sheet.printed(rng)


def _box(top: float, bottom: float) -> Points:
    return np.array([[-9, top], [SIZE[1] + 9, top], [SIZE[1] + 9, bottom], [-9, bottom]])


def _sky(sheet: Sheet, rng: np.random.Generator) -> None:
    sheet.fade(_box(-9, 200), PRUSSIAN, PAPER, (0, 150))
    sheet.fade(_box(200, 620), PAPER, OCHRE, (300, 560))
    sheet.fill(disc(np.array(CENTER), 88, rng, 0.15), VERMILION)
    for x, y, length, height in (
        (590, 306, 300, 20),
        (900, 218, 330, 20),
        (830, 168, 150, 12),
        (130, 150, 330, 20),
        (300, 122, 190, 13),
        (640, 118, 260, 15),
    ):
        shapes = []
        for row in range(3):
            half = 0.5 * length * (1, 0.62, 0.8)[row]
            middle = x + (0, 0.22, -0.14)[row] * length
            top = y + (row - 1) * height * 0.92
            end = np.linspace(-np.pi / 2, np.pi / 2, 12)
            cap = 0.5 * height * np.stack([np.cos(end), np.sin(end)], axis=1)
            right, left = np.array([middle + half, top]) + cap, np.array([middle - half, top]) - cap
            shapes.append(np.concatenate([right, left]))
        sheet.union(shapes, CREAM, MIDDLE, 1.1)
        for row in range(3):
            half = 0.5 * length * (1, 0.62, 0.8)[row] * 0.8
            middle = x + (0, 0.22, -0.14)[row] * length + rng.normal(0, 10)
            line = np.linspace((middle - half, 0), (middle + half, 0), 20)
            line[:, 1] = y + (row - 0.8) * height * 0.92
            sheet.carve(line, 2.2, PALE, rng)


def _hills(sheet: Sheet, rng: np.random.Generator) -> None:
    for base, rise, shade, foot, phase in (
        (500, 96, LIGHT, PAPER, 0.4),
        (520, 62, MIDDLE, PALE, 2.2),
    ):
        x = np.linspace(-10, SIZE[1] + 10, 300)
        line = base - rise * (
            0.5 + 0.32 * np.sin(x / 118 + phase) + 0.2 * np.sin(x / 51 + 2 * phase)
        )
        line += 2.0 * np.sin(x / 9 + phase) + rng.normal(0, 0.7, 300)
        top = np.stack([x, line], axis=1)
        sheet.fade(
            np.vstack([top, [SIZE[1] + 9, 640], [-9, 640]]), shade, foot, (base - rise, base + 30)
        )
        sheet.carve(top, 2.2, LINE, rng)
        for _ in range(70):  # gullies
            i = int(rng.integers(5, 290))
            down = np.linspace(0, 1, 9)[:, None] * (rng.normal(0, 9), rng.uniform(10, 34))
            sheet.carve(top[i] + (0, 4) + down, 1.5, PRUSSIAN, rng)


def _sea(sheet: Sheet, rng: np.random.Generator) -> None:
    sheet.fade(_box(528, 800), LIGHT, DEEP, (528, 640))
    y = 530.0
    while y < 700:
        x = np.linspace(-10, SIZE[1] + 10, 160)
        swing = 1.2 + (y - 528) * 0.05
        line = y + swing * (np.sin(x / (14 + swing * 3) + rng.uniform(0, 6)) + np.sin(x / 61))
        start = int(rng.integers(0, 60))
        part = np.stack([x, line], axis=1)[start : start + int(rng.integers(50, 160))]
        sheet.carve(
            part, 1.6 + 0.012 * (y - 528), (LINE, PALE, PRUSSIAN, CREAM)[rng.integers(4)], rng
        )
        y += rng.uniform(2.2, 5.5)


def _swell(sheet: Sheet, rng: np.random.Generator) -> None:
    """Cut the near sea into long crescents of water, one below the other."""
    sheet.fade(_box(598, 800), MIDDLE, DEEP, (590, 650))
    for row in range(17):
        y = 600 + 5.6 * row + 0.35 * row**1.6
        x = rng.uniform(-260, 0)
        while x < SIZE[1]:
            length = rng.uniform(90, 230) * (1 + 0.05 * row)
            s = np.linspace(0, 1, 40)
            sag = (0.05 * length) * np.sin(np.pi * s) * (1 if row % 2 else -1)
            upper = np.stack([x + s * length, y + sag], axis=1)
            belly = rng.uniform(2.0, 6.5) * (1 + 0.06 * row) * np.sin(np.pi * s) ** 0.8
            lower = upper + np.stack([np.zeros(40), belly], axis=1)
            ink = (MIDDLE, LIGHT, MIDDLE, PALE, PRUSSIAN, CREAM)[rng.integers(6)]
            sheet.fill(np.concatenate([upper, lower[::-1]]), ink)
            sheet.carve(lower, 1.7, LINE, rng)
            x += length * rng.uniform(0.75, 1.05)


def _wave(sheet: Sheet, wave: Wave, rng: np.random.Generator) -> None:
    fine = 1.1 + wave.height / 330  # width of the key line, px
    sheet.fade(wave.body(900), PRUSSIAN, DEEP, (wave.y - 0.8 * wave.height, wave.y))
    count = int(7 + wave.height / 42)
    edges = np.sort(np.linspace(0.03, 0.97, count + 1) + rng.normal(0, 0.012, count + 1))
    inks = (LIGHT, MIDDLE, PALE, MIDDLE, LIGHT, CREAM)
    for i in range(count):
        width = (edges[i + 1] - edges[i]) * rng.uniform(0.45, 0.8)
        begin, end = rng.uniform(0.0, 0.2), rng.uniform(0.86, 0.97)
        band = wave.band(edges[i], edges[i] + width, begin, end)
        sheet.fill(band, inks[(i + int(rng.integers(2))) % 6])
        sheet.carve(band[:120], 0.9 * fine, LINE, rng)
    t = np.linspace(0, 1, 160)
    sheet.carve(wave.at(t, np.zeros(160)), 1.6 * fine, LINE, rng)
    sheet.carve(wave.at(t, np.ones(160)), 1.4 * fine, LINE, rng)
    if wave.height > 150:
        _echo(sheet, wave, fine, rng)
    _foam(sheet, wave, fine, rng)


def _echo(sheet: Sheet, wave: Wave, fine: float, rng: np.random.Generator) -> None:
    """Repeat the foot of the hollow below itself, in broken crescents."""
    low = 10.0
    while low < 230:  # px below the foot
        start = rng.uniform(0.0, 0.14)
        while start < 0.34:
            t = np.linspace(start, min(start + rng.uniform(0.06, 0.16), 0.42), 40)
            upper = wave.at(t, np.ones(40)) + np.array([0, low])
            belly = rng.uniform(3, 9) * np.sin(np.pi * np.linspace(0, 1, 40)) ** 0.7
            lower = upper + np.stack([0.3 * wave.facing * belly, belly], axis=1)
            ink = (MIDDLE, LIGHT, MIDDLE, PALE, PRUSSIAN)[rng.integers(5)]
            sheet.fill(np.concatenate([upper, lower[::-1]]), ink)
            sheet.carve(lower, 0.8 * fine, LINE, rng)
            start = float(t[-1]) + rng.uniform(-0.02, 0.03)
        low += rng.uniform(11, 19)
    for k in np.linspace(0.02, 0.98, int(6 + wave.height / 24)):  # thin cuts up the body
        t = np.linspace(rng.uniform(0.0, 0.3), rng.uniform(0.36, 0.62), 60)
        sheet.carve(wave.at(t, k), 0.8 * fine, (LIGHT, MIDDLE, PALE, LINE)[rng.integers(4)], rng)


def _crust(wave: Wave, depth: float, rng: np.random.Generator) -> list[Points]:
    """Return the foam between the lip and `t = depth`, with scalloped fingers down the stripes."""
    count = int(5 + wave.height / 40)
    k = np.linspace(0, 1, 240)
    # long and short fingers by turns, with round ends and narrow gaps
    finger = np.abs(np.sin(np.pi * count * (k + 0.02 * np.sin(11 * k)))) ** 0.45
    reach = np.interp(k, np.linspace(0, 1, count), rng.uniform(0.02, 0.16, count))
    t0 = depth + 0.07 - finger * reach + 0.12 * (k - 0.3) ** 2
    top, face = np.linspace(1, float(t0[0]), 60), np.linspace(float(t0[-1]), 1, 60)
    out = [np.concatenate([wave.at(top, np.zeros(60)), wave.at(t0, k), wave.at(face, np.ones(60))])]
    for place in np.linspace(float(t0[0]) + 0.02, 0.99, 3 * count):  # knuckles along the back
        radius = wave.height * rng.uniform(0.010, 0.024)
        out.append(disc(wave.at(place, 0.02), radius, rng))
    return out


def _claws(wave: Wave, rng: np.random.Generator) -> list[list[Points]]:
    """Return hooks that hang from the lip into the hollow, and a few that leap ahead of the tip."""
    claws: list[list[Points]] = []
    for t in np.linspace(0.60, 1.0, 13) ** 0.9:
        for k in (1.0, 0.0):
            if k == 0.0 and t < 0.88:
                continue
            down = (1.05 if k else 0.15) + 0.6 * (1 - t) + rng.normal(0, 0.2)
            turn = down if wave.facing > 0 else np.pi - down
            curl = wave.facing * rng.uniform(1.5, 2.5)
            length = wave.height * rng.uniform(0.14, 0.22) * (1 if k else 0.7)
            # the root is inside the foam, so that the crust covers it
            root = wave.at(t, 0.86 if k else 0.06)
            claws.append(claw(root, turn, length, curl, rng))
    return claws


def _foam(sheet: Sheet, wave: Wave, fine: float, rng: np.random.Generator) -> None:
    sheet.union(_crust(wave, 0.58, rng), PALE, LINE, 0.8 * fine)
    sheet.union(_crust(wave, 0.665, rng), CREAM, LINE, 0.7 * fine)
    for shapes in _claws(wave, rng):
        sheet.union(shapes, CREAM, LINE, 0.7 * fine)
        for shape in shapes[:4]:
            half = len(shape) // 2
            spine = 0.5 * (shape[:half] + shape[half:][::-1])
            sheet.carve(spine[2:-3], 0.8 * fine, LIGHT, rng)
    _curls(sheet, wave, fine, rng)
    _spray(sheet, wave, fine, rng)


def _curls(sheet: Sheet, wave: Wave, fine: float, rng: np.random.Generator) -> None:
    """Cut streaks along the lip and small scallops into the foam."""
    for k in np.linspace(0.07, 0.93, int(5 + wave.height / 40)):
        begin = 0.70 + 0.10 * rng.random()
        t = np.linspace(begin, begin + rng.uniform(0.08, 0.26), 30)
        sheet.carve(
            wave.at(np.minimum(t, 0.99), k), 1.2 * fine, (PALE, LIGHT)[rng.integers(2)], rng
        )
    for _ in range(int(10 + wave.height / 6)):
        t, k = 0.67 + 0.27 * rng.random() ** 1.4, rng.uniform(0.04, 0.96)
        radius = wave.height * rng.uniform(0.008, 0.020) * (1.35 - 0.6 * t)
        turn = np.linspace(-0.4, np.pi + 0.6, 16) + rng.normal(0, 0.5)
        arc = wave.at(t, k) + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        sheet.carve(arc, 0.95 * fine, (MIDDLE, LIGHT, LIGHT)[rng.integers(3)], rng)


def _spray(sheet: Sheet, wave: Wave, fine: float, rng: np.random.Generator) -> None:
    for _ in range(int(16 + wave.height / 5)):
        root = wave.at(rng.uniform(0.6, 1), 0.0)
        away = (0.02 + np.abs(rng.normal(0, 0.12, 2))) * wave.height * (wave.facing, -0.5)
        size = min(rng.lognormal(-0.1, 0.55), 1.8)
        radius = max(0.9, wave.height * 0.0045 * size)
        drop = disc(root + away + (0, 0.08 * wave.height * rng.normal()), radius, rng)
        sheet.union([drop], CREAM, LINE, 0.45 * fine)


def _seal(sheet: Sheet) -> None:
    """Stamp the maker's seal: a bird cut out of a vermilion square."""
    x, y, side = 958.0, 34.0, 38.0
    corner = np.array([[0, 0.03], [0.98, 0], [1, 0.97], [0.02, 1]]) * side + (x, y)
    sheet.fill(corner, VERMILION)
    bird = np.array(
        [
            (0.14, 0.52),
            (0.34, 0.40),
            (0.42, 0.24),
            (0.60, 0.16),
            (0.72, 0.26),
            (0.88, 0.30),
            (0.72, 0.38),
            (0.70, 0.58),
            (0.52, 0.76),
            (0.34, 0.78),
            (0.12, 0.90),
            (0.26, 0.66),
        ]
    )
    sheet.fill(spline(np.vstack([bird, bird[:1]]), 60) * side + (x, y), CREAM)
