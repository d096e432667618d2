"""Hard pages to evaluate the reader on: print, print beside handwriting, mixed sizes, only 1s.

Printed digits are negatives: the model is trained on handwriting.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from synthetic_pages import (
    HEIGHT,
    WIDTH,
    Handwriting,
    Page,
    PageConfig,
    blend,
    empty_page,
    make_page,
)

from bowerbird.vision.camera import photograph_page

# not the fonts of the training negatives (negatives.py: DejaVu and STIX)
FONTS = "/usr/share/fonts"
FAMILIES = ("Liberation", "FreeS", "FreeMono", "C059", "P052", "NimbusRoman", "NimbusSans", "URWB")
WORDS = (
    *("the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with"),
    *("be", "by", "on", "not", "he", "his", "but", "at", "are", "this", "have", "from"),
    *("which", "page", "paper", "total", "order", "street", "invoice", "yours", "sincerely"),
    *("letter", "horse", "Monday", "account", "sum"),
)


def fonts():
    """Return installed fonts of letters, sorted by name."""
    paths = sorted(path for kind in ("ttf", "otf") for path in Path(FONTS).rglob(f"*.{kind}"))
    return [path for path in paths if path.name.startswith(FAMILIES)]


def printed(seed, part=0):
    """Return a photographed page of print; of the fonts every second one, from ``part`` on."""
    random = np.random.default_rng(seed)
    image = Image.new("L", (WIDTH, HEIGHT), 0)
    _print(image, random, fonts()[part::2], top=80, rows=99, number_fraction=0.15)
    return Page(_photographed(np.asarray(image, np.float32) / 255, random))


def beside(images, labels, seed, part=0):
    """Return a page with some lines of print below the handwriting."""
    page = make_page(images, labels, PageConfig(seed=seed, lines=3, surface="plain"))
    random = np.random.default_rng(seed)
    high, wide = page.rgb.shape[:2]
    lowest = max(box[3] for _, box in page.boxes)
    image = Image.new("L", (wide, high), 0)
    top = lowest + 40 if lowest < 0.7 * high else 20
    rows = 6 if lowest < 0.7 * high else 1
    _print(image, random, fonts()[part::2], top=int(top), rows=rows, number_fraction=0.05)
    mask = cv2.GaussianBlur(np.asarray(image, np.float32) / 255, (0, 0), 0.8)[..., None]
    return Page(page.rgb * (1 - 0.8 * mask), page.lines, page.boxes)


def mixed(images, labels, seed):
    """Return a page whose lines are of several sizes: up to three times as high."""
    random = np.random.default_rng(seed)
    handwriting = Handwriting(images, labels, random, PageConfig.touching_fraction)
    y = 120.0
    while y < HEIGHT - 150:
        height = float(random.uniform(40, 120))
        y += 1.4 * height
        handwriting.write_line(y, height, 0.0)
    return Page(_photographed(handwriting.mask, random), handwriting.lines, handwriting.boxes)


def ones(images, labels, seed):
    """Return a page of nothing but 1s."""
    only = labels == 1
    return make_page(images[only], labels[only], PageConfig(seed=seed, surface="plain"))


def _print(image, random, paths, *, top, rows, number_fraction):
    pen, wide = ImageDraw.Draw(image), image.width
    size = int(random.integers(18, 60))
    font = ImageFont.truetype(str(random.choice(paths)), size)
    y = top
    while y < image.height - 2 * size and rows:
        words = ""
        while pen.textlength(words, font) < 0.75 * wide:
            number = str(random.integers(10 ** int(random.integers(1, 6))))
            words += (
                number if random.random() < number_fraction else str(random.choice(WORDS))
            ) + " "
        pen.text((int(0.08 * wide), y), words[: words.rstrip().rfind(" ")], 255, font)
        y, rows = y + int(1.5 * size), rows - 1


def _photographed(mask, random):
    """Return plain paper with black writing, photographed from above, (h, w, 3)."""
    flat = empty_page("plain", 100.0, random)
    return photograph_page(blend(flat, np.float32(0.1), 0.85 * mask), random)
