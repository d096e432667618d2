"""The plan of a training in its work directory, which a resumed run keeps.

It holds the settings, which identify the run, and what was chosen to fit into the minutes: a
resumed run has the same schedule even if the machine is slower now.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bowerbird.files.atomic_write import atomic_write
from bowerbird.learning.checkpoints import START_OVER
from bowerbird.learning.device import processes

NAME = "plan.json"
Plan = TypeVar("Plan")


def save_plan(work_dir: Path | None, settings: Any, plan: Mapping[str, Any]) -> str:
    """Write a plan, if there is a work directory; return its SHA-256, which identifies the run."""
    text = json.dumps({"settings": settings, **plan})
    if work_dir is not None and processes()[0] == 0:  # the others may share the folder
        work_dir.mkdir(parents=True, exist_ok=True)
        with atomic_write(work_dir / NAME) as part:
            part.write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def load_plan(
    work_dir: Path | None, settings: Any, parse: Callable[[Mapping[str, Any]], Plan]
) -> Plan | None:
    """Return the plan of the interrupted run as ``parse`` reads it; None if there is none.

    Raises ValueError for a plan that is damaged, or of a run with other settings.
    """
    file = None if work_dir is None else work_dir / NAME
    if file is None or not file.exists():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        same, plan = data["settings"] == json.loads(json.dumps(settings)), parse(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is damaged; {START_OVER}") from error
    if not same:
        raise ValueError(
            f"the interrupted run had other data or settings; use the same ones, or {START_OVER}"
        )
    return plan
