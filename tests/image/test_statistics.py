"""Moments and style losses equal their formulas in float64 NumPy; a style ignores positions.

Sums are in float32 for features of any precision, so they are compared to about six digits.
"""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from bowerbird.image.objective import content_loss, range_loss, total_variation
from bowerbird.image.statistics import Moments, moments
from bowerbird.image.style_loss import (
    VARIANCE_FLOOR,
    add_floor,
    gram_loss,
    mean_std_loss,
    symmetric_root,
    target_root,
    wasserstein_loss,
)

CLOSE = {"rtol": 2e-5, "atol": 1e-6}


def draw(channels, height, width, seed=0):
    """Draw features like those of a ReLU: correlated, half of them zero, in float64."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(channels, channels)) / channels**0.5 + np.eye(channels)
    mixed = mixing @ (random.normal(size=(channels, height * width)) + 0.3)
    return torch.from_numpy(np.maximum(mixed, 0).reshape(1, channels, height, width))


def rows(features):
    """Return F of the paper: N features by M positions, in float64."""
    return features[0].detach().double().flatten(1).numpy()


def value_and_gradient(loss, features):
    """Return the loss and its gradient with respect to the features, N by M."""
    leaf = features.clone().requires_grad_()
    value = loss(leaf)
    value.backward()
    return float(value.detach()), rows(leaf.grad)


def test_content_is_equation_1_and_its_gradient_equation_2():
    F, P = draw(4, 5, 6), draw(4, 5, 6, seed=1)
    value, gradient = value_and_gradient(lambda f: content_loss(f, P), F)
    np.testing.assert_allclose(value, 0.5 * ((rows(F) - rows(P)) ** 2).sum(), **CLOSE)
    np.testing.assert_allclose(gradient, rows(F) - rows(P), **CLOSE)


def test_the_gram_matrix_is_equation_3_position_by_position():
    F = rows(draw(4, 5, 6))
    G = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            G[i, j] = sum(F[i, k] * F[j, k] for k in range(30))
    np.testing.assert_allclose(moments(draw(4, 5, 6)).second.numpy(), G, **CLOSE)


def test_the_gram_loss_is_equation_4_and_its_gradient_equation_6():
    # with respect to F itself: the paper's "0 if F < 0" is the gradient of the ReLU
    current, style = draw(4, 5, 6), draw(4, 5, 6, seed=1)
    F, A = rows(current), rows(style) @ rows(style).T
    (N, M), G = F.shape, F @ F.T
    value, gradient = value_and_gradient(lambda f: gram_loss(moments(f), moments(style)), current)
    np.testing.assert_allclose(value, ((G - A) ** 2).sum() / (4 * N**2 * M**2), **CLOSE)
    np.testing.assert_allclose(gradient, (F.T @ (G - A)).T / (N**2 * M**2), **CLOSE)


def test_gram_matrices_of_different_sizes_are_compared_per_position():
    # an image repeated side by side has the same style
    once = draw(4, 5, 6)
    twice = torch.cat([once, once], dim=3)
    assert float(gram_loss(moments(twice), moments(once))) == pytest.approx(0, abs=1e-10)


def test_moments_are_means_over_positions():
    F, found = rows(draw(4, 5, 6)), moments(draw(4, 5, 6))
    assert float(found.weight) == 30
    np.testing.assert_allclose(found.mean, F.mean(1), **CLOSE)
    np.testing.assert_allclose(found.gram, F @ F.T / 30, **CLOSE)
    np.testing.assert_allclose(found.covariance, np.cov(F, bias=True), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.energy, (F**2).sum(0).mean(), **CLOSE)


def assert_same(one, other):
    for name in ("weight", "first", "second"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-5, atol=1e-5)


def test_shuffled_positions_have_the_same_moments():
    F = draw(6, 8, 9).float()
    order = torch.randperm(72, generator=torch.Generator().manual_seed(0))
    shuffled = F.flatten(2)[..., order].view_as(F)
    assert_same(moments(shuffled), moments(F))


def test_moments_of_two_halves_add_up():
    F = draw(6, 8, 9).float()
    assert_same(moments(F[..., :4]) + moments(F[..., 4:]), moments(F))


def test_weights_count_positions():
    # weight 0 excludes a position, and weight 2 counts it twice
    F = draw(6, 8, 9).float()
    weights = torch.zeros(8, 9)
    weights[:, :4], weights[:, 4] = 1, 2
    repeated = torch.cat([F[..., :5], F[..., 4:5]], dim=3)
    assert_same(moments(F, weights), moments(repeated))
    assert_same(moments(F, torch.ones(8, 9)), moments(F))
    assert_same(moments(F, torch.full((8, 9), 3.0)), moments(F).scaled(3.0))


def test_a_position_of_weight_zero_gets_no_gradient():
    leaf = draw(6, 8, 9).float().requires_grad_()
    weights = torch.ones(8, 9)
    weights[2:5, 3:] = 0
    gram_loss(moments(leaf, weights), moments(draw(6, 8, 9, seed=1).float())).backward()
    assert torch.equal(leaf.grad[..., 2:5, 3:], torch.zeros(1, 6, 3, 6))
    assert leaf.grad[..., 5:, :].abs().min() > 0


def test_half_precision_features_are_summed_in_float32():
    # Gram matrices in float16 overflow at 65504 and become NaN (neural-style-pt, issue 97)
    F = torch.full((1, 2, 40, 40), 300.0, dtype=torch.float16)
    found = moments(F)
    assert float(found.second.max()) == 300.0**2 * 1600
    assert float(found.first.max()) == 300.0 * 1600


@pytest.mark.parametrize("weighted", [False, True])
def test_bfloat16_features_are_summed_as_if_in_float64(weighted):
    # rounding the sums themselves to bfloat16 would cost 2e-3, hundreds of times as much
    F = draw(24, 50, 60).relu().to(torch.bfloat16)
    weights = torch.linspace(0, 1, 3000).to(torch.bfloat16).view(50, 60) if weighted else None
    found = moments(F, weights)
    x = F[0].flatten(1).double()
    w = torch.ones(3000).double() if weights is None else weights.flatten().double()
    # a weighted feature is rounded before it is summed: one error of 2e-3 each, averaged out
    tolerance = 2e-4 if weighted else 1e-5
    for ours, exact in ((found.first, x @ w), (found.second, (x * w) @ x.T)):
        assert float((ours - exact).abs().max() / exact.abs().max()) < tolerance
    assert float(found.weight) == pytest.approx(float(w.sum()), rel=1e-6)


def numpy_wasserstein(F, A, floor=0.0):
    """Squared Wasserstein-2 distance of Gaussians, Olkin and Pukelsheim 1982, by scipy's root.

    Both covariances get ``floor`` times the target's trace added to their diagonals.
    """
    C, target = np.cov(F, bias=True), np.cov(A, bias=True)
    added = floor * np.trace(target) * np.eye(len(C))
    C, target = C + added, target + added
    root = sqrtm(target)
    common = np.real(np.trace(sqrtm(root @ C @ root)))
    shift = ((F.mean(1) - A.mean(1)) ** 2).sum()
    return shift + np.trace(C) + np.trace(target) - 2 * common


def wasserstein(current, style):
    target = moments(style)
    return wasserstein_loss(moments(current), target, target_root(target))


def test_wasserstein_equals_scipys_and_its_gradient_finite_differences():
    # to 2 %: the floor is added to directions of almost no variance, for a finite gradient
    current, style = draw(5, 8, 9), draw(5, 6, 7, seed=1)
    value, gradient = value_and_gradient(lambda f: wasserstein(f, style), current)
    F, A = rows(current), rows(style)
    assert value == pytest.approx(numpy_wasserstein(F, A), rel=0.02)
    random = np.random.default_rng(2)
    for _ in range(4):
        direction, eps = random.normal(size=F.shape), 1e-5
        above, below = (numpy_wasserstein(F + s * eps * direction, A) for s in (1, -1))
        assert (gradient * direction).sum() == pytest.approx(
            (above - below) / (2 * eps), rel=0.02, abs=1e-3
        )


def test_wasserstein_is_right_for_fewer_positions_than_channels():
    # deep layers of a small image: 24 channels at 9 positions, so 16 directions have no variance
    current, style = draw(24, 3, 3), draw(24, 3, 3, seed=1)
    F, A = rows(current), rows(style)
    energy = (A**2).sum(0).mean()
    with np.errstate(all="ignore"):
        expected, exact = numpy_wasserstein(F, A, VARIANCE_FLOOR), numpy_wasserstein(F, A)
    found = float(wasserstein(current, style))
    assert abs(found - expected) < 1e-4 * energy
    assert abs(found - exact) < 0.05 * energy  # the effect of the floor where it is largest


def test_the_distance_of_a_style_from_itself_is_zero():
    # also where most directions have no variance: 0 within 1 % of the features' energy
    style = draw(64, 4, 4)
    energy = float(moments(style).energy)
    assert abs(float(wasserstein(style, style))) < 0.01 * energy


def test_the_distance_of_real_features_from_themselves_is_zero(network, photograph):
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    features = network("relu5_1")(photograph("astronaut", step=4, top=0, left=0)[None], layers)
    relative = {n: float(wasserstein(f, f) / moments(f).energy) for n, f in features.items()}
    assert {n: r for n, r in relative.items() if abs(r) > 0.01} == {}


def test_the_root_squared_is_the_matrix():
    C = moments(draw(6, 8, 9)).covariance
    root = symmetric_root(C)
    torch.testing.assert_close(root, root.T, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(root @ root, C, rtol=1e-4, atol=1e-5)


def test_mean_std_equals_numpy():
    # within 1 %: the floor is added to the variances
    current, style = draw(5, 8, 9), draw(5, 6, 7, seed=1)
    F, A = rows(current), rows(style)
    expected = ((F.mean(1) - A.mean(1)) ** 2).sum() + ((F.std(1) - A.std(1)) ** 2).sum()
    ours = float(mean_std_loss(moments(current), moments(style)))
    assert ours == pytest.approx(expected, rel=1e-2)


def test_mean_std_has_a_finite_gradient_where_a_channel_is_dead():
    features = draw(5, 8, 9).float()
    features[:, 2] = 0
    leaf = features.requires_grad_()
    mean_std_loss(moments(leaf), moments(draw(5, 6, 7, seed=1).float())).backward()
    assert bool(leaf.grad.isfinite().all())


def test_wasserstein_has_a_finite_gradient_where_nothing_varies():
    leaf = torch.full((1, 5, 4, 4), 0.5).requires_grad_()
    wasserstein(leaf, draw(5, 6, 7, seed=1).float()).backward()
    assert bool(leaf.grad.isfinite().all())


@pytest.mark.parametrize("power", [1, 2])
def test_total_variation_equals_numpy(photograph, power):
    image = photograph(height=9, width=13)[None].double()
    x = image.numpy()
    across, down = np.abs(np.diff(x, axis=3)) ** power, np.abs(np.diff(x, axis=2)) ** power
    ours = float(total_variation(image, power))
    assert ours == pytest.approx(across.mean() + down.mean(), rel=1e-12)


def test_total_variation_of_a_circular_image_is_shift_invariant(photograph):
    image = photograph(height=9, width=13)[None].double()
    shifted = image.roll((4, 5), (2, 3))
    expected = total_variation(image, circular=True)
    torch.testing.assert_close(total_variation(shifted, circular=True), expected)
    assert not torch.isclose(total_variation(shifted), total_variation(image))


@pytest.mark.parametrize("size", [(1, 7), (7, 1), (1, 1)])
def test_total_variation_counts_only_neighbors_that_exist(size):
    image = torch.rand(1, 3, *size, dtype=torch.float64, requires_grad=True)
    value = total_variation(image)
    value.backward()
    differences = np.diff(image.detach().numpy().reshape(3, -1), axis=1) ** 2
    expected = differences.mean() if differences.size else 0
    assert float(value.detach()) == pytest.approx(expected, rel=1e-12)
    assert bool(image.grad.isfinite().all())


def test_range_loss_equals_numpy_and_is_zero_within_the_range():
    image = torch.linspace(-0.5, 1.5, 3 * 5 * 7, dtype=torch.float64).view(1, 3, 5, 7)
    leaf = image.clone().requires_grad_()
    value = range_loss(leaf)
    value.backward()
    x = image.numpy()
    excess = x - np.clip(x, 0, 1)
    assert float(value.detach()) == pytest.approx((excess**2).mean(), rel=1e-12)
    np.testing.assert_allclose(leaf.grad.numpy(), 2 * excess / x.size, atol=1e-15)


def test_scaling_keeps_the_means():
    found = moments(draw(5, 8, 9).float())
    torch.testing.assert_close(found.scaled(0.25).gram, found.gram, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.scaled(0.25).mean, found.mean, rtol=1e-6, atol=0)


@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_in_an_image_of_one_color_is_not_taken_for_variance(sign):
    # all features are equal: their covariance in float32 is rounding error, of either sign
    mean = torch.full((8,), 100.0)
    error = sign * 1e-5 * 8e4 * torch.eye(8)
    flat = Moments(torch.tensor(1.0), mean, torch.outer(mean, mean) + error)
    covariance = add_floor(flat.covariance, flat)
    assert float(torch.linalg.eigvalsh(covariance)[0]) > 0
    current = moments(100 + draw(8, 5, 6).float())
    assert math.isfinite(float(wasserstein_loss(current, flat, target_root(flat))))


def test_eigenvectors_that_fail_to_converge_are_computed_in_float64(monkeypatch):
    eigh, dtypes = torch.linalg.eigh, []

    def fails_in_float32(matrix):
        dtypes.append(matrix.dtype)
        if matrix.dtype == torch.float32:
            raise torch.linalg.LinAlgError("failed to converge")
        return eigh(matrix)

    monkeypatch.setattr(torch.linalg, "eigh", fails_in_float32)
    matrix = torch.diag(torch.tensor([4.0, 9.0]))
    torch.testing.assert_close(symmetric_root(matrix), torch.diag(torch.tensor([2.0, 3.0])))
    assert dtypes == [torch.float32, torch.float64]


def test_a_failed_eigendecomposition_makes_the_loss_nan(monkeypatch):
    # and no exception: the optimizer takes a shorter step
    def fails(matrix):
        raise torch.linalg.LinAlgError("failed to converge")

    current, target = moments(draw(4, 5, 6).float()), moments(draw(4, 5, 6, seed=1).float())
    root = target_root(target)
    monkeypatch.setattr(torch.linalg, "eigh", fails)
    assert math.isnan(float(wasserstein_loss(current, target, root)))
