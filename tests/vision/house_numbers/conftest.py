import numpy as np
import pytest
import skimage.data

from bowerbird.networks.config import MultiDigitConfig
from bowerbird.vision.house_numbers.config import SceneConfig
from bowerbird.vision.house_numbers.reader import load_house_number_reader
from bowerbird.vision.house_numbers.scenes.streets import make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import find_typefaces


@pytest.fixture(scope="session")
def reader():
    """The shipped model."""
    return load_house_number_reader(device="cpu")


@pytest.fixture(scope="session")
def small_network():
    """The shape of a network that is quick to train."""
    return MultiDigitConfig(crop_size=32, channels=(8, 16, 16, 16), hidden_size=32, glimpse_size=32)


@pytest.fixture(scope="session")
def plain_scene():
    """Return a scene with a large number in DejaVu Sans; the seed is a number or several."""
    typefaces = [face for face in find_typefaces() if face.name.startswith("DejaVuSans")]
    config = SceneConfig(min_number_size=30, max_number_size=60, empty_fraction=0.0)

    def make(seed, photo="coffee", config=config):
        random = np.random.default_rng(seed)
        return make_scene(random, typefaces, [getattr(skimage.data, photo)()], config)

    return make
