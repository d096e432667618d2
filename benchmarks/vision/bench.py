"""How well pictures are classified, and things located, found and cut out, without learned boxes.

    python benchmarks/vision/bench.py classify|speed PHOTOS
    python benchmarks/vision/bench.py scenes PHOTOS --part development|test --backgrounds FILE...

PHOTOS is a folder of photographs whose names begin with the WordNet id of what they show.
"""

import argparse
import csv
import math
import platform
import time
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from bowerbird.learning.weights import find_weights, verify
from bowerbird.pictures.reading import read_picture
from bowerbird.pictures.writing import write_picture
from bowerbird.vision.composites import Scene, SceneConfig, compose, cut_out
from bowerbird.vision.detect import detect
from bowerbird.vision.drawing import draw
from bowerbird.vision.evidence import evidence, extent, heat
from bowerbird.vision.imagenet import Classifier, ClassifyConfig, classes, open_classifier
from bowerbird.vision.localize import localize
from bowerbird.vision.scoring import RIGHT, iou, mean_mask_iou, precision_of
from bowerbird.vision.seen import Box, Seen
from bowerbird.vision.segment import segment

HERE = Path(__file__).parent
SEEDS = {"development": 1000, "test": 9000}  # of the first scene
Row = tuple[str, str, float, str]  # what, of what, figure, 95 % interval


def wilson(hits: int, number: int) -> str:
    """Return Wilson's 95 % interval (1927) of a share, in percent."""
    z, share = 1.96, hits / number
    middle = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z / (1 + z * z / number)
    half *= math.sqrt(share * (1 - share) / number + z * z / (4 * number**2))
    return f"{100 * (middle - half):.1f} to {100 * (middle + half):.1f}"


def classifying(args: argparse.Namespace) -> Iterator[Row]:
    """Classify all photographs, in both precisions; then tell the class that localize tells."""
    files = sorted(args.photos.glob("n*.jpg"))
    pictures = [read_picture(file).over() for file in files]
    truth = [file.name[:9] for file in files]
    ids = [wnid for _, wnid in classes()]
    for precision in ("float32", "bfloat16"):
        classifier = open_classifier(ClassifyConfig(precision=precision), "cpu")
        best = classifier.probabilities(pictures).topk(5).indices.tolist()
        of = f"EfficientNet-Lite0, {precision}, {len(files)} photographs"
        for top in (1, 5):
            pairs = zip(best, truth, strict=True)
            hits = sum(true in [ids[n] for n in row[:top]] for row, true in pairs)
            yield f"top-{top}, %", of, 100 * hits / len(files), wilson(hits, len(files))
    hits = sum(
        localize(classifier, picture).labels[0].wnid == true
        for picture, true in zip(pictures, truth, strict=True)
    )
    of = f"class that localize tells, {len(files)} photographs"
    yield "top-1, %", of, 100 * hits / len(files), wilson(hits, len(files))


def speeding(args: argparse.Namespace) -> Iterator[Row]:
    """Count pictures in each second that the processor gives to one thread."""
    start = time.process_time()
    pictures = [read_picture(file).over() for file in sorted(args.photos.glob("n*.jpg"))[:64]]
    yield "photographs read a processor second", "64", 64 / (time.process_time() - start), ""
    for precision in ("float32", "bfloat16"):
        classifier = open_classifier(ClassifyConfig(precision=precision), "cpu")
        squares = torch.rand(16, 3, 224, 224)
        classifier.scores(squares)
        start, done = time.process_time(), 0
        while time.process_time() - start < 5:
            classifier.scores(squares)
            done += 16
        of = f"EfficientNet-Lite0, {precision}, 16 at once"
        rate = done / (time.process_time() - start)
        yield "squares of 224 px a processor second", of, rate, ""
        start = time.process_time()
        classifier.probabilities(pictures)
        rate = len(pictures) / (time.process_time() - start)
        yield "photographs a processor second, once read", of, rate, ""


def scenes_of(args: argparse.Namespace) -> list[Scene]:
    """Make the scenes of a part: half of the things each, on backgrounds of its own."""
    listed = [line.split()[0] for line in (HERE / "things.txt").read_text().splitlines()]
    names = {wnid: name for name, wnid in classes()}
    mine = listed[0 if args.part == "development" else 1 :: 2]
    cutouts = []
    for wnid in mine:
        (file,) = args.photos.glob(f"{wnid}_*.jpg")
        cutout = cut_out(names[wnid], read_picture(file).over())
        assert cutout is not None, file
        cutouts.append(cutout)
    grounds = [read_picture(file).over() for file in args.backgrounds]
    things, sizes = ((1, 1), (0.4, 0.9)) if args.single else ((1, 3), (0.35, 0.75))
    first = SEEDS[args.part] + (4000 if args.single else 0)
    configs = [
        SceneConfig(seed=first + number, things=things, sizes=sizes)
        for number in range(args.scenes)
    ]
    return [compose(cutouts, grounds, config) for config in configs]


def from_the_middle(classifier: Classifier, scene: Scene) -> Box:
    """Locate as Zhou et al. do: the class of the picture, then the box of its map."""
    label = classifier.classify(scene.rgb, 1)[0]
    number = [wnid for _, wnid in classes()].index(label.wnid)
    size = scene.rgb.shape[1:]
    everywhere = (0.0, 0.0, float(size[1]), float(size[0]))
    sides = extent(heat(evidence(classifier, scene.rgb), number, size), everywhere, size)
    return Box(label.name, label.probability, sides)


def locating(args: argparse.Namespace) -> Iterator[Row]:
    """Tell the class and the box of scenes of one thing."""
    classifier, scenes = open_classifier(device="cpu"), scenes_of(args)
    whole = (0.0, 0.0, 480.0, 360.0)
    ways = {
        "localize": [localize(classifier, scene.rgb).boxes[0] for scene in scenes],
        "class of the whole picture (Zhou et al.)": [
            from_the_middle(classifier, scene) for scene in scenes
        ],
    }
    ways["class of localize, box of the whole picture"] = [
        Box(box.name, box.score, whole) for box in ways["localize"]
    ]
    for name, boxes in ways.items():
        pairs = [(box, scene.truth[0]) for box, scene in zip(boxes, scenes, strict=True)]
        wrong = sum(box.name != true.name for box, true in pairs)
        off = sum(box.name != true.name or iou(box.xyxy, true.xyxy) < RIGHT for box, true in pairs)
        of = f"{name}, {args.part}, {len(scenes)} scenes of one thing"
        yield "classification error, %", of, 100 * wrong / len(pairs), wilson(wrong, len(pairs))
        yield "localisation error, %", of, 100 * off / len(pairs), wilson(off, len(pairs))


def finding(args: argparse.Namespace) -> Iterator[Row]:
    """Find and cut out all things of scenes."""
    classifier, scenes = open_classifier(device="cpu"), scenes_of(args)
    truth = [scene.truth for scene in scenes]
    start = time.process_time()
    found = [detect(classifier, scene.rgb, 0.0) for scene in scenes]
    of = f"{args.part}, {len(scenes)} scenes, {sum(map(len, truth))} things"
    yield "detect, processor s a scene", of, (time.process_time() - start) / len(scenes), ""
    sure = [[box for box in boxes if box.score >= 0.3] for boxes in found]
    start = time.process_time()
    cut = [segment(scene.rgb, boxes) for scene, boxes in zip(scenes, sure, strict=True)]
    spent = (time.process_time() - start) / max(1, sum(map(len, cut)))
    yield "segment, processor s a box", of, spent, ""
    filled = [[boxed(box) for box in boxes] for boxes in sure]
    yield "mean IoU of masks", of, mean_mask_iou(cut, truth), ""
    yield "mean IoU of filled boxes as masks", of, mean_mask_iou(filled, truth), ""
    for least in (RIGHT, 0.3):
        score = precision_of(found, truth, least)
        yield f"detect, mAP at IoU {least}", of, score.mean, ""
        yield f"detect, pooled AP at IoU {least}", of, score.pooled, ""
        yield f"detect, recall at IoU {least}", of, score.recall, ""
    score = precision_of(cut, truth)
    yield "segment, boxes around masks from score 0.3, mAP at IoU 0.5", of, score.mean, ""
    if args.output:
        for number in range(min(12, len(scenes))):
            picture = draw(scenes[number].rgb, Seen(boxes=cut[number]))
            write_picture(args.output / f"scene-{number:02}.png", picture)


def boxed(box: Box) -> Box:
    """Return the box with all of it as its mask, in a scene of 480 x 360 px."""
    mask = torch.zeros(360, 480, dtype=torch.bool)
    left, top, right, bottom = (round(side) for side in box.xyxy)
    mask[top:bottom, left:right] = True
    return Box(box.name, box.score, box.xyxy, mask)


def main() -> None:
    """Measure, print and append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("classify", "speed", "scenes"))
    parser.add_argument("photos", type=Path)
    parser.add_argument("--part", choices=tuple(SEEDS), default="development")
    parser.add_argument("--backgrounds", type=Path, nargs="+", default=[])
    parser.add_argument("--single", action="store_true", help="one thing a scene: localisation")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--output", type=Path, help="folder for pictures of the first scenes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    assert verify(find_weights("efficientnet-lite0")) == "ok"
    scenes = locating if args.single else finding
    job = {"classify": classifying, "speed": speeding, "scenes": scenes}[args.what]
    with (HERE / "results.csv").open("a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(("day", "machine", "torch", "what", "of", "figure", "interval"))
        for what, of, figure, interval in job(args):
            day = date.today().isoformat()
            where = f"{platform.machine()}, 1 thread"
            writer.writerow((day, where, version("torch"), what, of, f"{figure:.4g}", interval))
            print(f"{what:<58} {figure:8.4g}  {interval:<14} {of}", flush=True)


if __name__ == "__main__":
    main()
