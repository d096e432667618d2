"""Recipes: the settings of a run, read from TOML or JSON, or from the record of an earlier run.

A record (``run_record.py``) also names the files of its run and what was chosen by timing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
