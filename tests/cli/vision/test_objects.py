"""`bowerbird vision classify|localize|detect|segment`, on real pictures and on odd ones."""

import itertools
import json

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from bowerbird.vision.boxes import shared
from bowerbird.vision.drawing import Layout, _place, draw
from bowerbird.vision.results import Box, VisionResult

KEYS = {
    "classify": {"file", "labels"},
    "localize": {"file", "labels", "boxes"},
    "detect": {"file", "boxes"},
    "segment": {"file", "boxes"},
}


@pytest.fixture
def pictures(here):
    Image.fromarray(data.coffee()).save(here / "coffee.jpg")
    Image.fromarray(data.coffee()).convert("L").save(here / "gray.png")
    clear = Image.fromarray(data.coffee()).convert("RGBA").resize((150, 100))
    clear.putalpha(Image.new("L", clear.size, 128))
    clear.save(here / "clear.png")
    Image.new("RGB", (1, 1), (9, 99, 9)).save(here / "dot.png")
    Image.fromarray(data.coffee()).resize((1500, 150)).save(here / "panorama.jpg")
    return here


@pytest.mark.parametrize("verb", KEYS)
def test_a_cup_of_coffee(bowerbird, pictures, verb):
    done = bowerbird(f"vision {verb} coffee.jpg --json --device cpu -o {verb}.png")
    assert (done.code, done.err) == (0, "")
    (facts,) = json.loads(done.out)
    assert facts.keys() == KEYS[verb] | {"output"}
    assert facts["file"] == "coffee.jpg"
    best = (facts.get("labels") or facts["boxes"])[0]
    assert best["name"] == "espresso"
    if "labels" in facts:
        assert best["wnid"] == "n07920052"
        assert 0.5 < best["probability"] <= 1
    if "boxes" in facts:
        left, top, right, bottom = facts["boxes"][0]["xyxy"]
        assert 0 <= left < 250 < right <= 600
        assert 0 <= top < 200 < bottom <= 400
    with Image.open(f"{verb}.png") as drawn:
        assert drawn.size == (600, 400)
        assert drawn.convert("RGB").tobytes() != data.coffee().tobytes()


def test_classify_prints_a_table(bowerbird, pictures):
    done = bowerbird("vision classify coffee.jpg --top 3")
    lines = done.out.strip().splitlines()
    assert len(lines) == 3
    assert "espresso" in lines[0]
    assert "n07920052" in lines[0]


def test_detect_prints_a_table(bowerbird, pictures):
    boxes = json.loads(bowerbird("vision detect coffee.jpg --json").out)[0]["boxes"]
    lines = bowerbird("vision detect coffee.jpg").out.strip().splitlines()
    assert len(lines) == len(boxes)
    left, top, right, bottom = (round(side) for side in boxes[0]["xyxy"])
    words = ["espresso", f"{boxes[0]['score']:.1%}", f"{left},{top}", "to", f"{right},{bottom}"]
    assert lines[0].split() == words


def test_several_pictures_need_a_folder_and_names_of_their_own(refuses, pictures):
    (pictures / "b").mkdir()
    (pictures / "b" / "gray.jpg").write_bytes((pictures / "coffee.jpg").read_bytes())
    refuses("vision classify coffee.jpg gray.png -o both.png", "both.png is not a folder")
    refuses("vision classify gray.png b/gray.jpg -o b", "two pictures have the same name")


def test_detect_says_when_there_are_no_objects(bowerbird, pictures):
    done = bowerbird("vision detect dot.png --threshold 1")
    assert (done.code, done.out) == (0, "no objects above the threshold\n")


@pytest.mark.parametrize("verb", KEYS)
def test_odd_pictures(bowerbird, pictures, verb):
    names = ["gray.png", "clear.png", "dot.png"]
    names += ["panorama.jpg"] if verb == "classify" else []  # the others: tests of detection
    done = bowerbird(f"vision {verb} {' '.join(names)} --json")
    assert (done.code, done.err) == (0, "")
    results = json.loads(done.out)
    assert [one["file"] for one in results] == names
    assert "espresso" in {box["name"] for box in results[0].get("labels", results[0].get("boxes"))}


def test_one_bad_picture_among_several(bowerbird, pictures):
    (pictures / "torn.png").write_bytes((pictures / "gray.png").read_bytes()[:500])
    done = bowerbird("vision classify coffee.jpg gone.jpg torn.png --json")
    assert done.code == 2
    assert [one["file"] for one in json.loads(done.out)] == ["coffee.jpg"]
    assert "gone.jpg does not exist" in done.err
    assert "torn.png is damaged" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("verb", KEYS)
def test_what_is_transparent_is_drawn_white(bowerbird, here, verb):
    cup = np.dstack([data.coffee(), np.full((400, 600), 255, np.uint8)])
    cup[:, 500:] = 0  # transparent, and black below
    Image.fromarray(cup).save("cup.png")
    assert bowerbird(f"vision {verb} cup.png -o drawn.png --quiet --device cpu").code == 0
    drawn = np.asarray(Image.open("drawn.png").convert("RGB"))
    assert (drawn[20:60, -10:] == 255).all()


def test_letters_leave_a_panorama_to_be_seen():
    result = VisionResult(boxes=(Box("cup", 0.9, (400.0, 50.0, 500.0, 90.0)),))
    drawn = draw(torch.zeros(3, 100, 1000), result)
    assert 0 < int((drawn.amax(0) > 0).any(1).sum()) < 65


def test_objects_are_cut_out(bowerbird, pictures):
    done = bowerbird("vision segment coffee.jpg --cut -o out.png --json --device cpu")
    assert (done.code, done.err) == (0, "")
    boxes = json.loads(done.out)[0]["boxes"]
    assert boxes[0].keys() == {"name", "score", "xyxy", "mask"}
    assert boxes[0]["mask"] == "out-1-espresso.png"
    photograph = np.asarray(Image.open("coffee.jpg"))
    for box in boxes:
        cut = np.asarray(Image.open(box["mask"]))
        assert cut.shape == (400, 600, 4)
        inside = cut[..., 3] == 255
        assert (cut[~inside, 3] == 0).all()
        assert (cut[inside, :3] == photograph[inside]).all()
        rows, columns = inside.any(1).nonzero()[0], inside.any(0).nonzero()[0]
        assert box["xyxy"] == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert "mask" not in bowerbird("vision segment coffee.jpg -o plain.png --json").out


def test_what_is_cut_out_is_not_overwritten(bowerbird, refuses, pictures):
    (pictures / "out-2-cup.png").write_bytes(b"precious")
    refuses("vision segment coffee.jpg --cut -o out.png", "out-2-cup.png exists; add --force")
    assert not (pictures / "out.png").exists()
    assert bowerbird("vision segment coffee.jpg --cut -o out.png --force --quiet").code == 0
    refuses("vision segment coffee.jpg --cut", "name that with -o")
    (pictures / "many").mkdir()
    Image.new("RGB", (9, 9)).save("coffee-1-cup.png")
    done = bowerbird("vision segment coffee.jpg coffee-1-cup.png --cut -o many")
    assert done.code == 2
    assert "once for each" in done.err
    assert not list((pictures / "many").iterdir())


def test_refusals(refuses, pictures):
    refuses("vision classify", "no picture")
    refuses("vision classify gone.jpg", "gone.jpg does not exist")
    refuses("vision classify coffee.jpg --top 0", "top must be in [1, 1000]")
    refuses("vision detect coffee.jpg -o gray.png", "--force")
    refuses("vision detect coffee.jpg --network detr --weights .", "config.json")
    refuses("vision classify coffee.jpg --weights coffee.jpg", "coffee.jpg is damaged")
    refuses("vision segment coffee.jpg --threshold 3", "threshold must be in [0, 1]")


def test_names_hide_no_other_and_stay_in_the_picture():
    cats = [
        ("tabby", (20, 40, 200, 200)),
        ("tiger", (22, 42, 210, 210)),
        ("lynx", (24, 40, 190, 220)),
    ]
    edge = Box("a wall clock", 0.5, (360.0, 0.0, 399.0, 290.0))
    boxes = (*(Box(name, 0.5, tuple(map(float, at))) for name, at in cats), edge)

    layout = Layout((400, 300), [box.xyxy for box in boxes], [])
    for box in boxes:
        layout.labels.append(_place(box, (70.0, 16.0), layout))

    labels = layout.labels
    assert all(shared(a, b) == 0 for a, b in itertools.combinations(labels, 2))
    assert all(x0 >= 0 and y0 >= 0 and x1 <= 400 and y1 <= 300 for x0, y0, x1, y1 in labels)


def test_a_name_hides_no_other_box():
    digits = [Box("7", 0.5, (40.0, 40.0, 60.0, 70.0)), Box("6", 0.5, (44.0, 10.0, 64.0, 38.0))]
    layout = Layout((400, 300), [box.xyxy for box in digits], [])
    assert layout.hidden(_place(digits[0], (20.0, 20.0), layout)) == 0
