"""Pictures to try the reader on that are not composed pages: print, photographs, and hard pages.

Printed digits count as none: the reader is one of handwriting.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bowerbird.vision.digits.synthetic_pages import (
    HIGH,
    WIDE,
    Page,
    PageConfig,
    Writing,
    compose,
    empty_page,
    photographed,
)

# fonts that the reader's letters are not of (strangers.py: DejaVu and STIX)
FONTS = "/usr/share/fonts"
FAMILIES = ("Liberation", "FreeS", "FreeMono", "C059", "P052", "NimbusRoman", "NimbusSans", "URWB")
WORDS = (
    *("the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with"),
    *("be", "by", "on", "not", "he", "his", "but", "at", "are", "this", "have", "from"),
    *("which", "page", "paper", "total", "order", "street", "invoice", "yours", "sincerely"),
    *("letter", "house", "Monday", "account", "sum"),
)


def fonts():
    """Return installed fonts of letters, sorted by name."""
    paths = sorted(path for kind in ("ttf", "otf") for path in Path(FONTS).rglob(f"*.{kind}"))
    return [path for path in paths if path.name.startswith(FAMILIES)]


def printed(seed, part=0):
    """Return a photographed page of print; of the fonts every second one, from ``part`` on."""
    random = np.random.default_rng(seed)
    image = Image.new("L", (WIDE, HIGH), 0)
    _print(image, random, fonts()[part::2], top=80, rows=99, share=0.15)
    return Page(_pictured(np.asarray(image, np.float32) / 255, random))


def beside(ink, labels, seed, part=0):
    """Return a composed page with some lines of print below the handwriting."""
    page = compose(ink, labels, PageConfig(seed=seed, lines=3, surface="plain"))
    random = np.random.default_rng(seed)
    high, wide = page.rgb.shape[:2]
    lowest = max(box[3] for _, box in page.boxes)
    image = Image.new("L", (wide, high), 0)
    top = lowest + 40 if lowest < 0.7 * high else 20
    rows = 6 if lowest < 0.7 * high else 1
    _print(image, random, fonts()[part::2], top=int(top), rows=rows, share=0.05)
    mask = cv2.GaussianBlur(np.asarray(image, np.float32) / 255, (0, 0), 0.8)[..., None]
    return Page(page.rgb * (1 - 0.8 * mask), page.lines, page.boxes)


def mixed(ink, labels, seed):
    """Return a composed page whose lines are of several sizes: up to three times as high."""
    random = np.random.default_rng(seed)
    config = PageConfig(seed=seed, surface="plain")
    writing = Writing(ink, labels, random, config)
    y = 120.0
    while y < HIGH - 150:
        high = float(random.uniform(40, 120))
        y += 1.4 * high
        writing.line(y, high, 0.0)
    return Page(_pictured(writing.page, random), writing.lines, writing.boxes)


def ones(ink, labels, seed):
    """Return a composed page of nothing but 1s."""
    only = labels == 1
    return compose(ink[only], labels[only], PageConfig(seed=seed, surface="plain"))


def _print(image, random, paths, *, top, rows, share):
    pen, wide = ImageDraw.Draw(image), image.width
    size = int(random.integers(18, 60))
    font = ImageFont.truetype(str(random.choice(paths)), size)
    y = top
    while y < image.height - 2 * size and rows:
        words = ""
        while pen.textlength(words, font) < 0.75 * wide:
            number = str(random.integers(10 ** int(random.integers(1, 6))))
            words += (number if random.random() < share else str(random.choice(WORDS))) + " "
        pen.text((int(0.08 * wide), y), words[: words.rstrip().rfind(" ")], 255, font)
        y, rows = y + int(1.5 * size), rows - 1


def _pictured(mask, random):
    """Return plain paper with black ink, as it is photographed from above, (h, w, 3)."""
    flat, _ = empty_page("plain", 100.0, random)
    density = 0.85 * mask[..., None]
    flat = flat * (1 - density) + np.float32(0.1) * density
    return photographed(flat, random)
