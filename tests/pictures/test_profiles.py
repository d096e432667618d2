"""Pictures with color profiles are converted to sRGB."""

import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from bowerbird.pictures.reading import read_picture
from tests.pictures.picture_files import (
    ADOBE,
    DISPLAY_P3,
    GRAY_LINEAR,
    LEVEL,
    P3_PRIMARIES,
    TAGGED,
    as_tensor,
    assert_same,
    cmyk_profile,
    curve_tag,
    deep_rgb,
    gradient,
    gradient16,
    num_colors,
    png_bytes,
    png_chunk,
    rgb_profile,
    table_tag,
)


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


CURVES = [  # from 0 to 1, as the 8-bit conversion moves black and white there
    curve_tag(0, 1.8),
    curve_tag(1, 2.2, 1.1, -0.1),
    curve_tag(4, 2.4, 1.005 ** (1 / 2.4) - 0.05, 0.05, 0.048, 0.1, -0.005, 0),
    table_tag(np.linspace(0, 1, 33) ** 2),
    table_tag([]),  # linear
]


@pytest.mark.parametrize(
    "profile", [ADOBE, DISPLAY_P3, *(rgb_profile(P3_PRIMARIES, curve) for curve in CURVES)]
)
def test_deep_and_8_bit_conversions_agree(tmp_path, profile):
    """The 8-bit one is LittleCMS's."""
    codes = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(codes).save(tmp_path / "a.tif", icc_profile=profile)
    deep = codes.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "b.tif", deep, photometric="rgb", iccprofile=profile)
    shallow, deep = (read_picture(tmp_path / name).rgb for name in ("a.tif", "b.tif"))
    assert (shallow - deep).abs().max() < 1.5 * LEVEL
    assert (shallow - as_tensor(codes)).abs().max() > 10 * LEVEL  # the profile was applied


@pytest.mark.parametrize(
    ("tag", "light"),
    [
        (curve_tag(2, 2.2, 0.9, 0.05, 0.03), lambda x: (0.9 * x + 0.05) ** 2.2 + 0.03),
        (curve_tag(2, 2.2, 1.1, -0.2, 0.1), lambda x: np.maximum(1.1 * x - 0.2, 0) ** 2.2 + 0.1),
        (
            curve_tag(4, 2.4, 0.9, 0.05, 0.1, 0.2, 0.02, 0.01),
            lambda x: np.where(x >= 0.2, (0.9 * x + 0.05) ** 2.4 + 0.02, 0.1 * x + 0.01),
        ),
    ],
)
def test_a_curve_of_which_black_is_not_0(tmp_path, tag, light):
    """ICC.1:2022, table 68; gray stays gray, as the primaries have the same white."""
    codes = np.arange(0, 65536, 257, np.uint16)
    gray = np.broadcast_to(codes[None, :, None], (1, 256, 3))
    profile = rgb_profile(P3_PRIMARIES, tag)
    tifffile.imwrite(tmp_path / "a.tif", gray, photometric="rgb", iccprofile=profile)
    linear = np.clip(light(codes / 65535), 0, 1)
    expected = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    rgb = read_picture(tmp_path / "a.tif").rgb
    assert_same(rgb, torch.from_numpy(expected).float().expand(3, 1, -1), 1e-3)


def test_a_profile_keeps_the_depth(tmp_path):
    ramp = np.stack([gradient16()] * 3, axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", ramp, photometric="rgb", iccprofile=ADOBE)
    rgb = read_picture(tmp_path / "a.tif").rgb
    assert num_colors(rgb) > 20_000
    assert (rgb[1].flatten().diff() >= 0).all()


def test_gray_profiles(tmp_path):
    Image.new("L", (4, 4), 55).save(tmp_path / "a.png", icc_profile=GRAY_LINEAR)
    # IEC 61966-2-1: 1.055 (55/255)^(1/2.4) - 0.055 = 0.50178, which is code 128 of 255
    assert_same(read_picture(tmp_path / "a.png").rgb, torch.full((3, 4, 4), 128 / 255), LEVEL)
    deep = np.full((4, 4), 55 * 257, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="minisblack", iccprofile=GRAY_LINEAR)
    assert_same(read_picture(tmp_path / "a.tif").rgb, torch.full((3, 4, 4), 0.50178), 1e-4)
    Image.new("L", (4, 4), 128).save(tmp_path / "b.png", icc_profile=DISPLAY_P3)  # RGB, for gray
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
        assert b"Adobe" in path.read_bytes()[:100]  # the marker of inverted inks
    expected = torch.tensor([0.0, 0.6 * 0.8, 0.8])
    assert_same(read_picture(path).rgb[:, 8, 8], expected, 2 * LEVEL)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_with_a_profile(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    image = Image.new("CMYK", (32, 16), (0, 0, 0, 0))
    image.paste((255, 0, 0, 0), (0, 0, 16, 16))
    image.save(path, icc_profile=cmyk_profile(), **({"quality": 100} if suffix == ".jpg" else {}))
    rgb = read_picture(path).rgb
    assert_same(rgb[:, 8, 28], torch.ones(3), 2 * LEVEL)  # no ink is white
    # the profile's cyan is Lab (55, -37, -50): about (0, 144, 217), not (0, 255, 255)
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
