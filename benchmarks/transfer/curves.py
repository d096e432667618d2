"""Curves of loss against seconds, both axes logarithmic, drawn with Pillow."""

import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 900, 540  # px
LEFT, RIGHT, TOP, BOTTOM = 96, 30, 64, 66  # px around the axes
SHARP = 3  # drawn this much larger, then shrunk, so that lines are smooth
INK, FAINT, PAPER = "#222222", "#e2e2e2", "#ffffff"


@dataclass(frozen=True)
class Curve:
    """The loss of one tool over time."""

    label: str
    color: str
    points: list[tuple[float, float]]
    """(seconds, loss), in the order of seconds."""
    marks: dict[int, str]
    """Labels of some of the points, by their index."""


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis from ``low`` at pixel ``start`` to ``high`` at pixel ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        fraction = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + fraction * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return the powers of ten in range, and multiples of them if there are few."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        ticks: list[float] = []
        for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
            every = [digit * 10.0**decade for decade in decades for digit in digits]
            ticks = [tick for tick in every if self.low <= tick <= self.high]
            if len(ticks) >= 4:
                break
        return ticks


def draw(path: Path, curves: list[Curve], title: str, x_label: str, y_label: str) -> None:
    """Write the curves as a PNG."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    across = Axis(min(xs) / 1.15, max(xs) * 1.3, LEFT, WIDTH - RIGHT)
    down = Axis(min(ys) / 1.2, max(ys) * 1.6, HEIGHT - BOTTOM, TOP)
    image = Image.new("RGB", (WIDTH * SHARP, HEIGHT * SHARP), PAPER)
    pen = _Pen(ImageDraw.Draw(image))
    for tick in across.ticks():
        x = across.at(tick)
        pen.line([(x, TOP), (x, HEIGHT - BOTTOM)], FAINT, 1)
        pen.text((x, HEIGHT - BOTTOM + 8), f"{tick:g}", INK, 14, "ma")
    for tick in down.ticks():
        y = down.at(tick)
        pen.line([(LEFT, y), (WIDTH - RIGHT, y)], FAINT, 1)
        pen.text((LEFT - 8, y), f"{tick:,.0f}", INK, 14, "rm")
    pen.line([(LEFT, TOP), (LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM)], INK, 1.5)
    pen.text((LEFT, 12), title, INK, 17, "la")
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12), x_label, INK, 15, "md")
    pen.text((LEFT, TOP - 8), y_label, INK, 15, "ld")
    for number, curve in enumerate(curves):
        spots = [(across.at(x), down.at(y)) for x, y in curve.points]
        pen.line(spots, curve.color, 2.5)
        for i, spot in enumerate(spots):
            pen.dot(spot, curve.color, 4 if i in curve.marks else 2)
        for i, mark in curve.marks.items():
            pen.text((spots[i][0] + 5, spots[i][1] - 5), mark, curve.color, 13, "ld")
        y = TOP + 14 + 22 * number
        pen.line([(WIDTH - RIGHT - 340, y), (WIDTH - RIGHT - 310, y)], curve.color, 2.5)
        pen.text((WIDTH - RIGHT - 300, y), curve.label, curve.color, 15, "lm")
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path, optimize=True)


@dataclass(frozen=True)
class _Pen:
    """Drawing in px of the finished picture."""

    on: ImageDraw.ImageDraw

    def line(self, spots: list[tuple[float, float]], color: str, width: float) -> None:
        large = [(x * SHARP, y * SHARP) for x, y in spots]
        self.on.line(large, fill=color, width=round(width * SHARP), joint="curve")

    def dot(self, spot: tuple[float, float], color: str, radius: float) -> None:
        self.on.circle((spot[0] * SHARP, spot[1] * SHARP), radius * SHARP, fill=color)

    def text(
        self, spot: tuple[float, float], words: str, color: str, height: int, anchor: str
    ) -> None:
        font = ImageFont.load_default(size=height * SHARP)
        large = (spot[0] * SHARP, spot[1] * SHARP)
        self.on.text(large, words, fill=color, font=font, anchor=anchor)
