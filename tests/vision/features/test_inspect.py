"""Sheets of what the network sees: their numbers, their layers, and the command that makes them."""

import json
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from bowerbird.cli import run
from bowerbird.learning.pretrained_weights import open_vgg19
from bowerbird.networks.vgg_layers import layer_names
from bowerbird.vision import config as settings
from bowerbird.vision.config import OVERVIEW, InspectConfig
from bowerbird.vision.features import network as network_module
from bowerbird.vision.features.colormap import colored, overlaid, unit
from bowerbird.vision.features.inspect import inspect, inspect_steps
from bowerbird.vision.features.layout import PAPER
from bowerbird.vision.features.maps import activation_heatmap, feature_maps, rank
from bowerbird.vision.features.network import convolution_of
from bowerbird.vision.features.sheets import CELL, GAP, MARGIN, Heading, lay_out

QUICK = {"steps": 1, "octaves": 1, "visualization_steps": 1}


@pytest.fixture(autouse=True)
def opened_once(monkeypatch):
    monkeypatch.setattr(network_module, "open_vgg19", cache(open_vgg19))


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Run `vision inspect` in a folder with a picture; return its exit code and both streams."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.coffee()).resize((60, 40)).save("cup.png")
    Image.new("RGB", (1, 1), "red").save("dot.png")

    def command(words):
        code = run(["vision", "inspect", *words.split()])
        return code, *capsys.readouterr()

    return command


@pytest.mark.parametrize("layer", ["conv1_1", "relu3_1", "pool4"])
def test_channels_have_the_layers_numbers(photograph, reference_features, layer):
    picture = photograph(height=48, width=64)
    config = InspectConfig(layer, show="maps", precision="float32", device="cpu")
    (seen,) = inspect(picture, config).layers
    reference = reference_features(picture[None])[layer][0].clamp(min=0).numpy()
    means = reference.mean((1, 2))
    energy = (reference**2).sum((1, 2))
    assert [c.channel for c in seen.channels] == np.argsort(-means, kind="stable").tolist()
    for one in seen.channels:
        assert one.activation == pytest.approx(means[one.channel], rel=1e-3, abs=1e-2)
        assert one.peak == pytest.approx(reference[one.channel].max(), rel=1e-3, abs=1e-2)
        assert one.share == pytest.approx(energy[one.channel] / energy.sum(), rel=2e-3, abs=1e-6)
    assert seen.shown == tuple(np.argsort(-means, kind="stable")[:16])
    np.testing.assert_allclose(seen.maps, reference[list(seen.shown)], rtol=1e-3, atol=0.05)
    np.testing.assert_allclose(seen.heats[0], np.sqrt((reference**2).sum(0)), rtol=1e-3, atol=0.1)


def test_the_heat_of_channels_is_their_grad_cam(photograph, network):
    net = network(padding_mode="replicate")
    picture = photograph(height=48, width=48)
    maps = feature_maps(picture, net, ["conv4_1"])["conv4_1"]
    features = net(picture[None], ["conv4_1"])["conv4_1"].detach().requires_grad_()
    chosen = (5, 70)
    score = features[0, list(chosen)].mean((1, 2)).sum()  # the target y of equation 1
    (gradient,) = torch.autograd.grad(score, features)
    places = features.shape[2] * features.shape[3]
    weights = gradient[0].mean((1, 2)) * places  # equation 1, without its 1/Z
    cam = (weights[:, None, None] * features[0].detach().clamp(min=0)).sum(0).clamp(min=0)
    torch.testing.assert_close(activation_heatmap(maps, chosen), cam)


def test_rank_of_a_silent_layer():
    ranking = rank(torch.zeros(4, 3, 3))
    assert [one.channel for one in ranking] == [0, 1, 2, 3]
    assert {one.share for one in ranking} == {0.0}


def test_colors_grow_lighter_evenly():
    ramp = colored(torch.linspace(0, 1, 256)[None])
    lightness = rgb2lab(ramp.permute(1, 2, 0).numpy())[0, :, 0]
    assert (np.diff(lightness) > 0).all()
    # magma was made even in CAM02-UCS; in CIELAB its steps are within a half of their mean
    coarse = np.diff(lightness[::15])
    assert coarse.max() < 1.5 * coarse.mean()
    assert coarse.min() > 0.45 * coarse.mean()


def test_unit_maps():
    values = torch.cat([torch.arange(1.0, 200.0), torch.tensor([1e6])]).view(10, 20)
    made = unit(values)
    assert made.max() == 1
    assert made[0, 0] == pytest.approx(1 / 199)  # one peak does not darken the rest
    assert unit(values, from_min=True).min() == 0
    for flat in (torch.zeros(3, 3), torch.full((1, 1), 5.0)):
        assert torch.isfinite(unit(flat)).all()
    lone = torch.zeros(100, 100)
    lone[3, 3] = 2
    assert unit(lone)[3, 3] == 1


def test_heat_lights_up_what_is_active():
    picture = torch.full((3, 32, 32), 0.5)
    values = torch.zeros(4, 4)
    values[1, 2] = 1
    made = overlaid(picture, values).mean(0)
    assert divmod(int(made.argmax()), 32)[0] // 8 == 1
    assert divmod(int(made.argmax()), 32)[1] // 8 == 2
    assert made[28, 4] < 0.5


@pytest.mark.parametrize("show", ["all", "filters", "maps", "activation"])
@pytest.mark.parametrize("layer", ["conv1_1", "pool2"])
def test_sheets_are_pictures(photograph, layer, show):
    config = InspectConfig(layer, show=show, max_channels=3, **QUICK)
    view = inspect(photograph(height=40, width=64), config)
    assert view.sheet.shape[0] == 3
    assert min(view.sheet.shape[1:]) > 400
    assert 0 <= view.sheet.min() < view.sheet.max() <= 1
    seen = view.layers[0]
    assert len(seen.shown) == (64 if (layer, show) == ("conv1_1", "filters") else 3)
    assert (seen.kernels is not None) == (layer == "conv1_1")
    assert (seen.visualizations is not None) == (layer == "pool2" and show in ("all", "filters"))
    assert (seen.dream is not None) == (show == "all")


def test_a_map_hangs_where_its_number_is(photograph):
    """Drawing the same sheet with one map blackened changes that map's cell and no other."""
    picture = photograph(height=64, width=64)
    view = inspect(picture, InspectConfig("conv2_1", show="maps", max_channels=8))
    (seen,) = view.layers
    seen.maps[5] = 0
    changed = (lay_out(Heading(picture, "", "maps", False), [seen]) != view.sheet).any(0)
    rows, columns = torch.nonzero(changed, as_tuple=True)
    per_row = (view.sheet.shape[2] - 2 * MARGIN + GAP) // (CELL + GAP)
    left = MARGIN + 5 % per_row * (CELL + GAP)
    assert columns.min() >= left
    assert columns.max() < left + CELL
    assert rows.max() - rows.min() < CELL


def test_an_overview_has_one_layer_of_each_block(photograph):
    steps = list(inspect_steps(photograph(height=40, width=40), InspectConfig(**QUICK)))
    view = steps[-1].preview
    assert tuple(layer.layer for layer in view.layers) == OVERVIEW
    assert [convolution_of(layer)[4] for layer in OVERVIEW] == list("12345")
    assert all(
        layer.visualizations is not None and layer.dream is not None for layer in view.layers
    )
    assert [step.number for step in steps] == list(range(1, steps[-1].total + 1))
    shapes = {step.preview.sheet.shape for step in steps if step.preview}
    assert len(shapes) == 1  # it fills up, from the first step on


def test_a_dream_alone_is_the_picture_at_strength_0(photograph):
    picture = photograph(height=48, width=40)
    view = inspect(picture, InspectConfig("conv3_1", show="dream", strength=0, **QUICK))
    assert torch.equal(view.sheet, picture)


def test_a_large_picture_is_looked_at_small():
    view = inspect(
        torch.rand(3, 900, 1100), InspectConfig("conv1_1", show="maps", size=0, max_channels=1)
    )
    assert view.layers[0].maps.shape[1:] == (628, 768)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"layer": "conv3_9"}, "the layers are conv1_1"),
        ({"layer": "conv3_1", "channels": (256,)}, "no channel 256"),
        ({"channels": (1,)}, "need a layer"),
        ({"show": "soul"}, "all, filters, maps, activation, dream, class"),
        ({"max_channels": -1}, "at least 0"),
        ({"visualization_steps": 0}, "at least 1"),
        ({"strength": 2.0}, r"in \[0, 1\]"),
    ],
)
def test_bad_settings(bad, words):
    with pytest.raises(ValueError, match=words):
        InspectConfig(**bad)


def test_every_setting_has_words():
    source = "".join(Path(module.__file__).read_text() for module in (settings,))
    for setting in fields(InspectConfig):
        after = source.split(f"    {setting.name}: ")[1].split("\n")[1]
        assert after.strip().startswith('"""')


def test_the_command_tells_channels(told):
    code, out, err = told("cup.png --layer conv3_1 --show maps --json --quiet -o sheet.png")
    assert (code, err) == (0, "")
    (one,) = json.loads(out)
    assert one["file"] == "cup.png"
    assert one["output"] == "sheet.png"
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (one["width"], one["height"])
    (layer,) = one["layers"]
    assert layer["layer"] == "conv3_1"
    assert len(layer["channels"]) == 256
    means = [channel["activation"] for channel in layer["channels"]]
    assert means == sorted(means, reverse=True)
    assert sum(channel["share"] for channel in layer["channels"]) == pytest.approx(1, abs=1e-3)


def test_the_command_without_output(told):
    words = "cup.png --layer conv1_1 --show activation --channels 3,5"
    code, out, _ = told(words)
    assert code == 0
    assert "cup-features.png" in out
    code, out, err = told(words)
    assert (code, out) == (2, "")
    assert "add --force" in err
    assert told(words + " --force")[0] == 0


def test_the_command_dreams(told):
    code, out, _ = told("cup.png --layer conv2_1 --show dream --steps 1 --octaves 2 -o out.jpg")
    assert code == 0
    assert "out.jpg: 60 x 40 px" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("cup.png --layer conv7", f"the layers are {', '.join(layer_names())}"),
        (
            "cup.png --layer conv3_1 --channels 256",
            "conv3_1 has no channel 256; its channels are 0 to 255",
        ),
        ("cup.png --channels 1", "need a layer"),
        ("cup.png --strength 3", "in [0, 1]"),
        ("cup.png -o sheet.pdf", "sheet.pdf can't be written"),
        ("dot.png", "dot.png: the network would get a picture of 1 x 1 px"),
        ("cup.png --layer pool5 --size 40", "pool5 needs 32 px"),
        ("missing.png", "missing.png does not exist"),
        ("cup.png --device tpu", "device 'tpu' is not available"),
        ("cup.png --weights nothing", "nothing is neither"),
    ],
)
def test_bad_input_is_one_sentence(told, words, said):
    code, out, err = told(words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_sheet_names_whose_heat_it_is(photograph):
    picture = photograph(height=48, width=48)
    named = {(): "the layer", (7,): "channel 7", (7, 9): "its channels below"}
    for channels, subject in named.items():
        view = inspect(picture, InspectConfig("conv2_1", channels, show="activation"))
        (seen,) = view.layers
        assert seen.subject == subject
        # together, and then each, where there are several
        assert len(seen.heats) == max(1, len(channels) + (len(channels) > 1))


def test_a_sheet_of_maps_has_room_for_filters_and_for_its_title(photograph):
    picture = photograph(height=64, width=64)
    view = inspect(picture, InspectConfig("conv1_1", show="maps", max_channels=8, **QUICK))
    heading = Heading(picture, "a name that is too long for a narrow sheet", "maps", False)
    bare = replace(view.layers[0], kernels=None)
    with_filters, without = (lay_out(heading, [one]) for one in (view.layers[0], bare))
    rows = 2
    assert with_filters.shape[1] - without.shape[1] == rows * (CELL + GAP // 2)
    paper = torch.tensor(PAPER).view(3, 1, 1) / 255
    assert (with_filters[:, :, -MARGIN + 4 :] == paper).all()
