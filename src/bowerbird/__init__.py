"""Bowerbird: learn a manner from examples and make new things in it.

The names below are imported when they are first used, so that ``import bowerbird`` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bowerbird.image.config import (
        ObjectiveConfig,
        ReconstructConfig,
        TextureConfig,
        TransferConfig,
    )
    from bowerbird.image.presets import PRESETS
    from bowerbird.image.reconstruct import reconstruct, reconstruct_steps
    from bowerbird.image.texture import texture, texture_steps
    from bowerbird.image.transfer import transfer, transfer_steps
    from bowerbird.learning.config import SamplingConfig
    from bowerbird.learning.step import Step
    from bowerbird.models import load
    from bowerbird.music.composer import Composer
    from bowerbird.music.config import ComposeConfig
    from bowerbird.music.training import MusicTraining
    from bowerbird.pictures.pixels import Picture
    from bowerbird.pictures.reading import read_picture
    from bowerbird.pictures.writing import write_picture
    from bowerbird.prediction.data.table import read_table
    from bowerbird.prediction.series.backtest import BacktestConfig, backtest, backtest_steps
    from bowerbird.prediction.series.file import read_series
    from bowerbird.prediction.tabular.study import TableConfig, study, study_steps
    from bowerbird.text.config import GenerateConfig, TrainConfig
    from bowerbird.text.corpus import Corpus
    from bowerbird.text.generator import Writer
    from bowerbird.text.training import Training
    from bowerbird.vision.classification import classify, open_classifier
    from bowerbird.vision.config import DetectConfig, DreamConfig, InspectConfig
    from bowerbird.vision.detection import detect
    from bowerbird.vision.digits.page import read_page
    from bowerbird.vision.features.dream import dream, dream_steps
    from bowerbird.vision.features.inspect import inspect, inspect_steps
    from bowerbird.vision.house_numbers.config import HouseNumberConfig
    from bowerbird.vision.localization import localize
    from bowerbird.vision.segmentation import segment

__all__ = [
    "PRESETS",
    "BacktestConfig",
    "ComposeConfig",
    "Composer",
    "Corpus",
    "DetectConfig",
    "DreamConfig",
    "GenerateConfig",
    "HouseNumberConfig",
    "InspectConfig",
    "MusicTraining",
    "ObjectiveConfig",
    "Picture",
    "ReconstructConfig",
    "SamplingConfig",
    "Step",
    "TableConfig",
    "TextureConfig",
    "TrainConfig",
    "Training",
    "TransferConfig",
    "Writer",
    "backtest",
    "backtest_steps",
    "classify",
    "detect",
    "dream",
    "dream_steps",
    "inspect",
    "inspect_steps",
    "load",
    "localize",
    "open_classifier",
    "read_page",
    "read_picture",
    "read_series",
    "read_table",
    "reconstruct",
    "reconstruct_steps",
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
    "BacktestConfig": "prediction.series.backtest",
    "ComposeConfig": "music.config",
    "Composer": "music.composer",
    "Corpus": "text.corpus",
    "DetectConfig": "vision.config",
    "DreamConfig": "vision.config",
    "MusicTraining": "music.training",
    "HouseNumberConfig": "vision.house_numbers.config",
    "ObjectiveConfig": "image.config",
    "Picture": "pictures.pixels",
    "ReconstructConfig": "image.config",
    "SamplingConfig": "learning.config",
    "InspectConfig": "vision.config",
    "Step": "learning.step",
    "TableConfig": "prediction.tabular.study",
    "TextureConfig": "image.config",
    "TrainConfig": "text.config",
    "Training": "text.training",
    "TransferConfig": "image.config",
    "GenerateConfig": "text.config",
    "Writer": "text.generator",
    "backtest": "prediction.series.backtest",
    "backtest_steps": "prediction.series.backtest",
    "classify": "vision.classification",
    "detect": "vision.detection",
    "dream": "vision.features.dream",
    "dream_steps": "vision.features.dream",
    "load": "models",
    "localize": "vision.localization",
    "open_classifier": "vision.classification",
    "read_page": "vision.digits.page",
    "read_picture": "pictures.reading",
    "read_series": "prediction.series.file",
    "read_table": "prediction.data.table",
    "reconstruct": "image.reconstruct",
    "reconstruct_steps": "image.reconstruct",
    "inspect": "vision.features.inspect",
    "inspect_steps": "vision.features.inspect",
    "segment": "vision.segmentation",
    "study": "prediction.tabular.study",
    "study_steps": "prediction.tabular.study",
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
