import json

import numpy as np
import pytest

from bowerbird.prediction.data.columns import read_columns
from bowerbird.prediction.data.samples import read_sample
from bowerbird.prediction.tabular.encoding import (
    MOST_CATEGORIES,
    encoding_from,
    encoding_of,
    transformer,
)


@pytest.mark.parametrize("name", ["iris", "diabetes", "cars"])
def test_it_equals_scikit_learn_on_real_tables(name):
    known = read_sample(name)
    columns = read_columns(known, known.frame.columns[-1])
    values = columns.values(known)
    fitted = transformer(columns).fit(values[::2])
    encoding = encoding_of(fitted, columns)
    assert np.array_equal(encoding(values), fitted.transform(values))
    assert encoding.width == encoding(values).shape[1]
    again = encoding_from(json.loads(json.dumps(encoding.as_json())))
    assert again == encoding


def test_it_equals_scikit_learn_on_gaps_rare_and_unknown_categories(table):
    random = np.random.default_rng(0)
    letters = [f"c{int(n)}" for n in random.exponential(9, 400)]
    assert len(set(letters)) > MOST_CATEGORIES
    numbers = random.normal(size=400).round(3).astype(object)
    numbers[::7] = None
    t = table(y=range(400), n=numbers, c=letters, d=["yes", None] * 200)
    columns = read_columns(t, "y")
    values = columns.values(t)
    fitted = transformer(columns).fit(values)
    new = values.copy()
    new.loc[2, "c"], new.loc[3, "d"] = "never seen", "perhaps"
    encoding = encoding_of(fitted, columns)
    with np.errstate(all="raise"):
        found = encoding(new)
    assert np.array_equal(found, fitted.transform(new))
    assert encoding.rare[0]
    assert found[0, 2 : 2 + MOST_CATEGORIES].tolist() == [0] * (MOST_CATEGORIES - 1) + [1]
    assert found[1, -2:].tolist() == [0, 0]  # unknown, and none is rare
    assert encoding.unfamiliar(new) == [
        "c is of an unknown kind (never seen) in line 2",
        "d is of an unknown kind (perhaps) in line 3",
    ]
    assert encoding.unfamiliar(values) == []
    assert found[0, 1] > 0  # tells that the number is missing


def test_what_does_not_fit_is_refused(table):
    t = table(y=range(20), n=[*range(3, 22), 1])
    columns = read_columns(t, "y")
    told = encoding_of(transformer(columns).fit(columns.values(t)), columns).as_json()
    for wrong in ({"medians": []}, {"scales": [0.0]}, {"gaps": [4]}, {"columns": {"n": "text"}}):
        with pytest.raises(ValueError, match=r"fit its columns|not one of"):
            encoding_from({**told, **wrong})


def test_a_model_of_before_forms_were_learned_reads_each_table_by_itself(table):
    t = table(y=range(20), n=["1.5", "2"] * 10)
    columns = read_columns(t, "y")
    told = encoding_of(transformer(columns).fit(columns.values(t)), columns).as_json()
    del told["written"]
    old = encoding_from(told).columns
    assert old.values(table(n=["1,5"], comma=True))["n"].tolist() == [1.5]


def test_true_is_the_same_in_any_case_and_other_words_are_told(table):
    t = table(y=range(20), a=["TRUE", "False"] * 10, b=["XL", "s"] * 10, c=["x", "X"] * 10)
    columns = read_columns(t, "y")
    assert columns.notes == ["column c has x and X, which are two categories"]
    encoding = encoding_of(transformer(columns).fit(columns.values(t)), columns)
    new = columns.values(table(a=["true", "FALSE"], b=["XL", "xl"], c=["x", "X"]))
    assert encoding.unfamiliar(new) == ["b is of an unknown kind (xl) in line 3; XL was learned"]
    old = encoding.as_json()
    old["categories"] = [["False", "TRUE"], *old["categories"][1:]]
    assert np.array_equal(encoding_from(old)(new), encoding(new))


def test_a_missing_date_is_told_once(table):
    t = table(y=range(20), when=[f"2024-01-{1 + k:02}" for k in range(20)])
    columns = read_columns(t, "y")
    encoding = encoding_of(transformer(columns).fit(columns.values(t)), columns)
    assert encoding.unfamiliar(columns.values(table(when=["2024-01-01", None]))) == [
        "when is missing in line 3, as it never was: its median is taken"
    ]
