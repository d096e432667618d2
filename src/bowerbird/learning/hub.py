"""Push model files to the Hugging Face Hub, each with a model card, and pull them.

The transfers are done by ``huggingface_hub``, which is imported when it is needed and kept silent:
no progress bars, no log, no telemetry. It finds the token by itself (``hf auth login``, or
HF_TOKEN), and respects HF_ENDPOINT and HF_HUB_OFFLINE. A model card
(https://huggingface.co/docs/hub/model-cards) that its owner has edited is kept. A pulled file is
kept only if it opens as a Bowerbird model.
"""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bowerbird.errors import HubError, ModelError
from bowerbird.files.atomic_write import check_output, put_in_place
from bowerbird.learning.model_file import (
    ModelHeader,
    count_parameters,
    facts,
    in_columns,
    printable,
    read_header,
    read_model,
)

TIMEOUT = 30.0  # s for an answer of the Hub
MODEL_CARD = "README.md"
MARK = "<!-- `bowerbird models push` replaces this page as long as it has this line. -->"
# identifiers of licences: https://huggingface.co/docs/hub/repositories-licenses
LICENCES = (
    *("mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "agpl-3.0", "unlicense"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
)


@dataclass(frozen=True)
class Published:
    """The result of a push."""

    url: str
    """Address of the repository."""
    files: tuple[str, ...]
    """Names of the uploaded files."""
    private: bool
    """Whether the repository is private."""


def push(
    path: Path, repository: str, *, public: bool = False, usage: str = "", endpoint: str = ""
) -> Published:
    """Upload a model file, with a model card, to the repository USER/NAME.

    A missing repository is created, private unless ``public``. ``usage`` is the command that the
    card shows for the file; ``endpoint`` is another hub. Raises ModelError for a file that isn't a
    Bowerbird model, and HubError for what the Hub refuses, or if the repository is public and
    ``public`` isn't set.
    """
    card = model_card(path, repository, usage)
    with _hub(repository):
        from huggingface_hub import CommitOperationAdd, HfApi  # noqa: PLC0415 - 0.3 s

        api = HfApi(endpoint=endpoint or None, token=True)
        private, files = _prepared(api, repository, public)
        uploads = [CommitOperationAdd(path.name, path)]
        if MODEL_CARD not in files or _has_mark(api, repository):
            uploads.append(CommitOperationAdd(MODEL_CARD, card.encode()))
        api.create_commit(repository, uploads, commit_message=f"Upload {path.name} with Bowerbird")
        url = f"{api.endpoint}/{repository}"
        return Published(url, tuple(upload.path_in_repo for upload in uploads), private)


def pull(
    repository: str,
    name: str | None = None,
    output: Path | None = None,
    *,
    force: bool = False,
    endpoint: str = "",
) -> Path:
    """Download one model file of a repository, atomically, and return its path.

    ``name`` may be omitted if the repository has one model; ``output`` is by default the same name
    in the current folder. Raises ModelError for a file that isn't a Bowerbird model, HubError for
    what the Hub doesn't have or refuses, and for an existing file (unless ``force``).
    """
    path = output or (Path(PurePosixPath(name).name) if name else None)
    if path:
        _check_free(path, force)
    with _hub(repository):
        from huggingface_hub import HfApi  # noqa: PLC0415

        api = HfApi(endpoint=endpoint or None)
        info = api.model_info(repository, timeout=TIMEOUT)
        name = _file_name(repository, [file.rfilename for file in info.siblings or ()], name)
    path = path or Path(PurePosixPath(name).name)
    _check_free(path, force)
    with _temporary_folder(path) as folder:
        with _hub(repository):
            download = api.hf_hub_download(repository, name, revision=info.sha, local_dir=folder)
        try:
            read_model(Path(download))
        except ModelError as error:
            raise ModelError(str(error).replace(download, f"{repository}/{name}")) from error
        put_in_place(Path(download), path)
    return path


def model_card(path: Path, repository: str, usage: str = "") -> str:
    """Return the model card of a file in Markdown: licence, usage, and its header."""
    header, parameters = read_header(path), count_parameters(path)
    commands = [f"bowerbird models pull {repository} {path.name}"]
    commands.append(usage or f"bowerbird models info {path.name}")
    parts = {
        "Use": commands,
        "Training": in_columns(facts(header.provenance)),
        "Network": in_columns(
            [
                ("parameters", f"{parameters:,}"),
                *facts({**header.config, "tokenizer": header.tokenizer}),
            ]
        ),
    }
    lines = [f"---\n{_metadata(header)}\n---", f"# {path.stem}"]
    lines.append(f"A {header.kind} model, trained with Bowerbird.")
    for title, rows in parts.items():
        if rows:
            # four spaces: Markdown leaves such a block as it is
            lines += [f"## {title}", "\n".join(f"    {row}" for row in rows)]
    return "\n\n".join([*lines, f"{MARK}\n"])


def _metadata(header: ModelHeader) -> str:
    """Return the metadata of a model card, in YAML."""
    from huggingface_hub import ModelCardData  # noqa: PLC0415

    name = header.provenance.get("licence")
    licence: dict[str, Any] = {}
    if isinstance(name, str) and name.strip():
        identifier = printable(name).lower().replace(" ", "-")
        licence = {"license": identifier}
        if identifier not in LICENCES:
            licence = {"license": "other", "license_name": printable(name)}
    tags = ["bowerbird", header.kind]
    return ModelCardData(library_name="bowerbird", tags=tags, **licence).to_yaml()


def _prepared(api: Any, repository: str, public: bool) -> tuple[bool, Sequence[str]]:
    """Return whether the repository is private, and its files; create it if it is missing."""
    from huggingface_hub.errors import RepositoryNotFoundError  # noqa: PLC0415

    if repository.count("/") != 1:
        raise HubError(f"{repository} has no user; write it as USER/NAME")
    try:
        info = api.model_info(repository, timeout=TIMEOUT)
    except RepositoryNotFoundError:
        api.create_repo(repository, private=not public)
        return not public, ()
    if not info.private and not public:
        raise HubError(f"{repository} is public; add --public to upload the model anyway")
    return bool(info.private), [file.rfilename for file in info.siblings or ()]


def _has_mark(api: Any, repository: str) -> bool:
    """Return whether the model card is one of ours that hasn't been edited."""
    with tempfile.TemporaryDirectory() as folder:
        card = Path(api.hf_hub_download(repository, MODEL_CARD, local_dir=folder))
        return MARK in card.read_text(encoding="utf-8", errors="replace")


def _file_name(repository: str, files: Sequence[str], name: str | None) -> str:
    """Return the name of the model file: ``name``, or the only one."""
    models = [f for f in files if f.endswith(".safetensors")] or [
        f for f in files if not f.startswith(".") and not f.endswith(".md")
    ]
    listed = printable(", ".join(models[:10])) or "no model"
    if name is None and len(models) == 1:
        return models[0]
    if name is None:
        fix = "give the name of one" if models else "check its name"
        raise HubError(f"{repository} has {listed}; {fix}")
    if name not in files:
        raise HubError(f"{repository} has no file {name}; it has {listed}")
    return name


def _check_free(path: Path, force: bool) -> None:
    try:
        check_output(path, force=force)
    except ValueError as error:
        raise HubError(str(error)) from error


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """Make a temporary folder beside a file; an OSError names the file."""
    try:
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=path.parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def _hub(repository: str) -> Iterator[None]:
    """Silence ``huggingface_hub``, and turn its exceptions into HubErrors."""
    from huggingface_hub import constants  # noqa: PLC0415
    from huggingface_hub.utils import disable_progress_bars  # noqa: PLC0415

    log, telemetry = logging.getLogger("huggingface_hub"), constants.HF_HUB_DISABLE_TELEMETRY
    level = log.level
    try:
        constants.HF_HUB_DISABLE_TELEMETRY = True
        log.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(action="ignore"), disable_progress_bars():
            yield
    except HubError:
        raise
    except Exception as error:  # the library's exceptions have no common base class
        raise HubError(_sentence(repository, error)) from error
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = telemetry
        log.setLevel(level)


def _sentence(repository: str, error: BaseException) -> str:
    """Describe an exception of ``huggingface_hub`` and what to do about it."""
    from huggingface_hub import errors  # noqa: PLC0415

    while error.__cause__ and not isinstance(error, (errors.HfHubHTTPError, errors.HTTPError)):
        error = error.__cause__  # its cause says more
    messages: Mapping[type[Exception], str] = {
        errors.OfflineModeIsEnabled: "can't be reached, because HF_HUB_OFFLINE is set; unset it",
        errors.LocalTokenNotFoundError: "needs a token; run `hf auth login`, or set HF_TOKEN",
        errors.GatedRepoError: "is gated; ask its owner for access on its page",
        errors.RepositoryNotFoundError: "doesn't exist, or is private; check the name, or run "
        "`hf auth login`",
        errors.HFValidationError: "is not a valid repository name; write it as USER/NAME",
    }
    for kind, message in messages.items():
        if isinstance(error, kind):
            return f"{repository} {message}"
    if isinstance(error, errors.HfHubHTTPError):
        return f"{repository} {_refusal(error.response.status_code, error.server_message or '')}"
    why = printable(error) or type(error).__name__
    if isinstance(error, (OSError, errors.HTTPError, RuntimeError)):
        return f"{repository} can't be reached or stored ({why}); check the connection and the disk"
    return f"{repository} got an unexpected answer ({why}); check HF_ENDPOINT, or try later"


def _refusal(status: int, message: str) -> str:
    """Describe an HTTP status of the Hub."""
    if status == 401:
        return "is refused because the token is invalid; run `hf auth login`, or set HF_TOKEN"
    if status == 403:
        return "is not writable with your token; use another token, or another USER/NAME"
    reason = f": {printable(message, 120)}" if message else ""
    return f"is refused by the Hub ({status}{reason}); try again later"
