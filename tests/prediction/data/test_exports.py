"""Tables as programs export them: titles, totals, sentinels, identifiers."""

import numpy as np
import pandas as pd
import pytest

from bowerbird.files.delimited import write_rows
from bowerbird.prediction.data.columns import is_identifier, read_columns
from bowerbird.prediction.data.sentinels import find_sentinels
from bowerbird.prediction.data.table import read_table
from bowerbird.prediction.data.written import readable
from bowerbird.prediction.tabular.encoding import Encoding, fit_encoding
from bowerbird.prediction.tabular.target import read_target

ROWS = "".join(f"s{i},{i * 3 % 17},{i * 7 % 23}\n" for i in range(30))


@pytest.mark.parametrize(
    ("above", "below", "left_out"),
    [
        ("", "", []),
        ("Report: sales 2023,,\ngenerated 2024-01-02,,\n,,\n", "", ["Report: sales", "generated"]),
        ("Report: sales 2023\n\n", "", ["Report: sales"]),
        ("", "Total,240,330\n", ["Total"]),
        ("", "Grand total:,240,330\n", ["Grand total:"]),
        ("", "Summe,240,330\nSource: the office,,\n", ["Summe", "Source"]),
    ],
)
def test_lines_that_are_no_rows(tmp_path, above, below, left_out):
    path = tmp_path / "t.csv"
    path.write_text(f"{above}store,size,sales\n{ROWS}{below}")
    table = read_table(path)
    assert list(table.frame) == ["store", "size", "sales"]
    assert len(table.frame) == table.rows == 30
    assert len(table.notes) == len(left_out)
    for note, words in zip(table.notes, left_out, strict=True):
        assert words in note


@pytest.mark.parametrize("word", ["Total", "sum"])
def test_a_category_named_total_stays(tmp_path, word):
    path = tmp_path / "t.csv"
    path.write_text(f"kind,size\n{''.join(f'{word},{i}' + chr(10) for i in range(20))}")
    assert len(read_table(path).frame) == 20


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([*range(20), -9999], (-9999,)),
        ([*range(20), 999, 999], (999,)),
        ([*range(20), 999], ()),  # once: it may be a large number
        ([*range(20), -9999, 9999, 9999], (-9999, 9999)),
        ([*range(20), 1e20, 1e20], (1e20,)),
        ([*range(0, 20000, 400), 9999, 9999], ()),
        ([*range(80), 99, 99], ()),
        ([*range(20), 500, 500], ()),
        ([-9999] * 20, ()),
    ],
)
def test_sentinels(numbers, found):
    assert find_sentinels(pd.Series(numbers, dtype=float)) == found


def test_sentinels_are_missing_in_new_rows_too(table):
    t = table(x=[-9999, *range(30)], y=range(31))
    columns = read_columns(t, "y")
    assert "-9999 in 1 row, read as missing" in columns.notes[0]
    encoding = fit_encoding(columns, columns.values(t))
    again = Encoding.from_dict(encoding.to_dict())
    assert np.isnan(again.columns.values(table(x=["-9999"], y=[1]))["x"]).all()
    target, rows, truth = read_target(t, "x")
    assert truth.min() == 0
    assert len(rows.frame) == 30
    assert "-9999" in target.note


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        *((n, True) for n in ("PassengerId", "customerID", "user_id", "order no", "rownames")),
        *((n, False) for n in ("humid", "grid", "price", "year", "paid", "width", "valid")),
    ],
)
def test_identifiers(name, yes):
    numbers = pd.Series(np.random.default_rng(0).permutation(5000)[:50] + 0.0, name=name)
    assert is_identifier(numbers) == yes
    assert not is_identifier(pd.Series([1.0, 1.0, 2.0] * 9, name=name))
    assert not is_identifier((numbers + 0.5).rename(name))


@pytest.mark.parametrize(
    ("number", "text", "comma"),
    [
        (75660.4, "75,660", "75.660"),
        (1234567.0, "1,234,567", "1.234.567"),
        (9659.2, "9659", "9659"),
        (12.3456, "12.35", "12,35"),
        (0.00123456, "0.001235", "0,001235"),
        (-2.5, "-2.5", "-2,5"),
        (0.0, "0", "0"),
        (float("inf"), "inf", "inf"),
    ],
)
def test_numbers_for_people(number, text, comma):
    assert readable(number) == text
    assert readable(number, ",") == comma


def test_large_numbers_are_written_without_exponent(tmp_path):
    write_rows(tmp_path / "o.csv", ["a"], [[1234567.4], [75660.25], [0.000012345], [1e20]])
    lines = (tmp_path / "o.csv").read_text().split()
    assert lines == ["a", "1234567", "75660.2", "0.000012345", "1e+20"]
