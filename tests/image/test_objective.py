"""The objective is the paper's formula, the same in tiles as whole, and its dial means something.

Statistics are summed in float32 even for float64 features, so "equal" is to five digits or so.
"""

from dataclasses import replace

import pytest
import torch

from bowerbird.image.objective import Manner, Objective, ObjectiveConfig, see
from bowerbird.image.statistics import content_loss
from bowerbird.image.tiles import plan
from bowerbird.networks.vgg_layers import check_layers, reach

PAPER = ObjectiveConfig(
    statistic="gram",
    units="paper",
    content_weight=1.0,
    style_weight=1e3,
    range_weight=0.0,
    pooling="average",
)
SHALLOW = ObjectiveConfig(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
STATISTICS = ("wasserstein", "gram", "mean-deviation")


def build(network, config, content, style, mask=None, most=1 << 62):
    """Return the objective whose one painting is ``style``."""
    manners = [Manner(see(network, style, config, 1 << 62), mask)] if style is not None else []
    return Objective(network, config, content, manners, most)


def noisy(picture, seed=0):
    random = torch.Generator().manual_seed(seed)
    return (picture + 0.1 * torch.randn(picture.shape, generator=random)).to(picture)


def assert_same(one, other, tolerance=1e-4):
    """Two evaluations agree: every loss, and the gradient relative to its largest element."""
    assert one.losses.keys() == other.losses.keys()
    for name, value in other.losses.items():
        assert one.losses[name] == pytest.approx(value, rel=tolerance, abs=1e-9), name
    largest = float(other.gradient.abs().max())
    assert float((one.gradient - other.gradient).abs().max()) <= tolerance * largest


def paper(features, photograph, painting, config):
    """Equations 1 to 7 of arXiv:1508.06576 in float64: content, style and total."""
    content, style = 0, 0
    for name in config.content_layers:
        content = content + 0.5 * ((features[name] - photograph[name]) ** 2).sum()
    for name in config.style_layers:
        F, P = features[name][0].flatten(1), painting[name][0].flatten(1)
        (N, M), G, A = F.shape, F @ F.T, P @ P.T
        E = ((G - A) ** 2).sum() / (4 * N**2 * M**2)
        style = style + E / len(config.style_layers)
    return content, style, config.content_weight * content + config.style_weight * style


@pytest.fixture(scope="module")
def pictures(photograph):
    """A photograph, a painting of the same size, and a picture on the way between, (1, 3, h, w)."""
    content, style = (photograph(n, 48, 64)[None].double() for n in ("chelsea", "astronaut"))
    return content, style, noisy(content)


def test_the_papers_total_loss_and_pixel_gradient(network, reference_features, pictures):
    # the whole way from pixels to equation 7 on real features, against a second VGG in float64
    content, style, made = pictures
    objective = build(network("relu5_1", torch.float64, "average"), PAPER, content, style)
    ours = objective.evaluate(made)
    photograph, painting = (reference_features(x, "average") for x in (content, style))

    def total(x):
        return paper(reference_features(x, "average"), photograph, painting, PAPER)

    leaf = made.clone().requires_grad_()
    terms = total(leaf)
    terms[2].backward()
    for name, term in zip(("content", "style", "total"), terms, strict=True):
        weight = PAPER.style_weight if name == "style" else 1
        assert ours.losses[name] == pytest.approx(weight * float(term.detach()), rel=1e-4)
    assert float((ours.gradient - leaf.grad).norm() / leaf.grad.norm()) < 1e-4
    # and the judge's own gradient is the slope of its loss, by central differences in float64
    random = torch.Generator().manual_seed(1)
    for _ in range(2):
        way, eps = torch.randn(made.shape, generator=random).double(), 1e-6
        with torch.no_grad():
            there, back = (float(total(made + s * eps * way)[2]) for s in (1, -1))
        slope = float((ours.gradient * way).sum())
        assert slope == pytest.approx((there - back) / (2 * eps), rel=2e-3)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_gradient_is_the_slope_of_the_loss(network, pictures, statistic):
    # a line search compares both: along the gradient a small step changes the loss as it says
    content, style, made = pictures
    config = ObjectiveConfig(statistic=statistic, variation_weight=10.0, pooling="average")
    objective = build(network("relu5_1", torch.float64, "average"), config, content, style)
    gradient = objective.evaluate(made).gradient
    way, eps = gradient / gradient.norm(), 0.02
    there, back = (objective.evaluate(made + s * eps * way).losses["total"] for s in (1, -1))
    assert (there - back) / (2 * eps) == pytest.approx(float(gradient.norm()), rel=0.02)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_picture_in_its_own_style_has_no_style_loss(network, pictures, statistic):
    # in relative units: 0 within a hundredth of the painting's energy
    _, style, _ = pictures
    config = ObjectiveConfig(statistic=statistic)
    ours = build(network("relu5_1", torch.float64), config, None, style).evaluate(style)
    assert abs(ours.losses["style"]) < 0.01


def test_content_in_relative_units_is_the_share_of_the_photographs_energy(
    network, reference_features, pictures
):
    content, style, made = pictures
    config = ObjectiveConfig()
    ours = build(network("relu5_1", torch.float64), config, content, style).evaluate(made)
    F, P = (reference_features(x)["relu4_2"] for x in (made, content))
    expected = float(((F - P) ** 2).sum() / (P**2).sum())
    assert ours.losses["content"] == pytest.approx(config.content_weight * expected, rel=1e-4)


def test_gram_in_relative_units_is_the_share_of_the_paintings_gram(
    network, reference_features, pictures
):
    content, style, made = pictures
    config = ObjectiveConfig(statistic="gram", style_weight=1.0)
    ours = build(network("relu5_1", torch.float64), config, content, style).evaluate(made)
    one, other = (reference_features(x) for x in (made, style))
    expected = 0
    for name in config.style_layers:
        G, A = ((f[name][0].flatten(1) @ f[name][0].flatten(1).T) for f in (one, other))
        expected += float(((G - A) ** 2).sum() / (A**2).sum()) / len(config.style_layers)
    assert ours.losses["style"] == pytest.approx(expected, rel=1e-4)


def test_relative_losses_mean_the_same_at_two_sizes(network, photograph):
    # the same two pictures at 64 and at 128 px: within a factor of 2, where sums over positions
    # in the paper's units grow about fourfold
    net, sizes = network("relu5_1"), {}
    for step, side in ((4, 64), (2, 128)):
        content, style = (
            photograph(n, side, side, 0, 0, step)[None] for n in ("chelsea", "astronaut")
        )
        made = 0.5 * (content + content.flip(3))
        for units in ("relative", "paper"):
            config = ObjectiveConfig(statistic="gram", units=units, pooling="average")
            losses = build(net, config, content, style).evaluate(made).losses
            sizes[side, units] = losses["content"], losses["style"]
    for small, large in zip(sizes[64, "relative"], sizes[128, "relative"], strict=True):
        assert 0.5 < large / small < 2
    assert sizes[128, "paper"][0] > 2.5 * sizes[64, "paper"][0]


@pytest.mark.parametrize(
    ("statistic", "masked", "size", "most"),
    [
        # 80 px less two halos of 16 leave cores of 48, and 64 px leave 32: no side is a multiple
        ("gram", False, (65, 130), 80**2),
        ("gram", True, (65, 130), 80**2),
        ("gram", True, (83, 78), 64**2),
        ("wasserstein", True, (65, 130), 80**2),
        ("mean-deviation", True, (83, 78), 64**2),
    ],
)
def test_in_tiles_it_is_the_whole_pictures(network, photograph, statistic, masked, size, most):
    content, style = (
        photograph(n, *s)[None].double() for n, s in (("chelsea", size), ("astronaut", (64, 80)))
    )
    mask = torch.linspace(-0.3, 1.2, size[1]).clamp(0, 1).expand(size) if masked else None
    config = replace(SHALLOW, statistic=statistic, variation_weight=1.0)
    # float64, where no rectifier or maximum changes hands by rounding
    net, made = network("relu2_1", torch.float64), noisy(content)
    whole = build(net, config, content, style, mask).evaluate(made)
    tiled = build(net, config, content, style, mask, most).evaluate(made)
    # the root of a nearly flat covariance, in float32, loses a digit or two
    assert_same(tiled, whole, 2e-3 if statistic == "wasserstein" else 1e-4)


def test_the_first_look_at_tiles_is_for_style_alone(network, photograph, monkeypatch):
    # the content is looked at once a tile, with its gradient; the photograph's features are kept
    content, style = (photograph(n, 65, 130)[None] for n in ("chelsea", "astronaut"))
    objective = build(network("relu2_1"), SHALLOW, content, style, most=80**2)
    losses = []

    def counted(*features):
        losses.append(features)
        return content_loss(*features)

    monkeypatch.setattr("bowerbird.image.statistics.content_loss", counted)
    objective.evaluate(noisy(content))
    assert len(losses) == len(plan((65, 130), 80**2, reach("relu2_1")))


def test_in_tiles_it_is_the_whole_pictures_with_deep_layers(toy_network):
    # every default layer, in float64 and with few channels: halos of 80 px around cores of 80
    config = ObjectiveConfig(statistic="gram", edge="replicate")
    random = torch.Generator().manual_seed(0)
    content, made, style = torch.rand(3, 1, 3, 220, 270, generator=random).double()
    net = toy_network(last="relu5_1", edge="replicate")
    whole = build(net, config, content, style).evaluate(made)
    tiled = build(net, config, content, style, most=240**2).evaluate(made)
    assert_same(tiled, whole)


def test_a_tileable_picture_is_not_seen_in_tiles(toy_network):
    # with a circular edge the first tile's neighbour is the last one: a halo can't show that
    config = replace(SHALLOW, statistic="gram", edge="circular")
    random = torch.Generator().manual_seed(0)
    content, style = torch.rand(2, 1, 3, 128, 160, generator=random).double()
    net = toy_network(last="relu2_1", edge="circular")
    with pytest.raises(ValueError, match=r"160 x 128 px .* has to be seen whole; raise the memory"):
        build(net, config, content, style, most=80**2)


@pytest.mark.parametrize("layers", [("pool1", "relu1_1"), ("pool2", "relu2_1")])
def test_in_tiles_it_is_the_whole_pictures_with_pooling_layers(toy_network, layers):
    # poolings are among the layers there are; Gatys' textures (arXiv:1505.07376) match pool1 to 4
    config = ObjectiveConfig(statistic="gram", content_layers=(), style_layers=layers)
    random = torch.Generator().manual_seed(0)
    made, style = torch.rand(2, 1, 3, 97, 130, generator=random).double()
    net = toy_network(last=config.last_layer)
    whole = build(net, config, None, style).evaluate(made)
    tiled = build(net, config, None, style, most=80**2).evaluate(made)
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


def test_paintings_statistics_in_tiles_are_the_whole_paintings(network, photograph):
    style, net = photograph("astronaut", 97, 130)[None], network("relu2_1")
    whole, tiled = (see(net, style, SHALLOW, most) for most in (1 << 62, 80**2))
    for name, moments in whole.items():
        assert float(tiled[name].weight) == pytest.approx(1, rel=1e-5)
        torch.testing.assert_close(tiled[name].mean, moments.mean, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(tiled[name].gram, moments.gram, rtol=1e-3, atol=1e-1)


def test_a_mask_of_ones_is_no_mask(network, pictures):
    content, style, made = (p.float() for p in pictures)
    for statistic in STATISTICS:
        config = replace(SHALLOW, statistic=statistic)
        ones = torch.ones(content.shape[2:])
        masked = build(network("relu2_1"), config, content, style, ones).evaluate(made)
        free = build(network("relu2_1"), config, content, style).evaluate(made)
        assert_same(masked, free)


def test_a_style_does_not_reach_far_into_a_region_that_is_not_its_own(network, photograph):
    # relu2_1 sees 5 px around it: beyond 8 px from the mask the gradient is 0, not just small
    content, style = photograph("chelsea", 48, 96)[None], photograph("astronaut", 48, 48)[None]
    mask = torch.zeros(48, 96)
    mask[:, :40] = 1
    config = replace(SHALLOW, strength=1.0, range_weight=0.0)
    gradient = build(network("relu2_1"), config, content, style, mask).evaluate(content).gradient
    assert torch.equal(gradient[..., 48:], torch.zeros(1, 3, 48, 48))
    assert float(gradient[..., :36].abs().amax((0, 1)).min()) > 0


def test_a_mask_on_the_last_rows_only_is_still_a_number(network, photograph):
    # 100 px are 6 positions of relu5_1 and 4 px too many: a mask there meets no position of it
    content, style = photograph("chelsea", 100, 64)[None], photograph("astronaut")[None]
    mask = torch.zeros(100, 64)
    mask[98:] = 1
    net, config = network("relu5_1"), ObjectiveConfig()
    ours = build(net, config, content, style, mask).evaluate(content)
    assert bool(torch.tensor(ours.losses["total"]).isfinite())
    assert bool(ours.gradient.isfinite().all())


def test_two_regions_of_one_style_have_each_its_own_statistics(network, pictures):
    # halves that both look like the painting lose nothing; the painting's mean elsewhere would
    content, style, _ = (p.float() for p in pictures)
    config = replace(SHALLOW, statistic="gram", strength=1.0, variation_weight=0.0)
    net = network("relu2_1")
    target, left = see(net, style, config, 1 << 62), torch.zeros(content.shape[2:])
    left[:, :32] = 1
    both = Objective(net, config, content, [Manner(target, left), Manner(target, 1 - left)])
    alone = [Objective(net, config, content, [Manner(target, m)]) for m in (left, 1 - left)]
    whole, parts = both.evaluate(content), [o.evaluate(content) for o in alone]
    assert whole.losses["style"] == pytest.approx(sum(p.losses["style"] for p in parts), rel=1e-5)
    assert_same(whole, replace(whole, gradient=sum(p.gradient for p in parts)))


def test_variation_counts_only_where_a_manner_is(network, pictures):
    content, style, made = (p.float() for p in pictures)
    left = torch.zeros(content.shape[2:])
    left[:, :24] = 1
    config = ObjectiveConfig(content_layers=(), style_layers=(), variation_weight=3.0)
    there = build(network("relu2_1"), replace(config, range_weight=0.0), content, style, left)
    gradient = there.evaluate(made).gradient
    assert float(gradient[..., 24:].abs().max()) == 0
    assert float(gradient[..., :24].abs().min()) > 0


def test_strength_0_has_nothing_to_change_in_the_photograph(network, pictures):
    content, style, made = (p.float() for p in pictures)
    objective = build(network("relu2_1"), replace(SHALLOW, strength=0.0), content, style)
    there = objective.evaluate(content)
    assert there.losses["total"] == 0
    assert float(there.gradient.abs().max()) == 0
    assert objective.evaluate(made).losses["content"] > 0


def test_strength_1_does_not_look_at_the_photograph(network, pictures):
    content, style, made = (p.float() for p in pictures)
    config = replace(SHALLOW, strength=1.0)
    one, other = (
        build(network("relu2_1"), config, photo, style).evaluate(made)
        for photo in (content, 1 - content)
    )
    assert one.losses == other.losses
    assert one.losses["content"] == 0
    assert torch.equal(one.gradient, other.gradient)


def test_the_dial_turns_style_up_and_content_down(network, pictures):
    content, style, made = (p.float() for p in pictures)
    losses = [
        build(network("relu2_1"), replace(SHALLOW, strength=s), content, style)
        .evaluate(made)
        .losses
        for s in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    shares = [x["style"] / x["content"] for x in losses]
    assert shares == sorted(shares)
    assert shares[-1] > 50 * shares[0]


def test_the_dial_is_even():
    # with squares 0.2 was a sixteenth of the style and showed hardly a stroke
    config = ObjectiveConfig(content_weight=0.08, style_weight=1.0)
    wanted = {0.0: (0.16, 0.0), 0.2: (0.128, 0.4), 0.5: (0.08, 1.0), 0.8: (0.032, 1.6), 1.0: (0, 2)}
    for strength, balance in wanted.items():
        assert replace(config, strength=strength).balance == pytest.approx(balance)


def test_layer_weights_are_shares(network, pictures):
    # only their proportions matter, and a layer of weight 0 has no voice
    content, style, made = (p.float() for p in pictures)

    def style_loss(**changes):
        config = replace(SHALLOW, **changes)
        return build(network("relu2_1"), config, content, style).evaluate(made).losses["style"]

    first = style_loss(style_layers=("relu1_1",))
    second = style_loss(style_layers=("relu2_1",))
    assert style_loss(style_layer_weights=(5.0,)) == pytest.approx((first + second) / 2, rel=1e-5)
    assert style_loss(style_layer_weights=(6.0, 2.0)) == pytest.approx(
        0.75 * first + 0.25 * second, rel=1e-5
    )
    assert style_loss(style_layer_weights=(0.0, 3.0)) == pytest.approx(second, rel=1e-5)


def test_the_total_is_the_sum_of_its_terms(network, pictures):
    content, style, made = (p.float() for p in pictures)
    config = replace(SHALLOW, variation_weight=3.0, range_weight=7.0)
    losses = build(network("relu2_1"), config, content, style).evaluate(made).losses
    parts = [value for name, value in losses.items() if name != "total"]
    assert losses["total"] == pytest.approx(sum(parts), rel=1e-6)
    assert min(parts) > 0


def test_colors_outside_the_range_are_pulled_back(network, pictures):
    content, style, _ = (p.float() for p in pictures)
    config = replace(SHALLOW, strength=0.0, range_weight=1.0)
    bright = content + 2
    there = build(network("relu2_1"), config, bright, style).evaluate(bright)
    # d/dx of mean (x - 1)^2 is 2 (x - 1) / n
    torch.testing.assert_close(there.gradient, 2 * (bright - 1) / bright.numel())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strength": 1.5}, "between 0 and 1.*1.5"),
        ({"strength": -0.1}, "between 0 and 1.*-0.1"),
        ({"strength": float("nan")}, "between 0 and 1.*nan"),
        ({"style_layer_weights": (1.0, 2.0)}, "2 numbers for 5 style layers"),
        ({"style_layer_weights": ()}, "0 numbers for 5 style layers"),
        ({"content_layers": ("relu9_9",)}, r"relu9_9.*conv1_1.*relu5_4"),
        ({"style_layers": ("Conv1_1",)}, r"Conv1_1.*conv1_1.*relu5_4"),
        ({"statistic": "histogram"}, "'histogram'.*wasserstein, gram, mean-deviation"),
        ({"units": "pounds"}, "'pounds'.*relative, paper, mean"),
        ({"pooling": "median"}, "'median'.*max, average, l2"),
        ({"edge": "mirror"}, "'mirror'.*zeros, replicate, reflect, circular"),
    ],
)
def test_a_setting_that_means_nothing_is_answered_with_what_would(change, message):
    with pytest.raises(ValueError, match=message):
        ObjectiveConfig(**change)


def test_the_default_layers_are_layers():
    config = ObjectiveConfig()
    check_layers((*config.content_layers, *config.style_layers))
    assert sum(config.layer_weights.values()) == pytest.approx(1)


def test_a_picture_that_is_not_a_number_has_no_finite_loss(network, photograph, plate):
    # eigenvectors of not-a-number are an error: the descent must see a loss instead, and step back
    config = replace(SHALLOW, statistic="wasserstein")
    content, style = photograph()[None], plate()[None, :, :64, :64]
    objective = build(network(config.last_layer), config, content, style)
    seen = objective.evaluate(content * torch.nan)
    assert not torch.tensor(seen.losses["total"]).isfinite()
