"""Bowerbird trains on examples and makes new pictures, text and music in their style.

Each domain is a package: ``bowerbird.image.transfer``, ``bowerbird.text.load`` and so on. All names
are imported when they are first used, so ``import bowerbird`` is quick.
"""

from typing import TYPE_CHECKING

from bowerbird.lazy import lazy_exports

if TYPE_CHECKING:
    from bowerbird import (
        errors as errors,
        image as image,
        music as music,
        prediction as prediction,
        text as text,
        vision as vision,
    )
    from bowerbird.learning.step import Step as Step
    from bowerbird.models import load as load
    from bowerbird.pictures.pixels import Picture as Picture
    from bowerbird.pictures.reading import read_picture as read_picture
    from bowerbird.pictures.writing import write_picture as write_picture
else:
    __getattr__, __dir__, __all__ = lazy_exports(__name__)
