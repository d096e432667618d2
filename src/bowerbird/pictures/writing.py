"""Tensors to picture files, tagged as sRGB: whole, or not at all."""

import errno
import io
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import tifffile
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from bowerbird.errors import PictureError
from bowerbird.learning.atomic_write import atomic_write, check_output
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.profiles import srgb_profile

PictureSuffix = Literal[".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"]

_LARGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}  # px; libjpeg's and WebP's limits


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse an output `path` that could not be written later, before any long work is done.

    Raises PictureError for an unknown suffix, a folder that is missing or can't be written to,
    and a file that exists (unless `force`).
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
    """Write a picture, tagged as sRGB, in the format of the suffix: whole, or not at all.

    `rgb` and `alpha` are clipped to 0..1. PNG has 8 bits a channel, TIFF 16; JPEG is 4:4:4 with
    transparency laid on white; `quality` is 1..100, for JPEG and WebP. Raises PictureError for
    an unknown suffix, values or sizes that can't be stored, and a disk that refuses.
    """
    suffix = _suffix(path)
    _refuse_unwritable(path, suffix, rgb, alpha)
    if not 1 <= quality <= 100:
        raise PictureError(f"{path} needs a quality of 1 to 100, not {quality}")
    opacity = None if alpha is None else alpha.clamp(0, 1)
    data = _encode(suffix, Picture(rgb.clamp(0, 1), opacity), quality)
    try:
        with atomic_write(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise _write_error(path, error) from error


def _suffix(path: Path) -> PictureSuffix:
    """Return the suffix in lower case; raise PictureError for one that can't be written."""
    for suffix in get_args(PictureSuffix):
        if path.suffix.lower() == suffix:
            return suffix
    known = ", ".join(get_args(PictureSuffix))
    raise PictureError(f"{path} can't be written as a picture; end its name in one of {known}")


def _refuse_unwritable(
    path: Path, suffix: PictureSuffix, rgb: Tensor, alpha: Tensor | None
) -> None:
    """Raise PictureError for tensors that are no picture, or none of this format."""
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
    """Raise PictureError if the format of `path` can't hold this many px a side."""
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
