import pytest

from bowerbird.vision.house_numbers.scenes.typefaces import find_typefaces


@pytest.fixture(scope="session")
def faces():
    """All installed typefaces."""
    return find_typefaces()
