"""``vision house-numbers`` and ``train-house-numbers``, through the real command."""

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from bowerbird.pictures.reading import picture_size
from bowerbird.vision.house_numbers.config import SceneConfig
from bowerbird.vision.house_numbers.scenes.streets import make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import find_typefaces


@pytest.fixture
def photos(here):
    """A scene with a number and a photograph of a cat."""
    typefaces = [face for face in find_typefaces() if face.name.startswith("DejaVuSans")]
    config = SceneConfig(200, 300, min_number_size=60, max_number_size=90, empty_fraction=0.0)
    random = np.random.default_rng(5)
    scene = make_scene(random, typefaces, [skimage.data.coffee()], config)
    Image.fromarray(scene.pixels).save("door.png")
    Image.fromarray(skimage.data.chelsea()).save("cat.png")
    return here


def test_numbers_are_reported_as_text_json_and_a_picture(bowerbird, photos):
    done = bowerbird("vision house-numbers door.png cat.png --json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert [picture["file"] for picture in report] == ["door.png", "cat.png"]
    assert report[1]["text"] == ""
    for picture in report:
        assert {"boxes", "text"} <= picture.keys()
        for box in picture["boxes"]:
            assert {"name", "score", "xyxy"} == box.keys()
    done = bowerbird("vision house-numbers cat.png -o out.png --confident-threshold 0.999")
    assert done.code == 0
    assert done.out.strip()
    assert picture_size(Path("out.png")) == picture_size(Path("cat.png"))
    done = bowerbird("vision house-numbers cat.png -o out.png")
    assert done.code == 2
    assert "--force" in done.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vision house-numbers text.jpg", "text.jpg"),
        ("vision house-numbers nowhere.jpg", "nowhere.jpg"),
        ("vision house-numbers", "no picture"),
        ("vision house-numbers photo.png --model text.safetensors", "text.safetensors"),
        ("vision house-numbers photo.png --confident-threshold 2", "confident_threshold"),
        ("vision train-house-numbers -o m.safetensors --photos nowhere", "nowhere is not a folder"),
        ("vision train-house-numbers -o m.safetensors --fonts nowhere", "nowhere is not a folder"),
        ("vision train-house-numbers -o m.safetensors --svhn nowhere.tar.gz", "does not exist"),
        ("vision train-house-numbers -o m.txt", ".safetensors"),
    ],
)
def test_bad_input_is_one_sentence(refuses, here, line, message):
    (here / "text.jpg").write_text("no picture")
    (here / "text.safetensors").write_text("no model")
    refuses(line, message)


def test_training_writes_a_model_with_its_record(bowerbird, photos):
    small = "--calibration-crops 4 --calibration-photos 2 --pool-size 20 --batch-size 4"
    small += " --finder-batch-size 2 --validation-scenes 8"
    steps = "--iterations 2 --validate-every 2 --warmup-steps 1"
    line = f"vision train-house-numbers -o mine.safetensors {steps} {small} --json"
    done = bowerbird(line)
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["iterations"] == 2
    assert np.isfinite(report["validation_loss"])
    assert (photos / "mine.json").exists()
    done = bowerbird("vision house-numbers cat.png --model mine.safetensors --json")
    assert done.code == 0
    assert json.loads(done.out)[0]["file"] == "cat.png"
    done = bowerbird(line)
    assert done.code == 2
    assert "--force" in done.err
