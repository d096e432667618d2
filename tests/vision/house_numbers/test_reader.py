"""The model file, and the shipped model on generated scenes and real photographs."""

import numpy as np
import pytest
import skimage.data
import torch

from bowerbird.errors import ModelError
from bowerbird.learning.model_file import ModelHeader, write_model
from bowerbird.models import model_path
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.networks.multi_digit import MultiDigit
from bowerbird.vision.boxes import iou
from bowerbird.vision.house_numbers.calibration import is_right, read_scenes, true_text
from bowerbird.vision.house_numbers.config import HouseNumberConfig, SceneConfig
from bowerbird.vision.house_numbers.reader import (
    HouseNumberReader,
    distinct,
    is_same,
    load_house_number_reader,
)


def box(*sides):
    return np.array(sides, np.float32)


def test_overlapping_boxes_are_one_number():
    assert iou(box(0, 0, 2, 2), box(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert iou(box(0, 0, 1, 1), box(2, 2, 3, 3)) == 0
    assert is_same(box(0, 0, 10, 10), box(2, 2, 5, 5))  # one in the other
    regions = [(0.5, box(0, 0, 10, 10)), (0.9, box(1, 0, 11, 10)), (0.4, box(50, 50, 60, 60))]
    assert [score for score, _ in distinct(regions)] == [0.9, 0.4]


def test_a_model_is_what_was_saved(reader, tmp_path):
    torch.manual_seed(1)
    images = torch.rand(1, 3, 64, 64)
    network = MultiDigit(MultiDigitConfig())
    model = HouseNumberReader(network, {"threshold": 0.75}, reader.compute)
    model.save(tmp_path / "m.safetensors")
    again = load_house_number_reader(tmp_path / "m.safetensors", "cpu")
    assert again.threshold == 0.75
    with torch.no_grad():
        before, after = network.float().read(images), again.network.float().read(images)
    torch.testing.assert_close(before.lengths, after.lengths, atol=0.02, rtol=0.02)


@pytest.mark.parametrize(
    "config",
    [
        {"side": 64},
        {"crop_size": 60, "channels": [8, 8, 8, 8]},
        {"crop_size": "x", "channels": 3},
    ],
)
def test_a_forged_model_is_one_sentence(tmp_path, config):
    header = ModelHeader("house-numbers", config, provenance={})
    write_model(tmp_path / "m.safetensors", header, {"x": torch.zeros(2)})
    with pytest.raises(ModelError, match="damaged: "):
        load_house_number_reader(tmp_path / "m.safetensors")


def test_weights_that_are_not_finite_are_refused(small_network, reader, tmp_path):
    network = MultiDigit(small_network)
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = torch.nan
    HouseNumberReader(network, {}, reader.compute).save(tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match=r"its weight .+ is not finite"):
        load_house_number_reader(tmp_path / "m.safetensors")


def test_a_forged_threshold_is_one_sentence(reader, tmp_path):
    model = HouseNumberReader(reader.network, {"threshold": 7}, reader.compute)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="threshold must be a probability"):
        load_house_number_reader(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"max_side": 8}, {"finder_threshold": 2}, {"report_threshold": -1}),
        *({"confident_threshold": 1.5}, {"max_regions": 0}),
    ],
)
def test_flags_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        HouseNumberConfig(**wrong)


def test_the_shipped_model_reads_easy_numbers(reader, plain_scene):
    scenes = [plain_scene((1, k)) for k in range(60)]
    easy = [scene for scene in scenes if scene.hardness < 0.5 and len(scene.text) < 4]
    pairs = list(zip(easy, read_scenes(reader, easy), strict=True))
    assert np.mean([number.text == true_text(scene) for scene, number in pairs]) > 0.75
    assert np.mean([iou(number.box, scene.box) for scene, number in pairs]) > 0.7
    assert model_path("house-numbers").stat().st_size < 2.2e6


def test_a_number_is_found_wherever_it_is_and_however_large(reader, plain_scene):
    hits = 0
    config = SceneConfig(240, 360, min_number_size=40, max_number_size=140, empty_fraction=0.0)
    for k in range(16):
        scene = plain_scene((2, k), "chelsea", config)
        numbers = reader.find_numbers(scene.pixels, HouseNumberConfig())
        hits += any(is_right(number, scene) for number in numbers)
    assert hits >= 8


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_photographs_without_numbers_have_no_confident_number(reader, name):
    numbers = reader.find_numbers(getattr(skimage.data, name)(), HouseNumberConfig())
    assert not [n.text for n in numbers if reader.is_confident(n, HouseNumberConfig())]


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (48, 9), (64, 64)])
def test_the_smallest_images_have_no_number(reader, size):
    image = np.full((*size, 3), 128, np.uint8)
    assert reader.find_numbers(image, HouseNumberConfig()) == []
