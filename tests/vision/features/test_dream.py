"""DeepDream: it raises the layer, keeps the picture at strength 0, and stays within its memory."""

import subprocess
import sys
from functools import cache

import pytest
import torch

from bowerbird.learning.pretrained_weights import open_vgg19
from bowerbird.vision.config import DreamConfig
from bowerbird.vision.features import network as network_module
from bowerbird.vision.features.dream import at_size, dream, dream_steps
from bowerbird.vision.features.gradient_ascent import Target


@pytest.fixture(autouse=True)
def opened_once(monkeypatch):
    monkeypatch.setattr(network_module, "open_vgg19", cache(open_vgg19))


def energy(network, picture, layer):
    with torch.no_grad():
        return float(network(picture[None], [layer])[layer].clamp(min=0).square().mean())


@pytest.mark.parametrize("tile", [64, 512])
def test_strength_0_is_the_picture(photograph, tile):
    picture = photograph(height=80, width=96)
    made = dream(picture, DreamConfig("conv2_1", strength=0, steps=1, octaves=3, tile=tile))
    assert torch.equal(made, picture)


def test_a_dream_raises_the_layer(photograph, network):
    picture = photograph(height=96, width=96)
    energies = [energy(network(padding_mode="replicate"), picture, "conv3_1")]
    for strength in (0.2, 0.8):
        config = DreamConfig("conv3_1", strength=strength, steps=5, octaves=2)
        energies.append(
            energy(network(padding_mode="replicate"), dream(picture, config), "conv3_1")
        )
    assert energies[1] > 1.5 * energies[0]
    assert energies[2] > 3 * energies[0]
    assert energies[2] > energies[1]


def test_a_dream_of_a_channel_raises_that_channel(photograph, network):
    picture = photograph(height=64, width=64)
    dreams = [dream(picture, DreamConfig("relu3_1", (channel,), octaves=1)) for channel in (9, 110)]
    with torch.no_grad():
        three = network(padding_mode="replicate")(torch.stack([picture, *dreams]), ["conv3_1"])[
            "conv3_1"
        ]
    start, first, second = three.clamp(min=0).mean((2, 3))[:, [9, 110]]
    assert first[0] > 2 * max(start[0], second[0])
    assert second[1] > 2 * max(start[1], first[1])


def test_no_more_than_a_tile_is_seen_at_once(monkeypatch):
    seen = []
    score = Target.score

    def watched(self, network, picture):
        seen.append(tuple(picture.shape[2:]))
        return score(self, network, picture)

    monkeypatch.setattr(Target, "score", watched)
    picture = torch.rand(3, 150, 200)
    made = dream(picture, DreamConfig("conv1_1", size=0, octaves=1, steps=3, tile=64))
    assert made.shape == picture.shape
    assert max(max(shape) for shape in seen) < 64 + 32
    assert len(set(seen)) > 4  # tiles lie elsewhere at each step


def test_steps_go_through_octaves(photograph):
    picture = photograph(height=96, width=64)
    config = DreamConfig("conv2_1", steps=2, octaves=3, octave_scale=2, size=0)
    steps = list(dream_steps(picture, config))
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6]
    assert {step.total for step in steps} == {6}
    sizes = [tuple(step.preview.shape[1:]) for step in steps]
    assert sizes == [(24, 16)] * 2 + [(48, 32)] * 2 + [(96, 64)] * 2
    assert [step.note for step in steps[::2]] == ["16 x 24 px", "32 x 48 px", "64 x 96 px"]
    assert all(step.preview.min() >= 0 and step.preview.max() <= 1 for step in steps)


def test_the_seed_decides(photograph):
    picture = photograph(height=32, width=32)
    config = {"layer": "conv2_1", "steps": 2, "octaves": 1}
    first, again, other = (dream(picture, DreamConfig(seed=s, **config)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_octaves_that_a_layer_can_not_see_are_left_out():
    config = DreamConfig("conv5_1", octaves=6, octave_scale=2)
    assert config.octave_sizes((100, 60)) == [(100, 60)]
    assert config.octave_sizes((400, 120)) == [(200, 60), (400, 120)]


def test_size_shrinks_and_never_enlarges():
    assert at_size(torch.rand(3, 100, 80), 50).shape == (3, 50, 40)
    assert at_size(torch.rand(3, 100, 80), 500).shape == (3, 100, 80)
    assert at_size(torch.rand(3, 900, 80), 0).shape == (3, 900, 80)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"layer": "conv6_1"}, "the layers are conv1_1"),
        ({"channels": (512,)}, "0 to 511"),
        ({"size": 8}, "at least 16 px, or 0"),
        ({"strength": 1.1}, r"in \[0, 1\]"),
        ({"strength": float("nan")}, r"in \[0, 1\]"),
        ({"octaves": 0}, "at least 1"),
        ({"octave_scale": 1.0}, "above 1"),
        ({"steps": 0}, "at least 1"),
        ({"jitter": -1}, "at least 0"),
        ({"tile": 32}, "at least 64"),
        ({"seed": 2**63}, r"in \[0, 2\^63\)"),
    ],
)
def test_bad_settings(bad, words):
    with pytest.raises(ValueError, match=words):
        DreamConfig(**bad)


def test_1_px_is_refused():
    with pytest.raises(ValueError, match="1 x 1 px, and conv4_3 needs 16 px"):
        dream(torch.rand(3, 1, 1))


PEAK = """
import sys, torch
torch.set_num_threads(1)
from bowerbird.vision.features.dream import dream
from bowerbird.vision.config import DreamConfig
layer = sys.argv[1]
picture = torch.rand(3, 2000, 3000)
dream(picture, DreamConfig(layer, size=0, octaves=1, steps=1))
# not ru_maxrss, which begins with what the parent had at the fork
print(1024 * int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["conv1_1"])
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts its memory in kB")
def test_6_megapixels_stay_within_the_stated_memory(layer):
    done = subprocess.run(
        [sys.executable, "-c", PEAK, layer], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 1.2e9 + 100 * 6e6  # as dream.py says
