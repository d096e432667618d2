"""Boxes, masks and labels drawn over a picture.

Names get eight colors of equal lightness around the color wheel, in the order in which they occur;
a label in the same color is placed at its box, if possible where it hides no other label.
"""

import colorsys
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from bowerbird.vision.boxes import Sides, shared
from bowerbird.vision.results import Box, VisionResult

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
HUES = (0.02, 0.58, 0.33, 0.12, 0.78, 0.47, 0.92, 0.22)
_LINE = 220  # px of the picture's long side per px of a line's width
_TEXT = 36  # px of the picture's long side per px of a letter's height
_LABEL_COST = 4.0  # of hiding a label, relative to a box of the same area
_TINT = 0.45  # opacity of a mask's color


@dataclass(frozen=True)
class Layout:
    """What has been drawn already, in px."""

    size: tuple[int, int]  # width, height
    boxes: list[Sides]
    labels: list[Sides]

    def hidden(self, place: Sides) -> float:
        """Return the area, px^2, of boxes and labels that a rectangle hides; labels count more."""
        labels = sum(shared(place, label) for label in self.labels)
        return _LABEL_COST * labels + sum(shared(place, box) for box in self.boxes)


def draw(rgb: Float[Tensor, "3 h w"], result: VisionResult) -> Float[Tensor, "3 h w"]:
    """Return a picture in [0, 1] with a result drawn over it; text goes along the lower edge."""
    boxes = result.boxes or ()
    colors = _colors(boxes)
    picture = rgb.clone()
    for box in boxes:
        if box.mask is not None:
            color = torch.tensor(colors[box.name])[:, None]
            picture[:, box.mask] = (1 - _TINT) * picture[:, box.mask] + _TINT * color
    pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    side = min(max(image.size), 2 * min(image.size))  # limited by the height of a panorama
    font = ImageFont.load_default(max(9, side // _TEXT))
    line = max(1, side // _LINE)
    for box in boxes:
        left, top, right, bottom = box.xyxy
        edge = (left, top, max(right, left), max(bottom, top))
        pen.rectangle(edge, outline=_rgb255(colors[box.name]), width=line)
    layout = Layout(image.size, [box.xyxy for box in boxes], [])
    for box in boxes:  # labels after all boxes, so that no line crosses one
        if box.name:
            layout.labels.append(_draw_label(pen, box, colors[box.name], (line, font), layout))
    words = result.text or "\n".join(
        f"{one.name} {one.probability:.0%}" for one in (result.labels or ()) if not boxes
    )
    if words:
        _banner(image, words, font)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def _colors(boxes: tuple[Box, ...]) -> dict[str, tuple[float, float, float]]:
    names = list(dict.fromkeys(box.name for box in boxes))
    return {
        name: colorsys.hls_to_rgb(HUES[number % len(HUES)], 0.5, 0.85)
        for number, name in enumerate(names)
    }


def _rgb255(color: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in color)
    return red, green, blue


def _draw_label(
    pen: ImageDraw.ImageDraw,
    box: Box,
    color: tuple[float, float, float],
    style: tuple[int, Font],
    layout: Layout,
) -> Sides:
    """Draw a box's label at one of its corners; return its rectangle.

    ``style`` is the width of lines and the font.
    """
    line, font = style
    x0, y0, x1, y1 = pen.textbbox((0, 0), box.name, font=font)
    place = _place(box, (x1 - x0 + 2 * line + 4, y1 - y0 + 2 * line + 2), layout)
    pen.rectangle(place, fill=_rgb255(color))
    bright = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 0.55
    at = (place[0] + line + 2 - x0, place[1] + line + 1 - y0)
    pen.text(at, box.name, font=font, fill=(0, 0, 0) if bright else (255, 255, 255))
    return place


def _place(box: Box, label: tuple[float, float], layout: Layout) -> Sides:
    """Return the rectangle of this size, above, in or below the box, that hides the least."""
    (wide, high), (left, top, right, bottom) = label, box.xyxy
    ends = (left, max(left, right - wide))
    starts = [(x, y) for y in (top - high, top, bottom, bottom - high) for x in ends]
    inside = [(x, y) for x, y in starts if y >= 0 and y + high <= layout.size[1]] or [(left, top)]
    # moved to the left until it ends within the picture
    within = [(max(0.0, min(x, layout.size[0] - wide)), y) for x, y in inside]
    return min(((x, y, x + wide, y + high) for x, y in within), key=layout.hidden)


def _banner(image: Image.Image, words: str, font: Font) -> None:
    """Write text over a darkened strip along the lower edge."""
    pen = ImageDraw.Draw(image)
    _, top, _, bottom = pen.multiline_textbbox((0, 0), words, font=font)
    high = min(int(bottom - top) + 16, image.height)
    strip = image.crop((0, image.height - high, image.width, image.height))
    image.paste(strip.point(lambda value: value // 3), (0, image.height - high))
    pen.multiline_text((8, image.height - high + 8 - top), words, font=font, fill=(255, 255, 255))
