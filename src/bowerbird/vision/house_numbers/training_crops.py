"""Random training crops of scenes: crops to read, and crops in which the finder looks for numbers.

A reading crop shows a number slightly off center; or letters, a part of a number, or anything
else, and then there is nothing to read. Finder crops show scenes at many scales, so that parts of
a number, which look like numbers on a finer level of the pyramid, become negatives.
"""

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bowerbird.networks.multi_digit import MAX_DIGITS
from bowerbird.vision.boxes import shared
from bowerbird.vision.house_numbers.crops import (
    POSITIVE_SIZES,
    Box,
    Pixels,
    bounding_box,
    crop,
    enlarged,
    finder_targets,
    to_relative,
)
from bowerbird.vision.house_numbers.scenes.streets import Scene

POSITIVE_FRACTION = 0.97  # of the reading crops of a scene with a number
PART_FRACTION = 0.08  # of the reading crops that show a part of a number
CLOSE_FRACTION = 0.4  # of the finder crops
FINDER_SIDE = 96  # px

ReadingCrop = tuple[Pixels, NDArray[np.int64], NDArray[np.int64], Box, NDArray[np.float32]]


def reading_crop(random: Generator, scene: Scene, side: int) -> ReadingCrop:
    """Return a crop (side, side, 3) to read, and its targets: length, digits, box, digit boxes."""
    digits = np.zeros(MAX_DIGITS, np.int64)
    boxes = np.zeros((MAX_DIGITS, 4), np.float32)
    box = np.zeros(4, np.float32)
    length = 0
    if len(scene.text) > 1 and random.random() < PART_FRACTION:
        region = _part_of_number(random, scene)
    elif scene.text and random.random() < POSITIVE_FRACTION:
        region = _jittered(random, enlarged(scene.box, 1.0), scene.box)
        length = min(len(scene.text), MAX_DIGITS + 1)
        box = to_relative(scene.box[None], region)[0]
        count = min(length, MAX_DIGITS)
        digits[:count] = [int(digit) for digit in scene.text[:count]]
        boxes[:count] = to_relative(scene.boxes[:count], region)
    else:
        region = _without_number(random, scene)
    return crop(scene.pixels, region, side), np.array(length), digits, box, boxes


def finder_crop(
    random: Generator, scene: Scene
) -> tuple[Pixels, NDArray[np.float32], NDArray[np.float32]]:
    """Return a crop (96, 96, 3) for the finder, and its targets (``finder_targets``)."""
    h, w = scene.pixels.shape[:2]
    if len(scene.negative_boxes):
        region = _around_negative(random, scene)
        pixels = crop(scene.pixels, region, FINDER_SIDE)
        return pixels, *finder_targets(None, FINDER_SIDE, FINDER_SIDE)
    close = random.random() < CLOSE_FRACTION
    size = min(h, w) * (random.uniform(0.25, 0.6) if close else random.uniform(0.6, 1))
    x, y = random.uniform(0, w - size), random.uniform(0, h - size)
    if close and scene.text:  # parts of a number are negatives
        corner = scene.box[:2] + random.random(2) * (scene.box[2:] - scene.box[:2]) - size / 2
        x, y = np.clip(corner, 0, (w - size, h - size)).tolist()
    region = np.array([x, y, x + size, y + size], np.float32)
    box = to_relative(scene.box[None], region)[0] * FINDER_SIDE if scene.text else None
    pixels = crop(scene.pixels, region, FINDER_SIDE)
    return pixels, *finder_targets(box, FINDER_SIDE, FINDER_SIDE)


def _around_negative(random: Generator, scene: Scene) -> Box:
    """Return a region in which the negative is as large as the numbers that are detected."""
    box = bounding_box(scene.negative_boxes)
    size = math.exp(random.uniform(*np.log(POSITIVE_SIZES).tolist()))
    half = math.sqrt(float((box[2:] - box[:2]).prod())) * FINDER_SIDE / size / 2
    middle = (box[:2] + box[2:]) / 2 + random.uniform(-0.6, 0.6, 2) * half
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def _jittered(random: Generator, box: Box, number: Box) -> Box:
    """Return a box enlarged by 10 to 80 % in each direction and shifted around the number."""
    width, height = (box[2:] - box[:2]).tolist()
    grow_x, grow_y = np.exp(random.normal(0.28, 0.14, 2).clip(0.06, 0.65)).tolist()
    half = np.array([width * grow_x, height * grow_y]) / 2
    middle = (box[:2] + box[2:]) / 2
    slack = half - (number[2:] - number[:2]) / 2
    middle = middle + random.uniform(-0.7, 0.7, 2) * slack
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def _part_of_number(random: Generator, scene: Scene) -> Box:
    """Return a region around some of a number's digits, but not all: a negative."""
    num_digits = len(scene.boxes)
    count = int(random.integers(1, num_digits))
    first = int(random.integers(0, num_digits - count + 1))
    box = bounding_box(scene.boxes[first : first + count])
    return _jittered(random, enlarged(box, 1.0), box)


def _without_number(random: Generator, scene: Scene) -> Box:
    """Return a region without a number: letters, or anything."""
    h, w = scene.pixels.shape[:2]
    if len(scene.negative_boxes) and random.random() < 0.7:
        box = bounding_box(scene.negative_boxes)
        return _jittered(random, enlarged(box, 1.0), box)
    for _ in range(10):
        height = math.exp(random.uniform(math.log(12), math.log(0.9 * h)))
        width = min(height * math.exp(random.uniform(-0.5, 1.2)), float(w))
        x, y = random.uniform(0, w - width), random.uniform(0, h - height)
        region = np.array([x, y, x + width, y + height], np.float32)
        if not scene.text or shared(region, scene.box) <= 0:
            return region
    return np.array([-20, -20, -4, -4], np.float32)  # repeated border pixels
