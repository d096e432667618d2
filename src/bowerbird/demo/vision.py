"""Vision in the demo: features of a cat, segmented objects, handwriting that is read."""

from collections.abc import Generator
from pathlib import Path

import torch

from bowerbird.demo.page import PHOTOS, DemoConfig, article, copy, gallery
from bowerbird.learning.step import Step
from bowerbird.pictures.pixels import fit_long_side, resize
from bowerbird.pictures.reading import read_picture
from bowerbird.pictures.writing import write_picture
from bowerbird.vision.config import DetectConfig, InspectConfig
from bowerbird.vision.detection import detect, open_detector
from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.page import read_page
from bowerbird.vision.digits.reader import load_digit_reader
from bowerbird.vision.drawing import draw
from bowerbird.vision.features.inspect import inspect
from bowerbird.vision.results import VisionResult
from bowerbird.vision.segmentation import segment

VISUALIZATION_STEPS = 12  # of gradient ascent; a quarter of the sheet's time
SHEET_WIDTH = 2000  # px
DREAM_STEPS = 5  # at each octave
_HEAD = """    <h2>Seeing</h2>
    <p>The network behind style transfer was trained to recognize objects. Five of its layers
    respond to a cat: first to edges, then to textures, then to eyes. A classifier, trained without
    boxes, locates a cup, and a small network reads handwritten digits.</p>"""


def vision_section(output: Path, config: DemoConfig) -> Generator[Step, None, str]:
    """Show the features of a cat, segment a cup, and read a page of handwriting."""
    for name in ("chelsea.jpg", "coffee.jpg", "page.jpg"):
        copy(PHOTOS / name, output / name)
    return (yield from gallery(_HEAD, (_features, _objects, _page), output, config))


def _features(output: Path, demo: DemoConfig) -> str:
    size = max(64, demo.size * 4 // 7)
    steps = min(VISUALIZATION_STEPS, demo.iterations)
    config = InspectConfig(
        size=size,
        steps=min(DREAM_STEPS, demo.iterations),
        octaves=2,
        visualization_steps=steps,
        seed=demo.seed,
        device=demo.device,
    )
    view = inspect(read_picture(output / "chelsea.jpg").rgb, config, "chelsea.jpg")
    height, width = view.sheet.shape[1:]
    write_picture(
        output / "chelsea-features.jpg",
        resize(view.sheet, fit_long_side(height, width, SHEET_WIDTH)),
    )
    command = (
        f"bowerbird vision inspect chelsea.jpg -o chelsea-features.jpg --size {size} "
        f"--steps {config.steps} --octaves 2 --visualization-steps {steps}"
    )
    return article(
        "chelsea-features.jpg", command, "where each layer is active, and what activates it most"
    )


def _objects(output: Path, demo: DemoConfig) -> str:
    rgb = read_picture(output / "coffee.jpg").rgb
    boxes = segment(rgb, detect(rgb, open_detector(DetectConfig(), demo.device)))
    write_picture(output / "coffee-cut.png", draw(rgb, VisionResult(boxes=boxes)))
    found = ", ".join(f"{box.name} {box.score:.0%}" for box in boxes) or "nothing"
    command = "bowerbird vision segment coffee.jpg -o coffee-cut.png"
    return article("coffee-cut.png", command, f"found: {found}")


def _page(output: Path, demo: DemoConfig) -> str:
    rgb = read_picture(output / "page.jpg").rgb
    result = read_page(rgb, load_digit_reader("digits", demo.device))
    drawn = draw(rgb, result.mark_uncertain(DigitConfig.confident_threshold))
    write_picture(output / "page-read.png", torch.cat([rgb, drawn], 2))
    command = "bowerbird vision digits page.jpg -o page-read.png"
    text = " / ".join((result.text or "").splitlines())
    caption = f"a composed page with digits of 8 x 8 px, enlarged; read as {text}"
    return article("page-read.png", command, caption)
