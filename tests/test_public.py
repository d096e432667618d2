"""The names that `import bowerbird` promises."""

import subprocess
import sys
from importlib import import_module

import pytest

import bowerbird

PROMISED = {
    "PRESETS",
    "BacktestConfig",
    "ComposeConfig",
    "Composer",
    "Corpus",
    "DetectConfig",
    "DreamConfig",
    "HouseNumberConfig",
    "MusicTraining",
    "ObjectiveConfig",
    "Picture",
    "ReconstructConfig",
    "SamplingConfig",
    "InspectConfig",
    "Step",
    "TableConfig",
    "TextureConfig",
    "TrainConfig",
    "Training",
    "TransferConfig",
    "GenerateConfig",
    "Writer",
    "backtest",
    "backtest_steps",
    "classify",
    "detect",
    "dream",
    "dream_steps",
    "load",
    "localize",
    "open_classifier",
    "read_page",
    "read_picture",
    "read_series",
    "read_table",
    "reconstruct",
    "reconstruct_steps",
    "inspect",
    "inspect_steps",
    "segment",
    "study",
    "study_steps",
    "texture",
    "texture_steps",
    "transfer",
    "transfer_steps",
    "write_picture",
}


def test_all_is_what_was_promised():
    assert set(bowerbird.__all__) == PROMISED
    assert len(bowerbird.__all__) == len(PROMISED)


def test_all_is_sorted():
    """Constants, classes, functions: the order of ruff's RUF022."""
    kinds = [(not n.isupper(), n[0].islower(), n) for n in bowerbird.__all__]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_each_name_is_there(name):
    value = getattr(bowerbird, name)
    assert value is getattr(bowerbird, name)
    assert name in dir(bowerbird)
    home = getattr(value, "__module__", None)
    if home:
        assert value is getattr(import_module(home), name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        bowerbird.nonsense  # noqa: B018


def test_star_import():
    names = {}
    exec("from bowerbird import *", names)
    assert set(names) >= PROMISED


def test_import_is_light():
    code = "import sys, bowerbird; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
