"""Noise becomes the picture again, the more exactly the shallower the layer that is kept."""

from dataclasses import replace

import pytest
import torch

from bowerbird.image.objective import ObjectiveConfig
from bowerbird.image.reconstruct import ReconstructConfig, reconstruct, reconstruct_steps

QUICK = ReconstructConfig(
    layer="relu1_1",
    size=64,
    iterations=15,
    device="cpu",
    objective=ObjectiveConfig(style_layers=("relu1_1", "relu2_1"), content_layers=("relu1_1",)),
)


def distance(made, picture):
    return float((made - picture).square().mean().sqrt())


def test_the_loss_falls_to_a_fiftieth_and_the_picture_comes_back(photograph):
    # from gray noise to an error under half of the picture's own spread; measured 0.002 and 0.33
    steps = list(reconstruct_steps(photograph(), QUICK))
    assert steps[-1].losses["total"] < 0.02 * steps[0].losses["total"]
    assert steps[-1].losses["style"] == 0
    assert distance(steps[-1].preview, photograph()) < 0.45 * float(photograph().std())


def test_a_deeper_layer_keeps_less_of_the_pixels(photograph):
    # figure 1 of arXiv:1508.06576: shallow reconstructions are nearly perfect, deep ones are not
    shallow, deep = (
        distance(reconstruct(photograph(), replace(QUICK, layer=layer)), photograph())
        for layer in ("relu1_1", "relu3_1")
    )
    assert shallow < 0.7 * deep


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_1", "relu2_2", "pool1"])
def test_the_style_up_to_a_layer_forgets_where_things_are(photograph, layer):
    config = replace(QUICK, of="style", layer=layer, iterations=8)
    steps = list(reconstruct_steps(photograph(), config))
    assert steps[-1].losses["style"] < 0.6 * steps[0].losses["style"]
    assert steps[-1].losses["content"] == 0
    assert distance(steps[-1].preview, photograph()) > 0.5 * float(photograph().std())


@pytest.mark.parametrize("layer", ["pool1", "conv2_1"])
def test_the_content_of_any_kind_of_layer_can_be_kept(photograph, layer):
    steps = list(reconstruct_steps(photograph(), replace(QUICK, layer=layer, iterations=8)))
    assert steps[-1].losses["content"] < 0.5 * steps[0].losses["content"]


def test_the_same_seed_makes_the_same_picture(photograph):
    config = replace(QUICK, iterations=3)
    first, again = (reconstruct(photograph(), config) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, reconstruct(photograph(), replace(config, seed=1)))


def test_it_has_the_pictures_proportions(photograph):
    made = reconstruct(photograph(height=48, width=96), replace(QUICK, iterations=1))
    assert made.shape == (3, 32, 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "relu9_1"}, r"relu9_1.*conv1_1.*relu5_4"),
        ({"of": "color"}, "'color'.*content, style"),
        ({"size": 8}, "16 px, not 8"),
        ({"iterations": 0}, "iterations"),
        ({"start": "photograph"}, "'photograph'.*noise, gray"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ReconstructConfig(**change)


def test_a_picture_that_cannot_be_used_is_named():
    with pytest.raises(ValueError, match=r"picture has 15 x 15 px.*16 px"):
        reconstruct(torch.rand(3, 15, 15), QUICK)


def test_the_picture_may_be_of_another_float_type_but_has_only_colors(photograph):
    config = replace(QUICK, iterations=1)
    made = reconstruct(photograph().double(), config)
    assert torch.equal(made, reconstruct(photograph(), config))
    with pytest.raises(ValueError, match=r"picture has numbers from .* to 255"):
        reconstruct(photograph() / photograph().max() * 255, config)


def test_a_result_too_narrow_to_be_seen_is_refused(photograph):
    # 16 x 200 px are 5 x 64 px: less than relu5_1 can see
    config = ReconstructConfig(layer="relu5_1", size=64, iterations=1, device="cpu")
    with pytest.raises(ValueError, match="would have 64 x 5 px and needs 16 px a side"):
        reconstruct(photograph(height=16, width=200), config)
