"""Write tensors to picture files, tagged as sRGB, atomically."""

import errno
import io
from pathlib import Path

import numpy as np
import tifffile
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from bowerbird.errors import PictureError
from bowerbird.files.atomic_write import atomic_write, check_output
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.profiles import srgb_profile

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
_MAX_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}  # px; libjpeg's and WebP's limits


def check_writable(path: Path, *, force: bool) -> None:
    """Check before long work that a file can be written.

    Raises PictureError for an unknown suffix, a folder that is missing or can't be written to, and
    a file that exists (unless ``force``).
    """
    _suffix(path)
    try:
        check_output(path, force=force)
    except ValueError as error:
        raise PictureError(str(error)) from error
    except OSError as error:
        raise _write_error(path, error) from error


def write_picture(
    path: Path,
    rgb: Float[Tensor, "3 h w"],
    alpha: Float[Tensor, "h w"] | None = None,
    *,
    quality: int = 95,
) -> None:
    """Write a picture, tagged as sRGB, in the format of the suffix, whole or not at all.

    ``rgb`` and ``alpha`` are clipped to 0..1. PNG has 8 bits per channel, TIFF 16; JPEG is 4:4:4,
    on white where it is transparent; ``quality`` is 1..100, for JPEG and WebP. Raises PictureError
    for an unknown suffix, for values or sizes that can't be stored, and if writing fails.
    """
    suffix = _suffix(path)
    _check_tensors(path, rgb, alpha)
    if not 1 <= quality <= 100:
        raise PictureError(f"quality must be between 1 and 100, got {quality}")
    opacity = None if alpha is None else alpha.clamp(0, 1)
    data = _encode(suffix, Picture(rgb.clamp(0, 1), opacity), quality)
    try:
        with atomic_write(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise _write_error(path, error) from error


def _suffix(path: Path) -> str:
    """Return the suffix in lower case; raise PictureError for an unknown one."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise PictureError(f"{path} can't be written as a picture; use one of the suffixes {known}")
    return suffix


def _check_tensors(path: Path, rgb: Tensor, alpha: Tensor | None) -> None:
    """Raise PictureError for tensors that are no picture, or too large for the format."""
    if rgb.ndim != 3 or rgb.shape[0] != 3 or rgb.numel() == 0:
        raise PictureError(f"a picture must have shape (3, h, w), got {tuple(rgb.shape)}")
    if alpha is not None and alpha.shape != rgb.shape[1:]:
        raise PictureError(
            f"alpha must have shape {tuple(rgb.shape[1:])}, got {tuple(alpha.shape)}"
        )
    check_side(path, max(rgb.shape))
    if not all(bool(torch.isfinite(t).all()) for t in (rgb, alpha) if t is not None):
        raise PictureError(f"{path} was not written: the picture contains NaN or infinity")


def check_side(path: Path, side: int) -> None:
    """Raise PictureError if the format of ``path`` can't store this many px a side."""
    limit = _MAX_SIDE.get(_suffix(path))
    if limit and side > limit:
        raise PictureError(f"{path} can't store more than {limit} px a side; use .png or .tif")


def _write_error(path: Path, error: OSError) -> PictureError:
    """Return an error that says why writing failed and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PictureError(f"{path} was not written: the disk is full; free some space")
    reason = error.strerror or type(error).__name__
    return PictureError(f"{path} can't be written ({reason}); choose another folder or name")


def _encode(suffix: str, picture: Picture, quality: int) -> bytes:
    """Encode a picture file in memory, so that a full disk is a plain error."""
    stream = io.BytesIO()
    if suffix in (".jpg", ".jpeg"):
        picture = Picture(picture.over(1.0), None)
    opaque = picture.alpha is None
    channels = [picture.rgb] if picture.alpha is None else [picture.rgb, picture.alpha[None]]
    values = torch.cat(channels).detach().to("cpu", torch.float32).permute(1, 2, 0).numpy()
    if suffix in (".tif", ".tiff"):
        tifffile.imwrite(
            stream,
            np.rint(values * 65535).astype(np.uint16),
            photometric="rgb",
            extrasamples=None if opaque else ["unassalpha"],
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
    else:  # subsampling 0 is 4:4:4: strokes of saturated color keep their edges
        image.save(stream, "JPEG", quality=quality, subsampling=0, icc_profile=srgb_profile())
    return stream.getvalue()
