"""Digits: the files, the normalization, distortions, learning, the shipped reader, pages."""

import gzip
import hashlib
import math
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits

from bowerbird.errors import DatasetError, DownloadError, ModelError
from bowerbird.learning.model_file import ModelHeader, write_model
from bowerbird.networks.config import SmallConvNetConfig
from bowerbird.vision.digits import idx, reader as digits_module, train as training
from bowerbird.vision.digits.augment import DistortionConfig, distort, elastic
from bowerbird.vision.digits.binarize import find_ink
from bowerbird.vision.digits.components import Mark, cut, cuts, find_marks
from bowerbird.vision.digits.idx import Digits, read_digits, read_idx
from bowerbird.vision.digits.lines import Place, in_lines, spelled
from bowerbird.vision.digits.margins import laid_out
from bowerbird.vision.digits.normalize import normalize
from bowerbird.vision.digits.page import ReadConfig, boxed, read_page
from bowerbird.vision.digits.reader import NONE, load_digit_reader
from bowerbird.vision.digits.segmentation import Found, _way
from bowerbird.vision.digits.synthetic_pages import PageConfig, compose
from bowerbird.vision.digits.train import DigitSchool, DigitTraining
from bowerbird.vision.results import Box, Seen

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "digits"
mnist = pytest.mark.skipif(not DATA.is_dir(), reason="the digits of MNIST are not beside this")


def write_idx(path, values, kind=8):
    head = bytes([0, 0, kind, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    data = head + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def folder(tmp_path):
    """A folder with forty pictures of strokes for learning and ten for the test."""
    random = np.random.default_rng(0)
    for name, count in (("train", 40), ("t10k", 10)):
        ink = np.zeros((count, 28, 28), np.uint8)
        for one in ink:
            one[5:23, random.integers(8, 20)] = 255
        write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", ink)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    return tmp_path


@pytest.fixture(scope="module")
def hand():
    """scikit-learn's digits of 8 x 8 px, made large and normalized: another hand."""
    data = load_digits()
    big = [
        cv2.resize(one.astype(np.float32) / 16, (80, 80), interpolation=cv2.INTER_CUBIC)
        for one in data.images[:400]
    ]
    ink = np.stack([normalize(np.clip((one - 0.3) * 3, 0, 1)) for one in big])
    codes = torch.from_numpy((ink * 255).round().astype(np.uint8))
    return Digits(codes, torch.from_numpy(data.target[:400]).long())


def test_files_are_read_packed_or_not(tmp_path):
    values = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    for name in ("some-idx3-ubyte", "some-idx3-ubyte.gz"):
        write_idx(tmp_path / name, values)
        assert read_idx(tmp_path / name).tolist() == values.tolist()


def test_the_test_digits_are_apart(folder):
    assert len(read_digits(folder, "training")) == 40
    assert len(read_digits(folder, "test")) == 10
    assert not read_digits(folder, "test").official


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda f: f.write_bytes(b"\0\0\x08\x03" + b"\0" * 9), "cut short"),
        (lambda f: f.write_bytes(b"hello, this is no file"), "no IDX file"),
        (lambda f: f.write_bytes(gzip.compress(b"\0\0\x08\x01")[:-9]), "cut short"),
        (lambda f: write_idx(f, np.zeros((40, 8, 8))), "28 x 28"),
        (lambda f: write_idx(f, np.zeros((39, 28, 28))), "39 pictures for 40 labels"),
    ],
)
def test_damaged_files_are_one_sentence(folder, break_it, words):
    break_it(folder / "train-images-idx3-ubyte.gz")
    with pytest.raises(DatasetError, match=words):
        read_digits(folder, "training")


def test_folders_without_digits_say_what_is_missing(tmp_path, folder):
    with pytest.raises(DatasetError, match="no folder"):
        read_digits(tmp_path / "nothing", "test")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DatasetError, match="put t10k-labels-idx1-ubyte beside it"):
        read_digits(folder, "test")
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.full(40, 11))
    with pytest.raises(DatasetError, match="label 11"):
        read_digits(folder, "training")


def test_the_full_set_is_fetched_and_checked(folder, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("BOWERBIRD_CACHE", str(cache))
    monkeypatch.setattr(idx, "MIRROR", folder.as_uri() + "/")
    rows = []
    for name, _, _ in idx.OFFICIAL:
        data = (folder / name).read_bytes()
        rows.append((name, hashlib.sha256(data).hexdigest(), len(data)))
    monkeypatch.setattr(idx, "OFFICIAL", tuple(rows))
    monkeypatch.chdir(tmp_path)
    fetched = read_digits(Path("mnist"), "test")
    assert fetched.official
    assert len(fetched) == 10
    monkeypatch.setenv("BOWERBIRD_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(idx, "MIRROR", (tmp_path / "nowhere").as_uri() + "/")
    with pytest.raises(DownloadError, match="by hand and give the folder with all four") as told:
        read_digits(Path("mnist"), "test")
    assert "--weights" not in str(told.value)
    monkeypatch.setenv("BOWERBIRD_CACHE", str(cache))
    monkeypatch.setattr(idx, "OFFICIAL", tuple((n, "0" * 64, s) for n, _, s in rows))
    with pytest.raises(DownloadError, match="delete it and it is downloaded again"):
        read_digits(Path("mnist"), "test")


@mnist
def test_the_official_test_digits_are_known_by_their_digest():
    digits = read_digits(DATA, "test")
    assert digits.official
    # the counts by class that the full set is published with
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert torch.bincount(digits.labels).tolist() == counts


@mnist
def test_normalizing_a_digit_of_mnist_changes_nothing():
    ink = read_digits(DATA, "training").ink[:300].numpy()
    same = [np.abs(normalize(one.astype(np.float32) / 255) * 255 - one).max() < 1 for one in ink]
    assert np.mean(same) > 0.99


def test_normalizing_forgets_size_and_place():
    stroke = np.zeros((90, 90), np.float32)
    stroke[20:60, 30:36], stroke[54:60, 30:60] = 1, 1
    moved = np.roll(stroke, (15, 20), (0, 1))
    np.testing.assert_array_equal(normalize(stroke), normalize(moved))
    twice = np.kron(stroke, np.ones((2, 2), np.float32))
    np.testing.assert_allclose(normalize(stroke), normalize(twice), atol=0.02)
    rows, columns = np.nonzero(normalize(stroke))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert normalize(np.zeros((5, 5), np.float32)).sum() == 0


def test_elastic_fields_are_gaussian_smoothed_even_noise():
    config = DistortionConfig(alpha=34, sigma=4)
    field = elastic(64, 28, config, torch.Generator().manual_seed(0))
    # even numbers in -1..1 deviate by 1/sqrt(3); a Gaussian of sigma leaves 1/(2 sigma sqrt(pi))
    expected = 34 / math.sqrt(3) / (2 * 4 * math.sqrt(math.pi))
    assert field.std().item() == pytest.approx(expected, rel=0.1)
    noise = np.random.default_rng(0).uniform(-1, 1, (400, 400))
    assert 34 * gaussian_filter(noise, 4).std() == pytest.approx(expected, rel=0.1)


def test_no_distortion_is_no_change():
    still = DistortionConfig(alpha=0, turn=0, scale=0, shear=0, shift=0, pen=0)
    ink = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(distort(ink, still), ink, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="sigma"):
        DistortionConfig(sigma=0)


FAST = DigitTraining(
    iterations=120,
    rows=64,
    rate=0.01,
    none=0,
    validation=0.25,
    precision="float32",
    device="cpu",
    shape=SmallConvNetConfig((8, 16), dropout=0.1),
)


def test_learning_real_digits_is_repeatable_and_leaves_chance_alone(hand):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    runs = []
    for _ in range(2):
        school = DigitSchool(hand, FAST)
        losses = [step.losses["total"] for step in school.steps()]
        runs.append((losses, school.reader))
        torch.rand(3)  # what others draw in between is nothing to it
    assert runs[0][0] == runs[1][0]
    aside = hand.some(300, 400)
    assert runs[0][1].score(aside).accuracy == runs[1][1].score(aside).accuracy
    # a tenth is chance; the hundred kept aside were not learned from
    assert runs[0][1].score(aside).accuracy >= 0.8
    torch.manual_seed(7)
    next(DigitSchool(hand, FAST).steps())
    assert torch.equal(torch.get_rng_state(), before)


def test_more_rows_than_digits_is_one_sentence(folder):
    with pytest.raises(ValueError, match="give --rows fewer"):
        DigitSchool(read_digits(folder, "training"), DigitTraining(none=0))


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(hand, tmp_path):
    config = replace(FAST, iterations=8)
    whole = [step.losses["total"] for step in DigitSchool(hand, config).steps()]
    first = DigitSchool(hand, config, tmp_path).steps(checkpoints=3)
    stopped = [next(first).losses["total"] for _ in range(5)]
    first.close()
    rest = DigitSchool(hand, config, tmp_path).steps(checkpoints=3, resume=True)
    assert stopped[:3] + [step.losses["total"] for step in rest] == whole


def test_a_run_of_minutes_goes_on_with_the_steps_planned_first(hand, tmp_path, monkeypatch):
    config = replace(FAST, minutes=0.05)
    first = DigitSchool(hand, config, tmp_path)
    steps = first.steps(checkpoints=2)
    totals = {next(steps).total for _ in range(3)}
    steps.close()
    monkeypatch.setattr(training, "seconds_per_step", lambda *_: 1.0)  # a slower machine
    again = DigitSchool(hand, config, tmp_path)
    step = next(again.steps(checkpoints=2, resume=True))
    assert step.number == 3
    assert {step.total} == totals
    assert again.reader.provenance["settings"]["iterations"] == step.total
    other = DigitSchool(hand, replace(config, seed=1), tmp_path)
    with pytest.raises(ValueError, match="other settings"):
        next(other.steps(resume=True))
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(ValueError, match=r"plan.json is damaged; leave --resume out"):
        next(again.steps(resume=True))


def test_a_reader_survives_its_file(folder, tmp_path):
    reader = load_digit_reader(device="cpu")
    reader.save(tmp_path / "again.safetensors", half=True)
    again = load_digit_reader(tmp_path / "again.safetensors", "cpu")
    ink = torch.rand(3, 28, 28)
    torch.testing.assert_close(reader.probabilities(ink), again.probabilities(ink))


@pytest.mark.parametrize(
    "config",
    [
        *(
            {"network": "vgg"},
            {"channels": [8]},
            {"channels": ["a"]},
            {"num_classes": 7},
            {"colour": 1},
        ),
        {"dropout": 10**400},
    ],
)
def test_forged_model_files_are_refused(tmp_path, config):
    write_model(tmp_path / "f.safetensors", ModelHeader("digits", config), {"x": torch.zeros(2)})
    with pytest.raises(ModelError, match="damaged"):
        load_digit_reader(tmp_path / "f.safetensors")


def test_a_small_file_that_asks_for_a_huge_network_makes_none(tmp_path, monkeypatch):
    made = []
    real = digits_module.digit_network
    monkeypatch.setattr(
        digits_module, "digit_network", lambda *told: made.append(real(*told)) or made[-1]
    )
    card = ModelHeader("digits", {"network": "small", "channels": [4096] * 4})
    write_model(tmp_path / "f.safetensors", card, {"x": torch.zeros(2)})
    with pytest.raises(ModelError, match="another network"):
        load_digit_reader(tmp_path / "f.safetensors")
    assert [{p.device.type for p in network.parameters()} for network in made] == [{"meta"}]


def test_the_shipped_reader_is_small():
    path = Path(digits_module.__file__).with_name("digits.safetensors")
    assert path.stat().st_size <= 500_000


@mnist
def test_the_shipped_reader_reads_the_official_test_digits():
    # the figure of the recipe's header, on every fifth digit; the whole is in benchmarks/digits
    digits = read_digits(DATA, "test")
    some = Digits(digits.ink[::5], digits.labels[::5])
    assert load_digit_reader(device="cpu").score(some).accuracy >= 0.989


def test_the_shipped_reader_reads_another_hand(hand):
    assert load_digit_reader(device="cpu").score(hand).accuracy > 0.9


def test_none_of_these_is_said_of_what_is_no_digit():
    pictures = torch.zeros(3, 28, 28)
    pictures[0, 12:16, 4:24] = 1  # a dash
    pictures[1, 4:24, 4:24] = 1  # a block
    pictures[2, 4:24, [9, 10, 17, 18]] = 1  # a double cross
    pictures[2, [9, 10, 17, 18], 4:24] = 1
    found = load_digit_reader(device="cpu").probabilities(pictures)
    assert (found.argmax(1) == NONE).all()


def test_ink_is_the_same_in_the_shade():
    page = np.full((240, 320, 3), 0.9, np.float32)
    page[100:140, 60:64] = page[100:140, 240:244] = 0.2
    shade = np.linspace(1, 0.4, 320, dtype=np.float32)[None, :, None]
    marks = find_marks(find_ink(page * shade))
    assert len(marks) == 2
    strengths = [mark.strength for mark in marks]
    assert abs(strengths[0] - strengths[1]) < 0.15


def test_rulings_are_no_ink_but_strokes_across_them_are():
    page = np.full((400, 600, 3), 0.95, np.float32)
    page[200:203, 10:590] = (0.6, 0.7, 0.9)
    page[170:240, 300:307] = 0.15
    ink = find_ink(page)
    assert ink.rulings[200:203, 50:250].mean() > 0.9
    assert not ink.marks[195:208, 50:250].any()
    assert ink.marks[172:238, 302:305].all()


def test_strokes_along_faint_rulings_are_ink():
    """The rulings are weaker than the weakest ink, so that only the strokes on them are seen."""
    page = np.full((400, 600, 3), 0.95, np.float32)
    page[40::40] = page[41::40] = page[42::40] = page[43::40] = 0.89
    page[200:203, 280:330] = 0.3  # the bar of a 7
    ink = find_ink(page)
    assert ink.rulings[201:203, 280:330].mean() > 0.9
    assert ink.marks[200:203, 282:328].all()
    assert not ink.marks[:190].any()


def test_light_ink_is_found_on_boards():
    board = np.full((240, 320, 3), 0.15, np.float32)
    board[100:140, 60:66] = 0.9
    assert len(find_marks(find_ink(board, light=True))) == 1
    assert not find_marks(find_ink(board))


def test_cuts_go_where_two_marks_touch():
    page = np.full((200, 300, 3), 0.9, np.float32)
    page[60:120, 100:106] = page[60:120, 140:146] = 0.1
    page[88:92, 100:146] = 0.1
    (mark,) = find_marks(find_ink(page))
    found = cuts(mark)
    assert found
    assert all(6 <= columns[mark.high // 2] <= 40 for columns in found)
    assert all(np.abs(np.diff(columns)).max() <= 1 for columns in found)


def test_cuts_go_between_strokes_that_lean_over_each_other():
    """No straight cut, upright or with one lean, parts a bow from the stroke that lies in it."""
    ink = np.zeros((80, 90), np.float32)
    cv2.ellipse(ink, (10, 40), (50, 38), 0, -80, 80, 1.0, 5)  # a bow, open to the left
    cv2.ellipse(ink, (40, 40), (45, 38), 0, -70, 70, 1.0, 5)  # the same, moved to the right
    ink[38:42, 58:84] = 1.0  # where they touch
    mark = Mark(0, 0, ink, 1.0, 1.0)
    assert cuts(mark)
    parts = []
    for columns in cuts(mark):
        ends = np.full(80, -1), columns, np.full(80, 90)
        pair = [cut(mark, *two) for two in pairwise(ends)]
        parts.append([one.ink.sum() for one in pair if one is not None])
    whole = float(ink.sum())
    assert any(len(pair) == 2 and min(pair) > 0.35 * whole for pair in parts)


def test_lines_are_read_from_the_top_and_the_left_also_on_a_slope():
    places, names = [], []
    for line, word in enumerate(("123 45", "6", "78 9")):
        for column, sign in enumerate(word):
            if sign == " ":
                continue
            x, y = 40 + 40 * column, 60 + 70 * line + 0.15 * (40 + 40 * column)
            places.append(Place(x, y, x + 22, y + 40))
            names.append(sign)
    order = np.random.default_rng(0).permutation(len(places))
    places, names = [places[i] for i in order], [names[i] for i in order]
    lines = in_lines(places)
    assert [spelled(line, names, places) for line in lines] == ["123 45", "6", "78 9"]
    assert in_lines([]) == []


@pytest.fixture(scope="module")
def clear(hand):
    """The digits of the other hand that the reader is sure of alone: pages are what is tried."""
    told = load_digit_reader(device="cpu").probabilities(hand.ink.float() / 255)
    best = told.max(1)
    sure = (best.values > 0.8) & (best.indices == hand.labels)
    assert set(hand.labels[sure].tolist()) == set(range(10))
    return Digits(hand.ink[sure], hand.labels[sure])


def written(clear, lines, pitch=64):
    """Return a white page (3, h, w) with lines of digits 56 px high, a blank where there is one."""
    page = np.zeros((len(lines) * 90 + 60, max(map(len, lines)) * pitch + 80), np.float32)
    used = dict.fromkeys("0123456789", 0)
    for row, line in enumerate(lines):
        for column, sign in enumerate(line):
            if sign == " ":
                continue
            these = torch.where(clear.labels == int(sign))[0]
            one = clear.ink[these[used[sign] % len(these)]].numpy().astype(np.float32) / 255
            used[sign] += 1
            big = cv2.resize(one, (56, 56), interpolation=cv2.INTER_CUBIC).clip(0, 1)
            y, x = 40 + 90 * row, 40 + round(pitch * column)
            part = page[y : y + 56, x : x + 56]
            np.maximum(part, big, out=part)
    return torch.from_numpy(np.repeat(0.95 - 0.8 * page[None], 3, 0))


def test_a_clean_page_is_read_as_it_was_written(clear):
    lines = ["314 159", "26535", "8979 3 0", "27 4601"]
    seen = read_page(written(clear, lines, 48), load_digit_reader(device="cpu"))
    assert seen.text.split("\n") == lines
    assert "".join(box.name for box in seen.boxes) == "".join(lines).replace(" ", "")
    tops = [box.xyxy[1] for box in seen.boxes]
    assert all(30 < top < 80 for top in tops[:6])  # in px of the picture, line by line
    assert all(210 < top < 260 for top in tops[11:17])
    assert seen.confidence > 0.8


def test_digits_on_a_photographed_page_are_found_and_read(clear):
    config = PageConfig(seed=3, surface="plain", touching=0)
    page = compose(clear.ink.numpy(), clear.labels.numpy(), config)
    rgb = torch.from_numpy(np.ascontiguousarray(page.rgb.transpose(2, 0, 1), np.float32))
    seen = read_page(rgb, load_digit_reader(device="cpu"))
    right = 0
    for name, (left, top, wide, low) in page.boxes:
        x, y = (left + wide) / 2, (top + low) / 2
        boxes = [(box.name, box.xyxy) for box in seen.boxes]
        over = [n for n, (x0, y0, x1, y1) in boxes if x0 < x < x1 and y0 < y < y1]
        right += over == [name]
    assert right >= 0.9 * len(page.boxes)


@pytest.mark.parametrize("gap", [60, 64, 66])
def test_a_broken_digit_is_read_as_one(clear, gap):
    page = written(clear, ["3 6 5"])
    page[:, gap : gap + 3, 300:] = 0.95  # through the last
    seen = read_page(page, load_digit_reader(device="cpu"))
    assert seen.text == "3 6 5"
    top, bottom = seen.boxes[-1].xyxy[1::2]
    assert top < gap - 5
    assert bottom > gap + 8


@pytest.mark.parametrize("bridge", [60, 66, 72])
def test_touching_digits_are_read_apart(clear, bridge):
    touching = written(clear, ["25"], 34)
    part = touching[:, bridge : bridge + 3, 68:102]
    part.clamp_(max=0.2)  # one stroke from the middle of one to that of the other
    page = torch.cat([touching, written(clear, ["369"])], 2)
    assert len(find_marks(find_ink(page.permute(1, 2, 0).numpy()))) == 4
    seen = read_page(page, load_digit_reader(device="cpu"))
    assert seen.text == "25 3 6 9"
    first, second = (box.xyxy for box in seen.boxes[:2])
    assert first[0] < first[2] <= second[0] + 5 < second[2]  # a cut along the ink leans


def test_the_way_through_cuts_has_the_best_worst_digit():
    random, last = np.random.default_rng(0), 5
    mark = Mark(0, 0, np.ones((4, 4), np.float32), 1.0, 1.0)
    for _ in range(20):
        spans = [s for s in combinations(range(last + 1), 2) if random.random() < 0.7]
        told = {span: torch.zeros(NONE + 1) for span in spans}
        for row in told.values():
            row[1] = float(random.random())
        read = {span: Found(mark, row) for span, row in told.items()}
        ways = [
            [(a, b) for a, b in pairwise((0, *inner, last))]
            for count in range(last)
            for inner in combinations(range(1, last), count)
        ]
        worst = [min(read[s].score for s in way) for way in ways if all(s in read for s in way)]
        found = [one.score for one in _way(read, last)]
        assert min(found, default=-1) == max(worst, default=-1)


def test_a_picture_as_small_as_mnists_is_one_digit():
    """Ink on paper and on a board, as scikit-learn's digits are, enlarged."""
    data, reader = load_digits(), load_digit_reader("digits", "cpu")
    right = {False: 0, True: 0}
    for image, label in zip(data.images[:60], data.target[:60], strict=True):
        ink = np.clip(cv2.resize(image, (28, 28), interpolation=cv2.INTER_CUBIC) / 16, 0, 1)
        for board in right:
            gray = torch.from_numpy((ink if board else 1 - ink).astype(np.float32))
            seen = read_page(gray.expand(3, -1, -1), reader)
            right[board] += seen.text == str(label)
    assert min(right.values()) >= 51, right
    assert read_page(torch.full((3, 28, 28), 0.4), reader).boxes == ()


def canvas(one, side, way, *, light, margin=0, frame=0):
    """Return a digit (28, 28) of 0..255 as a picture of side x side px, and paper around it."""
    big = cv2.resize(one.numpy().astype(np.float32) / 255, (side, side), interpolation=way)
    big = np.pad(big.clip(0, 1), margin)
    if frame:
        big[:frame], big[-frame:], big[:, :frame], big[:, -frame:] = 1, 1, 1, 1
    return torch.from_numpy(big if light else 1 - big).expand(3, -1, -1)


@pytest.mark.parametrize(
    ("side", "way", "light", "margin", "frame"),
    [
        (100, cv2.INTER_CUBIC, True, 0, 0),
        (280, cv2.INTER_NEAREST, False, 0, 0),
        (280, cv2.INTER_CUBIC, True, 60, 4),
        (560, cv2.INTER_LINEAR, False, 0, 3),
        (1000, cv2.INTER_CUBIC, False, 0, 0),
    ],
)
def test_a_digit_is_read_alike_at_any_size(clear, side, way, light, margin, frame):
    reader, count = load_digit_reader("digits", "cpu"), 40
    told = [
        read_page(canvas(one, side, way, light=light, margin=margin, frame=frame), reader).text
        for one in clear.ink[:count]
    ]
    names = [str(name) for name in clear.labels[:count].tolist()]
    assert sum(map(str.__eq__, told, names)) >= count - 1


@pytest.mark.parametrize("side", [28, 280])
def test_one_digit_is_told_by_the_same_settings_as_a_page(clear, side):
    reader = load_digit_reader("digits", "cpu")
    picture = canvas(clear.ink[0], side, cv2.INTER_CUBIC, light=True)
    name = str(int(clear.labels[0]))
    assert read_page(picture, reader, ReadConfig(ink="light")).text == name
    assert read_page(picture, reader, ReadConfig(ink="dark")).text != name
    assert read_page(picture, reader, ReadConfig(shown=1)).boxes == ()


def test_a_steady_reading_is_the_mean_of_five():
    reader, ink = load_digit_reader("digits", "cpu"), torch.rand(3, 28, 28)
    moves = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    told = [reader.probabilities(ink.roll(move, (1, 2))) for move in moves]
    torch.testing.assert_close(reader.steady(ink), torch.stack(told).mean(0))
    assert reader.steady(ink[:0]).shape == (0, NONE + 1)


def test_two_digits_on_a_canvas_are_two(clear):
    seen = read_page(written(clear, ["36"], 64), load_digit_reader(device="cpu"))
    assert seen.text == "3 6"


def test_a_page_of_nothing_but_1s_is_read(clear):
    seen = read_page(written(clear, ["111 11", "1111"], 48), load_digit_reader(device="cpu"))
    assert seen.text.replace(" ", "") == "11111\n1111"


@pytest.mark.parametrize("name", ["brick", "gravel", "grass"])
def test_nothing_is_sure_on_textures(name):
    gray = getattr(skimage.data, name)().astype(np.float32) / 255
    seen = read_page(torch.from_numpy(gray).expand(3, -1, -1), load_digit_reader(device="cpu"))
    assert not [line for line in seen.lines if line.confidence >= ReadConfig().sure]


def test_print_beside_digits_is_left_out(clear):
    page = written(clear, ["3 141 5", "926 53"], 48)
    text = Image.new("L", (page.shape[2], 130))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Serif"), 30)
    for row, words in enumerate(("the letter to you", "of one who was", "here at home")):
        ImageDraw.Draw(text).text((20, 5 + 40 * row), words, 255, font)
    below = 0.95 - 0.8 * torch.from_numpy(np.array(text, np.float32) / 255)
    seen = read_page(torch.cat([page, below.expand(3, -1, -1)], 1), load_digit_reader(device="cpu"))
    assert seen.text.split("\n")[:2] == ["3 141 5", "926 53"]
    sure = [line.confidence >= ReadConfig().sure for line in seen.lines]
    assert not any(sure[2:])


def test_specks_do_not_outvote_digits(clear):
    page = written(clear, ["314", "265"])
    for x in range(20, 160, 20):
        page[:, 12:24, x : x + 2] = 0.15  # small upright dashes, more of them than of digits
    seen = read_page(page, load_digit_reader(device="cpu"))
    high = [box.name for box in seen.boxes if box.xyxy[3] - box.xyxy[1] > 25]
    assert high == list("314265")


def test_unread_ink_in_a_line_makes_it_less_sure(clear):
    reader, clean = load_digit_reader(device="cpu"), written(clear, ["314 26", "535"])
    blotted = clean.clone()
    blotted[:, 50:90, 235:265] = 0.15  # where the blank is
    sure, less = (read_page(page, reader).lines[0].confidence for page in (clean, blotted))
    assert less < sure - 0.1


def test_boxes_that_are_not_sure_have_a_question_mark():
    box = Box("7", 0.5, (4.0, 12.0, 20.0, 30.0))
    assert box.questioned(0.6).name == "7?"
    assert box.questioned(0.5).name == "7"
    white = torch.ones(3, 60, 60)
    assert not torch.equal(
        boxed(white, Seen(boxes=(box,)), 0.6), boxed(white, Seen(boxes=(box,)), 0)
    )


def test_steady_probabilities_are_the_mean_over_moves():
    reader, ink = load_digit_reader(device="cpu"), torch.rand(2, 28, 28)
    views = [ink, *(ink.roll(by, axis) for by in (-1, 1) for axis in (1, 2))]
    mean = torch.stack([reader.probabilities(view) for view in views]).mean(0)
    torch.testing.assert_close(reader.steady(ink), mean)


@pytest.mark.parametrize("scale", [3, 12])
@pytest.mark.parametrize("light", [True, False])
def test_a_number_that_fills_its_picture_is_read(clear, scale, light):
    """What is cut out of a page, or written on a canvas, has large digits and no paper around."""
    reader, right = load_digit_reader("digits", "cpu"), 0
    for first in range(0, 30, 3):
        gap = torch.zeros(28, 4, dtype=torch.uint8)
        row = torch.cat([torch.cat([one, gap], 1) for one in clear.ink[first : first + 3]], 1)
        size = row.shape[1] * scale, row.shape[0] * scale
        ink = cv2.resize(row.numpy().astype(np.float32) / 255, size, interpolation=cv2.INTER_CUBIC)
        picture = torch.from_numpy((ink if light else 1 - ink).clip(0, 1)).expand(3, -1, -1)
        seen = read_page(picture, reader)
        name = "".join(map(str, clear.labels[first : first + 3].tolist()))
        right += (seen.text or "").replace(" ", "") == name
        for box in seen.boxes:
            left, top, across, down = box.xyxy
            assert -2 <= left < across <= size[0] + 2
            assert -2 <= top < down <= size[1] + 2
    assert right >= 9


def test_a_photograph_is_laid_on_no_paper():
    values = skimage.data.coffee().astype(np.float32) / 255
    assert laid_out(values).margin == 0
