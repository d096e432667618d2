"""``bowerbird models``: list, info, verify, push, pull."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bowerbird.cli.options import RUN, Json, Output, Switch
from bowerbird.cli.report import report
from bowerbird.domain import ModelKind, resolve
from bowerbird.models import KINDS, SHIPPED

if TYPE_CHECKING:
    from bowerbird.learning.model_file import ModelHeader
    from bowerbird.learning.pretrained_weights import Weights


def list_models(*, json: Json = False) -> None:
    """List the named weights and models, and which of them are installed."""
    from rich.table import Table

    from bowerbird.learning.pretrained_weights import list_weights

    rows = [_weights_facts(weights, path) for weights, path in list_weights()]
    rows += [_shipped_facts(name, path) for name, path in SHIPPED.items()]
    table = Table("name", "size", "where", "licence", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], _megabytes(row["size"]), row["where"], row["licence"])
    report({"models": rows}, table, json=json)


def info(name: str, /, *, json: Json = False) -> None:
    """Print the description of pretrained weights, or the header of a model file.

    Parameters
    ----------
    name
        Name of the weights, as in ``bowerbird models list``, or a model file.
    """
    from bowerbird.learning.pretrained_weights import find_weights, list_weights

    if _is_file(name) or name in SHIPPED:
        model = _model_facts(Path(name) if _is_file(name) else SHIPPED[name])
        return report(model, *_model_lines(model), json=json)
    wanted = find_weights(name)
    facts = next(_weights_facts(w, path) for w, path in list_weights() if w == wanted)
    shown = {**facts, "size": _megabytes(facts["size"])}
    lines = [f"{key:<14} {'-' if value is None else value}" for key, value in shown.items()]
    return report(facts, *lines, json=json)


def verify(name: str | None = None, /, *, json: Json = False) -> int:
    """Check downloaded and installed files against their SHA-256; exit with 1 if one is damaged.

    Parameters
    ----------
    name
        Name of the weights; all of them if it is left out.
    """
    from bowerbird.learning import pretrained_weights
    from bowerbird.learning.pretrained_weights import WEIGHTS, find_weights

    wanted = WEIGHTS if name is None else (find_weights(name),)
    states = {weights.name: pretrained_weights.verify(weights) for weights in wanted}
    lines = [f"{known}: {state}" for known, state in states.items()]
    report({"models": states}, *lines, json=json)
    return 0 if all(state in ("ok", "not downloaded") for state in states.values()) else 1


def push(
    file: Path,
    repository: str,
    /,
    *,
    public: Annotated[Switch, Parameter(group=RUN)] = False,
    json: Json = False,
) -> None:
    """Upload a model file to the Hugging Face hub, with a page that describes its training.

    Parameters
    ----------
    file
        Model file to upload.
    repository
        Repository, as USER/NAME; it is made if it doesn't exist.
    public
        Make a new repository public; else it is private.
    """
    from dataclasses import asdict

    from bowerbird.learning import hub
    from bowerbird.learning.model_file import read_header

    kind = KINDS.get(read_header(file).kind)
    usage = (kind.usage if kind else "bowerbird models info {}").format(file.name)

    published = hub.push(file, repository, public=public, usage=usage)

    access = "private" if published.private else "public"
    sentence = f"{published.url}: {', '.join(published.files)} ({access})"
    report(asdict(published), sentence, json=json)


def pull(
    repository: str,
    name: Annotated[str | None, Parameter(show_default=False)] = None,
    /,
    *,
    output: Annotated[Output, Parameter(group=RUN)] = None,
    force: Annotated[Switch, Parameter(group=RUN)] = False,
    json: Json = False,
) -> None:
    """Download a model file from the Hugging Face hub.

    Parameters
    ----------
    repository
        Repository, as USER/NAME.
    name
        Name of the file; it may be left out if there is only one model.
    output
        File to write; by default it has the same name here.
    force
        Overwrite an existing file.
    """
    from bowerbird.learning import hub
    from bowerbird.learning.model_file import printable, read_header

    path = hub.pull(repository, name, output, force=force)

    header = read_header(path)
    facts = {"output": str(path), "size": path.stat().st_size, "kind": header.kind}
    report(facts, f"{printable(path)}: a {header.kind} model", json=json)


def _is_file(name: str) -> bool:
    """Return whether a name is that of a file, also a missing one, not that of weights."""
    from bowerbird.learning.pretrained_weights import WEIGHTS

    known = any(weights.name == name for weights in WEIGHTS)
    return not known and (Path(name).exists() or Path(name).suffix != "")


def _model_facts(path: Path) -> dict[str, Any]:
    """Return the header of a model file, and its size."""
    from bowerbird.learning.model_file import count_parameters, read_header

    header = read_header(path)
    return {
        "file": str(path),
        "size": path.stat().st_size,
        "kind": header.kind,
        "format": header.format,
        "parameters": count_parameters(path),
        "vocab_size": _vocab_size(path, header, KINDS.get(header.kind)),
        "config": header.config,
        "tokenizer": header.tokenizer,
        "provenance": header.provenance,
    }


def _vocab_size(path: Path, header: "ModelHeader", kind: ModelKind | None) -> int | None:
    """Return the number of tokens in a model's vocabulary, if it has one."""
    from bowerbird.cli.errors import about

    if kind is None or not kind.tokenizer:
        return None
    with about(path):
        size: int = resolve(kind.tokenizer)(header.tokenizer).vocab_size
        return size


def _model_lines(model: dict[str, Any]) -> list[str]:
    """Return the facts of a model file as lines: the file first, then part by part."""
    from bowerbird.learning.model_file import facts, in_columns

    parts = {"config": "network", "tokenizer": "tokenizer", "provenance": "training"}
    head = {name: value for name, value in model.items() if name not in parts and value is not None}
    head |= {"size": f"{model['size']:,} bytes", "parameters": f"{model['parameters']:,}"}
    lines = in_columns(facts(head))
    for part, title in parts.items():
        if rows := in_columns(facts(model[part])):
            lines += ["", f"{title}:", *rows]
    return lines


def _weights_facts(weights: "Weights", path: Path | None) -> dict[str, Any]:
    place = "cached" if weights.is_url else "installed"
    return {
        "name": weights.name,
        "kind": weights.kind,
        "description": weights.description,
        "size": weights.size,
        "where": place if path else "not downloaded",
        "file": str(path) if path else None,
        "source": weights.address,
        "sha256": weights.sha256,
        "preprocessing": weights.preprocessing,
        "licence": weights.licence,
    }


def _shipped_facts(name: str, path: Path) -> dict[str, Any]:
    """Return what `_weights_facts` does, of a model that is installed with the package."""
    from bowerbird.cli.run_record import sha256
    from bowerbird.learning.model_file import read_header

    header = read_header(path)
    corpus = ", ".join(header.provenance.get("corpus", ["generated scenes"]))
    return {
        "name": name,
        "kind": header.kind,
        "description": f"trained by Bowerbird's authors on {corpus}",
        "size": path.stat().st_size,
        "where": "installed",
        "file": str(path),
        "source": "recipes/",
        "sha256": sha256(path),
        "preprocessing": None,
        "licence": header.provenance["licence"],
    }


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.{0 if size > 1e6 else 1}f} MB"
