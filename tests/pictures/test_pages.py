"""All pages of a document are read, each as a picture of its own."""

import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from bowerbird.errors import MissingPackageError, PictureError
from bowerbird.pictures.pages import read_pages

GRAYS = (10, 120, 240)


def pages():
    return [Image.new("RGB", (100 + 10 * n, 50), (gray,) * 3) for n, gray in enumerate(GRAYS)]


def check(read):
    assert len(read) == 3
    for number, (page, gray) in enumerate(zip(read, GRAYS, strict=True)):
        rgb = page().rgb
        assert abs(float(rgb.mean()) - gray / 255) < 0.01
        assert rgb.shape[1] < rgb.shape[2]
        assert abs(rgb.shape[2] / rgb.shape[1] - (100 + 10 * number) / 50) < 0.03


def test_pages_of_a_tiff(tmp_path):
    first, *rest = pages()
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest)
    check(read_pages(tmp_path / "a.tif"))


def test_pages_of_16_bits_and_without_thumbnails(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in pages():
            codes = np.asarray(page).astype(np.uint16) * 257
            file.write(codes, photometric="rgb")
            file.write(np.asarray(page)[::4, ::4], photometric="rgb", subfiletype=1)
    check(read_pages(tmp_path / "a.tif"))


def test_pages_of_a_pdf(tmp_path):
    pytest.importorskip("pypdfium2")
    first, *rest = pages()
    first.save(tmp_path / "a.pdf", save_all=True, append_images=rest)
    check(read_pages(tmp_path / "a.pdf"))
    (tmp_path / "b.pdf").write_bytes((tmp_path / "a.pdf").read_bytes()[:300])
    with pytest.raises(PictureError, match="damaged or encrypted; save its pages as pictures"):
        read_pages(tmp_path / "b.pdf")


def test_a_pdf_needs_its_extra(tmp_path, monkeypatch):
    pages()[0].save(tmp_path / "a.pdf")
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'bowerbird\[pdf\]'"):
        read_pages(tmp_path / "a.pdf")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_the_frames_of_an_animation_are_not_pages(tmp_path, suffix):
    first, *rest = (page.resize((100, 50)) for page in pages())
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=rest)
    (page,) = read_pages(tmp_path / f"a{suffix}")
    assert abs(float(page().rgb.mean()) - GRAYS[0] / 255) < 0.02


def test_a_damaged_tiff_is_reported_when_it_is_read(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0" + b"\xff" * 40)
    (page,) = read_pages(tmp_path / "a.tif")
    with pytest.raises(PictureError, match=r"a\.tif is damaged"):
        page()
    (page,) = read_pages(tmp_path / "none.png")
    with pytest.raises(PictureError, match="does not exist"):
        page()


def test_a_page_is_upright(tmp_path):
    image = Image.new("L", (40, 20))
    image.save(tmp_path / "a.tif", tiffinfo={274: 6}, save_all=True, append_images=[image])
    shapes = [tuple(page().rgb.shape) for page in read_pages(tmp_path / "a.tif")]
    assert shapes == [(3, 40, 20)] * 2
