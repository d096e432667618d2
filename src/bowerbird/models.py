"""Open a model file of any kind, by its path or by the name of a shipped model.

The kind in a file's header says which function opens it (``registry.py``). That function's module,
which belongs to a domain, is imported only then.
"""

from pathlib import Path
from typing import Any

from bowerbird.domain import resolve
from bowerbird.errors import ModelError
from bowerbird.registry import DOMAINS

KINDS = {kind.name: kind for domain in DOMAINS for kind in domain.models}
SHIPPED = {
    name: Path(__file__).parent / file for kind in KINDS.values() for name, file in kind.shipped
}


def model_path(path_or_name: str | Path) -> Path:
    """Return the path of a model file, which may be given by the name of a shipped model.

    Raises ModelError if there is no such file.
    """
    path = Path(path_or_name)
    if str(path_or_name) in SHIPPED and not path.is_file():  # a folder may have the same name
        return SHIPPED[str(path_or_name)]
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
    from bowerbird.learning.model_file import read_header  # noqa: PLC0415 - imports torch

    path = model_path(path_or_name)
    kind = read_header(path).kind
    if kind not in KINDS:
        raise ModelError(f"{path} is a {kind}, not a model; give another file")
    return resolve(KINDS[kind].load)(path, device)
