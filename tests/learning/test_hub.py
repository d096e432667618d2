"""Push and pull against a small hub on this machine, and against none."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import close_session, constants
from huggingface_hub.utils import are_progress_bars_disabled

from bowerbird.cli import run
from bowerbird.errors import HubError, ModelError
from bowerbird.learning.hub import MARK, MODEL_CARD, Published, model_card, pull, push
from bowerbird.learning.model_file import ModelHeader, read_model, write_model

TOKEN = "hf_standin"
SHA = "0123456789abcdef0123456789abcdef01234567"
HEADER = ModelHeader(
    "text",
    {"cell": "lstm", "width": 8},
    {"kind": "characters", "characters": "ab"},
    {"corpus": ["plays | *"], "seconds": 60.5, "train_loss": 1.25, "licence": "CC0 1.0"},
)
WEIGHTS = {"weight": torch.arange(12.0).reshape(3, 4), "bias": torch.ones(3)}


@dataclass
class Repository:
    """What the small hub keeps."""

    private: bool = True
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Hub:
    """A hub on this machine, as far as push and pull ask it anything."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """What to answer instead, by "METHOD path"."""


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self):
        self.hub.asked.append(f"{self.command} {self.path}")
        self.hub.agents.add(self.headers.get("User-Agent", ""))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if answer := self.hub.answers.get(f"{self.command} {self.path}"):
            return self.reply(*answer)
        if self.path == "/api/repos/create":
            return self.create()
        if self.path == "/api/validate-yaml":
            return self.tell({"errors": [], "warnings": [{"message": "a warning"}]})
        report = re.match(r"(/api/models)?/([\w-]+/[\w-]+)(?:/(\w+)/([^/]+)/?(.*))?$", self.path)
        name = report[2] if report else ""
        kept = self.hub.repositories.get(name)
        if kept is None or (kept.private and not self.is_known()):
            return self.reply(404, {"X-Error-Code": "RepoNotFound"}, b"")
        if report[1]:
            return getattr(self, report[3] or "info")(name, kept)
        return self.send(kept.files.get(report[5]))

    do_HEAD = do_POST = do_GET  # noqa: N815

    def is_known(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def info(self, name, kept):
        files = [{"rfilename": file} for file in [".gitattributes", *kept.files]]
        self.tell({"id": name, "private": kept.private, "sha": SHA, "siblings": files})

    def create(self):
        wanted = json.loads(self.body)
        if not self.is_known():
            header = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return self.reply(401, header, b"")
        if wanted["organization"] != "ada":
            return self.reply(403, {"X-Error-Message": "not your name"}, b"")
        name = f"ada/{wanted['name']}"
        self.hub.repositories[name] = Repository(wanted.get("visibility") == "private")
        return self.tell({"url": f"{self.hub.url}/{name}"})

    def preupload(self, name, kept):
        files = [file["path"] for file in json.loads(self.body)["files"]]
        modes = [{"path": f, "uploadMode": "regular", "shouldIgnore": False} for f in files]
        self.tell({"files": modes})

    def commit(self, name, kept):
        for line in map(json.loads, self.body.splitlines()):
            if line["key"] == "file":
                kept.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        self.tell({"commitUrl": f"{self.hub.url}/{name}/commit/{SHA}", "commitOid": SHA})

    def send(self, body):
        if body is None:
            return self.reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA}, b"")
        return self.reply(200, {"ETag": '"e"', "X-Repo-Commit": SHA}, body)

    def tell(self, answer):
        self.reply(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, *args):
        pass


def lead_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what HF_ENDPOINT does, though the library is imported already."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of this machine's owner is read or written, and nothing outside is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("HF_OIDC_RESOURCE", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    lead_to("http://127.0.0.1:1", monkeypatch)
    yield
    close_session()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    handler = type("Handler", (Handler,), {"hub": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        lead_to(made.url, monkeypatch)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        close_session()
        server.shutdown()
        thread.join()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "song.safetensors"
    path.parent.mkdir()
    write_model(path, HEADER, WEIGHTS)
    return path


def inhabited(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"mine", "home"}


# --- push ----------------------------------------------------------------------------------------


def test_push_makes_a_private_repository_with_a_page(hub: Hub, model: Path, capfd):
    done = push(model, "ada/song", usage="bowerbird text write song.safetensors")
    assert done == Published(f"{hub.url}/ada/song", ("song.safetensors", MODEL_CARD), True)
    kept = hub.repositories["ada/song"]
    assert kept.private
    assert kept.files["song.safetensors"] == model.read_bytes()
    page = kept.files[MODEL_CARD].decode()
    assert page.startswith(
        "---\nlibrary_name: bowerbird\nlicense: cc0-1.0\ntags:\n- bowerbird\n- text\n---\n"
    )
    for words in (
        "    bowerbird models pull ada/song song.safetensors\n",
        "    bowerbird text write song.safetensors\n",
        "    corpus      plays | *\n",
        "    train loss  1.25\n",
        "    parameters            15\n",
        MARK,
    ):
        assert words in page
    assert capfd.readouterr() == ("", "")  # neither bars nor warnings


def test_push_reports_the_hub_nothing_else(hub: Hub, model: Path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    push(model, "ada/song")
    assert not any("agent-harnesses" in asked or "telemetry" in asked for asked in hub.asked)
    assert not any("torch" in agent for agent in hub.agents)
    # what we silenced is as it was
    assert constants.HF_HUB_DISABLE_TELEMETRY is False
    assert not are_progress_bars_disabled()


def test_push_can_be_public(hub: Hub, model: Path):
    assert push(model, "ada/song", public=True).private is False
    assert hub.repositories["ada/song"].private is False


def test_push_is_not_public_by_mistake(hub: Hub, model: Path):
    hub.repositories["ada/song"] = Repository(private=False)
    with pytest.raises(HubError, match="ada/song is public; add --public"):
        push(model, "ada/song")
    assert hub.repositories["ada/song"].files == {}
    push(model, "ada/song", public=True)
    # a private one stays private, and that is said
    hub.repositories["ada/own"] = Repository(private=True)
    assert push(model, "ada/own", public=True).private is True


def test_push_again_writes_its_own_page_again_and_keeps_anothers(hub: Hub, model: Path):
    kept = hub.repositories["ada/song"] = Repository(files={MODEL_CARD: b"# Old\n" + MARK.encode()})
    push(model, "ada/song")
    assert b"# song" in kept.files[MODEL_CARD]
    kept.files[MODEL_CARD] = b"# What Ada wrote"
    assert push(model, "ada/song").files == ("song.safetensors",)
    assert kept.files[MODEL_CARD] == b"# What Ada wrote"


def test_push_sends_only_models(hub: Hub, tmp_path: Path):
    (tmp_path / "diary.txt").write_text("secret")
    with pytest.raises(ModelError, match=r"diary\.txt"):
        push(tmp_path / "diary.txt", "ada/song")
    assert hub.asked == []


def test_push_without_a_token(hub: Hub, model: Path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match=r"^ada/song needs a token; run `hf auth login`"):
        push(model, "ada/song")
    assert hub.asked == []


@pytest.mark.parametrize(
    ("repository", "token", "words"),
    [
        ("ada/song", "hf_wrong", "the token is invalid; run `hf auth login`"),
        ("bob/song", TOKEN, "use another token, or another USER/NAME"),
        ("song", TOKEN, "write it as USER/NAME"),
        ("a/b/c", TOKEN, "write it as USER/NAME"),
        ("ada/so ng", TOKEN, "write it as USER/NAME"),
    ],
)
def test_push_that_is_refused(hub: Hub, model: Path, monkeypatch, repository, token, words):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match=re.escape(words)) as caught:
        push(model, repository)
    assert str(caught.value).startswith(f"{repository} ")
    assert hub.repositories == {}


# --- the page ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("licence", "heading"),
    [
        ("MIT", "license: mit\n"),
        ("public domain: free", "license: other\nlicense_name: 'public domain: free'\n"),
        (None, "---\nlibrary_name"),
    ],
)
def test_page_says_the_licence(tmp_path: Path, licence, heading):
    write_model(tmp_path / "a", ModelHeader("music", {}, {}, {"licence": licence}), WEIGHTS)
    assert heading in model_card(tmp_path / "a", "ada/song")


def test_page_is_text_whatever_the_model_says(tmp_path: Path):
    wild = {"corpus": ["<script>\n# Title\n\x1b[31m---"], "\n\n# name": 1}
    write_model(tmp_path / "a", ModelHeader("music", {}, {}, wild), WEIGHTS)
    page = model_card(tmp_path / "a", "ada/song")
    assert "\x1b" not in page
    titles = [line for line in page.splitlines() if line.startswith("#")]
    assert titles == ["# a", "## Use", "## Training", "## Network"]
    assert re.search("^    corpus .*<script>", page, re.MULTILINE)


# --- pull ----------------------------------------------------------------------------------------


@pytest.fixture
def stocked(hub: Hub, model: Path) -> Hub:
    files = {"song.safetensors": model.read_bytes(), MODEL_CARD: b"# Song"}
    hub.repositories["ada/song"] = Repository(files=files)
    return hub


def test_pull_brings_what_was_pushed(hub: Hub, model: Path, tmp_path: Path, capfd):
    push(model, "ada/song")
    path = pull("ada/song", "song.safetensors", tmp_path / "again")
    assert path.read_bytes() == model.read_bytes()
    assert path.stat().st_mode == model.stat().st_mode
    assert read_model(path, "text")[0] == HEADER
    assert inhabited(tmp_path) == {"again"}
    assert not (tmp_path / "home").exists()  # no second copy
    assert capfd.readouterr() == ("", "")


def test_pull_finds_the_only_model(stocked: Hub, tmp_path: Path):
    assert pull("ada/song") == Path("song.safetensors")
    assert inhabited(tmp_path) == {"song.safetensors"}


def test_pull_from_a_folder_of_the_repository(stocked: Hub, tmp_path: Path):
    kept = stocked.repositories["ada/song"]
    kept.files = {"a/b/deep": kept.files["song.safetensors"]}
    assert pull("ada/song") == Path("deep")
    assert inhabited(tmp_path) == {"deep"}


def test_pull_asks_which_of_several(stocked: Hub):
    kept = stocked.repositories["ada/song"]
    kept.files["two.safetensors"] = b""
    with pytest.raises(HubError, match=r"has song\.safetensors, two\.safetensors; give the name"):
        pull("ada/song")
    kept.files = {MODEL_CARD: b""}
    with pytest.raises(HubError, match="ada/song has no model; check its name"):
        pull("ada/song")


def test_pull_does_not_overwrite(stocked: Hub, tmp_path: Path, model: Path):
    (tmp_path / "song.safetensors").write_text("mine")
    for words in ((), ("song.safetensors",), (None, Path("song.safetensors"))):
        with pytest.raises(HubError, match=r"^song\.safetensors exists; add --force"):
            pull("ada/song", *words)
    assert (tmp_path / "song.safetensors").read_text() == "mine"
    with pytest.raises(HubError, match="is a folder"):
        pull("ada/song", None, tmp_path, force=True)
    pull("ada/song", force=True)
    assert (tmp_path / "song.safetensors").read_bytes() == model.read_bytes()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "damaged"),
        (b"\x80\x04 a pickle", "damaged"),
        (b"\x02\0\0\0\0\0\0\0{}", "was not written by Bowerbird"),
    ],
)
def test_pull_keeps_only_models(stocked: Hub, tmp_path: Path, body, words):
    stocked.repositories["ada/song"].files["song.safetensors"] = body
    (tmp_path / "old").write_text("mine")
    with pytest.raises(ModelError, match=words) as caught:
        pull("ada/song", output=Path("old"), force=True)
    assert str(caught.value).startswith("ada/song/song.safetensors ")
    assert (tmp_path / "old").read_text() == "mine"
    assert inhabited(tmp_path) == {"old"}


def test_pull_of_what_is_not_there(stocked: Hub, tmp_path: Path):
    with pytest.raises(HubError, match=r"has no file nothing; it has song\.safetensors$"):
        pull("ada/song", "nothing")
    with pytest.raises(HubError, match=r"^ada/none doesn't exist, or is private; check"):
        pull("ada/none")
    with pytest.raises(HubError, match=r"^the folder of none/x does not exist; create none"):
        pull("ada/song", output=Path("none/x"))
    assert inhabited(tmp_path) == set()


@pytest.mark.parametrize(
    ("request_", "answer", "words"),
    [
        ("GET /api/models/ada/song", (500, {}, b"{}"), "is refused by the Hub (500)"),
        ("GET /api/models/ada/song", (429, {}, b"{}"), "is refused by the Hub (429)"),
        ("GET /api/models/ada/song", (200, {}, b"<html>"), "got an unexpected answer"),
        ("GET /api/models/ada/song", (200, {}, b"{}"), "got an unexpected answer"),
        ("GET /api/models/ada/song", (200, {}, b"[]"), "got an unexpected answer"),
        (
            f"HEAD /ada/song/resolve/{SHA}/song.safetensors",
            (403, {"X-Error-Code": "GatedRepo"}, b""),
            "ask its owner for access",
        ),
        (
            f"GET /ada/song/resolve/{SHA}/song.safetensors",
            (200, {}, b"too few"),
            "can't be reached or stored",
        ),
    ],
)
def test_pull_that_is_refused(stocked: Hub, tmp_path: Path, request_, answer, words):
    stocked.answers[request_] = answer
    with pytest.raises(HubError, match=re.escape(words)) as caught:
        pull("ada/song")
    assert str(caught.value).startswith("ada/song ")
    assert "\n" not in str(caught.value)
    assert inhabited(tmp_path) == set()


def test_interrupted_pull_leaves_nothing(stocked: Hub, tmp_path: Path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pull("ada/song")
    assert inhabited(tmp_path) == set()


# --- no hub --------------------------------------------------------------------------------------


def test_no_network_is_one_sentence(model: Path, tmp_path: Path):
    for act in (lambda: push(model, "ada/song"), lambda: pull("ada/song")):
        with pytest.raises(HubError, match=r"ada/song can't be reached .*refused.*; check the"):
            act()
    assert inhabited(tmp_path) == set()


def test_offline_mode_is_one_sentence(model: Path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for act in (lambda: push(model, "ada/song"), lambda: pull("ada/song")):
        with pytest.raises(
            HubError, match=r"^ada/song .* because HF_HUB_OFFLINE is set; unset it$"
        ):
            act()


# --- through the command --------------------------------------------------------------------------


def test_the_command(hub: Hub, model: Path, tmp_path: Path, capfd):
    assert run(["models", "push", str(model), "ada/song"]) == 0
    assert capfd.readouterr().out == f"{hub.url}/ada/song: song.safetensors, README.md (private)\n"
    assert (
        "bowerbird text write song.safetensors"
        in hub.repositories["ada/song"].files[MODEL_CARD].decode()
    )
    assert run(["models", "push", str(model), "ada/song", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["private"] is True
    assert run(["models", "pull", "ada/song"]) == 0
    assert capfd.readouterr() == ("song.safetensors: a text model\n", "")
    assert run(["models", "pull", "ada/song", "song.safetensors", "-o", "b", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report == {"output": "b", "size": model.stat().st_size, "kind": "text"}


@pytest.mark.parametrize("words", ["pull ada/song", "pull ada/none", "push nothing ada/song"])
def test_the_command_refuses_in_one_sentence(stocked: Hub, capfd, words):
    Path("song.safetensors").write_text("mine")
    assert run(["models", *words.split()]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("bowerbird: ")
    assert err.count("\n") == 1


def test_the_real_command_reads_the_environment(stocked: Hub, tmp_path: Path):
    line = [sys.executable, "-W", "error", "-m", "bowerbird", "models", "pull", "ada/song"]
    surroundings = {**os.environ, "HF_ENDPOINT": stocked.url, "HF_HOME": str(tmp_path / "home")}
    for offline, code, err in (("1", 2, "bowerbird: ada/song can't be reached"), ("0", 0, "")):
        done = subprocess.run(
            line,
            check=False,
            capture_output=True,
            text=True,
            env={**surroundings, "HF_HUB_OFFLINE": offline},
        )
        assert done.returncode == code, done.stderr
        assert done.stderr[: len(err) or None].startswith(err)
        assert done.stderr.count("\n") == bool(err)
    assert (tmp_path / "song.safetensors").exists()
