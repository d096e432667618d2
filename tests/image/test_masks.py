"""Masks say how much each position of a layer belongs to a painting, up to the very border."""

import pytest
import torch
import torch.nn.functional as F

from bowerbird.image.masks import OUTSIDE, at_layer, covered, fitted
from bowerbird.image.objective import ObjectiveConfig
from bowerbird.image.transfer import TransferConfig, transfer
from bowerbird.networks.vgg_layers import stride

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_position_counts_by_its_share_of_the_region(layer):
    mask = torch.zeros(64, 128)
    mask[:, :40] = 1
    weights, step = at_layer(mask, layer), stride(layer)
    assert weights.shape == (64 // step, 128 // step)
    assert torch.equal(weights[:, : 40 // step], torch.ones(64 // step, 40 // step))
    assert float(weights.sum()) * step**2 == 64 * 40  # and the whole region is there


@pytest.mark.parametrize("layer", LAYERS)
def test_two_regions_share_every_position(layer):
    # none is left to nobody: that was a band of plain photograph along every border
    left = torch.zeros(100, 150)
    left[:, :70] = 1
    both = at_layer(left, layer) + at_layer(1 - left, layer)
    assert torch.equal(both, torch.ones_like(both))


def test_soft_borders_stay_soft_at_the_first_layer():
    mask = torch.linspace(0, 1, 128).expand(32, 128)
    weights = at_layer(mask, "relu1_1")
    assert len(weights[0].unique()) > 100


def test_overlapping_masks_share_and_gaps_stay():
    left, right = torch.zeros(2, 20, 40)
    left[:, :30], right[:, 20:35] = 1, 1
    a, b = fitted([left, right], (20, 40))
    assert torch.allclose((a + b)[:, :35], torch.ones(20, 35))
    assert float((a + b)[:, 36:].max()) == 0
    assert float(a[0, 25]) == 0.5


def test_the_noise_of_a_compressed_mask_is_black():
    mask = torch.tensor([[0.0, 0.5 * OUTSIDE, 0.3, 1.0]])
    assert covered([mask])[0].tolist() == pytest.approx([0.0, 0.0, 0.3, 1.0])
    assert covered([mask, mask])[0].tolist() == pytest.approx([0.0, 0.0, 0.6, 1.0])


PAINTED = TransferConfig(
    size=192, iterations=12, device="cpu", objective=ObjectiveConfig(strength=0.7)
)


def changes(photo, masks, plates):
    """How far each column has come from the photograph, the edges of the picture left out."""
    return (transfer(photo, plates, PAINTED, masks=masks) - photo).abs().mean((0, 1))


def test_each_painting_reaches_its_border(photograph, plate):
    # with all defaults; eroded regions left 0.45 of the change beside the border, ours 0.9
    photo = photograph(height=96, width=192)
    left = torch.zeros(96, 192)
    left[:, :96] = 1
    moved = changes(photo, [left, 1 - left], [plate("swirls"), plate("mosaic")])
    band = torch.cat([moved[96 - 20 : 96], moved[96 : 96 + 20]]).mean()
    assert float(band) > 0.75 * float(moved.mean())


def test_a_soft_mask_fades_into_the_photograph(photograph, plate):
    photo = photograph(height=96, width=192)
    ramp = torch.linspace(2, -1, 192).clamp(0, 1).expand(96, 192)
    moved = changes(photo, [ramp], [plate("swirls")])
    smooth = F.avg_pool1d(moved[None], 16)[0]
    assert float(smooth[-4:].max()) == 0  # the ramp is 0 from 128 px on
    assert float(smooth[:4].mean()) > float(smooth[4:6].mean()) > float(smooth[6:8].mean()) > 0
