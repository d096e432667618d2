"""A texture goes from noise to a style image's statistics, and can be tileable."""

import re
from dataclasses import replace

import pytest
import torch

from bowerbird.image.config import ObjectiveConfig, TextureConfig
from bowerbird.image.texture_synthesis import texture, texture_steps

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
