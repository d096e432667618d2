"""Times as exports write them are read, or refused; interpolated values are never scored."""

from datetime import date, timedelta

import numpy as np
import pytest

from bowerbird.errors import SeriesError
from bowerbird.prediction.series.backtest import backtest
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.file import read_series

WEEKS = [date(2019, 12, 30) + timedelta(7 * n) for n in range(110)]  # with a week 53
DAYS = [date(2023, 1, 1) + timedelta(n) for n in range(60)]


def read(tmp_path, names, rows, **asked):
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return read_series(tmp_path / "a.csv", **asked)


def refusal(tmp_path, names, rows, **asked):
    with pytest.raises(SeriesError) as error:
        read(tmp_path, names, rows, **asked)
    return str(error.value)


@pytest.mark.parametrize(
    "form", ["{0}-W{1:02}", "{0}W{1}", "{0}{1:02}", "{0} w{1:02}", "{0}-{1:02}"]
)
def test_weeks(tmp_path, form):
    weeks = [form.format(*day.isocalendar()) for day in WEEKS]
    series = read(tmp_path, ["date", "sales"], [(w, n % 7) for n, w in enumerate(weeks)])
    assert (series.frequency, len(series)) == ("week", 110)
    assert (series.times[0], series.future_time(1)) == ("2019-12-30", "2022-02-07")
    assert not series.interpolated.any()
    assert "the weeks of column date are shown by their Mondays" in series.notes


def test_a_week_that_no_year_has(tmp_path):
    weeks = [f"2024-W{n:02}" for n in range(1, 55)]
    words = refusal(tmp_path, ["week", "y"], [(w, n) for n, w in enumerate(weeks)])
    assert "column week has 2024-W53, but 2024 has no week 53; correct it" in words


def test_months_are_not_weeks(tmp_path):
    months = [f"{2018 + n // 12}{n % 12 + 1:02}" for n in range(36)]
    series = read(tmp_path, ["date", "y"], [(m, n % 5) for n, m in enumerate(months)])
    assert (series.frequency, series.future_time(1)) == ("month", "2021-01")


@pytest.mark.parametrize(
    ("names", "parts", "frequency", "future"),
    [
        (("year", "month"), lambda n: (2018 + n // 12, n % 12 + 1), "month", "2021-01"),
        (("Jahr", "Monat"), lambda n: (2018 + n // 12, f"{n % 12 + 1:02}"), "month", "2021-01"),
        (("quarter", "year"), lambda n: (n % 4 + 1, 2018 + n // 4), "quarter", "2027Q1"),
        (("year", "quarter"), lambda n: (2018 + n // 4, f"Q{n % 4 + 1}"), "quarter", "2027Q1"),
        (
            ("year", "month", "day"),
            lambda n: (DAYS[n].year, DAYS[n].month, DAYS[n].day),
            "day",
            "2023-02-06",
        ),
        (("year", "week"), lambda n: WEEKS[n].isocalendar()[:2], "week", "2020-09-07"),
    ],
)
def test_parts_in_columns_of_their_own(tmp_path, names, parts, frequency, future):
    rows = [(*parts(n), n % 5 + 100) for n in range(36)]
    series = read(tmp_path, [*names, "sales"], rows)
    assert (series.name, series.frequency, len(series)) == ("sales", frequency, 36)
    assert series.future_time(1) == future


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (lambda n: 44927 + n, "Excel's dates"),
        (lambda n: 1672531200 + 86400 * n, "seconds since 1970"),
        (lambda n: 1672531200000 + 86400000 * n, "milliseconds since 1970"),
    ],
)
def test_days_and_seconds_as_numbers(tmp_path, number, what):
    series = read(tmp_path, ["date", "y"], [(number(n), n % 4) for n in range(60)])
    assert (series.frequency, series.times[0]) == ("day", "2023-01-01")
    assert f"the numbers in column date are taken for {what}" in series.notes


def test_small_numbers_are_steps_and_years_are_years(tmp_path):
    steps = read(tmp_path, ["time", "y"], [(0.5 * n, n % 4) for n in range(60)])
    assert (steps.frequency, steps.times[1]) == ("step", "0.5")
    years = read(tmp_path, ["year", "y"], [(1950 + n, n % 4) for n in range(60)])
    assert (years.frequency, years.times[0]) == ("year", "1950")


@pytest.mark.parametrize("form", ["{0:%m-%d}", "{0:%d.%m.}", "{0:%b %d}", "{0:%d-%b}"])
def test_dates_without_a_year(tmp_path, form):
    rows = [(form.format(day), n) for n, day in enumerate(DAYS)]
    assert "a date without a year; add the years" in refusal(tmp_path, ["date", "y"], rows)


def test_several_series_in_one_file_are_named(tmp_path):
    rows = [(day, store, n % 5) for n, day in enumerate(DAYS) for store in ("A", "B")]
    words = refusal(tmp_path, ["date", "store", "sales"], rows)
    assert "2 series, one for each store (A, B); keep the rows of one store" in words
    # two measurements of a day are one series
    twice = [(day, n % 5 + half) for n, day in enumerate(DAYS) for half in (0, 1)]
    series = read(tmp_path, ["date", "sales"], twice)
    assert len(series) == 60
    assert "60 rows have the time of another and were averaged" in series.notes


@pytest.mark.parametrize("form", ["{0:%Y-%m-%d}", "{0.month}/{0.day}/{0:%y}", "{0:%d.%m.%Y}"])
def test_dates_as_columns(tmp_path, form):
    names = ["country", *(form.format(day) for day in DAYS)]
    with pytest.raises(SeriesError, match=r"are columns; transpose the table|names of its columns"):
        read(tmp_path, names, [("Austria", *range(60)), ("Chile", *range(60))])


def test_forecasts_are_scored_on_known_values_only(tmp_path):
    """Whatever stands in a gap, the scores are the same."""
    random = np.random.default_rng(0)
    values = 100 + 10 * np.sin(np.arange(120) * 2 * np.pi / 7) + random.normal(0, 1, 120)
    gap = slice(100, 108)
    days = [date(2023, 1, 1) + timedelta(n) for n in range(120)]
    rows = [(d, v) for d, v in zip(days, values, strict=True) if not 100 <= days.index(d) < 108]
    series = read(tmp_path, ["date", "y"], rows)
    assert series.interpolated.sum() == 8
    assert np.isnan(series.known_values[gap]).all()
    config = BacktestConfig(horizon=4, splits=12)
    result = backtest(series, config, ForecasterConfig(members=1))
    naive = result.metrics["naive"]
    cutoffs = result.splits.cutoffs[result.splits.first_test :]
    errors = [
        series.values[at - 1] - series.values[at + step]
        for at in cutoffs
        for step in range(4)
        if not 100 <= at + step < 108
    ]
    assert len(errors) < 4 * len(cutoffs)
    assert naive.rmse == pytest.approx(np.sqrt(np.mean(np.square(errors))))
