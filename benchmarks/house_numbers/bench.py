"""How well are house numbers found and read? Generated scenes of unseen typefaces and backgrounds.

Only typefaces and photographs that are kept for tests are used (``vision/numbers/training.py``
splits them); seeds are fixed. Writes results.csv and sheets of scenes and failures into --output.
"""

import argparse
import csv
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch

from bowerbird.pictures.pixels import Picture, resize
from bowerbird.pictures.reading import read_picture
from bowerbird.vision.boxes import iou
from bowerbird.vision.drawing import draw
from bowerbird.vision.house_numbers.assets import photographs, split_photos, split_typefaces
from bowerbird.vision.house_numbers.crops import cut, widened
from bowerbird.vision.house_numbers.evaluation import PHOTO, answers, coverage_at, measure, truth
from bowerbird.vision.house_numbers.reader import NumbersConfig, load_house_number_reader
from bowerbird.vision.house_numbers.scenes.signs import MATERIALS
from bowerbird.vision.house_numbers.scenes.streets import make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import typefaces
from bowerbird.vision.house_numbers.train import NumbersTrainConfig

CROPS, PHOTOS = 2000, 200
HEIGHTS = (0, 10, 14, 20, 40, 1000)  # px of the lowest digit


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("photos", type=Path, help="folder of photographs")
    parse.add_argument("--fonts", type=Path, action="append", default=[])
    parse.add_argument("--without", default="", help="parts of names to leave out, with commas")
    parse.add_argument("--model", default="house-numbers")
    parse.add_argument("--part", choices=("validation", "tests"), default="tests")
    parse.add_argument("--output", type=Path, default=Path("numbers-bench"))
    parse.add_argument("--crops", type=int, default=CROPS)
    parse.add_argument("--scenes", type=int, default=PHOTOS)
    parse.add_argument("--pictures", type=Path, help="folder: only draw the pictures of the docs")
    given = parse.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    given.output.mkdir(exist_ok=True)
    reader = load_house_number_reader(given.model, "cpu")
    faces, pixels = materials(given)
    if given.pictures:
        pictures(reader, faces, pixels, given.pictures)
        return
    rows = []
    rows += crops(reader, faces, pixels, given)
    rows += whole(reader, faces, pixels, given)
    rows += strangers(reader, given)
    with (given.output / "results.csv").open("w", newline="") as stream:
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = csv.DictWriter(stream, names)
        table.writeheader()
        table.writerows(rows)


def materials(given):
    """Return the typefaces and photographs that were kept aside."""
    config = NumbersTrainConfig()
    faces = typefaces(given.fonts)
    left_out = tuple(part for part in given.without.split(",") if part)
    _, measured, tests = split_photos(photographs(given.photos, left_out))
    if given.part == "tests":
        kept = [face for face in faces if face.family in config.test_families]
        paths = tests
    else:
        kept, paths = (
            split_typefaces(faces, config.validation_families, config.test_families)[1],
            measured,
        )
    print(f"{len(kept)} typefaces of {sorted({f.family for f in kept})}, {len(paths)} photographs")
    return kept, [as_pixels(path) for path in paths]


def as_pixels(path):
    rgb = read_picture(path).over()
    return (rgb * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def crops(reader, faces, pixels, given):
    """Read numbers whose place is known, as in the paper; by difficulty."""
    scenes = [make_scene(np.random.default_rng((77, k)), faces, pixels) for k in range(given.crops)]
    began = time.perf_counter()
    read = answers(reader, scenes)
    seconds = time.perf_counter() - began
    whole_set = measure(scenes, read, reader.read_threshold)
    told = [
        (n.probability, n.text == truth(s)) for s, n in zip(scenes, read, strict=True) if s.text
    ]
    best, at = coverage_at(*zip(*told, strict=True))
    rows = [{"what": "crops", **asdict(whole_set), "coverage_98": best, "threshold_98": at}]
    rows[0]["seconds"] = seconds / len(scenes)
    report(rows[0])
    for name, chosen in groups(scenes):
        if chosen:
            some = measure(
                [scenes[i] for i in chosen], [read[i] for i in chosen], reader.read_threshold
            )
            rows.append({"what": name, **asdict(some)})
            report(rows[-1])
    wrong = [(s, n) for s, n in zip(scenes, read, strict=True) if s.text and n.text != truth(s)]
    sheet(given.output / "scenes.png", [(s, None) for s in scenes[:60]])
    sheet(given.output / "failures.png", wrong[:60])
    sure = sorted(wrong, key=lambda pair: -pair[1].probability)
    sheet(given.output / "sure-failures.png", sure[:60])
    return rows


def groups(scenes):
    """Yield names of groups with the places of their scenes."""
    with_number = [(i, s) for i, s in enumerate(scenes) if s.text]
    for k, name in enumerate(("easy", "medium", "hard")):
        yield name, [i for i, s in with_number if k <= 3 * s.hardness < k + 1]
    for length in range(1, 7):
        name = f"{length} digits" if length < 6 else "more than 5"
        yield name, [i for i, s in with_number if min(len(s.text), 6) == length]
    for low, high in pairwise(HEIGHTS):
        name = f"digits of {low} to {high} px"
        yield name, [i for i, s in with_number if low <= lowest(s) < high]
    for material in MATERIALS:
        yield material, [i for i, s in with_number if s.material == material]
    for arrangement in ("level", "stacked", "diagonal"):
        yield arrangement, [i for i, s in with_number if s.arrangement == arrangement]


def lowest(scene):
    return float((scene.boxes[:, 3] - scene.boxes[:, 1]).min())


def whole(reader, faces, pixels, given):
    """Find and read numbers anywhere in whole photographs."""
    config, rows = NumbersConfig(), []
    count = dict.fromkeys(("photos", "numbers", "found", "exact", "sure", "right", "false"), 0)
    spans, failures, began = [], [], 0.0
    for k in range(given.scenes):
        scene = make_scene(np.random.default_rng((78, k)), faces, pixels, PHOTO)
        start = time.perf_counter()
        numbers = reader.look(scene.pixels, config)
        began += time.perf_counter() - start
        count["photos"] += 1
        hits = [n for n in numbers if scene.text and iou(n.box, scene.box) > 0.5]
        sure = [n for n in numbers if reader.is_sure(n, config)]
        right = [n for n in sure if n in hits and n.text == truth(scene)]
        count["numbers"] += bool(scene.text)
        count["found"] += bool(hits)
        count["exact"] += any(n.text == truth(scene) for n in hits)
        count["sure"] += len(sure)
        count["right"] += len(right)
        count["false"] += len([n for n in sure if n not in hits])
        spans += [iou(n.box, scene.box) for n in hits[:1]]
        if scene.text and not right:
            failures.append((scene, numbers[0] if numbers else None))
    rows.append({"what": "whole photos", **count, "iou": float(np.mean(spans or [0]))})
    rows[-1]["seconds"] = began / max(1, given.scenes)
    report(rows[-1])
    sheet(given.output / "whole-failures.png", failures[:24], 256)
    return rows


def strangers(reader, given):
    """Look at real photographs: in nearly all of them there is no number."""
    config, rows = NumbersConfig(), []
    learned, measured, tests = split_photos(photographs(given.photos))
    for name, paths in (("learned", learned), ("validation", measured), ("tests", tests)):
        told = []
        for path in paths:
            sure = [n for n in reader.look(as_pixels(path), config) if reader.is_sure(n, config)]
            told += [f"{path.stem}: {n.text} ({n.probability:.3f}, {n.found:.2f})" for n in sure]
        rows.append({"what": f"real photographs, {name}", "photos": len(paths), "sure": len(told)})
        report(rows[-1])
        print("   " + "\n   ".join(told))
    return rows


def pictures(reader, faces, pixels, folder):
    """Draw what docs/guides/house-numbers.md shows: scenes with what was read, and scenes as they are made."""
    tiles = []
    for k in range(300, 312):
        scene = make_scene(np.random.default_rng((78, k)), faces, pixels, PHOTO)
        rgb = torch.from_numpy(scene.pixels).permute(2, 0, 1).float() / 255
        seen = reader.see(Picture(rgb, None), NumbersConfig())
        drawn = draw(rgb, seen.mark_uncertain(reader.threshold))
        small = resize(drawn, (192, 256))
        tiles.append((small * 255).round().byte().permute(1, 2, 0).numpy())
    save(folder / "numbers.jpg", tiles, 4)
    made = [make_scene(np.random.default_rng((79, k)), faces, pixels).pixels for k in range(40)]
    save(folder / "numbers-scenes.jpg", made, 10)


def save(path, tiles, columns):
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])


def report(row):
    print(", ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))


def sheet(path, pairs, side=128, columns=10):
    """Write pictures side by side, with what is there and what was read."""
    tiles = []
    for scene, number in pairs:
        tile = np.zeros((side + 14, side, 3), np.uint8)
        if number is not None and side == 128:
            tile[:side] = cut(scene.pixels, widened(scene.box, 1.5), side)
        else:
            h, w = scene.pixels.shape[:2]
            scale = side / max(h, w)
            small = cv2.resize(scene.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            tile[: small.shape[0], : small.shape[1]] = small
        words = truth(scene) or "-"
        if number is not None:
            words += f" as {number.text[:6] or '-'} {number.probability:.2f}"
        cv2.putText(tile, words, (1, side + 11), 0, 0.38, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    if not tiles:
        return
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main()
