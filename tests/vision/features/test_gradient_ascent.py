"""Slopes of activations over pixels: their formula, their tiles, their jitter."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bowerbird.networks.vgg_layers import check_channels, layer_names
from bowerbird.vision.features.gradient_ascent import (
    Target,
    activation_gradient,
    normalize_bands,
    shift,
    spans,
    unshift,
)
from bowerbird.vision.features.network import check_picture, convolution_of, deepest


def halved(x):
    """Return means of 2 x 2 px."""
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def doubled_along(x, axis):
    """Return an axis at twice the length: a quarter of the neighbour and three of the nearest."""
    x = np.moveaxis(x, axis, -1)
    before = np.concatenate([x[..., :1], x[..., :-1]], -1)
    after = np.concatenate([x[..., 1:], x[..., -1:]], -1)
    twice = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], -1)
    return np.moveaxis(twice.reshape(*x.shape[:-1], -1), -1, axis)


def doubled(x):
    return doubled_along(doubled_along(x, -1), -2)


def reference_even(gradient, bands):
    """Add the bands of a Laplacian pyramid, each over its root mean square; mean magnitude 1."""
    levels = [gradient]
    for _ in range(bands - 1):
        levels.append(halved(levels[-1]))
    laplacian = [a - doubled(b) for a, b in itertools.pairwise(levels)]
    laplacian.append(levels[-1])
    merged = np.zeros_like(levels[-1])
    for number, band in enumerate(reversed(laplacian)):
        merged = (doubled(merged) if number else merged) + band / np.sqrt((band**2).mean())
    return merged / np.abs(merged).mean()


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_even_is_the_formula(bands):
    gradient = np.random.default_rng(5).normal(size=(1, 3, 32, 48))
    made = normalize_bands(torch.from_numpy(gradient.copy()), bands)
    np.testing.assert_allclose(made.numpy(), reference_even(gradient, bands), rtol=1e-9, atol=1e-9)


def test_a_coarse_form_under_grain_a_thousand_times_stronger_is_raised():
    rows, columns = torch.arange(64)[:, None], torch.arange(64)[None]
    grain = (1 - 2 * ((rows + columns) % 2)).float().expand(1, 3, 64, 64)
    form = torch.where(columns < 32, -1e-3, 1e-3).expand(1, 3, 64, 64)
    made = normalize_bands(grain + form, 4)
    assert made.abs().mean() == pytest.approx(1, abs=1e-5)
    low = F.avg_pool2d(made, 8)  # 8 x 8 px hold as much black as white
    assert low[..., :3].mean() < -0.3
    assert low[..., -3:].mean() > 0.3


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 5), (17, 33)])
def test_even_of_any_size_and_of_nothing(size):
    assert torch.isfinite(normalize_bands(torch.randn(1, 3, *size), 4)).all()
    assert (normalize_bands(torch.zeros(1, 3, *size), 4) == 0).all()


@pytest.mark.parametrize("push", [(0, 0), (0, 7), (13, 5)])
def test_a_push_is_undone_exactly(push):
    picture = torch.rand(1, 3, 16, 20)
    there = shift(picture, push)
    assert there.shape == (1, 3, 16 + push[0], 20 + push[1])
    assert torch.equal(unshift(there, push), picture)
    # what came in is the mirror image: across the old edge both sides agree
    for row in range(push[0]):
        assert torch.equal(there[..., row, push[1] :], picture[..., push[0] - row, :])


@pytest.mark.parametrize("cut", [0, 3, 77, 127])
@pytest.mark.parametrize("length", [64, 128, 129, 300, 1000])
def test_spans_cover_once_within_bounds(length, cut):
    found = spans(length, 128, cut, 32)
    assert [i for part in found for i in range(length)[part]] == list(range(length))
    assert len(found) == 1 or min(part.stop - part.start for part in found) >= 32
    assert max(part.stop - part.start for part in found) < 128 + 32


def test_slope_is_the_gradient_of_the_target(toy_network):
    network = toy_network(width=3, last="relu3_1", padding_mode="replicate")
    picture = torch.rand(1, 3, 12, 16, dtype=torch.float64)
    for target in (Target("relu2_2"), Target("conv2_2", (0, 2)), Target("relu2_2", (1,))):
        found, score = activation_gradient(network, picture, target, 64)
        layer = "conv2_2" if target.channels else target.layer
        features = network(picture, [layer])[layer]
        chosen = features[:, list(target.channels)]
        chosen = torch.maximum(chosen, chosen / 10).sum()
        energy = 0.5 * features.clamp(min=0).square().sum()
        expected = float(chosen if target.channels else energy) / (12 * 16)
        assert score == pytest.approx(expected, rel=1e-6)  # scores are summed in float32
        moved = picture + 1e-4 * found / found.norm()
        rise = float(target.score(network, moved)) - float(target.score(network, picture))
        assert rise == pytest.approx(1e-4 * float(found.norm()), rel=0.02)


def test_tiles_have_the_whole_pictures_slope_away_from_their_borders(toy_network):
    network = toy_network(width=2, last="relu2_1", padding_mode="replicate")
    picture = torch.rand(1, 3, 96, 64, dtype=torch.float64)
    whole, _ = activation_gradient(network, picture, Target("relu2_1"), 96)
    tiled, _ = activation_gradient(network, picture, Target("relu2_1"), 64, (48, 0))
    radius = 10  # px: twice that of conv2_1, 5 px
    apart = [*range(48 - radius), *range(48 + radius, 96)]
    torch.testing.assert_close(tiled[:, :, apart], whole[:, :, apart], rtol=1e-5, atol=1e-9)
    assert not torch.allclose(tiled, whole)


@pytest.mark.parametrize(
    ("layer", "before"), [("conv3_1", "conv3_1"), ("relu4_2", "conv4_2"), ("pool3", "conv3_4")]
)
def test_convolution_before(layer, before):
    assert convolution_of(layer) == before


def test_deepest():
    assert deepest(["pool1", "conv5_1", "conv2_1"]) == "conv5_1"


def test_a_bad_layer_lists_the_layers():
    with pytest.raises(ValueError, match="there is no layer 'conv9'") as caught:
        check_channels("conv9", ())
    for name in layer_names():
        assert name in str(caught.value)


@pytest.mark.parametrize("channel", [-1, 256])
def test_a_bad_channel_tells_the_channels(channel):
    with pytest.raises(ValueError, match=f"conv3_1 has no channel {channel}; .* 0 to 255$"):
        check_channels("conv3_1", (0, channel))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (torch.rand(3, 1, 1), "1 x 1 px, and conv1_1 needs 16 px a side"),
        (torch.rand(1, 64, 64), "shape"),
        (torch.full((3, 32, 32), torch.nan), "not finite"),
    ],
)
def test_what_is_no_picture_is_refused(picture, words):
    with pytest.raises(ValueError, match=words):
        check_picture(picture, "conv1_1")


def test_a_layer_without_a_position_is_refused():
    with pytest.raises(ValueError, match="pool5 needs 32 px"):
        check_picture(torch.rand(3, 24, 64), "pool5")
