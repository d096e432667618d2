import numpy as np
import pytest
import skimage.data
import torch

from bowerbird.image.color import luminance, match_color, match_luminance, restore_chroma

FLOOR = (1 / 255) ** 2  # the variance that color.py adds to each covariance


def photograph(name="chelsea", size=(120, 160)):
    pixels = getattr(skimage.data, name)()[: size[0], : size[1], :3]
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)


def muted(seed, mean, spread, size=(40, 50)):
    """Return an image far enough from 0 and 1 that nothing is clipped."""
    noise = torch.rand((3, *size), generator=torch.Generator().manual_seed(seed)) - 0.5
    mixing = torch.tensor([[1.0, 0.5, 0.1], [0.2, 0.8, -0.3], [0.0, 0.4, 0.6]])
    mixed = torch.einsum("ij,jhw->ihw", mixing, noise)
    return spread * mixed + torch.tensor(mean)[:, None, None]


def moments(rgb, weights=None):
    pixels = rgb.double().flatten(1).numpy()
    weights = None if weights is None else weights.double().flatten().numpy()
    covariance = np.cov(pixels, aweights=weights, bias=True)
    return np.average(pixels, axis=1, weights=weights), covariance


def paper_formula(source, target):
    """Return S_t^1/2 S_s^-1/2 (x - mu_s) + mu_t in float64 NumPy, by scipy's matrix root."""
    from scipy.linalg import fractional_matrix_power as power  # noqa: PLC0415

    source_mean, source_covariance = moments(source)
    target_mean, target_covariance = moments(target)
    floor = FLOOR * np.eye(3)
    matrix = power(target_covariance + floor, 0.5) @ power(source_covariance + floor, -0.5)
    pixels = source.double().flatten(1).numpy() - source_mean[:, None]
    return (matrix @ pixels + target_mean[:, None]).reshape(source.shape)


def test_match_color_equals_the_paper_written_in_numpy():
    source, target = muted(0, [0.3, 0.5, 0.6], 0.2), muted(1, [0.6, 0.4, 0.5], 0.3)
    expected = paper_formula(source, target)
    assert expected.min() > 0
    assert expected.max() < 1  # otherwise clipping could hide a difference
    np.testing.assert_allclose(match_color(source, target).numpy(), expected, atol=1e-5)


def test_match_color_reaches_the_targets_mean_and_covariance():
    source, target = muted(0, [0.3, 0.5, 0.6], 0.2), muted(1, [0.6, 0.4, 0.5], 0.3, (30, 70))
    mean, covariance = moments(match_color(source, target))
    target_mean, target_covariance = moments(target)
    np.testing.assert_allclose(mean, target_mean, atol=1e-5)
    np.testing.assert_allclose(covariance, target_covariance, atol=2 * FLOOR)


def test_match_color_to_itself_changes_nothing():
    rgb = photograph()
    torch.testing.assert_close(match_color(rgb, rgb), rgb, atol=1e-5, rtol=0)


def test_match_color_ignores_the_positions_of_the_targets_pixels():
    source, target = photograph("coffee"), photograph()
    order = torch.randperm(120 * 160, generator=torch.Generator().manual_seed(0))
    shuffled = target.flatten(1)[:, order].view_as(target)
    torch.testing.assert_close(match_color(source, shuffled), match_color(source, target))


def test_match_color_on_real_photographs_stays_in_range_and_near_the_mean():
    source, target = photograph("coffee", (300, 400)), photograph("chelsea", (300, 400))
    matched = match_color(source, target)
    assert matched.min() >= 0
    assert matched.max() <= 1
    before = (source.mean((1, 2)) - target.mean((1, 2))).abs().max()
    after = (matched.mean((1, 2)) - target.mean((1, 2))).abs().max()
    assert after < before / 10


GRAY = photograph().mean(0, keepdim=True).expand(3, -1, -1)
CONSTANT = torch.full((3, 9, 7), 0.4)


@pytest.mark.parametrize("source", [GRAY, CONSTANT, torch.zeros(3, 1, 1)])
@pytest.mark.parametrize("target", [GRAY, CONSTANT, torch.ones(3, 1, 1), photograph("coffee")])
def test_match_color_is_finite_for_gray_and_constant_images(source, target):
    matched = match_color(source, target)
    assert matched.shape == source.shape
    assert torch.isfinite(matched).all()
    assert matched.min() >= 0
    assert matched.max() <= 1


def test_match_color_does_not_amplify_the_rounding_noise_of_a_gray_image():
    # one level of noise in the chroma of a gray scan must not become colored speckle
    noise = torch.randint(-1, 2, GRAY.shape, generator=torch.Generator().manual_seed(0)) / 255
    clean, noisy = (match_color(x, photograph("coffee")) for x in (GRAY, GRAY + noise))
    assert (clean - noisy).std() < 0.1


def test_a_constant_target_makes_a_nearly_constant_image_of_its_color():
    target = torch.tensor([0.2, 0.5, 0.7])[:, None, None].expand(3, 4, 4)
    matched = match_color(photograph(), target)
    torch.testing.assert_close(matched.mean((1, 2)), target[:, 0, 0], atol=1e-4, rtol=0)
    assert matched.std(dim=(1, 2)).max() < 2 / 255


def test_weights_select_the_masked_region():
    left, right = muted(1, [0.6, 0.4, 0.5], 0.3), muted(2, [0.2, 0.7, 0.4], 0.1)
    source, target = muted(0, [0.3, 0.5, 0.6], 0.2), torch.cat([left, right], dim=2)
    mask = torch.zeros(target.shape[1:])
    mask[:, : left.shape[2]] = 1
    masked = match_color(source, target, target_weights=mask)
    torch.testing.assert_close(masked, match_color(source, left))
    gray = match_luminance(source, target, weights=mask)
    torch.testing.assert_close(gray, match_luminance(source, left))
    assert float((gray - match_luminance(source, target)).abs().mean()) > 0.01


def test_soft_weights_follow_the_weighted_moments():
    source, target = muted(0, [0.3, 0.5, 0.6], 0.2), muted(1, [0.6, 0.4, 0.5], 0.3)
    weights = torch.rand(40, 50, generator=torch.Generator().manual_seed(3))
    mean, covariance = moments(match_color(source, target, target_weights=weights))
    target_mean, target_covariance = moments(target, weights)
    np.testing.assert_allclose(mean, target_mean, atol=1e-5)
    np.testing.assert_allclose(covariance, target_covariance, atol=2 * FLOOR)


@pytest.mark.parametrize(
    "weights",
    [torch.ones(3, 3), torch.zeros(40, 50), torch.full((40, 50), torch.nan), -torch.ones(40, 50)],
)
def test_invalid_weights_are_refused(weights):
    source = muted(0, [0.3, 0.5, 0.6], 0.2)
    with pytest.raises(ValueError, match="weights"):
        match_color(source, source, target_weights=weights)
    with pytest.raises(ValueError, match="weights"):
        match_luminance(source, source, weights=weights)


def test_luminance_is_bt709_luma_in_three_equal_channels():
    red, green, blue = (luminance(torch.eye(3)[i][:, None, None])[0, 0, 0] for i in range(3))
    assert (red.item(), green.item(), blue.item()) == pytest.approx((0.2126, 0.7152, 0.0722))
    gray = luminance(photograph())
    assert torch.equal(gray[0], gray[1])
    assert torch.equal(gray[0], gray[2])
    torch.testing.assert_close(luminance(gray), gray)


def test_restore_chroma_has_the_results_luma_exactly():
    result, content = photograph("coffee"), photograph()
    restored = restore_chroma(result, content)
    torch.testing.assert_close(luminance(restored), luminance(result), atol=2e-6, rtol=0)
    assert restored.min() >= 0
    assert restored.max() <= 1


def test_restore_chroma_has_the_content_images_chroma_where_it_fits():
    content = muted(0, [0.45, 0.5, 0.55], 0.1)
    result = muted(1, [0.5, 0.5, 0.5], 0.1)
    restored = restore_chroma(result, content)
    torch.testing.assert_close(restored - luminance(restored), content - luminance(content))


def test_restore_chroma_keeps_hue_where_chroma_must_shrink():
    content = torch.tensor([1.0, 0.2, 0.0])[:, None, None]
    restored = restore_chroma(torch.full((3, 1, 1), 0.9), content)
    before, after = content - luminance(content), restored - luminance(restored)
    fraction = (after / before).flatten()
    assert fraction.max() - fraction.min() < 1e-4
    assert 0 < fraction[0] < 1
    assert restored.max() == pytest.approx(1)


def test_restore_chroma_of_itself_and_of_gray():
    content = photograph()
    torch.testing.assert_close(restore_chroma(content, content), content, atol=1e-5, rtol=0)
    gray = luminance(photograph("coffee"))
    torch.testing.assert_close(restore_chroma(gray, luminance(content)), gray, atol=1e-5, rtol=0)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_restore_chroma_at_black_and_white_is_black_and_white(level):
    content = photograph()
    restored = restore_chroma(torch.full_like(content, level), content)
    torch.testing.assert_close(restored, torch.full_like(content, level), atol=1e-5, rtol=0)


def test_restore_chroma_refuses_different_sizes():
    with pytest.raises(ValueError, match="resize"):
        restore_chroma(torch.zeros(3, 4, 5), torch.zeros(3, 4, 6))


def test_match_luminance_reaches_mean_and_std():
    style, content = muted(0, [0.3, 0.5, 0.6], 0.2), muted(1, [0.6, 0.4, 0.5], 0.3)
    matched, target = match_luminance(style, content), luminance(content)
    assert torch.equal(matched[0], matched[2])
    assert matched.mean() == pytest.approx(target.mean().item(), abs=1e-5)
    assert matched[0].std() == pytest.approx(target[0].std().item(), abs=1e-3)
    order = luminance(style).flatten().argsort()
    assert (matched.flatten()[order].diff() >= -1e-6).all()  # the order of brightness is kept


def test_match_luminance_of_a_constant_style_is_the_content_images_mean():
    matched = match_luminance(CONSTANT, photograph())
    assert torch.isfinite(matched).all()
    assert matched.mean() == pytest.approx(luminance(photograph()).mean().item(), abs=1e-4)
