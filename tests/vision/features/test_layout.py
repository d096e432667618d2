"""Pictures of any shape fit into boxes of any shape."""

import pytest
import torch

from bowerbird.vision.features.layout import Sheet


@pytest.mark.parametrize("box", [(760, 570), (196, 147), (261, 196), (343, 457), (1, 1)])
def test_a_picture_of_any_shape_fills_its_box(box):
    width, height = box
    for long, short in ((512, 384), (640, 480), (403, 302), (512, 1), (7, 3), (1, 1)):
        for h, w in ((short, long), (long, short)):
            sheet = Sheet(width + 2, height + 2)
            sheet.hang(torch.zeros(3, h, w), (1, 1, width, height))
            black = (sheet.rgb == 0).all(0)
            assert int(black.sum()) == width * height
            assert bool(black[1:-1, 1:-1].all())


def test_the_middle_of_the_picture_is_kept():
    picture = torch.zeros(3, 100, 300)
    picture[:, :, 100:200] = 1
    sheet = Sheet(50, 50)
    sheet.hang(picture, (0, 0, 50, 50), crisp=True)
    assert float(sheet.rgb.min()) > 0.99
