"""How pictures of predictions look: their colors, their axes, and how they are saved."""

from pathlib import Path
from typing import Any

from bowerbird.learning.atomic_write import atomic_write

INK, BLUE, ORANGE, FAINT = "#22252e", "#1d4e89", "#d1662b", "#8a8f9c"
DENSITY = 110  # dots per inch


def plain(axes: Any) -> None:
    """Take away the frame's upper and right line, and give the rest the same ink and size."""
    axes.title.set_fontsize(10.5)
    axes.title.set_color(INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def save_figure(figure: Any, path: Path, density: int = DENSITY) -> None:
    """Write a figure as a PNG file, whole or not at all; raise OSError if it can't be written."""
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=density)
