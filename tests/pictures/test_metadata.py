"""Metadata that is damaged, large, or the only place that names the colors."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import PictureError
from bowerbird.pictures.reading import picture_size, read_picture
from bowerbird.pictures.warning import PictureWarning
from tests.pictures.picture_files import (
    ADOBE,
    LEVEL,
    as_tensor,
    assert_same,
    gradient,
    png_bytes,
    png_chunk,
)


def with_chunk(chunk):
    """Return an 8-bit PNG with a chunk before its pixels."""
    stream = io.BytesIO()
    Image.fromarray(gradient()).save(stream, "PNG")
    data = stream.getvalue()
    return data[:33] + chunk + data[33:]


def bad_checksum(kind, data):
    return png_chunk(kind, data)[:-4] + b"\0\0\0\0"


ZEROS = zlib.compress(bytes(3_000_000))
CHUNKS = {
    "large profile": png_chunk(b"iCCP", b"x\0\0" + ZEROS),
    "profile by an unknown method": png_chunk(b"iCCP", b"x\0\1" + ZEROS),
    "damaged profile": png_chunk(b"iCCP", b"x\0\0" + b"nonsense"),
    "empty profile": png_chunk(b"iCCP", b""),
    "large zTXt": png_chunk(b"zTXt", b"x\0\0" + ZEROS),
    "large profile of EXIF": png_chunk(b"zTXt", b"Raw profile type exif\0\0" + ZEROS),
    "zTXt by an unknown method": png_chunk(b"zTXt", b"x\0\7" + ZEROS),
    "large iTXt": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + ZEROS),
    "iTXt cut short": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1"),
    "tEXt with a wrong checksum": bad_checksum(b"tEXt", b"Title\0x"),
    "iCCP with a wrong checksum": bad_checksum(b"iCCP", b"x\0\0" + ZEROS),
    "pHYs cut short": png_chunk(b"pHYs", b"\0"),
    "cHRM cut short": png_chunk(b"cHRM", b"\0"),
    "gAMA cut short": png_chunk(b"gAMA", b"\0"),
    "sRGB cut short": png_chunk(b"sRGB", b""),
    "acTL cut short": png_chunk(b"acTL", b"\0"),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_metadata_costs_no_png(tmp_path, name):
    path = tmp_path / "a.png"
    path.write_bytes(with_chunk(CHUNKS[name]))
    assert_same(read_picture(path).rgb, as_tensor(gradient()))
    assert picture_size(path) == (48, 64)


def test_a_damaged_chunk_of_pixels_is_refused(tmp_path):
    data = with_chunk(b"")
    at = data.index(b"IDAT")
    (tmp_path / "a.png").write_bytes(data[: at + 20] + b"\0\0\0" + data[at + 23 :])
    with pytest.raises(PictureError):
        read_picture(tmp_path / "a.png")


def test_a_large_sound_profile_is_applied(tmp_path):
    large = ADOBE + bytes(2_000_000)
    codes = np.full((4, 4, 3), (219, 0, 0), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(codes).save(stream, "PNG")
    data = stream.getvalue()
    chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(large))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    expected = as_tensor(np.full((4, 4, 3), (255, 0, 0), np.uint8))
    assert_same(read_picture(tmp_path / "a.png").rgb, expected, LEVEL)


def test_the_still_image_of_a_16_bit_animation(tmp_path):
    still, moving = (np.full((4, 4, 3), v, np.uint16) for v in (40000, 10000))
    frame = struct.pack(">IIIIIHHBB", 0, 4, 4, 0, 0, 1, 10, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in moving)
    chunks = png_chunk(b"acTL", struct.pack(">II", 1, 0))
    data = png_bytes(still, 2, chunks)
    later = png_chunk(b"fcTL", frame)
    later += png_chunk(b"fdAT", struct.pack(">I", 1) + zlib.compress(rows))
    (tmp_path / "a.png").write_bytes(data[:-12] + later + data[-12:])
    assert_same(read_picture(tmp_path / "a.png").rgb, as_tensor(still))


def jpeg_bytes(**options):
    stream = io.BytesIO()
    noisy = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    Image.fromarray(noisy).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_marker(tmp_path, progressive, cut):
    data = jpeg_bytes(progressive=progressive)
    (tmp_path / "whole.jpg").write_bytes(data)
    (tmp_path / "cut.jpg").write_bytes(data[:-cut])
    with pytest.warns(PictureWarning, match=r"cut\.jpg has no end marker"):
        picture = read_picture(tmp_path / "cut.jpg")
    assert_same(picture.rgb, read_picture(tmp_path / "whole.jpg").rgb)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [40, 1000, 3000])
def test_a_jpeg_without_its_last_pixels_is_refused(tmp_path, progressive, missing):
    (tmp_path / "cut.jpg").write_bytes(jpeg_bytes(progressive=progressive)[:-missing])
    with pytest.raises(PictureError, match="truncated"):
        read_picture(tmp_path / "cut.jpg")


def test_a_progressive_jpeg_without_its_last_scan_is_refused(tmp_path):
    data = jpeg_bytes(progressive=True)
    (tmp_path / "cut.jpg").write_bytes(data[: data.rindex(b"\xff\xda")])
    with pytest.raises(PictureError, match="truncated"):
        read_picture(tmp_path / "cut.jpg")


@pytest.mark.parametrize(
    ("space", "index", "is_adobe"),
    [(0xFFFF, "R03", True), (2, None, True), (0xFFFF, "R98", False), (1, "R03", False)],
)
def test_adobe_rgb_named_by_exif(tmp_path, space, index, is_adobe):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = space
    if index:
        exif.get_ifd(0x8769)[0xA005] = {1: index}
    Image.new("RGB", (16, 16), (144, 255, 60)).save(tmp_path / "a.jpg", exif=exif, quality=100)
    green = (0, 255, 0) if is_adobe else (144, 255, 60)
    expected = as_tensor(np.full((16, 16, 3), green, np.uint8))
    assert_same(read_picture(tmp_path / "a.jpg").rgb, expected, 4 * LEVEL)
