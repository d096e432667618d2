"""The record of a run, from which it can be repeated: JSON beside the result.

It has the complete configuration, each input with its SHA-256, the versions of what computed, and
the losses of every step; no time of day and no name of a machine, so that equal runs differ only
in their seconds.
"""

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bowerbird.cli.progress import Work
from bowerbird.learning.atomic_write import atomic_write
from bowerbird.learning.step import Step


def trace_path(output: Path) -> Path:
    """Return the file that tells how ``output`` was made."""
    return output.with_suffix(".json")


def check_trace(output: Path, *, force: bool, suffix: str = ".json") -> None:
    """Raise ValueError if what tells how ``output`` was made would overwrite a file."""
    path = output.with_suffix(suffix)
    if path.is_dir() or (path.exists() and not force):
        mend = "add --force to overwrite it, or --no-trace" if path.is_file() else "add --no-trace"
        raise ValueError(f"{path} exists, where the trace of {output.name} goes; {mend}")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return what computed; a platform without the machine's name."""
    return {
        "bowerbird": version("bowerbird"),
        "torch": version("torch"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def course(work: Work[Any]) -> dict[str, Any]:
    """Return how the work went: seconds, steps, losses, and what was unusual."""
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


def steps(work: Work[Any]) -> list[dict[str, Any]]:
    """Return the losses of every step, in order."""
    return [
        {"step": step.number, "seconds": round(step.seconds, 3), **_losses(step)}
        for step in work.history
    ]


def _losses(step: Step[Any]) -> dict[str, float | None]:
    """Return the losses; None for what is no number, which JSON can't say."""
    return {n: v if math.isfinite(v) else None for n, v in step.losses.items()}


def write_trace(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all; raise OSError if the disk refuses."""
    try:
        with atomic_write(path) as part:
            part.write_text(_pretty(record), encoding="utf-8")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _pretty(record: Mapping[str, Any]) -> str:
    """Write JSON with one line a step: a trace is read by people too."""
    whole = dict(record)
    rows = whole.pop("steps", [])
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
    lines = ",\n".join("    " + json.dumps(row, allow_nan=False) for row in rows)
    return f'{text[:-2]},\n  "steps": [\n{lines}\n  ]\n}}\n'
