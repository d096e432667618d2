from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch

from bowerbird.errors import ModelError, TableError
from bowerbird.learning.model_file import ModelHeader, read_model, write_model
from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import cross_validate
from bowerbird.prediction.tabular.model import load_table_model, predictions_frame

QUICK = TableConfig(folds=2, compare=False, ensemble=EnsembleConfig((8,), members=4, epochs=10))


@pytest.fixture(scope="module", params=["iris", "cars"])
def trained(request):
    data = read_sample(request.param)
    return data, cross_validate(data, TARGETS[request.param], QUICK).model


@pytest.fixture
def saved(trained, tmp_path):
    path = tmp_path / "m.safetensors"
    trained[1].save(path)
    return path


def test_a_saved_model_predicts_the_same(trained, saved):
    data, model = trained
    again = load_table_model(saved)
    for coverage in (0.8, 0.9):
        before, after = model.predict(data, coverage)[0], again.predict(data, coverage)[0]
        assert np.array_equal(before.values, after.values)
        for part in ("low", "high", "sets"):
            assert np.array_equal(getattr(before, part), getattr(after, part))
    assert again.provenance == model.provenance
    frame = predictions_frame(model.target, before)
    assert predictions_frame(again.target, after).equals(frame)


def test_new_rows_need_no_target_and_may_have_more_columns(trained):
    data, model = trained
    new = read_sample(data.name)
    del new.frame[model.target.name]
    new.frame["more"] = "x"
    assert np.array_equal(model.predict(new)[0].values, model.predict(data)[0].values)
    first = next(iter(model.encoding.columns.kinds))
    del new.frame[first]
    with pytest.raises(TableError, match="has no column"):
        model.predict(new)


def test_a_higher_coverage_is_wider(trained):
    data, model = trained
    narrow, wide = model.predict(data, 0.6)[0], model.predict(data, 0.95)[0]
    if narrow.sets is not None:
        assert (narrow.sets <= wide.sets).all()
    else:
        assert (narrow.low >= wide.low).all()
        assert (narrow.high < wide.high).all()
    with pytest.raises(ValueError, match="coverage"):
        model.predict(data, 1.0)


@pytest.fixture(scope="module")
def noisy():
    """A table whose noise grows with one column, and the report on it."""
    random = np.random.default_rng(0)
    x = random.uniform(0, 2, 400)
    frame = pd.DataFrame({"x": x, "y": (0.1 + x) * random.normal(size=400)}).astype(str)
    data = Table("noisy.csv", frame.astype(object), 400)
    config = TableConfig(
        "regression", folds=2, compare=False, ensemble=EnsembleConfig((8,), members=4, epochs=60)
    )
    return data, cross_validate(data, "y", config)


def test_intervals_widen_with_the_noise_also_in_a_loaded_model(noisy, tmp_path):
    data, report = noisy
    width = report.held_out.high - report.held_out.low
    large = data.frame["x"].astype(float).to_numpy() > 1
    assert width[large].mean() > 1.7 * width[~large].mean()  # 1.6 / 0.6 in truth
    report.model.save(tmp_path / "m.safetensors")
    before = report.model.predict(data)[0]
    after = load_table_model(tmp_path / "m.safetensors").predict(data)[0]
    assert np.array_equal(before.low, after.low)
    assert np.array_equal(before.high, after.high)


def test_a_model_without_an_error_scale(noisy, tmp_path):
    data, report = noisy
    plain = replace(report.model, predictor=replace(report.model.predictor, error_scale=None))
    plain.save(tmp_path / "m.safetensors")
    header, tensors = read_model(tmp_path / "m.safetensors")
    assert set(header.config) == {"target", "encoding", "ensemble"}
    learners = ("ensemble.", "trees.", "linear.")
    others = {name for name in tensors if not name.startswith(learners)}
    assert others == {"calibration.scores", "calibration.members"}
    loaded = load_table_model(tmp_path / "m.safetensors")
    assert loaded.predictor.error_scale is None
    assert np.array_equal(loaded.predict(data)[0].low, plain.predict(data)[0].low)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, tensors: tensors.pop("error_scale.layers.0.weight"),
        lambda header, tensors: tensors["error_scale.layers.0.bias"].fill_(torch.nan),
        lambda header, tensors: tensors.pop("calibration.scores"),
        lambda header, tensors: header["config"].pop("error_scale"),
        lambda header, tensors: header["config"].update(error_scale=7),
        lambda header, tensors: header["config"]["error_scale"].update(power=0.0),
        lambda header, tensors: header["config"]["error_scale"].update(high=1e9),
        lambda header, tensors: header["config"]["error_scale"].update(members=3),
        lambda header, tensors: header["config"]["error_scale"].update(widths=[10**9, 10**9, 1]),
        lambda header, tensors: header["config"]["error_scale"].update(num_classes=1),
    ],
)
def test_a_damaged_error_scale(noisy, change, tmp_path):
    path = tmp_path / "m.safetensors"
    noisy[1].model.save(path)
    damage(path, change)
    with pytest.raises(ModelError, match="is a damaged model"):
        load_table_model(path)


def damage(path, change):
    header, tensors = read_model(path)
    values = asdict(header)
    change(values, tensors)
    write_model(path, ModelHeader(**values), tensors)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, tensors: tensors.pop("ensemble.layers.0.weight"),
        lambda header, tensors: tensors.update({"ensemble.more": torch.ones(1)}),
        lambda header, tensors: tensors["ensemble.layers.0.bias"].fill_(torch.nan),
        lambda header, tensors: tensors.pop("calibration.scores"),
        lambda header, tensors: tensors["calibration.members"].fill_(9),
        lambda header, tensors: tensors["calibration.scores"].fill_(torch.inf),
        lambda header, tensors: header["config"]["ensemble"].update(widths=[10**9, 10**9, 1]),
        lambda header, tensors: header["config"]["ensemble"].update(members=0),
        lambda header, tensors: header["config"]["ensemble"].update(members="many"),
        lambda header, tensors: header["config"]["ensemble"].update(activation="exec"),
        lambda header, tensors: header["config"]["ensemble"].pop("mean"),
        lambda header, tensors: header["config"]["ensemble"].update(mean=10**400),
        lambda header, tensors: header["config"].pop("ensemble"),
        lambda header, tensors: header["config"].pop("target"),
        lambda header, tensors: header["config"].update(target=7),
        lambda header, tensors: header["config"].update(encoding=[]),
        lambda header, tensors: header["config"]["encoding"].update(medians=["a"]),
        lambda header, tensors: header["config"]["encoding"].update(medians=[]),
        lambda header, tensors: header["config"]["encoding"]["columns"].update(formats={"x": {}}),
        lambda header, tensors: header["config"]["target"].update(classes=["a"]),
        lambda header, tensors: header["config"]["target"].update(classes=["a"] * 9),
    ],
)
def test_a_damaged_file(saved, change):
    damage(saved, change)
    with pytest.raises(ModelError, match="is a damaged model") as caught:
        load_table_model(saved)
    assert str(saved) in str(caught.value)


def test_a_model_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    write_model(path, ModelHeader("text", {}), {"a": torch.ones(1)})
    with pytest.raises(ModelError, match="is a text model, but a table model is needed"):
        load_table_model(path)
