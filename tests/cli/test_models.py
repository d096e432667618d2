"""`bowerbird models`, on a cache of its own."""

import json
from pathlib import Path

import pytest
import torch

from bowerbird.learning import hub
from bowerbird.learning.model_file import ModelHeader, write_model
from bowerbird.learning.pretrained_weights import WEIGHTS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("BOWERBIRD_CACHE", str(folder))
    return folder


def test_list(bowerbird, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = bowerbird("models list")
    assert done.code == 0
    for weights in WEIGHTS:
        assert weights.name in done.out
    assert "installed" in done.out
    assert "CC BY 4.0" in done.out


def test_list_json(bowerbird):
    found = json.loads(bowerbird("models list --json").out)["models"]
    where = {row["name"]: row["where"] for row in found}
    for name in ("vgg19-torchvision", "vgg16-torchvision", "alexnet-torchvision"):
        assert where.pop(name) == "not downloaded"
    own = (
        "vgg19-codebook",
        "efficientnet-lite0",
        "shakespeare",
        "scottish",
        "digits",
        "house-numbers",
    )
    assert where == dict.fromkeys(own, "installed")


def test_info(bowerbird):
    done = bowerbird("models info vgg19-codebook")
    assert done.code == 0
    assert WEIGHTS[0].sha256 in done.out
    assert json.loads(bowerbird("models info vgg19-codebook --json").out)["size"] == 20_063_401


def test_verify(bowerbird):
    done = bowerbird("models verify")
    assert done.code == 0
    assert dict(line.split(": ") for line in done.out.splitlines()) == {
        "vgg19-codebook": "ok",
        "vgg19-torchvision": "not downloaded",
        "efficientnet-lite0": "ok",
        "vgg16-torchvision": "not downloaded",
        "alexnet-torchvision": "not downloaded",
    }


def test_verify_finds_damage(bowerbird, cache):
    (cache / "vgg19-dcbb9e9d.pth").write_bytes(b"not a network")
    done = bowerbird("models verify vgg19-torchvision")
    assert done.code == 1
    assert "damaged" in done.out
    assert "vgg19-dcbb9e9d.pth" in done.out
    verdict = json.loads(bowerbird("models verify --json").out)["models"]
    assert verdict["vgg19-codebook"] == "ok"


def test_unknown_name(refuses):
    refuses("models verify nonsense", "vgg19-codebook", "nonsense")


# --- model files ---------------------------------------------------------------------------------

CARD = ModelHeader(
    "text",
    {"network": {"cell": "lstm", "width": 8}},
    {"kind": "characters", "characters": "\n ab"},
    {
        "corpus": ["plays", "sonnets"],
        "corpus_sha256": "1f" * 32,
        "characters": 5_300_000,
        "seconds": 61.25,
        "train_loss": 1.2345678,
        "validation_loss": None,
        "licence": "CC0-1.0",
        "versions": {"bowerbird": "0.1.0", "torch": "2.13.0"},
    },
)


@pytest.fixture
def model(here):
    write_model(here / "song.safetensors", CARD, {"a": torch.zeros(300, 4), "b": torch.ones(7)})
    return here / "song.safetensors"


def test_info_of_a_model_file(bowerbird, model):
    done = bowerbird("models info song.safetensors")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    for line in (
        "file song.safetensors",
        "kind text",
        "parameters 1,207",
        "vocab size 6",
        "network:",
        "network cell lstm",
        "tokenizer:",
        "training:",
        "corpus plays, sonnets",
        f"corpus sha256 {'1f' * 32}",
        "seconds 61.25",
        "train loss 1.23457",
        "validation loss -",
        "licence CC0-1.0",
        "versions torch 2.13.0",
    ):
        assert line in lines


def test_info_of_a_model_file_json(bowerbird, model):
    done = bowerbird("models info song.safetensors --json")
    assert done.out.count("\n") == 1
    assert json.loads(done.out) == {
        "file": "song.safetensors",
        "size": model.stat().st_size,
        "kind": "text",
        "format": 1,
        "parameters": 1207,
        "vocab_size": 6,
        "config": CARD.config,
        "tokenizer": CARD.tokenizer,
        "provenance": CARD.provenance,
    }


def test_info_of_a_model_of_another_kind(bowerbird, here):
    write_model(here / "tune", ModelHeader("vision", {}), {})
    words = " ".join(bowerbird("models info tune").out.split())
    size = (here / "tune").stat().st_size
    assert words == f"file tune size {size} bytes kind vision format 1 parameters 0"
    assert json.loads(bowerbird("models info tune --json").out)["vocab_size"] is None


def test_info_prefers_the_name_of_weights(bowerbird, here):
    write_model(here / "vgg19-codebook", ModelHeader("vision", {}), {})
    assert WEIGHTS[0].sha256 in bowerbird("models info vgg19-codebook").out
    assert "vision" in bowerbird("models info ./vgg19-codebook").out


def test_info_does_not_let_a_file_write_to_the_terminal(bowerbird, here):
    wild = {"\x1b[31m": "\x1b]0;title\x07", "half": "\ud800"}
    write_model(here / "tune", ModelHeader("music", wild, {}, wild), {})
    for line in bowerbird("models info tune").out.splitlines():
        assert line.isprintable()


def test_info_of_what_is_not_a_model(refuses, here):
    write_model(here / "mute", ModelHeader("text", {}, {"kind": "runes"}), {})
    refuses("models info mute", "mute", "runes")
    refuses("models info photo.png", "photo.png", "damaged")
    refuses("models info none.safetensors", "none.safetensors does not exist")


# --- the hub (what travels is tested in tests/learning/test_hub.py) -------------------------------


@pytest.fixture
def sent(monkeypatch):
    """What would be sent to the hub, instead of sending it."""
    calls = []

    def push(*files, **flags):
        calls.append((*files, flags))
        return hub.Published("https://hub/ada/song", ("song.safetensors", "README.md"), True)

    monkeypatch.setattr(hub, "push", push)
    return calls


def test_push(bowerbird, model, sent):
    done = bowerbird("models push song.safetensors ada/song")
    assert done.code == 0
    assert done.out == "https://hub/ada/song: song.safetensors, README.md (private)\n"
    use = "bowerbird text write song.safetensors"
    assert sent == [(Path("song.safetensors"), "ada/song", {"public": False, "usage": use})]
    facts = json.loads(bowerbird("models push song.safetensors ada/song --public --json").out)
    assert facts["files"] == ["song.safetensors", "README.md"]
    assert sent[1][2]["public"] is True


def test_push_gives_a_use_for_every_kind(bowerbird, here, sent):
    for kind, usage in (
        ("vision", "bowerbird models info tune"),
        ("music", "bowerbird music compose tune -o tune.mid"),
    ):
        write_model(here / "tune", ModelHeader(kind, {}), {})
        assert bowerbird("models push tune ada/tune").code == 0
        assert sent[-1][2]["usage"] == usage


def test_info_of_shipped_models(bowerbird):
    for name, kind in (("shakespeare", "text"), ("scottish", "music")):
        facts = json.loads(bowerbird(f"models info {name} --json").out)
        assert (facts["kind"], facts["provenance"]["corpus"]) == (kind, [name])
        assert facts["size"] < 6_000_000


def test_push_and_pull_refuse(refuses, here, sent):
    refuses("models push photo.png ada/song", "photo.png", "damaged")
    refuses("models push nothing ada/song", "nothing does not exist")
    refuses("models pull ada/song photo.png", "photo.png exists; add --force")
    refuses("models pull ada/song song -o photo.png", "photo.png exists; add --force")
    assert sent == []
