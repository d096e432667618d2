"""Detection and reading of house numbers on generated scenes of unseen typefaces and backgrounds.

Only typefaces and photographs of the test set are used (``house_numbers/assets.py`` splits them);
seeds are fixed. Writes results.csv and sheets of scenes and failures into --output.
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
from scoring import evaluate

from bowerbird.pictures.pixels import Picture, resize
from bowerbird.pictures.reading import read_picture
from bowerbird.vision.boxes import iou
from bowerbird.vision.drawing import draw
from bowerbird.vision.house_numbers.assets import (
    find_photos,
    split_photos,
    split_typefaces,
    to_pixels,
)
from bowerbird.vision.house_numbers.calibration import (
    PHOTO,
    coverage_at,
    read_scenes,
    true_text,
)
from bowerbird.vision.house_numbers.config import HouseNumberConfig, HouseNumberTrainConfig
from bowerbird.vision.house_numbers.crops import crop, enlarged
from bowerbird.vision.house_numbers.reader import load_house_number_reader
from bowerbird.vision.house_numbers.scenes.plaques import MATERIALS
from bowerbird.vision.house_numbers.scenes.streets import make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import find_typefaces, font_family

NUM_CROPS, NUM_PHOTOS = 2000, 200
HEIGHTS = (0, 10, 14, 20, 40, 1000)  # px of the lowest digit


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--fonts", type=Path, action="append", default=[])
    parser.add_argument("--exclude-photos", default="", help="parts of names, separated by commas")
    parser.add_argument("--model", default="house-numbers")
    parser.add_argument("--split", choices=("validation", "tests"), default="tests")
    parser.add_argument("--output", type=Path, default=Path("house-numbers-bench"))
    parser.add_argument("--crops", type=int, default=NUM_CROPS)
    parser.add_argument("--scenes", type=int, default=NUM_PHOTOS)
    parser.add_argument("--pictures", type=Path, help="folder: only draw the pictures of the docs")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    args.output.mkdir(exist_ok=True)
    reader = load_house_number_reader(args.model, "cpu")
    faces, pixels = load_assets(args)
    if args.pictures:
        pictures(reader, faces, pixels, args.pictures)
        return
    rows = []
    rows += crops(reader, faces, pixels, args)
    rows += whole(reader, faces, pixels, args)
    rows += photographs(reader, args)
    with (args.output / "results.csv").open("w", newline="") as stream:
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = csv.DictWriter(stream, names)
        table.writeheader()
        table.writerows(rows)


def load_assets(args):
    """Return the typefaces and photographs of the test or validation set."""
    config = HouseNumberTrainConfig()
    faces = find_typefaces(args.fonts)
    exclude = tuple(part for part in args.exclude_photos.split(",") if part)
    _, validation, tests = split_photos(find_photos(args.photos, exclude))
    if args.split == "tests":
        chosen = [face for face in faces if font_family(face) in config.test_families]
        paths = tests
    else:
        split = split_typefaces(faces, config.validation_families, config.test_families)
        chosen, paths = split[1], validation
    families = sorted({font_family(face) for face in chosen})
    print(f"{len(chosen)} typefaces of {families}, {len(paths)} photographs")
    return chosen, [to_pixels(read_picture(path).over()) for path in paths]


def crops(reader, faces, pixels, args):
    """Read numbers whose box is known, as in the paper; by difficulty."""
    scenes = [make_scene(np.random.default_rng((77, k)), faces, pixels) for k in range(args.crops)]
    began = time.perf_counter()
    read = read_scenes(reader, scenes)
    seconds = time.perf_counter() - began
    overall = evaluate(scenes, read, reader.read_threshold)
    answers = [
        (n.probability, n.text == true_text(s)) for s, n in zip(scenes, read, strict=True) if s.text
    ]
    coverage, threshold = coverage_at(answers)
    rows = [
        {"what": "crops", **asdict(overall), "coverage_98": coverage, "threshold_98": threshold}
    ]
    rows[0]["seconds"] = seconds / len(scenes)
    report(rows[0])
    for name, chosen in groups(scenes):
        if chosen:
            group = [scenes[i] for i in chosen], [read[i] for i in chosen]
            metrics = evaluate(*group, reader.read_threshold)
            rows.append({"what": name, **asdict(metrics)})
            report(rows[-1])
    wrong = [(s, n) for s, n in zip(scenes, read, strict=True) if s.text and n.text != true_text(s)]
    sheet(args.output / "scenes.png", [(s, None) for s in scenes[:60]])
    sheet(args.output / "failures.png", wrong[:60])
    confident = sorted(wrong, key=lambda pair: -pair[1].probability)
    sheet(args.output / "confident-failures.png", confident[:60])
    return rows


def groups(scenes):
    """Yield names of groups with the indices of their scenes."""
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


def whole(reader, faces, pixels, args):
    """Detect and read numbers anywhere in whole photographs."""
    config, rows = HouseNumberConfig(), []
    names = ("photos", "numbers", "found", "exact", "confident", "right", "false")
    count = dict.fromkeys(names, 0)
    overlaps, failures, seconds = [], [], 0.0
    for k in range(args.scenes):
        scene = make_scene(np.random.default_rng((78, k)), faces, pixels, PHOTO)
        start = time.perf_counter()
        numbers = reader.find_numbers(scene.pixels, config)
        seconds += time.perf_counter() - start
        count["photos"] += 1
        hits = [n for n in numbers if scene.text and iou(n.box, scene.box) > 0.5]
        confident = [n for n in numbers if reader.is_confident(n, config)]
        right = [n for n in confident if n in hits and n.text == true_text(scene)]
        count["numbers"] += bool(scene.text)
        count["found"] += bool(hits)
        count["exact"] += any(n.text == true_text(scene) for n in hits)
        count["confident"] += len(confident)
        count["right"] += len(right)
        count["false"] += len([n for n in confident if n not in hits])
        overlaps += [iou(n.box, scene.box) for n in hits[:1]]
        if scene.text and not right:
            failures.append((scene, numbers[0] if numbers else None))
    rows.append({"what": "whole photos", **count, "iou": float(np.mean(overlaps or [0]))})
    rows[-1]["seconds"] = seconds / max(1, args.scenes)
    report(rows[-1])
    sheet(args.output / "whole-failures.png", failures[:24], 256)
    return rows


def photographs(reader, args):
    """Search real photographs, nearly all of which have no number."""
    config, rows = HouseNumberConfig(), []
    splits = split_photos(find_photos(args.photos))
    for name, paths in zip(("train", "validation", "tests"), splits, strict=True):
        lines = []
        for path in paths:
            numbers = reader.find_numbers(to_pixels(read_picture(path).over()), config)
            lines += [
                f"{path.stem}: {n.text} ({n.probability:.3f}, {n.finder_probability:.2f})"
                for n in numbers
                if reader.is_confident(n, config)
            ]
        row = {"what": f"real photographs, {name}", "photos": len(paths), "confident": len(lines)}
        rows.append(row)
        report(row)
        print("   " + "\n   ".join(lines))
    return rows


def pictures(reader, faces, pixels, folder):
    """Draw the pictures of the guide: scenes with what was read, and scenes as they are made."""
    tiles = []
    for k in range(300, 312):
        scene = make_scene(np.random.default_rng((78, k)), faces, pixels, PHOTO)
        rgb = torch.from_numpy(scene.pixels).permute(2, 0, 1).float() / 255
        result = reader.predict(Picture(rgb, None))
        drawn = draw(rgb, result.mark_uncertain(reader.threshold))
        small = resize(drawn, (192, 256))
        tiles.append(to_pixels(small))
    save(folder / "numbers.jpg", tiles, 4)
    made = [make_scene(np.random.default_rng((79, k)), faces, pixels).pixels for k in range(40)]
    save(folder / "numbers-scenes.jpg", made, 10)


def save(path, tiles, columns):
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])


def report(row):
    print(", ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))


def sheet(path, pairs, side=128, columns=10):
    """Write pictures side by side, with the true text and what was read."""
    tiles = []
    for scene, number in pairs:
        tile = np.zeros((side + 14, side, 3), np.uint8)
        if number is not None and side == 128:
            tile[:side] = crop(scene.pixels, enlarged(scene.box, 1.5), side)
        else:
            h, w = scene.pixels.shape[:2]
            scale = side / max(h, w)
            small = cv2.resize(scene.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            tile[: small.shape[0], : small.shape[1]] = small
        caption = true_text(scene) or "-"
        if number is not None:
            caption += f" as {number.text[:6] or '-'} {number.probability:.2f}"
        cv2.putText(tile, caption, (1, side + 11), 0, 0.38, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    if not tiles:
        return
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main()
