"""``bowerbird vision classify``, ``localize``, ``detect`` and ``segment``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.options import RUN, Switch
from bowerbird.cli.vision.batch_run import BatchOptions, run_batch
from bowerbird.vision.config import ClassifyConfig, DetectConfig, LocalizeConfig

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from bowerbird.pictures.pixels import Picture
    from bowerbird.vision.results import VisionResult

Flags = Parameter(name="*", group=Group("Recognition", sort_key=2))
MAX_NAME = 60  # letters of an object's name in the name of its file


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class SegmentOptions(BatchOptions):
    """Options of ``segment``."""

    cut: Switch = False
    """Write each object too, on a transparent background, as OUT-1-espresso.png ..."""

    def output_paths(self, images: Sequence[Path]) -> list[Path | None]:
        """Return the output of each picture; raise ValueError if it, or a cutout, can't be written.

        A cutout, OUT-1-espresso.png beside OUT.png, is the whole picture with everything but the
        object transparent: its alpha is the mask.
        """
        paths = super().output_paths(images)
        if not self.cut:
            return paths
        for path in paths:
            if path is None:
                raise ValueError("--cut writes beside the drawn picture; name that with -o")
            cutout = re.compile(re.escape(path.stem) + r"-\d+-[a-z0-9-]+\.png")
            if any(other and cutout.fullmatch(other.name) for other in paths):
                raise ValueError(
                    f"a cutout of {path} may have the name of another picture; run the command "
                    "once for each"
                )
            existing = [f for f in sorted(path.parent.iterdir()) if cutout.fullmatch(f.name)]
            if existing and not self.force:
                raise ValueError(f"{existing[0]} exists; add --force to overwrite it")
        return paths

    def cutouts(
        self, path: Path, result: "VisionResult"
    ) -> list[tuple[Path, "Bool[Tensor, 'h w']"]]:
        """Return the file of each object, by its rank and name, and its mask."""
        boxes = (result.boxes or ()) if self.cut else ()
        return [
            (path.with_name(f"{path.stem}-{number}-{_slug(box.name)}.png"), box.mask)
            for number, box in enumerate(boxes, 1)
            if box.mask is not None
        ]


def classify(
    *images: Path,
    run: BatchOptions = BatchOptions(),
    config: Annotated[ClassifyConfig, Flags] = ClassifyConfig(),
) -> int:
    """Classify each picture into ImageNet's 1000 classes.

    Parameters
    ----------
    images
        Picture files.
    """
    from bowerbird.vision.classification import classify, open_classifier
    from bowerbird.vision.results import VisionResult

    paths = run.output_paths(images)
    classifier = open_classifier(config, run.device)
    return run_batch(
        images,
        paths,
        run,
        lambda picture: VisionResult(labels=classify(picture.over(), classifier, config)),
        _label_lines,
    )


def localize(
    *images: Path,
    run: BatchOptions = BatchOptions(),
    config: Annotated[LocalizeConfig, Flags] = LocalizeConfig(),
) -> int:
    """Name the main object of each picture and draw a box around it.

    Parameters
    ----------
    images
        Picture files.
    """
    from bowerbird.vision.classification import open_classifier
    from bowerbird.vision.localization import localize

    paths = run.output_paths(images)
    settings = ClassifyConfig(weights=config.weights, precision=config.precision)
    classifier = open_classifier(settings, run.device)
    return run_batch(
        images,
        paths,
        run,
        lambda picture: localize(picture.over(), classifier, config),
        _box_lines,
    )


def detect(
    *images: Path,
    run: BatchOptions = BatchOptions(),
    config: Annotated[DetectConfig, Flags] = DetectConfig(),
) -> int:
    """Find the objects in each picture and draw boxes around them.

    Parameters
    ----------
    images
        Picture files.
    """
    return _detect(images, run, config)


def segment(
    *images: Path,
    run: SegmentOptions = SegmentOptions(),
    config: Annotated[DetectConfig, Flags] = DetectConfig(),
) -> int:
    """Find the objects in each picture and mark their pixels.

    Parameters
    ----------
    images
        Picture files.
    """
    return _detect(images, run, config, masks=True)


def _detect(
    images: Sequence[Path], run: BatchOptions, config: DetectConfig, *, masks: bool = False
) -> int:
    from bowerbird.vision.detection import detect, open_detector
    from bowerbird.vision.results import VisionResult
    from bowerbird.vision.segmentation import segment

    paths = run.output_paths(images)
    detector = open_detector(config, run.device)

    def recognize(picture: "Picture") -> VisionResult:
        rgb = picture.over()
        boxes = detect(rgb, detector, config)
        return VisionResult(boxes=segment(rgb, boxes) if masks else boxes)

    return run_batch(images, paths, run, recognize, _box_lines)


def _label_lines(result: "VisionResult") -> str:
    """Return a line for each class, as a table."""
    labels = result.labels or ()
    width = max(len(label.name) for label in labels)
    return "\n" * (len(labels) > 1) + "\n".join(
        f"  {label.name:<{width}}  {label.probability:6.1%}  {label.wnid}" for label in labels
    )


def _box_lines(result: "VisionResult") -> str:
    """Return a line for each box, as a table."""
    if not result.boxes:
        return "no objects above the threshold"
    width = max(len(box.name) for box in result.boxes)
    rows = []
    for box in result.boxes:
        left, top, right, bottom = (round(side) for side in box.xyxy)
        rows.append(f"  {box.name:<{width}}  {box.score:6.1%}  {left},{top} to {right},{bottom}")
    return "\n" * (len(rows) > 1) + "\n".join(rows)


def _slug(name: str) -> str:
    """Return a name in small letters, digits and dashes: ear-of-grain."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:MAX_NAME].strip("-") or "object"
