"""Where a sheet of what the network sees is made: followed, written, told."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from bowerbird.cli.errors import say
from bowerbird.cli.progress import Work, follow
from bowerbird.cli.settings import RUN, Switch
from bowerbird.learning.step import Step
from bowerbird.pictures.writing import check_side, check_writable, write_picture
from bowerbird.vision.features.inspect import View


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class SeeRun:
    """What seeing can be told besides its configuration."""

    output: Annotated[Path | None, Parameter(name=("--output", "-o"), show_default=False)] = None
    """Picture to write; else IMAGE-seen.png, in this folder."""
    json: Switch = False
    """Print one JSON list on standard output, one object a picture."""
    quiet: Switch = False
    """Show no progress."""
    force: Switch = False
    """Overwrite a file that exists."""

    def place(self, image: Path) -> Path:
        """Return where the sheet goes; raise ValueError if it can't be written there."""
        place = self.output or Path(f"{image.stem}-seen.png")
        check_writable(place, force=self.force)
        return place


def view(steps: Iterator[Step[View]], run: SeeRun) -> tuple[View, Work[View]]:
    """Follow the work to its end, or to Ctrl-C; return the last sheet, and how it went."""
    views: list[View] = []

    def look(step: Step[View]) -> str:
        if step.preview is not None:
            views[:] = [step.preview]
        return ""

    work = follow(steps, (), look, quiet=run.quiet)
    if work.ended:
        say(f"{work.ended} at step {work.last.number} of {work.last.total}; saving what there is")
    return views[0], work


def keep_view(seen: View, work: Work[View], image: Path, place: Path, run: SeeRun) -> int:
    """Write the sheet, tell of it, and return the exit code."""
    height, width = seen.sheet.shape[1:]
    check_side(place, max(height, width))
    write_picture(place, seen.sheet)
    if run.json:
        facts: dict[str, Any] = {"file": str(image), "output": str(place)}
        facts |= {"width": width, "height": height, "seconds": round(work.last.seconds, 3)}
        facts |= seen.facts()
        print(json.dumps([facts], allow_nan=False))  # noqa: T201
    elif not run.quiet:
        for label in seen.labels or ():
            print(f"  {label.name}  {label.probability:.1%}")  # noqa: T201
        for layer in seen.layers:
            strong = ", ".join(str(one.channel) for one in layer.channels[:6])
            print(f"{layer.layer}: channels {strong} are the most active")  # noqa: T201
        print(f"{place}: {width} x {height} px, {work.last.seconds:.1f} s")  # noqa: T201
    return work.exit_code("vision")
