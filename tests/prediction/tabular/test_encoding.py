import json

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bowerbird.prediction.data.columns import read_columns
from bowerbird.prediction.data.samples import read_sample
from bowerbird.prediction.tabular.encoding import MAX_CATEGORIES, Encoding, fit_encoding


def transformer(columns):
    """The same encoding in scikit-learn alone."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False
    )
    return ColumnTransformer(
        [("numbers", numbers, columns.numbers), ("categories", categories, columns.categories)]
    )


@pytest.mark.parametrize("name", ["iris", "diabetes", "cars"])
def test_it_equals_scikit_learn_on_real_tables(name):
    data = read_sample(name)
    columns = read_columns(data, data.frame.columns[-1])
    values = columns.values(data)
    fitted = transformer(columns).fit(values[::2])
    encoding = fit_encoding(columns, values[::2])
    assert np.array_equal(encoding(values), fitted.transform(values))
    assert encoding.width == encoding(values).shape[1]
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
    assert again == encoding


def test_it_equals_scikit_learn_on_missing_rare_and_unknown_values(table):
    random = np.random.default_rng(0)
    letters = [f"c{int(n)}" for n in random.exponential(9, 400)]
    assert len(set(letters)) > MAX_CATEGORIES
    numbers = random.normal(size=400).round(3).astype(object)
    numbers[::7] = None
    t = table(y=range(400), n=numbers, c=letters, d=["yes", None] * 200)
    columns = read_columns(t, "y")
    values = columns.values(t)
    fitted = transformer(columns).fit(values)
    new = values.copy()
    new.loc[2, "c"], new.loc[3, "d"] = "never seen", "perhaps"
    encoding = fit_encoding(columns, values)
    with np.errstate(all="raise"):
        x = encoding(new)
    assert np.array_equal(x, fitted.transform(new))
    assert encoding.rare[0]
    assert x[0, 2 : 2 + MAX_CATEGORIES].tolist() == [0] * (MAX_CATEGORIES - 1) + [1]
    assert x[1, -2:].tolist() == [0, 0]  # unknown, and no category is rare
    assert encoding.unknown(new) == [
        "c has the unknown category never seen in line 2",
        "d has the unknown category perhaps in line 3",
    ]
    assert encoding.unknown(values) == []
    assert x[0, 1] > 0  # marks that the number is missing


def test_an_invalid_encoding_is_refused(table):
    t = table(y=range(20), n=[*range(3, 22), 1])
    columns = read_columns(t, "y")
    values = fit_encoding(columns, columns.values(t)).to_dict()
    kinds = {**values["columns"], "kinds": {"n": "text"}}
    for wrong in ({"medians": []}, {"scales": [0.0]}, {"indicators": [4]}, {"columns": kinds}):
        with pytest.raises((ValueError, KeyError), match=r"fit its columns|text"):
            Encoding.from_dict({**values, **wrong})


def test_columns_without_a_known_format_are_read_by_each_table_alone(table):
    t = table(y=range(20), n=["1.5", "2"] * 10)
    columns = read_columns(t, "y")
    values = fit_encoding(columns, columns.values(t)).to_dict()
    values["columns"]["formats"] = {}
    known = Encoding.from_dict(values).columns
    assert known.values(table(n=["1,5"], comma=True))["n"].tolist() == [1.5]


def test_booleans_are_the_same_in_any_case_and_other_words_are_reported(table):
    t = table(y=range(20), a=["TRUE", "False"] * 10, b=["XL", "s"] * 10, c=["x", "X"] * 10)
    columns = read_columns(t, "y")
    assert columns.notes == ["column c has x and X, which are two categories"]
    encoding = fit_encoding(columns, columns.values(t))
    new = columns.values(table(a=["true", "FALSE"], b=["XL", "xl"], c=["x", "X"]))
    note = "b has the unknown category xl in line 3; the training table has XL"
    assert encoding.unknown(new) == [note]
    same = columns.values(table(a=["TRUE", "false"], b=["XL", "xl"], c=["x", "X"]))
    assert np.array_equal(encoding(new), encoding(same))


def test_a_missing_date_is_reported_once(table):
    t = table(y=range(20), when=[f"2024-01-{1 + k:02}" for k in range(20)])
    columns = read_columns(t, "y")
    encoding = fit_encoding(columns, columns.values(t))
    assert encoding.unknown(columns.values(table(when=["2024-01-01", None]))) == [
        "when is missing in line 3, and never was in training: its median is used"
    ]
