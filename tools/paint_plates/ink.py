"""A pine above the valley: pen, sepia and indigo washes on warm paper.

Mountains are height fields of noise: the lines run down their slopes and thicken on the side away
from the light. The tree is a tree of cylinders, hatched around; its needles are fans of strokes.
Indigo washes lie on what is far and sepia washes on what is near.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.hatching import Form, Pen
from paint_plates.noise import Field, fractal, grow, noise, rgb, smoothstep, warp
from paint_plates.paper import stain, wash, washi
from paint_plates.pine import Branch, grow_pine, needles, rasterize

SIZE = (768, 1024)
PAPER, INK, SEPIA, INDIGO, RUST = rgb("efe3c8", "231a18", "9a6238", "41567f", "b0552f")
SUN = (836.0, 116.0, 40.0)  # x, y, radius


def paint(scale: float = 1.0, seed: int = 21) -> Field:
    """Paint the plate ``(768, 1024, 3)`` times ``2 * scale``, in [0, 255]."""
    rng = np.random.default_rng(seed)
    pen = Pen(SIZE, 2 * scale)
    tree = grow_pine(np.array([236.0, 796.0]), rng)
    lines = _ridges(rng)
    y = np.arange(SIZE[0], dtype=np.float32)[:, None]
    masks = [y > line[None] for line in lines]
    _sky(pen, masks[0], rng)
    for number, (line, mask) in enumerate(zip(lines, masks, strict=True)):
        pen.clear(mask)
        front = masks[number + 1] if number + 1 < len(masks) else np.zeros_like(mask)
        _mountain(pen, (line, mask, front), number, rng)
    _pine(pen, tree, rng)
    picture = _washes(masks, tree, rng)
    picture = grow(picture, pen.ink.shape)
    bite = 0.93 + 0.05 * grow(noise(SIZE, (1.6, 1.6), rng), pen.ink.shape)
    cover = (pen.ink.astype(np.float32) / 255 * np.clip(bite, 0, 1))[..., None]
    return np.clip(picture * (1 - cover) + INK * cover, 0, 255)


def _ridges(rng: np.random.Generator) -> list[Field]:
    """Return the skylines (px from the top at every column), from far to near."""
    x = np.arange(SIZE[1], dtype=np.float32)
    shapes = (
        (300, 92, 610, 150, 0.50),
        (392, 78, 900, 170, 0.42),
        (486, 62, 420, 210, 0.35),
        (648, 52, 1000, 330, 0.25),
    )
    lines = []
    for base, rise, peak, spread, rough in shapes:
        crags = sum(
            rough * 2.0**-i * np.abs(noise((1, SIZE[1]), (150 / 1.9**i, 1), rng)[0])
            for i in range(5)
        )
        line = base - rise * (1.5 * np.exp(-(np.abs((x - peak) / spread) ** 1.4)) + crags)
        lines.append(np.asarray(line, np.float32))
    return lines


def _sky(pen: Pen, land: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Engrave the sky in long waving lines that leave the clouds white."""
    x, y = np.meshgrid(np.arange(SIZE[1], dtype=np.float32), np.arange(SIZE[0], dtype=np.float32))
    psi = y + 26 * noise(SIZE, (230, 120), rng) + 9 * noise(SIZE, (80, 60), rng)
    gy, gx = np.gradient(psi)
    clouds = fractal(SIZE, (210, 84), rng, 4)
    sun = smoothstep(120, 50, np.hypot(x - SUN[0], y - SUN[1]))
    dark = 0.62 - 0.30 * y / 400 - 0.36 * smoothstep(-0.1, 0.9, clouds) - 0.9 * sun
    dark = dark + 0.28 * smoothstep(0.9, 0.4, np.abs(clouds - 0.15) * 4)
    layers = ((0.0, 0.14), (0.55, 0.62))
    pen.hatch(Form(~land, np.arctan2(-gx, gy), dark.astype(np.float32), 4.8, layers), rng)
    turn = np.linspace(0, 2 * np.pi, 90)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1) * SUN[2] + SUN[:2]
    pen.contour(ring, 1.5, rng)


def _mountain(
    pen: Pen,
    place: tuple[Field, NDArray[np.bool_], NDArray[np.bool_]],
    number: int,
    rng: np.random.Generator,
) -> None:
    line, mask, front = place
    cell = (120 + 55 * number, 170 + 60 * number)
    depth = np.arange(SIZE[0], dtype=np.float32)[:, None] - line[None]
    # ribs run down from the crags of the skyline: the same noise, leaning as it goes down
    x = np.arange(SIZE[1], dtype=np.float32)[None]
    lean = 0.35 * depth * np.sin(x / 130 + number)
    relief = warp(fractal(SIZE, cell, rng, 3), lean, 0 * lean)
    facet = np.tanh(1.6 * np.gradient(relief, axis=1) * cell[0] / 3)
    facet = cv2.GaussianBlur(facet.astype(np.float32), (0, 0), 2.0)
    mist = smoothstep(170 + 30 * number, 30, depth) if number < 3 else np.ones_like(depth)
    dark = (0.34 + 0.05 * number + 0.42 * facet) * (0.25 + 0.75 * mist)
    dark = dark + 0.22 * smoothstep(16, 2, depth) * (facet > 0) - 0.06 * (3 - number) / 3
    slope = np.arctan(np.gradient(cv2.GaussianBlur(line[None], (0, 0), 14)[0]))[None]
    angle = np.pi / 2 - 0.75 * facet + 0.5 * slope + 0.15 * noise(SIZE, (90, 90), rng)
    if number == 3:  # the ground: lines along it, with tufts
        angle = slope + 0.5 * facet + 0.25 * noise(SIZE, (120, 50), rng)
    form = Form(mask & ~front, angle.astype(np.float32), np.clip(dark, 0, 1), 3.4 + 0.5 * number)
    pen.hatch(form, rng)
    skyline = np.stack([np.arange(SIZE[1]), line], axis=1)[::2].astype(np.float32)
    pen.contour(skyline, 1.1 + 0.4 * number, rng)
    if number == 3:
        _grass(pen, mask, rng)


def _grass(pen: Pen, mask: NDArray[np.bool_], rng: np.random.Generator) -> None:
    ys, xs = np.nonzero(mask)
    thick = noise(SIZE, (110, 40), rng)
    for pick in rng.integers(0, len(ys), 700):
        root = np.array([xs[pick], ys[pick]], float)
        if thick[ys[pick], xs[pick]] < 0.2:
            continue
        for _ in range(4):
            s = np.linspace(0, 1, 7)
            lean, tall = rng.normal(0.15, 0.35), rng.uniform(8, 20)
            blade = root + np.stack([lean * tall * s**1.6, -tall * s], axis=1)
            pen.line(blade + np.array([rng.normal(0, 2.5), 0]), 1.3 * (1 - 0.8 * s))


def _pine(pen: Pen, tree: list[Branch], rng: np.random.Generator) -> None:
    mask, angle, dark = rasterize(tree, SIZE)
    pen.clear(mask)
    layers = ((0.0, 0.10), (0.9, 0.5), (1.57, 0.66))
    bark = np.clip(dark + 0.16 * noise(SIZE, (9, 22), rng), 0, 1).astype(np.float32)
    pen.hatch(Form(mask, angle, bark, 3.2, layers), rng)
    edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for edge in edges:
        if len(edge) > 12:
            smooth = cv2.blur(edge[:, 0].astype(np.float32), (1, 5))
            pen.contour(np.asarray(smooth, np.float32), 1.7, rng)
    needles(pen, tree, rng)


def _washes(masks: list[NDArray[np.bool_]], tree: list[Branch], rng: np.random.Generator) -> Field:
    """Return the paper with its washes ``(768, 1024, 3)``."""
    x, y = np.meshgrid(np.arange(SIZE[1], dtype=np.float32), np.arange(SIZE[0], dtype=np.float32))
    picture = (PAPER * washi(SIZE, rng)[..., None]).astype(np.float32)
    wood, _, dark = rasterize(tree, SIZE)
    sun = smoothstep(SUN[2] + 1, SUN[2] - 1, np.hypot(x - SUN[0], y - SUN[1]))
    open_sky = (1 - sun) * ~masks[0] * ~wood
    sky = smoothstep(250, 20, y + 46 * fractal(SIZE, (240, 120), rng, 3)) * open_sky
    picture = stain(picture, 0.55 * wash(sky, rng), INDIGO)
    picture = stain(picture, 0.8 * wash(sun, rng), RUST)
    for number, mask in enumerate(masks):
        front = masks[number + 1] if number + 1 < len(masks) else np.zeros_like(mask)
        body = (mask & ~front & ~wood).astype(np.float32)
        first = np.argmax(mask, axis=0)[None]
        fade = smoothstep(150 + 60 * number, 0, y - first)
        if number == 3:  # the ground darkens towards us
            fade = smoothstep(0, 170, y - first)
        color = (INDIGO, INDIGO, 0.3 * INDIGO + 0.7 * SEPIA, SEPIA)[number]
        strength = (0.36, 0.62, 0.5, 0.72)[number]
        picture = stain(picture, strength * wash(body * (0.25 + 0.75 * fade), rng), color)
        shade = body * smoothstep(0.2, 0.5, fractal(SIZE, (150, 90), rng, 3))
        picture = stain(picture, 0.30 * wash(shade.astype(np.float32), rng), color)
    picture = stain(picture, 0.7 * wash(np.where(wood, 0.3 + dark, 0), rng), SEPIA)
    crown = np.zeros(SIZE, np.float32)
    for branch in tree:
        if branch.tip:
            cx, cy = branch.line[-1]
            crown = np.maximum(crown, smoothstep(34, 26, np.hypot(x - cx, 1.5 * (y - cy + 4))))
    return stain(picture, 0.45 * wash(crown, rng), 0.75 * INDIGO + 0.25 * SEPIA)
