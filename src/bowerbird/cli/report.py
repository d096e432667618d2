"""What commands print: results on standard output, everything else on standard error."""

import json as jsonlib
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


def report(
    facts: Mapping[str, Any] | list[Any],
    *results: "RenderableType",
    json: bool,
    quiet: bool = False,
) -> None:
    """Print facts as one line of JSON, or the same for people: sentences and tables."""
    if json:
        print(jsonlib.dumps(finite(facts), allow_nan=False))  # noqa: T201
    elif not quiet:
        show(*results)


def show(*results: "RenderableType") -> None:
    """Print sentences and tables on standard output."""
    for result in results:
        if isinstance(result, str):
            print(result)  # noqa: T201
        else:
            from rich.console import Console

            Console().print(result)


def notify(sentence: str) -> None:
    """Print one line on standard error, if it is open (not with 2>&-)."""
    if sys.stderr is not None:  # print(file=None) would write to standard output
        print("bowerbird: " + " ".join(sentence.split()), file=sys.stderr)  # noqa: T201


def notify_skipped(skipped: Mapping[str, str]) -> None:
    """Print which files are skipped, and why."""
    for name, reason in skipped.items():
        notify(f"skipped {name}: {reason}")


def finite(value: Any) -> Any:
    """Return a value with null for each number that JSON doesn't have: NaN and infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
