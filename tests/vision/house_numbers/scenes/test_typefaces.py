"""Fonts are found in packages and folders, and the boxes of characters are right."""

import cv2
import numpy as np
import pytest

from bowerbird.vision.house_numbers.scenes.typefaces import (
    EM,
    find_typefaces,
    font_family,
    lay_out,
)


@pytest.mark.parametrize("arrangement", ["level", "stacked", "diagonal"])
def test_boxes_contain_the_whole_text(faces, arrangement):
    for face in faces[::7]:
        lettering = lay_out("1480", face, arrangement, 0.1, 0.4)
        rest = lettering.mask.copy()
        for x0, y0, x1, y1 in lettering.boxes.astype(int).tolist():
            window = rest[y0 : y1 + 1, x0 : x1 + 1]
            assert window.max() > 0.5, face.name
            window[:] = 0
        assert rest.max() < 0.1, face.name


def test_fonts_are_found_in_packages_and_folders(faces, tmp_path):
    names = {font_family(face) for face in faces}
    assert {"DejaVuSans", "STIXGeneral"} <= names
    assert not {"STIXSizOneSymReg", "cmsy10", "LastResortHE"} & names
    source = next(face for face in faces if face.name == "DejaVuSans.ttf")
    (tmp_path / "Mine-Bold.ttf").write_bytes(source.read_bytes())
    (tmp_path / "letter.txt").write_text("no font")
    assert "Mine" in {font_family(face) for face in find_typefaces([tmp_path])}
    with pytest.raises(ValueError, match="is not a folder"):
        find_typefaces([tmp_path / "nowhere"])


def test_digits_of_all_fonts_differ(faces):
    for face in faces:
        pictures = []
        for digit in "0123456789":
            mask = lay_out(digit, face, "level", 0, 0).mask
            pictures.append(cv2.resize(mask, (16, 24), interpolation=cv2.INTER_AREA))
        far = min(float(np.abs(a - b).mean()) for i, a in enumerate(pictures) for b in pictures[:i])
        assert far > 0.02, face.name
    assert EM > 24
