"""Every material shows its digits."""

import numpy as np
import pytest

from bowerbird.vision.house_numbers.scenes.plaques import MATERIALS, make_plaque
from bowerbird.vision.house_numbers.scenes.typefaces import lay_out


@pytest.mark.parametrize("material", MATERIALS)
def test_every_material_shows_its_digits(faces, material):
    random = np.random.default_rng(3)
    for _ in range(10):
        face = faces[int(random.integers(len(faces)))]
        plaque = make_plaque(random, lay_out("28", face, "level", 0.05, 0), material)
        assert plaque.rgb.shape[:2] == plaque.alpha.shape
        assert 0 <= plaque.rgb.min() <= plaque.rgb.max() <= 1
        assert np.isfinite(plaque.rgb).all()
        for x0, y0, x1, y1 in plaque.boxes.astype(int).tolist():
            assert plaque.alpha[y0:y1, x0:x1].max() > 0.5
