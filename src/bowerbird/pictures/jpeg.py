"""JPEG files without their end marker, and colors that only EXIF names.

A camera that loses power, or a download that loses its last bytes, leaves a JPEG without its end
marker (EOI). All pixels may be there nevertheless: then further bytes change nothing. So the file
is decoded twice, once with the marker added and once with other bytes before it.

Source: ITU-T T.81, B.1 (markers); CIPA DC-008 (Exif) and DC-009 (DCF), the interoperability index.
"""

import functools
import io
import random
import struct
from typing import BinaryIO

from PIL import ExifTags, Image, JpegImagePlugin

_EOI = b"\xff\xd9"
_ADOBE_PRIMARIES = (  # XYZ at D50 of red, green and blue, from Adobe RGB (1998), 4.3.5
    *((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
)


def complete_jpeg(stream: BinaryIO) -> Image.Image | None:
    """Return the picture of a JPEG without its end marker, or None if pixels are missing."""
    stream.seek(0)
    data = stream.read()
    if data.rstrip(b"\0").endswith(_EOI) or not _all_scans(data):
        return None
    data = data[:-1] if data.endswith(b"\xff") else data
    noise = bytes(random.Random(0).choices(range(255), k=4096))  # any bits will do
    first, second = (_decoded(data + tail + _EOI) for tail in (b"", noise))
    return first if first.tobytes() == second.tobytes() else None


def _decoded(data: bytes) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    image.load()
    return image


def _all_scans(data: bytes) -> bool:
    """Return whether the scans of a progressive JPEG bring each coefficient to its last bit."""
    if b"\xff\xc2" not in data:
        return True
    left: dict[tuple[int, int], int] = {}  # component, coefficient: lowest bit that was sent
    at, components = 2, []
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0, 0xFF, *range(0xD0, 0xD8)):
            at += 1
            continue
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if kind == 0xC2:
            components = [body[6 + 3 * n] for n in range(body[5])]
        elif kind == 0xDA:
            count = body[0]
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            for n in range(count):
                left |= {(body[1 + 2 * n], c): bits & 15 for c in range(first, last + 1)}
        at += 2 + length
    return all(left.get((c, k), 1) == 0 for c in components for k in range(64))


def exif_profile(image: Image.Image) -> bytes | None:
    """Return the profile of Adobe RGB if EXIF names that, and nothing else names another space."""
    try:
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = str(exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex, ""))
    except Exception:  # a picture with bad metadata is still a picture
        return None
    adobe = space == 2 or (space == 0xFFFF and index.startswith("R03"))
    return adobe_profile() if adobe else None


@functools.cache
def adobe_profile() -> bytes:
    """Return an ICC profile (ICC.1:2022, clause 7) of Adobe RGB (1998): a matrix and a gamma."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, 563, 0)  # gamma 563 / 256, padded
    tags = {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, b"wtpt": _xyz(0.9642, 1, 0.8249)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _ADOBE_PRIMARIES, strict=True):
        tags[name] = _xyz(*column)
    table, data, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content
    size = start + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)  # D50, the white of the connection space
    return head.ljust(128, b"\0") + table + data


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))
