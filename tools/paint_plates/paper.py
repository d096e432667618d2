"""Handmade paper, and watercolor that dries on it.

A wash is a film of pigment. It takes light away by Beer's law, `paper * (color / 255) ** density`,
and is thicker where a real one is: along its rim, where the water dried last, in the hollows of the
paper, where pigment settled in grains, and in blooms, where a second drop pushed it away.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from paint_plates.noise import Field, fractal, noise, smoothstep, warp


def washi(size: tuple[int, int], rng: np.random.Generator) -> Field:
    """Return the brightness of handmade paper around 1: cloud, tooth, and long fibers."""
    sheet = np.full(size, 128, np.uint8)
    for _ in range(1100):
        turn, length = rng.uniform(0, 2 * np.pi), rng.uniform(8, 42)
        turns = turn + np.linspace(0, rng.normal(0, 0.9), 9)
        step = np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / 9
        line = np.cumsum(step, axis=0) + rng.uniform(0, 1, 2) * (size[1], size[0])
        shade = int(rng.choice([96, 108, 150, 160]))
        cv2.polylines(
            sheet, [np.round(line * 16).astype(np.int32)], False, shade, 1, cv2.LINE_AA, 4
        )
    fibre = (cv2.GaussianBlur(sheet, (0, 0), 0.6).astype(np.float32) - 128) / 128
    tooth = 0.013 * noise(size, (1.5, 1.5), rng) + 0.02 * fractal(size, (200, 200), rng)
    return np.asarray(1 + 0.16 * fibre + tooth, np.float32)


def wash(cover: NDArray[np.floating], rng: np.random.Generator) -> Field:
    """Return the density of pigment, 0 to 2, of a wash over ``cover`` (1 inside, 0 outside)."""
    size = cover.shape[:2]
    dx, dy = (3.2 * noise(size, (38, 38), rng) + 1.2 * noise(size, (8, 8), rng) for _ in range(2))
    wet = warp(cover.astype(np.float32), dx, dy)
    soft = cv2.GaussianBlur(wet, (0, 0), 2.6)
    rim = np.clip(wet - soft, 0, 1) * (0.8 + 0.6 * noise(size, (70, 70), rng))
    flow = fractal(size, (190, 120), rng, 4)
    bloom = np.abs(fractal(size, (130, 110), rng, 3))
    edge = smoothstep(0.16, 0.02, bloom) * smoothstep(-0.2, 1.2, flow)
    grain = noise(size, (1.4, 1.4), rng) + 0.5 * noise(size, (2.6, 2.6), rng)
    film = 0.62 + 0.20 * flow + 0.10 * edge + 0.05 * grain * (1 + 0.4 * flow)
    return np.asarray(np.clip(wet * film + 1.1 * np.clip(rim, 0, 1), 0, 2), np.float32)


def stain(paper: Field, density: Field, color: NDArray[np.floating]) -> Field:
    """Return the paper ``(H, W, 3)`` in [0, 255] seen through the wash."""
    absorbed = np.log(np.clip(color, 2, 255) / 255)
    return np.asarray(paper * np.exp(density[..., None] * absorbed), np.float32)
