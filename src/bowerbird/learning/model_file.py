"""One file for one model: weights, shape, alphabet, and where it comes from. Nothing is unpickled.

The file is in the safetensors format; what is not a tensor is one JSON object in its header, under
the key ``bowerbird``. It is written whole or not at all. A file that is read may come from a
stranger: whatever is in it, it opens as a valid model or there is a ModelError.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bowerbird.errors import ModelError
from bowerbird.learning.atomic_write import put_in_place

FORMAT = 1
KEY = "bowerbird"
MEND = "train it again or fetch it again"
LONGEST = 300  # characters of a text that are shown
MOST = 40  # entries of a list that are shown
WORDS = {str: "text", int: "whole number", dict: "object"}
DEEPEST = 8  # levels of names within names that are shown


@dataclass(frozen=True)
class ModelHeader:
    """What a model file says of itself."""

    kind: str
    """What the model does: text, music ..."""
    config: Mapping[str, Any]
    """The shape of the network."""
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    """The tokens or classes, and how data becomes them."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """What it learned from (name, SHA-256), how long, to which losses, under which licence."""
    format: int = FORMAT
    """Version of this layout."""


def write_model(path: Path, card: ModelHeader, tensors: Mapping[str, Tensor]) -> None:
    """Write a model file, whole or not at all; raise OSError, naming the file, if it can't be."""
    metadata = {KEY: json.dumps(asdict(card), allow_nan=False)}
    # a folder of its own, because safetensors writes by way of a file with a name of its own:
    # what a killed run left is swept away by the next
    folder = path.with_name(f".{path.name}.part")
    part = folder / "model"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir()
        part.touch()
        mode = part.stat().st_mode  # safetensors makes a file that only its owner may read
        save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, part, metadata)
        part.chmod(mode)
        put_in_place(part, path)
    except SafetensorError as error:  # what the disk said is only in its words
        found = re.search(r"os error (\d+)", str(error))
        code = int(found[1]) if found else None
        raise OSError(code, os.strerror(code) if code else str(error), str(path)) from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stored_weights(network: nn.Module, *, half: bool = False) -> dict[str, Tensor]:
    """Return a network's weights as a model file has them: float32, or ``half`` precision."""
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
    """Return what a model file says of itself, without reading its weights.

    Raises ModelError, naming the file and the mend, for what is no such file or of another kind.
    """
    with _opened(path) as file:
        return _card(path, file.metadata(), kind)


def read_model(path: Path, kind: str | None = None) -> tuple[ModelHeader, dict[str, Tensor]]:
    """Return what a model file says of itself, and its tensors by name; errors as ``read_header``."""
    with _opened(path) as file:
        card = _card(path, file.metadata(), kind)
        return card, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def count_parameters(path: Path) -> int:
    """Return how many numbers a model's tensors hold, without reading them; errors as above."""
    with _opened(path) as file:
        _card(path, file.metadata(), None)
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def facts(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of all that a part of a card says, in words for people.

    Names of nested values are joined by a space. Nothing but printable characters comes out, so
    that a stranger's file can't write to a terminal; what is long or deep is cut.
    """
    for key, value in values.items():
        names = (*above, printable(key).replace("_", " "))
        if len(names) < DEEPEST and (inner := _inner(value)):
            yield from facts(inner, names)
        else:
            yield " ".join(names), _words(value)


def in_columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return lines of a name and a value, the values one below the other."""
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def printable(text: object, longest: int = LONGEST) -> str:
    """Return a text on one line, without control characters, cut if it is long."""
    line = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return line if len(line) <= longest else f"{line[:longest]}..."


def _words(value: object) -> str:
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
    more = f" and {len(value) - MOST} more" if len(value) > MOST else ""
    return ", ".join(_words(item) for item in value[:MOST]) + more


def _inner(value: object) -> Mapping[str, Any]:
    """Return what has names of its own; what is in a list is called by its number."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return {str(number): item for number, item in enumerate(value[:MOST], 1)}
    return {}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a model file; whatever goes wrong with it, here or inside, is a ModelError."""
    try:
        if path.is_dir():
            raise ModelError(f"{path} is a folder, not a model file")
        if not path.exists():
            raise ModelError(f"{path} does not exist; check the name of the model")
        if not path.is_file():  # opening a pipe would wait for ever
            raise ModelError(f"{path} is no file; give the name of a model file")
        with safe_open(path, framework="pt") as file:
            yield file
    except ModelError:
        raise
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror or printable(error)}") from error
    except (SafetensorError, ValueError, TypeError, RuntimeError, MemoryError) as error:
        # torch has TypeError and RuntimeError for shapes that can't be
        why = printable(str(error).partition("\n")[0].rpartition("header: ")[2])
        raise ModelError(f"{path} is no model file, or is damaged ({why}); {MEND}") from error


def _card(path: Path, metadata: Mapping[str, str] | None, kind: str | None) -> ModelHeader:
    """Return the card in a file's metadata, each of its parts of the right type."""
    if not metadata or KEY not in metadata:
        raise ModelError(f"{path} holds tensors, but bowerbird did not write it; give another file")
    try:
        told = json.loads(metadata[KEY], parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        why = printable(error)
        raise ModelError(f"{path} has a damaged description ({why}); {MEND}") from error
    version = told.get("format") if isinstance(told, dict) else None
    if type(version) is int and version > FORMAT:  # before its parts, as a newer one may have more
        raise ModelError(
            f"{path} is of format {version}, made by a newer bowerbird, and this one reads "
            f"{FORMAT}; upgrade bowerbird"
        )
    if fault := _fault(told):
        raise ModelError(f"{path} has a damaged description ({fault}); {MEND}")
    if kind is not None and told["kind"] != kind:
        raise ModelError(
            f"{path} is a {told['kind']} model, but a {kind} model is needed; give another file"
        )
    return ModelHeader(**told)


def _fault(told: object) -> str:
    """Say what is wrong with what should be the fields of a card, or nothing."""
    if not isinstance(told, dict):
        return "it has no names with values"
    known: dict[str, type] = {part.name: dict for part in fields(ModelHeader)}
    known |= {"kind": str, "format": int}
    for name in ("kind", "config"):
        if name not in told:
            return f"its {name} is missing"
    for name, wanted in known.items():
        # not isinstance: a boolean is an int to Python
        if name in told and type(told[name]) is not wanted:
            return f"its {name} is no {WORDS[wanted]}"
    if unknown := sorted(told.keys() - known.keys()):
        return f"it has the unknown part {printable(unknown[0], 40)!r}"
    # it is printed, and a stranger may have written it
    if not re.fullmatch(r"[\w-]{1,40}", told["kind"]):
        return "its kind is no word"
    return "" if told.get("format", FORMAT) > 0 else "its format is below 1"


def _finite(number: str) -> float:
    """Return a number that JSON can hold again: Python's reader takes NaN and 1e999 too."""
    if not math.isfinite(float(number)):
        raise ValueError(f"{printable(number, 20)} is no finite number")
    return float(number)
