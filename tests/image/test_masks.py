"""Masks belong to positions whose whole field lies in their region."""

import pytest
import torch

from bowerbird.image.masks import LEFT, at_layer, fitted
from bowerbird.networks.vgg import reach, stride

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_position_with_weight_sees_its_own_region_only(layer):
    # a vertical border at 512 of 1024 px: the field of every weighted position ends before it
    mask = torch.zeros(64, 1024)
    mask[:, :512] = 1
    columns = at_layer(mask, layer)[0].nonzero().flatten()
    step, last = stride(layer), int(columns.max())
    # from the middle of its own px a position sees `reach` px (and that px, if the middle is one)
    end = last * step + (step + 1) // 2 + reach(layer)
    assert end <= 512
    assert end + 2 * step > 512  # and no more than is needed is left out
    assert columns.tolist() == list(range(last + 1))


def test_a_small_region_keeps_some_of_its_area():
    # 48 px are less than relu5_1's field of 156: eroded to the end nothing would be left
    mask = torch.zeros(256, 256)
    mask[100:148, 100:148] = 1
    left = float(at_layer(mask, "relu5_1").sum()) * stride("relu5_1") ** 2
    assert left >= LEFT * 48**2


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
