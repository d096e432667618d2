"""Winograd's convolution is a convolution: forward, backward, at every size, to rounding."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bowerbird.networks import winograd
from bowerbird.networks.winograd import Transforms, WinogradConvolution

# odd, smaller than a tile of 4, one row, whole tiles, and so large that it goes in several strips
SIZES = [(1, 1), (3, 2), (1, 9), (7, 5), (8, 12), (13, 30), (66, 71)]


def draw(*shape, seed=0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random, dtype=torch.float64).to(dtype)


def layer(inputs, outputs, dtype=torch.float64):
    weight, bias = draw(outputs, inputs, 3, 3, seed=1), draw(outputs, seed=2)
    weight, bias = weight.to(dtype), bias.to(dtype)
    return WinogradConvolution(weight, bias, Transforms(dtype)), weight, bias


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_equals_the_librarys_convolution_forward_and_backward(size, rectify, padded):
    ours, weight, bias = layer(5, 7)
    height, width = (n + 2 * padded for n in size)
    x = draw(2, 5, height, width).requires_grad_()
    y = ours(x, rectify, padded)
    slope = draw(*y.shape, seed=4)
    (gradient,) = torch.autograd.grad(y, x, slope)
    expected = F.conv2d(x, weight, bias, padding=0 if padded else 1)
    expected = F.relu(expected) if rectify else expected
    (expected_gradient,) = torch.autograd.grad(expected, x, slope)
    assert y.shape == (2, 7, *size)
    # float64 has 16 digits; the transforms lose about one of them
    torch.testing.assert_close(y, expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-11, atol=1e-11)


def test_any_memory_format_gives_the_same_and_the_input_stays():
    ours, _, _ = layer(4, 6)
    x = draw(2, 4, 9, 11)
    before = x.clone()
    lasting = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(ours(x, True), ours(lasting, True))
    assert torch.equal(ours(x[:, :, ::2], True), ours(x[:, :, ::2].contiguous(), True))
    assert torch.equal(x, before)


def test_a_second_call_does_not_change_the_first_ones_result():
    # strips share buffers: a result must not live in one
    ours, _, _ = layer(4, 6)
    first = ours(draw(1, 4, 12, 12))
    kept = first.clone()
    ours(draw(1, 4, 12, 12, seed=9))
    assert torch.equal(first, kept)


def relative_error(dtype=torch.float32):
    """RMS error of the float32 result beside float64's, relative to the result's RMS."""
    x, exact = draw(1, 64, 24, 24), layer(64, 64)
    expected = F.conv2d(x, exact[1], exact[2], padding=1)
    ours, weight, bias = layer(64, 64, dtype)
    rough = {
        "winograd": ours(x.to(dtype)).double(),
        "direct": F.conv2d(x.to(dtype), weight, bias, padding=1).double(),
    }
    size = expected.square().mean().sqrt()
    return {n: float((r - expected).square().mean().sqrt() / size) for n, r in rough.items()}


def test_rounding_errors_stay_within_ten_times_the_direct_ones():
    error = relative_error()
    assert error["winograd"] < 1e-6  # float32 has 6e-8: some three bits are lost
    assert error["winograd"] < 10 * error["direct"]


def test_the_points_halve_the_rounding_errors_of_the_textbooks(monkeypatch):
    # the module's claim: "about half" of those of Lavin and Gray's 0, +-1, +-2 and infinity
    own = relative_error()["winograd"]
    monkeypatch.setattr(winograd, "POINTS", (0.0, 1.0, -1.0, 2.0, -2.0))
    textbook = relative_error()["winograd"]
    assert own < 0.6 * textbook


def test_a_turned_kernel_has_the_same_transform_at_other_places():
    # what the gradient rests on: G flip(g) = scale (G g)[order], for any kernel of three
    _, g, _ = winograd.matrices()
    order, scale = winograd.reversal()
    kernel = np.random.default_rng(0).normal(size=3)
    np.testing.assert_allclose(g @ kernel[::-1], scale * (g @ kernel)[order], atol=1e-12)
