"""Distortions have the strength of their formula, and none without strength."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from bowerbird.vision.digits.augment import distort, elastic_field
from bowerbird.vision.digits.config import AugmentConfig


def test_elastic_fields_are_gaussian_smoothed_uniform_noise():
    config = AugmentConfig(elastic_alpha=34, elastic_sigma=4)
    field = elastic_field(64, 28, config, torch.Generator().manual_seed(0))
    # uniform in -1..1: standard deviation 1/sqrt(3); after the Gaussian, 1/(2 sigma sqrt(pi)) of it
    expected = 34 / math.sqrt(3) / (2 * 4 * math.sqrt(math.pi))
    assert field.std().item() == pytest.approx(expected, rel=0.1)
    noise = np.random.default_rng(0).uniform(-1, 1, (400, 400))
    assert 34 * gaussian_filter(noise, 4).std() == pytest.approx(expected, rel=0.1)


def test_no_distortion_is_no_change():
    config = AugmentConfig(
        elastic_alpha=0, max_rotation=0, max_scale=0, max_shear=0, max_shift=0, stroke_fraction=0
    )
    images = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(distort(images, config), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "wrong", [{"elastic_sigma": 0}, {"max_scale": 1}, {"max_shear": -1}, {"stroke_fraction": 2}]
)
def test_flags_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AugmentConfig(**wrong)
