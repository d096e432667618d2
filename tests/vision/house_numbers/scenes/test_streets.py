"""Scenes are the same for the same seed, their boxes contain the digits, bad input is refused."""

import numpy as np
import pytest
import skimage.data

from bowerbird.vision.house_numbers.config import SceneConfig
from bowerbird.vision.house_numbers.scenes.plaques import MATERIALS
from bowerbird.vision.house_numbers.scenes.streets import make_scene


@pytest.fixture(scope="module")
def photos():
    return [skimage.data.chelsea(), skimage.data.coffee()]


def scenes(faces, photos, count, config=SceneConfig(), seed=0):
    return [
        make_scene(np.random.default_rng((seed, k)), faces, photos, config) for k in range(count)
    ]


def test_the_same_seed_makes_the_same_scene(faces, photos):
    first, again = (scenes(faces, photos, 3, seed=4) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert one.text == other.text
    assert not np.array_equal(first[0].pixels, first[1].pixels)


def test_every_digit_has_its_box_within_the_scene(faces, photos):
    made = [scene for scene in scenes(faces, photos, 120) if scene.text]
    assert {len(scene.text) for scene in made} >= {1, 2, 3, 4, 5}
    assert {scene.material for scene in made} == set(MATERIALS)
    assert {scene.arrangement for scene in made} == {"level", "stacked", "diagonal"}
    for scene in made:
        assert scene.text.isdigit()
        assert len(scene.boxes) == len(scene.text)
        assert (scene.boxes[:, 2:] - scene.boxes[:, :2] > 0.5).all()
        assert scene.box.min() >= -1
        assert scene.box.max() <= 129


def test_digits_of_a_level_number_stand_from_left_to_right(faces, photos):
    for scene in scenes(faces, photos, 60, seed=1):
        middles = (scene.boxes[:, 0] + scene.boxes[:, 2]) / 2
        if scene.arrangement == "level":
            assert (np.diff(middles) > 0).all()
        if scene.arrangement == "stacked":
            assert (np.diff(scene.boxes[:, 1] + scene.boxes[:, 3]) > 0).all()


@pytest.mark.parametrize(("empty_fraction", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_a_fraction_of_scenes_has_no_number(faces, photos, empty_fraction, expected):
    made = scenes(faces, photos, 25, SceneConfig(empty_fraction=empty_fraction))
    assert np.mean([not scene.text for scene in made]) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        *({"height": 8}, {"min_number_size": 50, "max_number_size": 40}, {"min_number_size": 1}),
        {"empty_fraction": 1.5},
    ],
)
def test_scenes_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        SceneConfig(**wrong)
