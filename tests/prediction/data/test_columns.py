import numpy as np
import pytest

from bowerbird.errors import TableError
from bowerbird.prediction.data.columns import Columns, read_columns


def test_each_column_is_what_all_of_its_cells_are(table):
    t = table(
        y=range(40),
        number=[0.5, None, *range(7, 45)],
        count=range(1, 41),
        date=[f"2026-01-{1 + i % 28:02}" for i in range(40)],
        kind=["red", "blue", None, "red"] * 10,
        yes=[True, False] * 20,
        name=[f"person {i}" for i in range(40)],
        same=["x"] * 40,
        gone=[None] * 40,
    )
    columns = read_columns(t, "y")
    assert columns.kinds == {
        "number": "number", "date": "date", "kind": "category", "yes": "category"
    }  # fmt: skip
    assert columns.ignored == {
        "count": "it numbers the rows",
        "name": "most rows have a text of their own",
        "same": "it is the same in every row",
        "gone": "all of its values are missing",
    }
    values = columns.values(t)
    assert np.isnan(values["number"][3])
    assert values["kind"].tolist()[:4] == ["red", "blue", "(missing)", "red"]


@pytest.mark.parametrize(
    ("name", "first", "kind"),
    [
        ("id", 0, None),
        ("Row", 1, None),
        ("id", 2, None),
        ("PassengerId", 1980, None),
        ("dose", 1, "number"),  # under another name it may be informative
        ("year", 1980, "number"),
    ],
)
def test_only_columns_named_like_counters_number_the_rows(table, name, first, kind):
    t = table(y=range(30), **{name: range(first, first + 30)}, b=[0, 1, 3] * 10)
    assert read_columns(t, "y").kinds.get(name) == kind


def test_words_for_missing_cells_are_missing_in_columns(table):
    t = table(y=range(30), a=["NA", *range(29)], b=["none", "x", "y"] * 10)
    columns = read_columns(t, "y")
    assert columns.kinds == {"a": "number", "b": "category"}
    values = columns.values(t)
    assert np.isnan(values["a"].iloc[0])
    assert values["b"].iloc[0] == "(missing)"


def test_dates_are_days_and_an_angle(table):
    t = table(y=[1, 2], when=["1970-01-02", "2026-07-01T12:00:00+02:00"])
    values = read_columns(t, "y").values(t)
    days = values["when (day)"].to_numpy()
    assert days == pytest.approx([1, np.datetime64("2026-07-01T10").astype(float) / 24])
    circle = values["when (year sine)"] ** 2 + values["when (year cosine)"] ** 2
    assert circle.to_numpy() == pytest.approx([1, 1])


def test_a_decimal_comma_is_read_where_it_can_be_one(table):
    t = table(y=[1, 2, 3], a=["1,5", "-2,25", "1e3"], comma=True)
    assert read_columns(t, "y").values(t)["a"].tolist() == [1.5, -2.25, 1000]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("tall", "'tall' in the column a, line 14"),
        ("inf", "the infinite or huge number 'inf'"),
        ("1e200", "huge"),
    ],
)
def test_a_cell_without_a_number_among_numbers_is_reported(table, cell, words):
    t = table(y=range(30), a=[*range(5, 17), cell, *range(20, 37)])
    with pytest.raises(TableError) as caught:
        read_columns(t, "y")
    assert words in str(caught.value)


def test_new_rows_that_do_not_fit_are_reported(table):
    columns = Columns({"a": "number", "d": "date"})
    good = table(a=[1, None], d=["2026-01-01", None], more=["x", "y"])
    assert columns.values(good).shape == (2, 4)
    with pytest.raises(TableError, match="'x' in the column a, line 3, where a number"):
        columns.values(table(a=[1, "x"], d=[None, None]))
    with pytest.raises(TableError, match="'2026-02-31' in the column d, line 2, where a date"):
        columns.values(table(a=[1], d=["2026-02-31"]))
    with pytest.raises(TableError, match="no column 'd'; did you mean 'D'"):
        columns.values(table(a=[1], D=["2026-02-01"]))


def test_a_table_without_usable_columns(table):
    with pytest.raises(TableError, match=r"from \(a: it is the same in every row\); --keep"):
        read_columns(table(y=[1, 2], a=[3, 3]), "y")
    with pytest.raises(TableError, match="no column to predict y from"):
        read_columns(table(y=[1, 2]), "y")


def test_keep_uses_columns_that_would_be_left_out(table):
    t = table(
        y=range(40),
        id=range(1, 41),
        name=[f"person {i}" for i in range(40)],
        same=["x"] * 40,
        five=[5] * 40,
        gone=[None] * 40,
    )
    columns = read_columns(t, "y", ["id", "name", "same", "five"])
    assert columns.kinds == {
        "id": "number", "name": "category", "same": "category", "five": "number"
    }  # fmt: skip
    assert columns.values(t)["id"].tolist() == list(range(1, 41))
    assert list(columns.ignored) == ["gone"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "no value in the column gone"),
        ("idd", "no column 'idd'; did you mean 'id'"),
        ("y", "y is the column to predict"),
    ],
)
def test_columns_that_keep_refuses(table, name, words):
    t = table(y=range(40), id=range(1, 41), a=[1, 3] * 20, gone=[None] * 40)
    with pytest.raises(TableError, match=words):
        read_columns(t, "y", [name])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["01067", "80331", "10115"], "category"),
        (["80331", "10115", "94105"], "number"),
        (["0", "1", "1"], "number"),
        (["01067", "1067", "10115"], "number"),
        (["0.125", "0.250", "0.375"], "number"),
    ],
)
def test_digits_of_one_length_with_leading_zeros_are_codes(table, cells, kind):
    columns = read_columns(table(y=range(30), plz=cells * 10), "y")
    assert columns.kinds == {"plz": kind}


def test_codes_keep_their_zeros(table):
    columns = read_columns(table(y=range(30), plz=["01067", "11067", "10115"] * 10), "y")
    assert columns.values(table(plz=["01067", "1067"]))["plz"].tolist() == ["01067", "1067"]


def test_category_makes_any_column_a_category(table):
    t = table(y=range(40), ean=range(4006381335511, 4006381335551), zip=["94105", "10001"] * 20)
    columns = read_columns(t, "y", category=["ean", "zip"])
    assert columns.kinds == {"ean": "category", "zip": "category"}
    assert columns.values(t)["zip"].tolist()[:2] == ["94105", "10001"]
    with pytest.raises(TableError, match="y is the column to predict"):
        read_columns(t, "y", category=["y"])
    with pytest.raises(TableError, match="no column 'zap'; did you mean 'zip'"):
        read_columns(t, "y", category=["zap"])
