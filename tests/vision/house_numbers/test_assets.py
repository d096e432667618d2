"""What is held out for validation and tests is never trained on."""

import pytest

from bowerbird.vision.house_numbers.assets import find_photos, split_photos, split_typefaces
from bowerbird.vision.house_numbers.config import HouseNumberTrainConfig
from bowerbird.vision.house_numbers.scenes.typefaces import find_typefaces, font_family


def test_what_is_held_out_is_never_trained_on():
    config, faces = HouseNumberTrainConfig(), find_typefaces()
    train, validation = split_typefaces(faces, config.validation_families, config.test_families)
    held_out = {*config.test_families, *config.validation_families}
    assert not held_out & {font_family(face) for face in train}
    assert {font_family(face) for face in validation} <= {*config.validation_families}
    parts = split_photos(find_photos())
    assert not {*parts[0]} & {*parts[2]}
    assert not {*parts[0]} & {*parts[1]}
    with pytest.raises(ValueError, match="typefaces for training"):
        split_typefaces([], (), ())
