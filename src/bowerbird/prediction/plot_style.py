"""The style of all plots of predictions: colors, axes, and how they are saved."""

from pathlib import Path
from typing import Any

from bowerbird.files.atomic_write import atomic_write

TEXT, BLUE, ORANGE, GRAY = "#22252e", "#1d4e89", "#d1662b", "#8a8f9c"
DPI = 110


def style_axes(axes: Any) -> None:
    """Remove the upper and right border of axes, and set the color and size of their text."""
    axes.title.set_fontsize(10.5)
    axes.title.set_color(TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRAY)
    axes.tick_params(colors=TEXT, labelsize=9)


def save_figure(figure: Any, path: Path, dpi: int = DPI) -> None:
    """Write a figure as a PNG file, atomically; raise OSError if it can't be written."""
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=dpi)
