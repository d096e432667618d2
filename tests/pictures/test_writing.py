"""Pictures are written exactly, atomically and with a profile."""

import errno
import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, JpegImagePlugin

from bowerbird.errors import PictureError
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.reading import read_picture
from bowerbird.pictures.writing import check_writable, write_picture
from tests.pictures.picture_files import LEVEL, as_tensor, assert_same, gradient, gradient16


def sample(height=30, width=40, seed=0):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def file_names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize(("suffix", "levels"), [(".png", 255), (".tif", 65535), (".TIFF", 65535)])
def test_a_written_picture_is_read_back_exactly(tmp_path, suffix, levels):
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
    assert file_names(tmp_path) == [path.name]


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


def test_jpeg_is_444_and_white_where_transparent(tmp_path):
    rgb = torch.zeros(3, 16, 32)
    alpha = torch.ones(16, 32)
    alpha[:, 16:] = 0
    write_picture(tmp_path / "a.jpg", rgb, alpha)
    with Image.open(tmp_path / "a.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0
        assert image.mode == "RGB"
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.alpha is None
    assert_same(picture.rgb[:, 8, 8], torch.zeros(3), 2 * LEVEL)
    assert_same(picture.rgb[:, 8, 24], torch.ones(3), 2 * LEVEL)


def test_webp_keeps_alpha_and_quality_changes_the_size(tmp_path):
    rgb, alpha = as_tensor(gradient()), as_tensor(gradient())[0]
    write_picture(tmp_path / "a.webp", rgb, alpha)
    picture = read_picture(tmp_path / "a.webp")
    assert_same(picture.alpha, alpha, 2 * LEVEL)
    assert (picture.over() - Picture(rgb, alpha).over()).abs().mean() < 0.03
    for suffix in ("webp", "jpg"):
        write_picture(tmp_path / f"high.{suffix}", sample(99, 99), quality=95)
        write_picture(tmp_path / f"low.{suffix}", sample(99, 99), quality=20)
        sizes = [(tmp_path / f"{name}.{suffix}").stat().st_size for name in ("high", "low")]
        assert sizes[0] > 2 * sizes[1]


def test_values_are_clipped_and_rounded(tmp_path):
    rgb = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.0, 1.7])
    write_picture(tmp_path / "a.png", rgb.expand(3, 1, 7))
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]


def test_tensors_of_any_float_type_are_written(tmp_path):
    rgb = sample().requires_grad_()
    write_picture(tmp_path / "a.png", rgb)
    write_picture(tmp_path / "b.png", rgb.detach().double().flip(1).flip(1))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    write_picture(tmp_path / "c.png", rgb.detach().to(torch.bfloat16))
    assert_same(read_picture(tmp_path / "c.png").rgb, rgb.detach(), 2 * LEVEL)


@pytest.mark.parametrize(
    ("rgb", "alpha", "words"),
    [
        (torch.zeros(4, 5, 5), None, r"shape \(3, h, w\), got \(4, 5, 5\)"),
        (torch.zeros(5), None, "shape"),
        (torch.zeros(3, 0, 5), None, "shape"),
        (torch.full((3, 5, 5), torch.nan), None, "NaN"),
        (torch.zeros(3, 5, 5), torch.full((5, 5), torch.inf), "NaN or infinity"),
        (torch.zeros(3, 5, 5), torch.zeros(5, 6), "alpha must have shape"),
        (torch.zeros(3, 1, 17_000), None, "16383 px a side; use .png"),
    ],
)
def test_invalid_tensors_are_refused(tmp_path, rgb, alpha, words):
    with pytest.raises(PictureError, match=words):
        write_picture(tmp_path / "a.webp", rgb, alpha)
    assert file_names(tmp_path) == []


def test_unknown_suffix_and_quality_are_refused(tmp_path):
    with pytest.raises(
        PictureError, match=r"one of the suffixes \.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff"
    ):
        write_picture(tmp_path / "a.gif", sample())
    with pytest.raises(PictureError, match="quality must be between 1 and 100, got 0"):
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
    assert file_names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_real_write_error_leaves_nothing(tmp_path, suffix):
    # a limit on file size is like a full disk, and needs no root
    resource = pytest.importorskip("resource", reason="file size limits exist on Unix only")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / f"a{suffix}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(PictureError, match="can't be written"):
            write_picture(path, sample(200, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file_names(tmp_path) == []


def test_ctrl_c_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "a.png", sample())
    assert file_names(tmp_path) == []


def test_writing_into_a_missing_folder_or_onto_a_folder(tmp_path):
    with pytest.raises(PictureError, match="No such file or directory"):
        write_picture(tmp_path / "no" / "a.png", sample())
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureError, match=r"a\.png can't be written"):
        write_picture(tmp_path / "a.png", sample())
    assert file_names(tmp_path) == ["a.png"]


def test_check_writable(tmp_path):
    path = tmp_path / "a.png"
    check_writable(path, force=False)
    assert file_names(tmp_path) == []
    path.write_bytes(b"old")
    with pytest.raises(PictureError, match=r"a\.png exists; add --force to overwrite it"):
        check_writable(path, force=False)
    check_writable(path, force=True)
    assert path.read_bytes() == b"old"
    assert file_names(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.gif", r"use one of the suffixes \.png, \.jpg"),
        ("a", "use one of the suffixes"),
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


def test_check_writable_tries_to_write():
    if not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, where even root can't write")
    with pytest.raises(PictureError, match=r"/proc/self/a\.png can't be written"):
        check_writable(Path("/proc/self/a.png"), force=False)
