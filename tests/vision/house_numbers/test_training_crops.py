"""A part of a number, and what the finder takes for one, are negatives."""

import numpy as np
import skimage.data

from bowerbird.vision.house_numbers import training_crops
from bowerbird.vision.house_numbers.crops import finder_targets, to_relative
from bowerbird.vision.house_numbers.train import mine_hard_negatives
from bowerbird.vision.house_numbers.training_crops import finder_crop, reading_crop


def test_false_positives_become_scenes_without_a_number(reader):
    scenes = mine_hard_negatives(reader, [skimage.data.coffee(), skimage.data.chelsea()])
    random = np.random.default_rng(0)
    for scene in scenes:
        pixels, labels, _ = finder_crop(random, scene)
        assert pixels.shape == (96, 96, 3)
        assert (labels == 0).all()
        pixels, length, *_ = reading_crop(random, scene, 64)
        assert pixels.shape == (64, 64, 3)
        assert length == 0


def test_a_part_of_a_number_is_a_negative(plain_scene):
    seed = 1
    while len((scene := plain_scene(seed)).text) < 3:
        seed += 1
    random = np.random.default_rng(1)
    for _ in range(30):
        region = training_crops._part_of_number(random, scene)
        boxes = to_relative(scene.boxes, region)
        inside = ((boxes[:, :2] > -0.01) & (boxes[:, 2:] < 1.01)).all(1)
        assert inside.sum() >= 1
    width = scene.box[2] - scene.box[0]
    half = scene.box - np.tile([scene.box[0] + 0.5 * width, 0], 2)
    assert (finder_targets(half, 128, 128)[0] <= 0).all()  # half of it is outside
