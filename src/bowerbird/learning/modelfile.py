"""One file for one model: weights, shape, alphabet, and where it comes from. Nothing is unpickled.

The file is in the safetensors format; what is not a tensor is one JSON object in its header, under
the key ``bowerbird``. It is written whole or not at all.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = 1
KEY = "bowerbird"


class ModelError(ValueError):
    """A file is not the model that is needed."""


@dataclass(frozen=True)
class Card:
    """What a model file says of itself."""

    kind: str
    """What the model does: text, music ..."""
    config: Mapping[str, Any]
    """The shape of the network."""
    alphabet: Mapping[str, Any] = field(default_factory=dict)
    """The signs that it reads and writes."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """What it learned from (name, SHA-256), how long, to which losses, under which licence."""
    format: int = FORMAT
    """Version of this layout."""


def write_model(path: Path, card: Card, tensors: Mapping[str, Tensor]) -> None:
    """Write a model file, whole or not at all; raise OSError, naming the file, if it can't be."""
    part = path.with_name(f".{path.name}.part")  # what a killed run left is written over
    metadata = {KEY: json.dumps(asdict(card), allow_nan=False)}
    try:
        save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, part, metadata)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, SafetensorError):  # what the disk said is only in its words
            raise OSError(None, str(error), str(path)) from error
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def read_card(path: Path, kind: str | None = None) -> Card:
    """Return what a model file says of itself, without reading its weights.

    Raises ModelError, naming the file and the mend, for what is no such file or of another kind.
    """
    with _opened(path) as file:
        return _card(path, file.metadata(), kind)


def read_model(path: Path, kind: str | None = None) -> tuple[Card, dict[str, Tensor]]:
    """Return what a model file says of itself, and its tensors by name; errors as ``read_card``."""
    with _opened(path) as file:
        card = _card(path, file.metadata(), kind)
        return card, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _opened(path: Path) -> Any:
    if path.is_dir():
        raise ModelError(f"{path} is a folder, not a model file")
    if not path.exists():
        raise ModelError(f"{path} does not exist; check the name of the model")
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path} is no model file, or is damaged ({error}); train it again or fetch it again"
        ) from error


def _card(path: Path, metadata: Mapping[str, str] | None, kind: str | None) -> Card:
    if not metadata or KEY not in metadata:
        raise ModelError(f"{path} holds tensors, but bowerbird did not write it")
    try:
        card = Card(**json.loads(metadata[KEY]))
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} has a damaged description: {error}") from error
    if card.format > FORMAT:
        raise ModelError(
            f"{path} is of format {card.format}, made by a newer bowerbird; this one reads {FORMAT}"
        )
    if kind is not None and card.kind != kind:
        raise ModelError(f"{path} is a model for {card.kind}, and {kind} needs one for {kind}")
    return card
