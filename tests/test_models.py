"""Every kind of model opens by its path or name; anything else is refused in one sentence."""

import pytest
import torch

import bowerbird
from bowerbird.errors import ModelError
from bowerbird.learning.model_file import ModelHeader, read_header, write_model
from bowerbird.models import KINDS, SHIPPED, load, model_path
from bowerbird.text.generator import load as load_text


def test_each_kind_has_a_loader_and_each_shipped_model_a_kind():
    assert {read_header(model_path(name)).kind for name in SHIPPED} == KINDS.keys() - {
        "table",
        "series",
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_open_by_name_and_by_path(name):
    assert bowerbird.load is load
    by_name, by_path = load(name, "cpu"), load(model_path(name), "cpu")
    assert type(by_name) is type(by_path)
    assert (
        type(by_name).__module__ == KINDS[read_header(model_path(name)).kind].load.partition(":")[0]
    )


def test_a_folder_with_the_name_of_a_shipped_model_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert model_path("digits").name == "digits.safetensors"
    (tmp_path / "scottish").write_bytes(b"")
    assert str(model_path("scottish")) == "scottish"


def test_a_missing_file_is_answered_with_the_shipped_names(tmp_path):
    with pytest.raises(
        ModelError, match=r"no\.safetensors does not exist; .* shakespeare, scottish"
    ):
        load(tmp_path / "no.safetensors")


def test_a_model_of_another_kind_is_refused_by_a_domain():
    with pytest.raises(ModelError, match="is a music model, but a text model is needed"):
        load_text("scottish")


def test_what_is_not_a_model_is_refused(tmp_path):
    write_model(tmp_path / "c", ModelHeader("checkpoint", {}), {"a": torch.zeros(1)})
    with pytest.raises(ModelError, match="is a checkpoint, not a model"):
        load(tmp_path / "c")
