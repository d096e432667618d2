"""Model files go to the Hugging Face hub, each with a page that tells what it is, and come from it.

The hub's own library does the transfers; it is imported when one is asked for, and kept silent:
no bars, no log, no telemetry. It finds the token by itself (``hf auth login``, or HF_TOKEN), and
obeys HF_ENDPOINT and HF_HUB_OFFLINE. The page is what the hub calls a model card
(https://huggingface.co/docs/hub/model-cards); a page that somebody has made their own is kept.
A file that is pulled is a stranger's: it stays only if it opens as a model of ours.
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
from bowerbird.learning.atomic_write import check_output, put_in_place
from bowerbird.learning.model_file import (
    ModelHeader,
    count_parameters,
    facts,
    in_columns,
    printable,
    read_header,
    read_model,
)

TIMEOUT = 30.0  # s that the hub may take to answer a question
PAGE = "README.md"
MARK = "<!-- `bowerbird models push` writes this page anew, as long as this line is in it. -->"
# identifiers of licences that the hub knows: https://huggingface.co/docs/hub/repositories-licenses
LICENCES = (
    *("mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "agpl-3.0", "unlicense"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
)


@dataclass(frozen=True)
class Published:
    """What a push has done."""

    url: str
    """Address of the repository."""
    files: tuple[str, ...]
    """Names of the files that were sent."""
    private: bool
    """Whether only its owner sees the repository."""


def push(
    path: Path, repository: str, *, public: bool = False, usage: str = "", endpoint: str = ""
) -> Published:
    """Send a model file, and a page that tells what it is, to the repository USER/NAME.

    A missing repository is made, for the owner's eyes only unless ``public``. ``usage`` is the
    command that the page gives for the file; ``endpoint`` is another hub. Raises ModelError for
    what is no model of ours, HubError for what the hub can't do or should not (a model that is not
    said to be public, into a repository that is).
    """
    page = model_page(path, repository, usage)
    with _hub(repository):
        from huggingface_hub import CommitOperationAdd, HfApi  # noqa: PLC0415 - 0.3 s

        api = HfApi(endpoint=endpoint or None, token=True)
        private, files = _prepared(api, repository, public)
        sent = [CommitOperationAdd(path.name, path)]
        if PAGE not in files or _is_ours(api, repository):
            sent.append(CommitOperationAdd(PAGE, page.encode()))
        api.create_commit(repository, sent, commit_message=f"{path.name}, sent by bowerbird")
        url = f"{api.endpoint}/{repository}"
        return Published(url, tuple(one.path_in_repo for one in sent), private)


def pull(
    repository: str,
    name: str | None = None,
    output: Path | None = None,
    *,
    force: bool = False,
    endpoint: str = "",
) -> Path:
    """Bring one model file of a repository here, whole or not at all, and return where it is.

    ``name`` may be left out where the repository has one model; ``output`` is the file's own name
    in this folder unless given. Raises ModelError for what is no model of ours, HubError for what
    the hub does not have or give, and for a file that exists (unless ``force``).
    """
    path = output or (Path(PurePosixPath(name).name) if name else None)
    if path:
        _check_free(path, force)
    with _hub(repository):
        from huggingface_hub import HfApi  # noqa: PLC0415

        api = HfApi(endpoint=endpoint or None)
        known = api.model_info(repository, timeout=TIMEOUT)
        name = _chosen(repository, [file.rfilename for file in known.siblings or ()], name)
    path = path or Path(PurePosixPath(name).name)
    _check_free(path, force)
    with _beside(path) as folder:
        with _hub(repository):
            got = Path(api.hf_hub_download(repository, name, revision=known.sha, local_dir=folder))
        try:
            read_model(got)
        except ModelError as error:
            raise ModelError(str(error).replace(str(got), f"{repository}/{name}")) from error
        put_in_place(got, path)
    return path


def model_page(path: Path, repository: str, usage: str = "") -> str:
    """Return the page of a model file in Markdown: its licence, its use, all that its card says."""
    card, parameters = read_header(path), count_parameters(path)
    commands = [f"bowerbird models pull {repository} {path.name}"]
    commands.append(usage or f"bowerbird models info {path.name}")
    parts = {
        "Use": commands,
        "What it learned from": in_columns(facts(card.provenance)),
        "Network": in_columns(
            [
                ("parameters", f"{parameters:,}"),
                *facts({**card.config, "tokenizer": card.tokenizer}),
            ]
        ),
    }
    lines = [f"---\n{_heading(card)}\n---", f"# {path.stem}"]
    lines.append(f"A {card.kind} model, trained with Bowerbird.")
    for title, rows in parts.items():
        if rows:
            # four spaces: in such a block no sign means anything to Markdown
            lines += [f"## {title}", "\n".join(f"    {row}" for row in rows)]
    return "\n\n".join([*lines, f"{MARK}\n"])


def _heading(card: ModelHeader) -> str:
    """Return what the hub reads at the head of a page, in YAML."""
    from huggingface_hub import ModelCardData  # noqa: PLC0415

    told = card.provenance.get("licence")
    licence: dict[str, Any] = {}
    if isinstance(told, str) and told.strip():
        known = printable(told).lower().replace(" ", "-")
        licence = {"license": known}
        if known not in LICENCES:
            licence = {"license": "other", "license_name": printable(told)}
    data = ModelCardData(library_name="bowerbird", tags=["bowerbird", card.kind], **licence)
    return data.to_yaml()


def _prepared(api: Any, repository: str, public: bool) -> tuple[bool, Sequence[str]]:
    """Return whether the repository is private, and its files; make it if it is missing."""
    from huggingface_hub.errors import RepositoryNotFoundError  # noqa: PLC0415

    if repository.count("/") != 1:
        raise HubError(f"{repository} does not say whose it is; write it as USER/NAME")
    try:
        known = api.model_info(repository, timeout=TIMEOUT)
    except RepositoryNotFoundError:
        api.create_repo(repository, private=not public)
        return not public, ()
    if not known.private and not public:
        raise HubError(f"{repository} is public; add --public to send the model there all the same")
    return bool(known.private), [file.rfilename for file in known.siblings or ()]


def _is_ours(api: Any, repository: str) -> bool:
    """Tell a page that we wrote, and nobody has made their own since."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(api.hf_hub_download(repository, PAGE, local_dir=folder))
        return MARK in page.read_text(encoding="utf-8", errors="replace")


def _chosen(repository: str, files: Sequence[str], name: str | None) -> str:
    """Return the name of the one file that is meant."""
    models = [f for f in files if f.endswith(".safetensors")] or [
        f for f in files if not f.startswith(".") and not f.endswith(".md")
    ]
    listed = printable(", ".join(models[:10])) or "no model"
    if name is None and len(models) == 1:
        return models[0]
    if name is None:
        mend = "give the name of one" if models else "check its name"
        raise HubError(f"{repository} has {listed}; {mend}")
    if name not in files:
        raise HubError(f"{repository} has no file {name}; it has {listed}")
    return name


def _check_free(path: Path, force: bool) -> None:
    try:
        check_output(path, force=force)
    except ValueError as error:
        raise HubError(str(error)) from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Make a folder beside a file for as long as the file comes; OSError names the file."""
    try:
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=path.parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def _hub(repository: str) -> Iterator[None]:
    """Keep the hub's library silent, and turn what it raises into one sentence."""
    from huggingface_hub import constants  # noqa: PLC0415
    from huggingface_hub.utils import disable_progress_bars  # noqa: PLC0415

    log, asked = logging.getLogger("huggingface_hub"), constants.HF_HUB_DISABLE_TELEMETRY
    level = log.level
    try:
        constants.HF_HUB_DISABLE_TELEMETRY = True
        log.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(action="ignore"), disable_progress_bars():
            yield
    except HubError:
        raise
    except Exception as error:  # the library has no family of its own for what it raises
        raise HubError(_sentence(repository, error)) from error
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = asked
        log.setLevel(level)


def _sentence(repository: str, error: BaseException) -> str:
    """Say what the hub's library meant, and the mend."""
    from huggingface_hub import errors  # noqa: PLC0415

    while error.__cause__ and not isinstance(error, (errors.HfHubHTTPError, errors.HTTPError)):
        error = error.__cause__  # "an error happened" says less than what happened
    mends: Mapping[type[Exception], str] = {
        errors.OfflineModeIsEnabled: "can't be reached, because HF_HUB_OFFLINE is set; unset it",
        errors.LocalTokenNotFoundError: "needs a token; run `hf auth login`, or set HF_TOKEN",
        errors.GatedRepoError: "is open only to whom its owner admits; ask there for access",
        errors.RepositoryNotFoundError: "is not there, or not for you to see; check the name, or "
        "run `hf auth login`",
        errors.HFValidationError: "is no name of a repository; write it as USER/NAME",
    }
    for kind, words in mends.items():
        if isinstance(error, kind):
            return f"{repository} {words}"
    if isinstance(error, errors.HfHubHTTPError):
        return f"{repository} {_refusal(error.response.status_code, error.server_message or '')}"
    why = printable(error) or type(error).__name__
    if isinstance(error, (OSError, errors.HTTPError, RuntimeError)):
        return f"{repository} can't be reached or kept ({why}); check the connection and the disk"
    return f"{repository} got no answer that a hub gives ({why}); check HF_ENDPOINT, or try later"


def _refusal(status: int, message: str) -> str:
    """Say what an answer in the numbers of HTTP means."""
    if status == 401:
        return "is refused, because the token is not valid; run `hf auth login`, or set HF_TOKEN"
    if status == 403:
        return "is not open to your token; take one that may write there, or another USER/NAME"
    said = f": {printable(message, 120)}" if message else ""
    return f"is refused by the hub ({status}{said}); try again later"
