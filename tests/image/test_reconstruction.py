"""Noise becomes the image again, the more exactly the shallower the layer."""

from dataclasses import replace

import pytest
import torch

from bowerbird.image.config import ObjectiveConfig, ReconstructConfig
from bowerbird.image.reconstruction import reconstruct, reconstruct_steps

QUICK = ReconstructConfig(
    layer="relu1_1",
    size=64,
    iterations=15,
    device="cpu",
    objective=ObjectiveConfig(style_layers=("relu1_1", "relu2_1"), content_layers=("relu1_1",)),
)


def distance(result, image):
    return float((result - image).square().mean().sqrt())


def test_the_loss_falls_to_a_fiftieth_and_the_image_comes_back(photograph):
    # from gray noise to an error under half of the image's std; 0.002 and 0.33 were found
    steps = list(reconstruct_steps(photograph(), QUICK))
    assert steps[-1].losses["total"] < 0.02 * steps[0].losses["total"]
    assert steps[-1].losses["style"] == 0
    assert distance(steps[-1].preview, photograph()) < 0.45 * float(photograph().std())


def test_a_deeper_layer_preserves_less_of_the_pixels(photograph):
    # figure 1 of arXiv:1508.06576: shallow reconstructions are nearly perfect, deep ones are not
    shallow, deep = (
        distance(reconstruct(photograph(), replace(QUICK, layer=layer)), photograph())
        for layer in ("relu1_1", "relu3_1")
    )
    assert shallow < 0.7 * deep


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_1", "relu2_2", "pool1"])
def test_the_style_up_to_a_layer_ignores_positions(photograph, layer):
    config = replace(QUICK, target="style", layer=layer, iterations=8)
    steps = list(reconstruct_steps(photograph(), config))
    assert steps[-1].losses["style"] < 0.6 * steps[0].losses["style"]
    assert steps[-1].losses["content"] == 0
    assert distance(steps[-1].preview, photograph()) > 0.5 * float(photograph().std())


@pytest.mark.parametrize("layer", ["pool1", "conv2_1"])
def test_the_content_of_any_kind_of_layer_can_be_reconstructed(photograph, layer):
    steps = list(reconstruct_steps(photograph(), replace(QUICK, layer=layer, iterations=8)))
    assert steps[-1].losses["content"] < 0.5 * steps[0].losses["content"]


def test_the_same_seed_makes_the_same_image(photograph):
    config = replace(QUICK, iterations=3)
    first, second = (reconstruct(photograph(), config) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, reconstruct(photograph(), replace(config, seed=1)))


def test_it_has_the_images_proportions(photograph):
    result = reconstruct(photograph(height=48, width=96), replace(QUICK, iterations=1))
    assert result.shape == (3, 32, 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "relu9_1"}, r"relu9_1.*conv1_1.*relu5_4"),
        ({"target": "color"}, "'color'.*content, style"),
        ({"size": 8}, "16 px, got 8"),
        ({"iterations": 0}, "iterations"),
        ({"init": "content"}, "'content'.*noise, gray"),
    ],
)
def test_an_invalid_setting_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ReconstructConfig(**change)


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match=r"image has 15 x 15 px.*16 px"):
        reconstruct(torch.rand(3, 15, 15), QUICK)


def test_any_float_type_is_accepted_but_only_colors(photograph):
    config = replace(QUICK, iterations=1)
    result = reconstruct(photograph().double(), config)
    assert torch.equal(result, reconstruct(photograph(), config))
    with pytest.raises(ValueError, match=r"image has values from .* to 255"):
        reconstruct(photograph() / photograph().max() * 255, config)


def test_a_result_that_is_too_narrow_is_refused(photograph):
    # 16 x 200 px become 5 x 64 px: too small for relu5_1
    config = ReconstructConfig(layer="relu5_1", size=64, iterations=1, device="cpu")
    with pytest.raises(ValueError, match="would be 64 x 5 px, but each side needs at least 16 px"):
        reconstruct(photograph(height=16, width=200), config)
