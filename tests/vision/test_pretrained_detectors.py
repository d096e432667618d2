"""DETR and Mask2Former of random weights, written to disk by transformers and opened by us."""

import math
import sys
import types
from pathlib import Path

import pytest
import torch

from bowerbird.vision import pretrained_detectors as detectors
from bowerbird.vision.config import DetectConfig
from bowerbird.vision.detection import detect, open_detector
from bowerbird.vision.pretrained_detectors import open_pretrained_detector

transformers = pytest.importorskip("transformers")
QUERIES, KINDS = 7, 3
pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("detectors")
    torch.manual_seed(0)
    stages = ["stage1", "stage2", "stage3", "stage4"]
    eyes = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 16], depths=[1] * 4, out_features=stages[3:]
    )
    few = {"num_queries": QUERIES, "num_labels": KINDS, "encoder_layers": 1}
    detr = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        backbone_config=eyes, d_model=16, decoder_layers=1, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, **few,
    )  # fmt: skip
    transformers.DetrForObjectDetection(detr).save_pretrained(root / "detr")
    swin = transformers.SwinConfig(
        embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4, out_features=stages
    )
    mask = transformers.Mask2FormerConfig(
        backbone_config=swin, feature_size=32, mask_feature_size=32, hidden_dim=32,
        encoder_feedforward_dim=16, dim_feedforward=16, decoder_layers=2,
        num_attention_heads=2, **few,
    )  # fmt: skip
    transformers.Mask2FormerForUniversalSegmentation(mask).save_pretrained(root / "mask2former")
    return root


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(detectors, "SHORT", 64)


PICTURE = torch.rand(3, 60, 90, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["detr", "mask2former"])
def test_a_saved_detector_is_behind_the_same_function(folders, name):
    config = DetectConfig(network=name, weights=folders / name, threshold=0.0)
    boxes = detect(PICTURE, open_detector(config, "cpu"), config)
    assert 1 <= len(boxes) <= QUERIES
    assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)
    for box in boxes:
        left, top, right, bottom = box.xyxy
        assert box.name in {f"LABEL_{number}" for number in range(KINDS)}
        assert 0 <= left <= right <= 90
        assert 0 <= top <= bottom <= 60
        assert (box.mask is None) == (name == "detr")


def test_detr_tells_what_its_own_processor_does(folders):
    spotter = open_pretrained_detector("detr", folders / "detr", "cpu")
    found = spotter.detect(PICTURE, 0.0, QUERIES)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    x = torch.nn.functional.interpolate(PICTURE[None], (64, 96), mode="bicubic", antialias=True)
    with torch.inference_mode():
        answer = spotter.model(pixel_values=(x.clamp(0, 1) - mean) / deviation)
    theirs = transformers.DetrImageProcessorPil().post_process_object_detection(
        answer, threshold=0.0, target_sizes=[(60, 90)]
    )[0]
    order = theirs["scores"].argsort(descending=True)
    for box, row in zip(found, order, strict=True):
        assert box.score == pytest.approx(float(theirs["scores"][row]), abs=1e-5)
        clipped = theirs["boxes"][row].clamp(min=0)
        clipped = torch.minimum(clipped, torch.tensor([90.0, 60.0, 90.0, 60.0]))
        assert box.xyxy == pytest.approx(clipped.tolist(), abs=1e-2)


def test_masks_by_the_formula():
    masks = torch.full((1, 2, 4, 4), -3.0)
    masks[0, 0, :2, :2] = 2.0
    classes = torch.tensor([[[4.0, 0.0, 0.0], [0.0, 5.0, 0.0]]])
    answer = types.SimpleNamespace(class_queries_logits=classes, masks_queries_logits=masks)
    boxes = detectors._masks(answer, {0: "cat", 1: "dog"}, (4, 4), 0.0, 2)
    assert [box.name for box in boxes] == ["cat"]  # the dog's mask is empty
    chance = math.exp(4) / (math.exp(4) + 2)
    assert boxes[0].score == pytest.approx(chance / (1 + math.exp(-2)))
    assert boxes[0].xyxy == (0, 0, 2, 2)


def test_masks_that_are_not_told_are_not_made(monkeypatch):
    random = torch.Generator().manual_seed(2)
    masks, classes = torch.randn(1, 50, 4, 4, generator=random), torch.zeros(1, 50, 2)
    classes[0, :, 0] = 3 * torch.randn(50, generator=random)
    answer = types.SimpleNamespace(class_queries_logits=classes, masks_queries_logits=masks)
    every = detectors._masks(answer, {0: "cat"}, (8, 8), 0.0, 50)
    made = []
    large = detectors.F.interpolate
    monkeypatch.setattr(
        detectors.F, "interpolate", lambda *a, **k: made.append(1) or large(*a, **k)
    )
    few = detectors._masks(answer, {0: "cat"}, (8, 8), 0.6, 3)
    assert len(few) == 3
    assert [box.score for box in few] == [box.score for box in every[:3]]
    assert all(torch.equal(one.mask, other.mask) for one, other in zip(few, every, strict=False))
    assert len(made) < 25


def test_what_is_not_such_a_detector_is_told(folders, tmp_path):
    with pytest.raises(ValueError, match=r"config.json"):
        open_pretrained_detector("detr", tmp_path, "cpu")
    with pytest.raises(ValueError, match="mask2former"):
        open_pretrained_detector("detr", folders / "mask2former", "cpu")
    (tmp_path / "config.json").write_text((folders / "detr" / "config.json").read_text())
    with pytest.raises(ValueError, match="can't be opened as detr"):
        open_pretrained_detector("detr", tmp_path, "cpu")
    torch.save({}, tmp_path / "pytorch_model.bin")  # a pickle is not opened
    with pytest.raises(ValueError, match="can't be opened as detr"):
        open_pretrained_detector("detr", tmp_path, "cpu")


def test_offline_is_one_sentence(monkeypatch):
    def refuse(*_, **__):
        raise OSError("no route to the hub")

    monkeypatch.setattr(detectors.urllib.request, "urlopen", refuse)
    with pytest.raises(ValueError, match=r"facebook/detr-resnet-50.*no route.*--weights"):
        open_pretrained_detector("detr", None, "cpu")


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"bowerbird\[detectors\]"):
        open_pretrained_detector("detr", Path("anywhere"), "cpu")
