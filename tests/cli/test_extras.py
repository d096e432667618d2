"""What needs a package of an extra says which; what is shipped needs none of them."""

import json
import sys
from importlib.util import find_spec

import pytest

from bowerbird.errors import MissingPackageError
from bowerbird.learning.extras import EXTRAS, import_extra, package_folder

SHALLOW = "--size 32 --iterations 1 --num-scales 1 --style-layers relu1_1"


@pytest.fixture
def hide(monkeypatch):
    """Make packages as if they were not installed."""

    def hide(*packages):
        for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
            monkeypatch.delitem(sys.modules, name)
        for package in packages:
            monkeypatch.setitem(sys.modules, package, None)

    return hide


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("music21", "music train irish -o irish.safetensors"),
        ("music21", "music compose scottish -o tune.mid --novelty bach"),
        ("pmdarima", "predict series electricity"),
        ("vega_datasets", "predict table cars"),
        ("skimage", "vision train-house-numbers -o numbers.safetensors"),
        ("transformers", "vision detect photo.png --network detr -o boxes.png"),
        ("tensorboard", "text train corpus.txt -o model.safetensors --iterations 1 --log log"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(refuses, hide, here, package, line):
    (here / "corpus.txt").write_text("to be or not to be\n" * 999)
    hide(package)
    install = f"run `pip install 'bowerbird[{EXTRAS[package]}]'`"
    refuses(line, f"needs the package {package}; {install}")


@pytest.mark.parametrize(
    "line",
    [
        f"image transfer photo.png swirls.png -o out.png {SHALLOW} --json",
        "text write shakespeare --length 20 --json",
        "music compose scottish -o reel.mid --json",
        "vision classify photo.png --json",
        "vision digits photo.png --json",
        "vision house-numbers photo.png --json",
        "predict series sunspots --horizon 2 --json",
    ],
)
def test_what_is_shipped_needs_no_extra(bowerbird, hide, line):
    hide(*EXTRAS)
    done = bowerbird(line)
    assert done.code == 0, done.err
    result = json.loads(done.out)
    if "scottish" in line:  # compared with the tunes that the model was trained on
        assert result["longest_copy_notes"] >= 0


def test_a_package_that_is_installed_is_imported():
    assert import_extra("skimage.data", "this").__name__ == "skimage.data"
    assert (package_folder("vega_datasets", "this") / "_data" / "cars.json").exists()


def test_an_error_within_a_package_is_not_taken_for_a_missing_one(hide):
    hide("scipy")
    with pytest.raises(ModuleNotFoundError, match="scipy"):
        import_extra("pmdarima.datasets", "this")
    hide("pmdarima")
    with pytest.raises(MissingPackageError):
        import_extra("pmdarima.datasets", "this")


@pytest.mark.parametrize("package", EXTRAS)
def test_every_package_of_an_extra_is_in_the_test_environment(package):
    assert find_spec(package) is not None
