"""Scenes with known boxes and masks, to measure what finds things where nobody has drawn boxes.

Things are cut out of photographs of one clear subject and laid on other photographs, at known
places. Cutting out is a graph cut from a rectangle (Rother, Kolmogorov, Blake 2004, "GrabCut"),
which knows nothing of classes; a cut that looks wrong by its shape alone is thrown away. What is
pasted is by definition the true mask, so a cat without its tail counts as a whole cat.

Such scenes are easier than photographs where edges show and harder where light and place are
wrong (Dwibedi, Misra, Hebert 2017, arXiv:1708.01642, train on the like); a figure measured on
them compares methods, and is none for photographs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from bowerbird.pictures.pixels import fit_long_side, resize
from bowerbird.vision.results import Box
from bowerbird.vision.segmentation import bounding_box

SIDE = 256  # px of the long side while a thing is cut out
MARGIN = 0.04  # of the photograph around the rectangle that the cut begins from
ROUNDS = 5  # of the graph cut


@dataclass(frozen=True, eq=False)
class Cutout:
    """A thing without its surroundings."""

    name: str
    rgb: Float[Tensor, "3 h w"]  # 0..1
    opacity: Float[Tensor, "h w"]  # 0..1; its edge is one px soft


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and all that is truly in it."""

    rgb: Float[Tensor, "3 h w"]  # 0..1
    truth: tuple[Box, ...]  # with masks


@dataclass(frozen=True)
class SceneConfig:
    """How scenes are laid out."""

    height: int = 360
    """Height of a scene, px."""
    width: int = 480
    """Width of a scene, px."""
    things: tuple[int, int] = (1, 3)
    """Least and most things in a scene."""
    sizes: tuple[float, float] = (0.35, 0.75)
    """Least and most long side of a thing, over the scene's height; a wide thing is made to fit."""
    hidden: float = 0.1
    """Share of a thing that those laid later may hide, 0 to 1."""
    seed: int = 0
    """Which things go where."""

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 32:
            raise ValueError(f"a scene has 32 px a side or more, not {self.height} x {self.width}")
        if not 1 <= self.things[0] <= self.things[1]:
            raise ValueError(f"things are from 1 up, the least first, not {self.things}")
        if not 0 < self.sizes[0] <= self.sizes[1] <= 1:
            raise ValueError(f"sizes lie between 0 and 1, the least first, not {self.sizes}")
        if not 0 <= self.hidden < 1:
            raise ValueError(f"hidden lies between 0 and 1, not {self.hidden}")


def cut_out(name: str, rgb: Float[Tensor, "3 h w"]) -> Cutout | None:
    """Cut the subject out of a photograph in 0..1; None where the cut's shape looks wrong."""
    small = resize(rgb, fit_long_side(rgb.shape[1], rgb.shape[2], SIDE))
    pixels = (small.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    height, width = pixels.shape[:2]
    x, y = max(1, round(width * MARGIN)), max(1, round(height * MARGIN))
    labels = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    rectangle = (x, y, width - 2 * x, height - 2 * y)
    cv2.grabCut(
        np.ascontiguousarray(pixels[..., ::-1]),
        labels,
        rectangle,
        *models,
        ROUNDS,
        cv2.GC_INIT_WITH_RECT,
    )
    mask = _largest(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)))
    if mask is None or not _is_a_thing(mask, rectangle):
        return None
    opacity = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)) * 1.0, (3, 3), 0)
    left, top, wide, high = cv2.boundingRect((opacity > 0).astype(np.uint8))
    inside = slice(top, top + high), slice(left, left + wide)
    return Cutout(name, small[:, *inside], torch.from_numpy(opacity[inside]).float())


def compose(
    cutouts: Sequence[Cutout],
    backgrounds: Sequence[Float[Tensor, "3 _h _w"]],
    config: SceneConfig = SceneConfig(),
) -> Scene:
    """Lay a few of the things on a piece of one of the backgrounds, mirrored or not."""
    random = np.random.default_rng(config.seed)
    rgb = _piece(backgrounds[int(random.integers(len(backgrounds)))], config, random)
    number = int(random.integers(config.things[0], config.things[1] + 1))
    placed: list[tuple[str, Bool[Tensor, "h w"], int]] = []  # name, what is seen, all its px
    for index in random.permutation(len(cutouts)):
        if len(placed) == number:
            break
        laid = _lay(rgb, cutouts[index], placed, config, random)
        if laid is not None:
            rgb, placed = laid
    truth = tuple(Box(name, 1.0, bounding_box(mask), mask) for name, mask, _ in placed)
    return Scene(rgb, truth)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """Return the largest connected part with its holes filled."""
    number, parts, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if number < 2:
        return None
    part = (parts == 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    edges, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(part), edges, -1, 1, cv2.FILLED)


def _is_a_thing(mask: NDArray[np.uint8], rectangle: tuple[int, int, int, int]) -> bool:
    """Judge a cutout by its shape: neither tiny nor the whole rectangle, compact, not clipped."""
    left, top, wide, high = rectangle
    share = mask.sum() / (wide * high)
    edges, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.contourArea(cv2.convexHull(max(edges, key=len)))
    inside = mask[top : top + high, left : left + wide]
    sides = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    return bool(0.12 < share < 0.65 and mask.sum() > 0.6 * hull and sides.mean() < 0.08)


def _piece(
    picture: Float[Tensor, "3 _h _w"], config: SceneConfig, random: np.random.Generator
) -> Float[Tensor, "3 h w"]:
    """Cut a piece of the scene's shape out of a picture, half of it or more, and resize it."""
    height, width = picture.shape[1:]
    whole = min(height / config.height, width / config.width)
    scale = whole * random.uniform(0.5, 1)
    high, wide = max(1, int(config.height * scale)), max(1, int(config.width * scale))
    top, left = random.integers(height - high + 1), random.integers(width - wide + 1)
    piece = picture[:, top : top + high, left : left + wide]
    piece = piece.flip(2) if random.random() < 0.5 else piece
    return resize(piece, (config.height, config.width))


def _lay(
    rgb: Float[Tensor, "3 h w"],
    cutout: Cutout,
    placed: list[tuple[str, Bool[Tensor, "h w"], int]],
    config: SceneConfig,
    random: np.random.Generator,
) -> tuple[Float[Tensor, "3 h w"], list[tuple[str, Bool[Tensor, "h w"], int]]] | None:
    """Lay a thing where it hides little of those before; None if no place was found in ten."""
    side = round(config.height * random.uniform(*config.sizes))
    high, wide = fit_long_side(cutout.opacity.shape[0], cutout.opacity.shape[1], side)
    if wide > config.width:
        high, wide = max(1, round(high * config.width / wide)), config.width
    thing, opacity = resize(cutout.rgb, (high, wide)), resize(cutout.opacity[None], (high, wide))
    if random.random() < 0.5:
        thing, opacity = thing.flip(2), opacity.flip(2)
    for _ in range(10):
        top = int(random.integers(config.height - high + 1))
        left = int(random.integers(config.width - wide + 1))
        where = slice(top, top + high), slice(left, left + wide)
        mask = torch.zeros(config.height, config.width, dtype=torch.bool)
        mask[where] = opacity[0] > 0.5
        left_over = [(name, seen & ~mask, size) for name, seen, size in placed]
        if any(int(seen.sum()) < (1 - config.hidden) * size for _, seen, size in left_over):
            continue
        scene = rgb.clone()
        scene[:, *where] = opacity * thing + (1 - opacity) * rgb[:, *where]
        return scene, [*left_over, (cutout.name, mask, int(mask.sum()))]
    return None
