"""Open a model file of any kind, by its path or by the name of a shipped model.

The kind in a file's header says which function opens it. That function's module, which belongs to
a domain, is imported only then.
"""

from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from bowerbird.errors import ModelError
from bowerbird.learning.model_file import read_header

SHIPPED = {  # files in the package, by the names of their models
    "shakespeare": "text/shakespeare.safetensors",
    "scottish": "music/scottish.safetensors",
    "digits": "vision/digits/digits.safetensors",
    "house-numbers": "vision/house_numbers/house_numbers.safetensors",
}
LOADERS = {  # modules whose function ``load`` opens a file, by kind
    "text": "bowerbird.text.generator",
    "music": "bowerbird.music.composer",
    "digits": "bowerbird.vision.digits.reader",
    "house-numbers": "bowerbird.vision.house_numbers.reader",
    "table": "bowerbird.prediction.tabular.model",
    "series": "bowerbird.prediction.series.forecaster",
}


def model_path(path_or_name: str | Path) -> Path:
    """Return the path of a model file, which may be given by the name of a shipped model.

    Raises ModelError if there is no such file.
    """
    path = Path(path_or_name)
    if str(path_or_name) in SHIPPED and not path.is_file():  # a folder may have the same name
        return Path(str(files("bowerbird") / SHIPPED[str(path_or_name)]))
    if not path.exists():
        raise ModelError(
            f"{path} does not exist; give a model file, or a shipped model: {', '.join(SHIPPED)}"
        )
    return path


def load(path_or_name: str | Path, device: str = "auto") -> Any:
    """Return the model in a file of any kind, or the shipped model of this name.

    What is returned depends on the kind: a ``TextGenerator`` for text, a ``Composer`` for music and
    so on. Each domain has a ``load`` of its own, which returns only its own kind. Raises
    ModelError for a file that is missing, damaged or not a model.
    """
    path = model_path(path_or_name)
    kind = read_header(path).kind
    if kind not in LOADERS:
        raise ModelError(f"{path} is a {kind}, not a model; give another file")
    return import_module(LOADERS[kind]).load(path, device)
