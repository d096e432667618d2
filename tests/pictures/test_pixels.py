import errno
import io
import os
import struct
import time
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
import skimage.data
import tifffile
import torch
from PIL import Image, ImageCms, JpegImagePlugin

from bowerbird.errors import PictureError
from bowerbird.pictures.pixels import Picture, fit_long_side, resize
from bowerbird.pictures.reading import picture_size, read_picture
from bowerbird.pictures.writing import check_writable, write_picture

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
LEVEL = 1 / 255  # one step of 8 bits


# --- files made by hand ---------------------------------------------------------------------------


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(codes, colour_type, *chunks, size=None):
    """A 16-bit PNG by the specification: no writer at hand makes them with alpha and extras."""
    height, width = size or codes.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in codes)
    body = png_chunk(b"IDAT", zlib.compress(rows))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + b"".join(chunks) + body + png_chunk(b"IEND", b"")


def icc_bytes(space, pcs, tags, kind=b"mntr"):
    """An ICC profile of the given tags (ICC.1:2022, clause 7)."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(data), b"lcms", 0x02100000, kind, space, pcs)
    head += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28
    head += struct.pack(">3i", 63190, 65536, 54061)  # D50, the connection space's white
    return head.ljust(128, b"\0") + table + data


def xyz_tag(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def gamma_tag(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def srgb_curve_tag():
    parameters = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    packed = struct.pack(">5i", *(round(p * 65536) for p in parameters))
    return b"para\0\0\0\0\0\3\0\0" + packed


def rgb_profile(columns, curve):
    tags = {name: xyz_tag(*c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return icc_bytes(b"RGB ", b"XYZ ", tags | {b"wtpt": xyz_tag(0.9642, 1, 0.8249)})


# Primaries in XYZ D50 as the profiles of Adobe (1998) and Apple (Display P3) state them.
ADOBE = rgb_profile(
    [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
    gamma_tag(563 / 256),
)
DISPLAY_P3 = rgb_profile(
    [(0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)],
    srgb_curve_tag(),
)
GRAY_LINEAR = icc_bytes(
    b"GRAY", b"XYZ ", {b"kTRC": gamma_tag(1.0), b"wtpt": xyz_tag(0.9642, 1, 0.8249)}
)
# sRGB's primaries written in those spaces: what a reader must turn back into pure sRGB. Display P3
# from CSS Color 4 (color(display-p3 0.9175 0.2003 0.1387) is red); Adobe RGB from its 8-bit tables.
TAGGED = [
    (ADOBE, (219, 0, 0), (255, 0, 0)),
    (ADOBE, (144, 255, 60), (0, 255, 0)),
    (DISPLAY_P3, (234, 51, 35), (255, 0, 0)),
    (DISPLAY_P3, (128, 128, 128), (128, 128, 128)),
]


def cmyk_profile():
    """A CMYK table profile: two grid points a side, Lab as 8-bit numbers, cyan like a real ink."""
    inks = np.array(np.meshgrid(*[[0, 1]] * 4, indexing="ij")).reshape(4, 16).T
    lab = np.zeros((16, 3))
    for row, (c, m, y, k) in zip(lab, inks, strict=True):
        light = 100 * (1 - 0.45 * c) * (1 - 0.5 * m) * (1 - 0.1 * y) * (1 - k)
        row[:] = light, (-37 * c + 70 * m) * (1 - k), (-50 * c + 80 * y) * (1 - k)
    table = np.clip(np.round(lab * [2.55, 1, 1] + [0, 128, 128]), 0, 255).astype(np.uint8)
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + table.tobytes() + ramp * 3
    tags = {b"A2B0": lut, b"wtpt": xyz_tag(0.9642, 1, 0.8249)}
    return icc_bytes(b"CMYK", b"Lab ", tags, kind=b"prtr")


def gradient(height=48, width=64):
    """An 8-bit RGB picture in which every corner and channel differs."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 3, y * 5, (x + y) * 2], axis=-1).astype(np.uint8)


def gradient16():
    """32,768 different grays in 16 bits."""
    return np.arange(0, 65536, 2, dtype=np.uint16).reshape(128, 256)


def as_tensor(codes):
    """Codes (h, w, 3) or (h, w) of 8 or 16 bits, as the reader should return them."""
    codes = np.stack([codes] * 3, -1) if codes.ndim == 2 else codes
    scaled = codes.astype(np.float64) / np.iinfo(codes.dtype).max
    return torch.from_numpy(scaled.transpose(2, 0, 1)).float()


def assert_same(rgb, expected, tolerance=1e-6):
    torch.testing.assert_close(rgb, expected, atol=tolerance, rtol=0)


def colours(rgb):
    return len(torch.unique(rgb[1]))


# --- reading: eight bits --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_lossless_rgb_is_read_exactly(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(gradient()).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    picture = read_picture(path)
    assert picture.alpha is None
    assert picture.rgb.dtype == torch.float32
    assert picture.rgb.is_contiguous()
    assert_same(picture.rgb, as_tensor(gradient()))


@pytest.mark.parametrize("suffix", [".jpg", ".avif", ".jp2"])
def test_lossy_rgb_is_read_nearly(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(gradient()).save(path, quality=95)
    assert (read_picture(path).rgb - as_tensor(gradient())).abs().mean() < 0.02


def test_a_real_photograph_equals_its_samples():
    folder = Path(skimage.__file__).parent / "data"
    for name in ("chelsea", "coffee", "camera"):
        codes = getattr(skimage.data, name)()
        assert_same(read_picture(folder / f"{name}.png").rgb, as_tensor(codes))


def test_real_photographs_with_profiles_and_exif():
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    for path in [*(SHARED / "pictures").glob("[gst]*.jpg"), *(SHARED / "paintings").glob("*.jpg")]:
        picture = read_picture(path)
        with Image.open(path) as image:
            plain = as_tensor(np.asarray(image.convert("RGB")))
        assert picture.rgb.shape == plain.shape
        assert (picture.rgb - plain).abs().mean() < 0.02  # all are in sRGB or close to it


def test_grayscale_palette_and_bilevel(tmp_path):
    gray = gradient()[..., 1]
    Image.fromarray(gray).save(tmp_path / "l.png")
    assert_same(read_picture(tmp_path / "l.png").rgb, as_tensor(gray))
    palette = Image.fromarray(gradient()).quantize(16)
    palette.save(tmp_path / "p.png")
    expected = as_tensor(np.asarray(palette.convert("RGB")))
    assert_same(read_picture(tmp_path / "p.png").rgb, expected)
    for suffix in (".png", ".tif", ".bmp"):
        Image.fromarray(gray > 100).save(tmp_path / f"b{suffix}")
        expected = as_tensor(np.where(gray > 100, 255, 0).astype(np.uint8))
        assert_same(read_picture(tmp_path / f"b{suffix}").rgb, expected)


def test_one_pixel_is_readable(tmp_path):
    Image.new("RGB", (1, 1), (255, 0, 51)).save(tmp_path / "a.png")
    assert_same(read_picture(tmp_path / "a.png").rgb.flatten(), torch.tensor([1.0, 0.0, 0.2]))


# How each EXIF orientation stores a picture that should be seen upright (CIPA DC-008, 4.6.5.A).
STORED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),  # a turn to the right brings it back
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".jpg"])
def test_exif_rotation_is_undone(tmp_path, orientation, suffix):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](gradient())))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 95, "subsampling": 0}}
    stored.save(path, exif=exif, **options.get(suffix, {}))
    rgb = read_picture(path).rgb
    assert rgb.shape == (3, 48, 64)
    assert (rgb - as_tensor(gradient())).abs().max() < (0.1 if suffix == ".jpg" else 1e-6)


@pytest.mark.parametrize("orientation", STORED)
def test_rotation_of_a_16_bit_tiff(tmp_path, orientation):
    stored = np.ascontiguousarray(STORED[orientation](gradient16()))
    tag = (0x0112, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", stored, extratags=[tag], photometric="minisblack")
    assert_same(read_picture(tmp_path / "a.tif").rgb, as_tensor(gradient16()))


def test_alpha_turns_with_the_picture(tmp_path):
    rgba = np.dstack([gradient(), gradient()[..., 0]])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(rgba))).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    assert_same(picture.alpha, as_tensor(gradient())[0])


def test_broken_exif_does_not_cost_the_picture(tmp_path):
    Image.fromarray(gradient()).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff junk")
    assert read_picture(tmp_path / "a.jpg").rgb.shape == (3, 48, 64)


# --- reading: transparency ------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_rgba(tmp_path, suffix):
    rgba = np.dstack([gradient(), gradient()[..., 0]])
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.fromarray(rgba).save(tmp_path / f"a{suffix}", **options)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert_same(picture.rgb, as_tensor(gradient()))
    assert_same(picture.alpha, as_tensor(gradient())[0])


def test_gray_with_alpha(tmp_path):
    la = np.dstack([gradient()[..., 1], gradient()[..., 0]])
    Image.fromarray(la).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert_same(picture.rgb, as_tensor(gradient()[..., 1]))
    assert_same(picture.alpha, as_tensor(gradient())[0])


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_palette_with_one_transparent_colour(tmp_path, suffix):
    image = Image.new("P", (4, 2), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((3, 1), 0)
    image.save(tmp_path / f"a{suffix}", transparency=0)
    picture = read_picture(tmp_path / f"a{suffix}")
    expected = torch.ones(2, 4)
    expected[1, 3] = 0
    assert_same(picture.alpha, expected)
    assert_same(picture.rgb[:, 0, 0], torch.tensor([0.0, 0.0, 1.0]))


def test_palette_with_graded_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=bytes([51, 204]))
    assert_same(read_picture(tmp_path / "a.png").alpha, torch.tensor([[0.2, 0.8]]))


@pytest.mark.parametrize(("mode", "key"), [("RGB", (9, 8, 7)), ("L", 9)])
def test_transparent_colour_key(tmp_path, mode, key):
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((0, 0), key)
    image.save(tmp_path / "a.png", transparency=key)
    assert_same(read_picture(tmp_path / "a.png").alpha, torch.tensor([[0.0, 1.0]]))


def test_an_opaque_alpha_channel_is_none(tmp_path):
    Image.fromarray(np.dstack([gradient(), np.full((48, 64), 255, np.uint8)])).save(
        tmp_path / "a.png"
    )
    assert read_picture(tmp_path / "a.png").alpha is None


def test_transparent_pixels_take_the_colors_around_them():
    rgb, alpha = torch.zeros(3, 20, 33), torch.zeros(20, 33)
    rgb[:, :, :16], rgb[1] = 0.2, 0.9  # green, also where nothing is seen of it
    rgb[:, 3:9, 4:12] = torch.tensor([0.8, 0.1, 0.3])[:, None, None]
    alpha[3:9, 4:12] = 0.5
    filled = Picture(rgb, alpha).filled()
    assert_same(filled, torch.tensor([0.8, 0.1, 0.3])[:, None, None].expand(3, 20, 33))
    assert Picture(rgb, None).filled() is rgb
    seen = torch.full_like(alpha, 1 / 255)
    assert torch.equal(Picture(rgb, seen).filled(), rgb)
    with pytest.raises(ValueError, match="transparent everywhere"):
        Picture(rgb, torch.zeros_like(alpha)).filled()


def test_over_hides_whatever_lies_below_alpha_zero():
    rgb = torch.tensor([1.0, 0.0, 0.5])[:, None, None].expand(3, 1, 3)
    picture = Picture(rgb, torch.tensor([[0.0, 0.5, 1.0]]))
    assert_same(picture.over()[:, 0, 0], torch.ones(3))
    assert_same(picture.over(0.0)[:, 0, 0], torch.zeros(3))
    assert_same(picture.over(0.2)[:, 0, 1], torch.tensor([0.6, 0.1, 0.35]))
    assert_same(picture.over()[:, 0, 2], rgb[:, 0, 2])
    assert Picture(rgb, None).over(0.3) is rgb


# --- reading: first frame, first page -------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (20, 10), c) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    path = tmp_path / f"a{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, **options)
    with Image.open(path) as image:
        assert image.n_frames == 3
    assert_same(read_picture(path).rgb[:, 5, 5], torch.tensor([1.0, 0.0, 0.0]))


def test_first_picture_of_a_two_picture_jpeg(tmp_path):
    # MPO: what stereo cameras and some telephones write under the name of .jpg
    second = Image.fromarray(255 - gradient())
    options = {"save_all": True, "append_images": [second], "quality": 95}
    Image.fromarray(gradient()).save(tmp_path / "a.jpg", "MPO", **options)
    assert (read_picture(tmp_path / "a.jpg").rgb - as_tensor(gradient())).abs().mean() < 0.02


def test_icon(tmp_path):
    Image.fromarray(gradient()[:32, :32]).save(tmp_path / "a.ico", sizes=[(32, 32)])
    assert_same(read_picture(tmp_path / "a.ico").rgb, as_tensor(gradient()[:32, :32]))


@pytest.mark.parametrize("deep", [False, True])
def test_first_page_of_a_tiff(tmp_path, deep):
    pages = [gradient(), 255 - gradient()]
    pages = [p.astype(np.uint16) * 257 if deep else p for p in pages]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in pages:
            tiff.write(page, photometric="rgb")
    assert_same(read_picture(tmp_path / "a.tif").rgb, as_tensor(gradient()))


def test_real_multi_page_and_animated_files():
    folder = Path(skimage.__file__).parent / "data"
    for name in ("multipage.tif", "multipage_rgb.tif", "no_time_for_that_tiny.gif"):
        rgb = read_picture(folder / name).rgb
        assert rgb.shape[0] == 3
        assert 0 <= rgb.min() < rgb.max() <= 1


# --- reading: more than eight bits ----------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_gray_keeps_its_depth(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), gradient16())
    rgb = read_picture(path).rgb
    assert colours(rgb) == 32768
    assert_same(rgb, as_tensor(gradient16()))


def deep_rgb(channels=3):
    ramp = gradient16()
    return np.stack([ramp, ramp[::-1], ramp[:, ::-1], ramp // 2][:channels], axis=-1)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_colour_by_opencv_keeps_its_depth(tmp_path, suffix, channels):
    # OpenCV's TIFFs are LZW, which tifffile alone can't undo.
    codes = deep_rgb(channels)
    assert cv2.imwrite(str(tmp_path / f"a{suffix}"), codes[..., [2, 1, 0, 3][:channels]])
    picture = read_picture(tmp_path / f"a{suffix}")
    assert_same(picture.rgb, as_tensor(codes[..., :3]))
    if channels == 4:
        assert_same(picture.alpha, as_tensor(codes[..., 3])[0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"planarconfig": "separate"},
        {"byteorder": ">", "tile": (64, 64)},
        {"bigtiff": True},
    ],
)
def test_16_bit_tiff_in_many_layouts(tmp_path, options):
    codes = deep_rgb()
    stored = codes.transpose(2, 0, 1) if "planarconfig" in options else codes
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
    assert_same(read_picture(tmp_path / "a.tif").rgb, as_tensor(codes))


def test_tiff_where_white_is_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", 65535 - gradient16(), photometric="miniswhite")
    assert_same(read_picture(tmp_path / "a.tif").rgb, as_tensor(gradient16()))


def test_tiff_with_colours_multiplied_by_alpha(tmp_path):
    codes = np.zeros((1, 2, 4), np.uint16)
    codes[0, 0] = 16384, 32768, 0, 32768
    tifffile.imwrite(tmp_path / "a.tif", codes, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "a.tif")
    assert_same(picture.rgb[:, 0, 0], torch.tensor([0.5, 1.0, 0.0]), 1e-4)
    assert_same(picture.alpha, torch.tensor([[0.5, 0.0]]), 1e-4)


def test_16_bit_png_of_gray_with_alpha_and_with_colour_keys(tmp_path):
    ramp = gradient16()
    (tmp_path / "la.png").write_bytes(png_bytes(np.stack([ramp, ramp[::-1]], -1), 4))
    picture = read_picture(tmp_path / "la.png")
    assert_same(picture.rgb, as_tensor(ramp))
    assert_same(picture.alpha, as_tensor(ramp[::-1])[0])
    key = png_chunk(b"tRNS", struct.pack(">H", 600))
    (tmp_path / "l.png").write_bytes(png_bytes(ramp, 0, key))
    picture = read_picture(tmp_path / "l.png")
    assert_same(picture.rgb, as_tensor(ramp))
    assert_same(picture.alpha, torch.from_numpy(ramp != 600).float())
    key = png_chunk(b"tRNS", struct.pack(">3H", *deep_rgb()[3, 5]))
    (tmp_path / "rgb.png").write_bytes(png_bytes(deep_rgb(), 2, key))
    picture = read_picture(tmp_path / "rgb.png")
    assert_same(picture.rgb, as_tensor(deep_rgb()))
    assert picture.alpha.sum() == picture.alpha.numel() - 1
    assert picture.alpha[3, 5] == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_tiff(tmp_path, dtype):
    values = np.random.default_rng(0).random((20, 30, 3)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    expected = torch.from_numpy(values.transpose(2, 0, 1).astype(np.float32))
    assert_same(read_picture(tmp_path / "a.tif").rgb, expected)


def test_float_tiff_with_odd_values(tmp_path):
    values = np.array([[0.25, np.nan, -3.0, 7.0, np.inf, 0.5, 0.5, 0.5]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values)
    expected = torch.tensor([0.25, 0, 0, 1, 1, 0.5, 0.5, 0.5])
    assert_same(read_picture(tmp_path / "a.tif").rgb[0, 0], expected)
    tifffile.imwrite(tmp_path / "b.tif", gradient().astype(np.float32), photometric="rgb")
    with pytest.raises(PictureError, match="float values that reach 235"):
        read_picture(tmp_path / "b.tif")


# --- reading: colour ------------------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "stored", "expected"), TAGGED)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_profile_is_converted_to_srgb(tmp_path, profile, stored, expected, suffix):
    path = tmp_path / f"a{suffix}"
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 100}}.get(suffix, {})
    Image.new("RGB", (16, 16), stored).save(path, icc_profile=profile, **options)
    rgb = read_picture(path).rgb[:, 8, 8] * 255
    assert_same(rgb, torch.tensor(expected).float(), 2.5)


@pytest.mark.parametrize(("profile", "stored", "expected"), TAGGED)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_profile_of_a_16_bit_picture(tmp_path, profile, stored, expected, suffix):
    codes = np.full((4, 4, 3), stored, np.uint16) * 257
    if suffix == ".png":
        packed = b"p\0\0" + zlib.compress(profile)
        (tmp_path / "a.png").write_bytes(png_bytes(codes, 2, png_chunk(b"iCCP", packed)))
    else:
        tifffile.imwrite(tmp_path / "a.tif", codes, photometric="rgb", iccprofile=profile)
    rgb = read_picture(tmp_path / f"a{suffix}").rgb[:, 2, 2] * 255
    assert_same(rgb, torch.tensor(expected).float(), 1.5)


@pytest.mark.parametrize("profile", [ADOBE, DISPLAY_P3])
def test_deep_and_8_bit_conversions_agree(tmp_path, profile):
    codes = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(codes).save(tmp_path / "a.tif", icc_profile=profile)
    deep = codes.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "b.tif", deep, photometric="rgb", iccprofile=profile)
    shallow, deep = (read_picture(tmp_path / name).rgb for name in ("a.tif", "b.tif"))
    assert (shallow - deep).abs().max() < 1.5 * LEVEL
    assert (shallow - as_tensor(codes)).abs().max() > 10 * LEVEL  # something was done


def test_a_profile_does_not_cost_depth(tmp_path):
    ramp = np.stack([gradient16()] * 3, axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", ramp, photometric="rgb", iccprofile=ADOBE)
    rgb = read_picture(tmp_path / "a.tif").rgb
    assert colours(rgb) > 20_000
    assert (rgb[1].flatten().diff() >= 0).all()


def test_gray_profiles(tmp_path):
    Image.new("L", (4, 4), 55).save(tmp_path / "a.png", icc_profile=GRAY_LINEAR)
    # IEC 61966-2-1: 1.055 (55/255)^(1/2.4) - 0.055 = 0.50178, which is code 128 of 255
    assert_same(read_picture(tmp_path / "a.png").rgb, torch.full((3, 4, 4), 128 / 255), LEVEL)
    deep = np.full((4, 4), 55 * 257, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="minisblack", iccprofile=GRAY_LINEAR)
    assert_same(read_picture(tmp_path / "a.tif").rgb, torch.full((3, 4, 4), 0.50178), 1e-4)
    Image.new("L", (4, 4), 128).save(tmp_path / "b.png", icc_profile=DISPLAY_P3)  # RGB, on gray
    assert_same(read_picture(tmp_path / "b.png").rgb, torch.full((3, 4, 4), 128 / 255), LEVEL)
    tifffile.imwrite(tmp_path / "b.tif", deep, photometric="minisblack", iccprofile=DISPLAY_P3)
    assert_same(read_picture(tmp_path / "b.tif").rgb, torch.full((3, 4, 4), 55 / 255), 1e-3)


@pytest.mark.parametrize("profile", [b"nonsense", ADOBE[:200], GRAY_LINEAR, cmyk_profile()])
def test_a_profile_that_does_not_fit_is_ignored(tmp_path, profile):
    Image.fromarray(gradient()).save(tmp_path / "a.png", icc_profile=profile)
    assert_same(read_picture(tmp_path / "a.png").rgb, as_tensor(gradient()))
    tifffile.imwrite(tmp_path / "a.tif", deep_rgb(), photometric="rgb", iccprofile=profile)
    assert_same(read_picture(tmp_path / "a.tif").rgb, as_tensor(deep_rgb()))


def test_profile_with_alpha_and_palette(tmp_path):
    rgba = Image.new("RGBA", (4, 4), (234, 51, 35, 102))
    rgba.save(tmp_path / "a.png", icc_profile=DISPLAY_P3)
    picture = read_picture(tmp_path / "a.png")
    assert_same(picture.rgb[:, 0, 0], torch.tensor([1.0, 0.0, 0.0]), 3 * LEVEL)
    assert_same(picture.alpha, torch.full((4, 4), 0.4))
    rgba.convert("RGB").quantize(4).save(tmp_path / "p.png", icc_profile=DISPLAY_P3)
    rgb = read_picture(tmp_path / "p.png").rgb[:, 0, 0]
    assert_same(rgb, torch.tensor([1.0, 0.0, 0.0]), 3 * LEVEL)


CMYK = (255, 102, 0, 51)  # 100 % cyan, 40 % magenta, 20 % black


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_without_a_profile(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.new("CMYK", (16, 16), CMYK).save(path, **({"quality": 100} if suffix == ".jpg" else {}))
    if suffix == ".jpg":
        assert b"Adobe" in path.read_bytes()[:100]  # the marker that says the inks are inverted
    expected = torch.tensor([0.0, 0.6 * 0.8, 0.8])
    assert_same(read_picture(path).rgb[:, 8, 8], expected, 2 * LEVEL)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_with_a_profile(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    image = Image.new("CMYK", (32, 16), (0, 0, 0, 0))
    image.paste((255, 0, 0, 0), (0, 0, 16, 16))
    image.save(path, icc_profile=cmyk_profile(), **({"quality": 100} if suffix == ".jpg" else {}))
    rgb = read_picture(path).rgb
    assert_same(rgb[:, 8, 28], torch.ones(3), 2 * LEVEL)  # bare paper is white
    # The profile's cyan is Lab (55, -37, -50): about (0, 144, 217), not the screen's (0, 255, 255).
    assert_same(rgb[:, 8, 4], torch.tensor([0.0, 144 / 255, 217 / 255]), 0.06)


def test_lab_tiff(tmp_path):
    lab = ImageCms.applyTransform(
        Image.fromarray(gradient() // 2 + 64),
        ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        ),
    )
    lab.save(tmp_path / "a.tif")
    assert_same(read_picture(tmp_path / "a.tif").rgb, as_tensor(gradient() // 2 + 64), 8 * LEVEL)


# --- reading: what must be refused ----------------------------------------------------------------


def refuse(path, words, **options):
    with pytest.raises(PictureError, match=words) as caught:
        read_picture(path, **options)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_missing_folder_and_empty(tmp_path):
    refuse(tmp_path / "none.jpg", "does not exist; check")
    refuse(tmp_path, "is a folder")
    refuse(tmp_path / "none.jpg" / "below.jpg", "does not exist")
    (tmp_path / "e.png").touch()
    refuse(tmp_path / "e.png", "is empty")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a Unix thing")
def test_full_memory_is_not_called_damage(tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError

    Image.fromarray(gradient()).save(tmp_path / "a.png")
    monkeypatch.setattr("bowerbird.pictures.reading._finish", full)
    with pytest.raises(MemoryError):
        read_picture(tmp_path / "a.png")


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    refuse(tmp_path / "pipe.png", "not a regular file")


@pytest.mark.parametrize(
    "content",
    [
        b"Dear all, this is no picture.\n" * 9,
        b"\0" * 100,
        b"<svg xmlns=''></svg>",
        b"x",
        b"%PDF-1.7",
    ],
)
def test_not_a_picture(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    refuse(tmp_path / "a.jpg", "is not a picture that can be read; give a PNG, JPEG")


def test_kinds_that_need_exporting(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99)
    refuse(tmp_path / "a.jpg", "HEIC photograph: export")
    tifffile.imwrite(tmp_path / "a.NEF", gradient(), photometric="rgb")
    refuse(tmp_path / "a.NEF", "camera RAW file; export")


def encoded(kind, *, deep=False):
    codes = cv2.resize(skimage.data.chelsea(), (150, 100))
    stream = io.BytesIO()
    if deep and kind == "PNG":
        return png_bytes(codes.astype(np.uint16) * 257, 2)
    if kind == "TIFF":
        codes = codes.astype(np.uint16) * 257 if deep else codes
        tifffile.imwrite(stream, codes, photometric="rgb", compression="zlib" if deep else None)
    else:
        Image.fromarray(codes).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP", "AVIF", "PPM"])
@pytest.mark.parametrize("share", [0.03, 0.3, 0.6, 0.95])
def test_truncated_files_are_refused(tmp_path, kind, share):
    data = encoded(kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data[: max(20, int(len(data) * share))])
    refuse(path, "damaged, cut short")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_truncated_16_bit_files_are_refused(tmp_path, kind, share):
    data = encoded(kind, deep=True)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data[: int(len(data) * share)])
    refuse(path, "damaged, cut short")


def test_any_damage_is_a_picture_or_a_picture_error(tmp_path):
    rng = np.random.default_rng(0)
    for kind, deep in [("JPEG", False), ("PNG", True), ("TIFF", True), ("GIF", False)]:
        data = np.frombuffer(encoded(kind, deep=deep), np.uint8)
        for _ in range(25):
            hurt = data.copy()
            at = rng.integers(0, min(len(data), 400), 4)  # headers are where decoders trip
            hurt[at] = rng.integers(0, 256, 4)
            path = tmp_path / f"a.{kind.lower()}"
            path.write_bytes(hurt.tobytes())
            try:
                rgb = read_picture(path, max_pixels=10**6).rgb
            except PictureError:
                continue
            assert torch.isfinite(rgb).all()
            assert 0 <= rgb.min() <= rgb.max() <= 1


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_bytes(gradient16(), 0, size=(30_000, 30_000)))
    start = time.perf_counter()
    refuse(path, "30000 x 30000 pixels, more than the 200,000,000 allowed; make it smaller")
    assert time.perf_counter() - start < 1
    tiff = tmp_path / "bomb.tif"
    tifffile.imwrite(tiff, gradient16(), photometric="minisblack")
    data = bytearray(tiff.read_bytes())
    for tag in (256, 257):  # the entries of width and length, each a 16- or 32-bit number
        at = data.index(struct.pack("<HH", tag, 4)) if struct.pack("<HH", tag, 4) in data else -1
        at = at if at >= 0 else data.index(struct.pack("<HH", tag, 3))
        data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 30_000)
    tiff.write_bytes(data)
    refuse(tiff, "30000 x 30000 pixels")


def test_many_samples_a_pixel_count_as_many_pixels(tmp_path):
    path = tmp_path / "many.tif"
    codes = np.zeros((10, 10, 40), np.uint16)
    tifffile.imwrite(path, codes, photometric="minisblack", planarconfig="contig")
    refuse(path, "10 x 10 pixels of 40 samples each, more than the 999", max_pixels=999)
    assert read_picture(path, max_pixels=1000).rgb.shape == (3, 10, 10)


def test_max_pixels_is_ours_and_pillows_limit_is_neither_needed_nor_changed(tmp_path, monkeypatch):
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    refuse(tmp_path / "a.png", "64 x 48 pixels, more than the 3,071", max_pixels=64 * 48 - 1)
    assert read_picture(tmp_path / "a.png", max_pixels=64 * 48).rgb.shape == (3, 48, 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(tmp_path / "a.png").rgb.shape == (3, 48, 64)
    assert Image.MAX_IMAGE_PIXELS == 100


# --- writing --------------------------------------------------------------------------------------


def sample(height=30, width=40, seed=0):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize(("suffix", "levels"), [(".png", 255), (".tif", 65535), (".TIFF", 65535)])
def test_what_is_written_is_read_back_to_the_last_level(tmp_path, suffix, levels):
    rgb, alpha = sample(), sample(seed=1)[0]
    path = tmp_path / f"a{suffix}"
    write_picture(path, rgb, alpha)
    picture = read_picture(path)
    assert_same(picture.rgb, (rgb * levels).round() / levels, 1e-6)
    assert_same(picture.alpha, (alpha * levels).round() / levels, 1e-6)
    write_picture(path, rgb)
    picture = read_picture(path)
    assert picture.alpha is None
    assert_same(picture.rgb, (rgb * levels).round() / levels, 1e-6)
    assert leftovers(tmp_path) == [path.name]


def test_16_bit_tiff_is_deflated_tagged_and_readable_by_others(tmp_path):
    path = tmp_path / "a.tif"
    write_picture(path, as_tensor(np.stack([gradient16()] * 3, -1)), torch.full((128, 256), 0.5))
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert (page.bitspersample, page.samplesperpixel) == (16, 4)
        assert page.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
    codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(codes[..., 0], gradient16())
    assert path.stat().st_size < 4 * 2 * 128 * 256 / 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".tif"])
def test_every_file_is_tagged_srgb_and_reproducible(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_picture(path, sample())
    with Image.open(path) as image:
        profile = image.info["icc_profile"]
    described = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    assert "sRGB" in described
    first = path.read_bytes()
    write_picture(path, sample())
    assert path.read_bytes() == first


def test_jpeg_is_444_and_transparency_lies_on_white(tmp_path):
    rgb = torch.zeros(3, 16, 32)
    alpha = torch.ones(16, 32)
    alpha[:, 16:] = 0
    write_picture(tmp_path / "a.jpg", rgb, alpha)
    with Image.open(tmp_path / "a.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0
        assert image.mode == "RGB"
    read = read_picture(tmp_path / "a.jpg")
    assert read.alpha is None
    assert_same(read.rgb[:, 8, 8], torch.zeros(3), 2 * LEVEL)
    assert_same(read.rgb[:, 8, 24], torch.ones(3), 2 * LEVEL)


def test_webp_keeps_alpha_and_quality_changes_the_size(tmp_path):
    rgb, alpha = as_tensor(gradient()), as_tensor(gradient())[0]
    write_picture(tmp_path / "a.webp", rgb, alpha)
    picture = read_picture(tmp_path / "a.webp")
    assert_same(picture.alpha, alpha, 2 * LEVEL)
    assert (picture.over() - Picture(rgb, alpha).over()).abs().mean() < 0.03
    for suffix in ("webp", "jpg"):
        write_picture(tmp_path / f"hi.{suffix}", sample(99, 99), quality=95)
        write_picture(tmp_path / f"lo.{suffix}", sample(99, 99), quality=20)
        sizes = [(tmp_path / f"{name}.{suffix}").stat().st_size for name in ("hi", "lo")]
        assert sizes[0] > 2 * sizes[1]


def test_values_are_clipped_and_rounded(tmp_path):
    rgb = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.0, 1.7])
    write_picture(tmp_path / "a.png", rgb.expand(3, 1, 7))
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]


def test_tensors_of_any_kind_are_written(tmp_path):
    rgb = sample().requires_grad_()
    write_picture(tmp_path / "a.png", rgb)
    write_picture(tmp_path / "b.png", rgb.detach().double().flip(1).flip(1))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    write_picture(tmp_path / "c.png", rgb.detach().to(torch.bfloat16))
    assert_same(read_picture(tmp_path / "c.png").rgb, rgb.detach(), 2 * LEVEL)


@pytest.mark.parametrize(
    ("rgb", "alpha", "words"),
    [
        (torch.zeros(4, 5, 5), None, r"shape \(3, h, w\), not \(4, 5, 5\)"),
        (torch.zeros(5), None, "shape"),
        (torch.zeros(3, 0, 5), None, "shape"),
        (torch.full((3, 5, 5), torch.nan), None, "NaN"),
        (torch.zeros(3, 5, 5), torch.full((5, 5), torch.inf), "NaN or infinite"),
        (torch.zeros(3, 5, 5), torch.zeros(5, 6), "alpha of shape"),
        (torch.zeros(3, 1, 17_000), None, "16383 px a side; write a .png"),
    ],
)
def test_tensors_that_are_no_picture_are_refused(tmp_path, rgb, alpha, words):
    with pytest.raises(PictureError, match=words):
        write_picture(tmp_path / "a.webp", rgb, alpha)
    assert leftovers(tmp_path) == []


def test_unknown_suffix_and_quality_are_refused(tmp_path):
    with pytest.raises(PictureError, match=r"one of \.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff"):
        write_picture(tmp_path / "a.gif", sample())
    with pytest.raises(PictureError, match="quality of 1 to 100"):
        write_picture(tmp_path / "a.jpg", sample(), quality=0)


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, broken):
    path = tmp_path / "a.png"
    write_picture(path, sample())
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, broken, full)
    with pytest.raises(PictureError, match=r"a\.png was not written: the disk is full"):
        write_picture(path, sample(seed=9))
    assert path.read_bytes() == before
    assert leftovers(tmp_path) == ["a.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_write_that_really_fails_leaves_nothing(tmp_path, suffix):
    # A limit on file size is the one full disk that a test can make without being root.
    resource = pytest.importorskip("resource", reason="file size limits are a Unix thing")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / f"a{suffix}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(PictureError, match="can't be written"):
            write_picture(path, sample(200, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leftovers(tmp_path) == []


def test_ctrl_c_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "a.png", sample())
    assert leftovers(tmp_path) == []


def test_writing_into_a_missing_folder_or_onto_a_folder(tmp_path):
    with pytest.raises(PictureError, match="No such file or directory"):
        write_picture(tmp_path / "no" / "a.png", sample())
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureError, match=r"a\.png can't be written"):
        write_picture(tmp_path / "a.png", sample())
    assert leftovers(tmp_path) == ["a.png"]


# --- checking before work -------------------------------------------------------------------------


def test_check_writable(tmp_path):
    path = tmp_path / "a.png"
    check_writable(path, force=False)
    assert leftovers(tmp_path) == []
    path.write_bytes(b"old")
    with pytest.raises(PictureError, match=r"a\.png exists; add --force to overwrite it"):
        check_writable(path, force=False)
    check_writable(path, force=True)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.gif", r"end its name in one of \.png, \.jpg"),
        ("a", "end its name in one of"),
        ("no/a.png", "does not exist; create"),
        ("file.txt/a.png", "does not exist; create"),
        ("folder.png", "is a folder"),
        ("n" * 300 + ".png", "can't be written"),
    ],
)
def test_check_writable_refuses(tmp_path, name, words):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(PictureError, match=words):
        check_writable(tmp_path / name, force=True)


def test_check_writable_tries_and_does_not_trust_permission_bits():
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a folder that even root can't write to: /proc")
    with pytest.raises(PictureError, match=r"/proc/self/a\.png can't be written"):
        check_writable(Path("/proc/self/a.png"), force=False)


# --- sizes ----------------------------------------------------------------------------------------


def test_shrinking_is_anti_aliased():
    stripes = torch.zeros(3, 64, 64)
    stripes[:, :, ::2] = 1
    small = resize(stripes, (16, 16))
    assert small.shape == (3, 16, 16)
    assert (small[:, 2:-2, 2:-2] - 0.5).abs().max() < 0.02  # plain sampling gives all 0 or all 1


def test_resizing_stays_in_range_and_keeps_flat_colour():
    edge = torch.zeros(3, 20, 20)
    edge[:, :, 10:] = 1
    large = resize(edge, (40, 60))
    assert large.shape == (3, 40, 60)
    assert large.min() == 0  # bicubic alone would ring below 0 and above 1
    assert large.max() == 1
    assert_same(resize(torch.full((3, 7, 5), 0.3), (3, 11)), torch.full((3, 3, 11), 0.3), 1e-5)
    assert_same(resize(edge, (20, 20)), edge)


def test_fit_long_side():
    assert fit_long_side(480, 640, 320) == (240, 320)
    assert fit_long_side(640, 480, 320) == (320, 240)
    assert fit_long_side(100, 50, 400) == (400, 200)
    assert fit_long_side(1, 5000, 100) == (1, 100)
    assert fit_long_side(7, 7, 7) == (7, 7)
    with pytest.raises(ValueError, match="at least 1 px"):
        fit_long_side(10, 10, 0)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_header_tells_the_size(tmp_path, suffix, monkeypatch):
    write_picture(tmp_path / f"a{suffix}", torch.rand(3, 20, 33))
    monkeypatch.setattr("bowerbird.pictures.reading._decode", None)
    assert picture_size(tmp_path / f"a{suffix}") == (20, 33)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_the_size_is_that_of_the_upright_picture(tmp_path, suffix):
    image = Image.new("RGB", (33, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / f"a{suffix}", exif=exif)
    assert picture_size(tmp_path / f"a{suffix}") == (33, 20)
    assert read_picture(tmp_path / f"a{suffix}").rgb.shape == (3, 33, 20)


def test_floats_that_are_not_scaled_are_not_called_damaged(tmp_path):
    codes = np.linspace(0, 255, 20 * 30 * 3, dtype=np.float32).reshape(20, 30, 3)
    tifffile.imwrite(tmp_path / "a.tif", codes, photometric="rgb")
    with pytest.raises(
        PictureError, match=r"a\.tif has float values that reach 255.*divide"
    ) as raised:
        read_picture(tmp_path / "a.tif")
    assert "damaged" not in str(raised.value)
    assert "fetch" not in str(raised.value)
