"""The record of a run, from which it can be repeated: JSON beside the result.

It has the complete configuration, each input with its SHA-256, the versions of the software, and
the losses of every step. It has no time of day and no name of a machine, so equal runs differ only
in their seconds. ``recipe.py`` reads it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bowerbird.cli.report import finite
from bowerbird.files.atomic_write import atomic_write

if TYPE_CHECKING:
    from bowerbird.cli.progress import Work


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
        "losses": dict(last.losses),
        "interrupted": work.interrupted,
        "notes": [*notes, f"step {last.number}: {work.ended}"] if work.ended else notes,
    }


def loss_table(work: "Work[Any]") -> list[dict[str, Any]]:
    """Return the losses of every step, in order."""
    return [
        {"step": step.number, "seconds": round(step.seconds, 3), **step.losses}
        for step in work.history
    ]


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all; raise OSError if the disk refuses."""
    try:
        with atomic_write(path) as part:
            part.write_bytes(_formatted(finite(record)).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _formatted(record: Mapping[str, Any]) -> str:
    """Return JSON with one line per step, for people to read."""
    head = dict(record)
    rows = head.pop("steps", [])
    text = json.dumps(head, indent=2, ensure_ascii=False, allow_nan=False)
    lines = ",\n".join("    " + json.dumps(row, allow_nan=False) for row in rows)
    return f'{text[:-2]},\n  "steps": [\n{lines}\n  ]\n}}\n'
