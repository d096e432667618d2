"""Masks as programs write them."""

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import PictureError
from bowerbird.pictures.masks import label_region, read_labels, read_mask

INSIDE = np.zeros((12, 16), bool)
INSIDE[:, 8:] = True


def save(path, codes, palette=None):
    image = Image.fromarray(codes)
    if palette:
        image = Image.frombytes("P", (16, 12), codes.tobytes())
        image.putpalette(palette)
    image.save(path)
    return path


VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * (252 * 3) + [224, 224, 192]


def made(kind, path):
    codes = INSIDE.astype(np.uint8)
    if kind == "palette":
        return save(path, codes, VOC)
    if kind == "palette with a border":
        codes[:, 0] = 255
        return save(path, codes, VOC)
    if kind == "alpha":
        color = np.full((12, 16, 4), (90, 200, 30, 0), np.uint8)
        color[..., 3] = 255 * codes
        return save(path, color)
    if kind == "black with alpha":
        return save(path, np.stack([codes * 0] * 3 + [255 * codes], -1))
    if kind == "red":
        return save(path, np.stack([128 * codes, 0 * codes, 0 * codes], -1))
    scale, dtype = {
        **{"0/1": (1, np.uint8), "0/15": (15, np.uint8), "0/255": (255, np.uint8)},
        **{"0/1 in 16 bits": (1, np.uint16), "0/65535": (65535, np.uint16)},
    }[kind]
    return save(path, (scale * INSIDE).astype(dtype))


@pytest.mark.parametrize(
    "kind",
    [
        *("0/1", "0/15", "0/255", "0/1 in 16 bits", "0/65535", "palette"),
        *("palette with a border", "alpha", "black with alpha", "red"),
    ],
)
def test_a_mask_is_read_as_it_is_meant(tmp_path, kind):
    mask = read_mask(made(kind, tmp_path / "mask.png"))
    assert np.array_equal(mask.numpy(), INSIDE.astype(np.float32))


def test_shades_stay_shades(tmp_path):
    codes = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (12, 1))
    mask = read_mask(save(tmp_path / "mask.png", codes))
    assert np.allclose(mask.numpy(), codes / 255)


def test_several_labels_are_refused(tmp_path):
    codes = INSIDE.astype(np.uint8)
    codes[:4] = 2
    for palette in (None, VOC):
        path = save(tmp_path / "mask.png", codes, palette)
        with pytest.raises(PictureError, match="labels 1, 2") as refusal:
            read_mask(path)
        assert "--mask-label 1=PAINTING" in str(refusal.value)
        assert label_region(path, read_labels(path), 2).sum() == 4 * 16
        with pytest.raises(PictureError, match="no label 7; its labels are 0, 1, 2"):
            label_region(path, read_labels(path), 7)


def test_a_mask_of_many_colors_or_none_is_refused(tmp_path):
    y, x = np.mgrid[0:12, 0:16]
    photograph = np.stack([x * 15, y * 20, 255 - x * 15], -1).astype(np.uint8)
    with pytest.raises(PictureError, match="several colors"):
        read_mask(save(tmp_path / "mask.png", photograph))
    with pytest.raises(PictureError, match="has colors, not labels"):
        read_labels(tmp_path / "mask.png")
    with pytest.raises(PictureError, match="black everywhere"):
        read_mask(save(tmp_path / "black.png", np.zeros((12, 16), np.uint8)))
