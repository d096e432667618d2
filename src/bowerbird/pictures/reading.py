"""Read picture files of many formats into tensors.

A file in another color space than sRGB is converted by its own profile (``profiles.py``).

Departures: CMYK without a profile uses (1-c)(1-k); a float picture without a profile is assumed to
be sRGB-encoded in 0..1, not linear; gAMA, cHRM and cICP chunks of a PNG and colors defined without
a profile in an AVIF are ignored.
"""

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image

from bowerbird.errors import PictureError
from bowerbird.pictures.jpeg import complete_jpeg, exif_profile
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.png import SIGNATURE, needed_chunks
from bowerbird.pictures.profiles import deep_to_srgb, to_srgb
from bowerbird.pictures.samples import MAX_PIXELS, RangeError, Samples, check_pixels, to_unit
from bowerbird.pictures.tiff import TIFF_MAGIC, read_deep_tiff, tiff_orientation, tiff_page
from bowerbird.pictures.warning import PictureWarning

# The formats that Pillow may decode: not EPS (it runs Ghostscript) and not TGA (it has no
# signature, so many text files look like one).
_FORMATS = (
    *("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"),
    *("JPEG2000", "PPM", "PSD", "ICO"),
    *("HEIF", "JXL"),  # by plugins
)
_READABLE = "PNG, JPEG, WebP, TIFF, GIF, BMP or AVIF"
# Camera RAW files are TIFFs whose first page is a thumbnail, so they are refused.
_RAW = {".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations with rows and columns swapped


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS, page: int = 0) -> Picture:
    """Read a picture file (its first frame, or a page of a TIFF), upright and in sRGB.

    Raises PictureError for a file that is missing, empty, not a picture, damaged or truncated, or
    that has more than ``max_pixels`` pixels (known from its header, before decoding); and
    MemoryError for one that does not fit into memory.
    """
    with _opened(path) as stream:
        return _finish(_decode(path, stream, max_pixels, page))


def picture_size(path: Path) -> tuple[int, int]:
    """Return the (height, width) of an upright picture file, in px, from its header.

    Raises PictureError as ``read_picture`` does, except for what only decoding shows.
    """
    with _opened(path) as stream:
        prefix = stream.read(32)
        page = tiff_page(stream) if prefix[:4] in TIFF_MAGIC else None
        if page is not None:
            width, height, orientation = page.imagewidth, page.imagelength, tiff_orientation(page)
        else:
            image = _open_needed(path, stream, prefix)
            (width, height), orientation = image.size, _orientation(image)
        return (width, height) if orientation in _SIDEWAYS else (height, width)


def read_codes(path: Path) -> tuple[NDArray[np.integer], bool] | None:
    """Return the stored integers of a gray or indexed picture, and whether they are indices.

    They are upright, of shape (h, w). None for a picture of colors. Raises PictureError as
    ``read_picture`` does.
    """
    with _opened(path) as stream:
        image = _open_needed(path, stream, stream.read(32))
        check_pixels(path, *image.size, MAX_PIXELS)
        if image.mode not in ("1", "L", "P", "I;16", "I;16B", "I"):
            return None
        codes = np.asarray(_load(path, image, stream)).astype(np.int32)
        return np.ascontiguousarray(_upright(codes, _orientation(image))), image.mode == "P"


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a picture file; turn any error of its decoder into a PictureError."""
    _check_readable(path)
    try:
        # decoders warn about harmless oddities of real files (stray EXIF bytes, unknown tags)
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=Warning)
            warnings.filterwarnings("always", category=PictureWarning)
            yield stream
    except (PictureError, MemoryError):  # a picture that is too large is not damaged
        raise
    except RangeError as error:
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


def _decode(path: Path, stream: BinaryIO, max_pixels: int, page: int) -> Samples:
    """Decode a page, counted from 0; raise PictureError, or any error of the decoder."""
    prefix = stream.read(32)
    if prefix[:4] in TIFF_MAGIC:
        deep = read_deep_tiff(path, stream, max_pixels, page)
        if deep is not None:
            return deep
    icc = None
    if prefix.startswith(SIGNATURE):
        stream, icc = needed_chunks(stream)
    image = _open(path, stream, prefix)
    if icc:
        image.info["icc_profile"] = icc
    image.seek(page)
    check_pixels(path, *image.size, max_pixels)
    image = _load(path, image, stream)
    if image.mode.startswith("I") or image.mode == "F":  # gray: I;16, and I for PGM
        return _from_deep(image, np.asarray(image)[..., None])
    if image.format == "PNG" and prefix[24] == 16:  # the bit depth in IHDR; Pillow reduced it to 8
        return _from_deep(image, _opencv(stream))
    return _from_8bit(image)


def _open_needed(path: Path, stream: BinaryIO, prefix: bytes) -> Image.Image:
    """Read the header, of a PNG without its ancillary chunks."""
    source = needed_chunks(stream)[0] if prefix.startswith(SIGNATURE) else stream
    return _open(path, source, prefix)


def _load(path: Path, image: Image.Image, stream: BinaryIO) -> Image.Image:
    """Decode the pixels; those of a JPEG that lacks only its end marker are complete."""
    try:
        image.load()
    except OSError:
        complete = complete_jpeg(stream) if image.format == "JPEG" else None
        if complete is None:
            raise
        warnings.warn(
            PictureWarning(f"{path} has no end marker; all its pixels are there"), stacklevel=2
        )
        return complete
    return image


def _open(path: Path, stream: BinaryIO, prefix: bytes) -> Image.Image:
    """Read the header by the format's own reader: ``Image.open`` has a global limit on pixels."""
    Image.init()
    _load_plugins()
    for name in _FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        accepted = accept(prefix[:16]) if factory and accept else False
        if factory and accepted and not isinstance(accepted, str):  # a str is the reason why not
            stream.seek(0)
            return factory(stream, "")
    fix = f"use a {_READABLE} file"
    if prefix[4:8] == b"ftyp" and prefix[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        fix = (
            "it is a HEIC photograph: export it as JPEG or PNG, or run "
            "`pip install 'bowerbird[heic]'`"
        )
    if prefix.startswith(_JPEG_XL):
        fix = "it is JPEG XL: export it as JPEG or PNG, or run `pip install 'bowerbird[jxl]'`"
    raise PictureError(f"{path} is not a picture in a known format; {fix}")


@functools.cache
def _load_plugins() -> None:
    """Let Pillow read HEIC and JPEG XL if the extras are installed."""
    with suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    with suppress(ImportError):
        import_module("pillow_jxl")


def _from_8bit(image: Image.Image) -> Samples:
    """Separate alpha, apply the profile, and scale 8-bit samples to 0..1."""
    orientation = _orientation(image)
    icc = image.info.get("icc_profile") or exif_profile(image)
    alpha = None
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = to_unit(np.asarray(rgba.getchannel("A")), 255)
        image = image.getchannel("L") if image.mode in ("L", "LA") else rgba.convert("RGB")
    elif image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return Samples(to_unit(np.asarray(to_srgb(image, icc)), 255), alpha, orientation)


def _from_deep(image: Image.Image, codes: NDArray) -> Samples:
    """Scale 16-bit or float samples, gray, RGB or RGBA, to 0..1."""
    values, alpha = to_unit(codes, 65535), None
    if codes.shape[2] == 4:
        alpha = values[..., 3]
    elif codes.shape[2] == 1 and isinstance(key := image.info.get("transparency"), int):
        alpha = (codes[..., 0] != key).astype(np.float32)  # PNG: one gray level is transparent
    return Samples(values[..., :3], alpha, _orientation(image), image.info.get("icc_profile"))


def _opencv(stream: BinaryIO) -> NDArray:
    """Decode a whole file to (h, w, channels) at its own depth, in the order R, G, B, alpha."""
    stream.seek(0)
    codes = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if codes is None:
        raise ValueError("OpenCV can't decode it")
    codes = codes.reshape(*codes.shape[:2], -1)
    return codes if codes.shape[2] < 3 else codes[..., [2, 1, 0, 3][: codes.shape[2]]]


def _finish(samples: Samples) -> Picture:
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


def _upright(array: NDArray, orientation: int) -> NDArray:
    """Undo an EXIF orientation (CIPA DC-008, tag 0x0112) on an array of (h, w, ...)."""
    if orientation in _SIDEWAYS:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array
