"""Dates in all common forms; the format is detected for a whole column."""

import pandas as pd
import pytest

from bowerbird.errors import TableError
from bowerbird.prediction.data.columns import Columns, read_columns
from bowerbird.prediction.data.dates import DateFormat, _century, detect_date_format
from bowerbird.prediction.series.file import read_series
from bowerbird.prediction.tabular.encoding import Encoding, fit_encoding

DAYS = pd.date_range("2024-01-20", periods=30, freq="D")
FORMS = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y",
    "%m/%d/%y", "%d.%m.%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d %Y", "%d-%b-%y", "%d-%b-%Y",
    "%a, %d %b %Y", "%A, %B %d, %Y", "%Y-%m-%dT%H:%M:%SZ",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("clock", ["", " %H:%M", " %H:%M:%S", ", %I:%M %p"])
def test_every_common_form(table, form, clock):
    form += "" if "%H" in form else clock
    moments = DAYS + pd.Timedelta(hours=15, minutes=30) if "%H" in form + clock or clock else DAYS
    t = table(y=range(30), when=[f"{moment:{form}}" for moment in moments])
    columns = read_columns(t, "y")
    assert columns.kinds == {"when": "date"}
    days = columns.values(t)["when (day)"]
    expected = (moments - pd.Timestamp(0)) / pd.Timedelta(days=1)
    assert days.to_numpy() == pytest.approx(expected.to_numpy())


@pytest.mark.parametrize("form", ["%Y-%m", "%b %Y", "%B-%Y"])
def test_months(table, form):
    months = pd.date_range("2020-01-01", periods=30, freq="MS")
    t = table(y=range(30), when=[f"{month:{form}}" for month in months])
    days = read_columns(t, "y").values(t)["when (day)"]
    assert days.iloc[1] - days.iloc[0] == 31


def test_days_long_ago_and_far_ahead(table):
    t = table(y=range(30), when=["9999-12-31", "0001-01-01", "2024-01-01"] * 10)
    days = read_columns(t, "y").values(t)["when (day)"]
    assert days.iloc[:3].tolist() == [2932896, -719162, 19723]


def test_an_impossible_date_is_reported_with_its_line(table):
    t = table(y=range(30), when=["2024-02-30", *(f"{day:%Y-%m-%d}" for day in DAYS[1:])])
    with pytest.raises(TableError, match="'2024-02-30' in the column when, line 2, where a date"):
        read_columns(t, "y").values(t)


@pytest.mark.parametrize(
    "cells",
    [
        ["1.10.12", "2.11.10", "1.1.3"],
        ["1.10.12", "2.11.10"],
        ["12-34-56", "99-10-20"],
        ["1034-56-78", "7732-18-50", "1200-10-00"],
        ["3-12", "4-11"],
        ["May", "June"],
        ["2024-Q5", "2024-Q2"],
    ],
)
def test_codes_and_versions_are_not_dates(table, cells):
    assert read_columns(table(y=range(20), a=cells * (20 // len(cells)) + cells[: 20 % len(cells)]),
                        "y").kinds == {"a": "category"}  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (
            [f"{1 + k % 12:02}/{1 + k % 11:02}/2024" for k in range(30)],
            "dates like 01/01/2024, and no row",
        ),
        (["31/12/2023", "12/31/2023", "01/01/2024"], "in some rows and the month in others"),
        (["13/01/2023", "2023-01-14", "15/01/2023"], "'2023-01-14' in line 3 among dates like"),
    ],
)
def test_dates_that_can_be_read_in_two_ways_are_left_out_with_the_reason(table, cells, why):
    t = table(y=range(len(cells)), when=cells, b=[k % 3 for k in range(len(cells))])
    columns = read_columns(t, "y")
    assert columns.kinds == {"b": "number"}
    assert why in columns.ignored["when"]
    assert "write" in columns.ignored["when"]
    assert read_columns(t, "y", ["when"]).kinds["when"] == "category"


def test_a_part_that_never_changes_is_the_day(table):
    cells = [f"01/{1 + k % 12:02}/{2020 + k // 12}" for k in range(30)]
    columns = read_columns(table(y=range(30), when=cells), "y")
    assert columns.formats == {"when": DateFormat("day")}
    note = "the first number in column when is taken for the day, because it never changes"
    assert columns.notes == [note]


@pytest.mark.parametrize(("first", "month"), [("day", 4), ("month", 3)])
def test_new_rows_are_read_as_in_training(table, first, month):
    form = "%d/%m/%Y" if first == "day" else "%m/%d/%Y"
    t = table(y=range(30), when=[f"{day:{form}}" for day in DAYS])
    columns = read_columns(t, "y")
    encoding = fit_encoding(columns, columns.values(t))
    known = Encoding.from_dict(encoding.to_dict()).columns
    assert known.formats == {"when": DateFormat(first)}
    days = known.values(table(when=["03/04/2024", "2024-04-03"]))["when (day)"].to_numpy()
    expected = pd.Timestamp(2024, month, 7 - month) - pd.Timestamp(0)
    assert days.tolist() == [expected.days, (pd.Timestamp("2024-04-03") - pd.Timestamp(0)).days]
    impossible = "13/25/2024" if first == "day" else "25/13/2024"
    with pytest.raises(TableError, match=f"{impossible}' in the column when, line 2, where a date"):
        known.values(table(when=[impossible]))


def test_an_ambiguous_date_without_a_known_format_is_refused(table):
    with pytest.raises(TableError, match="'03/04/2024' in the column d, line 2"):
        Columns({"d": "date"}).values(table(d=["03/04/2024"]))


def test_years_of_two_digits():
    cells = pd.Series(["31/12/68", "01/01/69"])
    moments = DateFormat("day").parse(cells)
    assert moments.dt.year.tolist() == [2068, 1969]


def test_an_invalid_format_is_refused():
    with pytest.raises(ValueError, match="day, month or empty, got 'year'"):
        DateFormat.from_dict({"first": "year", "last_year": 2068})
    assert detect_date_format(pd.Series(["x"])) is None


@pytest.mark.parametrize("form", ["%d %b %Y", "%b %d, %Y", "%d-%b-%y", "%A, %d %B %Y"])
def test_named_months_in_a_series(tmp_path, form):
    path = tmp_path / "s.csv"
    path.write_text("when\tload\n" + "".join(f"{d:{form}}\t{k}.5\n" for k, d in enumerate(DAYS)))
    series = read_series(path)
    assert (series.frequency, series.times[0], series.times[-1]) == (
        "day",
        "2024-01-20",
        "2024-02-18",
    )


@pytest.mark.parametrize(
    ("years", "last"),
    [
        (["31", "60", "99"], 2026),  # births
        (["45", "60"], 2026),
        (["24", "25", "28"], 2068),  # plans
        (["98", "05", "26"], 2068),  # all of them past either way
    ],
)
def test_a_column_of_years_of_two_digits_has_one_century(years, last):
    found, note = _century(years, 2026)
    assert found == last
    assert bool(note) == (last == 2026)


def test_births_are_not_in_the_future(table):
    columns = read_columns(table(y=range(30), born=["31.12.45", "01.06.60", "13.02.99"] * 10), "y")
    days = columns.values(table(born=["31.12.45"]))["born (day)"]
    assert days.tolist() == [(pd.Timestamp("1945-12-31") - pd.Timestamp(0)).days]
    note = "60 in column born was read as 1960, because 2060 is in the future"
    assert columns.notes == [note]
    encoding = fit_encoding(columns, columns.values(table(born=["31.12.45", "01.06.60"])))
    assert Encoding.from_dict(encoding.to_dict()).columns.formats == columns.formats


def test_quarters_are_dates(table):
    t = table(y=range(8), q=[f"{2023 + k // 4}{'-' * (k % 2)}Q{k % 4 + 1}" for k in range(8)])
    days = read_columns(t, "y").values(t)["q (day)"]
    assert days.iloc[4] == (pd.Timestamp("2024-01-01") - pd.Timestamp(0)).days
    assert days.diff().tolist()[1:4] == [90, 91, 92]
