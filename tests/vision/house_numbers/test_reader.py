"""Pieces and boxes by their formulas; the search, the reading and the doors on real pictures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from bowerbird.errors import ModelError
from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.model_file import ModelHeader, write_model
from bowerbird.learning.trainer import train_steps
from bowerbird.models import model_path
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.networks.multi_digit import MultiDigit, most_probable
from bowerbird.pictures.reading import picture_size
from bowerbird.vision.boxes import iou
from bowerbird.vision.house_numbers.assets import photographs, split_photos, split_typefaces
from bowerbird.vision.house_numbers.crops import cell_targets, cut, into, out_of, widened
from bowerbird.vision.house_numbers.evaluation import answers, coverage_at, measure, truth
from bowerbird.vision.house_numbers.reader import (
    NumberReader,
    NumbersConfig,
    distinct,
    load_house_number_reader,
    same,
)
from bowerbird.vision.house_numbers.scenes.streets import StreetConfig, make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import typefaces
from bowerbird.vision.house_numbers.task import NumbersTask, PoolConfig, finding_loss
from bowerbird.vision.house_numbers.train import NumbersTrainConfig

SMALL = MultiDigitConfig(crop_size=32, channels=(8, 16, 16, 16), hidden_size=32, glimpse_size=32)
PLAIN = StreetConfig(smallest=30, largest=60, empty=0.0)


@pytest.fixture(scope="module")
def faces():
    return [face for face in typefaces() if face.path.name.startswith("DejaVuSans")]


@pytest.fixture(scope="module")
def reader():
    return load_house_number_reader(device="cpu")


def box(*sides):
    return np.array(sides, np.float32)


def test_a_piece_of_whole_pixels_is_the_pixels():
    pixels = skimage.data.chelsea()
    assert np.array_equal(cut(pixels, box(20, 30, 84, 94), 64), pixels[30:94, 20:84])


def test_a_shrunk_piece_is_the_mean_of_what_it_covers():
    pixels = skimage.data.coffee()
    piece = cut(pixels, box(10, 20, 10 + 192, 20 + 128), 64)
    wanted = pixels[20:148, 10:202].reshape(64, 2, 64, 3, 3).astype(float).mean((1, 3))
    assert np.abs(piece - wanted).max() < 1


def test_beyond_the_edge_the_last_pixels_go_on():
    pixels = skimage.data.chelsea()
    piece = cut(pixels, box(-32, 0, 32, 64), 64)
    assert np.array_equal(piece[:, :32], np.repeat(pixels[:64, :1], 32, 1))


def test_shares_of_a_piece_and_back():
    boxes = box(3, 4, 10, 12)[None]
    piece = box(1, 2, 21, 12)
    np.testing.assert_allclose(into(boxes, piece), [[0.1, 0.2, 0.45, 1.0]])
    np.testing.assert_allclose(out_of(into(boxes, piece), piece), boxes)


def test_a_narrow_box_is_widened_more():
    np.testing.assert_allclose(widened(box(10, 10, 50, 30), 1.5), [0, 5, 60, 35])
    np.testing.assert_allclose(widened(box(9, 0, 11, 20), 1.0), [5, 0, 15, 20])


def test_cells_point_at_the_sides_of_the_number():
    there, sides = cell_targets(box(20, 30, 60, 50), 96, 96)
    assert there.shape == (12, 12)
    rows, columns = np.nonzero(there == 1)
    assert len(rows) > 0
    for row, column in zip(rows, columns, strict=True):
        x, y = 8 * column + 4, 8 * row + 4
        told = 8 * np.exp(sides[:, row, column])
        np.testing.assert_allclose(told, [x - 20, y - 30, 60 - x, 50 - y], rtol=1e-5)
    assert (there[:3] == 0).all()
    for size in (8, 100):  # found on another level
        assert (cell_targets(box(0, 0, size, size), 96, 96)[0] <= 0).all()
    assert (cell_targets(None, 96, 96)[0] == 0).all()


def test_overlap_is_the_common_share():
    assert iou(box(0, 0, 2, 2), box(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert iou(box(0, 0, 1, 1), box(2, 2, 3, 3)) == 0
    assert same(box(0, 0, 10, 10), box(2, 2, 5, 5))  # one in the other
    found = [(0.5, box(0, 0, 10, 10)), (0.9, box(1, 0, 11, 10)), (0.4, box(50, 50, 60, 60))]
    assert [score for score, _ in distinct(found)] == [0.9, 0.4]


def test_coverage_is_the_largest_share_with_enough_right():
    random = np.random.default_rng(0)
    for _ in range(20):
        odds = random.random(40)
        right = random.random(40) < odds**0.2
        best = (0.0, 1.0)
        for limit in np.sort(odds)[::-1]:
            chosen = odds >= limit
            if right[chosen].mean() >= 0.9:
                best = (chosen.mean(), limit)
        assert coverage_at(odds.tolist(), right.tolist(), 0.9) == pytest.approx(best)
    assert coverage_at([], []) == (0.0, 1.0)
    assert coverage_at([0.9], [False]) == (0.0, 1.0)


def test_it_learns_one_batch_by_heart(faces):
    torch.manual_seed(0)
    scenes = [
        make_scene(np.random.default_rng(k), faces, [skimage.data.coffee()], PLAIN)
        for k in range(12)
    ]
    network = MultiDigit(SMALL)
    config = PoolConfig(batch=12, looked=2, pool=12, fresh=1, validation=2)
    task = NumbersTask(network, lambda k: scenes[k % 12], lambda k: scenes[k], config)
    random = np.random.default_rng(0)
    batch = task._batch(scenes, 2, random, learning=True)
    task.loss = lambda net: task._loss(net, batch)
    fit = TrainerConfig(
        iterations=120, learning_rate=1e-2, warmup_steps=10, ema_decay=0, validate_every=1000
    )
    losses = [step.losses["total"] for step in train_steps(task, fit)]
    assert losses[-1] < losses[0] / 4
    with torch.no_grad():
        length, _, _ = most_probable(network.read(batch.crops))
    assert (length == batch.lengths).float().mean() > 0.8


def test_the_finder_is_asked_nothing_where_it_may_doubt():
    there = torch.tensor([[[1.0, 0.0, -1.0]]])
    batch = type("Batch", (), {"there": there, "sides": torch.zeros(1, 4, 1, 3)})()
    cells = torch.zeros(1, 5, 1, 3, requires_grad=True)
    finding_loss(cells, batch).backward()
    assert cells.grad[0, 0, 0, 0] < 0 < cells.grad[0, 0, 0, 1]
    assert cells.grad[0, 0, 0, 2] == 0


def test_a_resumed_pool_is_the_pool_it_was(faces):
    def source(index):
        return make_scene(np.random.default_rng(index), faces, [skimage.data.coffee()], PLAIN)

    config = PoolConfig(batch=2, looked=1, pool=5, fresh=2, validation=2)
    tasks = [NumbersTask(MultiDigit(SMALL), source, source, config) for _ in range(2)]
    for _ in range(4):
        tasks[0].loss(tasks[0].network)
    tasks[1].load_state_dict(tasks[0].state_dict())
    assert [s.text for s in tasks[1].pool] == [s.text for s in tasks[0].pool]


def test_what_is_kept_for_tests_is_never_learned_from():
    config, faces = NumbersTrainConfig(), typefaces()
    learned, measured = split_typefaces(faces, config.validation_families, config.test_families)
    kept = {*config.test_families, *config.validation_families}
    assert not kept & {face.family for face in learned}
    assert {face.family for face in measured} <= {*config.validation_families}
    parts = split_photos(photographs())
    assert not {*parts[0]} & {*parts[2]}
    assert not {*parts[0]} & {*parts[1]}
    with pytest.raises(ValueError, match="typefaces to learn from"):
        split_typefaces([], (), ())


def test_a_model_is_what_was_saved(tmp_path):
    torch.manual_seed(1)
    scene = torch.rand(1, 3, 64, 64)
    network = MultiDigit(MultiDigitConfig())
    NumberReader(network, {"threshold": 0.75}, load_house_number_reader(device="cpu").compute).save(
        tmp_path / "m.safetensors"
    )
    again = load_house_number_reader(tmp_path / "m.safetensors", "cpu")
    assert again.threshold == 0.75
    with torch.no_grad():
        was, now = network.float().read(scene), again.network.float().read(scene)
    torch.testing.assert_close(was.lengths, now.lengths, atol=0.02, rtol=0.02)


@pytest.mark.parametrize(
    ("config", "provenance", "complaint"),
    [
        ({"side": 64}, {}, "does not fit"),
        ({"crop_size": 60, "channels": [8, 8, 8, 8]}, {}, "does not fit"),
        ({"crop_size": "x", "channels": 3}, {}, "does not fit"),
    ],
)
def test_a_strangers_model_is_one_sentence(tmp_path, config, provenance, complaint):
    write_model(
        tmp_path / "m.safetensors",
        ModelHeader("house-numbers", config, provenance=provenance),
        {"x": torch.zeros(2)},
    )
    with pytest.raises(ModelError, match=complaint):
        load_house_number_reader(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "wrong", [{"largest_side": 8}, {"found": 2}, {"shown": -1}, {"sure": 1.5}, {"most": 0}]
)
def test_a_search_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NumbersConfig(**wrong)


def test_the_shipped_model_reads_easy_numbers(reader, faces):
    scenes = [
        make_scene(np.random.default_rng((1, k)), faces, [skimage.data.coffee()], PLAIN)
        for k in range(60)
    ]
    easy = [scene for scene in scenes if scene.hardness < 0.5 and len(scene.text) < 4]
    told = measure(easy, answers(reader, easy), reader.read_threshold)
    assert told.whole > 0.75
    assert told.iou > 0.7
    assert model_path("house-numbers").stat().st_size < 2.2e6


def test_a_number_is_found_wherever_it_is_and_however_large(reader, faces):
    hits = 0
    street = StreetConfig(height=240, width=360, smallest=40, largest=140, empty=0.0)
    for k in range(16):
        random = np.random.default_rng((2, k))
        scene = make_scene(random, faces, [skimage.data.chelsea()], street)
        numbers = reader.look(scene.pixels, NumbersConfig())
        hits += any(iou(n.box, scene.box) > 0.5 and n.text == truth(scene) for n in numbers)
    assert hits >= 8


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_photographs_without_numbers_have_no_sure_number(reader, name):
    numbers = reader.look(getattr(skimage.data, name)(), NumbersConfig())
    assert not [n.text for n in numbers if reader.is_sure(n, NumbersConfig())]


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (48, 9), (64, 64)])
def test_the_smallest_pictures_are_looked_at(reader, size):
    assert reader.look(np.full((*size, 3), 128, np.uint8), NumbersConfig()) == []


@pytest.fixture
def here(tmp_path, monkeypatch, faces):
    monkeypatch.chdir(tmp_path)
    street = replace(PLAIN, height=200, width=300, smallest=60, largest=90)
    scene = make_scene(np.random.default_rng(5), faces, [skimage.data.coffee()], street)
    Image.fromarray(scene.pixels).save("door.png")
    Image.fromarray(skimage.data.chelsea()).save("cat.png")
    return tmp_path


def command(words, capsys):
    from bowerbird.cli import run  # noqa: PLC0415

    capsys.readouterr()
    code = run(words.split())
    return code, *capsys.readouterr()


def test_the_command_tells_in_words_json_and_a_picture(here, capsys):
    code, out, err = command("vision house-numbers door.png cat.png --json", capsys)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert [one["file"] for one in told] == ["door.png", "cat.png"]
    assert told[1]["text"] == ""
    for one in told:
        assert {"boxes", "text"} <= one.keys()
        for found in one["boxes"]:
            assert {"name", "score", "xyxy"} == found.keys()
    code, out, _ = command("vision house-numbers cat.png -o seen.png --sure 0.999", capsys)
    assert code == 0
    assert out.strip()
    assert picture_size(Path("seen.png")) == picture_size(Path("cat.png"))
    code, _, err = command("vision house-numbers cat.png -o seen.png", capsys)
    assert code == 2
    assert "--force" in err


def test_the_command_refuses_in_one_sentence(here, capsys):
    (here / "words.jpg").write_text("no picture")
    (here / "words.safetensors").write_text("no model")
    for words, complaint in (
        ("vision house-numbers words.jpg", "words.jpg"),
        ("vision house-numbers nowhere.jpg", "nowhere.jpg"),
        ("vision house-numbers", "no picture"),
        ("vision house-numbers cat.png --model words.safetensors", "words.safetensors"),
        ("vision house-numbers cat.png --sure 2", "sure"),
        ("vision train-house-numbers -o m.safetensors --photos nowhere", "nowhere is no folder"),
        ("vision train-house-numbers -o m.safetensors --fonts nowhere", "nowhere is no folder"),
        ("vision train-house-numbers -o m.safetensors --svhn nowhere.tar.gz", "does not exist"),
        ("vision train-house-numbers -o m.txt", ".safetensors"),
    ):
        code, out, err = command(words, capsys)
        assert (code, out) == (2, ""), words
        assert complaint in err
        assert err.count("\n") == 1


def test_a_training_from_the_command_makes_a_model(here, capsys):
    small = "--judged 4 --photographed 2 --pool 20 --batch 4 --looked 2 --validation 8"
    steps = "--iterations 2 --validate-every 2 --warmup-steps 1"
    line = f"vision train-house-numbers -o mine.safetensors {steps} {small} --json"
    code, out, err = command(line, capsys)
    assert code == 0, err
    told = json.loads(out)
    assert told["iterations"] == 2
    assert np.isfinite(told["validation_loss"])
    assert (here / "mine.json").exists()
    code, out, _ = command("vision house-numbers cat.png --model mine.safetensors --json", capsys)
    assert code == 0
    assert json.loads(out)[0]["file"] == "cat.png"
    code, _, err = command(line, capsys)
    assert code == 2
    assert "--force" in err


def test_what_the_finder_takes_for_numbers_becomes_a_scene_without_one(reader):
    from bowerbird.vision.house_numbers.hard_negatives import decoys  # noqa: PLC0415
    from bowerbird.vision.house_numbers.training_crops import crop_of, piece_of  # noqa: PLC0415

    scenes = decoys(reader, [skimage.data.coffee(), skimage.data.chelsea()])
    random = np.random.default_rng(0)
    for scene in scenes:
        pixels, there, _ = piece_of(random, scene)
        assert pixels.shape == (96, 96, 3)
        assert (there == 0).all()
        crop, length, *_ = crop_of(random, scene, 64)
        assert crop.shape == (64, 64, 3)
        assert length == 0


def test_a_part_of_a_number_is_none(faces):
    from bowerbird.vision.house_numbers import training_crops as cuttings  # noqa: PLC0415

    random = np.random.default_rng(1)
    scene = make_scene(random, faces, [skimage.data.coffee()], PLAIN)
    while len(scene.text) < 3:
        scene = make_scene(random, faces, [skimage.data.coffee()], PLAIN)
    for _ in range(30):
        part = cuttings._part(random, scene)
        whole = into(scene.boxes, part)
        inside = ((whole[:, :2] > -0.01) & (whole[:, 2:] < 1.01)).all(1)
        assert inside.sum() >= 1
    wide = scene.box[2] - scene.box[0]
    there, _ = cell_targets(scene.box - np.tile([scene.box[0] + 0.5 * wide, 0], 2), 128, 128)
    assert (there <= 0).all()  # half of it lies beyond the edge
