"""`bowerbird image`: real pictures, the real network, tiny sizes."""

import errno
import json
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import OptimizationError
from bowerbird.image.optimizers import LBFGS
from bowerbird.image.style_transfer import transfer_steps

# the first layers only, and no roots of large matrices: seconds, not minutes
STYLE = "--style-loss gram --style-layers relu1_1,relu2_1"
SHALLOW = f"{STYLE} --content-layers relu2_1"
SMALL = f"--size 32 --num-scales 1 {SHALLOW}"
TINY = f"{SMALL} --iterations 2"
BASE = f"image transfer photo.png swirls.png -o out.png {TINY}"


def codes(name):
    with Image.open(name) as picture:
        return np.asarray(picture)


# --- results --------------------------------------------------------------------------------------


def test_transfer(bowerbird, here):
    done = bowerbird(BASE)
    assert done.code == 0
    assert done.out.startswith("out.png: 32 x 21 px, 2 steps in ")
    assert "step 1 of 2, 32 x 21 px, loss" in done.err
    assert codes("out.png").shape == (21, 32, 3)
    assert sorted(p.name for p in here.iterdir()) == [
        *("mosaic.png", "out.json", "out.png", "photo.png", "swirls.png")
    ]


def test_quiet(bowerbird):
    done = bowerbird(f"{BASE} --quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_json_is_one_object(bowerbird):
    done = bowerbird(f"{BASE} --json")
    record = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert record["output"] == "out.png"
    assert record["record"] == "out.json"
    assert record["iterations"] == 2
    assert record["seconds"] > 0
    assert {"content", "style", "total"} <= set(record["losses"])
    assert done.err != ""


def test_texture(bowerbird):
    sizes = f"--width 44 --height 24 --iterations 2 --num-scales 1 {STYLE}"
    assert bowerbird(f"image texture swirls.png -o out.png {sizes}").code == 0
    assert codes("out.png").shape == (24, 44, 3)
    assert bowerbird(f"image texture swirls.png -o tile.webp --tileable {sizes}").code == 0
    assert codes("tile.webp").shape == (32, 48, 3)


@pytest.mark.parametrize("target", ["content", "style"])
def test_reconstruct(bowerbird, target):
    flags = f"--size 32 --iterations 2 --layer relu2_1 --target {target} --style-loss gram --quiet"
    assert bowerbird(f"image reconstruct photo.png -o out.tif {flags}").code == 0


def test_two_paintings_with_masks_and_an_initial_image(bowerbird, here):
    left = np.zeros((40, 60), np.uint8)
    left[:, :30] = 255
    Image.fromarray(left).save("left.png")
    Image.fromarray(255 - left).save("right.png")
    line = "image transfer photo.png swirls.png mosaic.png -o out.jpg --init mosaic.png"
    flags = "--mask left.png --mask right.png --style-scale 1,0.5 --color luminance"
    assert bowerbird(f"{line} {flags} {TINY}").code == 0
    inputs = json.loads((here / "out.json").read_text())["inputs"]
    assert {role: [f["file"] for f in given] for role, given in inputs.items()} == {
        "content": ["photo.png"],
        "styles": ["swirls.png", "mosaic.png"],
        "mask": ["left.png", "right.png"],
        "init_image": ["mosaic.png"],
    }


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_alpha_is_kept(bowerbird, suffix):
    picture = Image.open("photo.png").convert("RGBA")
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, 30:] = 255
    picture.putalpha(Image.fromarray(alpha))
    picture.save("see-through.png")
    line = f"image transfer see-through.png swirls.png -o out{suffix} {TINY}"
    assert bowerbird(line).code == 0
    result = codes(f"out{suffix}")
    assert result.shape == (21, 32, 4)
    assert result[:, :14, 3].max() < 20
    assert result[:, 18:, 3].min() > 235


def test_alpha_over_white_in_jpeg(bowerbird):
    picture = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (40, 0, 60, 40))
    picture.save("see-through.png")
    assert bowerbird(f"image transfer see-through.png swirls.png -o out.jpg {TINY}").code == 0
    assert codes("out.jpg")[:, :18].min() > 240


def test_transparency_is_applied_once(bowerbird):
    # the photograph's own colors under its alpha, not those over white
    Image.new("RGBA", (60, 40), (199, 131, 93, 128)).save("half.png")
    line = "image transfer half.png swirls.png -o out.png --size 60 --iterations 1 --num-scales 1"
    assert bowerbird(f"{line} --strength 0").code == 0
    assert codes("out.png").reshape(-1, 4).tolist() == [[199, 131, 93, 128]] * 2400


def test_colors_under_transparent_pixels_have_no_effect(bowerbird, here):
    results = []
    for hidden in ((0, 255, 0, 0), (255, 0, 255, 0)):
        picture = Image.open("photo.png").convert("RGBA")
        picture.paste(hidden, (0, 0, 30, 40))
        picture.save("see-through.png")
        line = f"image transfer see-through.png swirls.png -o out.png {TINY} --force"
        assert bowerbird(line).code == 0
        results.append((here / "out.png").read_bytes())
    assert results[0] == results[1]


def test_a_fully_transparent_picture_is_refused(refuses):
    Image.new("RGBA", (60, 40), (9, 9, 9, 0)).save("nothing.png")
    for line in ("transfer nothing.png swirls.png", "texture nothing.png"):
        refuses(f"image {line} -o out.png", "nothing.png", "transparent everywhere")


# --- the record -----------------------------------------------------------------------------------


def test_record(bowerbird, here):
    bowerbird(f"{BASE} --strength 0.7 --preset pastiche")
    text = (here / "out.json").read_text()
    record = json.loads(text)
    assert record["command"] == "image transfer"
    assert record["preset"] == "pastiche"
    assert record["config"]["size"] == 32
    assert record["config"]["objective"]["strength"] == 0.7
    assert record["config"]["objective"]["normalization"] == "mean"
    assert record["interrupted"] is False
    assert [row["step"] for row in record["steps"]] == [1, 2]
    assert record["steps"][-1]["total"] == record["losses"]["total"]
    photograph = record["inputs"]["content"][0]
    assert (photograph["width"], photograph["height"]) == (60, 40)
    assert len(photograph["sha256"]) == len(record["weights"]["sha256"]) == 64
    assert {"bowerbird", "torch", "python", "platform", "seconds", "computed"} <= set(record)
    assert os.uname().nodename not in text
    assert str(here) not in text


def test_no_record(bowerbird, here):
    done = bowerbird(f"{BASE} --no-record --json")
    assert json.loads(done.out)["record"] is None
    assert not (here / "out.json").exists()


def test_a_run_is_repeated_from_its_record(bowerbird, here):
    bowerbird(f"{BASE} --strength 0.8 --init noise --seed 5 --color match")
    again = bowerbird("image transfer -o again.png --recipe out.json")
    assert again.code == 0
    assert "changed" not in again.err
    assert "computed" not in again.err
    assert (here / "again.png").read_bytes() == (here / "out.png").read_bytes()
    named = bowerbird("image transfer photo.png swirls.png -o third.png --recipe out.json")
    assert named.code == 0
    assert (here / "third.png").read_bytes() == (here / "out.png").read_bytes()
    other = bowerbird("image transfer -o fourth.png --recipe out.json --seed 6")
    assert other.code == 0
    assert (here / "fourth.png").read_bytes() != (here / "out.png").read_bytes()


def test_a_changed_input_is_noticed(bowerbird):
    bowerbird(BASE)
    Image.open("mosaic.png").save("swirls.png")
    done = bowerbird("image transfer -o again.png --recipe out.json")
    assert done.code == 0
    assert "swirls.png has changed since out.json was written" in done.err


def test_another_device_or_precision_is_noticed(bowerbird, here):
    bowerbird(BASE)
    record = json.loads((here / "out.json").read_text())
    record["computed"] = {"device": "cuda", "precision": "bfloat16"}
    (here / "out.json").write_text(json.dumps(record))
    done = bowerbird("image transfer -o again.png --recipe out.json --precision float32 --quiet")
    assert done.code == 0
    assert "out.json was computed on cuda in bfloat16, this run uses cpu in float32" in done.err


def test_a_record_repeats_the_precision_that_auto_chose(bowerbird, here):
    bowerbird(BASE)
    record = json.loads((here / "out.json").read_text())
    assert record["config"]["precision"] == "auto"
    chosen = record["computed"]["precision"]
    other = "bfloat16" if chosen == "float32" else "float32"
    record["computed"]["precision"] = other
    (here / "out.json").write_text(json.dumps(record))
    again = bowerbird("image transfer -o again.png --recipe out.json --json")
    assert again.code == 0
    assert json.loads(again.out)["computed"]["precision"] == other
    assert "computed on" not in again.err


def test_a_run_interrupted_at_a_smaller_scale_still_has_the_requested_size(
    bowerbird, here, monkeypatch
):
    def interrupted(*args, **kwargs):
        yield next(transfer_steps(*args, **kwargs))
        raise KeyboardInterrupt

    monkeypatch.setattr("bowerbird.image.style_transfer.transfer_steps", interrupted)
    flags = SMALL.replace("--size 32", "--size 64").replace("--num-scales 1", "--num-scales 2")
    done = bowerbird(f"image transfer photo.png swirls.png -o out.png {flags} --iterations 2")
    assert done.code == 130
    assert "it was at a smaller scale, 32 x 21 px, and is enlarged" in done.err
    assert codes("out.png").shape == (42, 64, 3)  # 21 x 32 px doubled; a full run has 43


# --- previews and overwriting ---------------------------------------------------------------------


def test_previews_are_kept(bowerbird, here):
    flags = f"{SMALL} --iterations 5 --preview-every 2 --keep-previews"
    assert bowerbird(f"image transfer photo.png swirls.png -o out.png {flags}").code == 0
    assert sorted(p.name for p in here.glob("out*.png")) == [
        *("out-0002.png", "out-0004.png", "out.png")
    ]


def test_previews_go_to_the_output(bowerbird, here, monkeypatch):
    written = []
    monkeypatch.setattr(
        "bowerbird.cli.image.image_run.write_picture", lambda path, *_: written.append(path.name)
    )
    bowerbird(
        f"image transfer photo.png swirls.png -o out.png {SMALL} --iterations 5 --preview-every 2"
    )
    assert written == ["out.png"] * 3


def test_nothing_is_overwritten(bowerbird, refuses, here):
    (here / "out.png").write_bytes(b"precious")
    refuses(BASE, "out.png", "--force")
    (here / "out.png").rename("out-0002.png")
    refuses(f"{BASE} --preview-every 2 --keep-previews", "out-0002.png", "--force")
    (here / "out-0002.png").unlink()
    (here / "out.json").write_text("precious")
    refuses(BASE, "out.json", "--force", "--no-record")
    assert bowerbird(f"{BASE} --no-record").code == 0
    assert (here / "out.json").read_text() == "precious"
    assert bowerbird(f"{BASE} --force").code == 0
    assert json.loads((here / "out.json").read_text())["output"] == "out.png"


# --- bad input ------------------------------------------------------------------------------------


def bomb():
    """Return a PNG of 30,000 x 30,000 px in a hundred bytes."""
    head = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def make(kind, path):
    match kind:
        case "missing":
            return
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes((path.parent / "photo.png").read_bytes()[:1500])
        case "text":
            path.write_text("not an image\n" * 9)
        case "folder":
            path.mkdir()
        case "bomb":
            path.write_bytes(bomb())
        case "1x1":
            Image.new("RGB", (1, 1)).save(path)


KINDS = ["missing", "empty", "truncated", "text", "folder", "bomb", "1x1"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "line",
    [
        "transfer bad.png swirls.png",
        "transfer photo.png swirls.png bad.png",
        "transfer photo.png swirls.png --mask bad.png",
        "transfer photo.png swirls.png --init-image bad.png",
        "texture bad.png",
        "reconstruct bad.png",
    ],
)
def test_a_bad_picture_is_refused_by_name(refuses, here, kind, line):
    make(kind, here / "bad.png")
    refuses(f"image {line} -o out.png", "bad.png")


@pytest.mark.parametrize("output", ["nowhere/out.png", "/proc/out.png", "out.gif", "out", "."])
def test_a_bad_output_is_refused_before_the_work(refuses, monkeypatch, output):
    monkeypatch.setattr("bowerbird.cli.image.image_run.read_picture", None)
    refuses(f"image transfer photo.png swirls.png -o {output}", output)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--mask small.png", ("small.png", "30 x 20", "60 x 40")),
        ("--mask black.png", ("black.png", "white")),
        (
            "--mask white.png --mask white.png",
            ("2 masks for 1 style image;", "one mask per style image"),
        ),
        ("--style-scale 1,2,3", ("bowerbird: style_scale", "3 values for 1 style image;")),
        ("--learning-rate nan", ("learning_rate must be positive, got nan",)),
        ("--style-layers relu1_1,relu1_1", ("style_layers has relu1_1 more than once",)),
        ("--style-layers ''", ("style_layers has an empty name",)),
        ("--size 12000 --max-memory 4", ("an image of 12000 x 8000 px needs at least",)),
        ("--size 2147483648 --max-memory 4", ("an image of 2147483648 x",)),
        ("--style-layers relu9_1", ("relu9_1", "relu5_1")),
        ("--device abacus", ("abacus", "cpu")),
        ("--weights nothing", ("nothing", "vgg19-codebook")),
        ("--weights photo.png", ("photo.png",)),
        ("--size 17", ("photo.png", "raise the size")),
    ],
)
def test_an_invalid_flag_is_refused(refuses, flags, words):
    Image.new("L", (30, 20), 255).save("small.png")
    Image.new("L", (60, 40), 0).save("black.png")
    Image.new("L", (60, 40), 255).save("white.png")
    refuses(f"image transfer photo.png swirls.png -o out.png {flags}", *words)


def test_a_narrow_picture_is_refused_from_its_header(refuses, monkeypatch):
    Image.new("RGB", (3000, 20)).save("strip.png")
    Image.new("RGB", (300, 50)).save("narrow.png")
    monkeypatch.setattr("bowerbird.cli.image.image_run.read_picture", None)
    for verb, rest in (("transfer", "swirls.png "), ("reconstruct", "")):
        narrow = f"image {verb} narrow.png {rest}-o out.png --size 64"
        refuses(
            narrow,
            "narrow.png",
            "64 x 11 px, but each side needs at least 16 px",
            "raise the size to 96 px",
        )
        strip = f"image {verb} strip.png {rest}-o out.png --size 64 --style-layers pool5"
        strip = strip if verb == "transfer" else strip.replace("--style-layers", "--layer")
        refuses(strip, "strip.png", "64 x 1 px, but each side needs at least 32 px", "crop it")


def test_a_wrong_number_of_masks_does_not_name_the_photograph(refuses):
    Image.new("L", (60, 40), 255).save("white.png")
    line = "image transfer photo.png swirls.png mosaic.png -o out.png"
    for flags in ("--mask white.png", "--style-weights 1,2,3"):
        assert "photo.png" not in refuses(f"{line} {flags}", "for 2 style images").err


def test_no_painting(refuses):
    refuses("image transfer photo.png -o out.png", "style image")


def test_unknown_layer_of_a_reconstruction(refuses):
    refuses("image reconstruct photo.png -o out.png --layer relu7_1", "relu7_1", "relu4_2")


def test_a_full_disk(bowerbird, here, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    done = bowerbird(f"{BASE} --quiet")
    assert (done.code, done.out) == (2, "")
    assert "out.png was not written: the disk is full" in done.err
    assert not list(here.glob("out*")) + list(here.glob(".bower*"))


def test_a_full_disk_when_the_record_is_written(bowerbird, here, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr("bowerbird.cli.image.image_run.write_picture", lambda *_: None)
    done = bowerbird(f"{BASE} --quiet")
    assert done.code == 2
    assert "out.json can't be used: No space left on device" in done.err
    assert not list(here.glob("out*")) + list(here.glob(".bower*"))


@pytest.mark.parametrize(
    "words",
    [
        "DefaultCPUAllocator: can't allocate memory: you tried 9 bytes",
        "MPS backend out of memory (MPS allocated: 9.00 GB, max allowed: 9.07 GB).",
    ],
)
def test_full_memory(bowerbird, monkeypatch, words):
    def full(*_):
        raise RuntimeError(words)

    monkeypatch.setattr("bowerbird.image.optimize.open_network", full)
    done = bowerbird(f"{BASE} --quiet")
    assert done.code == 2
    assert "not enough memory; give a smaller --size" in done.err


def test_a_loss_that_is_nan_at_first(bowerbird, here, monkeypatch):
    def broken(*_):
        raise OptimizationError("the loss of the initial image is NaN or infinite")

    monkeypatch.setattr("bowerbird.image.optimize._Optimization.at_scale", broken)
    done = bowerbird(f"{BASE} --quiet")
    assert done.code == 2
    assert "NaN or infinite" in done.err
    assert not (here / "out.png").exists()


def test_a_loss_that_is_nan_later(bowerbird, here, monkeypatch):
    step, calls = LBFGS.step, []

    def broken(optimizer):
        calls.append(optimizer)
        if len(calls) > 2:
            raise OptimizationError("the loss is NaN")
        return step(optimizer)

    monkeypatch.setattr("bowerbird.image.optimizers.LBFGS.step", broken)
    done = bowerbird(
        f"image transfer photo.png swirls.png -o out.png {SMALL} --iterations 9 --quiet"
    )
    assert done.code == 2
    assert "the loss is NaN at step 2 of 9; saving the picture" in done.err
    record = json.loads((here / "out.json").read_text())
    assert (record["iterations"], record["interrupted"]) == (2, False)
    assert codes("out.png").shape == (21, 32, 3)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--preview-every=-1", "--preview-every must be at least 0, got -1"),
        ("--keep-previews", "--keep-previews needs --preview-every N"),
    ],
)
def test_previews_that_mean_nothing_are_refused(refuses, flags, message):
    refuses(f"{BASE} {flags}", message)


@pytest.mark.parametrize(
    "line", ["texture swirls.png -o out.png", "reconstruct photo.png -o out.png"]
)
def test_what_is_made_from_noise_has_no_content_to_start_from(refuses, line):
    refuses(f"image {line} --init content", "--init", "content", '"noise", "gray"')
