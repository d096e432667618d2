from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from bowerbird.errors import ModelError, TableError
from bowerbird.learning.model_file import ModelHeader, read_model, write_model
from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.ensemble import MembersConfig
from bowerbird.prediction.tabular.model import load_table_model
from bowerbird.prediction.tabular.study import TableConfig, study

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
    again = load_table_model(saved)
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


@pytest.fixture(scope="module")
def noisy():
    """A table whose noise grows with one column, and its model, which knows it."""
    random = np.random.default_rng(0)
    x = random.uniform(0, 2, 400)
    frame = pd.DataFrame({"x": x, "y": (0.1 + x) * random.normal(size=400)}).astype(str)
    known = Table("noisy.csv", frame.astype(object), 400)
    config = TableConfig(
        "regression", folds=2, compare=False, networks=MembersConfig((8,), members=4, epochs=60)
    )
    return known, study(known, "y", config)


def test_intervals_widen_with_the_noise_and_a_file_keeps_that(noisy, tmp_path):
    known, found = noisy
    wide = found.unseen.high - found.unseen.low
    large = found.table.frame["x"].astype(float).to_numpy() > 1
    assert wide[large].mean() > 1.7 * wide[~large].mean()  # 1.6 / 0.6 in truth
    found.model.save(tmp_path / "m.safetensors")
    before = found.model.predict(known)
    after = load_table_model(tmp_path / "m.safetensors").predict(known)
    assert np.array_equal(before.low, after.low)
    assert np.array_equal(before.high, after.high)


def test_a_file_without_a_spread_is_as_it_was(noisy, tmp_path):
    """Models that were saved before there was one have these names and no others."""
    known, found = noisy
    plain = replace(found.model, spread=None)
    plain.save(tmp_path / "m.safetensors")
    card, tensors = read_model(tmp_path / "m.safetensors")
    assert set(card.config) == {"widths", "activation", "dropout", "members", "mean", "scale"}
    own = {name for name in tensors if not name.startswith("network.")}
    assert own == {"conformal.scores", "conformal.parts"}
    opened = load_table_model(tmp_path / "m.safetensors")
    assert opened.spread is None
    assert np.array_equal(opened.predict(known).low, plain.predict(known).low)


@pytest.mark.parametrize(
    "change",
    [
        lambda told, tensors: tensors.pop("spread.layers.0.weight"),
        lambda told, tensors: tensors["spread.layers.0.bias"].fill_(torch.nan),
        lambda told, tensors: tensors.pop("conformal.relative"),
        lambda told, tensors: told["config"].pop("spread"),
        lambda told, tensors: told["config"].update(spread=7),
        lambda told, tensors: told["config"]["spread"].update(power=0.0),
        lambda told, tensors: told["config"]["spread"].update(high=1e9),
        lambda told, tensors: told["config"]["spread"].update(members=3),
        lambda told, tensors: told["config"]["spread"].update(widths=[10**9, 10**9, 1]),
    ],
)
def test_a_damaged_spread_is_one_sentence(noisy, change, tmp_path):
    path = tmp_path / "m.safetensors"
    noisy[1].model.save(path)
    spoil(path, change)
    with pytest.raises(ModelError, match="is a damaged model"):
        load_table_model(path)


def scores(tensors):
    """The name of the known scores, with a spread or without."""
    return ({"conformal.scores", "conformal.relative"} & tensors.keys()).pop()


def spoil(path, change):
    card, tensors = read_model(path)
    told = {"config": dict(card.config), "tokenizer": dict(card.tokenizer)}
    change(told, tensors)
    write_model(path, ModelHeader(card.kind, told["config"], told["tokenizer"]), tensors)


@pytest.mark.parametrize(
    "change",
    [
        lambda told, tensors: tensors.pop("network.layers.0.weight"),
        lambda told, tensors: tensors.update({"network.more": torch.ones(1)}),
        lambda told, tensors: tensors["network.layers.0.bias"].fill_(torch.nan),
        lambda told, tensors: tensors.pop(scores(tensors)),
        lambda told, tensors: tensors["conformal.parts"].fill_(9),
        lambda told, tensors: tensors[scores(tensors)].fill_(torch.inf),
        lambda told, tensors: told["config"].update(widths=[10**9, 10**9, 1]),
        lambda told, tensors: told["config"].update(members=0),
        lambda told, tensors: told["config"].update(members="many"),
        lambda told, tensors: told["config"].update(activation="exec"),
        lambda told, tensors: told["config"].pop("mean"),
        lambda told, tensors: told["config"].update(mean=10**400),
        lambda told, tensors: told["tokenizer"].pop("target"),
        lambda told, tensors: told["tokenizer"].update(target=7),
        lambda told, tensors: told["tokenizer"].update(encoding=[]),
        lambda told, tensors: told["tokenizer"]["encoding"].update(medians=["a"]),
        lambda told, tensors: told["tokenizer"]["encoding"].update(medians=[]),
        lambda told, tensors: told["tokenizer"]["target"].update(classes=["a"]),
    ],
)
def test_a_damaged_file_is_one_sentence(saved, change):
    spoil(saved, change)
    with pytest.raises(ModelError, match="is a damaged model") as told:
        load_table_model(saved)
    assert str(saved) in str(told.value)


def test_a_model_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    write_model(path, ModelHeader("text", {}), {"a": torch.ones(1)})
    with pytest.raises(ModelError, match="is a text model, but a table model is needed"):
        load_table_model(path)
