"""Read picture files of many formats into tensors.

A file in another color space than sRGB is converted by its own profile (``profiles.py``).

Departures: CMYK without a profile uses (1-c)(1-k); a float picture without a profile is assumed to
be sRGB-encoded in 0..1, not linear; gAMA, cHRM and cICP chunks of a PNG, colors defined without a
profile in an AVIF and the EXIF color-space tag are ignored.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image

from bowerbird.errors import PictureError
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.profiles import deep_to_srgb, to_srgb

# The formats that Pillow may decode: not EPS (it runs Ghostscript) and not TGA (it has no
# signature, so many text files look like one).
_FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "PSD", "ICO"]
_READABLE = "PNG, JPEG, WebP, TIFF, GIF, BMP or AVIF"
# Camera RAW files are TIFFs whose first page is a thumbnail, so they are refused.
_RAW = {".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations with rows and columns swapped


class _RangeError(ValueError):
    """Float values are not in 0..1; the message is the largest."""


@dataclass(frozen=True)
class _Samples:
    """Decoded values before rotation: (h, w, 1 or 3) in 0..1, and the profile still to apply."""

    values: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    orientation: int = 1  # EXIF 1..8
    icc: bytes | None = None


def read_picture(path: Path, *, max_pixels: int = 200_000_000) -> Picture:
    """Read a picture file (its first frame or page), upright and in sRGB.

    Raises PictureError for a file that is missing, empty, not a picture, damaged or truncated, or
    that has more than ``max_pixels`` pixels (known from its header, before decoding); and
    MemoryError for one that does not fit into memory.
    """
    with _opened(path) as stream:
        return _finish(_decode(path, stream, max_pixels))


def picture_size(path: Path) -> tuple[int, int]:
    """Return the (height, width) of an upright picture file, in px, from its header.

    Raises PictureError as ``read_picture`` does, except for what only decoding shows.
    """
    with _opened(path) as stream:
        prefix = stream.read(32)
        page = _first_page(stream) if prefix[:4] in _TIFF_MAGIC else None
        if page is not None:
            width, height, orientation = page.imagewidth, page.imagelength, _tiff_orientation(page)
        else:
            image = _open(path, stream, prefix)
            (width, height), orientation = image.size, _orientation(image)
        return (width, height) if orientation in _SIDEWAYS else (height, width)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a picture file; turn any error of its decoder into a PictureError."""
    _check_readable(path)
    try:
        # decoders warn about harmless oddities of real files (stray EXIF bytes, unknown tags)
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield stream
    except (PictureError, MemoryError):  # a picture that is too large is not damaged
        raise
    except _RangeError as error:
        raise PictureError(
            f"{path} has float values up to {error}, expected 0 to 1; divide them by their largest "
            "possible value, or save it with 8 or 16 bits"
        ) from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, inside some of its readers
        raise PictureError(f"{path} has too many pixels; downscale it first") from error
    except PermissionError as error:
        raise PictureError(
            f"{path} can't be read: permission denied; change its permissions"
        ) from error
    except Exception as error:  # decoders raise almost any type on damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(
            f"{path} is damaged, truncated or of an unsupported kind ({reason[:120].rstrip('.')}); "
            "download it again, or convert it to PNG in an image editor"
        ) from error


def _check_readable(path: Path) -> None:
    """Raise PictureError for what is known without decoding."""
    if path.is_dir():
        raise PictureError(f"{path} is a folder; give a picture file")
    if not path.exists():
        raise PictureError(f"{path} does not exist; check the name")
    if not path.is_file():
        raise PictureError(f"{path} is not a regular file; save the picture to a file first")
    if path.stat().st_size == 0:
        raise PictureError(f"{path} is empty; download it again")
    if path.suffix.lower() in _RAW:
        raise PictureError(f"{path} is a camera RAW file; export it as 16-bit TIFF or JPEG first")


def _check_pixels(path: Path, width: int, height: int, max_pixels: int, samples: int = 1) -> None:
    """Raise PictureError for a picture of more than ``max_pixels``, or of as many samples.

    A pixel of up to four samples counts once; one of 40 samples counts as ten.
    """
    if width * height * max(4, samples) > 4 * max_pixels:
        each = f" of {samples} samples each" if samples > 4 else ""
        raise PictureError(
            f"{path} has {width} x {height} pixels{each}, more than the {max_pixels:,} allowed; "
            "downscale it first"
        )


def _decode(path: Path, stream: BinaryIO, max_pixels: int) -> _Samples:
    """Decode the first frame; raise PictureError, or any error of the decoder."""
    prefix = stream.read(32)
    if prefix[:4] in _TIFF_MAGIC:
        deep = _read_deep_tiff(path, stream, max_pixels)
        if deep is not None:
            return deep
    image = _open(path, stream, prefix)
    _check_pixels(path, *image.size, max_pixels)
    image.load()
    if image.mode.startswith("I") or image.mode == "F":  # gray: I;16, and I for PGM
        return _from_deep(image, np.asarray(image)[..., None])
    if image.format == "PNG" and prefix[24] == 16:  # the bit depth in IHDR; Pillow reduced it to 8
        return _from_deep(image, _opencv(stream))
    return _from_8bit(image)


def _open(path: Path, stream: BinaryIO, prefix: bytes) -> Image.Image:
    """Read the header by the format's own reader: ``Image.open`` has a global limit on pixels."""
    Image.init()
    for name in _FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        accepted = accept(prefix[:16]) if factory and accept else False
        if factory and accepted and not isinstance(accepted, str):  # a str is the reason why not
            stream.seek(0)
            return factory(stream, "")
    fix = f"use a {_READABLE} file"
    if prefix[4:8] == b"ftyp" and prefix[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        fix = "it is a HEIC photograph: export it as JPEG or PNG first"
    raise PictureError(f"{path} is not a picture in a known format; {fix}")


def _from_8bit(image: Image.Image) -> _Samples:
    """Separate alpha, apply the profile, and scale 8-bit samples to 0..1."""
    orientation, icc = _orientation(image), image.info.get("icc_profile")
    alpha = None
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = _unit(np.asarray(rgba.getchannel("A")), 255)
        image = image.getchannel("L") if image.mode in ("L", "LA") else rgba.convert("RGB")
    elif image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return _Samples(_unit(np.asarray(to_srgb(image, icc)), 255), alpha, orientation)


def _from_deep(image: Image.Image, codes: NDArray) -> _Samples:
    """Scale 16-bit or float samples, gray, RGB or RGBA, to 0..1."""
    values, alpha = _unit(codes, 65535), None
    if codes.shape[2] == 4:
        alpha = values[..., 3]
    elif codes.shape[2] == 1 and isinstance(key := image.info.get("transparency"), int):
        alpha = (codes[..., 0] != key).astype(np.float32)  # PNG: one gray level is transparent
    return _Samples(values[..., :3], alpha, _orientation(image), image.info.get("icc_profile"))


def _opencv(stream: BinaryIO) -> NDArray:
    """Decode a whole file to (h, w, channels) at its own depth, in the order R, G, B, alpha."""
    stream.seek(0)
    codes = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if codes is None:
        raise ValueError("OpenCV can't decode it")
    codes = codes.reshape(*codes.shape[:2], -1)
    return codes if codes.shape[2] < 3 else codes[..., [2, 1, 0, 3][: codes.shape[2]]]


def _first_page(stream: BinaryIO) -> tifffile.TiffPage | None:
    """Return the header of a TIFF's first page, or None if tifffile finds none."""
    stream.seek(0)
    try:
        return tifffile.TiffFile(stream).pages.first
    except tifffile.TiffFileError:
        return None


def _read_deep_tiff(path: Path, stream: BinaryIO, max_pixels: int) -> _Samples | None:
    """Read the first page if it is gray or RGB of more than 8 bits; return None otherwise."""
    page = _first_page(stream)
    if page is None:
        return None  # Pillow may be able to read it
    samples = page.samplesperpixel * page.imagedepth
    _check_pixels(path, page.imagewidth, page.imagelength, max_pixels, samples)
    gray = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)
    deep = page.dtype is not None and page.dtype.itemsize > 1
    if not deep or not (gray or page.photometric == tifffile.PHOTOMETRIC.RGB):
        return None
    try:
        codes = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        codes = _opencv(stream)  # LZW and others that tifffile does not decode by itself
    else:
        codes = np.moveaxis(codes, 0, -1) if page.axes.startswith("S") else codes
    values = _unit(codes.reshape(*codes.shape[:2], -1), 2**page.bitspersample - 1)
    color, extra = np.split(values, [1 if gray else 3], axis=2)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        color = 1 - color
    alpha = extra[..., 0] if extra.shape[2] and page.extrasamples[:1] != (0,) else None
    if alpha is not None and page.extrasamples[:1] == (tifffile.EXTRASAMPLE.ASSOCALPHA,):
        color = np.clip(color / np.maximum(alpha, 1e-6)[..., None], 0, 1)
    icc = page.tags.get("InterColorProfile")
    return _Samples(color, alpha, _tiff_orientation(page), icc.value if icc else None)


def _unit(codes: NDArray, top: int) -> NDArray[np.float32]:
    """Scale integers of 0..top to 0..1; floats must mostly be in 0..1 already."""
    if codes.dtype.kind != "f":
        top = min(top, np.iinfo(codes.dtype).max)
        return np.clip(codes.astype(np.float32) / np.float32(top), 0, 1)
    values = np.nan_to_num(codes.astype(np.float32), nan=0, posinf=1, neginf=0)
    if np.median(values) > 1:  # 0..255 in floats: clipping would silently make it white
        raise _RangeError(f"{values.max():g}")
    return np.clip(values, 0, 1)


def _finish(samples: _Samples) -> Picture:
    """Apply the profile, rotate the picture upright, and make tensors."""
    values = samples.values if samples.values.ndim == 3 else samples.values[..., None]
    if samples.icc:
        values = deep_to_srgb(values, samples.icc)
    values = _upright(np.broadcast_to(values, (*values.shape[:2], 3)), samples.orientation)
    rgb = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))
    if samples.alpha is None or samples.alpha.min() == 1:
        return Picture(rgb, None)
    alpha = _upright(samples.alpha, samples.orientation)
    return Picture(rgb, torch.from_numpy(np.ascontiguousarray(alpha, np.float32)))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1..8; 1 if the EXIF block is missing or damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a picture with bad metadata is still a picture
        return 1


def _tiff_orientation(page: tifffile.TiffPage) -> int:
    tag = page.tags.get("Orientation")
    return tag.value if tag else 1


def _upright(array: NDArray, orientation: int) -> NDArray:
    """Undo an EXIF orientation (CIPA DC-008, tag 0x0112) on an array of (h, w, ...)."""
    if orientation in _SIDEWAYS:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array
