"""``bowerbird models``: list, info, verify, push, pull."""

import json as jsonlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from bowerbird.cli.errors import about
from bowerbird.cli.run_record import sha256
from bowerbird.cli.settings import Switch
from bowerbird.learning import hub
from bowerbird.learning.model_file import (
    ModelHeader,
    count_parameters,
    facts,
    in_columns,
    printable,
    read_header,
)
from bowerbird.learning.pretrained_weights import WEIGHTS, Weights, find_weights, list_weights
from bowerbird.learning.pretrained_weights import verify as check
from bowerbird.music import composer
from bowerbird.music.tokens.kinds import tokenizer_from as music_tokenizer
from bowerbird.text import generator as writer
from bowerbird.text.tokenizer import alphabet_from as text_alphabet
from bowerbird.vision.digits import reader as digits
from bowerbird.vision.house_numbers import reader as house_numbers

USES = {  # what to do with a model, by its kind
    "text": "bowerbird text write {}",
    "music": "bowerbird music compose {} -o tune.mid",
    "digits": "bowerbird vision digits page.jpg --model {}",
    "numbers": "bowerbird vision numbers photo.jpg --model {}",
    "table": "bowerbird predict table {} --predict new.csv",
    "series": "bowerbird predict series new.csv --model {}",
}
VOCABULARY_SIZES: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "text": lambda data: text_alphabet(data).size,
    "music": lambda data: music_tokenizer(data).vocab_size,
}
OWN = {  # models that come with the package
    **{name: writer.model_path(name) for name in writer.EMBEDDED},
    **{name: composer.model_path(name) for name in composer.EMBEDDED},
    **{name: digits.model_path(name) for name in digits.EMBEDDED},
    **{name: house_numbers.model_path(name) for name in house_numbers.EMBEDDED},
}


def list_models(*, json: Switch = False) -> int:
    """List the weights that have a name, and which of them are here.

    Parameters
    ----------
    json
        Print one JSON object on standard output.
    """
    rows = [_facts(weights, path) for weights, path in list_weights()]
    rows += [_own(name, path) for name, path in OWN.items()]
    if json:
        return _print({"models": rows})
    table = Table("name", "size", "where", "licence", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], _megabytes(row["size"]), row["where"], row["licence"])
    Console().print(table)
    return 0


def info(name: str, /, *, json: Switch = False) -> int:
    """Tell all that is known of some weights, or of a model file.

    Parameters
    ----------
    name
        Name of the weights, as in ``bowerbird models list``, or a model file.
    json
        Print one JSON object on standard output.
    """
    if _is_file(name) or name in OWN:
        told = _told(Path(name) if _is_file(name) else OWN[name])
        return _print(told) if json else _print_model(told)
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


def push(file: Path, repository: str, /, *, public: Switch = False, json: Switch = False) -> int:
    """Send a model file to the Hugging Face hub, with a page that tells what it learned from.

    Parameters
    ----------
    file
        Model file to send.
    repository
        Where to, as USER/NAME; it is made if it is missing.
    public
        Let everybody see the repository; else a new one is private.
    json
        Print one JSON object on standard output.
    """
    usage = USES.get(read_header(file).kind, "bowerbird models info {}").format(file.name)

    done = hub.push(file, repository, public=public, usage=usage)

    if json:
        return _print(asdict(done))
    seen = "private" if done.private else "public"
    print(f"{done.url}: {', '.join(done.files)} ({seen})")  # noqa: T201
    return 0


def pull(
    repository: str,
    name: Annotated[str | None, Parameter(show_default=False)] = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), show_default=False)] = None,
    force: Switch = False,
    json: Switch = False,
) -> int:
    """Bring a model file from the Hugging Face hub.

    Parameters
    ----------
    repository
        Where from, as USER/NAME.
    name
        Name of the file; it may be left out where there is one model.
    output
        File to write; unless given, it has the same name here.
    force
        Overwrite a file that exists.
    json
        Print one JSON object on standard output.
    """
    path = hub.pull(repository, name, output, force=force)

    card = read_header(path)
    if json:
        return _print({"output": str(path), "size": path.stat().st_size, "kind": card.kind})
    print(f"{printable(path)}: a model of the kind {card.kind}")  # noqa: T201
    return 0


def _is_file(name: str) -> bool:
    """Tell a file, also one that is missing, from the name of weights."""
    known = any(weights.name == name for weights in WEIGHTS)
    return not known and (Path(name).exists() or Path(name).suffix != "")


def _told(path: Path) -> dict[str, Any]:
    """Return what a model file says of itself."""
    card = read_header(path)
    return {
        "file": str(path),
        "size": path.stat().st_size,
        "kind": card.kind,
        "format": card.format,
        "parameters": count_parameters(path),
        "signs": _signs(path, card),
        "config": card.config,
        "alphabet": card.alphabet,
        "provenance": card.provenance,
    }


def _signs(path: Path, card: ModelHeader) -> int | None:
    """Return the number of signs that a model reads and writes, if it is one that does."""
    if card.kind not in VOCABULARY_SIZES:
        return None
    with about(path):
        return VOCABULARY_SIZES[card.kind](card.alphabet)


def _print_model(told: dict[str, Any]) -> int:
    """Print what `_told` returned, for people: what it is, then part by part."""
    parts = {"config": "network", "alphabet": "alphabet", "provenance": "what it learned from"}
    head = {name: value for name, value in told.items() if name not in parts and value is not None}
    head |= {"size": f"{told['size']:,} bytes", "parameters": f"{told['parameters']:,}"}
    lines = in_columns(facts(head))
    for part, title in parts.items():
        if rows := in_columns(facts(told[part])):
            lines += ["", f"{title}:", *rows]
    print("\n".join(lines))  # noqa: T201
    return 0


def _facts(weights: Weights, path: Path | None) -> dict[str, Any]:
    here = "cached" if weights.is_url else "embedded"
    return {
        "name": weights.name,
        "kind": weights.kind,
        "description": weights.description,
        "size": weights.size,
        "where": here if path else "not here",
        "file": str(path) if path else None,
        "source": weights.address,
        "sha256": weights.sha256,
        "preprocessing": weights.preprocessing,
        "licence": weights.licence,
    }


def _own(name: str, path: Path) -> dict[str, Any]:
    """Return of a model that comes with the package what `_facts` does of weights."""
    card = read_header(path)
    corpus = ", ".join(card.provenance.get("corpus", ["scenes that we made"]))
    return {
        "name": name,
        "kind": card.kind,
        "description": f"learned by us from {corpus}",
        "size": path.stat().st_size,
        "where": "embedded",
        "file": str(path),
        "source": "recipes/",
        "sha256": sha256(path),
        "preprocessing": None,
        "licence": card.provenance["licence"],
    }


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.{0 if size > 1e6 else 1}f} MB"


def _print(facts: dict[str, Any]) -> int:
    print(jsonlib.dumps(facts))  # noqa: T201
    return 0
