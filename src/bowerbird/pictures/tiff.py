"""Read TIFFs of more than 8 bits a sample.

tifffile decodes the layout: strips or tiles, chunky or planar, predictors. Alone it can't expand
LZW and Zstandard, nor samples of 12 bits. The libtiff inside Pillow can, so each compressed segment
is given to it as a small gray TIFF of 8 bits, whose pixels are the expanded bytes.

Source: TIFF 6.0 (Adobe, 1992); BigTIFF.
"""

import io
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from bowerbird.errors import PictureError
from bowerbird.pictures.samples import Samples, check_pixels, to_unit

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EXPANDABLE = {1: "no", 5: "LZW", 8: "Deflate", 32773: "PackBits", 32946: "Deflate", 50000: "zstd"}
_BLOCK = 64  # rows unpacked at once, to bound memory


def tiff_page(stream: BinaryIO, number: int = 0) -> tifffile.TiffPage | None:
    """Return the header of a TIFF's page, or None if tifffile finds none."""
    stream.seek(0)
    try:
        page = tifffile.TiffFile(stream).pages[number]
    except (tifffile.TiffFileError, IndexError):
        return None
    assert isinstance(page, tifffile.TiffPage)
    return page


def tiff_orientation(page: tifffile.TiffPage) -> int:
    """Return the orientation of a page, 1..8 as in EXIF."""
    tag = page.tags.get("Orientation")
    return tag.value if tag else 1


def read_deep_tiff(path: Path, stream: BinaryIO, max_pixels: int, number: int) -> Samples | None:
    """Read a page if it is gray or RGB of more than 8 bits, or has two planes; else return None."""
    page = tiff_page(stream, number)
    if page is None:
        return None  # Pillow may be able to read it
    samples = page.samplesperpixel * page.imagedepth
    check_pixels(path, page.imagewidth, page.imagelength, max_pixels, samples)
    gray = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)
    planar_pair = page.planarconfig == 2 and page.samplesperpixel == 2  # Pillow confuses its planes
    deep = page.bitspersample > 8 or (page.bitspersample == 8 and planar_pair)
    if not deep or not (gray or page.photometric == tifffile.PHOTOMETRIC.RGB):
        return None
    top = 2**page.bitspersample - 1
    try:
        codes = page.asarray()
    except (ValueError, NotImplementedError, ImportError) as error:
        if "imagecodecs" not in str(error) and not isinstance(error, ImportError):
            raise
        codes = _expand(path, stream, page, number).asarray()
    codes = np.moveaxis(codes, 0, -1) if page.axes.startswith("S") else codes
    values = to_unit(codes.reshape(*codes.shape[:2], -1), top)
    color, extra = np.split(values, [1 if gray else 3], axis=2)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        color = 1 - color
    alpha = extra[..., 0] if extra.shape[2] and page.extrasamples[:1] != (0,) else None
    if alpha is not None and page.extrasamples[:1] == (tifffile.EXTRASAMPLE.ASSOCALPHA,):
        color = np.clip(color / np.maximum(alpha, 1e-6)[..., None], 0, 1)
    icc = page.tags.get("InterColorProfile")
    return Samples(color, alpha, tiff_orientation(page), icc.value if icc else None)


def _expand(
    path: Path, stream: BinaryIO, page: tifffile.TiffPage, number: int
) -> tifffile.TiffPage:
    """Return the page with the same layout and predictor, but uncompressed and in whole bytes."""
    bits, packed = page.bitspersample, page.bitspersample % 8 != 0
    predictor_known = page.predictor == 1 or (page.predictor in (2, 3) and not packed)
    known = page.compression in _EXPANDABLE and predictor_known and page.dtype is not None
    if not known or bits > 64 or page.imagedepth > 1:
        compression = tifffile.COMPRESSION(page.compression).name
        raise PictureError(
            f"{path} is a TIFF of {bits} bits a sample with {compression} compression, "
            "which can't be read; save it with 8 or 16 bits and LZW or Deflate compression, or run "
            "`pip install 'bowerbird[tiff]'`"
        )
    width, rows = page.imagewidth, min(page.rowsperstrip, page.imagelength)
    if page.is_tiled:
        width, rows = page.tilewidth, page.tilelength
    samples = 1 if page.planarconfig == 2 else page.samplesperpixel
    row_bytes = -(-width * samples * bits // 8)
    per_plane = -(-page.imagelength // rows)
    expanded = io.BytesIO()
    stream.seek(0)
    expanded.write(stream.read())
    offsets, counts = [], []
    for index, (offset, count) in enumerate(
        zip(page.dataoffsets, page.databytecounts, strict=True)
    ):
        height = rows
        if not page.is_tiled:
            height = min(rows, page.imagelength - index % per_plane * rows)
        stream.seek(offset)
        data = b""
        if count:  # an empty segment is one of zeros
            data = _libtiff(stream.read(count), row_bytes, height, page)
            data = _unpack(data, height, width * samples, page) if packed else data
            data = _unpredict(data, height, samples, page) if page.predictor != 1 else data
        offsets.append(expanded.seek(0, io.SEEK_END))
        counts.append(expanded.write(data))
    plain = tiff_page(expanded, number)
    assert plain is not None
    plain.dataoffsets, plain.databytecounts = tuple(offsets), tuple(counts)
    plain.compression, plain.fillorder, plain.predictor = tifffile.COMPRESSION.NONE, 1, 1
    plain.bitspersample = plain.dtype.itemsize * 8 if plain.dtype else bits
    return plain


def _libtiff(data: bytes, width: int, height: int, page: tifffile.TiffPage) -> bytes:
    """Expand one segment: ``height`` rows of ``width`` bytes."""
    tags = {
        **{256: width, 257: height, 258: 8, 259: int(page.compression), 262: 1},
        **{266: int(page.fillorder), 273: 0, 277: 1, 278: height, 279: len(data)},
    }
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = start
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    header = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    with Image.open(io.BytesIO(header + data), formats=["TIFF"]) as image:
        return image.tobytes()


def _unpack(data: bytes, height: int, samples: int, page: tifffile.TiffPage) -> bytes:
    """Return rows of packed samples, most significant bit first, as rows of whole integers."""
    bits = page.bitspersample
    packed = np.frombuffer(data, np.uint8).reshape(height, -1)
    assert page.dtype is not None
    dtype = page.dtype.newbyteorder(page.parent.byteorder)
    weights = 1 << np.arange(bits - 1, -1, -1, dtype=np.int64)
    rows: NDArray = np.empty((height, samples), dtype)
    for at in range(0, height, _BLOCK):
        block = np.unpackbits(packed[at : at + _BLOCK], axis=1)[:, : samples * bits]
        rows[at : at + _BLOCK] = block.reshape(len(block), samples, bits) @ weights
    return rows.tobytes()


def _unpredict(data: bytes, height: int, samples: int, page: tifffile.TiffPage) -> bytes:
    """Undo horizontal differences: of integers (predictor 2), of the bytes of floats (3)."""
    size = page.bitspersample // 8
    if page.predictor == 2:
        order = page.parent.byteorder
        codes = np.frombuffer(data, f"{order}u{size}").reshape(height, -1, samples)
        return np.cumsum(codes, axis=1, dtype=f"u{size}").astype(f"{order}u{size}").tobytes()
    rows = np.frombuffer(data, np.uint8).reshape(height, -1, samples)
    planes = np.cumsum(rows, axis=1, dtype=np.uint8).reshape(height, size, -1)
    values = planes.swapaxes(1, 2)  # the most significant byte is first
    return (values if page.parent.byteorder == ">" else values[..., ::-1]).tobytes()
