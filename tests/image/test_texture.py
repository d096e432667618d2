"""A texture grows from noise towards a painting's statistics, and can meet itself at its ends."""

import re
from dataclasses import replace

import pytest
import torch

from bowerbird.image.objective import ObjectiveConfig
from bowerbird.image.texture import TextureConfig, texture, texture_steps

SHALLOW = ObjectiveConfig(style_layers=("relu1_1", "relu2_1"), content_layers=())
QUICK = TextureConfig(width=64, height=48, iterations=4, scales=1, device="cpu", objective=SHALLOW)


def test_the_loss_falls_to_half_in_ten_steps(plate):
    config = TextureConfig(width=64, height=48, iterations=10, scales=1, device="cpu")
    steps = list(texture_steps(plate(), config))
    assert steps[-1].losses["total"] < 0.5 * steps[0].losses["total"]
    assert steps[-1].losses["content"] == 0
    assert steps[-1].preview.shape == (3, 48, 64)


def test_the_mean_color_becomes_the_paintings(plate):
    # the mean is part of every style statistic; noise begins at gray, 0.5
    style = plate("ink")
    made = texture(style, replace(QUICK, iterations=15))
    wanted, gray = style.mean((1, 2)), torch.full((3,), 0.5)
    assert float((made.mean((1, 2)) - wanted).norm()) < 0.3 * float((gray - wanted).norm())


def test_the_same_seed_grows_the_same_texture_and_another_does_not(plate):
    first, again = (texture(plate(), QUICK) for _ in range(2))
    assert torch.equal(first, again)
    other = texture(plate(), replace(QUICK, seed=1))
    assert float((first - other).abs().mean()) > 0.01


def seam(picture):
    """Mean difference across the ends, beside that between neighbours inside."""
    inside = (picture[..., 1:] - picture[..., :-1]).abs().mean()
    return float((picture[..., 0] - picture[..., -1]).abs().mean() / inside)


def test_a_tileable_texture_has_no_seam(plate):
    # its last column is the first one's neighbour: the step there is like any step inside
    config = replace(QUICK, width=96, height=64, iterations=30)
    free, tileable = (
        texture(plate(), replace(config, tileable=tileable)) for tileable in (False, True)
    )
    assert seam(tileable) < 1.3
    assert seam(tileable.transpose(1, 2)) < 1.3
    assert seam(tileable) < seam(free)


def test_a_tileable_texture_has_sides_of_whole_positions(plate):
    made = texture(plate(), replace(QUICK, width=70, height=41, tileable=True, iterations=1))
    assert made.shape[1] % 16 == made.shape[2] % 16 == 0
    assert abs(made.shape[1] - 41) <= 8
    assert abs(made.shape[2] - 70) <= 8
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
        ({"start": "white"}, "'white'"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TextureConfig(**change)


def test_paintings_that_cannot_be_used_are_named():
    with pytest.raises(ValueError, match=r"painting has 40 x 15 px.*16 px"):
        texture(torch.rand(3, 15, 40), QUICK)
    with pytest.raises(ValueError, match=r"painting.*\(3, h, w\), not \(15, 40\)"):
        texture(torch.rand(15, 40), QUICK)


def test_the_painting_may_be_of_another_float_type_but_has_only_colors(plate):
    config = replace(QUICK, iterations=1)
    assert torch.equal(texture(plate().double(), config), texture(plate(), config))
    with pytest.raises(ValueError, match="painting holds NaN"):
        texture(plate() * torch.nan, config)


def test_a_narrow_texture_leaves_out_the_scales_at_which_it_has_no_width(plate):
    # 16 px at 512 px are 8 px at 256 px: less than relu5_1 can see
    config = TextureConfig(width=512, height=16, scales=2, iterations=1, device="cpu")
    steps = list(texture_steps(plate(), config))
    assert [step.preview.shape for step in steps] == [(3, 16, 512)]


def untouchable(*_):
    raise AssertionError("the network was opened")


def test_a_tileable_texture_that_cannot_be_seen_whole_is_refused_first(plate, monkeypatch):
    monkeypatch.setattr("bowerbird.image.optimize.open_network", untouchable)
    config = replace(QUICK, width=512, height=512, scales=2, memory=0.1, precision="float32")
    while True:  # the least memory for tiles; smaller scales need less
        with pytest.raises((ValueError, AssertionError)) as error:
            next(texture_steps(plate(), config))
        if error.type is AssertionError:
            break
        named = float(re.search(r"at least ([\d.]+) GB", str(error.value))[1])
        config = replace(config, memory=named)
    with pytest.raises(ValueError, match=r"512 x 512 px .* seen whole .* at least [\d.]+ GB"):
        next(texture_steps(plate(), replace(config, tileable=True)))


def test_no_grain_of_saturated_pixels_is_left_of_the_noise(plate):
    # pixels far from the middle of their eight neighbours: max pooling and the weight of variation
    # that serves photographs left about twice as many
    made = {}
    for name, objective in (
        ("ours", TextureConfig().objective),
        ("photographs", ObjectiveConfig()),
    ):
        config = TextureConfig(
            width=96, height=96, iterations=30, device="cpu", objective=objective
        )
        picture = texture(plate("mosaic", side=192), config)
        windows = torch.nn.functional.unfold(picture[:, None], 3)
        middle = windows.median(1).values
        made[name] = float(((windows[:, 4] - middle).abs() > 0.2).float().mean())
    assert made["ours"] < 0.6 * made["photographs"], made
