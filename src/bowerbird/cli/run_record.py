"""The record of a run, from which it can be repeated: JSON beside the result.

It has the complete configuration, each input with its SHA-256, the versions of the software, and
the losses of every step. It has no time of day and no name of a machine, so equal runs differ only
in their seconds. A recipe is such a record, or settings in TOML or JSON.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bowerbird.files.atomic_write import atomic_write

if TYPE_CHECKING:
    from bowerbird.cli.progress import Work
    from bowerbird.learning.step import Step

PREFIXED = ("transformer",)  # parts whose flags carry their name: --transformer.num-layers


@dataclass(frozen=True)
class Recipe:
    """The contents of a recipe or of a record."""

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the configuration, without nesting."""
    preset: str | None = None
    files: Mapping[str, list[dict[str, str]]] = field(default_factory=dict)
    """Files of the recorded run by the name of the argument, each with ``file`` and ``sha256``."""
    computed: Mapping[str, str] = field(default_factory=dict)
    """The ``device`` and ``precision`` of the recorded run."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Other options of the recorded run: how files were read, how the result was stored."""
    corpus_sha256: str = ""
    """Hash of the text that the recorded run was trained on."""


def read_recipe(path: Path, command: str | None = None) -> Recipe:
    """Read settings from TOML or JSON; raise ValueError, naming the file, if that can't be done.

    A record must have been written by ``command``.
    """
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist; check the name of the recipe") from error
    except (OSError, ValueError) as error:  # also from the decoders of TOML, JSON and UTF-8
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{path} can't be read as a recipe: {reason}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} is not a recipe: it must have names with values")
    if "bowerbird" not in data:
        values = flatten(data)
        return Recipe(path, values, values.pop("preset", None))
    if command and data.get("command") != command:
        raise ValueError(f"{path} is a record of `{data.get('command')}`, not of `{command}`")
    return _from_record(path, data)


def _from_record(path: Path, data: Mapping[str, Any]) -> Recipe:
    try:
        files = {
            name: [{"file": str(f["file"]), "sha256": str(f["sha256"])} for f in given]
            for name, given in data["inputs"].items()
            if name != "corpus"
        }
        if "corpus" in data["inputs"]:  # which has one SHA-256 as a whole
            files["corpus"] = [{"file": str(f["file"])} for f in data["inputs"]["corpus"]]
        computed = {name: str(value) for name, value in data.get("computed", {}).items()}
        values = flatten(data["config"])
        if values.get("precision") == "auto":  # chosen by timing: repeat what was chosen then
            values["precision"] = computed.get("precision", "auto")
        run, corpus = dict(data.get("run", {})), str(data.get("corpus_sha256", ""))
        return Recipe(path, values, data["preset"], files, computed, run, corpus)
    except KeyError as error:
        raise ValueError(f"{path} is a damaged record: it has no {error}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{path} is a damaged record: {error}") from error


def flatten(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of nested settings under the names that their flags have."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            prefix = f"{name}." if name in PREFIXED else ""
            flat |= {prefix + key: inner for key, inner in flatten(value).items()}
        else:
            flat[name.replace("-", "_")] = value
    return flat


def record_path(output: Path) -> Path:
    """Return the file of the record of ``output``."""
    return output.with_suffix(".json")


def check_record(output: Path, *, force: bool, suffix: str = ".json") -> None:
    """Raise ValueError if the record of ``output``, or its curve, would overwrite a file."""
    path = output.with_suffix(suffix)
    if path.is_dir() or (path.exists() and not force):
        advice = "add --force to overwrite it, or " if path.is_file() else "add "
        raise ValueError(
            f"the record of {output.name} goes into {path}, which exists; {advice}--no-record"
        )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the software, and the platform without the machine's name."""
    import platform
    from importlib.metadata import version

    return {
        "bowerbird": version("bowerbird"),
        "torch": version("torch"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def summary(work: "Work[Any]") -> dict[str, Any]:
    """Return how the work went: seconds, steps, losses and notes."""
    last = work.last
    notes = [f"step {step.number}: {step.note}" for step in work.history if step.note]
    return {
        "seconds": round(last.seconds, 3),
        "iterations": last.number,
        "planned_iterations": last.total,
        "losses": _losses(last),
        "interrupted": work.interrupted,
        "notes": [*notes, f"step {last.number}: {work.ended}"] if work.ended else notes,
    }


def loss_table(work: "Work[Any]") -> list[dict[str, Any]]:
    """Return the losses of every step, in order."""
    return [
        {"step": step.number, "seconds": round(step.seconds, 3), **_losses(step)}
        for step in work.history
    ]


def _losses(step: "Step[Any]") -> dict[str, float | None]:
    """Return losses as JSON can express them: None is not a number."""
    return {n: v if math.isfinite(v) else None for n, v in step.losses.items()}


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all; raise OSError if the disk refuses."""
    try:
        with atomic_write(path) as part:
            part.write_bytes(_formatted(record).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _formatted(record: Mapping[str, Any]) -> str:
    """Return JSON with one line a step, for people to read."""
    head = dict(record)
    rows = head.pop("steps", [])
    text = json.dumps(head, indent=2, ensure_ascii=False, allow_nan=False)
    lines = ",\n".join("    " + json.dumps(row, allow_nan=False) for row in rows)
    return f'{text[:-2]},\n  "steps": [\n{lines}\n  ]\n}}\n'
