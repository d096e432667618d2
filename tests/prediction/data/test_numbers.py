"""Numbers as people write them; the format is detected for a whole column."""

import pandas as pd
import pytest

from bowerbird.errors import TableError
from bowerbird.prediction.data.columns import Columns, read_columns
from bowerbird.prediction.data.numbers import NumberFormat, detect_number_format
from bowerbird.prediction.data.table import read_table
from bowerbird.prediction.series.file import read_series
from bowerbird.prediction.tabular.encoding import Encoding, fit_encoding
from bowerbird.prediction.tabular.target import read_target


def read(cells, common=None, delimiter=","):
    column = pd.Series(cells, dtype=object)
    form, note = detect_number_format(column, common, delimiter)
    return form.parse(column).tolist(), note


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
def test_unambiguous_cells(cells, numbers):
    assert read(cells) == (pytest.approx(numbers), "")


@pytest.mark.parametrize(
    ("cells", "common", "delimiter", "first", "why"),
    [
        (["1,234", "5,678"], None, ";", 1.234, "semicolons"),
        (["1,234", "5,678"], None, "\t", 1234, "three digits follow every comma"),
        (["1,234", "5,678"], ".", ";", 1234, "other columns have a decimal point"),
        (["1,234", "5,678"], ",", ",", 1.234, "other columns have a decimal comma"),
        (["1,234", "567", "89"], None, ";", 1234, "below 1,000 have no comma"),
        (["1,234", "5678"], None, ",", 1.234, "larger numbers have no comma"),
        (["1.234", "5.678"], ",", ";", 1234, "other columns have a decimal comma"),
        (["1.234", "5.678"], None, ";", 1.234, "a decimal point is more usual"),
        (["1.234", "5.678"], None, "\t", 1.234, ""),
        (["1,234", "5.678"], None, "\t", 1234, "a decimal point is more usual"),
        (["1,234", "5.678"], ".", "\t", 1234, "other columns have a decimal point"),
        (["1,234", "5.678"], ",", ";", 1.234, "other columns have a decimal comma"),
        (["1.234", "5.67"], ",", ";", 1.234, ""),
    ],
)
def test_ambiguity_is_resolved_with_a_note(cells, common, delimiter, first, why):
    numbers, note = read(cells, common, delimiter)
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
        ["32:30", "08:15"],
        ["AB-044", "AB-045"],
        ["$5 $6", "$7"],
        ["$-5-", "(-5)"],
        ["5 apples", "6 pears"],
    ],
)
def test_codes_are_not_numbers(table, cells):
    assert pd.isna(read(cells)[0]).any()
    columns = read_columns(table(y=range(len(cells) * 10), a=cells * 10), "y")
    assert columns.kinds == {"a": "category"}


def test_amounts_in_two_currencies_are_not_one_quantity(table):
    t = table(y=range(20), a=["$5", "€5"] * 10, b=["$5", "6"] * 10)
    assert read_columns(t, "y").kinds == {"a": "category", "b": "number"}
    assert read_columns(t, "y").notes == [
        "column a has numbers in several units ($, €): they are categories"
    ]
    many = table(y=range(40), a=[f"{'€$'[k % 2]}{k}.5" for k in range(40)], b=[1, 2] * 20)
    assert read_columns(many, "y").ignored == {
        "a": "it has numbers in several units ($, €); use one unit"
    }
    with pytest.raises(TableError, match=r"has a in several units \(\$, €\)"):
        read_target(many, "a")
    mixed = table(y=range(20), a=["$5"] * 19 + ["€5"])
    with pytest.raises(TableError, match="'€5' in the column a, line 21"):
        read_columns(mixed, "y")


def test_other_columns_decide_the_decimal_mark(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("price;many;text\n" + "12,5;1.234;1.2.3\n1,25;2.345;7\n" * 10)
    table = read_table(path)
    assert table.decimal_mark == ","
    columns = read_columns(table, "text")
    assert columns.values(table)["many"].tolist()[:2] == [1234, 2345]
    assert columns.notes == [
        "in column many 1.234 was read as 1234, because other columns have a decimal comma"
    ]


def test_a_target_of_money_is_a_quantity(table):
    cells = [f"${k},{k:03}.50" for k in range(1, 30)]
    target, _, truth = read_target(table(y=cells), "y")
    assert (target.task, truth[1], target.note) == ("regression", 2002.5, "")
    _, _, truth = read_target(table(y=[f"{k},{k + 100}" for k in range(1, 30)]), "y")
    assert truth[0] == 1101
    target, _, _ = read_target(table(comma=True, y=[f"{k},{k + 100}" for k in range(1, 30)]), "y")
    assert "1,101 was read as 1.101" in target.note


def test_new_rows_are_read_as_in_training_unless_that_is_impossible(table):
    old = table(y=range(20), a=["1,234.50", "7.25"] * 10, b=["$1,234", "$5"] * 10)
    columns = read_columns(old, "y")
    encoding = fit_encoding(columns, columns.values(old))
    known = Encoding.from_dict(encoding.to_dict()).columns
    assert known.formats["b"] == NumberFormat(".", ",", "$")
    new = table(comma=True, a=["1,234"], b=["$2,345"])
    assert known.values(new).loc[2].tolist() == [1234, 2345]
    why = "as in the training table; in this file it may be another number"
    assert known.parse(new)[1] == [
        f"in column a 1,234 was read as 1234, {why}", f"in column b $2,345 was read as 2345, {why}"
    ]  # fmt: skip
    assert known.parse(table(a=["1,234"], b=["$2,345"]))[1] == []
    german = table(comma=True, a=["1.234,5", "2,5"], b=["$2.345,50", "$1,5"])
    assert known.values(german)["a"].tolist() == [1234.5, 2.5]
    wrong = table(a=["1,5", *["1,250"] * 19], b=["$5"] * 20)
    with pytest.raises(TableError, match="'1,5' in the column a, line 2"):
        known.values(wrong)
    plain = Columns({"a": "number"})  # without a known format
    assert plain.values(table(comma=True, a=["1,5"]))["a"].tolist() == [1.5]


def test_each_column_is_read_once(table, monkeypatch):
    """Cells that pandas can't parse take microseconds each, and there may be a million."""
    old = table(y=range(20), a=["1,234.50", "7.25"] * 10, b=["$1,234", "$5"] * 10)
    read, parse = [], NumberFormat.parse
    monkeypatch.setattr(
        NumberFormat, "parse", lambda own, cells: [read.append(cells.name), parse(own, cells)][1]
    )
    columns = read_columns(old, "y")
    assert read == ["a", "b"]
    columns.values(old)
    assert read == ["a", "b"] * 2


def test_digit_groups_that_are_new_are_read_with_the_same_decimal_mark(table):
    columns = read_columns(table(y=range(20), a=["12.5", "7.25"] * 10), "y")
    assert columns.values(table(a=["1,234.5", "3"]))["a"].tolist() == [1234.5, 3]


def test_an_invalid_format_is_refused():
    with pytest.raises(ValueError, match="decimal must be one of"):
        NumberFormat.from_dict(
            {"decimal": "x", "thousands": "", "unit": "", "percent_is_fraction": False}
        )


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
    assert any(
        "1,100 was read as 1.1, because files with semicolons" in n for n in read_series(path).notes
    )


def test_percentages_among_fractions_are_fractions(table):
    t = table(y=range(20), a=["50%", "0.25"] * 10, b=["50%", "25"] * 10, c=["50%", "25 %"] * 10)
    columns = read_columns(t, "y")
    assert columns.values(t).iloc[:2].to_numpy().tolist() == [[0.5, 50, 50], [0.25, 25, 25]]
    assert columns.notes == [
        "in column a percentages were read as fractions, because other cells are fractions (0.25)",
        "in column b 25 without % was read as 25 %",
    ]
    encoding = fit_encoding(columns, columns.values(t))
    known = Encoding.from_dict(encoding.to_dict()).columns
    new = table(a=["5%"], b=["0.05"], c=["5%"])
    assert known.values(new).loc[2].tolist() == [0.05, 0.05, 5]
    assert known.parse(new)[1] == [
        "in column b 0.05 without % was read as 0.05 %, as in the training table"
    ]


@pytest.mark.parametrize(
    ("cells", "numbers", "note"),
    [
        (["54 kg", "1,200.5 kg"], [54, 1200.5], "54 kg was read as 54, in kg"),
        (["-3°C", "21°C"], [-3, 21], "-3°C was read as -3, in °C"),
        (["5,5 m²", "12 m²"], [5.5, 12], "5,5 m² was read as 5.5, in m²"),
        (["12 m2", "7 m2"], [12, 7], "12 m2 was read as 12, in m2"),
        (["12.5k", "1.2M", "950"], [12500, 1.2e6, 950], "12.5k was read as 12500"),
        (["1.5M", "2M"], [1.5, 2], "1.5M was read as 1.5, in M"),
        (["14:30", "08:15"], [14.5, 8.25], "14:30 was read as 14.5, in hours"),
        (["1:20:00", "30:00:36"], [4 / 3, 30.01], "1:20:00 was read as 1.333, in hours"),
    ],
)
def test_a_unit_behind_all_numbers(table, cells, numbers, note):
    t = table(y=range(len(cells)), a=cells)
    columns = read_columns(t, "y")
    assert columns.values(t)["a"].tolist() == pytest.approx(numbers)
    assert columns.notes == [f"in column a {note}"]
    assert read_target(table(y=cells * 5), "y", "regression")[0].note == f"in column y {note}"


@pytest.mark.parametrize("cells", [["54 kg", "119 lb"], ["54 kg", "n. v."], ["25:21", "14:25"]])
def test_no_shared_unit(table, cells):
    assert read_columns(table(y=range(20), a=cells * 10), "y").kinds == {"a": "category"}


def test_only_common_units_are_reported(table):
    t = table(
        y=range(20),
        a=["1st", "2nd"] * 10,
        b=["Room 1 kg", "Room 2 lb"] * 10,
        c=["1 kg", "2 lb"] * 10,
        d=["Room 1 kg", "Room 2 kg"] * 10,
    )
    columns = read_columns(t, "y")
    assert set(columns.kinds.values()) == {"category"}
    assert columns.notes == ["column c has numbers in several units (kg, lb): they are categories"]


def test_new_rows_in_another_unit_are_refused(table):
    t = table(y=range(20), a=["54 kg", "60 kg"] * 10, b=["$5", "$6"] * 10)
    columns = read_columns(t, "y")
    assert columns.values(table(a=["55"], b=["7"])).loc[2].tolist() == [55, 7]
    with pytest.raises(TableError, match="'119 lb' in the column a, line 2, where a number in kg"):
        columns.values(table(a=["119 lb"], b=["7"]))
    with pytest.raises(TableError, match="'€7' in the column b, line 2, where a number in"):
        columns.values(table(a=["55 kg"], b=["€7"]))


def test_another_decimal_mark_than_in_training_is_reported(table):
    old = table(comma=True, y=range(20), a=["1.234,50", "7,25"] * 10)
    columns = read_columns(old, "y")
    new = table(a=["1,234.50", "7.25"])
    assert columns.values(new)["a"].tolist() == [1234.5, 7.25]
    note = "in column a numbers have a decimal point instead of a decimal comma"
    assert columns.parse(new)[1] == [note]
    assert columns.parse(old)[1] == []
