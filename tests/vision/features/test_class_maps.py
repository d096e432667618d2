"""Where classes are found: the maps are those of the classifier, and lie on the thing."""

import json

import pytest
import torch
from skimage import data

from bowerbird.cli import run
from bowerbird.vision.classification import open_classifier
from bowerbird.vision.config import ClassifyConfig, InspectConfig
from bowerbird.vision.features.class_maps import class_activation


@pytest.fixture(scope="module")
def classifier():
    return open_classifier(ClassifyConfig(precision="float32"), "cpu")


def coffee():
    return torch.from_numpy(data.coffee()).permute(2, 0, 1).float() / 255


def test_a_cup_is_where_the_cup_is(classifier):
    found = class_activation(coffee(), classifier, 2)
    assert found.labels[0].name == "espresso"
    assert found.labels[0].probability > found.labels[1].probability
    warm = found.maps[0]
    assert 0 <= float(warm.min()) <= float(warm.max()) <= 1
    y, x = divmod(int(warm.argmax()), warm.shape[1])
    # the inside of the cup, in px of the photograph
    assert 180 < 4 * x < 400
    assert 20 < 4 * y < 210
    assert float(warm[:, -40:].mean()) < 0.2 * float(warm.max())  # the table


def test_a_panorama_is_shown_to_its_ends(classifier):
    picture = torch.full((3, 60, 480), 0.5)
    picture[:, :, :20] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    picture[:, :, -20:] = torch.tensor([0.0, 0.0, 1.0])[:, None, None]
    sheet = class_activation(picture, classifier, 1).sheet
    red, blue = (
        int((sheet - torch.tensor(color)[:, None, None]).abs().amax(0).lt(0.05).sum())
        for color in ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    )
    assert min(red, blue) > 1000


def test_classes_by_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    from bowerbird.pictures.writing import write_picture  # noqa: PLC0415

    write_picture(tmp_path / "cup.png", coffee()[:, ::2, ::2])
    assert (
        run(["vision", "inspect", "cup.png", "--show", "class", "--max-channels", "3", "--json"])
        == 0
    )
    (facts,) = json.loads(capsys.readouterr().out)
    assert [set(label) for label in facts["labels"]] == [{"name", "wnid", "probability"}] * 3
    assert (tmp_path / "cup-features.png").stat().st_size > 10_000
    assert facts["seconds"] > 0


@pytest.mark.parametrize("limit", [0, 1001])
def test_so_many_classes_there_are(classifier, limit):
    with pytest.raises(ValueError, match=r"in \[1, 1000\]"):
        class_activation(coffee(), classifier, limit)


def test_classes_have_no_layer():
    with pytest.raises(ValueError, match="classes have no layer; leave layer conv3_1 out"):
        InspectConfig(show="class", layer="conv3_1")
