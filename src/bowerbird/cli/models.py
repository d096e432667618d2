"""``bowerbird models``: list, info, verify."""

import json as jsonlib
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bowerbird.cli.settings import Switch
from bowerbird.learning.weights import WEIGHTS, Weights, find_weights, list_weights
from bowerbird.learning.weights import verify as check


def list_models(*, json: Switch = False) -> int:
    """List the weights that have a name, and which of them are here.

    Parameters
    ----------
    json
        Print one JSON object on standard output.
    """
    rows = [_facts(weights, path) for weights, path in list_weights()]
    if json:
        return _print({"models": rows})
    table = Table("name", "size", "where", "licence", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], _megabytes(row["size"]), row["where"], row["licence"])
    Console().print(table)
    return 0


def info(name: str, /, *, json: Switch = False) -> int:
    """Tell all that is known of some weights.

    Parameters
    ----------
    name
        Name of the weights, as in ``bowerbird models list``.
    json
        Print one JSON object on standard output.
    """
    wanted = find_weights(name)
    facts = next(_facts(w, path) for w, path in list_weights() if w == wanted)
    if json:
        return _print(facts)
    for key, value in {**facts, "size": _megabytes(facts["size"])}.items():
        print(f"{key:<14} {'-' if value is None else value}")  # noqa: T201
    return 0


def verify(name: str | None = None, /, *, json: Switch = False) -> int:
    """Check the files that are here against their SHA-256; exit code 1 if one is damaged.

    Parameters
    ----------
    name
        Name of the weights; all of them if it is left out.
    json
        Print one JSON object on standard output.
    """
    wanted = WEIGHTS if name is None else (find_weights(name),)
    found = {weights.name: check(weights) for weights in wanted}
    if json:
        _print({"models": found})
    else:
        for known, verdict in found.items():
            print(f"{known}: {verdict}")  # noqa: T201
    return 0 if all(verdict in ("ok", "not downloaded") for verdict in found.values()) else 1


def _facts(weights: Weights, path: Path | None) -> dict[str, Any]:
    here = "cached" if weights.is_url else "embedded"
    return {
        "name": weights.name,
        "kind": weights.kind,
        "description": weights.description,
        "size": weights.size,
        "where": here if path else "not here",
        "file": str(path) if path else None,
        "source": weights.source,
        "sha256": weights.sha256,
        "preprocessing": weights.preprocessing,
        "licence": weights.licence,
    }


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.0f} MB"


def _print(facts: dict[str, Any]) -> int:
    print(jsonlib.dumps(facts))  # noqa: T201
    return 0
