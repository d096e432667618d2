"""`bowerbird models`, on a cache of its own."""

import json

import pytest

from bowerbird.learning.weights import WEIGHTS


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
    assert "embedded" in done.out
    assert "CC BY 4.0" in done.out


def test_list_json(bowerbird):
    found = json.loads(bowerbird("models list --json").out)["models"]
    where = {row["name"]: row["where"] for row in found}
    assert where == {"vgg19-codebook": "embedded", "vgg19-torchvision": "not here"}


def test_info(bowerbird):
    done = bowerbird("models info vgg19-codebook")
    assert done.code == 0
    assert WEIGHTS[0].sha256 in done.out
    assert json.loads(bowerbird("models info vgg19-codebook --json").out)["size"] == 20_063_401


def test_verify(bowerbird):
    done = bowerbird("models verify")
    assert (done.code, done.out) == (0, "vgg19-codebook: ok\nvgg19-torchvision: not downloaded\n")


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
