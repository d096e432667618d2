"""What ``vision segment`` can be told besides its configuration: each thing as a file of its own.

Beside OUT.png lies OUT-1-espresso.png: the whole picture with all but the thing transparent, so
that its alpha is the mask, and it fits over the picture without a shift.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter
from jaxtyping import Bool
from torch import Tensor

from bowerbird.cli.settings import RUN, Switch
from bowerbird.cli.vision.batch_run import LookRun
from bowerbird.vision.results import Seen

LONGEST = 60  # letters of a thing's name in the name of its file


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class CutRun(LookRun):
    """What cutting out can be told besides its configuration."""

    cut: Switch = False
    """Write each thing too, the rest transparent, beside OUT.png: OUT-1-espresso.png ..."""

    def places(self, images: Sequence[Path]) -> list[Path | None]:
        """Return where each picture goes; raise ValueError if it, or its things, can't go there."""
        places = super().places(images)
        if not self.cut:
            return places
        for place in places:
            if place is None:
                raise ValueError("--cut writes beside the drawn picture; name that one with -o")
            ours = re.compile(re.escape(place.stem) + r"-\d+-[a-z0-9-]+\.png")
            if any(other and ours.fullmatch(other.name) for other in places):
                raise ValueError(
                    f"a thing of {place} may be named as another picture; look at them one after "
                    "the other"
                )
            taken = [file for file in sorted(place.parent.iterdir()) if ours.fullmatch(file.name)]
            if taken and not self.force:
                raise ValueError(f"{taken[0]} exists; add --force to overwrite it")
        return places

    def pieces(self, place: Path, seen: Seen) -> list[tuple[Path, Bool[Tensor, "h w"]]]:
        """Return each thing's file, by its number, best first, and its name; and its mask."""
        boxes = (seen.boxes or ()) if self.cut else ()
        return [
            (place.with_name(f"{place.stem}-{number}-{_plain(box.name)}.png"), box.mask)
            for number, box in enumerate(boxes, 1)
            if box.mask is not None
        ]


def _plain(name: str) -> str:
    """Return a name in small letters, digits and dashes: ear-of-grain."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:LONGEST].strip("-") or "thing"
