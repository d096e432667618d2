"""What is cut out of scenes to learn from: crops to read, and pieces in which to look for numbers.

Crops show a number not quite in the middle; or letters, a part of a number, or anything: then there
is nothing to read. Pieces show scenes from near and far, so that parts of a number, which look
like numbers on a finer level of the pyramid, are learned to be none.
"""

import math

import numpy as np
from numpy.typing import NDArray

from bowerbird.networks.multi_digit import MAX_DIGITS
from bowerbird.vision.boxes import shared
from bowerbird.vision.house_numbers.crops import (
    FOUND,
    Box,
    Pixels,
    cell_targets,
    cut,
    into,
    widened,
)
from bowerbird.vision.house_numbers.scenes.streets import Scene

REAL = 0.97  # of the crops of a scene with a number show it
PARTS = 0.08  # of the crops show a part of a number
CLOSE = 0.4  # of the pieces are looked at from near by
NEAR = 96  # px: side of the pieces in which numbers are looked for

Row = tuple[Pixels, NDArray[np.int64], NDArray[np.int64], Box, NDArray[np.float32]]


def crop_of(random: np.random.Generator, scene: Scene, side: int) -> Row:
    """Cut a scene for reading: its number, not quite in the middle, or a place without one."""
    digits = np.zeros(MAX_DIGITS, np.int64)
    boxes = np.zeros((MAX_DIGITS, 4), np.float32)
    whole = np.zeros(4, np.float32)
    if len(scene.text) > 1 and random.random() < PARTS:
        length, piece = 0, _part(random, scene)
    elif scene.text and random.random() < REAL:
        piece = _jittered(random, widened(scene.box, 1.0), scene.box)
        length = min(len(scene.text), MAX_DIGITS + 1)
        whole = into(scene.box[None], piece)[0]
        count = min(length, MAX_DIGITS)
        digits[:count] = [int(sign) for sign in scene.text[:count]]
        boxes[:count] = into(scene.boxes[:count], piece)
    else:
        length = 0
        piece = _elsewhere(random, scene)
    return cut(scene.pixels, piece, side), np.array(length), digits, whole, boxes


def piece_of(
    random: np.random.Generator, scene: Scene
) -> tuple[Pixels, NDArray[np.float32], NDArray[np.float32]]:
    """Cut a scene for finding, with what the finder is to tell of it."""
    h, w = scene.pixels.shape[:2]
    if len(scene.decoy):
        piece = _around_decoy(random, scene)
        return cut(scene.pixels, piece, NEAR), *cell_targets(None, NEAR, NEAR)
    close = random.random() < CLOSE
    size = min(h, w) * (random.uniform(0.25, 0.6) if close else random.uniform(0.6, 1))
    x, y = random.uniform(0, w - size), random.uniform(0, h - size)
    if close and scene.text:  # parts of a number are none
        at = scene.box[:2] + random.random(2) * (scene.box[2:] - scene.box[:2]) - size / 2
        x, y = np.clip(at, 0, (w - size, h - size)).tolist()
    piece = np.array([x, y, x + size, y + size], np.float32)
    box = into(scene.box[None], piece)[0] * NEAR if scene.text else None
    return cut(scene.pixels, piece, NEAR), *cell_targets(box, NEAR, NEAR)


def _around_decoy(random: np.random.Generator, scene: Scene) -> Box:
    """Return a piece in which what may be taken for a number is as large as numbers are found."""
    box = _whole(scene.decoy)
    seen = math.exp(random.uniform(*np.log(FOUND).tolist()))
    half = math.sqrt(float((box[2:] - box[:2]).prod())) * NEAR / seen / 2
    middle = (box[:2] + box[2:]) / 2 + random.uniform(-0.6, 0.6, 2) * half
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def _whole(boxes: NDArray[np.float32]) -> Box:
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _jittered(random: np.random.Generator, box: Box, number: Box) -> Box:
    """Widen a box by 10 to 80 % in each direction, and shift it; the number stays inside."""
    wide, high = (box[2:] - box[:2]).tolist()
    grow_x, grow_y = np.exp(random.normal(0.28, 0.14, 2).clip(0.06, 0.65)).tolist()
    half = np.array([wide * grow_x, high * grow_y]) / 2
    middle = (box[:2] + box[2:]) / 2
    slack = half - (number[2:] - number[:2]) / 2
    middle = middle + random.uniform(-0.7, 0.7, 2) * slack
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def _part(random: np.random.Generator, scene: Scene) -> Box:
    """Return a place around some of a number's digits but not all: that is no number."""
    count = len(scene.boxes)
    some = int(random.integers(1, count))
    first = int(random.integers(0, count - some + 1))
    part = scene.boxes[first : first + some]
    box = _whole(part)
    return _jittered(random, widened(box, 1.0), box)


def _elsewhere(random: np.random.Generator, scene: Scene) -> Box:
    """Return a place where no number is: letters, or anything."""
    h, w = scene.pixels.shape[:2]
    if len(scene.decoy) and random.random() < 0.7:
        whole = _whole(scene.decoy)
        return _jittered(random, widened(whole, 1.0), whole)
    for _ in range(10):
        high = math.exp(random.uniform(math.log(12), math.log(0.9 * h)))
        wide = min(high * math.exp(random.uniform(-0.5, 1.2)), float(w))
        x, y = random.uniform(0, w - wide), random.uniform(0, h - high)
        piece = np.array([x, y, x + wide, y + high], np.float32)
        if not scene.text or shared(piece, scene.box) <= 0:
            return piece
    return np.array([-20, -20, -4, -4], np.float32)  # an edge that goes on
