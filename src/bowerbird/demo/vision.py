"""The chapter of vision: what a network sees in a cat, things found, handwriting read."""

from collections.abc import Generator
from importlib.resources import files
from pathlib import Path

from bowerbird.demo.section import Shown, TourConfig, copy, gallery
from bowerbird.learning.step import Step

GROWING = 12  # steps towards what a channel likes; a quarter of a sheet's time
SCRAWL = 4  # seed of the page
WIDE = 2000  # px of the sheet on the page
DREAMING = 5  # steps at each octave of a dream
_HEAD = """    <h2>Seeing</h2>
    <p>Before a network can paint it has to see. Here five layers look at a cat: edges, then
    textures, then eyes; a classifier finds a cup, which it was never told the place of; and a
    small network reads digits that people wrote.</p>"""


def sights(output: Path, tour: TourConfig) -> Generator[Step, None, str]:
    """Look at a cat, a cup, and a page of handwriting."""
    copy(Path(str(files("skimage") / "data" / "chelsea.png")), output / "chelsea.png")
    copy(Path(str(files("skimage") / "data" / "coffee.png")), output / "coffee.png")
    return (yield from gallery(_HEAD, (_sheet, _things, _page), output, tour))


def _sheet(output: Path, tour: TourConfig) -> Shown:
    from bowerbird.pictures.pixels import fit_long_side, resize
    from bowerbird.pictures.reading import read_picture
    from bowerbird.pictures.writing import write_picture
    from bowerbird.vision.config import InspectConfig
    from bowerbird.vision.features.inspect import inspect

    side, growing = max(64, tour.side * 4 // 7), min(GROWING, tour.steps)
    config = InspectConfig(
        size=side,
        steps=min(DREAMING, tour.steps),
        octaves=2,
        visualization_steps=growing,
        seed=tour.seed,
        device=tour.device,
    )
    view = inspect(read_picture(output / "chelsea.png").rgb, config, "chelsea.png")
    height, width = view.sheet.shape[1:]
    write_picture(
        output / "chelsea-seen.jpg", resize(view.sheet, fit_long_side(height, width, WIDE))
    )
    command = (
        f"bowerbird vision inspect chelsea.png -o chelsea-seen.jpg --size {side} "
        f"--steps {config.steps} --octaves 2 --visualization-steps {growing}"
    )
    return Shown("chelsea-seen.jpg", command, "where each layer is active, and what it likes")


def _things(output: Path, tour: TourConfig) -> Shown:
    from bowerbird.pictures.reading import read_picture
    from bowerbird.pictures.writing import write_picture
    from bowerbird.vision.config import DetectConfig
    from bowerbird.vision.detect import detect, open_looker
    from bowerbird.vision.drawing import draw
    from bowerbird.vision.results import Seen
    from bowerbird.vision.segment import segment

    rgb = read_picture(output / "coffee.png").rgb
    boxes = segment(rgb, detect(rgb, open_looker(DetectConfig(), tour.device)))
    write_picture(output / "coffee-cut.png", draw(rgb, Seen(boxes=boxes)))
    told = ", ".join(f"{box.name} {box.score:.0%}" for box in boxes) or "nothing"
    command = "bowerbird vision segment coffee.png -o coffee-cut.png"
    return Shown("coffee-cut.png", command, f"found: {told}")


def _page(output: Path, tour: TourConfig) -> Shown:
    import cv2
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    from bowerbird.pictures.writing import write_picture
    from bowerbird.vision.digits.page import boxed, read_page
    from bowerbird.vision.digits.reader import open_digits
    from bowerbird.vision.digits.synthetic_pages import PageConfig, compose

    data = load_digits()
    large = [cv2.resize(one, (28, 28), interpolation=cv2.INTER_CUBIC) for one in data.images]
    ink = np.clip(np.stack(large) / 16 * 255, 0, 255).astype(np.uint8)
    page = compose(
        ink, data.target, PageConfig(seed=SCRAWL + tour.seed, surface="ruled", lines=5, touching=0)
    )
    rgb = torch.from_numpy(page.rgb).permute(2, 0, 1).float()
    seen = read_page(rgb, open_digits("digits", tour.device))
    write_picture(output / "page.png", rgb)
    write_picture(output / "page-read.png", torch.cat([rgb, boxed(rgb, seen)], 2))
    command = "bowerbird vision digits page.png -o page-read.png"
    read = " / ".join((seen.text or "").splitlines())
    caption = f"a composed page with digits of 8 x 8 px, enlarged; read as {read}"
    return Shown("page-read.png", command, caption)
