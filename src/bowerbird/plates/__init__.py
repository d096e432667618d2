"""Style plates: small paintings that our own program painted, shipped as style pictures.

`tools/paint_plates` paints them again; this module only finds the shipped JPEGs.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

PlateName = Literal["cutpaper", "ink", "mosaic", "swirls", "woodblock"]
PLATES: tuple[PlateName, ...] = get_args(PlateName)


def plate_path(name: PlateName) -> Path:
    """Return where the plate's JPEG lies; raise ValueError for a name that is not in `PLATES`."""
    if name not in PLATES:
        raise ValueError(f"no plate is named {name!r}; the plates are {', '.join(PLATES)}")
    return Path(str(files(__name__) / f"{name}.jpg"))
