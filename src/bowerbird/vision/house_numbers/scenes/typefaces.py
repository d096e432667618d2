"""Typefaces that are at hand, and digits laid out with them.

Fonts come in packages: matplotlib's DejaVu, STIX and Computer Modern, and every installed package
that offers its fonts by the entry points ``fonts_ttf`` and ``fonts_otf`` (font-roboto, font-lato
...); and from folders, such as those of the system.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

HEIGHT = 72  # px of a font's em in which signs are drawn
SUFFIXES = (".ttf", ".otf")
# matplotlib's fonts of symbols, and what else has no digits that can be read
WITHOUT_DIGITS = (
    *("cmex", "cmsy", "cmmi", "STIXSiz", "STIXNon", "LastResort", "DejaVuSansDisplay"),
    *("DejaVuSerifDisplay", "Symbol", "D050000L"),
)
Arrangement = Literal["level", "stacked", "diagonal"]


@dataclass(frozen=True)
class Typeface:
    """A font file."""

    path: Path

    @property
    def family(self) -> str:
        """What all its weights are called: Lato of Lato-BoldItalic."""
        return self.path.stem.partition("-")[0].removesuffix("Bol").removesuffix("Italic")


@dataclass(frozen=True, eq=False)
class Lettering:
    """Signs laid out: how much ink is on each pixel, and where each sign is."""

    ink: NDArray[Any]  # (h, w) in 0..1
    boxes: NDArray[Any]  # (n, 4): left, top, right, bottom in px


def typefaces(folders: Iterable[Path] = ()) -> tuple[Typeface, ...]:
    """Return the fonts at hand, each file once, in the order of their names.

    Raises ValueError for a folder that is not there.
    """
    places = [*folders]
    for place in places:
        if not place.is_dir():
            raise ValueError(f"{place} is no folder; name one with fonts (.ttf, .otf)")
    found = {path.name: path for place in places for path in sorted(place.rglob("*"))}
    for group in ("fonts_ttf", "fonts_otf"):
        for entry in entry_points(group=group):
            spec = find_spec(entry.module)
            for root in (spec.submodule_search_locations or ()) if spec else ():
                found |= {path.name: path for path in sorted(Path(root).rglob("*"))}
    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
        found |= {path.name: path for path in sorted(fonts.glob("*"))}
    readable = (
        path
        for name, path in sorted(found.items())
        if path.suffix.lower() in SUFFIXES and not any(part in name for part in WITHOUT_DIGITS)
    )
    once = {path.stem: path for path in readable}
    return tuple(Typeface(path) for path in once.values() if _has_digits(path))


def lay_out(
    text: str, typeface: Typeface, arrangement: Arrangement, spacing: float, step: float
) -> Lettering:
    """Lay signs out in a row, stacked, or on a diagonal, with their upright boxes.

    ``spacing`` lies between two signs, ``step`` is what each stands lower than the one before on a
    diagonal, both in parts of ``HEIGHT``.
    """
    font = _font(typeface.path)
    glyphs = [font.getbbox(sign, anchor="ls") for sign in text]
    x = y = 0.0
    places = []
    for left, top, right, bottom in glyphs:
        if arrangement == "stacked":
            y -= top
            places.append((-(left + right) / 2, y))
            y += bottom + spacing * HEIGHT + 6
        else:
            places.append((x - left, y))
            x += right - left + spacing * HEIGHT + 3
            y += step * HEIGHT if arrangement == "diagonal" else 0
    boxes = np.array(
        [
            (px + left, py + top, px + right, py + bottom)
            for (px, py), (left, top, right, bottom) in zip(places, glyphs, strict=True)
        ],
        np.float32,
    )
    corner = np.floor(boxes[:, :2].min(0)) - 1
    width, height = (np.ceil(boxes[:, 2:].max(0) - corner) + 1).astype(int).tolist()
    image = Image.new("L", (max(1, width), max(1, height)))
    pen = ImageDraw.Draw(image)
    for sign, (px, py) in zip(text, places, strict=True):
        pen.text((px - corner[0], py - corner[1]), sign, 255, font, anchor="ls")
    return Lettering(
        np.asarray(image, np.float32) / 255, boxes - np.tile(corner, 2).astype(np.float32)
    )


@lru_cache(maxsize=1024)
def _has_digits(path: Path) -> bool:
    """Tell a font with digits from one that draws the same box for signs that it has not."""
    try:
        font = _font(path)
    except OSError:  # a damaged file among many
        return False
    return bytes(font.getmask("0")) != bytes(font.getmask("8"))


@lru_cache(maxsize=512)
def _font(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), HEIGHT)
