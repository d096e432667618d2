from dataclasses import asdict

import numpy as np
import pytest

from bowerbird.errors import TableError
from bowerbird.prediction.tabular.target import Target, read_target


@pytest.mark.parametrize(
    ("cells", "task", "reason"),
    [
        (["a", "b", "b"] * 10, "classification", "y is text with 2 different values"),
        ([True, False] * 10, "classification", "y is text"),
        ([0.5, 1.5] * 10, "classification", "two different values"),
        ([1, 2, 3] * 10, "classification", "only 3 different integers"),
        (range(30), "regression", "30 different integers"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10] * 2, "regression", "10 different integers"),
        (np.linspace(0, 1, 30), "regression", "30 different numbers"),
        ([0.5, 1, 1.5] * 10, "regression", "3 different numbers"),
    ],
)
def test_the_task_is_decided_with_a_reason(table, cells, task, reason):
    target, _, _ = read_target(table(y=cells), "y")
    assert target.task == task
    assert reason in target.reason
    assert Target.from_dict(asdict(target)) == target


def test_none_may_be_a_class_and_among_numbers_is_missing(table):
    target, rows, codes = read_target(table(y=["None", "NA", "basic", None] * 10), "y")
    assert target.classes == ("NA", "None", "basic")
    assert len(rows.frame) == len(codes) == 30
    target, rows, _ = read_target(table(y=["none", "null", *range(20)]), "y")
    assert target.task == "regression"
    assert rows.frame.index.tolist() == list(range(4, 24))
    target, rows, _ = read_target(table(y=["na", "0", "1"] * 10), "y", "classification")
    assert target.classes == ("0", "1")
    assert len(rows.frame) == 20


def test_the_task_can_be_set(table):
    target, _, codes = read_target(table(y=[2, 10, 1] * 5), "y", "classification")
    assert target.classes == ("1", "2", "10")  # as numbers, not as text
    assert codes[:3].tolist() == [1, 2, 0]
    target, _, numbers = read_target(table(y=[2, 10, 1] * 5), "y", "regression")
    assert target.classes == ()
    assert numbers[:3].tolist() == [2, 10, 1]


def test_rows_without_a_target_are_left_out(table):
    _, rows, numbers = read_target(table(y=[None, *range(12), None], a=range(14)), "y")
    assert rows.frame.index.tolist() == list(range(3, 15))
    assert numbers.tolist() == list(range(12))


@pytest.mark.parametrize(
    ("cells", "task", "words"),
    [
        ([None] * 20, "auto", "no value in the column y"),
        ([5] * 20, "auto", "'5' in every row"),
        (["a"] * 20, "auto", "'a' in every row"),
        ([1], "auto", "in every row"),
        ([1, 2.5], "auto", "2 rows with a y; at least 10 are needed"),
        ([f"n{i}" for i in range(20)], "auto", "20 different values of y"),
        (["a"] * 20 + ["b"], "auto", "only one row with the y b"),
        (["a", "b"] * 10, "regression", "'a' in the column y, line 2, where a number"),
        ([*range(25), "inf"], "auto", "infinite"),
        ([*range(25), "many"], "auto", "'many' in the column y, line 27"),
    ],
)
def test_targets_that_can_not_be_predicted(table, cells, task, words):
    with pytest.raises(TableError) as caught:
        read_target(table(y=cells), "y", task)
    assert words in str(caught.value)


def test_an_unknown_target_lists_the_columns(table):
    with pytest.raises(TableError, match="no column 'prise'; did you mean 'price'") as caught:
        read_target(table(price=[1, 2], rooms=[1, 2]), "prise")
    assert "it has price, rooms" in str(caught.value)


def test_codes_with_leading_zeros_are_classes(table):
    target, _, codes = read_target(table(y=["01067", "11067", "10115"] * 10), "y")
    assert target.classes == ("01067", "10115", "11067")
    assert target.reason == "classification, because y has codes that start with 0"
    assert codes.tolist()[:3] == [0, 2, 1]
    assert (
        read_target(table(y=["01067", "11067", "10115"] * 10), "y", "regression")[0].classes == ()
    )


def test_booleans_are_one_class_in_any_case(table):
    target, _, codes = read_target(table(y=["TRUE", "true", "no", "No"] * 5), "y")
    assert (target.classes, codes.tolist()[:4]) == (("no", "true"), [1, 1, 0, 0])
    target, _, _ = read_target(table(y=["A", "a", "b"] * 5), "y")
    assert target.note == "column y has A and a, which are two categories"
    with pytest.raises(TableError, match="in every row of y"):
        read_target(table(y=["True", "true"] * 10), "y")
