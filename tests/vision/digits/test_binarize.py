"""Writing is separated from shadows, rulings and boards."""

import numpy as np

from bowerbird.vision.digits.binarize import binarize
from bowerbird.vision.digits.components import find_components


def test_contrast_is_the_same_in_the_shade():
    page = np.full((240, 320, 3), 0.9, np.float32)
    page[100:140, 60:64] = page[100:140, 240:244] = 0.2
    shade = np.linspace(1, 0.4, 320, dtype=np.float32)[None, :, None]
    components = find_components(binarize(page * shade))
    assert len(components) == 2
    contrasts = [component.contrast for component in components]
    assert abs(contrasts[0] - contrasts[1]) < 0.15


def test_rulings_are_not_writing_but_strokes_across_them_are():
    page = np.full((400, 600, 3), 0.95, np.float32)
    page[200:203, 10:590] = (0.6, 0.7, 0.9)
    page[170:240, 300:307] = 0.15
    foreground = binarize(page)
    assert foreground.rulings[200:203, 50:250].mean() > 0.9
    assert not foreground.mask[195:208, 50:250].any()
    assert foreground.mask[172:238, 302:305].all()


def test_strokes_along_faint_rulings_are_writing():
    """The rulings are weaker than the weakest writing, so only the strokes on them are visible."""
    page = np.full((400, 600, 3), 0.95, np.float32)
    page[40::40] = page[41::40] = page[42::40] = page[43::40] = 0.89
    page[200:203, 280:330] = 0.3  # the bar of a 7
    foreground = binarize(page)
    assert foreground.rulings[201:203, 280:330].mean() > 0.9
    assert foreground.mask[200:203, 282:328].all()
    assert not foreground.mask[:190].any()


def test_light_writing_is_found_on_boards():
    board = np.full((240, 320, 3), 0.15, np.float32)
    board[100:140, 60:66] = 0.9
    assert len(find_components(binarize(board, light=True))) == 1
    assert not find_components(binarize(board))
