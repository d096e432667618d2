"""The presets have the weights of the other tools, compared by the losses themselves."""

from dataclasses import replace
from typing import get_args

import pytest
import torch
import torch.nn.functional as F

from bowerbird.image.objective import Objective, style_statistics
from bowerbird.image.presets import PRESETS, PresetName
from bowerbird.image.style_loss import StyleTarget
from bowerbird.image.style_transfer import transfer_steps
from bowerbird.networks.vgg import VGG

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

# The tools' weights in one unit: w MSE(F) for content, w MSE(F F^T / (C H W)) a layer for style,
# on features of the Oxford VGG-19 for 0..255. From the tools' own code: jcjohnson/neural-style
# 5 and 100, anishathalye 5 and 500 / 5, pastiche
# 1 * 0.01 and 10 / C^2 on F F^T / (H W).
UNITS = {"neural-style": (5.0, 100.0), "anishathalye": (5.0, 100.0), "pastiche": (0.01, 10.0)}
RATIO_AT_RELU4_1 = {"neural-style": 20, "anishathalye": 20, "pastiche": 1000}


def gram(f):
    """Return F F^T / (H W)."""
    x = f[0].flatten(1)
    return x @ x.T / x.shape[1]


@pytest.fixture(scope="module")
def images(photograph):
    """Return a content image, a style image and one between them, each (1, 3, 64, 64)."""
    content, style = (photograph(n)[None] for n in ("chelsea", "astronaut"))
    return content, style, 0.6 * content + 0.4 * style.flip(3)


@pytest.fixture(scope="module")
def network_of(vgg19):
    def build(config):
        return VGG(
            vgg19.layers, pooling=config.pooling, padding_mode=config.padding_mode, last="relu5_1"
        )

    return build


def evaluate(network, config, content, style, current):
    styles = [StyleTarget(style_statistics(network, style, config, 1 << 62))]
    return Objective(network, config, content, styles).evaluate(current)


def test_the_names_are_the_presets():
    assert set(PRESETS) == set(get_args(PresetName))


@pytest.mark.parametrize("name", get_args(PresetName))
def test_every_preset_lowers_the_loss(photograph, plate, name):
    config = replace(PRESETS[name], size=64, iterations=2, num_scales=1, device="cpu")
    steps = list(transfer_steps(photograph(), [plate("swirls", 64)], config))
    assert len(steps) == 2
    assert steps[1].losses["total"] < steps[0].losses["total"]
    assert bool(steps[1].preview.isfinite().all())
    assert float(steps[1].preview.std()) > 0.01


@pytest.mark.parametrize("name", UNITS)
def test_content_and_style_have_the_tools_weights(network_of, images, reference_features, name):
    # compared to features of the second VGG-19 that is written down in the tests
    config = PRESETS[name].objective
    content, style, current = images
    ours = evaluate(network_of(config), config, content, style, current).losses
    content_features, style_features, features = (
        reference_features(x, config.pooling, config.padding_mode) for x in images
    )
    content_unit = float(F.mse_loss(features["relu4_2"], content_features["relu4_2"]))
    style_unit = sum(
        float(F.mse_loss(gram(features[n]), gram(style_features[n]))) / features[n].shape[1] ** 2
        for n in STYLE_LAYERS
    )
    weight, style_weight = UNITS[name]
    assert ours["content"] == pytest.approx(weight * content_unit, rel=1e-3)
    assert ours["style"] == pytest.approx(style_weight * style_unit, rel=1e-3)


@pytest.mark.parametrize("name", RATIO_AT_RELU4_1)
def test_the_ratio_of_style_and_content_at_relu4_1_is_the_tools(
    network_of, images, reference_features, name
):
    # both at relu4_1; at the other layers the style is the image's own, whose loss is 0
    config = replace(PRESETS[name].objective, content_layers=("relu4_1",))
    content, style, current = images
    network = network_of(config)
    own, target = (style_statistics(network, x, config, 1 << 62) for x in (current, style))
    style_target = StyleTarget({**own, "relu4_1": target["relu4_1"]})
    losses = Objective(network, config, content, [style_target]).evaluate(current).losses
    content_features, style_features, features = (
        reference_features(x, config.pooling, config.padding_mode)["relu4_1"] for x in images
    )
    content_unit = float(F.mse_loss(features, content_features))
    style_unit = float(F.mse_loss(gram(features), gram(style_features))) / 512**2
    ratio = (losses["style"] / style_unit) / (losses["content"] / content_unit)
    assert ratio == pytest.approx(RATIO_AT_RELU4_1[name], rel=0.01)


def test_pastiches_loss_is_pastiches_formula(network_of, images, reference_features):
    # pastiche 1.6.0, PasticheArtist._calc_loss with its defaults: .01 mse_loss of block4_relu2 and
    # 10 / C^2 mse_loss of F F^T / (H W) at each block's first relu; no TV, zero padding
    preset = PRESETS["pastiche"]
    content, style, current = images
    ours = evaluate(network_of(preset.objective), preset.objective, content, style, current)
    leaf = current.double().requires_grad_()
    features = reference_features(leaf, "max", "zeros")
    content_features, style_features = (
        reference_features(x, "max", "zeros") for x in (content, style)
    )
    loss = 0.01 * F.mse_loss(features["relu4_2"], content_features["relu4_2"])
    for name in STYLE_LAYERS:
        channels = features[name].shape[1]
        loss = loss + 10 / channels**2 * F.mse_loss(
            gram(features[name]), gram(style_features[name])
        )
    loss.backward()
    assert ours.losses["total"] == pytest.approx(float(loss.detach()), rel=1e-3)
    # float32 and float64 differ in single ReLUs and maxima, so the norm is compared
    assert float((ours.gradient - leaf.grad).norm() / leaf.grad.norm()) < 0.01


def differences(image):
    across, down = (image.diff(dim=d) for d in (3, 2))
    return across, down


def test_anishathalyes_variation_is_the_mean_square_in_0_to_255(network_of, images):
    # neural_style: 100 * 2 * (l2_loss(dy) / n_y + l2_loss(dx) / n_x), l2_loss being half a sum
    config = replace(PRESETS["anishathalye"].objective, content_weight=0.0, style_weight=0.0)
    content, style, current = images
    ours = evaluate(network_of(config), config, content, style, current).losses
    across, down = differences(255 * current.double())
    expected = 100 * float(across.square().mean() + down.square().mean())
    assert ours["total"] == pytest.approx(expected, rel=1e-4)


def test_johnsons_variation_is_half_a_sum_of_squares_at_512_by_384(network_of, images):
    # neural_style.lua: the gradient of 1/2 1e-3 sum of squares; a mean here, so equal at that size
    config = replace(PRESETS["neural-style"].objective, content_weight=0.0, style_weight=0.0)
    style = images[1]
    large = torch.rand(1, 3, 384, 512, generator=torch.Generator().manual_seed(0))
    ours = evaluate(network_of(config), config, None, style, large).losses
    across, down = differences(255 * large.double())
    expected = 0.5e-3 * float(across.square().sum() + down.square().sum())
    assert ours["total"] == pytest.approx(expected, rel=0.01)  # n - 1 differences for n pixels


def test_gatys_is_the_paper_with_its_ratio():
    # arXiv:1508.06576, below equation 7: alpha / beta of 1e-3 or 1e-4; w_l = 1 / 5; average pooling
    config = PRESETS["gatys"].objective
    alpha, beta, _ = config.effective_weights
    assert 1e-4 <= alpha / beta <= 1e-3
    assert (config.style_loss, config.normalization, config.pooling) == (
        "gram",
        "paper",
        "average",
    )
    assert config.layer_weights == pytest.approx(dict.fromkeys(STYLE_LAYERS, 0.2))


def test_crowson_has_three_scales_from_128_to_512_px():
    # style-transfer-pytorch goes from 128 px (--min-scale) to 512 px (--end-scale)
    schedule = PRESETS["crowson"].scale_schedule(512)
    assert [side for side, _ in schedule] == [128, 256, 512]


def test_crowsons_layer_weights_are_a_quarter_of_the_one_before():
    # style-transfer-pytorch: 256, 64, 16, 4, 1 over their sum
    weights = list(PRESETS["crowson"].objective.layer_weights.values())
    assert weights == pytest.approx([4.0**k / 341 for k in (4, 3, 2, 1, 0)])
