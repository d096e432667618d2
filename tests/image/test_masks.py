"""Masks weigh how much each position of a layer belongs to a style, up to the very border."""

import pytest
import torch
import torch.nn.functional as F

from bowerbird.image.config import ObjectiveConfig, TransferConfig
from bowerbird.image.masks import BLACK, coverage, mask_at_layer, resize_masks
from bowerbird.image.style_transfer import transfer
from bowerbird.networks.vgg_layers import stride

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_position_counts_by_its_fraction_of_the_region(layer):
    mask = torch.zeros(64, 128)
    mask[:, :40] = 1
    weights, step = mask_at_layer(mask, layer), stride(layer)
    assert weights.shape == (64 // step, 128 // step)
    assert torch.equal(weights[:, : 40 // step], torch.ones(64 // step, 40 // step))
    assert float(weights.sum()) * step**2 == 64 * 40  # nothing of the region is lost


@pytest.mark.parametrize("layer", LAYERS)
def test_two_complementary_regions_cover_every_position(layer):
    # eroded regions left a band of plain photograph along every border
    left = torch.zeros(100, 150)
    left[:, :70] = 1
    both = mask_at_layer(left, layer) + mask_at_layer(1 - left, layer)
    assert torch.equal(both, torch.ones_like(both))


def test_soft_borders_stay_soft_at_the_first_layer():
    mask = torch.linspace(0, 1, 128).expand(32, 128)
    weights = mask_at_layer(mask, "relu1_1")
    assert len(weights[0].unique()) > 100


def test_overlapping_masks_are_normalized_and_gaps_remain():
    left, right = torch.zeros(2, 20, 40)
    left[:, :30], right[:, 20:35] = 1, 1
    a, b = resize_masks([left, right], (20, 40))
    assert torch.allclose((a + b)[:, :35], torch.ones(20, 35))
    assert float((a + b)[:, 36:].max()) == 0
    assert float(a[0, 25]) == 0.5


def test_the_noise_of_a_compressed_mask_is_black():
    mask = torch.tensor([[0.0, 0.5 * BLACK, 0.3, 1.0]])
    assert coverage([mask])[0].tolist() == pytest.approx([0.0, 0.0, 0.3, 1.0])
    assert coverage([mask, mask])[0].tolist() == pytest.approx([0.0, 0.0, 0.6, 1.0])


CONFIG = TransferConfig(
    size=192, iterations=12, device="cpu", objective=ObjectiveConfig(strength=0.7)
)


def changes(content, masks, styles):
    """Return the mean difference of each column of the result from the content image."""
    return (transfer(content, styles, CONFIG, masks=masks) - content).abs().mean((0, 1))


def test_each_style_reaches_its_border(photograph, plate):
    # with all defaults; the change at the border is 0.9 of the mean, with eroded regions 0.45
    content = photograph(height=96, width=192)
    left = torch.zeros(96, 192)
    left[:, :96] = 1
    change = changes(content, [left, 1 - left], [plate("swirls"), plate("mosaic")])
    band = torch.cat([change[96 - 20 : 96], change[96 : 96 + 20]]).mean()
    assert float(band) > 0.75 * float(change.mean())


def test_a_soft_mask_fades_into_the_content_image(photograph, plate):
    content = photograph(height=96, width=192)
    ramp = torch.linspace(2, -1, 192).clamp(0, 1).expand(96, 192)
    change = changes(content, [ramp], [plate("swirls")])
    smooth = F.avg_pool1d(change[None], 16)[0]
    assert float(smooth[-4:].max()) == 0  # the ramp is 0 from 128 px on
    assert float(smooth[:4].mean()) > float(smooth[4:6].mean()) > float(smooth[6:8].mean()) > 0
