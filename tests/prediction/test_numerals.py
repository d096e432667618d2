"""Numbers as people write them, decided for a whole column."""

import pandas as pd
import pytest

from bowerbird.prediction.columns import Columns, read_columns
from bowerbird.prediction.encoding import encoding_from, encoding_of, transformer
from bowerbird.prediction.frames import TableError, read_table
from bowerbird.prediction.numerals import Numerals, numerals_from, numerals_of
from bowerbird.prediction.seriesfile import read_series
from bowerbird.prediction.target import read_target


def read(cells, usual=None, sign=","):
    column = pd.Series(cells, dtype=object)
    written, note = numerals_of(column, usual, sign)
    return written.floats(column).tolist(), note


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,234,567.89", "12.50", "3"], [1234567.89, 12.5, 3]),
        (["1.234.567,89", "12,50", "3"], [1234567.89, 12.5, 3]),
        (["1 234 567,89", "12,5"], [1234567.89, 12.5]),
        (["1\u00a0234,5", "9\u202f876,25"], [1234.5, 9876.25]),
        (["1'234.50", "12\u2019345.75"], [1234.5, 12345.75]),
        (["12,34,567.5", "1,00,000"], [1234567.5, 100000]),
        (["$1,234.50", "-$5.25", "$-3", "(12.00)", "($7.5)"], [1234.5, -5.25, -3, -12, -7.5]),
        (["1.234,50 €", "-3,20 €", "12 €"], [1234.5, -3.2, 12]),
        (["£3", "£1,200.99"], [3, 1200.99]),
        (["¥1,200,300", "¥5"], [1200300, 5]),
        (["USD 12.5", "USD 1,250"], [12.5, 1250]),
        (["12,5 kr", "1 250 kr"], [12.5, 1250]),
        (["R$ 1.234,56", "R$ 9,90"], [1234.56, 9.9]),
        (["CHF 1'234.50", "CHF 20"], [1234.5, 20]),
        (["12%", "3.5 %"], [12, 3.5]),
        (["12.50-", "3", "+4"], [-12.5, 3, 4]),
        (["\u22123.5", "2"], [-3.5, 2]),
        (["1,5e3", "2"], [1500, 2]),
        (["1234,567", "0,125"], [1234.567, 0.125]),
        ([",5", "-,25"], [0.5, -0.25]),
    ],
)
def test_cells_that_leave_no_doubt(cells, numbers):
    assert read(cells) == (pytest.approx(numbers), "")


@pytest.mark.parametrize(
    ("cells", "usual", "sign", "first", "why"),
    [
        (["1,234", "5,678"], None, ";", 1.234, "semicolons"),
        (["1,234", "5,678"], None, "\t", 1234, "three digits follow every comma"),
        (["1,234", "5,678"], ".", ";", 1234, "point in other columns"),
        (["1,234", "5,678"], ",", ",", 1.234, "comma in other columns"),
        (["1,234", "567", "89"], None, ";", 1234, "below 1,000 have no comma"),
        (["1,234", "5678"], None, ",", 1.234, "larger numbers have no comma"),
        (["1.234", "5.678"], ",", ";", 1234, "comma in other columns"),
        (["1.234", "5.678"], None, ";", 1.234, "a point usually begins the decimals"),
        (["1.234", "5.678"], None, "\t", 1.234, ""),
        (["1,234", "5.678"], None, "\t", 1234, "a point usually begins the decimals"),
        (["1,234", "5.678"], ".", "\t", 1234, "point in other columns"),
        (["1,234", "5.678"], ",", ";", 1.234, "comma in other columns"),
        (["1.234", "5.67"], ",", ";", 1.234, ""),
    ],
)
def test_doubt_is_settled_by_the_rest_and_told(cells, usual, sign, first, why):
    numbers, note = read(cells, usual, sign)
    assert numbers[0] == pytest.approx(first)
    assert why in note
    assert bool(note) == bool(why)


@pytest.mark.parametrize(
    "cells",
    [
        ["1-234", "2-345", "1-234"],
        ["1.2.3", "1.2.4", "1.10.3"],
        ["10.0.0.1", "192.168.0.1"],
        ["12 34", "56 78"],
        ["1,2,3", "4,5"],
        ["12:30", "08:15"],
        ["$5 $6", "$7"],
        ["$-5-", "(-5)"],
        ["5 apples", "6 pears"],
    ],
)
def test_codes_are_no_numbers(table, cells):
    assert pd.isna(read(cells)[0]).any()
    columns = read_columns(table(y=range(len(cells) * 10), a=cells * 10), "y")
    assert columns.kinds == {"a": "category"}


def test_amounts_in_two_currencies_are_no_quantity(table):
    t = table(y=range(20), a=["$5", "€5"] * 10, b=["$5", "6"] * 10)
    assert read_columns(t, "y").kinds == {"a": "category", "b": "number"}
    mixed = table(y=range(20), a=["$5"] * 19 + ["€5"])
    with pytest.raises(TableError, match="'€5' in the column a, line 21"):
        read_columns(mixed, "y")


def test_other_columns_of_the_file_settle_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("price;many;text\n" + "12,5;1.234;1.2.3\n1,25;2.345;7\n" * 10)
    table = read_table(path)
    assert table.mark == ","
    columns = read_columns(table, "text")
    assert columns.values(table)["many"].tolist()[:2] == [1234, 2345]
    assert columns.notes == [
        "in column many 1.234 was read as 1234, as decimals begin with a comma in other columns"
    ]


def test_a_target_of_money_is_a_quantity(table):
    cells = [f"${k},{k:03}.50" for k in range(1, 30)]
    target, _, wanted = read_target(table(y=cells), "y")
    assert (target.task, wanted[1], target.note) == ("regression", 2002.5, "")
    _, _, wanted = read_target(table(y=[f"{k},{k + 100}" for k in range(1, 30)]), "y")
    assert wanted[0] == 1101
    target, _, _ = read_target(table(comma=True, y=[f"{k},{k + 100}" for k in range(1, 30)]), "y")
    assert "1,101 was read as 1.101" in target.note


def test_new_rows_are_read_as_learned_unless_they_say_otherwise(table):
    old = table(y=range(20), a=["1,234.50", "7.25"] * 10, b=["$1,234", "$5"] * 10)
    columns = read_columns(old, "y")
    encoding = encoding_of(transformer(columns).fit(columns.values(old)), columns)
    known = encoding_from({**encoding.as_json()}).columns
    assert known.written["b"] == Numerals(".", ",", "$")
    new = table(comma=True, a=["1,234"], b=["$2,345"])
    assert known.values(new).loc[2].tolist() == [1234, 2345]
    assert known.differing(new) == []
    german = table(comma=True, a=["1.234,5", "2,5"], b=["$2.345,50", "$1,5"])
    assert known.values(german)["a"].tolist() == [1234.5, 2.5]
    wrong = table(a=["1,5", *["1,250"] * 19], b=["$5"] * 20)
    with pytest.raises(TableError, match="'1,5' in the column a, line 2"):
        known.values(wrong)
    plain = Columns({"a": "number"})  # a model of before it was learned
    assert plain.values(table(comma=True, a=["1,5"]))["a"].tolist() == [1.5]


def test_each_column_is_read_once(table, monkeypatch):
    """Cells that pandas does not know take microseconds each, and there may be a million."""
    old = table(y=range(20), a=["1,234.50", "7.25"] * 10, b=["$1,234", "$5"] * 10)
    read, floats = [], Numerals.floats
    monkeypatch.setattr(
        Numerals, "floats", lambda own, cells: [read.append(cells.name), floats(own, cells)][1]
    )
    columns = read_columns(old, "y")
    assert read == ["a", "b"]
    columns.values(old)
    assert read == ["a", "b"] * 2


def test_groups_that_were_not_learned_are_read_with_the_same_decimals(table):
    columns = read_columns(table(y=range(20), a=["12.5", "7.25"] * 10), "y")
    assert columns.values(table(a=["1,234.5", "3"]))["a"].tolist() == [1234.5, 3]


def test_a_form_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="decimals begin with one of"):
        numerals_from({"decimal": "x", "thousands": "", "unit": ""})


def test_values_of_a_series(tmp_path):
    path = tmp_path / "s.csv"
    rows = "".join(
        f"{1 + k % 28:02}.{1 + k // 28:02}.2023;{k + 1}.{k + 100},50 €\n" for k in range(90)
    )
    path.write_text("Tag;Umsatz\n" + rows, encoding="cp1252")
    series = read_series(path)
    assert series.values[:2].tolist() == [1100.5, 2101.5]
    assert any("Windows-1252" in note for note in series.notes)
    lines = "".join(f"{1990 + k};{k + 1},{k + 100}\n" for k in range(30))
    path.write_text("year;sales\n" + lines)
    assert any("1,100 was read as 1.1, as semicolons" in n for n in read_series(path).notes)
