"""Boxes, masks and labels drawn over a picture.

Colors are eight of even lightness around the circle of hues, given to names in the order in which
they come; a name sits on its box in a tag of the same color.
"""

import colorsys

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from bowerbird.vision.seen import Box, Seen

HUES = (0.02, 0.58, 0.33, 0.12, 0.78, 0.47, 0.92, 0.22)
_LINE = 220  # a line is one px wide for so many px of the picture's long side
_TEXT = 36  # a letter is one px high for so many
_TINT = 0.45  # of a mask's color over the pixels in it


def draw(rgb: Float[Tensor, "3 h w"], seen: Seen) -> Float[Tensor, "3 h w"]:
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
    for box in boxes:
        _frame(pen, box, colors[box.name], max(1, side // _LINE), font)
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


def _frame(
    pen: ImageDraw.ImageDraw,
    box: Box,
    color: tuple[float, float, float],
    line: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Draw a box, and its name in a tag above it, or inside where there is no room above."""
    ink = tuple(round(255 * c) for c in color)
    left, top, right, bottom = box.xyxy
    pen.rectangle((left, top, max(right, left), max(bottom, top)), outline=ink, width=line)
    if not box.name:
        return
    x0, y0, x1, y1 = pen.textbbox((0, 0), box.name, font=font)
    wide, high = x1 - x0 + 2 * line + 4, y1 - y0 + 2 * line + 2
    y = top - high if top >= high else top
    pen.rectangle((left, y, left + wide, y + high), fill=ink)
    bright = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 0.55
    at = (left + line + 2 - x0, y + line + 1 - y0)
    pen.text(at, box.name, font=font, fill=(0, 0, 0) if bright else (255, 255, 255))


def _banner(
    image: Image.Image, words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    """Write lines over a darkened strip along the lower edge."""
    pen = ImageDraw.Draw(image)
    _, top, _, bottom = pen.multiline_textbbox((0, 0), words, font=font)
    high = min(int(bottom - top) + 16, image.height)
    strip = image.crop((0, image.height - high, image.width, image.height))
    image.paste(strip.point(lambda value: value // 3), (0, image.height - high))
    pen.multiline_text((8, image.height - high + 8 - top), words, font=font, fill=(255, 255, 255))
