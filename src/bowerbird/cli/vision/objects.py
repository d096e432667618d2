"""``bowerbird vision classify``, ``localize``, ``detect`` and ``segment``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.vision.batch_run import LookRun, look
from bowerbird.cli.vision.cutting import CutRun
from bowerbird.pictures.pixels import Picture
from bowerbird.vision.classify import classify as label
from bowerbird.vision.classify import open_classifier
from bowerbird.vision.config import ClassifyConfig, DetectConfig, LocalizeConfig
from bowerbird.vision.detect import detect as find
from bowerbird.vision.detect import open_looker
from bowerbird.vision.localize import localize as locate
from bowerbird.vision.results import Seen
from bowerbird.vision.segment import segment as cut

LOOKING = Parameter(name="*", group=Group("Looking", sort_key=2))


def classify(
    *images: Path,
    run: LookRun = LookRun(),
    config: Annotated[ClassifyConfig, LOOKING] = ClassifyConfig(),
) -> int:
    """Tell which of ImageNet's 1000 classes each picture belongs to.

    Parameters
    ----------
    images
        Picture files.
    """
    places = run.places(images)
    classifier = open_classifier(config, run.device)

    def see(picture: Picture) -> Seen:
        return Seen(labels=label(picture.over(), classifier, config))

    return look(images, places, run, see, _labels)


def localize(
    *images: Path,
    run: LookRun = LookRun(),
    config: Annotated[LocalizeConfig, LOOKING] = LocalizeConfig(),
) -> int:
    """Tell the one thing that each picture shows, and where it is.

    Parameters
    ----------
    images
        Picture files.
    """
    places = run.places(images)
    settings = ClassifyConfig(weights=config.weights, precision=config.precision)
    classifier = open_classifier(settings, run.device)

    return look(
        images, places, run, lambda picture: locate(picture.over(), classifier, config), _boxes
    )


def detect(
    *images: Path,
    run: LookRun = LookRun(),
    config: Annotated[DetectConfig, LOOKING] = DetectConfig(),
) -> int:
    """Find the things in each picture and draw boxes around them.

    Parameters
    ----------
    images
        Picture files.
    """
    places = run.places(images)
    looker = open_looker(config, run.device)

    def see(picture: Picture) -> Seen:
        return Seen(boxes=find(picture.over(), looker, config))

    return look(images, places, run, see, _boxes)


def segment(
    *images: Path,
    run: CutRun = CutRun(),
    config: Annotated[DetectConfig, LOOKING] = DetectConfig(),
) -> int:
    """Find the things in each picture and cut them out of it.

    Parameters
    ----------
    images
        Picture files.
    """
    places = run.places(images)
    looker = open_looker(config, run.device)

    def see(picture: Picture) -> Seen:
        rgb = picture.over()
        return Seen(boxes=cut(rgb, find(rgb, looker, config)))

    return look(images, places, run, see, _boxes)


def _labels(seen: Seen) -> str:
    """Return a line for each class, as a table."""
    labels = seen.labels or ()
    wide = max(len(label.name) for label in labels)
    return "\n" * (len(labels) > 1) + "\n".join(
        f"  {label.name:<{wide}}  {label.probability:6.1%}  {label.wnid}" for label in labels
    )


def _boxes(seen: Seen) -> str:
    """Return a line for each box, as a table."""
    if not seen.boxes:
        return "nothing that is sure enough"
    wide = max(len(box.name) for box in seen.boxes)
    rows = []
    for box in seen.boxes:
        left, top, right, bottom = (round(side) for side in box.xyxy)
        rows.append(f"  {box.name:<{wide}}  {box.score:6.1%}  {left},{top} to {right},{bottom}")
    return "\n" * (len(rows) > 1) + "\n".join(rows)
