"""The objective is the paper's formula, the same in tiles, and ``strength`` balances its terms.

Statistics are summed in float32 even for float64 features, so "equal" is to about five digits.
"""

from dataclasses import replace

import pytest
import torch

from bowerbird.image.config import ObjectiveConfig
from bowerbird.image.objective import Objective, content_loss, style_statistics
from bowerbird.image.style_loss import StyleTarget
from bowerbird.image.tiles import plan_tiles
from bowerbird.networks.vgg_layers import check_layers, receptive_radius

PAPER = ObjectiveConfig(
    style_loss="gram",
    normalization="paper",
    content_weight=1.0,
    style_weight=1e3,
    range_weight=0.0,
    pooling="average",
)
SHALLOW = ObjectiveConfig(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
STYLE_LOSSES = ("wasserstein", "gram", "mean-std")


def build(network, config, content, style, mask=None, max_px=1 << 62):
    """Return the objective whose one style image is ``style``."""
    targets = []
    if style is not None:
        targets = [StyleTarget(style_statistics(network, style, config, 1 << 62), mask)]
    return Objective(network, config, content, targets, max_px)


def noisy(image, seed=0):
    random = torch.Generator().manual_seed(seed)
    return (image + 0.1 * torch.randn(image.shape, generator=random)).to(image)


def assert_same(one, other, tolerance=1e-4):
    """Assert that every loss is equal, and the gradient relative to its largest element."""
    assert one.losses.keys() == other.losses.keys()
    for name, value in other.losses.items():
        assert one.losses[name] == pytest.approx(value, rel=tolerance, abs=1e-9), name
    largest = float(other.gradient.abs().max())
    assert float((one.gradient - other.gradient).abs().max()) <= tolerance * largest


def paper(features, content_features, style_features, config):
    """Return equations 1 to 7 of arXiv:1508.06576 in float64: content, style and total."""
    content, style = 0, 0
    for name in config.content_layers:
        content = content + 0.5 * ((features[name] - content_features[name]) ** 2).sum()
    for name in config.style_layers:
        F, P = features[name][0].flatten(1), style_features[name][0].flatten(1)
        (N, M), G, A = F.shape, F @ F.T, P @ P.T
        E = ((G - A) ** 2).sum() / (4 * N**2 * M**2)
        style = style + E / len(config.style_layers)
    return content, style, config.content_weight * content + config.style_weight * style


@pytest.fixture(scope="module")
def images(photograph):
    """Return a content image, a style image and an image between them, each (1, 3, h, w)."""
    content, style = (photograph(n, 48, 64)[None].double() for n in ("chelsea", "astronaut"))
    return content, style, noisy(content)


def test_the_papers_total_loss_and_pixel_gradient(network, reference_features, images):
    # from pixels to equation 7 on real features, against a second VGG in float64
    content, style, current = images
    objective = build(network("relu5_1", torch.float64, "average"), PAPER, content, style)
    ours = objective.evaluate(current)
    targets = [reference_features(x, "average") for x in (content, style)]

    def total(x):
        return paper(reference_features(x, "average"), *targets, PAPER)

    leaf = current.clone().requires_grad_()
    terms = total(leaf)
    terms[2].backward()
    for name, term in zip(("content", "style", "total"), terms, strict=True):
        weight = PAPER.style_weight if name == "style" else 1
        assert ours.losses[name] == pytest.approx(weight * float(term.detach()), rel=1e-4)
    assert float((ours.gradient - leaf.grad).norm() / leaf.grad.norm()) < 1e-4
    # and the reference's gradient agrees with central differences in float64
    random = torch.Generator().manual_seed(1)
    for _ in range(2):
        direction, eps = torch.randn(current.shape, generator=random).double(), 1e-6
        with torch.no_grad():
            above, below = (float(total(current + s * eps * direction)[2]) for s in (1, -1))
        slope = float((ours.gradient * direction).sum())
        assert slope == pytest.approx((above - below) / (2 * eps), rel=2e-3)


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_the_gradient_is_the_slope_of_the_loss(network, images, style_loss):
    # a line search compares both: a small step along the gradient changes the loss by its norm
    content, style, current = images
    config = ObjectiveConfig(style_loss=style_loss, tv_weight=10.0, pooling="average")
    objective = build(network("relu5_1", torch.float64, "average"), config, content, style)
    gradient = objective.evaluate(current).gradient
    direction, eps = gradient / gradient.norm(), 0.02
    above, below = (
        objective.evaluate(current + s * eps * direction).losses["total"] for s in (1, -1)
    )
    assert (above - below) / (2 * eps) == pytest.approx(float(gradient.norm()), rel=0.02)


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_an_image_in_its_own_style_has_no_style_loss(network, images, style_loss):
    # normalized: 0 within a hundredth of the style image's energy
    _, style, _ = images
    config = ObjectiveConfig(style_loss=style_loss)
    ours = build(network("relu5_1", torch.float64), config, None, style).evaluate(style)
    assert abs(ours.losses["style"]) < 0.01


def test_relative_content_loss_is_a_fraction_of_the_content_images_energy(
    network, reference_features, images
):
    content, style, current = images
    config = ObjectiveConfig()
    ours = build(network("relu5_1", torch.float64), config, content, style).evaluate(current)
    F, P = (reference_features(x)["relu4_2"] for x in (current, content))
    expected = float(((F - P) ** 2).sum() / (P**2).sum())
    assert ours.losses["content"] == pytest.approx(config.content_weight * expected, rel=1e-4)


def test_relative_gram_loss_is_a_fraction_of_the_style_images_gram(
    network, reference_features, images
):
    content, style, current = images
    config = ObjectiveConfig(style_loss="gram", style_weight=1.0)
    ours = build(network("relu5_1", torch.float64), config, content, style).evaluate(current)
    one, other = (reference_features(x) for x in (current, style))
    expected = 0
    for name in config.style_layers:
        G, A = ((f[name][0].flatten(1) @ f[name][0].flatten(1).T) for f in (one, other))
        expected += float(((G - A) ** 2).sum() / (A**2).sum()) / len(config.style_layers)
    assert ours.losses["style"] == pytest.approx(expected, rel=1e-4)


def test_relative_losses_mean_the_same_at_two_sizes(network, photograph):
    # the same images at 64 and at 128 px: within a factor of 2, where sums over positions
    # in the paper's normalization grow about fourfold
    net, sizes = network("relu5_1"), {}
    for step, side in ((4, 64), (2, 128)):
        content, style = (
            photograph(n, side, side, 0, 0, step)[None] for n in ("chelsea", "astronaut")
        )
        current = 0.5 * (content + content.flip(3))
        for normalization in ("relative", "paper"):
            config = ObjectiveConfig(
                style_loss="gram", normalization=normalization, pooling="average"
            )
            losses = build(net, config, content, style).evaluate(current).losses
            sizes[side, normalization] = losses["content"], losses["style"]
    for small, large in zip(sizes[64, "relative"], sizes[128, "relative"], strict=True):
        assert 0.5 < large / small < 2
    assert sizes[128, "paper"][0] > 2.5 * sizes[64, "paper"][0]


@pytest.mark.parametrize(
    ("style_loss", "masked", "size", "max_px"),
    [
        # cores of 48 px in tiles of 80, of 32 px in tiles of 64: no side is a multiple of them
        ("gram", False, (65, 130), 80**2),
        ("gram", True, (65, 130), 80**2),
        ("gram", True, (83, 78), 64**2),
        ("wasserstein", True, (65, 130), 80**2),
        ("mean-std", True, (83, 78), 64**2),
    ],
)
def test_tiles_have_the_whole_images_loss_and_gradient(
    network, photograph, style_loss, masked, size, max_px
):
    content, style = (
        photograph(n, *s)[None].double() for n, s in (("chelsea", size), ("astronaut", (64, 80)))
    )
    mask = torch.linspace(-0.3, 1.2, size[1]).clamp(0, 1).expand(size) if masked else None
    config = replace(SHALLOW, style_loss=style_loss, tv_weight=1.0)
    # in float64, so that rounding changes no ReLU and no maximum
    net, current = network("relu2_1", torch.float64), noisy(content)
    whole = build(net, config, content, style, mask).evaluate(current)
    tiled = build(net, config, content, style, mask, max_px).evaluate(current)
    # the root of a nearly singular covariance loses a digit or two in float32
    assert_same(tiled, whole, 2e-3 if style_loss == "wasserstein" else 1e-4)


def test_the_first_pass_over_tiles_computes_style_only(network, photograph, monkeypatch):
    # the content loss is computed once per tile, with its gradient
    content, style = (photograph(n, 65, 130)[None] for n in ("chelsea", "astronaut"))
    objective = build(network("relu2_1"), SHALLOW, content, style, max_px=80**2)
    calls = []

    def counting(*features):
        calls.append(features)
        return content_loss(*features)

    monkeypatch.setattr("bowerbird.image.objective.content_loss", counting)
    objective.evaluate(noisy(content))
    assert len(calls) == len(plan_tiles((65, 130), 80**2, receptive_radius("relu2_1")))


def test_tiles_have_the_whole_images_loss_with_deep_layers(toy_network):
    # every default layer, in float64 and with few channels: halos of 80 px around cores of 80
    config = ObjectiveConfig(style_loss="gram", padding_mode="replicate")
    random = torch.Generator().manual_seed(0)
    content, current, style = torch.rand(3, 1, 3, 220, 270, generator=random).double()
    net = toy_network(last="relu5_1", padding_mode="replicate")
    whole = build(net, config, content, style).evaluate(current)
    tiled = build(net, config, content, style, max_px=240**2).evaluate(current)
    assert_same(tiled, whole)


def test_a_tileable_image_is_not_split_into_tiles(toy_network):
    # with circular padding the first tile's neighbor is the last one, which a halo does not include
    config = replace(SHALLOW, style_loss="gram", padding_mode="circular")
    random = torch.Generator().manual_seed(0)
    content, style = torch.rand(2, 1, 3, 128, 160, generator=random).double()
    net = toy_network(last="relu2_1", padding_mode="circular")
    with pytest.raises(
        ValueError, match=r"tileable image of 160 x 128 px can't be split .* raise max_memory"
    ):
        build(net, config, content, style, max_px=80**2)


@pytest.mark.parametrize("layers", [("pool1", "relu1_1"), ("pool2", "relu2_1")])
def test_tiles_have_the_whole_images_loss_with_pooling_layers(toy_network, layers):
    # Gatys' textures (arXiv:1505.07376) match pool1 to pool4
    config = ObjectiveConfig(style_loss="gram", content_layers=(), style_layers=layers)
    random = torch.Generator().manual_seed(0)
    current, style = torch.rand(2, 1, 3, 97, 130, generator=random).double()
    net = toy_network(last=config.last_layer)
    whole = build(net, config, None, style).evaluate(current)
    tiled = build(net, config, None, style, max_px=80**2).evaluate(current)
    assert_same(tiled, whole)


@pytest.mark.parametrize(
    ("layers", "deepest"),
    [
        (("relu1_2", "pool1"), "pool1"),
        (("pool4", "relu4_2", "relu4_4"), "pool4"),
        (("conv5_2", "relu5_2"), "relu5_2"),
        (("relu5_1", "relu1_1"), "relu5_1"),
        (("pool3", "relu4_1"), "relu4_1"),
    ],
)
def test_the_last_layer_is_the_one_computed_last(layers, deepest):
    config = ObjectiveConfig(content_layers=(), style_layers=layers)
    assert config.last_layer == deepest


def test_style_statistics_in_tiles_are_those_of_the_whole_image(network, photograph):
    style, net = photograph("astronaut", 97, 130)[None], network("relu2_1")
    whole, tiled = (style_statistics(net, style, SHALLOW, max_px) for max_px in (1 << 62, 80**2))
    for name, moments in whole.items():
        assert float(tiled[name].weight) == pytest.approx(1, rel=1e-5)
        torch.testing.assert_close(tiled[name].mean, moments.mean, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(tiled[name].gram, moments.gram, rtol=1e-3, atol=1e-1)


def test_a_mask_of_ones_is_no_mask(network, images):
    content, style, current = (p.float() for p in images)
    for style_loss in STYLE_LOSSES:
        config = replace(SHALLOW, style_loss=style_loss)
        ones = torch.ones(content.shape[2:])
        masked = build(network("relu2_1"), config, content, style, ones).evaluate(current)
        unmasked = build(network("relu2_1"), config, content, style).evaluate(current)
        assert_same(masked, unmasked)


def test_a_style_does_not_reach_far_beyond_its_region(network, photograph):
    # the receptive radius of relu2_1 is 5 px: beyond 8 px from the mask the gradient is exactly 0
    content, style = photograph("chelsea", 48, 96)[None], photograph("astronaut", 48, 48)[None]
    mask = torch.zeros(48, 96)
    mask[:, :40] = 1
    config = replace(SHALLOW, strength=1.0, range_weight=0.0)
    gradient = build(network("relu2_1"), config, content, style, mask).evaluate(content).gradient
    assert torch.equal(gradient[..., 48:], torch.zeros(1, 3, 48, 48))
    assert float(gradient[..., :36].abs().amax((0, 1)).min()) > 0


def test_a_mask_on_the_last_rows_only_has_a_finite_loss(network, photograph):
    # 100 px are 6 positions of relu5_1 and 4 px more: a mask there has no position of it
    content, style = photograph("chelsea", 100, 64)[None], photograph("astronaut")[None]
    mask = torch.zeros(100, 64)
    mask[98:] = 1
    net, config = network("relu5_1"), ObjectiveConfig()
    ours = build(net, config, content, style, mask).evaluate(content)
    assert bool(torch.tensor(ours.losses["total"]).isfinite())
    assert bool(ours.gradient.isfinite().all())


def test_each_region_of_a_style_has_its_own_statistics(network, images):
    # the loss of two halves is the sum of their losses
    content, style, _ = (p.float() for p in images)
    config = replace(SHALLOW, style_loss="gram", strength=1.0, tv_weight=0.0)
    net = network("relu2_1")
    target, left = style_statistics(net, style, config, 1 << 62), torch.zeros(content.shape[2:])
    left[:, :32] = 1
    both = Objective(
        net, config, content, [StyleTarget(target, left), StyleTarget(target, 1 - left)]
    )
    single = [Objective(net, config, content, [StyleTarget(target, m)]) for m in (left, 1 - left)]
    whole, parts = both.evaluate(content), [o.evaluate(content) for o in single]
    assert whole.losses["style"] == pytest.approx(sum(p.losses["style"] for p in parts), rel=1e-5)
    assert_same(whole, replace(whole, gradient=sum(p.gradient for p in parts)))


def test_total_variation_counts_only_inside_masks(network, images):
    content, style, current = (p.float() for p in images)
    left = torch.zeros(content.shape[2:])
    left[:, :24] = 1
    config = ObjectiveConfig(content_layers=(), style_layers=(), tv_weight=3.0)
    objective = build(network("relu2_1"), replace(config, range_weight=0.0), content, style, left)
    gradient = objective.evaluate(current).gradient
    assert float(gradient[..., 24:].abs().max()) == 0
    assert float(gradient[..., :24].abs().min()) > 0


def test_strength_0_has_no_loss_at_the_content_image(network, images):
    content, style, current = (p.float() for p in images)
    objective = build(network("relu2_1"), replace(SHALLOW, strength=0.0), content, style)
    evaluation = objective.evaluate(content)
    assert evaluation.losses["total"] == 0
    assert float(evaluation.gradient.abs().max()) == 0
    assert objective.evaluate(current).losses["content"] > 0


def test_strength_1_ignores_the_content_image(network, images):
    content, style, current = (p.float() for p in images)
    config = replace(SHALLOW, strength=1.0)
    one, other = (
        build(network("relu2_1"), config, image, style).evaluate(current)
        for image in (content, 1 - content)
    )
    assert one.losses == other.losses
    assert one.losses["content"] == 0
    assert torch.equal(one.gradient, other.gradient)


def test_strength_raises_style_and_lowers_content(network, images):
    content, style, current = (p.float() for p in images)
    losses = [
        build(network("relu2_1"), replace(SHALLOW, strength=s), content, style)
        .evaluate(current)
        .losses
        for s in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    ratios = [x["style"] / x["content"] for x in losses]
    assert ratios == sorted(ratios)
    assert ratios[-1] > 50 * ratios[0]


def test_strength_is_linear():
    # with squares 0.2 was a sixteenth of the style and had hardly a visible effect
    config = ObjectiveConfig(content_weight=0.08, style_weight=1.0)
    expected = {
        0.0: (0.16, 0.0),
        0.2: (0.128, 0.4),
        0.5: (0.08, 1.0),
        0.8: (0.032, 1.6),
        1.0: (0, 2),
    }
    for strength, weights in expected.items():
        assert replace(config, strength=strength).effective_weights[:2] == pytest.approx(weights)


def test_layer_weights_are_relative(network, images):
    # only their ratios matter, and a layer of weight 0 has no effect
    content, style, current = (p.float() for p in images)

    def style_loss(**changes):
        config = replace(SHALLOW, **changes)
        return build(network("relu2_1"), config, content, style).evaluate(current).losses["style"]

    first = style_loss(style_layers=("relu1_1",))
    second = style_loss(style_layers=("relu2_1",))
    assert style_loss(style_layer_weights=(5.0,)) == pytest.approx((first + second) / 2, rel=1e-5)
    assert style_loss(style_layer_weights=(6.0, 2.0)) == pytest.approx(
        0.75 * first + 0.25 * second, rel=1e-5
    )
    assert style_loss(style_layer_weights=(0.0, 3.0)) == pytest.approx(second, rel=1e-5)


def test_the_total_is_the_sum_of_its_terms(network, images):
    content, style, current = (p.float() for p in images)
    config = replace(SHALLOW, tv_weight=3.0, range_weight=7.0)
    losses = build(network("relu2_1"), config, content, style).evaluate(current).losses
    parts = [value for name, value in losses.items() if name != "total"]
    assert losses["total"] == pytest.approx(sum(parts), rel=1e-6)
    assert min(parts) > 0


def test_values_outside_the_range_are_pulled_back(network, images):
    content, style, _ = (p.float() for p in images)
    config = replace(SHALLOW, strength=0.0, range_weight=1.0)
    bright = content + 2
    evaluation = build(network("relu2_1"), config, bright, style).evaluate(bright)
    # d/dx of mean (x - 1)^2 is 2 (x - 1) / n
    torch.testing.assert_close(evaluation.gradient, 2 * (bright - 1) / bright.numel())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strength": 1.5}, "between 0 and 1.*1.5"),
        ({"strength": -0.1}, "between 0 and 1.*-0.1"),
        ({"strength": float("nan")}, "between 0 and 1.*nan"),
        ({"style_layer_weights": (1.0, 2.0)}, "2 values for 5 style layers"),
        ({"style_layer_weights": ()}, "0 values for 5 style layers"),
        ({"content_layers": ("relu9_9",)}, r"relu9_9.*conv1_1.*relu5_4"),
        ({"style_layers": ("Conv1_1",)}, r"Conv1_1.*conv1_1.*relu5_4"),
        ({"style_loss": "histogram"}, "'histogram'.*wasserstein, gram, mean-std"),
        ({"normalization": "pounds"}, "'pounds'.*relative, paper, mean"),
        ({"pooling": "median"}, "'median'.*max, average, l2"),
        ({"padding_mode": "mirror"}, "'mirror'.*zeros, replicate, reflect, circular"),
    ],
)
def test_an_invalid_setting_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ObjectiveConfig(**change)


def test_the_default_layers_are_layers():
    config = ObjectiveConfig()
    check_layers((*config.content_layers, *config.style_layers))
    assert sum(config.layer_weights.values()) == pytest.approx(1)


def test_an_image_of_nan_has_no_finite_loss(network, photograph, plate):
    # eigenvectors of NaN are an error: the optimizer must get a loss instead, and step back
    config = replace(SHALLOW, style_loss="wasserstein")
    content, style = photograph()[None], plate()[None, :, :64, :64]
    objective = build(network(config.last_layer), config, content, style)
    evaluation = objective.evaluate(content * torch.nan)
    assert not evaluation.is_finite
    assert not torch.tensor(evaluation.losses["total"]).isfinite()
