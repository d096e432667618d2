"""Classification: the network against its package's, real photographs, all loaders, bad weights."""

import math
from typing import get_args

import pytest
import torch
from skimage import data

from bowerbird.errors import DownloadError, WeightsError
from bowerbird.files.download import fetch
from bowerbird.learning.pretrained_weights import find_weights, open_state
from bowerbird.networks.classifiers import HeadedNetwork
from bowerbird.networks.efficientnet import EfficientNetLite0
from bowerbird.vision import classification as imagenet
from bowerbird.vision.classification import central_crop, classes, classify, open_classifier
from bowerbird.vision.config import ClassifierName, ClassifyConfig

SEEN = {"coffee": "espresso", "rocket": "missile"}
WIDTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions a block


def sample(name):
    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1).float() / 255


@pytest.fixture(scope="module")
def classifier():
    return open_classifier(ClassifyConfig(precision="float32"), "cpu")


def narrow(network, width=4, classes=1000, hidden=8):
    """Random weights of a network with few channels, by torchvision's names."""
    random = torch.Generator().manual_seed(5)
    state, inputs, number = {}, 3, 0

    def draw(name, *shape):
        scale = (2 / math.prod(shape[1:])) ** 0.5
        state[f"{name}.weight"] = torch.randn(shape, generator=random) * scale
        state[f"{name}.bias"] = torch.randn(shape[0], generator=random) * 0.1

    if network == "alexnet":
        for number, side in ((0, 11), (3, 5), (6, 3), (8, 3), (10, 3)):
            draw(f"features.{number}", width, inputs, side, side)
            inputs = width
        positions, numbers = 36, (1, 4, 6)
    else:
        for depth in WIDTHS[network]:
            for _ in range(depth):
                draw(f"features.{number}", width, inputs, 3, 3)
                inputs, number = width, number + 2
            number += 1
        positions, numbers = 49, (0, 3, 6)
    sizes = (width * positions, hidden, hidden, classes)
    for number, before, after in zip(numbers, sizes[:-1], sizes[1:], strict=True):
        draw(f"classifier.{number}", after, before)
    return state


def plain(network, state):
    """The network once more, from torch's own layers, as torchvision's modules are laid out."""
    nn = torch.nn
    layers = {}
    for key in state:
        part, number, kind = key.split(".")
        if kind == "weight":
            layers[part, int(number)] = state[key]
    strides = {0: (4, 2), 3: (1, 2)} if network == "alexnet" else {}

    def build(part, last, pools):
        built = []
        for number in range(last + 1):
            weight = layers.get((part, number))
            if weight is not None and weight.ndim == 4:
                stride, padding = strides.get(number, (1, 1))
                shape = weight.shape
                built.append(nn.Conv2d(shape[1], shape[0], shape[2], stride, padding))
            elif weight is not None:
                built.append(nn.Linear(weight.shape[1], weight.shape[0]))
            elif number in pools:
                built.append(nn.MaxPool2d(3, 2) if network == "alexnet" else nn.MaxPool2d(2, 2))
            elif part == "classifier" and network == "alexnet":
                built.append(nn.Dropout() if number in (0, 3) else nn.ReLU())
            elif part == "classifier":
                built.append(nn.ReLU() if number in (1, 4) else nn.Dropout())
            else:
                built.append(nn.ReLU())
        return nn.Sequential(*built)

    pools = {"alexnet": (2, 5, 12), "vgg16": (4, 9, 16, 23, 30), "vgg19": (4, 9, 18, 27, 36)}
    side = 6 if network == "alexnet" else 7
    model = nn.Module()
    model.features = build("features", max(pools[network]), pools[network])
    model.classifier = build("classifier", 6, ())
    model.load_state_dict(state)
    model.eval()
    pool = nn.AdaptiveAvgPool2d(side)
    return lambda x: model.classifier(pool(model.features(x)).flatten(1))


def test_it_is_the_network_of_its_package():
    package = pytest.importorskip("efficientnet_lite_pytorch")
    state = open_state("efficientnet-lite0")
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(state)
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected, found = theirs(x), EfficientNetLite0(state)(x)
    assert float((expected - found).abs().max()) < 1e-4 * float(expected.abs().max())


def test_the_head_averages_what_it_says_of_each_position(classifier):
    features = classifier.features(torch.randn(1, 3, 96, 64))
    assert features.shape == (1, 1280, 3, 2)
    each = classifier.head(features[0].flatten(1).T[:, :, None, None])
    assert torch.allclose(each.mean(0), classifier.head(features)[0], atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (31, 200)])
def test_any_size_has_features(classifier, size):
    features = classifier.features(torch.zeros(1, 3, *size))
    assert features.shape[2:] == tuple(-(-side // 32) for side in size)


def test_classes_are_in_the_order_of_their_ids():
    names, ids = zip(*classes(), strict=True)
    assert len(set(names)) == len(set(ids)) == 1000
    assert list(ids) == sorted(ids)
    assert classes()[0] == ("tench", "n01440764")
    assert classes()[282] == ("tiger cat", "n02123159")
    assert classes()[999] == ("toilet paper", "n15075141")


@pytest.mark.parametrize(("name", "best"), SEEN.items())
def test_real_photographs(classifier, name, best):
    labels = classify(sample(name), classifier, ClassifyConfig(top=3))
    assert labels[0].name == best
    assert labels[0].probability > labels[1].probability > labels[2].probability
    assert labels[0].wnid == dict(classes())[best]


def test_half_precision_tells_the_same(classifier):
    rough = open_classifier(ClassifyConfig(precision="bfloat16"), "cpu")
    exact, found = (one.probabilities([sample("coffee")])[0] for one in (classifier, rough))
    assert int(exact.argmax()) == int(found.argmax())
    assert float((exact - found).abs().max()) < 0.05


def test_a_batch_tells_what_each_alone_does(classifier):
    pictures = [sample("coffee"), sample("rocket")[:, 50:300], sample("chelsea")]
    together = classifier.probabilities(pictures)
    assert torch.allclose(together.sum(1), torch.ones(3), atol=1e-5)
    for row, picture in zip(together, pictures, strict=True):
        assert torch.allclose(row, classifier.probabilities([picture])[0], atol=1e-4)
    assert classifier.probabilities([]).shape == (0, 1000)


def test_the_middle_is_seven_eighths_of_the_short_side():
    ramp = torch.linspace(0, 1, 512)[None, None].expand(3, 256, 512)
    seen = central_crop(ramp)
    assert seen.shape == (3, 224, 224)
    assert float(seen[0, 0, 0]) == pytest.approx((512 - 224) / 2 / 511, abs=2e-3)
    assert central_crop(torch.ones(3, 1, 1)).shape == (3, 224, 224)


@pytest.mark.parametrize("network", ["alexnet", "vgg16", "vgg19"])
def test_networks_with_heads_are_torchvisions(network, tmp_path):
    state = narrow(network)
    torch.save(state, tmp_path / "narrow.pth")
    x = torch.rand(2, 3, 224, 200, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = plain(network, state)(x)
        found = HeadedNetwork(network, open_state(tmp_path / "narrow.pth"))(x)
    assert float(expected.std()) > 0.01
    assert torch.allclose(expected, found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("network", ["alexnet", "vgg16", "vgg19"])
def test_a_file_of_weights_classifies(network, tmp_path):
    torch.save(narrow(network), tmp_path / "narrow.pth")
    config = ClassifyConfig(network=network, weights=tmp_path / "narrow.pth", precision="float32")
    opened = open_classifier(config, "cpu")
    labels = classify(sample("coffee"), opened, ClassifyConfig(top=1000))
    assert sum(label.probability for label in labels) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("features.0.bias"), "features.0.bias"),
        (lambda state: state.update({"classifier.6.weight": torch.zeros(3)}), "alexnet"),
        (lambda state: state.update(narrow("alexnet", classes=10)), "10 classes"),
        (lambda state: state.update({"features.0.weight": "no tensor"}), "no dense tensor"),
        (lambda state: state.update({"features.3.weight": torch.zeros(4, 9, 5, 5)}), "alexnet"),
    ],
)
def test_wrong_weights_are_refused_by_name(change, words, tmp_path):
    state = narrow("alexnet")
    change(state)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=words) as told:
        open_classifier(ClassifyConfig(network="alexnet", weights=tmp_path / "odd.pth"), "cpu")
    assert "odd.pth" in str(told.value)


def test_nothing_is_unpickled_and_other_networks_are_told(tmp_path):
    torch.save({"features.0.weight": print}, tmp_path / "code.pth")
    with pytest.raises(WeightsError, match=r"code.pth"):
        open_state(tmp_path / "code.pth")
    with pytest.raises(ValueError, match="weights of vgg16"):
        open_classifier(
            ClassifyConfig(network="vgg16", weights=fetch(find_weights("vgg19-codebook")))
        )


def test_damaged_downloads_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_CACHE", str(tmp_path))
    (tmp_path / "vgg16-397923af.pth").write_bytes(b"cut short")
    with pytest.raises(DownloadError, match=r"SHA-256.*397923af"):
        open_classifier(ClassifyConfig(network="vgg16"), "cpu")


def test_flags_are_checked():
    for top in (0, 1001):
        with pytest.raises(ValueError, match=r"top must be in \[1, 1000\]"):
            ClassifyConfig(top=top)
    with pytest.raises(ValueError, match="vgg16"):
        ClassifyConfig(network="resnet")
    assert imagenet.NAMED.keys() == set(get_args(ClassifierName))
