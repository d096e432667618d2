import numpy as np
import pytest

from bowerbird.errors import TableError
from bowerbird.prediction.tabular.target import read_target, target_from


@pytest.mark.parametrize(
    ("cells", "task", "why"),
    [
        (["a", "b", "b"] * 10, "classification", "y is text with 2 different values"),
        ([True, False] * 10, "classification", "y is text"),
        ([0.5, 1.5] * 10, "classification", "two different values"),
        ([1, 2, 3] * 10, "classification", "only 3 different whole numbers"),
        (range(30), "regression", "30 different whole numbers"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10] * 2, "regression", "10 different whole numbers"),
        (np.linspace(0, 1, 30), "regression", "30 different numbers"),
        ([0.5, 1, 1.5] * 10, "regression", "3 different numbers"),
    ],
)
def test_what_is_predicted_is_decided_with_a_reason(table, cells, task, why):
    target, _, _ = read_target(table(y=cells), "y")
    assert target.task == task
    assert why in target.why
    assert target_from(target.as_json()) == target


def test_none_may_be_a_class_and_among_numbers_is_a_gap(table):
    target, kept, codes = read_target(table(y=["None", "NA", "basic", None] * 10), "y")
    assert target.classes == ("NA", "None", "basic")
    assert len(kept.frame) == len(codes) == 30
    target, kept, _ = read_target(table(y=["none", "null", *range(20)]), "y")
    assert target.task == "regression"
    assert kept.frame.index.tolist() == list(range(4, 24))
    target, kept, _ = read_target(table(y=["na", "0", "1"] * 10), "y", "classification")
    assert target.classes == ("0", "1")
    assert len(kept.frame) == 20


def test_it_can_be_told(table):
    told, _, codes = read_target(table(y=[2, 10, 1] * 5), "y", "classification")
    assert told.classes == ("1", "2", "10")  # by size, not as words
    assert codes[:3].tolist() == [1, 2, 0]
    told, _, numbers = read_target(table(y=[2, 10, 1] * 5), "y", "regression")
    assert told.classes == ()
    assert numbers[:3].tolist() == [2, 10, 1]


def test_rows_without_a_target_are_left_out(table):
    _, kept, numbers = read_target(table(y=[None, *range(12), None], a=range(14)), "y")
    assert kept.frame.index.tolist() == list(range(3, 15))
    assert numbers.tolist() == list(range(12))


@pytest.mark.parametrize(
    ("cells", "task", "words"),
    [
        ([None] * 20, "auto", "no value in the column y"),
        ([5] * 20, "auto", "'5' in every row"),
        (["a"] * 20, "auto", "'a' in every row"),
        ([1], "auto", "in every row"),
        ([1, 2.5], "auto", "2 rows with a y; 10 are needed"),
        ([f"n{i}" for i in range(20)], "auto", "20 different values of y"),
        (["a"] * 20 + ["b"], "auto", "only one row with the y b"),
        (["a", "b"] * 10, "regression", "'a' in the column y, line 2, where a number"),
        ([*range(25), "inf"], "auto", "infinite"),
        ([*range(25), "many"], "auto", "'many' in the column y, line 27"),
    ],
)
def test_what_can_not_be_predicted_is_one_sentence(table, cells, task, words):
    with pytest.raises(TableError) as told:
        read_target(table(y=cells), "y", task)
    assert words in str(told.value)


def test_a_target_that_is_not_there_lists_the_columns(table):
    with pytest.raises(TableError, match="no column 'prise'; did you mean 'price'") as told:
        read_target(table(price=[1, 2], rooms=[1, 2]), "prise")
    assert "it has price, rooms" in str(told.value)


def test_codes_with_zeros_in_front_are_classes(table):
    target, _, codes = read_target(table(y=["01067", "11067", "10115"] * 10), "y")
    assert target.classes == ("01067", "10115", "11067")
    assert target.why == "classification, because y has codes that begin with 0"
    assert codes.tolist()[:3] == [0, 2, 1]
    assert (
        read_target(table(y=["01067", "11067", "10115"] * 10), "y", "regression")[0].classes == ()
    )


def test_true_is_one_class_in_any_case(table):
    target, _, codes = read_target(table(y=["TRUE", "true", "no", "No"] * 5), "y")
    assert (target.classes, codes.tolist()[:4]) == (("no", "true"), [1, 1, 0, 0])
    target, _, _ = read_target(table(y=["A", "a", "b"] * 5), "y")
    assert target.note == "column y has A and a, which are two categories"
    with pytest.raises(TableError, match="in every row of y"):
        read_target(table(y=["True", "true"] * 10), "y")
