"""Noise becomes a texture with a style image's statistics, or the image of a layer again."""

import re
from dataclasses import replace

import pytest
import torch

from bowerbird.image.config import ObjectiveConfig, ReconstructConfig, TextureConfig
from bowerbird.image.synthesis import reconstruct, reconstruct_steps, texture, texture_steps

SHALLOW = ObjectiveConfig(style_layers=("relu1_1", "relu2_1"), content_layers=())
QUICK = TextureConfig(
    width=64, height=48, iterations=4, num_scales=1, device="cpu", objective=SHALLOW
)


def test_the_loss_falls_to_half_in_ten_steps(plate):
    config = TextureConfig(width=64, height=48, iterations=10, num_scales=1, device="cpu")
    steps = list(texture_steps(plate(), config))
    assert steps[-1].losses["total"] < 0.5 * steps[0].losses["total"]
    assert steps[-1].losses["content"] == 0
    assert steps[-1].preview.shape == (3, 48, 64)


def test_the_mean_color_becomes_the_style_images(plate):
    # the mean is part of every style loss; noise starts at gray, 0.5
    style = plate("ink")
    result = texture(style, replace(QUICK, iterations=15))
    expected, gray = style.mean((1, 2)), torch.full((3,), 0.5)
    assert float((result.mean((1, 2)) - expected).norm()) < 0.3 * float((gray - expected).norm())


def test_the_same_seed_makes_the_same_texture_and_another_does_not(plate):
    first, second = (texture(plate(), QUICK) for _ in range(2))
    assert torch.equal(first, second)
    other = texture(plate(), replace(QUICK, seed=1))
    assert float((first - other).abs().mean()) > 0.01


def seam(image):
    """Return the mean difference across the ends, divided by that of neighbors inside."""
    inside = (image[..., 1:] - image[..., :-1]).abs().mean()
    return float((image[..., 0] - image[..., -1]).abs().mean() / inside)


def test_a_tileable_texture_has_no_seam(plate):
    # its last column is the first one's neighbor: the difference there is like any other
    config = replace(QUICK, width=96, height=64, iterations=30)
    plain, tileable = (
        texture(plate(), replace(config, tileable=tileable)) for tileable in (False, True)
    )
    assert seam(tileable) < 1.3
    assert seam(tileable.transpose(1, 2)) < 1.3
    assert seam(tileable) < seam(plain)


def test_a_tileable_texture_has_sides_of_multiples_of_16_px(plate):
    tileable = texture(plate(), replace(QUICK, width=70, height=41, tileable=True, iterations=1))
    assert tileable.shape[1] % 16 == tileable.shape[2] % 16 == 0
    assert abs(tileable.shape[1] - 41) <= 8
    assert abs(tileable.shape[2] - 70) <= 8
    plain = texture(plate(), replace(QUICK, width=70, height=41, iterations=1))
    assert plain.shape == (3, 41, 70)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 15}, "16 px"),
        ({"height": 0}, "16 px"),
        ({"style_scale": 0.0}, "style_scale"),
        ({"style_scale": float("nan")}, "style_scale"),
        ({"style_scale": float("inf")}, "style_scale"),
        ({"iterations": 0}, "iterations"),
        ({"init": "white"}, "'white'"),
    ],
)
def test_an_invalid_setting_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TextureConfig(**change)


def test_invalid_style_images_are_refused():
    with pytest.raises(ValueError, match=r"style image has 40 x 15 px.*16 px"):
        texture(torch.rand(3, 15, 40), QUICK)
    with pytest.raises(ValueError, match=r"style image.*\(3, h, w\), got \(15, 40\)"):
        texture(torch.rand(15, 40), QUICK)


def test_any_float_type_is_accepted_but_only_colors(plate):
    config = replace(QUICK, iterations=1)
    assert torch.equal(texture(plate().double(), config), texture(plate(), config))
    with pytest.raises(ValueError, match="style image contains NaN"):
        texture(plate() * torch.nan, config)


def test_a_narrow_texture_skips_the_scales_at_which_it_is_too_narrow(plate):
    # 16 px at 512 px are 8 px at 256 px: too small for relu5_1
    config = TextureConfig(width=512, height=16, num_scales=2, iterations=1, device="cpu")
    steps = list(texture_steps(plate(), config))
    assert [step.preview.shape for step in steps] == [(3, 16, 512)]


def not_called(*_):
    raise AssertionError("the network was opened")


def test_a_tileable_texture_too_large_for_the_memory_is_refused_first(plate, monkeypatch):
    monkeypatch.setattr("bowerbird.image.optimize.open_network", not_called)
    config = replace(
        QUICK, width=512, height=512, num_scales=2, max_memory=0.1, precision="float32"
    )
    while True:  # up to the memory that tiles need; smaller scales need less
        with pytest.raises((ValueError, AssertionError)) as error:
            next(texture_steps(plate(), config))
        if error.type is AssertionError:
            break
        named = float(re.search(r"at least ([\d.]+) GB", str(error.value))[1])
        config = replace(config, max_memory=named)
    with pytest.raises(ValueError, match=r"512 x 512 px, which is tileable .* at least [\d.]+ GB"):
        next(texture_steps(plate(), replace(config, tileable=True)))


def test_no_grain_of_saturated_pixels_remains_of_the_noise(plate):
    # pixels far from the median of their neighbors: max pooling and the total variation weight
    # of transfers leave many times as many
    grain = {}
    for name, objective in (
        ("texture", TextureConfig().objective),
        ("transfer", ObjectiveConfig()),
    ):
        config = TextureConfig(
            width=96, height=96, iterations=15, device="cpu", objective=objective
        )
        result = texture(plate("mosaic", side=192), config)
        windows = torch.nn.functional.unfold(result[:, None], 3)
        median = windows.median(1).values
        grain[name] = float(((windows[:, 4] - median).abs() > 0.2).float().mean())
    assert grain["texture"] < 0.6 * grain["transfer"], grain


QUICK_RECONSTRUCTION = ReconstructConfig(
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
    steps = list(reconstruct_steps(photograph(), QUICK_RECONSTRUCTION))
    assert steps[-1].losses["total"] < 0.02 * steps[0].losses["total"]
    assert steps[-1].losses["style"] == 0
    assert distance(steps[-1].preview, photograph()) < 0.45 * float(photograph().std())


def test_a_deeper_layer_preserves_less_of_the_pixels(photograph):
    # figure 1 of arXiv:1508.06576: shallow reconstructions are nearly perfect, deep ones are not
    shallow, deep = (
        distance(
            reconstruct(photograph(), replace(QUICK_RECONSTRUCTION, layer=layer)), photograph()
        )
        for layer in ("relu1_1", "relu3_1")
    )
    assert shallow < 0.7 * deep


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_1", "relu2_2", "pool1"])
def test_the_style_up_to_a_layer_ignores_positions(photograph, layer):
    config = replace(QUICK_RECONSTRUCTION, target="style", layer=layer, iterations=8)
    steps = list(reconstruct_steps(photograph(), config))
    assert steps[-1].losses["style"] < 0.6 * steps[0].losses["style"]
    assert steps[-1].losses["content"] == 0
    assert distance(steps[-1].preview, photograph()) > 0.5 * float(photograph().std())


@pytest.mark.parametrize("layer", ["pool1", "conv2_1"])
def test_the_content_of_any_kind_of_layer_can_be_reconstructed(photograph, layer):
    steps = list(
        reconstruct_steps(photograph(), replace(QUICK_RECONSTRUCTION, layer=layer, iterations=8))
    )
    assert steps[-1].losses["content"] < 0.5 * steps[0].losses["content"]


def test_the_same_seed_makes_the_same_image(photograph):
    config = replace(QUICK_RECONSTRUCTION, iterations=3)
    first, second = (reconstruct(photograph(), config) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, reconstruct(photograph(), replace(config, seed=1)))


def test_it_has_the_images_proportions(photograph):
    result = reconstruct(
        photograph(height=48, width=96), replace(QUICK_RECONSTRUCTION, iterations=1)
    )
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
def test_an_invalid_setting_of_a_reconstruction_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ReconstructConfig(**change)


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match=r"image has 15 x 15 px.*16 px"):
        reconstruct(torch.rand(3, 15, 15), QUICK_RECONSTRUCTION)


def test_a_reconstruction_accepts_any_float_type_but_only_colors(photograph):
    config = replace(QUICK_RECONSTRUCTION, iterations=1)
    result = reconstruct(photograph().double(), config)
    assert torch.equal(result, reconstruct(photograph(), config))
    with pytest.raises(ValueError, match=r"image has values from .* to 255"):
        reconstruct(photograph() / photograph().max() * 255, config)


def test_a_result_that_is_too_narrow_is_refused(photograph):
    # 16 x 200 px become 5 x 64 px: too small for relu5_1
    config = ReconstructConfig(layer="relu5_1", size=64, iterations=1, device="cpu")
    with pytest.raises(ValueError, match="would be 64 x 5 px, but each side needs at least 16 px"):
        reconstruct(photograph(height=16, width=200), config)
