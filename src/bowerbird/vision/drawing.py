"""Boxes, masks and labels drawn over a picture.

Colors are eight of even lightness around the circle of hues, given to names in the order in which
they come; a name sits on its box in a tag of the same color, where it hides no other name if it
can.
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
_LINE = 220  # a line is one px wide for so many px of the picture's long side
_TEXT = 36  # a letter is one px high for so many
_NAME = 4.0  # times the area of a box that the same area of a name counts
_TINT = 0.45  # of a mask's color over the pixels in it


@dataclass(frozen=True)
class Room:
    """What is in a picture already, in px."""

    size: tuple[int, int]  # width, height
    boxes: list[Sides]
    tags: list[Sides]

    def hidden(self, place: Sides) -> float:
        """Return the area, px^2, of boxes and names that a rectangle hides; names count more."""
        names = sum(shared(place, tag) for tag in self.tags)
        return _NAME * names + sum(shared(place, box) for box in self.boxes)


def draw(rgb: Float[Tensor, "3 h w"], seen: VisionResult) -> Float[Tensor, "3 h w"]:
    """Return a picture in 0..1 with what was seen drawn over it; text goes along its lower edge."""
    boxes = seen.boxes or ()
    colors = _colors(boxes)
    picture = rgb.clone()
    for box in boxes:
        if box.mask is not None:
            color = torch.tensor(colors[box.name])[:, None]
            picture[:, box.mask] = (1 - _TINT) * picture[:, box.mask] + _TINT * color
    pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    side = min(max(image.size), 2 * min(image.size))  # in a panorama, what its height can bear
    font = ImageFont.load_default(max(9, side // _TEXT))
    line = max(1, side // _LINE)
    for box in boxes:
        left, top, right, bottom = box.xyxy
        edge = (left, top, max(right, left), max(bottom, top))
        pen.rectangle(edge, outline=_ink(colors[box.name]), width=line)
    room = Room(image.size, [box.xyxy for box in boxes], [])
    for box in boxes:  # names come after all frames, so that no line goes through one
        if box.name:
            room.tags.append(_tag(pen, box, colors[box.name], (line, font), room))
    words = seen.text or "\n".join(
        f"{one.name} {one.probability:.0%}" for one in (seen.labels or ()) if not boxes
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


def _ink(color: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in color)
    return red, green, blue


def _tag(
    pen: ImageDraw.ImageDraw,
    box: Box,
    color: tuple[float, float, float],
    how: tuple[int, Font],
    room: Room,
) -> Sides:
    """Write a box's name in a tag on one of its corners; return where.

    ``how`` is the width of lines and the font.
    """
    line, font = how
    x0, y0, x1, y1 = pen.textbbox((0, 0), box.name, font=font)
    place = _place(box, (x1 - x0 + 2 * line + 4, y1 - y0 + 2 * line + 2), room)
    pen.rectangle(place, fill=_ink(color))
    bright = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 0.55
    at = (place[0] + line + 2 - x0, place[1] + line + 1 - y0)
    pen.text(at, box.name, font=font, fill=(0, 0, 0) if bright else (255, 255, 255))
    return place


def _place(box: Box, tag: tuple[float, float], room: Room) -> Sides:
    """Return where a tag of this size hides least: above its box, in it, or below it."""
    (wide, high), (left, top, right, bottom) = tag, box.xyxy
    ends = (left, max(left, right - wide))
    starts = [(x, y) for y in (top - high, top, bottom, bottom - high) for x in ends]
    inside = [(x, y) for x, y in starts if y >= 0 and y + high <= room.size[1]] or [(left, top)]
    places = [
        (x, y, x + wide, y + high)
        for x, y in ((_kept(x, wide, room.size[0]), y) for x, y in inside)
    ]
    return min(places, key=room.hidden)


def _kept(x: float, wide: float, most: int) -> float:
    """Move a tag to the left until it ends within the picture."""
    return max(0.0, min(x, most - wide))


def _banner(image: Image.Image, words: str, font: Font) -> None:
    """Write lines over a darkened strip along the lower edge."""
    pen = ImageDraw.Draw(image)
    _, top, _, bottom = pen.multiline_textbbox((0, 0), words, font=font)
    high = min(int(bottom - top) + 16, image.height)
    strip = image.crop((0, image.height - high, image.width, image.height))
    image.paste(strip.point(lambda value: value // 3), (0, image.height - high))
    pen.multiline_text((8, image.height - high + 8 - top), words, font=font, fill=(255, 255, 255))
