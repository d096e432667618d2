"""Transparency and sizes of pictures."""

import pytest
import torch

from bowerbird.pictures.pixels import Picture, fit_long_side, resize
from tests.pictures.picture_files import assert_same


def test_transparent_pixels_take_the_colors_around_them():
    rgb, alpha = torch.zeros(3, 20, 33), torch.zeros(20, 33)
    rgb[:, :, :16], rgb[1] = 0.2, 0.9  # green, also where it is transparent
    rgb[:, 3:9, 4:12] = torch.tensor([0.8, 0.1, 0.3])[:, None, None]
    alpha[3:9, 4:12] = 0.5
    filled = Picture(rgb, alpha).fill_transparent()
    assert_same(filled, torch.tensor([0.8, 0.1, 0.3])[:, None, None].expand(3, 20, 33))
    assert Picture(rgb, None).fill_transparent() is rgb
    faint = torch.full_like(alpha, 1 / 255)
    assert torch.equal(Picture(rgb, faint).fill_transparent(), rgb)
    with pytest.raises(ValueError, match="transparent everywhere"):
        Picture(rgb, torch.zeros_like(alpha)).fill_transparent()


def test_over_hides_transparent_pixels():
    rgb = torch.tensor([1.0, 0.0, 0.5])[:, None, None].expand(3, 1, 3)
    picture = Picture(rgb, torch.tensor([[0.0, 0.5, 1.0]]))
    assert_same(picture.over()[:, 0, 0], torch.ones(3))
    assert_same(picture.over(0.0)[:, 0, 0], torch.zeros(3))
    assert_same(picture.over(0.2)[:, 0, 1], torch.tensor([0.6, 0.1, 0.35]))
    assert_same(picture.over()[:, 0, 2], rgb[:, 0, 2])
    assert Picture(rgb, None).over(0.3) is rgb


def test_shrinking_is_anti_aliased():
    stripes = torch.zeros(3, 64, 64)
    stripes[:, :, ::2] = 1
    small = resize(stripes, (16, 16))
    assert small.shape == (3, 16, 16)
    assert (
        small[:, 2:-2, 2:-2] - 0.5
    ).abs().max() < 0.02  # without anti-aliasing all are 0, or all 1


def test_resizing_stays_in_range_and_keeps_constant_colors():
    edge = torch.zeros(3, 20, 20)
    edge[:, :, 10:] = 1
    large = resize(edge, (40, 60))
    assert large.shape == (3, 40, 60)
    assert large.min() == 0  # bicubic alone would overshoot
    assert large.max() == 1
    assert_same(resize(torch.full((3, 7, 5), 0.3), (3, 11)), torch.full((3, 3, 11), 0.3), 1e-5)
    assert_same(resize(edge, (20, 20)), edge)


def test_fit_long_side():
    assert fit_long_side(480, 640, 320) == (240, 320)
    assert fit_long_side(640, 480, 320) == (320, 240)
    assert fit_long_side(100, 50, 400) == (400, 200)
    assert fit_long_side(1, 5000, 100) == (1, 100)
    assert fit_long_side(7, 7, 7) == (7, 7)
    with pytest.raises(ValueError, match="at least 1 px"):
        fit_long_side(10, 10, 0)
