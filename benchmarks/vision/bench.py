"""How well pictures are classified, and things located, found and cut out, without learned boxes.

    python benchmarks/vision/bench.py classify|speed PHOTOS
    python benchmarks/vision/bench.py scenes PHOTOS --part development|test --backgrounds FILE...

PHOTOS is a folder of photographs whose names begin with the WordNet id of what they show.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from composites import Scene, SceneConfig, compose, cut_out
from figures import Figure, append, conditions, table
from scoring import RIGHT, mean_mask_iou, precision_of

from bowerbird.learning.pretrained_weights import find_weights, verify
from bowerbird.pictures.reading import read_picture
from bowerbird.pictures.writing import write_picture
from bowerbird.prediction.tabular.metrics import proportion
from bowerbird.vision.boxes import iou
from bowerbird.vision.class_activation import box_from_heatmap, class_activation_maps, class_heatmap
from bowerbird.vision.classification import Classifier, classes, classify, open_classifier
from bowerbird.vision.config import ClassifyConfig, DetectConfig
from bowerbird.vision.detection import detect
from bowerbird.vision.drawing import draw
from bowerbird.vision.localization import localize
from bowerbird.vision.results import Box, VisionResult
from bowerbird.vision.segmentation import segment

HERE = Path(__file__).resolve().parent
SEEDS = {"development": 1000, "test": 9000}  # of the first scene
DRAWS = 10_000  # of the bootstrap


def one(tool: str, setting: str, metric: str, unit: str, value: float) -> Figure:
    """Return a figure that was measured once."""
    return Figure(tool, setting, metric, unit, [value])


def of_photographs(tool: str, setting: str, metric: str, hits: list[bool]) -> Iterator[Figure]:
    """Return a share of independent photographs, and the ends of Wilson's 95 % interval."""
    score = proportion(np.array(hits))
    yield one(tool, setting, metric, "%", 100 * score.value)
    yield one(tool, setting, f"{metric}, 95 % from", "%", 100 * score.low)
    yield one(tool, setting, f"{metric}, 95 % to", "%", 100 * score.high)


def of_scenes(
    tool: str, setting: str, metric: str, wrong: list[int], things: list[str]
) -> Iterator[Figure]:
    """Return a share of scenes, and the ends of its 95 % interval by a bootstrap of cut-outs.

    Scenes of one cut-out are not independent, so cut-outs are drawn anew, each with its scenes.
    """
    kinds = sorted(set(things))
    sums = np.array([sum(w for w, t in zip(wrong, things, strict=True) if t == k) for k in kinds])
    counts = np.array([things.count(k) for k in kinds])
    drawn = np.random.default_rng(0).integers(len(kinds), size=(DRAWS, len(kinds)))
    low, high = np.percentile(100 * sums[drawn].sum(1) / counts[drawn].sum(1), (2.5, 97.5))
    yield one(tool, setting, metric, "%", 100 * sum(wrong) / len(wrong))
    yield one(tool, setting, f"{metric}, 95 % from", "%", low)
    yield one(tool, setting, f"{metric}, 95 % to", "%", high)


def classifying(args: argparse.Namespace) -> Iterator[Figure]:
    """Classify all photographs, in both precisions; then compare the class of localize."""
    files = sorted(args.photos.glob("n*.jpg"))
    pictures = [read_picture(file).over() for file in files]
    truth = [file.name[:9] for file in files]
    ids = [wnid for _, wnid in classes()]
    setting = f"{len(files)} photographs"
    for precision in ("float32", "bfloat16"):
        classifier = open_classifier(ClassifyConfig(precision=precision), "cpu")
        best = classifier.probabilities(pictures).topk(5).indices.tolist()
        for top in (1, 5):
            pairs = zip(best, truth, strict=True)
            hits = [true in [ids[n] for n in row[:top]] for row, true in pairs]
            yield from of_photographs(f"classify, {precision}", setting, f"top-{top} right", hits)
    hits = [
        localize(picture, classifier).labels[0].wnid == true
        for picture, true in zip(pictures, truth, strict=True)
    ]
    yield from of_photographs("localize", setting, "top-1 right", hits)


def speeding(args: argparse.Namespace) -> Iterator[Figure]:
    """Count pictures in each second that the processor gives to one thread."""
    start = time.process_time()
    pictures = [read_picture(file).over() for file in sorted(args.photos.glob("n*.jpg"))[:64]]
    rate = 64 / (time.process_time() - start)
    yield one("read_picture", "64 photographs", "read", "photographs/processor s", rate)
    for precision in ("float32", "bfloat16"):
        classifier = open_classifier(ClassifyConfig(precision=precision), "cpu")
        squares = torch.rand(16, 3, 224, 224)
        classifier.logits(squares)
        start, done = time.process_time(), 0
        while time.process_time() - start < 5:
            classifier.logits(squares)
            done += 16
        tool = f"classify, {precision}"
        rate = done / (time.process_time() - start)
        yield one(tool, "16 at once", "squares of 224 px", "squares/processor s", rate)
        start = time.process_time()
        classifier.probabilities(pictures)
        rate = len(pictures) / (time.process_time() - start)
        yield one(tool, "16 at once", "once read", "photographs/processor s", rate)


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
    label = classify(scene.rgb, classifier)[0]
    number = [wnid for _, wnid in classes()].index(label.wnid)
    size = scene.rgb.shape[1:]
    everywhere = (0.0, 0.0, float(size[1]), float(size[0]))
    sides = box_from_heatmap(
        class_heatmap(class_activation_maps(scene.rgb, classifier), number, size), everywhere, size
    )
    return Box(label.name, label.probability, sides)


def locating(args: argparse.Namespace) -> Iterator[Figure]:
    """Localize the object of scenes with one object."""
    classifier, scenes = open_classifier(device="cpu"), scenes_of(args)
    whole = (0.0, 0.0, 480.0, 360.0)
    ways = {
        "localize": [localize(scene.rgb, classifier).boxes[0] for scene in scenes],
        "class of the whole picture (Zhou et al.)": [
            from_the_middle(classifier, scene) for scene in scenes
        ],
    }
    ways["class of localize, box of the whole picture"] = [
        Box(box.name, box.score, whole) for box in ways["localize"]
    ]
    errors: list[np.ndarray] = []
    for name, boxes in ways.items():
        pairs = [(box, scene.truth[0]) for box, scene in zip(boxes, scenes, strict=True)]
        things = [true.name for _, true in pairs]
        wrong = [box.name != true.name for box, true in pairs]
        off = [box.name != true.name or iou(box.xyxy, true.xyxy) < RIGHT for box, true in pairs]
        of = f"{args.part}, {len(scenes)} scenes of one of {len(set(things))} things"
        yield from of_scenes(name, of, "classification error", wrong, things)
        yield from of_scenes(name, of, "localisation error", off, things)
        errors.append(np.array([wrong, off], int))
    metrics = ("classification error", "localisation error")
    for metric, row in zip(metrics, errors[1] - errors[0], strict=True):
        yield from of_scenes("Zhou et al. less localize", of, metric, row.tolist(), things)


def finding(args: argparse.Namespace) -> Iterator[Figure]:
    """Find and cut out all things of scenes."""
    classifier, scenes = open_classifier(device="cpu"), scenes_of(args)
    truth = [scene.truth for scene in scenes]
    start = time.process_time()
    found = [detect(scene.rgb, classifier, DetectConfig(threshold=0.0)) for scene in scenes]
    of = f"{args.part}, {len(scenes)} scenes, {sum(map(len, truth))} things"
    spent = (time.process_time() - start) / len(scenes)
    yield one("detect", of, "time", "processor s/scene", spent)
    least = DetectConfig().threshold
    sure = [[box for box in boxes if box.score >= least] for boxes in found]
    start = time.process_time()
    cut = [segment(scene.rgb, boxes) for scene, boxes in zip(scenes, sure, strict=True)]
    spent = (time.process_time() - start) / max(1, sum(map(len, cut)))
    yield one("segment", of, "time", "processor s/box", spent)
    filled = [[boxed(box) for box in boxes] for boxes in sure]
    yield one("segment", of, "mean IoU of masks", "", mean_mask_iou(cut, truth))
    yield one("filled boxes", of, "mean IoU of masks", "", mean_mask_iou(filled, truth))
    for least in (RIGHT, 0.3):
        score = precision_of(found, truth, least)
        yield one("detect", of, f"mAP at IoU {least}", "", score.mean)
        yield one("detect", of, f"pooled AP at IoU {least}", "", score.pooled)
        yield one("detect", of, f"recall at IoU {least}", "", score.recall)
    score = precision_of(cut, truth)
    yield one("segment, boxes around masks", of, f"mAP at IoU {RIGHT}", "", score.mean)
    if args.output:
        for number in range(min(12, len(scenes))):
            picture = draw(scenes[number].rgb, VisionResult(boxes=cut[number]))
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
    print(conditions(version("torch"), 1))
    figures = list(job(args))
    append(HERE / "results.csv", version("torch"), figures)
    print(table(figures))


if __name__ == "__main__":
    main()
