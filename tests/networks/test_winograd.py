"""Winograd's convolution is a convolution: forward, backward, at every size, to rounding."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bowerbird.networks import winograd
from bowerbird.networks.winograd import Transforms, WinogradConvolution

# odd, smaller than a tile of 4, one row, whole tiles, and so large that it goes in several strips
SIZES = [(1, 1), (3, 2), (1, 9), (7, 5), (8, 12), (13, 30), (66, 71)]
FLOATS = (torch.float32, torch.float64)


def draw(*shape, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random, dtype=torch.float64)


def layer(inputs, outputs):
    """Return the layer in float32, and its weight and bias in float64."""
    weight, bias = draw(outputs, inputs, 3, 3, seed=1), draw(outputs, seed=2)
    return WinogradConvolution(weight.float(), bias.float(), Transforms()), weight, bias


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_equals_the_librarys_convolution_forward_and_backward(size, rectify, padded):
    ours, weight, bias = layer(5, 7)
    height, width = (n + 2 * padded for n in size)
    x, exact = (draw(2, 5, height, width).to(d).requires_grad_() for d in FLOATS)
    y = ours(x, rectify, padded)
    expected = F.conv2d(exact, weight, bias, padding=0 if padded else 1)
    expected = F.relu(expected) if rectify else expected
    assert y.shape == (2, 7, *size)
    # sums of 45 products of size 1 in float32: 1e-6, and the transforms lose about one digit
    torch.testing.assert_close(y.double(), expected, rtol=0, atol=1e-4)
    # a result within rounding of 0 may be rectified in one and not in the other
    sure = expected.detach().abs() > 1e-4
    slope = draw(*y.shape, seed=4) * (sure if rectify else 1)
    (gradient,) = torch.autograd.grad(y, x, slope.float())
    (expected_gradient,) = torch.autograd.grad(expected, exact, slope)
    torch.testing.assert_close(gradient.double(), expected_gradient, rtol=0, atol=1e-4)


def test_any_memory_format_gives_the_same_and_the_input_stays():
    ours, _, _ = layer(4, 6)
    x = draw(2, 4, 9, 11).float()
    before = x.clone()
    lasting = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(ours(x, True), ours(lasting, True))
    assert torch.equal(ours(x[:, :, ::2], True), ours(x[:, :, ::2].contiguous(), True))
    assert torch.equal(x, before)


def test_a_second_call_does_not_change_the_first_ones_result():
    # strips share buffers: a result must not live in one
    ours, _, _ = layer(4, 6)
    first = ours(draw(1, 4, 12, 12).float())
    kept = first.clone()
    ours(draw(1, 4, 12, 12, seed=9).float())
    assert torch.equal(first, kept)


def relative_error():
    """RMS error of float32 by Winograd, beside the RMS of float64's result."""
    x, (ours, weight, bias) = draw(1, 64, 24, 24), layer(64, 64)
    exact = F.conv2d(x, weight, bias, padding=1)
    size = exact.square().mean().sqrt()
    return float((ours(x.float()) - exact).square().mean().sqrt() / size)


def test_rounding_errors_stay_near_those_of_direct_convolution():
    # measured 8e-7, beside 2e-7 to 4e-7 of the library's own kernels, which differ by CPU
    assert relative_error() < 1.5e-6


def test_the_points_halve_the_rounding_errors_of_the_textbooks(monkeypatch):
    # the module's claim: "about half" of those of Lavin and Gray's 0, +-1, +-2 and infinity
    own = relative_error()
    monkeypatch.setattr(winograd, "POINTS", (0.0, 1.0, -1.0, 2.0, -2.0))
    textbook = relative_error()
    assert own < 0.6 * textbook


def test_a_turned_kernel_has_the_same_transform_at_other_places():
    # what the gradient rests on: G flip(g) = scale (G g)[order], for any kernel of three
    _, g, _ = winograd.matrices()
    order, scale = winograd.reversal()
    kernel = np.random.default_rng(0).normal(size=3)
    np.testing.assert_allclose(g @ kernel[::-1], scale * (g @ kernel)[order], atol=1e-12)
