"""Files of every format are read upright, in sRGB, at their depth; bad ones are refused."""

import io
import os
import struct
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
import skimage.data
import tifffile
import torch
from PIL import Image, ImageCms

from bowerbird.errors import PictureError
from bowerbird.pictures import reading
from bowerbird.pictures.reading import picture_size, read_picture
from bowerbird.pictures.writing import write_picture
from tests.pictures.picture_files import (
    as_tensor,
    assert_same,
    deep_rgb,
    gradient,
    gradient16,
    num_colors,
    png_bytes,
    png_chunk,
)

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


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
        pytest.skip("the shared data folder is missing")
    for path in [*(SHARED / "pictures").glob("[gst]*.jpg"), *(SHARED / "paintings").glob("*.jpg")]:
        picture = read_picture(path)
        with Image.open(path) as image:
            profile, srgb = image.info.get("icc_profile"), ImageCms.createProfile("sRGB")
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else srgb
            expected = as_tensor(np.asarray(ImageCms.profileToProfile(image, own, srgb)))
        assert picture.rgb.shape == expected.shape
        assert (picture.rgb - expected).abs().mean() < 0.01


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


# How each EXIF orientation stores an upright picture (CIPA DC-008, 4.6.5.A).
STORED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),  # a rotation to the right restores it
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


def test_alpha_is_rotated_with_the_picture(tmp_path):
    rgba = np.dstack([gradient(), gradient()[..., 0]])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(rgba))).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    assert_same(picture.alpha, as_tensor(gradient())[0])


def test_damaged_exif_is_ignored(tmp_path):
    Image.fromarray(gradient()).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff junk")
    assert read_picture(tmp_path / "a.jpg").rgb.shape == (3, 48, 64)


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
def test_palette_with_one_transparent_color(tmp_path, suffix):
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
def test_transparent_color_key(tmp_path, mode, key):
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((0, 0), key)
    image.save(tmp_path / "a.png", transparency=key)
    assert_same(read_picture(tmp_path / "a.png").alpha, torch.tensor([[0.0, 1.0]]))


def test_an_opaque_alpha_channel_is_none(tmp_path):
    Image.fromarray(np.dstack([gradient(), np.full((48, 64), 255, np.uint8)])).save(
        tmp_path / "a.png"
    )
    assert read_picture(tmp_path / "a.png").alpha is None


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (20, 10), c) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    path = tmp_path / f"a{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, **options)
    with Image.open(path) as image:
        assert image.n_frames == 3
    assert_same(read_picture(path).rgb[:, 5, 5], torch.tensor([1.0, 0.0, 0.0]))


def test_first_picture_of_a_jpeg_with_two(tmp_path):
    # MPO: what stereo cameras and some phones write as .jpg
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


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_gray_keeps_its_depth(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), gradient16())
    rgb = read_picture(path).rgb
    assert num_colors(rgb) == 32768
    assert_same(rgb, as_tensor(gradient16()))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_color_by_opencv_keeps_its_depth(tmp_path, suffix, channels):
    # OpenCV writes LZW, which tifffile alone can't decode
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


def test_tiff_with_premultiplied_alpha(tmp_path):
    codes = np.zeros((1, 2, 4), np.uint16)
    codes[0, 0] = 16384, 32768, 0, 32768
    tifffile.imwrite(tmp_path / "a.tif", codes, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "a.tif")
    assert_same(picture.rgb[:, 0, 0], torch.tensor([0.5, 1.0, 0.0]), 1e-4)
    assert_same(picture.alpha, torch.tensor([[0.5, 0.0]]), 1e-4)


def test_16_bit_png_of_gray_with_alpha_and_with_color_keys(tmp_path):
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
    with pytest.raises(PictureError, match="float values up to 235"):
        read_picture(tmp_path / "b.tif")


def refuse(path, words, **options):
    with pytest.raises(PictureError, match=words) as error:
        read_picture(path, **options)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_missing_folder_and_empty(tmp_path):
    refuse(tmp_path / "none.jpg", "does not exist; check")
    refuse(tmp_path, "is a folder")
    refuse(tmp_path / "none.jpg" / "below.jpg", "does not exist")
    (tmp_path / "e.png").touch()
    refuse(tmp_path / "e.png", "is empty")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes exist on Unix only")
def test_full_memory_is_not_reported_as_damage(tmp_path, monkeypatch):
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
        b"Dear all, this is not a picture.\n" * 9,
        b"\0" * 100,
        b"<svg xmlns=''></svg>",
        b"x",
        b"%PDF-1.7",
    ],
)
def test_not_a_picture(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    refuse(tmp_path / "a.jpg", "is not a picture in a known format; use a PNG, JPEG")


def test_photographs_of_phones_are_read_with_their_plugin(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    codes = cv2.resize(skimage.data.chelsea(), (150, 100))
    heif.from_pillow(Image.fromarray(codes)).save(tmp_path / "a.heic", quality=95)
    picture = read_picture(tmp_path / "a.heic")
    assert picture.rgb.shape == (3, 100, 150)
    assert (picture.rgb - as_tensor(codes)).abs().mean() < 0.02
    assert picture_size(tmp_path / "a.heic") == (100, 150)
    (tmp_path / "b.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:900])
    refuse(tmp_path / "b.heic", "damaged, truncated")


def test_kinds_that_need_exporting(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_load_plugins", lambda: None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
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
@pytest.mark.parametrize("fraction", [0.03, 0.3, 0.6, 0.95])
def test_truncated_files_are_refused(tmp_path, kind, fraction):
    data = encoded(kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data[: max(20, int(len(data) * fraction))])
    refuse(path, "damaged, truncated")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("fraction", [0.1, 0.6, 0.95])
def test_truncated_16_bit_files_are_refused(tmp_path, kind, fraction):
    data = encoded(kind, deep=True)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(data[: int(len(data) * fraction)])
    refuse(path, "damaged, truncated")


def test_damaged_bytes_are_a_picture_or_a_picture_error(tmp_path):
    rng = np.random.default_rng(0)
    for kind, deep in [("JPEG", False), ("PNG", True), ("TIFF", True), ("GIF", False)]:
        data = np.frombuffer(encoded(kind, deep=deep), np.uint8)
        for _ in range(25):
            damaged = data.copy()
            at = rng.integers(0, min(len(data), 400), 4)  # decoders fail in headers
            damaged[at] = rng.integers(0, 256, 4)
            path = tmp_path / f"a.{kind.lower()}"
            path.write_bytes(damaged.tobytes())
            try:
                rgb = read_picture(path, max_pixels=10**6).rgb
            except PictureError:
                continue
            assert torch.isfinite(rgb).all()
            assert 0 <= rgb.min() <= rgb.max() <= 1


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_bytes(gradient16(), 0, size=(30_000, 30_000)))
    start = time.perf_counter()
    refuse(path, "30000 x 30000 pixels, more than the 200,000,000 allowed; downscale it")
    assert time.perf_counter() - start < 1
    tiff = tmp_path / "bomb.tif"
    tifffile.imwrite(tiff, gradient16(), photometric="minisblack")
    data = bytearray(tiff.read_bytes())
    for tag in (256, 257):  # the entries of width and height, each a 16- or 32-bit number
        at = data.index(struct.pack("<HH", tag, 4)) if struct.pack("<HH", tag, 4) in data else -1
        at = at if at >= 0 else data.index(struct.pack("<HH", tag, 3))
        data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 30_000)
    tiff.write_bytes(data)
    refuse(tiff, "30000 x 30000 pixels")


def test_many_samples_per_pixel_count_as_many_pixels(tmp_path):
    path = tmp_path / "many.tif"
    codes = np.zeros((10, 10, 40), np.uint16)
    tifffile.imwrite(path, codes, photometric="minisblack", planarconfig="contig")
    refuse(path, "10 x 10 pixels of 40 samples each, more than the 999", max_pixels=999)
    assert read_picture(path, max_pixels=1000).rgb.shape == (3, 10, 10)


def test_max_pixels_neither_needs_nor_changes_pillows_limit(tmp_path, monkeypatch):
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    refuse(tmp_path / "a.png", "64 x 48 pixels, more than the 3,071", max_pixels=64 * 48 - 1)
    assert read_picture(tmp_path / "a.png", max_pixels=64 * 48).rgb.shape == (3, 48, 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(tmp_path / "a.png").rgb.shape == (3, 48, 64)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_size_is_read_from_the_header(tmp_path, suffix, monkeypatch):
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


def test_floats_out_of_range_are_not_reported_as_damage(tmp_path):
    codes = np.linspace(0, 255, 20 * 30 * 3, dtype=np.float32).reshape(20, 30, 3)
    tifffile.imwrite(tmp_path / "a.tif", codes, photometric="rgb")
    with pytest.raises(PictureError, match=r"a\.tif has float values up to 255.*divide") as error:
        read_picture(tmp_path / "a.tif")
    assert "damaged" not in str(error.value)
    assert "download" not in str(error.value)
