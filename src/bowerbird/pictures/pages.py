"""The pages of a scanned document: a TIFF of several pages, or a PDF.

The frames of an animation are not pages: only the first one is read. The pages of a PDF are
rendered at 200 dots per inch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import tifffile
import torch

from bowerbird.errors import PictureError
from bowerbird.learning.extras import import_extra
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.reading import read_picture
from bowerbird.pictures.samples import MAX_PIXELS
from bowerbird.pictures.tiff import TIFF_MAGIC

DPI, POINTS = 200, 72  # per inch
PDF_MAGIC = b"%PDF-"
Page = Callable[[], Picture]


def read_pages(path: Path) -> list[Page]:
    """Return a function for each page of a file, which reads it; a photograph has one page.

    The functions raise PictureError as ``read_picture`` does. Raises PictureError for a PDF that is
    damaged, encrypted or empty, and MissingPackageError for a PDF without the extra ``pdf``.
    """
    start = b""
    if path.is_file():
        with path.open("rb") as stream:
            start = stream.read(1024)  # PDFs of some programs begin with other bytes
    if PDF_MAGIC in start:
        with _document(path) as document:
            return [partial(_render, path, number) for number in range(len(document))]
    numbers = _tiff_pages(path) if start[:4] in TIFF_MAGIC else [0]
    return [partial(read_picture, path, page=number) for number in numbers]


def _tiff_pages(path: Path) -> list[int]:
    """Return the numbers of the pages of a TIFF, without thumbnails and masks."""
    try:
        with tifffile.TiffFile(path) as file:
            kinds = [getattr(page, "subfiletype", 0) for page in file.pages]
            pages = [number for number, kind in enumerate(kinds) if not kind & 5]
            return pages or [0]
    except Exception:  # tifffile raises almost any type on damaged bytes; reading reports it
        return [0]


@contextmanager
def _document(path: Path) -> Iterator[Any]:
    pdfium = import_extra("pypdfium2", "reading a PDF")
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise PictureError(
            f"{path} is damaged or encrypted; save its pages as pictures ({error})"
        ) from error
    try:
        if not len(document):
            raise PictureError(f"{path} has no pages")
        yield document
    finally:
        document.close()


def _render(path: Path, number: int) -> Picture:
    """Return a page of a PDF on white paper."""
    with _document(path) as document:
        page = document[number]
        width, height = (round(side * DPI / POINTS) for side in page.get_size())
        if width * height > MAX_PIXELS:
            raise PictureError(
                f"{path}, page {number + 1} has {width} x {height} px; scale it down"
            )
        rendered = page.render(scale=DPI / POINTS, rev_byteorder=True).to_numpy()
        rgb = torch.from_numpy(rendered[..., :3].copy()).permute(2, 0, 1).float() / 255
    return Picture(rgb.contiguous(), None)
