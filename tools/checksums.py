"""List checksums of what Bowerbird makes from fixed seeds: does a change alter any result?

Run it with ``--inputs DIR -o OLD.txt``, change the code, then ``--inputs DIR --against OLD.txt``.
The first run creates the inputs; later runs reuse them. Equal lists are promised
on one machine with the same libraries only: another CPU may round differently. Takes two minutes.

The end of a name states what is hashed: ``pixels``, a decoded PNG; ``tensors``, those of a
model file, without names; ``numbers``, all of a report's but times; ``fractions``, those of them
that are not whole, each once, so that one more setting in a report changes nothing; ``readings``,
the digits read; else a file as it is. Lines that start with # are for people.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

# IN is the folder of inputs; OUT one of the command's own, all of whose files are listed.
TRANSFER = "image transfer IN/photo.png IN/painting-1.png"
SMALL = "-o OUT/x.png --iterations 15 --device cpu --json"
TRAINING = "-o OUT/x.safetensors --iterations 200 --hidden-size 64 --seed 3 --device cpu --json"
JUDGED = "--members 3 --epochs 40 --seed 3 --device cpu --json"
TUNES = {
    "plain": "--seed 1",
    "reel-in-D": "--seed 2 --key D --meter 4/4",
    "jig-in-Em": "--seed 3 --key Em --meter 6/8",
    "waltz-in-G": "--seed 4 --key G --meter 3/4 --bars 16",
    "A-dorian": "--seed 5 --key 'A dorian' --temperature 1.0",
    "64-bars": "--seed 6 --key Bb --meter 2/4 --bars 64 --temperature 0.6",
}
COMMANDS = {
    "transfer-default": f"{TRANSFER} {SMALL} --size 192",
    "transfer-luminance": f"{TRANSFER} {SMALL} --size 192 --color luminance --precision float32",
    "transfer-masks": f"{TRANSFER} IN/painting-2.png --mask IN/mask-1.png --mask IN/mask-2.png "
    f"{SMALL} --size 192 --color match",
    "texture": f"image texture IN/painting-1.png {SMALL} --width 192 --height 192 --seed 3",
    "text-write": "text write shakespeare -o OUT/x.txt --length 2000 --seed 3 --device cpu --json",
    **{
        f"tune-{name}.{end}": f"music compose scottish -o OUT/x.{end} {flags} --device cpu --json"
        for end in ("mid", "abc", "musicxml")
        for name, flags in TUNES.items()
    },
    "text-train": f"text train IN/corpus.txt {TRAINING}",
    "music-train": f"music train IN/tunes {TRAINING}",
    "table-iris": f"predict table iris {JUDGED}",
    "table-cars": f"predict table cars {JUDGED}",
    "series-co2": "predict series co2 --horizon 12 --members 2 --seed 3 --json",
    "digits": "vision digits 'IN/digits/*.png' --device cpu --json",
    "house-numbers": "vision house-numbers 'IN/houses/*.png' --device cpu --json",
}
MAKE_CORPUS = "text write shakespeare -o IN/corpus.txt --length 40000 --seed 7 --device cpu"
MAKE_TUNES = "music compose scottish -o IN/tunes/x.abc --samples 40 --bars 16 --seed 7 --device cpu"

TIMES = re.compile("second|version|date|time")  # keys of a report that differ from run to run
SUMMARY = {"characters", "total", "validation_loss", "nats_per_token", "accuracy", "rmse"}


def main() -> int:
    """Make the list, write it, compare it; return how many lines differ, at most 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--inputs", type=Path, required=True, help="folder, made if it is absent")
    parser.add_argument("-o", "--output", type=Path, help="file to write the list to, too")
    parser.add_argument("--against", type=Path, help="list to compare with")
    parser.add_argument("--keep", type=Path, help="folder in which to keep what the commands make")
    asked = parser.parse_args()
    if not asked.inputs.exists():
        make_inputs(asked.inputs)
    lines = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, command in COMMANDS.items():
            folder = (asked.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            for text in checksums(name, command, asked.inputs, folder):
                sys.stdout.write(f"{text}\n")
                lines.append(text)
    if asked.output:
        asked.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not asked.against:
        return 0
    before = asked.against.read_text("utf-8").splitlines()
    changed = [f"- {text}" for text in before if text not in lines]
    changed += [f"+ {text}" for text in lines if text not in before]
    sys.stdout.write("\n".join(["", f"{len(changed)} lines differ", *changed, ""]))
    return int(any(text[2] != "#" for text in changed))


def checksums(name: str, command: str, inputs: Path, folder: Path) -> Iterator[str]:
    """Run a command; yield the lines of the list about the files it made and what it printed."""
    printed = run(command, inputs, folder)
    (folder / "printed.json").write_text(printed, encoding="utf-8")
    for file in sorted(folder.glob("x.*")):
        of = name.removesuffix(file.suffix) + file.suffix
        if file.suffix == ".json" or (file.suffix == ".png" and "train" in name):
            continue  # a trace has dates; both it and curves of losses have names of settings
        if file.suffix == ".png":
            with Image.open(file) as picture:
                yield line(f"{of}.pixels", f"{picture.mode} {picture.size}", picture.tobytes())
        if file.suffix == ".safetensors":  # its header has a date
            tensors = [f"{t.dtype}{t.shape}{t.tobytes()!r}" for t in load_file(file).values()]
            yield line(f"{of}.tensors", *sorted(tensors))
        else:
            yield line(of, file.read_bytes())
    report = json.loads(printed)
    if command.startswith(("predict", "vision")):  # what it prints is the result
        numbers = sorted(value for _, value in leaves(report) if isinstance(value, float))
        yield line(f"{name}.numbers", *(f"{n:.9e}" for n in numbers))
        yield line(f"{name}.fractions", *sorted({f"{n:.9e}" for n in numbers if n % 1}))
    if command.startswith("vision"):
        texts = [[str(text) for _, text in leaves(picture)] for picture in report]
        read = [sorted({t for t in found if re.fullmatch(r"[\d\s]+", t)}) for found in texts]
        yield line(f"{name}.readings", json.dumps(read))
        yield f"# {name}: {', '.join(max(found, key=len, default='-') for found in read)}"
        return
    summary = {
        key: value for path, value in reversed([*leaves(report)]) for key in SUMMARY & {*path}
    }
    yield f"# {name}: {', '.join(f'{key} {summary[key]}' for key in sorted(summary))}"


def line(name: str, *parts: str | bytes) -> str:
    """Return a line of the list: the name, and the SHA-256 of the parts, one after the other."""
    summed = b"\n".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return f"{name:32}  {hashlib.sha256(summed).hexdigest()}"


def leaves(report: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the names that lead to each text or number of a report but times, and its value."""
    if isinstance(report, list):
        report = {str(place): value for place, value in enumerate(report)}
    if isinstance(report, dict):
        for key, value in report.items():
            if not TIMES.search(key):
                yield from leaves(value, (*path, key))
    elif isinstance(report, int | float) and not isinstance(report, bool):
        yield path, float(report)
    else:
        yield path, report


def run(command: str, inputs: Path, folder: Path) -> str:
    """Run a Bowerbird command on one thread, and return what it printed."""
    words: list[str] = []
    for word in shlex.split(command):
        place = re.sub("^IN/", f"{inputs}/", re.sub("^OUT/", f"{folder}/", word))
        words += sorted(glob(place)) if "*" in word else [place]
    program = [sys.executable, "-m", "bowerbird", *words]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, env=alone, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(f"bowerbird {shlex.join(words)}\n{done.stderr}")
    return done.stdout


def make_inputs(folder: Path) -> None:
    """Make what the commands read: pictures, a text, tunes, and pages and streets with numbers."""
    for part in ("tunes", "digits", "houses"):
        (folder / part).mkdir(parents=True)
    random = np.random.default_rng(5)
    Image.fromarray(skimage.data.astronaut()).save(folder / "photo.png")
    Image.fromarray(skimage.data.immunohistochemistry()).save(folder / "painting-1.png")
    Image.fromarray(skimage.data.coffee()).save(folder / "painting-2.png")
    left = np.repeat([[255] * 256 + [0] * 256], 512, axis=0).astype(np.uint8)
    for number, mask in enumerate((left, 255 - left), 1):
        Image.fromarray(mask).save(folder / f"mask-{number}.png")
    digits = (load_digits().images * 15.9).astype(np.uint8)
    for number in range(10):
        page = Image.new("L", (420, 260), 240)
        for place in range(6):
            ink = Image.fromarray(digits[random.integers(len(digits))]).resize((64, 64))
            page.paste(30, (20 + 64 * place, 90 + int(random.integers(-6, 7))), ink)
        grain = np.asarray(page) + random.normal(0, 3, (260, 420))
        Image.fromarray(grain.clip(0, 255).astype(np.uint8)).save(folder / f"digits/{number}.png")
    font = ImageFont.load_default(48)
    walls = ("coffee", "chelsea", "rocket", "astronaut", "brick", "gravel")
    for number, wall in enumerate([*walls, *walls[:4]]):
        street = Image.fromarray(getattr(skimage.data, wall)()[:300, :400]).convert("RGB")
        text, (x, y) = str(random.integers(1, 400)), random.integers(20, 200, 2).tolist()
        pen = ImageDraw.Draw(street)
        pen.rectangle((x, y, x + pen.textlength(text, font) + 24, y + 64), (20, 40, 110))
        pen.text((x + 12, y + 6), text, (240, 240, 235), font)
        street.save(folder / f"houses/{number}.png")
    run(MAKE_CORPUS, folder, folder)
    run(MAKE_TUNES, folder, folder)


if __name__ == "__main__":
    raise SystemExit(main())
