"""The shipped style plates are rich pictures, and the program in tools/ paints the same ones."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from paint_plates import paint
from PIL import Image

from bowerbird.plates import PLATES, plate_path


@pytest.fixture(params=PLATES)
def picture(request):
    with Image.open(plate_path(request.param)) as image:
        return np.asarray(image.convert("RGB"), np.float32)


def test_files_are_small():
    sizes = [plate_path(name).stat().st_size for name in PLATES]
    assert max(sizes) <= 320_000
    assert sum(sizes) <= 1_600_000


def test_is_large_and_rich(picture):
    assert picture.shape[1] >= 900
    light = picture.mean(axis=2)
    assert light.std() > 35
    assert np.quantile(light, 0.95) - np.quantile(light, 0.05) > 110
    warm = picture[..., 0] - picture[..., 2]
    assert warm.std() > 20  # the ink drawing, nearly monochrome, has 24


def test_has_structure_everywhere(picture):
    # style losses compare local statistics: a flat block of the picture has none
    light = picture.mean(axis=2)
    blocks = [b for row in np.array_split(light, 12) for b in np.array_split(row, 16, axis=1)]
    assert min(block.std() for block in blocks) > 2


def test_has_no_frame(picture):
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert edge.std(axis=0).max() > 8


def test_unknown_name_lists_the_plates():
    with pytest.raises(ValueError, match="swirls"):
        plate_path("mona_lisa")


def test_import_is_light():
    heavy = "{'cv2', 'numpy', 'PIL', 'torch'}"
    code = f"import sys, bowerbird.plates; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_paints_the_same_twice_and_as_shipped():
    small = paint.paint("woodblock", 0.25)
    assert small.shape == (192, 256, 3)
    assert np.array_equal(small, paint.paint("woodblock", 0.25))
    with Image.open(plate_path("woodblock")) as image:
        shipped = np.asarray(image.convert("RGB").resize((256, 192), Image.Resampling.BOX))
    # lines are at least 1 px wide at any scale, so a small plate is a little darker
    blurred = [cv2.blur(p.astype(np.float32), (9, 9)) for p in (small, shipped)]
    assert np.abs(blurred[0] - blurred[1]).mean() < 12
