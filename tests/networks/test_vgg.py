"""VGG's features equal the paper's table computed a second time, and it computes no more of it."""

import math

import pytest
import torch

from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import check_layers, layer_names, receptive_radius, stride

ALL = layer_names("vgg19")


def largest_difference(ours, theirs):
    """The largest difference at each layer, relative to the layer's largest feature."""
    return {n: float((ours[n] - theirs[n]).abs().max() / theirs[n].abs().max()) for n in ours}


def test_names_are_those_of_the_papers_table():
    # arXiv:1409.1556, table 1: 16 convolutions in column E and 13 in column D, 5 poolings each
    assert len(ALL) == 16 + 16 + 5
    assert len(layer_names("vgg16")) == 13 + 13 + 5
    assert ALL[:5] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")
    assert ALL[-3:] == ("conv5_4", "relu5_4", "pool5")


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
def test_every_layer_equals_an_independent_vgg19(network, reference_features, photograph, pooling):
    picture = photograph(height=50, width=71)[None].double()  # odd sizes: poolings drop a row
    ours = network("pool5", torch.float64, pooling)(picture, ALL)
    assert tuple(ours) == ALL
    # in float64 only the order of summation differs, and the root's floor of 1e-12 under l2
    assert max(largest_difference(ours, reference_features(picture, pooling)).values()) < 1e-6


@pytest.mark.parametrize("padding_mode", ["zeros", "replicate", "reflect", "circular"])
def test_every_edge_equals_numpys_padding(network, reference_features, photograph, padding_mode):
    layers = ("conv1_1", "relu1_2", "relu2_1", "relu3_1")
    picture = photograph(height=33, width=40)[None].double()
    ours = network("relu3_1", torch.float64, padding_mode=padding_mode)(picture, layers)
    assert (
        max(
            largest_difference(
                ours, reference_features(picture, padding_mode=padding_mode)
            ).values()
        )
        < 1e-6
    )


def test_the_edge_of_one_call_overrides_the_networks_own(network, photograph):
    picture = photograph(height=32, width=32)[None]
    one = network("relu1_2", padding_mode="zeros")(picture, ["relu1_2"], "replicate")
    other = network("relu1_2", padding_mode="replicate")(picture, ["relu1_2"])
    assert torch.equal(one["relu1_2"], other["relu1_2"])


def test_weights_without_the_fourth_convolutions_are_vgg16(vgg19, reference_features, photograph):
    fourth = ("3_4", "4_4", "5_4")
    weights = {n: w for n, w in vgg19.layers.items() if n[4:] not in fourth}
    net = VGG(weights, padding_mode="replicate", last="relu5_3").double()
    picture = photograph(height=32, width=48)[None].double()
    assert net.names() == layer_names("vgg16")
    theirs = reference_features(picture, leave_out=fourth)
    assert max(largest_difference(net(picture, ["relu5_3"]), theirs).values()) < 1e-6


@pytest.mark.parametrize("padding_mode", ["zeros", "replicate"])
def test_torchvision_weights_that_mean_the_same_give_the_same_features(
    vgg19, network, photograph, padding_mode
):
    # caffe sees 255 (p - m) in blue, green, red; torchvision (p - m') / d: so W' = 255 d W turned
    # around and b' = b + 255 sum W (m' - m)
    own_mean = torch.tensor([123.68, 116.779, 103.939], dtype=torch.float64) / 255
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)
    deviation = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64)
    weight, bias = (t.double() for t in vgg19.layers["conv1_1"])
    rgb = weight.flip(1) * 255
    shifted = bias + torch.einsum("oikl,i->o", rgb, mean - own_mean)
    weights = dict(vgg19.layers) | {"conv1_1": (rgb * deviation[None, :, None, None], shifted)}
    converted = VGG(weights, "torchvision", padding_mode=padding_mode, last="relu2_1").double()
    picture = photograph(height=40, width=48)[None].double()
    ours = converted(picture, ["relu1_1", "relu2_1"])
    theirs = network("relu2_1", torch.float64, padding_mode=padding_mode)(
        picture, ["relu1_1", "relu2_1"]
    )
    for name, margin in (("relu1_1", 1), ("relu2_1", 2)):
        # a zero beyond the edge is another color for each preprocessing: look inside only
        inside = slice(margin, -margin) if padding_mode == "zeros" else slice(None)
        one, other = ours[name][..., inside, inside], theirs[name][..., inside, inside]
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)  # means are float32 buffers


@pytest.mark.parametrize(("last", "convolutions"), [("relu2_1", 3), ("conv1_1", 1), ("pool3", 8)])
def test_keeps_only_the_convolutions_up_to_the_last_layer(toy_network, last, convolutions):
    net = toy_network(last=last)
    assert len(net.convolutions) == convolutions
    assert last in net(torch.rand(1, 3, 32, 32, dtype=torch.float64), [last])


@pytest.mark.parametrize(("layers", "convolutions"), [(["relu1_2"], 2), (["conv2_1", "pool1"], 3)])
def test_computes_only_up_to_the_deepest_layer_asked_for(toy_network, layers, convolutions):
    net = toy_network(last="relu5_4", padding_mode="reflect")
    seen = []
    hooks = [c.register_forward_hook(lambda *_: seen.append(1)) for c in net.convolutions.values()]
    features = net(torch.rand(1, 3, 32, 32, dtype=torch.float64), layers)
    for hook in hooks:
        hook.remove()
    assert len(seen) == convolutions
    assert sorted(features) == sorted(layers)


def test_features_have_the_pictures_size_over_the_stride(toy_network):
    features = toy_network(last="pool5")(torch.rand(2, 3, 37, 50, dtype=torch.float64), ALL)
    for name, f in features.items():
        # convolutions keep the size and each pooling drops an odd row, so the quotient is floored
        assert f.shape[2:] == (37 // stride(name), 50 // stride(name)), name


@pytest.mark.parametrize("axis", [2, 3])
def test_reach_is_how_far_a_feature_is_seen_to_depend_on_pixels(toy_network, axis):
    # positive weights and average pooling let nothing vanish: the gradient's support is the field
    net = toy_network(1, positive=True, pooling="average", last="pool5")
    picture = torch.rand(1, 3, 32, 320, dtype=torch.float64).transpose(axis, 3).requires_grad_()
    features = net(picture, ALL)
    for name in ALL:
        index = 144 // stride(name)
        feature = features[name][0, 0].select(axis - 2, index).sum()
        (slope,) = torch.autograd.grad(feature, picture, retain_graph=True)
        touched = slope.abs().sum([i for i in range(4) if i != axis]).nonzero().flatten()
        middle = (index + 0.5) * stride(name) - 0.5
        far = max(middle - float(touched[0]), float(touched[-1]) - middle)
        assert receptive_radius(name) == math.ceil(far), name


@pytest.mark.parametrize("last", ["relu3_1", "relu5_1"])
def test_a_circular_network_moves_features_with_the_picture(network, photograph, last):
    # with no edge, a shift by whole positions of the deepest layer shifts every feature exactly
    picture = photograph(height=64, width=96)[None].double()
    net = network(last, torch.float64, padding_mode="circular")
    step = stride(last)
    moved = net(picture.roll((32, -48), (2, 3)), [last])[last]
    expected = net(picture, [last])[last].roll((32 // step, -48 // step), (2, 3))
    torch.testing.assert_close(moved, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("padding_mode", ["zeros", "replicate", "circular"])
def test_the_gradient_equals_finite_differences(network, photograph, padding_mode):
    # average pooling: a maximum that changes hands within the step would spoil the difference
    net = network("relu3_1", torch.float64, "average", padding_mode)
    picture = photograph(height=24, width=20)[None].double()
    random = torch.Generator().manual_seed(0)
    leaf = picture.clone().requires_grad_()
    features = net(leaf, ["relu2_2", "relu3_1"])
    probes = {n: torch.randn(f.shape, generator=random).double() for n, f in features.items()}
    sum((features[n] * p).sum() for n, p in probes.items()).backward()

    def value(x):
        return sum(float((f * probes[n]).sum()) for n, f in net(x, probes).items())

    for _ in range(3):
        way, eps = torch.randn(picture.shape, generator=random).double(), 1e-7
        slope = (value(picture + eps * way) - value(picture - eps * way)) / (2 * eps)
        assert slope == pytest.approx(float((leaf.grad * way).sum()), rel=1e-3)


def test_winograd_makes_no_difference_but_rounding(vgg19, network, photograph):
    # float32 either way; relu3_2 is behind two layers wide enough for Winograd, 7 digits each
    picture = photograph(height=45, width=38)[None]
    for padding_mode in ("replicate", "circular"):
        fast = VGG(vgg19.layers, padding_mode=padding_mode, last="relu3_2", winograd=True)
        slow, results = network("relu3_2", padding_mode=padding_mode), []
        for net in (fast, slow):
            leaf = picture.clone().requires_grad_()
            features = net(leaf, ["relu3_1", "relu3_2"])
            (features["relu3_1"].square().mean() + features["relu3_2"].mean()).backward()
            results.append([t.detach() for t in (*features.values(), leaf.grad)])
        for one, other in zip(*results, strict=True):
            assert float((one - other).abs().max()) < 1e-4 * float(other.abs().max())


def test_an_unknown_layer_is_answered_with_the_layers_there_are(toy_network):
    with pytest.raises(ValueError, match=r"relu6_1.*conv1_1, relu1_1.*relu5_4, pool5"):
        check_layers(["relu1_1", "relu6_1"])
    with pytest.raises(ValueError, match=r"relu6_1.*conv1_1.*pool5"):
        toy_network(last="relu6_1")


def test_a_layer_behind_the_last_is_answered_with_the_layers_kept(toy_network):
    with pytest.raises(ValueError, match=r"relu3_1.*conv1_1.*relu2_1") as error:
        toy_network(last="relu2_1")(torch.rand(1, 3, 32, 32, dtype=torch.float64), ["relu3_1"])
    assert "conv2_2" not in str(error.value)


def test_an_unknown_pooling_or_edge_is_answered_with_the_choices(toy_network):
    with pytest.raises(ValueError, match=r"max, average, l2.*'median'"):
        toy_network(pooling="median")
    with pytest.raises(ValueError, match=r"zeros, replicate, reflect, circular.*'mirror'"):
        toy_network(padding_mode="mirror")
