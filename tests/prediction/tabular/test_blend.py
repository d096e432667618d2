from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import CrossValidation, cross_validate
from bowerbird.prediction.tabular.learners.blend import train_blend
from bowerbird.prediction.tabular.learners.boosting import Trees, _trees, probabilities
from bowerbird.prediction.tabular.model import load_table_model
from bowerbird.prediction.tabular.target import read_problem

QUICK = EnsembleConfig((8,), members=4, epochs=8)


def text_table(frame):
    text = frame.astype(str).astype(object)
    return Table("t.csv", text.set_axis(range(2, len(text) + 2)), len(text))


@pytest.mark.parametrize("num_classes", [0, 2, 3])
def test_trees_as_arrays_predict_as_scikit_learn_does(num_classes):
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4))
    y = x[:, 0] * x[:, 1] + x[:, 2]
    if num_classes:
        y = np.digitize(y, np.quantile(y, np.arange(1, num_classes) / num_classes))
    kind = HistGradientBoostingClassifier if num_classes else HistGradientBoostingRegressor
    models = [kind(max_iter=12, random_state=i).fit(x[i::2], y[i::2]) for i in range(2)]
    trees = _trees(models, 12)
    new = random.normal(size=(50, 4))
    outputs = trees(new)
    for model, output in zip(models, outputs, strict=True):
        ours = probabilities(output) if num_classes else output[:, 0]
        theirs = model.predict_proba(new) if num_classes else model.predict(new)
        assert np.allclose(ours, theirs, atol=1e-9)
    again = Trees.from_tensors(trees.tensors("t."), "t.", 4)
    assert np.array_equal(again(new), outputs)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors["t.left"].zero_(),  # a path that never ends
        lambda tensors: tensors["t.right"].fill_(10**9),
        lambda tensors: tensors["t.feature"].fill_(4),
        lambda tensors: tensors["t.model"].fill_(-1),
        lambda tensors: tensors["t.value"].fill_(torch.nan),
        lambda tensors: tensors.update({"t.roots": torch.zeros(3, 3).long()}),
    ],
)
def test_damaged_trees_are_refused(change):
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 4))
    trees = _trees([HistGradientBoostingRegressor(max_iter=3).fit(x, x[:, 0])], 3)
    tensors = {name: tensor.clone() for name, tensor in trees.tensors("t.").items()}
    change(tensors)
    with pytest.raises(ValueError, match="trees are damaged"):
        Trees.from_tensors(tensors, "t.", 4)


def test_one_useful_column_of_many_is_found(tmp_path):
    """Networks alone reach an R2 of about 0.15 here."""
    random = np.random.default_rng(3)
    x = random.normal(size=(120, 100))
    y = 3 * x[:, 37] + random.normal(size=120) / 2
    frame = pd.DataFrame(x, columns=[f"f{i}" for i in range(100)]).assign(target=y)
    config = TableConfig(folds=2, ensemble=replace(QUICK, epochs=40))
    data = text_table(frame)
    report = cross_validate(data, "target", config)
    assert report.metrics["networks"]["r2"].value < 0.6
    assert report.metrics["ensemble"]["r2"].value > 0.9
    report.model.save(tmp_path / "m.safetensors")
    before = report.model.predict(data)[0]
    after = load_table_model(tmp_path / "m.safetensors").predict(data)[0]
    assert np.array_equal(before.values, after.values)
    assert np.array_equal(before.low, after.low)


def test_out_of_part_predictions_are_of_members_that_did_not_see_the_row():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(200, 5)), random.normal(size=200)
    trained = train_blend(x, y, 0, QUICK)
    members = trained.blend(x)[trained.parts, np.arange(200)]
    assert np.allclose(members, trained.out_of_part)
    assert np.corrcoef(y, trained.out_of_part)[0, 1] < 0.25  # noise can't be predicted


def test_intervals_end_where_the_target_does():
    random = np.random.default_rng(0)
    x = random.normal(size=150)
    data = text_table(pd.DataFrame({"x": x, "price": np.exp(x + random.normal(size=150))}))
    config = TableConfig(folds=2, compare=False, ensemble=QUICK)
    report = cross_validate(data, "price", config)
    assert report.target.minimum == 0
    assert report.held_out.low.min() == 0
    predictions, _ = report.model.predict(data)
    assert predictions.low.min() == 0


def notes_of(frame, target):
    config = TableConfig()
    return CrossValidation(read_problem(text_table(frame), target, config), config, "cpu").notes


def test_leaks_by_presence_and_by_sums_are_told():
    random = np.random.default_rng(0)
    left = random.random(200) < 0.3
    date = np.where(left, "2024-03-31", "")
    date[left] = [f"2024-03-{day:02}" for day in random.integers(1, 29, left.sum())]
    frame = pd.DataFrame({"age": random.integers(18, 80, 200), "ended": date})
    frame["churned"] = np.where(left, "yes", "no")
    data = text_table(frame)
    data.frame["ended"] = data.frame["ended"].replace("", np.nan)
    problem = read_problem(data, "churned", TableConfig())
    notes = CrossValidation(problem, TableConfig(), "cpu").notes
    assert notes == [
        "column ended has values only where churned is yes: is it known at prediction time?"
    ]
    parts = pd.DataFrame(random.normal(size=(200, 2)), columns=["net", "tax"])
    (note,) = notes_of(parts.assign(gross=parts.net + parts.tax), "gross")
    assert "net, tax add up to gross" in note
    noisy = parts.assign(gross=parts.net + parts.tax + random.normal(size=200) / 4)
    assert notes_of(noisy, "gross") == []
