"""``bowerbird vision inspect``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, CommonOptions, Output
from bowerbird.cli.report import notify, report
from bowerbird.vision.config import InspectConfig

if TYPE_CHECKING:
    from bowerbird.cli.progress import Work
    from bowerbird.learning.step import Step
    from bowerbird.vision.features.inspect import View


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class InspectOptions(CommonOptions):
    """Options of ``inspect``."""

    output: Output = None
    """Picture to write; else IMAGE-features.png, in this folder."""


def inspect(
    image: Path,
    /,
    *,
    run: InspectOptions = InspectOptions(),
    config: Annotated[InspectConfig, Parameter(name="*", group=Group("Features", sort_key=2))] = (
        InspectConfig()
    ),
) -> int:
    """Show a network's features of a picture: filters, feature maps, class activation, dreams.

    Parameters
    ----------
    image
        The picture.
    """
    from bowerbird.cli.progress import follow
    from bowerbird.pictures.reading import read_picture
    from bowerbird.pictures.writing import check_writable
    from bowerbird.vision.features.inspect import inspect_steps

    path = run.output or Path(f"{image.stem}-features.png")
    check_writable(path, force=run.force)
    picture = read_picture(image).over()
    views: list[View] = []

    def on_step(step: "Step[View]") -> str:
        if step.preview is not None:
            views[:] = [step.preview]
        return ""

    with about(image):
        work = follow(inspect_steps(picture, config, image.name), (), on_step, quiet=run.quiet)
    if work.ended:
        notify(f"{work.ended} at step {work.last.number} of {work.last.total}; saving the result")
    return _finish(views[0], work, image, path, run)


def _finish(view: "View", work: "Work[View]", image: Path, path: Path, run: InspectOptions) -> int:
    """Write the picture, report it, and return the exit code."""
    from bowerbird.pictures.writing import check_side, write_picture

    height, width = view.sheet.shape[1:]
    check_side(path, max(height, width))
    write_picture(path, view.sheet)
    facts = {
        "file": str(image),
        "output": str(path),
        "width": width,
        "height": height,
        "seconds": round(work.last.seconds, 3),
        **view.facts(),
    }
    lines = [f"  {label.name}  {label.probability:.1%}" for label in view.labels or ()]
    for layer in view.layers:
        channels = ", ".join(str(channel.channel) for channel in layer.channels[:6])
        lines.append(f"{layer.layer}: channels {channels} are the most active")
    lines.append(f"{path}: {width} x {height} px, {work.last.seconds:.1f} s")
    report([facts], *lines, json=run.json, quiet=run.quiet)
    return work.exit_code("vision")
