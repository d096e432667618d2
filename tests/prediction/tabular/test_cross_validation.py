import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bowerbird.errors import TableError
from bowerbird.learning.step import Step
from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.tabular.config import BASELINES, EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import cross_validate, cross_validate_steps
from bowerbird.prediction.tabular.model import predictions_frame
from bowerbird.prediction.tabular.target import read_problem

QUICK = TableConfig(ensemble=EnsembleConfig((16,), members=5, epochs=40, learning_rate=0.01))


@pytest.fixture(scope="module")
def cars():
    return cross_validate(read_sample("cars"), TARGETS["cars"], QUICK)


@pytest.fixture(scope="module")
def iris():
    return cross_validate(read_sample("iris"), TARGETS["iris"], QUICK)


def test_a_table_with_gaps_categories_and_dates(cars):
    assert cars.target.task == "regression"
    assert len(cars.problem.truth) == 398  # of 406; eight have no target
    assert cars.problem.columns.kinds["Origin"] == "category"
    assert cars.problem.columns.kinds["Year"] == "date"
    assert "Name" in cars.problem.columns.ignored
    # UCI's page of this table has 0.76 to 0.82 for linear regression
    assert cars.metrics["linear"]["r2"].value == pytest.approx(0.815, abs=0.02)
    assert cars.metrics["ensemble"]["r2"].low > cars.metrics["linear"]["r2"].value
    assert abs(cars.metrics["constant"]["r2"].value) < 0.05


def test_intervals_have_the_requested_coverage_of_held_out_rows(cars):
    # a deviation of sqrt(0.9 * 0.1 / 398) = 1.5 %
    assert 0.9 - 3 * 0.015 < cars.coverage.value < 0.9 + 3 * 0.015
    held_out, truth = cars.held_out, cars.problem.truth
    assert ((held_out.low <= truth) & (truth <= held_out.high)).mean() == cars.coverage.value
    assert np.mean(held_out.high - held_out.low) == pytest.approx(cars.width)
    assert cars.width < 0.5 * 3.29 * truth.std()  # 3.29: nine tenths of a normal distribution


def test_classes(iris):
    assert iris.target.classes == ("setosa", "versicolor", "virginica")
    assert iris.metrics["ensemble"]["accuracy"].value > 0.93
    assert iris.metrics["ensemble"]["log_loss"].value < 0.3
    assert iris.coverage.value > 0.85
    assert 1 <= iris.width < 1.3
    frame = predictions_frame(iris.target, iris.held_out)
    assert list(frame) == ["species predicted", "species probability", "species possible"]
    assert frame["species possible"].str.contains("virginica").sum() >= 45


@pytest.mark.parametrize(("far", "size"), [(1e60, 1.0), (1.0, 1e100)])
def test_numbers_beyond_float32(table, far, size):
    """One input beyond float32, or targets beyond integers."""
    y = np.random.default_rng(0).normal(size=60)
    t = table(x=[far, *y[1:]], y=y * size)
    report = cross_validate(t, "y", replace(QUICK, folds=2, compare=False))
    assert np.isfinite(report.predictions["ensemble"]).all()
    assert 0.5 < report.coverage.value <= 1


def test_every_row_is_predicted_once_by_each_method(cars, iris):
    for report in (cars, iris):
        assert list(report.predictions) == ["ensemble", *BASELINES]
        for values in report.predictions.values():
            assert len(values) == len(report.problem.truth)
            assert np.isfinite(values).all()


def test_rows_are_held_out_when_they_are_predicted():
    """Noise can't be predicted, unless a row was in the training rows."""
    random = np.random.default_rng(0)
    data = read_sample("iris")
    data.frame["species"] = [f"{v:.6f}" for v in random.normal(size=150)]
    config = TableConfig(ensemble=EnsembleConfig(epochs=60, members=3), compare=False)
    report = cross_validate(data, "species", config)
    assert report.metrics["ensemble"]["r2"].value < 0.1
    assert abs(report.coverage.value - 0.9) < 0.08


def test_there_is_a_step_for_each_method_and_fold():
    config = TableConfig(folds=2, compare=False, ensemble=EnsembleConfig(members=2, epochs=2))
    steps = list(cross_validate_steps(read_problem(read_sample("iris"), "species", config), config))
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]
    assert all(isinstance(step, Step) and step.total == 5 for step in steps)
    assert [step.preview is None for step in steps] == [True] * 4 + [False]


def test_the_same_seed_gives_the_same():
    config = TableConfig(folds=2, ensemble=EnsembleConfig(members=2, epochs=3))
    first, again = (cross_validate(read_sample("iris"), "species", config) for _ in range(2))
    assert first.metrics == again.metrics
    for method, values in first.predictions.items():
        assert np.array_equal(values, again.predictions[method])


def test_classes_of_few_rows_have_fewer_folds(table):
    y = ["a"] * 20 + ["b"] * 20 + ["c"] * 2
    t = table(y=y, a=np.random.default_rng(0).normal(size=42))
    report = cross_validate(t, "y", TableConfig(ensemble=EnsembleConfig(epochs=2), compare=True))
    assert report.folds == 2
    assert report.held_out.values.shape == (42, 3)


def test_few_rows_have_infinite_intervals(table):
    random = np.random.default_rng(0)
    t = table(y=random.normal(size=12), a=random.normal(size=12))
    config = TableConfig(ensemble=EnsembleConfig(epochs=2), coverage=0.95, compare=False)
    report = cross_validate(t, "y", config)
    assert np.isinf(report.width)
    assert report.coverage.value == 1


def test_an_unknown_target_is_reported():
    with pytest.raises(TableError, match="no column 'specis'; did you mean 'species'"):
        cross_validate(read_sample("iris"), "specis", QUICK)


def test_the_target_is_not_among_the_inputs(iris):
    assert "species" not in iris.problem.columns.kinds


@pytest.mark.parametrize(
    "wrong",
    [
        {"folds": 1},
        {"coverage": 0.2},
        {"coverage": 1.0},
        {"coverage": float("nan")},
        {"max_rows": 3},
    ],
)
def test_invalid_settings(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TableConfig(**wrong)


@pytest.mark.parametrize("name", ["wine", "breast-cancer", "diabetes"])
def test_sample_tables_are_complete(name):
    data = read_sample(name)
    assert data.rows == {"wine": 178, "breast-cancer": 569, "diabetes": 442}[name]
    assert not data.frame.isna().any().any()
    assert TARGETS[name] in data.frame
    assert isinstance(data.frame, pd.DataFrame)


def test_california_says_what_to_do_without_internet(monkeypatch):
    def refuse(**_):
        raise OSError("no network")

    monkeypatch.setattr("sklearn.datasets.fetch_california_housing", refuse)
    with pytest.raises(TableError, match="california is not on this machine"):
        read_sample("california")


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [
        ("cars", 25, "there are 25 rows: each is predicted from all others"),
        ("iris", 8, "8 rows, and every fold needs one of each class"),
    ],
)
def test_there_are_fewer_folds_than_rows_allow(name, count, reason):
    data = read_sample(name)
    rows = data.frame.dropna().iloc[::6] if name == "iris" else data.frame.dropna().iloc[:25]
    data = replace(data, frame=rows)
    config = replace(QUICK, folds=1000, compare=False)
    report = cross_validate(data, TARGETS[name], config)
    assert report.folds == count
    assert report.notes[-1].startswith(f"{count} folds instead of 1000: ")
    assert reason in report.notes[-1]


def test_the_duration_of_long_work_is_reported_after_two_folds(monkeypatch):
    module = "bowerbird.prediction.tabular.cross_validation"
    monkeypatch.setattr(f"{module}.LONG", 0.0)
    seconds = itertools.count(0, 5)  # each look at the clock, however busy the machine is
    monkeypatch.setattr(f"{module}.time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    notes = [
        step.note
        for step in cross_validate_steps(read_problem(read_sample("iris"), "species", QUICK), QUICK)
    ]
    shown = {number: note for number, note in enumerate(notes, 1) if note}
    assert shown == {12: "5 folds will take about 2 minutes; a smaller --folds takes less"}


def test_leakage_is_reported():
    data = read_sample("iris")
    frame = data.frame.assign(code=data.frame["species"].str[:2])
    report = cross_validate(replace(data, frame=frame), "species", QUICK)
    note = "column code predicts species on its own: is it known at prediction time?"
    assert report.notes == [note]
