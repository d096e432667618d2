"""Model files: weights, configuration, tokenizer and provenance in one file, without pickle.

The file is in the safetensors format; everything but the tensors is one JSON object in its header,
under the key ``bowerbird``. It is written atomically. A file may come from someone else: whatever
is in it, it either opens as a valid model or raises ModelError.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bowerbird.errors import ModelError
from bowerbird.files.atomic_write import put_in_place
from bowerbird.learning.step import Step

FORMAT = 1
KEY = "bowerbird"
REPLACE = "train it again, or download it again"
MAX_LENGTH = 300  # characters of a text that are shown
MAX_ITEMS = 40  # of a list that are shown
MAX_DEPTH = 8  # levels of nested values that are shown
TYPE_NAMES = {str: "text", int: "a whole number", dict: "an object"}


@dataclass(frozen=True)
class ModelHeader:
    """The description of a model in its file."""

    kind: str
    """The kind of model: text, music ..."""
    config: Mapping[str, Any]
    """The shape of the network."""
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    """The tokens or classes, and how data becomes them."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Corpus (name, SHA-256), duration and losses of the training, licence, versions."""
    format: int = FORMAT
    """Version of the file format."""


def training_provenance(last: Step[Any] | None, best: float | None, licence: str) -> dict[str, Any]:
    """Return what the header of any trained model records; ``best`` is the validation loss."""
    loss = last.losses["total"] if last else math.nan
    return {
        "seconds": round(last.seconds, 1) if last else 0.0,
        "iterations": last.number if last else 0,
        "train_loss": loss if math.isfinite(loss) else None,  # JSON has no NaN
        "validation_loss": best,
        "licence": licence,
        "versions": {"bowerbird": version("bowerbird"), "torch": version("torch")},
    }


def write_model(path: Path, header: ModelHeader, tensors: Mapping[str, Tensor]) -> None:
    """Write a model file atomically; raise OSError, naming the file, if that fails."""
    metadata = {KEY: json.dumps(asdict(header), allow_nan=False)}
    # in a folder of its own, because safetensors makes a temporary file with a random name: the
    # next write deletes what a killed one left
    folder = path.with_name(f".{path.name}.part")
    part = folder / "model"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir()
        part.touch()
        mode = part.stat().st_mode  # safetensors makes a file that only its owner can read
        save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, part, metadata)
        part.chmod(mode)
        put_in_place(part, path)
    except SafetensorError as error:  # the error of the system is only in its message
        match = re.search(r"os error (\d+)", str(error))
        code = int(match[1]) if match else None
        raise OSError(code, os.strerror(code) if code else str(error), str(path)) from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stored_weights(network: nn.Module, *, half: bool = False) -> dict[str, Tensor]:
    """Return a network's weights for a model file: float32, or ``half`` precision."""
    dtype = torch.float16 if half else torch.float32
    return {name: p.detach().to(dtype) for name, p in network.named_parameters()}


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
    """Give a network, which may be on the meta device, the weights of a model file as float32.

    The weights are the tensors whose names start with ``prefix``. Raises ValueError if one is
    missing, unknown, of another shape, or not finite.
    """
    given = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    expected = {name: p.shape for name, p in network.named_parameters()}
    for name in sorted(given.keys() | expected.keys()):
        if name not in given or name not in expected or given[name].shape != expected[name]:
            raise ValueError(f"its weight {prefix}{name} is missing, unknown or of another shape")
        if not bool(torch.isfinite(given[name]).all()):
            raise ValueError(f"its weight {prefix}{name} is not finite")
    network.load_state_dict({name: t.float() for name, t in given.items()}, assign=True)


def read_header(path: Path, kind: str | None = None) -> ModelHeader:
    """Return the header of a model file, without reading its weights.

    Raises ModelError for a file that is missing, damaged, or not a model of this ``kind``.
    """
    with _opened(path) as file:
        return _header(path, file.metadata(), kind)


def read_model(path: Path, kind: str | None = None) -> tuple[ModelHeader, dict[str, Tensor]]:
    """Return the header and the tensors of a model file; errors as ``read_header``."""
    with _opened(path) as file:
        header = _header(path, file.metadata(), kind)
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def count_parameters(path: Path) -> int:
    """Return the number of parameters of a model, without reading them; errors as above."""
    with _opened(path) as file:
        _header(path, file.metadata(), None)
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def facts(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of all values of a part of a header, as text for people.

    Names of nested values are joined by a space. The text has only printable characters, so that a
    file can't send control codes to a terminal; long and deeply nested values are shortened.
    """
    for key, value in values.items():
        names = (*above, printable(key).replace("_", " "))
        if len(names) < MAX_DEPTH and (inner := _nested(value)):
            yield from facts(inner, names)
        else:
            yield " ".join(names), _text(value)


def in_columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return lines of a name and a value, the values aligned."""
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def printable(text: object, max_length: int = MAX_LENGTH) -> str:
    """Return a text on one line, without control characters, shortened if it is long."""
    line = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return line if len(line) <= max_length else f"{line[:max_length]}..."


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if not isinstance(value, (list, Mapping)):
        return printable(value)
    if isinstance(value, Mapping) or any(isinstance(item, (list, Mapping)) for item in value):
        return f"{len(value)} entries"
    more = f" and {len(value) - MAX_ITEMS} more" if len(value) > MAX_ITEMS else ""
    return ", ".join(_text(item) for item in value[:MAX_ITEMS]) + more


def _nested(value: object) -> Mapping[str, Any]:
    """Return the nested values by name; those in a list are named by their number."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return {str(number): item for number, item in enumerate(value[:MAX_ITEMS], 1)}
    return {}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a model file; any error of it, here or in the body, becomes a ModelError."""
    try:
        if path.is_dir():
            raise ModelError(f"{path} is a folder, not a model file")
        if not path.exists():
            raise ModelError(f"{path} does not exist; check the name")
        if not path.is_file():  # opening a pipe would block
            raise ModelError(f"{path} is not a regular file; give a model file")
        with safe_open(path, framework="pt") as file:
            yield file
    except ModelError:
        raise
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror or printable(error)}") from error
    except (SafetensorError, ValueError, TypeError, RuntimeError, MemoryError) as error:
        # torch raises TypeError and RuntimeError for impossible shapes
        why = printable(str(error).partition("\n")[0].rpartition("header: ")[2])
        raise ModelError(f"{path} is not a model file, or is damaged ({why}); {REPLACE}") from error


def _header(path: Path, metadata: Mapping[str, str] | None, kind: str | None) -> ModelHeader:
    """Return the header in a file's metadata, with the types of its fields checked."""
    if not metadata or KEY not in metadata:
        raise ModelError(f"{path} was not written by Bowerbird; give another file")
    try:
        data = json.loads(metadata[KEY], parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        why = printable(error)
        raise ModelError(f"{path} has a damaged header ({why}); {REPLACE}") from error
    number = data.get("format") if isinstance(data, dict) else None
    if type(number) is int and number > FORMAT:  # first, as a newer format may have more fields
        raise ModelError(
            f"{path} has format {number}, but this Bowerbird reads format {FORMAT}; "
            "upgrade Bowerbird"
        )
    if fault := _fault(data):
        raise ModelError(f"{path} has a damaged header ({fault}); {REPLACE}")
    if kind is not None and data["kind"] != kind:
        raise ModelError(
            f"{path} is a {data['kind']} model, but a {kind} model is needed; give another file"
        )
    return ModelHeader(**data)


def _fault(data: object) -> str:
    """Return what is wrong with the fields of a header, or nothing."""
    if not isinstance(data, dict):
        return "it is not an object"
    types: dict[str, type] = {field.name: dict for field in fields(ModelHeader)}
    types |= {"kind": str, "format": int}
    for name in ("kind", "config"):
        if name not in data:
            return f"{name} is missing"
    for name, wanted in types.items():
        # not isinstance: a boolean is an int to Python
        if name in data and type(data[name]) is not wanted:
            return f"{name} is not {TYPE_NAMES[wanted]}"
    if unknown := sorted(data.keys() - types.keys()):
        return f"{printable(unknown[0], 40)!r} is unknown"
    # it is printed, and someone else may have written it
    if not re.fullmatch(r"[\w-]{1,40}", data["kind"]):
        return "kind is not a word"
    return "" if data.get("format", FORMAT) > 0 else "format is below 1"


def _finite(number: str) -> float:
    """Return a finite number; Python's JSON reader accepts NaN and 1e999 too."""
    if not math.isfinite(float(number)):
        raise ValueError(f"{printable(number, 20)} is not finite")
    return float(number)
