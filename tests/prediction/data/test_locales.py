"""One table as many countries write it: the same numbers and days are read from each."""

import random
from datetime import date, timedelta

import pytest

from bowerbird.prediction.data.columns import read_columns
from bowerbird.prediction.data.table import read_table
from bowerbird.prediction.series.file import read_series
from bowerbird.prediction.tabular.target import read_target

RANDOM = random.Random(0)
SIZES = [RANDOM.randint(200, 9000) / 10 for _ in range(60)]
PRICES = [round(size * 1500 + RANDOM.randint(0, 60000), 2) for size in SIZES]


def plain(value):
    return f"{value:,.2f}"


def german(value):
    return plain(value).translate(str.maketrans(",.", ".,"))


def blank(value, delimiter="\u202f"):
    return german(value).replace(".", delimiter)


def point(size):
    return f"{size:.1f}"


def comma(size):
    return point(size).replace(".", ",")


# encoding, delimiter between cells, day, size, price
LOCALES = {
    "machine": ("utf-8", ",", "%Y-%m-%d", point, str),
    "United States": ("utf-8", ",", "%m/%d/%Y", point, lambda v: f'"${plain(v)}"'),
    "United States, short": ("utf-8", ",", "%m/%d/%y", point, lambda v: f'"{plain(v)}"'),
    "United Kingdom": ("cp1252", ",", "%d/%m/%Y 00:00", point, lambda v: f'"£{plain(v)}"'),
    "named months": ("utf-8", ",", "%d-%b-%y", point, lambda v: f"GBP {v:.2f}"),
    "long dates": ("utf-8", ",", '"%B %d, %Y"', point, lambda v: f'"USD {plain(v)}"'),
    "Germany": ("cp1252", ";", "%d.%m.%Y", comma, lambda v: f"{german(v)} €"),
    "Germany, with a mark": ("utf-8-sig", ";", "%d.%m.%y", comma, german),
    "Excel's Unicode text": ("utf-16", "\t", "%d.%m.%Y", comma, lambda v: f"{german(v)} €"),
    "France": ("utf-8", ";", "%d/%m/%Y", comma, lambda v: f"{blank(v)} €"),
    "France, older": ("cp1252", ";", "%d/%m/%y", comma, lambda v: blank(v, "\u00a0")),
    "Switzerland": ("utf-8", ";", "%d.%m.%Y", point, lambda v: "CHF " + plain(v).replace(",", "'")),
    "Sweden": ("utf-8", ";", "%Y-%m-%d", comma, lambda v: f"{blank(v, ' ')} kr"),
    "Poland": ("utf-8", ";", "%d.%m.%Y", comma, lambda v: f"{blank(v, ' ')} zł"),
    "Brazil": ("latin-1", ";", "%d/%m/%Y", comma, lambda v: f"R$ {german(v)}"),
    "bars": ("utf-8", "|", "%Y/%m/%d", point, lambda v: f"{v:.2f}"),
}  # fmt: skip


@pytest.mark.parametrize("place", LOCALES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_of_any_country(tmp_path, place, end):
    encoding, delimiter, form, size_of, price_of = LOCALES[place]
    days = [date(2024, 1, 20) + timedelta(k) for k in range(60)]
    lines = [
        delimiter.join([f"{day:{form}}", size_of(size), price_of(price)])
        for day, size, price in zip(days, SIZES, PRICES, strict=True)
    ]
    path = tmp_path / "t.csv"
    path.write_bytes(
        end.join([delimiter.join(["vendú", "size", "price"]), *lines]).encode(encoding)
    )
    table = read_table(path)
    target, rows, truth = read_target(table, "price")
    columns = read_columns(rows, "price")
    assert target.task == "regression"
    assert truth == pytest.approx(PRICES)
    assert columns.kinds == {"vendú": "date", "size": "number"}
    values = columns.values(rows)
    assert values["size"].to_numpy() == pytest.approx(SIZES)
    assert values["vendú (day)"].tolist() == [(day - date(1970, 1, 1)).days for day in days]
    series = read_series(path, "price")
    assert series.values == pytest.approx(PRICES)
    assert (series.frequency, series.times[0][:10]) == ("day", "2024-01-20")
