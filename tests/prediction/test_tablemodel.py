import numpy as np
import pytest
import torch

from bowerbird.learning.modelfile import Card, ModelError, read_model, write_model
from bowerbird.prediction.ensemble import MembersConfig
from bowerbird.prediction.frames import TableError
from bowerbird.prediction.samples import TARGETS, read_sample
from bowerbird.prediction.tablemodel import open_table_model
from bowerbird.prediction.tables import TableConfig, study

QUICK = TableConfig(
    folds=2, compare=False, networks=MembersConfig(hidden=(8,), members=4, epochs=10)
)


@pytest.fixture(scope="module", params=["iris", "cars"])
def learned(request):
    known = read_sample(request.param)
    return known, study(known, TARGETS[request.param], QUICK).model


@pytest.fixture
def saved(learned, tmp_path):
    path = tmp_path / "m.safetensors"
    learned[1].save(path)
    return path


def test_a_saved_model_predicts_the_same(learned, saved):
    known, model = learned
    again = open_table_model(saved)
    for coverage in (0.8, 0.9):
        before, after = model.predict(known, coverage), again.predict(known, coverage)
        assert np.array_equal(before.values, after.values)
        for part in ("low", "high", "sets"):
            assert np.array_equal(getattr(before, part), getattr(after, part))
    assert again.provenance == model.provenance
    assert after.frame().equals(before.frame())


def test_new_rows_need_no_target_and_may_have_more_columns(learned):
    known, model = learned
    new = read_sample(known.name)
    del new.frame[model.target.name]
    new.frame["more"] = "x"
    assert np.array_equal(model.predict(new).values, model.predict(known).values)
    first = next(iter(model.encoding.columns.kinds))
    del new.frame[first]
    with pytest.raises(TableError, match="has no column"):
        model.predict(new)


def test_a_higher_coverage_is_wider(learned):
    known, model = learned
    narrow, wide = model.predict(known, 0.6), model.predict(known, 0.95)
    if narrow.sets is not None:
        assert (narrow.sets <= wide.sets).all()
    else:
        assert (narrow.low >= wide.low).all()
        assert (narrow.high < wide.high).all()
    with pytest.raises(ValueError, match="coverage"):
        model.predict(known, 1.0)


def spoil(path, change):
    card, tensors = read_model(path)
    told = {"config": dict(card.config), "alphabet": dict(card.alphabet)}
    change(told, tensors)
    write_model(path, Card(card.kind, told["config"], told["alphabet"]), tensors)


@pytest.mark.parametrize(
    "change",
    [
        lambda told, tensors: tensors.pop("network.layers.0.weight"),
        lambda told, tensors: tensors.update({"network.more": torch.ones(1)}),
        lambda told, tensors: tensors["network.layers.0.bias"].fill_(torch.nan),
        lambda told, tensors: tensors.pop("conformal.scores"),
        lambda told, tensors: tensors["conformal.parts"].fill_(9),
        lambda told, tensors: tensors["conformal.scores"].fill_(torch.inf),
        lambda told, tensors: told["config"].update(widths=[10**9, 10**9, 1]),
        lambda told, tensors: told["config"].update(members=0),
        lambda told, tensors: told["config"].update(members="many"),
        lambda told, tensors: told["config"].update(activation="exec"),
        lambda told, tensors: told["config"].pop("mean"),
        lambda told, tensors: told["config"].update(mean=10**400),
        lambda told, tensors: told["alphabet"].pop("target"),
        lambda told, tensors: told["alphabet"].update(target=7),
        lambda told, tensors: told["alphabet"].update(encoding=[]),
        lambda told, tensors: told["alphabet"]["encoding"].update(medians=["a"]),
        lambda told, tensors: told["alphabet"]["encoding"].update(medians=[]),
        lambda told, tensors: told["alphabet"]["target"].update(classes=["a"]),
    ],
)
def test_a_damaged_file_is_one_sentence(saved, change):
    spoil(saved, change)
    with pytest.raises(ModelError, match="is a damaged model") as told:
        open_table_model(saved)
    assert str(saved) in str(told.value)


def test_a_model_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    write_model(path, Card("text", {}), {"a": torch.ones(1)})
    with pytest.raises(ModelError, match="kind text, and table is needed"):
        open_table_model(path)
