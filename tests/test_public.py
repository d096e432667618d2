"""The names that `import bowerbird` and the packages of the domains promise."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import bowerbird

PROMISED = {
    "bowerbird": {
        *("Picture", "Step", "errors", "image", "load", "music", "prediction", "read_picture"),
        *("text", "vision", "write_picture"),
    },
    "bowerbird.image": {
        *("PRESETS", "ObjectiveConfig", "ReconstructConfig", "TextureConfig", "TransferConfig"),
        *("reconstruct", "reconstruct_steps", "texture", "texture_steps"),
        *("transfer", "transfer_steps"),
    },
    "bowerbird.text": {
        *("PRESETS", "BytePairTokenizer", "CharacterTokenizer", "Corpus", "Evaluation"),
        *("GenerateConfig", "SamplingConfig", "TextGenerator", "TrainConfig", "Training"),
        *("WordTokenizer", "assess", "load", "perplexity_references", "train"),
    },
    "bowerbird.music": {
        *("PRESETS", "ComposeConfig", "Composer", "Corpus", "OutputConfig", "SamplingConfig"),
        *("TrainConfig", "Training", "load", "read_score", "train"),
        *("write_output", "write_score"),
    },
    "bowerbird.vision": {
        *("ClassifyConfig", "DetectConfig", "DigitConfig", "DreamConfig", "HouseNumberConfig"),
        *("InspectConfig", "LocalizeConfig", "classify", "detect", "dream", "dream_steps"),
        *("inspect", "inspect_steps", "load_digit_reader", "load_house_number_reader"),
        *("localize", "open_classifier", "read_page", "segment"),
    },
    "bowerbird.prediction": {
        *("BacktestConfig", "EnsembleConfig", "Forecaster", "ForecasterConfig"),
        *("TableClassifier", "TableConfig", "TableRegressor"),
        *("TableReport", "backtest", "backtest_steps", "cross_validate", "cross_validate_steps"),
        *("load_forecaster", "load_table_model", "read_problem", "read_series", "read_table"),
        "sample_series",
    },
}
NAMES = [(package, name) for package, names in PROMISED.items() for name in sorted(names)]


@pytest.mark.parametrize("package", PROMISED)
def test_all_is_what_was_promised(package):
    names = import_module(package).__all__
    assert set(names) == PROMISED[package]
    assert names == sorted(names)


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_each_name_is_there(package, name):
    module = import_module(package)
    value = getattr(module, name)
    assert value is getattr(module, name)
    assert name in dir(module)
    home = getattr(value, "__module__", None)
    if home:
        assert value is getattr(import_module(home), name)


@pytest.mark.parametrize("package", PROMISED)
def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="nonsense"):
        import_module(package).nonsense  # noqa: B018


@pytest.mark.parametrize("package", PROMISED)
def test_star_import(package):
    names = {}
    exec(f"from {package} import *", names)
    assert set(names) >= PROMISED[package]


def test_import_is_light():
    code = """
import sys
import bowerbird as bb
bb.image, bb.text, bb.music, bb.vision, bb.prediction, bb.errors.BowerbirdError
sys.exit("torch" in sys.modules or "numpy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("package", PROMISED)
def test_no_submodule_hides_a_function(package):
    """Importing a module ``bowerbird.image.transfer`` would replace the function."""
    module = import_module(package)
    submodules = {path.stem for path in Path(module.__path__[0]).iterdir()}
    for name in submodules & PROMISED[package]:
        assert isinstance(getattr(module, name), ModuleType)


def test_errors_have_one_base():
    errors = bowerbird.errors
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(found) >= 14
    assert all(issubclass(error, errors.BowerbirdError) for error in found)
