"""Columns that predict the target on their own."""

import numpy as np
import pandas as pd
import pytest

from bowerbird.prediction.data.columns import read_columns
from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.tabular.leakage import find_leakage, leakage_notes
from bowerbird.prediction.tabular.target import read_target

RANDOM = np.random.default_rng(0)
Y = RANDOM.normal(50, 10, 200).round(3)


def found(t, target="y"):
    read, rows, truth = read_target(t, target)
    columns = read_columns(rows, target)
    return find_leakage(columns, columns.values(rows), truth, len(read.classes), 0)


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer", "diabetes", "cars"])
def test_no_real_table_has_one(name):
    assert found(read_sample(name), TARGETS[name]) == []


@pytest.mark.parametrize(
    ("leak", "expected"),
    [
        (1.8 * Y + 32, True),
        (Y + RANDOM.normal(0, 0.1, 200), True),
        (Y + RANDOM.normal(0, 2, 200), False),
        ((Y - 50) ** 3, True),  # not a straight line
        (
            np.where(np.arange(200) % 40, Y, np.nan),
            False,
        ),  # five gaps, in which it predicts nothing
        (RANDOM.permutation(Y), False),
    ],
)
def test_a_number_that_predicts_a_number(table, leak, expected):
    leak = [None if np.isnan(value) else value for value in leak]
    t = table(y=Y, other=RANDOM.normal(size=200), leak=leak)
    assert found(t) == (["leak"] if expected else [])


def test_numbers_may_be_larger_than_trees_allow(table):
    leak = np.where(np.arange(200) < 100, Y, Y * 1e40)
    assert found(table(y=Y, leak=leak, other=[f"{k}e90" for k in range(200)])) == ["leak"]
    kinds = np.where(np.arange(200) < 100, "low", "high")
    assert found(table(y=kinds, leak=leak, other=[f"{k}e90" for k in range(200)])) != []


def test_a_few_large_numbers_that_fit_are_not_leakage(table):
    x = RANDOM.normal(size=100)
    far = np.where(np.arange(100) < 10, 1e4 * (1 + np.arange(100)), 0)
    assert found(table(y=x + far, leak=RANDOM.normal(size=100) + far)) == []


def test_codes_and_thresholds_that_predict_a_class(table):
    kind = RANDOM.choice(["a", "b", "c"], 200)
    code = pd.Series(kind).map({"a": 7, "b": 3, "c": 5})
    noisy = np.where(RANDOM.random(200) < 0.05, RANDOM.permutation(kind), kind)
    t = table(y=kind, code=code, word=[f"kind {k}" for k in kind], noisy=noisy, score=Y)
    assert found(t) == ["code", "word"]
    assert found(table(y=np.where(Y > 50, "yes", "no"), score=Y.round(0) + 0.25, x=kind)) == []
    grade = np.where(np.abs(Y - 50) > 1, Y, Y + np.sign(Y - 50))  # a gap at the threshold
    assert found(table(y=np.where(Y > 50, "yes", "no"), score=grade)) == ["score"]


def test_a_new_code_predicts_no_class(table):
    """Each code is there twice, so about a fifth of those of a fold are in no other."""
    codes = [f"k{k // 2}" for k in range(200)]
    assert found(table(y=["ab"[k // 2 % 2] for k in range(200)], code=codes)) == []
    often = [code[:-1] for code in codes]  # each of ten twenty times
    assert found(table(y=["ab"[k // 20 % 2] for k in range(200)], code=often)) == ["code"]


def test_a_category_that_predicts_a_number(table):
    town = RANDOM.choice(["Ayr", "Oban", "Perth"], 200)
    price = pd.Series(town).map({"Ayr": 1.25, "Oban": 7.5, "Perth": 30.75}) + Y / 1000
    assert found(table(y=price, town=town)) == ["town"]


def test_a_rare_class_is_not_predicted_by_the_others(table):
    t = table(y=["rare"] * 5 + ["usual"] * 2995, x=RANDOM.permutation(3000) % 7)
    assert found(t) == []


def test_dates_and_few_rows_are_not_reported(table):
    days = pd.date_range("2024-01-01", periods=100)
    assert found(table(y=range(1000, 1100), day=[f"{day:%Y-%m-%d}" for day in days])) == []
    assert found(table(y=[k * 1.5 for k in range(15)], x=range(3, 18))) == []


def test_the_note_is_a_question():
    note = "column a predicts y on its own: is it known at prediction time?"
    assert leakage_notes(["a"], "y") == [note]


def test_the_main_cause_is_not_leakage(table):
    many = RANDOM.integers(1, 90, 200)
    assert found(table(y=(many * 70 + RANDOM.normal(0, 50, 200)).round(2), many=many)) == []
    assert found(table(y=many * 70 + 0.5, many=many)) == ["many"]


def test_evenly_increasing_numbers_are_not_reported(table):
    y = [k * 1.5 + 7 for k in range(100)]
    assert found(table(y=y, month=range(5, 105))) == []
    assert found(table(y=RANDOM.permutation(y), z=[1, 2] * 50, x=Y[:100])) == []
