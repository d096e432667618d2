"""``vision digits`` and ``train-digits``, through the real command."""

import gzip
import json

import numpy as np
import pytest
from PIL import Image
from skimage.data import coffee

from benchmarks.digits.synthetic_pages import demo_page

SMALL = (
    "--iterations 6 --batch-size 8 --channels 8 --negative-fraction 0 --precision float32 "
    "--device cpu --quiet"
)


@pytest.fixture
def folder(here):
    (here / "digits").mkdir()
    random = np.random.default_rng(0)
    for name, count in (("train", 40), ("t10k", 10)):
        for part, values in (
            ("images-idx3", random.integers(0, 256, (count, 28, 28))),
            ("labels-idx1", np.arange(count) % 10),
        ):
            shape = np.array(values.shape, ">u4").tobytes()
            data = bytes([0, 0, 8, values.ndim]) + shape + values.astype(np.uint8).tobytes()
            (here / "digits" / f"{name}-{part}-ubyte.gz").write_bytes(gzip.compress(data))
    return here / "digits"


@pytest.fixture
def page(here):
    """A page of scikit-learn's digits, and the lines on it."""
    page = demo_page()
    Image.fromarray((page.rgb * 255).round().astype(np.uint8)).save("page.png")
    return page


def num_right(predicted, expected):
    """Return how many digits have one box over their middle, with their name."""
    count = 0
    for name, (left, top, far, low) in expected:
        x, y = (left + far) / 2, (top + low) / 2
        boxes = [(box["name"], box["xyxy"]) for box in predicted]
        over = [n for n, (x0, y0, x1, y1) in boxes if x0 < x < x1 and y0 < y < y1]
        count += over == [name]
    return count


def test_training_writes_a_model_with_its_record_and_test(bowerbird, folder, here):
    done = bowerbird(f"vision train-digits digits -o m.safetensors {SMALL} --test --json")
    assert done.code == 0
    report = json.loads(done.out)
    assert report["test"]["count"] == 10
    assert report["iterations"] == 6
    assert (here / "m.safetensors").stat().st_size > 1000
    record = json.loads((here / "m.json").read_text())
    assert record["config"]["model"]["channels"] == [8]
    info = bowerbird("models info m.safetensors")
    assert info.code == 0
    assert "digits" in info.out
    loud = SMALL.removesuffix(" --quiet")
    text = bowerbird(f"vision train-digits digits -o m.safetensors {loud} --test --force").out
    assert "test digits are wrong" in text


def test_all_batches_of_a_step_are_counted(bowerbird, folder, here):
    words = f"vision train-digits digits -o m.safetensors {SMALL} --json"
    report = json.loads(bowerbird(f"{words} --gradient-accumulation-steps 3").out)
    read = 6 * 8 * 3
    assert report["digits_per_second"] * report["seconds"] == pytest.approx(read, rel=0.1)


def test_a_record_repeats_the_training(bowerbird, folder, here):
    assert bowerbird(f"vision train-digits digits -o a.safetensors {SMALL} --seed 5").code == 0
    again = bowerbird("vision train-digits digits --recipe a.json -o b.safetensors --quiet")
    assert again.code == 0
    assert (here / "a.safetensors").stat().st_size == (here / "b.safetensors").stat().st_size
    first, second = (json.loads((here / f"{name}.json").read_text()) for name in "ab")
    assert first["losses"] == second["losses"]


def test_a_page_is_read_and_its_boxes_drawn(bowerbird, page, here):
    done = bowerbird("vision digits page.png -o read.png --json --device cpu")
    assert done.code == 0
    (report,) = json.loads(done.out)
    assert report["file"] == "page.png"
    assert num_right(report["boxes"], page.boxes) >= 0.8 * len(page.boxes)
    assert "".join(box["name"] for box in report["boxes"]) == "".join(report["text"].split())
    assert [line["text"] for line in report["lines"]] == report["text"].split("\n")
    assert 0.5 < report["confidence"] <= 1
    assert (here / "read.png").exists()
    assert bowerbird("vision digits page.png --device cpu").out.count("\n") >= len(page.lines) - 1


def test_all_pages_of_a_document_are_read(bowerbird, page, here):
    with Image.open("page.png") as first:
        first.save(
            "pages.tif", save_all=True, append_images=[Image.new("RGB", (300, 200), "white")]
        )
    done = bowerbird("vision digits pages.tif -o read.png --json --device cpu")
    one, two = json.loads(done.out)
    assert (one["page"], one["output"]) == (1, "read-1.png")
    assert one["text"] == json.loads(bowerbird("vision digits page.png --json").out)[0]["text"]
    assert (two["page"], two["text"], two["output"]) == (2, "", "read-2.png")
    assert (here / "read-2.png").exists()
    again = bowerbird("vision digits pages.tif -o read.png --device cpu")
    assert again.code == 2
    assert "read-1.png exists; add --force" in again.err
    text = bowerbird("vision digits pages.tif --device cpu").out
    assert text.startswith("pages.tif, page 1: ")
    assert text.endswith("pages.tif, page 2: no digits\n")


def test_lines_that_are_not_confident_have_a_question_mark(bowerbird, page):
    plain = json.loads(bowerbird("vision digits page.png --json --device cpu").out)[0]["text"]
    questioned = bowerbird("vision digits page.png --confident-threshold 1 --device cpu").out
    assert questioned == "".join(f"{line} ?\n" for line in plain.split("\n"))
    assert (
        bowerbird("vision digits page.png --confident-threshold 0 --device cpu").out == plain + "\n"
    )


def test_a_photograph_without_digits_has_none(bowerbird):
    Image.fromarray(coffee()).save("coffee.png")
    done = bowerbird("vision digits coffee.png --json --device cpu")
    (report,) = json.loads(done.out)
    assert report["boxes"] == []
    assert report["text"] == ""
    assert bowerbird("vision digits coffee.png --device cpu").out == "no digits\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vision digits nothing.png", "does not exist"),
        ("vision digits photo.png --report-threshold 2", "[0, 1]"),
        ("vision digits photo.png --model photo.png", "not a model file"),
        ("vision digits photo.png --polarity blue", "blue"),
        ("vision train-digits digits -o m.safetensors --batch-size 1", "batch_size"),
        ("vision train-digits digits -o m.safetensors --network vgg", "vgg"),
        ("vision train-digits digits -o m.safetensors --minutes 1 --iterations 5", "leave one"),
        ("vision train-digits nowhere -o m.safetensors", "not a folder"),
    ],
)
def test_bad_input_is_one_sentence(refuses, folder, line, message):
    refuses(line, message)
