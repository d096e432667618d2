"""Style plates: small pictures, made by our own program, to use as style images.

``tools/paint_plates`` draws them; this module finds the JPEGs that are shipped.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

PlateName = Literal["cutpaper", "ink", "mosaic", "swirls", "woodblock"]
PLATES: tuple[PlateName, ...] = get_args(PlateName)


def plate_path(name: PlateName) -> Path:
    """Return the path of a plate's JPEG; raise ValueError for a name that is not in ``PLATES``."""
    if name not in PLATES:
        raise ValueError(f"there is no plate {name!r}; the plates are {', '.join(PLATES)}")
    return Path(str(files(__name__) / f"{name}.jpg"))
