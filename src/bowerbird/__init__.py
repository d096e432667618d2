"""Bowerbird: learn a manner from examples and make new things in it.

The names below are imported when they are first used, so that ``import bowerbird`` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bowerbird.image.objective import ObjectiveConfig
    from bowerbird.image.presets import PRESETS
    from bowerbird.image.reconstruct import ReconstructConfig, reconstruct, reconstruct_steps
    from bowerbird.image.texture import TextureConfig, texture, texture_steps
    from bowerbird.image.transfer import TransferConfig, transfer, transfer_steps
    from bowerbird.learning.sampling import SamplingConfig
    from bowerbird.learning.step import Step
    from bowerbird.music.composer import ComposeConfig, Composer, open_composer
    from bowerbird.music.training import MusicTrainConfig, MusicTraining
    from bowerbird.pictures.pixels import Picture
    from bowerbird.pictures.reading import read_picture
    from bowerbird.pictures.writing import write_picture
    from bowerbird.text.corpus import Corpus
    from bowerbird.text.training import TrainConfig, Training
    from bowerbird.text.writer import WriteConfig, Writer, open_writer

__all__ = [
    "PRESETS",
    "ComposeConfig",
    "Composer",
    "Corpus",
    "MusicTrainConfig",
    "MusicTraining",
    "ObjectiveConfig",
    "Picture",
    "ReconstructConfig",
    "SamplingConfig",
    "Step",
    "TextureConfig",
    "TrainConfig",
    "Training",
    "TransferConfig",
    "WriteConfig",
    "Writer",
    "open_composer",
    "open_writer",
    "read_picture",
    "reconstruct",
    "reconstruct_steps",
    "texture",
    "texture_steps",
    "transfer",
    "transfer_steps",
    "write_picture",
]

_HOMES = {
    "PRESETS": "image.presets",
    "ComposeConfig": "music.composer",
    "Composer": "music.composer",
    "Corpus": "text.corpus",
    "MusicTrainConfig": "music.training",
    "MusicTraining": "music.training",
    "ObjectiveConfig": "image.objective",
    "Picture": "pictures.pixels",
    "ReconstructConfig": "image.reconstruct",
    "SamplingConfig": "learning.sampling",
    "Step": "learning.step",
    "TextureConfig": "image.texture",
    "TrainConfig": "text.training",
    "Training": "text.training",
    "TransferConfig": "image.transfer",
    "WriteConfig": "text.writer",
    "Writer": "text.writer",
    "open_composer": "music.composer",
    "open_writer": "text.writer",
    "read_picture": "pictures.reading",
    "reconstruct": "image.reconstruct",
    "reconstruct_steps": "image.reconstruct",
    "texture": "image.texture",
    "texture_steps": "image.texture",
    "transfer": "image.transfer",
    "transfer_steps": "image.transfer",
    "write_picture": "pictures.writing",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bowerbird' has no attribute {name!r}")
    value = getattr(import_module(f"bowerbird.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
