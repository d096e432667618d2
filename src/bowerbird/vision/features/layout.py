"""A sheet of paper on which pictures hang, with a title, captions and hairlines.

Positions and sizes are in px. The letters are those that come with Pillow (Aileron), at any size.
"""

import math
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

PAPER, INK, SOFT, LINE = (251, 249, 245), (33, 31, 29), (134, 127, 118), (224, 218, 208)
ACCENT = (183, 55, 121)  # the middle of magma
SMALLEST = 12  # px, of letters


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class Sheet:
    """Paper of a fixed size, px, on which things are put."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    @property
    def rgb(self) -> Float[Tensor, "3 h w"]:
        """The sheet as a picture in [0, 1]."""
        return torch.from_numpy(np.array(self.image)).permute(2, 0, 1).float() / 255

    def words(
        self,
        at: tuple[float, float],
        text: str,
        size: int,
        color: tuple[int, int, int] = INK,
        anchor: str = "ls",
        max_width: float = math.inf,
    ) -> float:
        """Write one line, its baseline at ``at``; return its width.

        The letters are smaller where the line would be wider than ``max_width``.
        """
        font = _font(size)
        while size > SMALLEST and self.pen.textlength(text, font=font) > max_width:
            size -= 1
            font = _font(size)
        self.pen.text(at, text, font=font, fill=color, anchor=anchor)
        return float(self.pen.textlength(text, font=font))

    def line(self, left: float, right: float, y: float) -> None:
        """Draw a hairline across."""
        self.pen.line((left, y, right, y), fill=LINE, width=2)

    def bar(self, at: tuple[float, float], width: float, share: float, height: int = 4) -> None:
        """Draw a bar, filled as far as a share of 0..1."""
        left, top = at
        self.pen.rectangle((left, top, left + width - 1, top + height - 1), fill=LINE)
        if share > 0:
            right = left + max(1.0, width * min(share, 1.0)) - 1
            self.pen.rectangle((left, top, right, top + height - 1), fill=ACCENT)

    def hang(
        self,
        picture: Float[Tensor, "3 h w"],
        box: tuple[int, int, int, int],
        *,
        crisp: bool = False,
    ) -> None:
        """Put a picture into (left, top, width, height), cut to the box's shape around its middle.

        ``crisp`` keeps the edges of its pixels.
        """
        left, top, wide, high = box
        pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        image = Image.fromarray(pixels)
        scale = max(wide / image.width, high / image.height)
        # rounding must not reach beyond the picture
        cut = (min(wide / scale, image.width), min(high / scale, image.height))
        x, y = (image.width - cut[0]) / 2, (image.height - cut[1]) / 2
        how = Image.Resampling.NEAREST if crisp else Image.Resampling.LANCZOS
        placed = image.resize((wide, high), how, box=(x, y, x + cut[0], y + cut[1]))
        self.image.paste(placed, (left, top))
