"""Real weights, opened once; small real pictures; and VGG written a second time, as the judge."""

import os
from functools import cache

os.environ.setdefault("GOMP_SPINCOUNT", "0")  # before torch comes: see bowerbird/cli/__init__.py
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from PIL import Image

from bowerbird.image import optimize
from bowerbird.learning.pretrained_weights import open_vgg19
from bowerbird.networks.vgg import VGG
from bowerbird.plates import plate_path

# Simonyan and Zisserman 2014 (arXiv:1409.1556), table 1, column E: M is a pooling.
COLUMN_E = "1_1 1_2 M1 2_1 2_2 M2 3_1 3_2 3_3 3_4 M3 4_1 4_2 4_3 4_4 M4 5_1 5_2 5_3 5_4 M5"
PAD = {"zeros": "constant", "replicate": "edge", "reflect": "reflect", "circular": "wrap"}
CAFFE_BGR = (103.939, 116.779, 123.68)  # mean of blue, green, red in 0..255, from the Oxford model


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Compute on one thread: small pictures lose more than they gain by two on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def vgg19():
    return open_vgg19("vgg19-codebook")


@pytest.fixture(scope="session", autouse=True)
def opened_once():
    """Give every picture the weights opened at the first: half a second less for each of them."""
    once = cache(open_vgg19)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimize, "open_vgg19", once, raising=False)
        yield


@pytest.fixture(scope="session")
def network(vgg19):
    """Build VGG-19 from the real weights by the library's own convolution, once per kind."""

    @cache
    def build(last="relu5_1", dtype=torch.float32, pooling="max", padding_mode="replicate"):
        return VGG(vgg19.layers, "caffe", pooling=pooling, padding_mode=padding_mode, last=last).to(
            dtype
        )

    return build


@pytest.fixture(scope="session")
def toy_network():
    """Build a VGG-19 of few channels and random weights: large pictures cost nothing."""

    @cache
    def build(width=2, positive=False, **options):
        random = torch.Generator().manual_seed(3)
        weights, inputs = {}, 3
        for name in COLUMN_E.split():
            if name.startswith("M"):
                continue
            weight = torch.randn((width, inputs, 3, 3), generator=random, dtype=torch.float64)
            bias = 0.1 * torch.randn(width, generator=random, dtype=torch.float64)
            if positive:
                weight, bias = weight.abs() + 0.1, bias.abs()
            # He's factor keeps the size of the features from layer to layer
            weights[f"conv{name}"] = weight * (2 / (9 * inputs)) ** 0.5, bias
            inputs = width
        return VGG(weights, "torchvision", **options).double()

    return build


@pytest.fixture(scope="session")
def photograph():
    """Cut a piece of one of scikit-image's photographs, (3, h, w) in [0, 1]."""

    def cut(name="chelsea", height=64, width=64, top=60, left=100, step=1):
        rows = slice(top, top + height * step, step)
        pixels = getattr(skimage.data, name)()[rows, left : left + width * step : step, :3]
        assert pixels.shape == (height, width, 3)
        return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)

    return cut


@pytest.fixture(scope="session")
def plate():
    """Read one of our style plates with this long side, (3, h, w) in [0, 1]."""

    @cache
    def read(name="swirls", side=96):
        with Image.open(plate_path(name)) as image:
            image.thumbnail((side, side), Image.Resampling.BOX)
            pixels = np.asarray(image.convert("RGB"), np.float32)
        return torch.from_numpy(pixels.transpose(2, 0, 1) / 255)

    return read


def reference_pool(x, pooling):
    """Pool 2 x 2 by the formula: largest, mean, or root mean square."""
    height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    a, b = x[..., 0:height:2, 0:width:2], x[..., 0:height:2, 1:width:2]
    c, d = x[..., 1:height:2, 0:width:2], x[..., 1:height:2, 1:width:2]
    if pooling == "max":
        return torch.maximum(torch.maximum(a, b), torch.maximum(c, d))
    if pooling == "average":
        return (a + b + c + d) / 4
    return ((a * a + b * b + c * c + d * d) / 4).sqrt()


def reference_pad(x, padding_mode):
    """Continue each side by one, through NumPy's own modes; differentiable."""
    mode = PAD[padding_mode]
    rows, columns = (
        np.pad(np.arange(n), 1, mode if mode != "constant" else "edge") for n in x.shape[2:]
    )
    return x[..., torch.from_numpy(rows), :][..., torch.from_numpy(columns)]


@pytest.fixture(scope="session")
def reference_features(vgg19):
    """Compute every layer of VGG-19 in float64, written down from the paper's table."""

    def see(pictures, pooling="max", padding_mode="replicate", leave_out=()):
        means = torch.tensor(CAFFE_BGR, dtype=torch.float64).view(1, 3, 1, 1)
        x = 255 * pictures.double().flip(1) - means
        features = {}
        for name in COLUMN_E.split():
            if name in leave_out:
                continue
            if name.startswith("M"):
                x = features[f"pool{name[1]}"] = reference_pool(x, pooling)
                continue
            weight, bias = (t.double() for t in vgg19.layers[f"conv{name}"])
            padded = padding_mode == "circular" or (padding_mode != "zeros" and name == "1_1")
            x = reference_pad(x, padding_mode) if padded else x
            x = features[f"conv{name}"] = F.conv2d(x, weight, bias, padding=0 if padded else 1)
            x = features[f"relu{name}"] = x * (x > 0)
        return features

    return see
