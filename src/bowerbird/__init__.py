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
    from bowerbird.prediction.backtest import BacktestConfig, backtest, backtest_steps
    from bowerbird.prediction.forecaster import open_forecaster
    from bowerbird.prediction.frames import read_table
    from bowerbird.prediction.seriesfile import read_series
    from bowerbird.prediction.tablemodel import open_table_model
    from bowerbird.prediction.tables import TableConfig, study, study_steps
    from bowerbird.text.corpus import Corpus
    from bowerbird.text.training import TrainConfig, Training
    from bowerbird.text.writer import WriteConfig, Writer, open_writer
    from bowerbird.vision.detect import DetectConfig, detect
    from bowerbird.vision.digits import open_digits
    from bowerbird.vision.dream import DreamConfig, dream, dream_steps
    from bowerbird.vision.house_numbers import NumbersConfig, open_numbers
    from bowerbird.vision.imagenet import classify, open_classifier
    from bowerbird.vision.localize import localize
    from bowerbird.vision.page import read_page
    from bowerbird.vision.see import SeeConfig, see, see_steps
    from bowerbird.vision.segment import segment

__all__ = [
    "PRESETS",
    "BacktestConfig",
    "ComposeConfig",
    "Composer",
    "Corpus",
    "DetectConfig",
    "DreamConfig",
    "MusicTrainConfig",
    "MusicTraining",
    "NumbersConfig",
    "ObjectiveConfig",
    "Picture",
    "ReconstructConfig",
    "SamplingConfig",
    "SeeConfig",
    "Step",
    "TableConfig",
    "TextureConfig",
    "TrainConfig",
    "Training",
    "TransferConfig",
    "WriteConfig",
    "Writer",
    "backtest",
    "backtest_steps",
    "classify",
    "detect",
    "dream",
    "dream_steps",
    "localize",
    "open_classifier",
    "open_composer",
    "open_digits",
    "open_forecaster",
    "open_numbers",
    "open_table_model",
    "open_writer",
    "read_page",
    "read_picture",
    "read_series",
    "read_table",
    "reconstruct",
    "reconstruct_steps",
    "see",
    "see_steps",
    "segment",
    "study",
    "study_steps",
    "texture",
    "texture_steps",
    "transfer",
    "transfer_steps",
    "write_picture",
]

_HOMES = {
    "PRESETS": "image.presets",
    "BacktestConfig": "prediction.backtest",
    "ComposeConfig": "music.composer",
    "Composer": "music.composer",
    "Corpus": "text.corpus",
    "DetectConfig": "vision.detect",
    "DreamConfig": "vision.dream",
    "MusicTrainConfig": "music.training",
    "MusicTraining": "music.training",
    "NumbersConfig": "vision.house_numbers",
    "ObjectiveConfig": "image.objective",
    "Picture": "pictures.pixels",
    "ReconstructConfig": "image.reconstruct",
    "SamplingConfig": "learning.sampling",
    "SeeConfig": "vision.see",
    "Step": "learning.step",
    "TableConfig": "prediction.tables",
    "TextureConfig": "image.texture",
    "TrainConfig": "text.training",
    "Training": "text.training",
    "TransferConfig": "image.transfer",
    "WriteConfig": "text.writer",
    "Writer": "text.writer",
    "backtest": "prediction.backtest",
    "backtest_steps": "prediction.backtest",
    "classify": "vision.imagenet",
    "detect": "vision.detect",
    "dream": "vision.dream",
    "dream_steps": "vision.dream",
    "localize": "vision.localize",
    "open_classifier": "vision.imagenet",
    "open_composer": "music.composer",
    "open_digits": "vision.digits",
    "open_forecaster": "prediction.forecaster",
    "open_numbers": "vision.house_numbers",
    "open_table_model": "prediction.tablemodel",
    "open_writer": "text.writer",
    "read_page": "vision.page",
    "read_picture": "pictures.reading",
    "read_series": "prediction.seriesfile",
    "read_table": "prediction.frames",
    "reconstruct": "image.reconstruct",
    "reconstruct_steps": "image.reconstruct",
    "see": "vision.see",
    "see_steps": "vision.see",
    "segment": "vision.segment",
    "study": "prediction.tables",
    "study_steps": "prediction.tables",
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
