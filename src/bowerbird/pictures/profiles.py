"""Color profiles: convert a picture in any color space to sRGB by its own ICC profile.

    8 bits a channel  LittleCMS, relative colorimetric with black-point compensation
    deeper            v -> linear light L by the profile's tone curves (ICC.1:2022, 10.6 curv and
                      10.18 para), then L' = M_sRGB^-1 M_profile L in the profile connection
                      space (XYZ, D50; Annex F.3), then the sRGB curve. LittleCMS through Pillow
                      would round to 8 bits.

Departures: a profile that is damaged or of the wrong kind is ignored; a picture of more than 8 bits
with a table (LUT) profile is converted at 8 bits.
"""

import functools
import io
import struct
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


@functools.cache
def srgb_profile() -> bytes:
    """Return LittleCMS's sRGB profile, with a fixed creation time to make files reproducible."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + profile[36:]


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert an L, RGB, CMYK or LAB image to sRGB, by its profile if that can be used."""
    with suppress(Exception):  # LittleCMS and Pillow raise many types on a damaged profile
        if image.mode == "LAB":
            profile = ImageCms.createProfile("LAB")
        elif icc:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile
            if profile.xcolor_space.strip() == "RGB" and image.mode == "L":
                image = image.convert("RGB")
        else:
            return image.convert("RGB")
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode == "RGB" and _is_identity(transform):
            return image  # sRGB to sRGB would only add rounding
        converted = ImageCms.applyTransform(image, transform)
        if converted is not None:
            return converted
    return image.convert("RGB")


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a transform changes no color of a 9 x 9 x 9 grid by more than one level."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
    changed = ImageCms.applyTransform(Image.fromarray(grid), transform)
    return bool(np.abs(np.asarray(changed, np.int16) - grid.astype(np.int16)).max() <= 1)


def deep_to_srgb(values: NDArray[np.float32], icc: bytes) -> NDArray[np.float32]:
    """Convert (h, w, 1 or 3) to sRGB by a matrix profile in floats, else at 8 bits."""
    with suppress(Exception):  # not a matrix profile, or a damaged one
        levels = np.linspace(0, 1, 9, dtype=np.float32)
        grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
        grid = grid if values.shape[2] == 3 else grid[..., :1]
        if np.abs(_by_matrix(grid, icc) - grid).max() <= 1 / 255:
            return values  # sRGB already
        return _by_matrix(values, icc)
    codes = np.rint(values * 255).astype(np.uint8)
    image = Image.fromarray(codes if codes.shape[2] == 3 else codes[..., 0])
    converted = np.asarray(to_srgb(image, icc))
    if np.array_equal(converted, np.broadcast_to(codes, converted.shape)):
        return values  # the profile can't be used: keep the depth
    return (converted / 255).astype(np.float32)


def _by_matrix(values: NDArray[np.float32], icc: bytes) -> NDArray[np.float32]:
    """Apply the matrix and tone curves of a profile: (h, w, 1 or 3) to sRGB of the same shape."""
    tags = _profile_tags(icc)
    if icc[20:24] != b"XYZ ":
        raise ValueError("its connection space is Lab, not XYZ")
    codes = np.rint(values * 65535).astype(np.uint16)
    if codes.shape[2] == 1 and b"kTRC" not in tags:
        codes = np.repeat(codes, 3, axis=2)  # a gray picture may have an RGB profile
    if codes.shape[2] == 1:
        linear = _tone_curve(tags[b"kTRC"])[codes]
    else:
        curves = [_tone_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
        linear = np.stack([curve[codes[..., c]] for c, curve in enumerate(curves)], axis=-1)
        to_xyz, srgb_to_xyz = _primaries(tags), _primaries(_profile_tags(srgb_profile()))
        linear = linear @ np.linalg.solve(srgb_to_xyz, to_xyz).T.astype(np.float32)
    linear = np.clip(linear, 0, 1)  # colors outside sRGB are clipped, channel by channel
    encoded = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, encoded).astype(np.float32)


def _profile_tags(icc: bytes) -> dict[bytes, bytes]:
    """Split an ICC profile into its tags (ICC.1:2022, 7.3)."""
    table = icc[132 : 132 + 12 * int.from_bytes(icc[128:132], "big")]
    return {name: icc[at : at + size] for name, at, size in struct.iter_unpack(">4sII", table)}


def _primaries(tags: dict[bytes, bytes]) -> NDArray[np.float64]:
    """Return the 3 x 3 matrix from linear RGB to XYZ (D50): the three XYZ tags as columns."""
    columns = [np.frombuffer(tags[name], ">i4", 3, 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    return np.stack(columns, axis=1) / 65536


def _tone_curve(tag: bytes) -> NDArray[np.float32]:
    """Return the linear light, 0..1, of each 16-bit code by a ``curv`` or ``para`` tag."""
    x = np.linspace(0, 1, 65536)
    if tag[:4] == b"curv":
        points = np.frombuffer(tag, ">u2", int.from_bytes(tag[8:12], "big"), 12)
        if len(points) > 1:
            x = np.interp(x, np.linspace(0, 1, len(points)), points / 65535)
        elif len(points) == 1:
            x = x ** (points[0] / 256)
        return x.astype(np.float32)
    if tag[:4] != b"para":
        raise ValueError("its tone curve is neither curv nor para")
    kind = int.from_bytes(tag[8:10], "big")
    parameters = np.frombuffer(tag, ">i4", (1, 3, 4, 5, 7)[kind], 12) / 65536
    g, a, b, c, d, e, f = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if kind in (3, 4):
        g, a, b, c, d, e, f = (*parameters, *(0.0, 0.0))[:7]
    elif kind == 0:
        g = parameters[0]
    else:  # kinds 1 and 2 add the same constant (kind 1: zero) on both sides of x = -b / a
        g, a, b = parameters[:3]
        d, e = -b / a, sum(parameters[3:])
        f = e
    curved = np.maximum(a * x + b, 0) ** g + e
    return np.clip(np.where(x >= d, curved, c * x + f), 0, 1).astype(np.float32)
