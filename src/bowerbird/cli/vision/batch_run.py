"""Where pictures are looked at: each is read, told of, and written with what was seen in it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from jaxtyping import Bool, Float
from torch import Tensor

from bowerbird.cli.errors import BAD_INPUT, exit_code
from bowerbird.cli.settings import RUN, Switch
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.reading import read_picture
from bowerbird.pictures.writing import check_writable, write_picture
from bowerbird.vision.drawing import draw
from bowerbird.vision.results import Seen


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class LookRun:
    """What every command that looks at pictures can be told besides its configuration."""

    output: Annotated[Path | None, Parameter(name=("--output", "-o"), show_default=False)] = None
    """Picture to write with what was seen drawn in it; a folder if there are several pictures."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    json: Switch = False
    """Print one JSON list on standard output, one object a picture."""
    quiet: Switch = False
    """Tell nothing."""
    force: Switch = False
    """Overwrite files that exist."""

    def places(self, images: Sequence[Path]) -> list[Path | None]:
        """Return where each picture goes; raise ValueError if one can't be written."""
        if not images:
            raise ValueError("there is no picture; name one or several files")
        if self.output is None:
            return [None] * len(images)
        if len(images) > 1 and not self.output.suffix:
            self.output.mkdir(exist_ok=True)
        if len(images) == 1 and not self.output.is_dir():
            places = [self.output]
        elif self.output.is_dir():
            places = [self.output / f"{image.stem}.png" for image in images]
        else:
            raise ValueError(f"{self.output} is no folder; several pictures go into a folder")
        if len(set(places)) < len(places):
            raise ValueError("two pictures have the same name; look at them one after the other")
        for place in places:
            check_writable(place, force=self.force)
        return list(places)

    def pieces(self, place: Path, seen: Seen) -> list[tuple[Path, Bool[Tensor, "h w"]]]:
        """Return where each box's own picture goes, and its mask; none unless cut out."""
        return []


Drawing = Callable[[Float[Tensor, "3 h w"], Seen], Float[Tensor, "3 h w"]]


def look(
    images: Sequence[Path],
    places: Sequence[Path | None],
    run: LookRun,
    see: Callable[[Picture], Seen],
    words: Callable[[Seen], str],
    drawing: Drawing = draw,
) -> int:
    """See each picture, tell of it in ``words`` or JSON, write it drawn over; return the exit code.

    ``places`` are those of ``run.places``, which tells what can't be written before any model is
    opened. A picture that can't be read is told, and the others are looked at all the same.
    """
    told: list[dict[str, Any]] = []
    code = 0
    for image, place in zip(images, places, strict=True):
        try:
            picture = read_picture(image)
            seen = see(picture)
            facts = {"file": str(image), **seen.facts()}
            if place is not None:
                facts["output"] = str(place)
                rgb = picture.over()
                write_picture(place, drawing(rgb, seen))
                pieces = run.pieces(place, seen)
                for box, (piece, mask) in zip(facts.get("boxes", ()), pieces, strict=False):
                    write_picture(piece, rgb, mask.float())
                    box["mask"] = str(piece)
        except (ValueError, OSError, MemoryError) as error:
            if len(images) == 1:
                raise
            exit_code(error, "vision")
            code = BAD_INPUT
            continue
        told.append(facts)
        if not run.json and not run.quiet:
            head = f"{image}: " if len(images) > 1 else ""
            print(head + words(seen))  # noqa: T201
    if run.json:
        print(json.dumps(told, allow_nan=False))  # noqa: T201
    return code
