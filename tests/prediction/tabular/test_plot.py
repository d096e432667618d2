"""The plot of a report: counts of classes, names that fit, a PNG file."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bowerbird.prediction.data.samples import read_sample
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import cross_validate
from bowerbird.prediction.tabular.plot import MAX_LABELLED, _plot_confusion, plot_report


def confusion(count, rows_per_class=2, name="class {}"):
    """Plot classes of which the first row is always taken for the next class."""
    truth = np.repeat(np.arange(count), rows_per_class)
    predicted = truth.copy()
    predicted[::rows_per_class] = (predicted[::rows_per_class] + 1) % count
    report = SimpleNamespace(
        target=SimpleNamespace(name="kind", classes=[name.format(i) for i in range(count)]),
        problem=SimpleNamespace(truth=truth),
        held_out=SimpleNamespace(values=np.eye(count)[predicted]),
        metrics={"ensemble": {"accuracy": SimpleNamespace(value=0.5)}},
    )
    axes = Figure().add_subplot()
    _plot_confusion(axes, report)
    return axes


def test_true_classes_are_rows_and_predicted_ones_columns():
    axes = confusion(3, rows_per_class=4)
    written = {text.get_position(): text.get_text() for text in axes.texts}
    # (x, y): three of each class are right, one is taken for the next
    assert written == {
        **{(0, 0): "3", (1, 0): "1", (2, 0): "·"},
        **{(0, 1): "·", (1, 1): "3", (2, 1): "1"},
        **{(0, 2): "1", (1, 2): "·", (2, 2): "3"},
    }
    assert np.asarray(axes.images[0].get_array())[0] == pytest.approx([0.75, 0.25, 0])


def test_many_classes_have_no_counts_and_very_many_no_names():
    some, many = confusion(MAX_LABELLED + 1), confusion(2 * MAX_LABELLED + 1)
    assert not some.texts
    assert [label.get_text() for label in some.get_yticklabels()][-1] == f"class {MAX_LABELLED}"
    assert not any("class" in label.get_text() for label in many.get_yticklabels())


def test_a_long_name_is_cut():
    axes = confusion(2, name="a class with a very long name {}")
    assert {label.get_text() for label in axes.get_xticklabels()} == {"a class with a …"}


def test_the_report_of_classes_is_written(tmp_path):
    ensemble = EnsembleConfig((8,), members=2, epochs=3)
    config = TableConfig(folds=2, compare=False, ensemble=ensemble)
    plot_report(cross_validate(read_sample("iris"), "species", config), tmp_path / "iris.png")
    with Image.open(tmp_path / "iris.png") as picture:
        assert picture.size == (1320, 672)
