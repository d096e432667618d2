"""Activation maximisation: a picture raises its channel, and is what the formula says."""

from functools import cache

import numpy as np
import pytest
import torch

from bowerbird.learning.pretrained_weights import open_vgg19
from bowerbird.vision.features import network as network_module
from bowerbird.vision.features.activation_maximization import (
    COLORS,
    GAIN,
    KNEE,
    VisualizationConfig,
    picture_of,
    visualize,
    visualize_steps,
)
from bowerbird.vision.features.maps import filters


@pytest.fixture(autouse=True)
def opened_once(monkeypatch):
    monkeypatch.setattr(network_module, "open_vgg19", cache(open_vgg19))


def test_a_picture_of_a_spectrum_is_the_formula():
    side, smooth = 8, 1.5
    spectrum = torch.randn(1, 3, side, side // 2 + 1, 2, generator=torch.Generator().manual_seed(2))
    z = spectrum[..., 0].double().numpy() + 1j * spectrum[..., 1].double().numpy()
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.maximum(np.hypot(down, across), 1 / side)
    plain = np.fft.irfft2(z * (KNEE / frequency) ** smooth, s=(side, side), norm="ortho")
    logits = np.einsum("rc,nchw->nrhw", np.array(COLORS), plain * GAIN / side**0.5)
    made = picture_of(spectrum, side, smooth)
    np.testing.assert_allclose(made.numpy(), 1 / (1 + np.exp(-logits)), atol=2e-5)


@pytest.mark.parametrize("layer", ["conv2_1", "relu3_1"])
def test_a_visualization_raises_its_channel(network, layer):
    config = VisualizationConfig(layer, (3, 7), size=48, precision="float32", device="cpu")
    made = visualize(config)
    assert made.pictures.shape == (2, 3, 48, 48)
    assert 0 <= made.pictures.min() <= made.pictures.max() <= 1
    # ten times what the noise at the start and a gray picture have, and more than white noise has
    gray = torch.full((1, 3, 48, 48), 0.5)
    convolution = layer.replace("relu", "conv")
    net = network(last=convolution, padding_mode="replicate")
    white = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        seen, flat, noise = (
            net(pictures, [convolution])[convolution].clamp(min=0).mean((2, 3))
            for pictures in (made.pictures, gray, white)
        )
    for row, channel in enumerate((3, 7)):
        assert seen[row, channel] == pytest.approx(float(made.activations[row]), rel=0.02)
        least = max(float(made.noise[row]), float(flat[0, channel]), 1.0)
        assert seen[row, channel] > 10 * least
        assert seen[row, channel] > noise[0, channel]
    # and each raises its own channel more than the other's picture does
    assert seen[0, 3] > seen[1, 3]
    assert seen[1, 7] > seen[0, 7]


def test_the_seed_decides():
    config = {"layer": "conv1_2", "channels": (1,), "size": 16, "steps": 2}
    first, again, other = (
        visualize(VisualizationConfig(seed=s, **config)).pictures for s in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_many_channels_are_optimized_in_batches():
    config = VisualizationConfig("conv1_1", tuple(range(3)), size=512, steps=1)
    assert config.batches == [(0,), (1,), (2,)]
    assert config.total == 3
    small = VisualizationConfig("conv1_2", (5, 6, 7), size=16, steps=2)
    steps = list(visualize_steps(small))
    assert [step.number for step in steps] == [1, 2]
    assert [step.preview is None for step in steps] == [True, False]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"channels": ()}, "at least one number"),
        ({"channels": (256,)}, "0 to 255"),
        ({"size": 4}, "at least 8 px"),
        ({"steps": 0}, "at least 1"),
        ({"smooth": 9.0}, r"in \[0, 3\]"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"jitter": -1}, "at least 0"),
        ({"seed": -1}, r"in \[0, 2\^63\)"),
    ],
)
def test_bad_settings(bad, words):
    with pytest.raises(ValueError, match=words):
        VisualizationConfig(**bad)


def test_filters_are_the_weights(vgg19, network):
    made = filters(network())
    weight = vgg19.layers["conv1_1"][0].double().numpy()[:, ::-1]  # trained on blue, green, red
    largest = np.abs(weight).max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(made.numpy(), 0.5 + weight / (2 * largest), atol=1e-6)
    assert made.shape == (64, 3, 3, 3)
