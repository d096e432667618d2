"""Installed typefaces, and digits laid out with them.

Fonts come from packages: matplotlib's DejaVu, STIX and Computer Modern, and every package with the
entry points ``fonts_ttf`` or ``fonts_otf`` (font-roboto, font-lato ...); and from folders, such as
those of the system.
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

EM = 72  # px, font size in which plaques are drawn
SUFFIXES = (".ttf", ".otf")
# matplotlib's symbol fonts, and others without legible digits
WITHOUT_DIGITS = (
    *("cmex", "cmsy", "cmmi", "STIXSiz", "STIXNon", "LastResort", "DejaVuSansDisplay"),
    *("DejaVuSerifDisplay", "Symbol", "D050000L"),
)
Arrangement = Literal["level", "stacked", "diagonal"]


@dataclass(frozen=True, eq=False)
class Lettering:
    """Rendered text and the boxes of its characters."""

    mask: NDArray[Any]  # (h, w) in 0..1, coverage of each pixel
    boxes: NDArray[Any]  # (n, 4): left, top, right, bottom in px


def find_typefaces(folders: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Return the font files of installed packages and of folders, each once, sorted by name.

    Raises ValueError for a folder that does not exist.
    """
    folders = [*folders]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; give one with fonts (.ttf, .otf)")
    for group in ("fonts_ttf", "fonts_otf"):
        for entry in entry_points(group=group):
            spec = find_spec(entry.module)
            folders += map(Path, (spec and spec.submodule_search_locations) or ())
    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        folders.append(Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf")
    found = {path.name: path for folder in folders for path in sorted(folder.rglob("*"))}
    readable = (
        path
        for name, path in sorted(found.items())
        if path.suffix.lower() in SUFFIXES and not any(part in name for part in WITHOUT_DIGITS)
    )
    by_stem = {path.stem: path for path in readable}
    return tuple(path for path in by_stem.values() if _has_digits(path))


def font_family(path: Path) -> str:
    """Return the name of a font without weight and style: Lato of Lato-BoldItalic."""
    return path.stem.partition("-")[0].removesuffix("Bol").removesuffix("Italic")


def lay_out(
    text: str, typeface: Path, arrangement: Arrangement, spacing: float, step: float
) -> Lettering:
    """Render text in a row, stacked, or along a diagonal.

    ``spacing`` is the gap between two characters, ``step`` how much lower each character of a
    diagonal is than the one before, both as a fraction of ``EM``.
    """
    font = _font(typeface)
    glyphs = [font.getbbox(character, anchor="ls") for character in text]
    x = y = 0.0
    origins = []
    for left, top, right, bottom in glyphs:
        if arrangement == "stacked":
            y -= top
            origins.append((-(left + right) / 2, y))
            y += bottom + spacing * EM + 6
        else:
            origins.append((x - left, y))
            x += right - left + spacing * EM + 3
            y += step * EM if arrangement == "diagonal" else 0
    boxes = np.array(
        [
            (px + left, py + top, px + right, py + bottom)
            for (px, py), (left, top, right, bottom) in zip(origins, glyphs, strict=True)
        ],
        np.float32,
    )
    corner = np.floor(boxes[:, :2].min(0)) - 1
    width, height = (np.ceil(boxes[:, 2:].max(0) - corner) + 1).astype(int).tolist()
    image = Image.new("L", (max(1, width), max(1, height)))
    pen = ImageDraw.Draw(image)
    for character, (px, py) in zip(text, origins, strict=True):
        pen.text((px - corner[0], py - corner[1]), character, 255, font, anchor="ls")
    return Lettering(
        np.asarray(image, np.float32) / 255, boxes - np.tile(corner, 2).astype(np.float32)
    )


@lru_cache(maxsize=1024)
def _has_digits(path: Path) -> bool:
    """Return whether a font has digits: one without draws the same box for all of them."""
    try:
        font = _font(path)
    except OSError:  # a damaged font is skipped
        return False
    return bytes(font.getmask("0")) != bytes(font.getmask("8"))


@lru_cache(maxsize=512)
def _font(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), EM)
