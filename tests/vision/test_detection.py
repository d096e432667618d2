"""Boxes from class activation: sums of windows, maps, suppression, scenes."""

from dataclasses import replace

import pytest
import torch
from skimage import data

from bowerbird.vision import localization
from bowerbird.vision.boxes import iou, overlap
from bowerbird.vision.class_activation import box_from_heatmap, class_activation_maps, class_heatmap
from bowerbird.vision.classification import classes, classify, open_classifier
from bowerbird.vision.config import ClassifyConfig, DetectConfig, LocalizeConfig
from bowerbird.vision.detection import detect, tiles
from bowerbird.vision.localization import localize
from bowerbird.vision.proposals import (
    Window,
    distinct_windows,
    non_max_suppression,
    propose_windows,
)
from bowerbird.vision.results import Box
from bowerbird.vision.segmentation import bounding_box, segment, with_mask


def sample(name):
    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1).float() / 255


@pytest.fixture(scope="module")
def classifier():
    return open_classifier(ClassifyConfig(precision="float32"), "cpu")


@pytest.fixture(scope="module")
def scene():
    """A cup of coffee at a known place of a bare wall."""
    wall = torch.full((3, 300, 420), 0.75)
    cup = sample("coffee")[:, 20:310, 150:500]
    small = torch.nn.functional.interpolate(cup[None], (145, 175), mode="area")[0]
    wall[:, 130:275, 225:400] = small
    return wall, (225.0, 130.0, 400.0, 275.0)


def test_maps_average_to_what_the_network_says(classifier):
    picture = sample("coffee")[:, :384, :384]
    (scores,) = class_activation_maps(picture, classifier, [224])
    assert scores.shape == (1000, 7, 7)
    whole = classifier.logits(torch.nn.functional.interpolate(picture[None], (224, 224)))[0]
    assert int(scores.mean((1, 2)).argmax()) == int(whole.argmax())


def test_windows_are_the_averages_inside_them():
    scores = 5 * torch.randn(1000, 6, 9, generator=torch.Generator().manual_seed(3))
    found = propose_windows([scores], (192, 288))
    assert found
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found[:: len(found) // 7 + 1]:
        left, top, right, bottom = (round(side / 32) for side in one.xyxy)
        chance = scores[:, top:bottom, left:right].double().mean((1, 2)).softmax(0)
        assert int(chance.argmax()) == one.number
        assert float(chance.max()) == pytest.approx(one.score, abs=1e-4)


def test_suppression_keeps_the_best():
    ranked = [Window(1, 0.9, (0, 0, 10, 10)), Window(1, 0.8, (1, 1, 11, 11))]
    ranked += [Window(2, 0.7, (4, 0, 14, 10)), Window(1, 0.6, (20, 0, 30, 10))]
    assert [one.score for one in distinct_windows(ranked, 8)] == [0.9, 0.7, 0.6]
    assert len(distinct_windows(ranked, 2)) == 2
    assert non_max_suppression([5, 4, 3, 1], lambda one, better: better - one == 1) == [5, 3, 1]
    assert overlap((0, 0, 10, 10), (0, 0, 100, 100)) == 1
    assert overlap((0, 0, 0, 0), (0, 0, 1, 1)) == 0


def test_extent_is_the_warm_part():
    warm = torch.zeros(20, 30)
    warm[5:9, 10:16], warm[15, 2] = 1.0, 0.9
    size = (80, 120)
    assert box_from_heatmap(warm, (0, 0, 120, 80), size) == (40, 20, 64, 36)
    assert box_from_heatmap(warm, (0, 56, 20, 70), size) == (8, 60, 12, 64)
    cold = torch.zeros(20, 30)
    assert box_from_heatmap(cold, (8.0, 4.0, 40.0, 44.0), size) == (8.0, 4.0, 40.0, 44.0)


def test_one_thing_is_located(classifier, scene):
    picture, truth = scene
    seen = localize(picture, classifier)
    assert seen.labels[0].name == seen.boxes[0].name == "espresso"
    assert iou(seen.boxes[0].xyxy, truth) > 0.5


def test_a_thing_is_detected(classifier, scene):
    picture, truth = scene
    boxes = detect(picture, classifier)
    assert boxes[0].name == "espresso"
    assert iou(boxes[0].xyxy, truth) > 0.5
    assert all(box.score >= 0.3 for box in boxes)
    assert len(detect(picture, classifier, DetectConfig(1, 0.0))) == 1
    assert detect(picture, classifier, DetectConfig(threshold=1.0)) == ()


def test_several_things_are_detected(classifier):
    picture = torch.full((3, 300, 600), 0.75)
    picture[:, 50:250, 20:262] = torch.nn.functional.interpolate(
        sample("coffee")[None, :, 20:310, 150:500], (200, 242), mode="area"
    )[0]
    picture[:, 40:260, 340:590] = torch.nn.functional.interpolate(
        sample("chelsea")[None, :, 20:280, 60:355], (220, 250), mode="area"
    )[0]
    boxes = detect(picture, classifier, DetectConfig(threshold=0.2))
    found = {box.name: box.xyxy for box in boxes}
    assert iou(found["espresso"], (20, 50, 262, 250)) > 0.4
    cats = found.keys() & {"tabby cat", "tiger cat", "Egyptian Mau"}
    assert any(iou(found[cat], (340, 40, 590, 260)) > 0.4 for cat in cats)


@pytest.mark.parametrize("upright", [False, True])
def test_a_panorama_is_looked_at_everywhere(classifier, upright):
    picture = torch.full((3, 1600, 160) if upright else (3, 160, 1600), 0.75)
    cup = sample("coffee")[None, :, 20:310, 150:500]
    small = torch.nn.functional.interpolate(cup, (120, 145), mode="area")[0]
    truth = []
    for along in (60, 800, 1380):
        top, left = (along, 8) if upright else (20, along)
        picture[:, top : top + 120, left : left + 145] = small
        truth.append((left, top, left + 145, top + 120))
    found = [box for box in detect(picture, classifier) if box.name == "espresso"]
    for true in truth:
        assert max((iou(box.xyxy, true) for box in found), default=0) > 0.4


@pytest.mark.parametrize("size", [(100, 1000), (1000, 100), (100, 260), (1, 5000), (300, 300)])
def test_pieces_cover_the_picture(size):
    height, width = size
    seen = torch.zeros(size, dtype=torch.int)
    for left, top, right, bottom in tiles(height, width):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        seen[top:bottom, left:right] += 1
    assert 1 <= int(seen.min()) <= int(seen.max()) <= 2
    assert len(tiles(height, width)) <= 12


@pytest.mark.parametrize("size", [(1, 1), (2, 200), (30, 200), (33, 17)])
def test_odd_pictures_are_looked_at(classifier, size):
    picture = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    height, width = size
    for box in segment(picture, detect(picture, classifier, DetectConfig(threshold=0.0))):
        left, top, right, bottom = box.xyxy
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert box.mask.shape == size
    assert 1 <= len(localize(picture, classifier, LocalizeConfig(5)).boxes) <= 5


def test_a_box_becomes_the_mask_of_what_is_in_it():
    random = torch.Generator().manual_seed(4)
    picture = torch.full((3, 120, 160), 0.8) + 0.03 * torch.randn(3, 120, 160, generator=random)
    y, x = torch.meshgrid(torch.arange(120), torch.arange(160), indexing="ij")
    disk = (x - 80) ** 2 + (y - 60) ** 2 < 30**2
    picture[:, disk] = torch.tensor([0.1, 0.4, 0.2])[:, None]
    loose = Box("disk", 0.9, (45.0, 28.0, 118.0, 88.0))
    (found,) = segment(picture.clamp(0, 1), [loose])
    assert int((found.mask & disk).sum()) / int((found.mask | disk).sum()) > 0.95
    assert iou(found.xyxy, bounding_box(disk)) > 0.95
    assert (found.name, found.score) == ("disk", 0.9)
    assert segment(picture, [found]) == (found,)


def test_a_box_of_one_color_is_the_mask():
    found = with_mask(torch.full((3, 40, 40), 0.5), Box("wall", 0.5, (10.0, 10.0, 30.0, 30.0)))
    assert bool(found.mask.any())


@pytest.mark.parametrize("find", [localize, detect])
def test_a_network_without_maps_is_refused(classifier, find):
    vgg = replace(classifier, network="vgg16")
    with pytest.raises(ValueError, match=r"vgg16 weights its positions.*use efficientnet-lite0"):
        find(sample("coffee"), vgg)


def test_without_a_classifier_the_installed_one_is_opened():
    picture = sample("coffee")
    assert classify(picture)[0].name == "espresso"
    assert localize(picture).boxes[0].name == "espresso"
    assert detect(picture)[0].name == "espresso"


def test_heat_is_between_0_and_1(classifier):
    maps = class_activation_maps(sample("coffee"), classifier, [256, 384])
    warm = class_heatmap(maps, [name for name, _ in classes()].index("espresso"), (400, 600))
    assert warm.shape == (100, 150)
    assert 0 <= float(warm.min()) < 0.3 < float(warm.max()) <= 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"max_boxes": 0}, "max_boxes must be at least 1"),
        ({"threshold": 2.0}, r"in \[0, 1\]"),
        ({"network": "x"}, "detr"),
    ],
)
def test_flags_are_checked(wrong, words):
    with pytest.raises(ValueError, match=words):
        DetectConfig(**wrong)


def test_top_is_checked():
    with pytest.raises(ValueError, match=r"top must be in \[1, 5\]"):
        LocalizeConfig(top=6)


def test_without_candidates_the_class_of_the_whole_picture_is_located(classifier, monkeypatch):
    monkeypatch.setattr(localization, "candidates", lambda *_: ())
    picture = sample("coffee")
    ((label,), (box,)) = (localize(picture, classifier).labels, localize(picture, classifier).boxes)
    assert (label.name, label.wnid) == ("espresso", "n07920052")
    assert (
        label.probability
        == box.score
        == pytest.approx(float(classifier.probabilities([picture]).max()), rel=1e-5)
    )
    left, top, right, bottom = box.xyxy
    assert 0 <= left < 250 < right <= 600  # the cup is around (250, 200)
    assert 0 <= top < 200 < bottom <= 400
