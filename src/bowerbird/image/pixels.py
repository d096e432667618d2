"""Picture files to tensors and back.

Every picture inside Bowerbird is sRGB as encoded (IEC 61966-2-1), float32, 0..1, upright. A file
in another colour space is converted on the way in with its own profile (`profiles.py`).

Departures: CMYK without a profile uses (1-c)(1-k); a float picture without a profile is taken as
sRGB-encoded 0..1, not as linear light; gAMA, cHRM and cICP chunks of a PNG, colour stated without
a profile in an AVIF and the EXIF colour-space tag are not read.
"""

import errno
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import cv2
import numpy as np
import tifffile
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor
from torch.nn import functional as F

from bowerbird.image.profiles import deep_to_srgb, srgb_profile, to_srgb
from bowerbird.learning.atomic import part_of, whole

PictureSuffix = Literal[".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"]

# What Pillow may decode here: file kinds that people keep pictures in. Not EPS (runs Ghostscript),
# nor TGA (no signature, so that any text file could pass for one).
_FORMATS = (
    *("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"),
    *("JPEG2000", "PPM", "PSD", "ICO"),
)
_READABLE = "PNG, JPEG, WebP, TIFF, GIF, BMP or AVIF"
# Camera RAW files are TIFFs whose first page is a thumbnail: better refused than read as that.
_RAW = {".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations whose rows are the upright picture's columns
_LARGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}  # px; libjpeg's and WebP's limits


class PictureError(ValueError):
    """Say in one sentence which picture file can't be used and what to do about it."""


class _NotScaledError(ValueError):
    """The largest of float values that are not in 0..1."""


@dataclass(frozen=True)
class Picture:
    """A picture: sRGB-encoded colours and how opaque each pixel is."""

    rgb: Float[Tensor, "3 h w"]  # float32, 0..1; straight (not multiplied by alpha)
    alpha: Float[Tensor, "h w"] | None  # 0 = transparent .. 1 = opaque; None = opaque everywhere

    def over(self, background: float = 1.0) -> Float[Tensor, "3 h w"]:
        """Lay the picture over a gray of 0 = black .. 1 = white and return (3, h, w) in 0..1."""
        if self.alpha is None:
            return self.rgb
        return self.rgb * self.alpha + background * (1 - self.alpha)

    def filled(self) -> Float[Tensor, "3 h w"]:
        """Return the colours, and where nothing is seen of them those of the surroundings.

        So nothing that lies under a transparent pixel reaches its neighbours. Raises `ValueError`
        for a picture of which nothing at all is seen.
        """
        if self.alpha is None:
            return self.rgb
        if not float(self.alpha.max()) > 0:
            raise ValueError("it is transparent everywhere; take a picture that can be seen")
        return _filled(self.rgb, self.alpha)


@dataclass(frozen=True)
class _Samples:
    """Decoded numbers before rotation: (h, w, 1 or 3) in 0..1, and the profile still to apply."""

    values: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    orientation: int = 1  # EXIF 1..8
    icc: bytes | None = None


def read_picture(path: Path, *, max_pixels: int = 200_000_000) -> Picture:
    """Read a picture file (its first frame or page), upright and in sRGB.

    Raises `PictureError` for a file that is missing, empty, not a picture, damaged or cut short,
    or that has more than `max_pixels` pixels (known from its header, before decoding); and
    `MemoryError` for one that there is no room for.
    """
    with _opened(path) as stream:
        return _finish(_decode(path, stream, max_pixels))


def picture_size(path: Path) -> tuple[int, int]:
    """Return the (height, width) of a picture file, upright, in px, as its header tells it.

    Raises `PictureError` as `read_picture` does, but for what shows only when it is decoded.
    """
    with _opened(path) as stream:
        prefix = stream.read(32)
        page = _first_page(stream) if prefix[:4] in _TIFF_MAGIC else None
        if page is not None:
            turn = page.tags.get("Orientation")
            width, height, turned = page.imagewidth, page.imagelength, turn.value if turn else 1
        else:
            image = _open(path, stream, prefix)
            (width, height), turned = image.size, _orientation(image)
        return (width, height) if turned in _SIDEWAYS else (height, width)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a picture file, and put what goes wrong with it into a sentence."""
    _refuse_unreadable(path)
    try:
        # Decoders warn about harmless oddities (stray EXIF bytes, unknown tags) on real files.
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield stream
    except (PictureError, MemoryError):  # a picture that is too large here is not damaged
        raise
    except _NotScaledError as error:
        raise PictureError(
            f"{path} has float values that reach {error} where 0 to 1 is expected; divide them "
            "by their largest possible value, or save it with 8 or 16 bits"
        ) from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, inside some of its readers
        raise PictureError(f"{path} has too many pixels; make it smaller first") from error
    except PermissionError as error:
        raise PictureError(f"{path} may not be read; change its permissions") from error
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(
            f"{path} is damaged, cut short or of an unsupported kind ({reason[:120].rstrip('.')}); "
            "fetch it again, or open it in a picture editor and save it as PNG"
        ) from error


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse an output `path` that could not be written later, before any long work is done.

    Raises `PictureError` for an unknown suffix, a folder that is missing or can't be written to,
    and a file that exists (unless `force`).
    """
    _suffix(path)
    folder = path.parent
    try:
        if not folder.is_dir():
            raise PictureError(f"the folder of {path} does not exist; create {folder} first")
        if path.is_dir():
            raise PictureError(f"{path} is a folder; give the name of a picture file")
        if path.exists() and not force:
            raise PictureError(f"{path} exists; add --force to overwrite it")
        # Permission bits say nothing to root or on network shares: only trying tells.
        probe = part_of(path)
        probe.open("xb").close()
        probe.unlink()
    except OSError as error:
        raise _write_error(path, error) from error


def write_picture(
    path: Path,
    rgb: Float[Tensor, "3 h w"],
    alpha: Float[Tensor, "h w"] | None = None,
    *,
    quality: int = 95,
) -> None:
    """Write a picture, tagged as sRGB, in the format of the suffix: whole, or not at all.

    `rgb` and `alpha` are clipped to 0..1. PNG has 8 bits a channel, TIFF 16; JPEG is 4:4:4 with
    transparency laid on white; `quality` is 1..100, for JPEG and WebP. Raises `PictureError` for
    an unknown suffix, values or sizes that can't be stored, and a disk that refuses.
    """
    suffix = _suffix(path)
    _refuse_unwritable(path, suffix, rgb, alpha)
    if not 1 <= quality <= 100:
        raise PictureError(f"{path} needs a quality of 1 to 100, not {quality}")
    opacity = None if alpha is None else alpha.clamp(0, 1)
    data = _encode(suffix, Picture(rgb.clamp(0, 1), opacity), quality)
    try:
        with whole(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise _write_error(path, error) from error


def resize(rgb: Float[Tensor, "3 h w"], size: tuple[int, int]) -> Float[Tensor, "3 h2 w2"]:
    """Resample to `size` = (height, width): bicubic, anti-aliased when shrinking, within 0..1."""
    if tuple(rgb.shape[-2:]) == tuple(size):
        return rgb.clamp(0, 1)
    return F.interpolate(rgb[None], size=size, mode="bicubic", antialias=True)[0].clamp(0, 1)


def fit_long_side(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the (height, width) of the same aspect, in px, whose longer side is `long_side`."""
    if min(height, width, long_side) < 1:
        raise ValueError(f"sides must be at least 1 px, not {height} x {width} -> {long_side}")
    scale = long_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _filled(rgb: Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """Fill transparent pixels from the half size, and that from its own half size where it must."""
    if float(alpha.min()) > 0:
        return rgb
    stacked = torch.cat([rgb * alpha, alpha[None]])[None]
    half = F.avg_pool2d(stacked, 2, ceil_mode=True)[0]
    coarse = _filled(half[:3] / half[3].clamp(min=1e-12), half[3])
    size = (rgb.shape[1], rgb.shape[2])
    around = F.interpolate(coarse[None], size, mode="bilinear", align_corners=False)[0]
    return torch.where(alpha > 0, rgb, around)


def _refuse_unreadable(path: Path) -> None:
    """Raise `PictureError` for what can be told without decoding."""
    if path.is_dir():
        raise PictureError(f"{path} is a folder; give the name of a picture file")
    if not path.exists():
        raise PictureError(f"{path} does not exist; check the name")
    if not path.is_file():
        raise PictureError(f"{path} is not a regular file; save the picture to a file first")
    if path.stat().st_size == 0:
        raise PictureError(f"{path} is empty; fetch it again")
    if path.suffix.lower() in _RAW:
        raise PictureError(f"{path} is a camera RAW file; export it as 16-bit TIFF or JPEG first")


def _refuse_large(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Raise `PictureError` for a picture of more than `max_pixels`."""
    if width * height > max_pixels:
        raise PictureError(
            f"{path} has {width} x {height} pixels, more than the {max_pixels:,} allowed; "
            "make it smaller first"
        )


def _decode(path: Path, stream: BinaryIO, max_pixels: int) -> _Samples:
    """Decode the first frame; raise `PictureError`, or whatever the decoder raises."""
    prefix = stream.read(32)
    if prefix[:4] in _TIFF_MAGIC:
        deep = _read_deep_tiff(path, stream, max_pixels)
        if deep is not None:
            return deep
    image = _open(path, stream, prefix)
    _refuse_large(path, *image.size, max_pixels)
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_gray(image)
    if image.format == "PNG" and prefix[24] == 16:  # the bit depth in IHDR: Pillow made it 8
        return _from_deep_png(image, stream)
    return _from_8bit(image)


def _open(path: Path, stream: BinaryIO, prefix: bytes) -> Image.Image:
    """Read the header by the format's own reader: `Image.open` has a global limit on pixels."""
    Image.init()
    for name in _FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        verdict = accept(prefix[:16]) if factory and accept else False
        if factory and verdict and not isinstance(verdict, str):  # a str says why it can't
            stream.seek(0)
            return factory(stream, "")
    mend = f"give a {_READABLE} file"
    if prefix[4:8] == b"ftyp" and prefix[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        mend = "it is a HEIC photograph: export it as JPEG or PNG first"
    raise PictureError(f"{path} is not a picture that can be read; {mend}")


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


def _from_deep_gray(image: Image.Image) -> _Samples:
    """Scale 16-bit gray (Pillow's I;16, and I for PGM) or float gray to 0..1."""
    codes = np.asarray(image)
    alpha = None
    if isinstance(key := image.info.get("transparency"), int):  # PNG: one gray is see-through
        alpha = (codes != key).astype(np.float32)
    values = _unit(codes, 65535)[..., None]
    return _Samples(values, alpha, _orientation(image), image.info.get("icc_profile"))


def _from_deep_png(image: Image.Image, stream: BinaryIO) -> _Samples:
    """Decode a 16-bit colour PNG again with OpenCV, after Pillow found it sound."""
    values = _unit(_opencv(stream), 65535)
    alpha = values[..., 3] if values.shape[2] == 4 else None
    return _Samples(values[..., :3], alpha, _orientation(image), image.info.get("icc_profile"))


def _opencv(stream: BinaryIO) -> NDArray:
    """Decode a whole file to (h, w, channels) at its own depth, in the order R, G, B, alpha."""
    stream.seek(0)
    codes = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if codes is None:
        raise ValueError("its coding can't be undone")
    codes = codes.reshape(*codes.shape[:2], -1)
    return codes if codes.shape[2] < 3 else codes[..., [2, 1, 0, 3][: codes.shape[2]]]


def _first_page(stream: BinaryIO) -> tifffile.TiffPage | None:
    """Return the header of a TIFF's first page, or None where tifffile knows none."""
    stream.seek(0)
    try:
        return tifffile.TiffFile(stream).pages.first
    except tifffile.TiffFileError:
        return None


def _read_deep_tiff(path: Path, stream: BinaryIO, max_pixels: int) -> _Samples | None:
    """Read the first page if it is gray or RGB of more than 8 bits, else return None."""
    page = _first_page(stream)
    if page is None:
        return None  # Pillow may know better
    _refuse_large(path, page.imagewidth, page.imagelength, max_pixels)
    gray = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)
    deep = page.dtype is not None and page.dtype.itemsize > 1
    if not deep or not (gray or page.photometric == tifffile.PHOTOMETRIC.RGB):
        return None
    try:
        codes = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        codes = _opencv(stream)  # LZW and other codings that tifffile alone does not undo
    else:
        codes = np.moveaxis(codes, 0, -1) if page.axes.startswith("S") else codes
    values = _unit(codes.reshape(*codes.shape[:2], -1), 2**page.bitspersample - 1)
    colour, extra = np.split(values, [1 if gray else 3], axis=2)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        colour = 1 - colour
    alpha = extra[..., 0] if extra.shape[2] and page.extrasamples[:1] != (0,) else None
    if alpha is not None and page.extrasamples[:1] == (tifffile.EXTRASAMPLE.ASSOCALPHA,):
        colour = np.clip(colour / np.maximum(alpha, 1e-6)[..., None], 0, 1)
    icc, turn = page.tags.get("InterColorProfile"), page.tags.get("Orientation")
    return _Samples(colour, alpha, turn.value if turn else 1, icc.value if icc else None)


def _unit(codes: NDArray, top: int) -> NDArray[np.float32]:
    """Scale integers of 0..top to 0..1; keep floats, which must mostly lie in 0..1 already."""
    if codes.dtype.kind != "f":
        top = min(top, np.iinfo(codes.dtype).max)
        return np.clip(codes.astype(np.float32) / np.float32(top), 0, 1)
    values = np.nan_to_num(codes.astype(np.float32), nan=0, posinf=1, neginf=0)
    if np.median(values) > 1:  # 0..255 in floats: clipping would turn it white without a word
        raise _NotScaledError(f"{values.max():g}")
    return np.clip(values, 0, 1)


def _finish(samples: _Samples) -> Picture:
    """Apply the profile that is left, turn the picture upright, and make tensors."""
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
    """Return the EXIF orientation, 1..8; 1 where the EXIF block is missing or broken."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # bad metadata must not cost the picture
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


def _suffix(path: Path) -> PictureSuffix:
    """Return the suffix in lower case; raise `PictureError` for one that can't be written."""
    for suffix in get_args(PictureSuffix):
        if path.suffix.lower() == suffix:
            return suffix
    known = ", ".join(get_args(PictureSuffix))
    raise PictureError(f"{path} can't be written as a picture; end its name in one of {known}")


def _refuse_unwritable(
    path: Path, suffix: PictureSuffix, rgb: Tensor, alpha: Tensor | None
) -> None:
    """Raise `PictureError` for tensors that are no picture, or none of this format."""
    if rgb.ndim != 3 or rgb.shape[0] != 3 or rgb.numel() == 0:
        raise PictureError(f"{path} needs a picture of shape (3, h, w), not {tuple(rgb.shape)}")
    if alpha is not None and alpha.shape != rgb.shape[1:]:
        raise PictureError(
            f"{path} needs an alpha of shape {tuple(rgb.shape[1:])}, not {tuple(alpha.shape)}"
        )
    check_side(path, max(rgb.shape))
    if not all(bool(torch.isfinite(t).all()) for t in (rgb, alpha) if t is not None):
        raise PictureError(f"{path} was not written, as the picture holds NaN or infinite values")


def check_side(path: Path, side: int) -> None:
    """Raise `PictureError` if the format of `path` can't hold this many px a side."""
    limit = _LARGEST_SIDE.get(_suffix(path))
    if limit and side > limit:
        raise PictureError(f"{path} can't hold more than {limit} px a side; write a .png or .tif")


def _write_error(path: Path, error: OSError) -> PictureError:
    """Say what the disk refused and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PictureError(f"{path} was not written: the disk is full; free some space")
    reason = error.strerror or type(error).__name__
    return PictureError(f"{path} can't be written ({reason}); choose another folder or name")


def _encode(suffix: PictureSuffix, picture: Picture, quality: int) -> bytes:
    """Return the bytes of a picture file; in memory, so that a full disk is a plain error."""
    stream = io.BytesIO()
    if suffix in (".jpg", ".jpeg"):
        picture = Picture(picture.over(1.0), None)
    flat = picture.alpha is None
    channels = (
        picture.rgb if picture.alpha is None else torch.cat([picture.rgb, picture.alpha[None]])
    )
    values = channels.detach().to("cpu", torch.float32).permute(1, 2, 0).numpy()
    if suffix in (".tif", ".tiff"):
        tifffile.imwrite(
            stream,
            np.rint(values * 65535).astype(np.uint16),
            photometric="rgb",
            extrasamples=None if flat else ["unassalpha"],
            compression="zlib",
            predictor=True,
            iccprofile=srgb_profile(),
            metadata=None,
        )
        return stream.getvalue()
    image = Image.fromarray(np.rint(values * 255).astype(np.uint8))
    if suffix == ".png":
        image.save(stream, "PNG", icc_profile=srgb_profile())
    elif suffix == ".webp":
        image.save(stream, "WEBP", quality=quality, icc_profile=srgb_profile())
    else:  # subsampling 0 is 4:4:4: brush strokes of pure colour keep their edges
        image.save(stream, "JPEG", quality=quality, subsampling=0, icc_profile=srgb_profile())
    return stream.getvalue()
