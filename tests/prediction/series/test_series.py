"""Series from files: what is read, what is fixed and reported, what is refused."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from scipy.signal import lfilter

from bowerbird.errors import SeriesError
from bowerbird.prediction.series import file as series_file
from bowerbird.prediction.series.file import read_series, sample_series
from bowerbird.prediction.series.season import calendar_periods, find_seasonality

WAVE = 10 + 3 * np.sin(2 * np.pi * np.arange(48) / 12) + 0.01 * np.arange(48)
MONTHS = [f"{2010 + i // 12}-{i % 12 + 1:02d}" for i in range(48)]


@pytest.fixture
def write(tmp_path):
    def make(rows, header="month,sales"):
        path = tmp_path / "table.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return make


def rows():
    return [f"{month},{value:.4f}" for month, value in zip(MONTHS, WAVE, strict=True)]


def test_reads_months(write):
    series = read_series(write(rows()), "sales")
    np.testing.assert_allclose(series.values, WAVE, atol=1e-4)
    assert (series.frequency, series.times[0], series.future_time(1)) == (
        "month",
        "2010-01",
        "2014-01",
    )
    assert series.notes == []


def test_the_only_column_of_numbers_needs_no_name(write):
    assert read_series(write(rows())).name == "sales"


def test_semicolons_and_no_dates(write):
    series = read_series(write([f"x;{v}" for v in WAVE], "kind;load"), "load")
    assert series.frequency == "step"
    assert "no column of dates" in series.notes[0]


def test_missing_values_are_interpolated_and_reported(write):
    lines = rows()
    lines[20], lines[21] = f"{MONTHS[20]},", f"{MONTHS[21]},NA"
    series = read_series(write(lines))
    assert series.notes == ["2 missing values were interpolated (longest gap: 2)"]
    step = (series.values[22] - series.values[19]) / 3
    np.testing.assert_allclose(series.values[20:22], series.values[19] + step * np.array([1, 2]))


def test_missing_months_are_interpolated_and_reported(write):
    lines = rows()
    del lines[20:23]
    series = read_series(write(lines))
    assert len(series) == 48
    assert any("3 times are missing" in note for note in series.notes)


def test_unsorted_and_duplicate_rows_are_reported(write):
    lines = rows()
    lines = [*reversed(lines), f"{MONTHS[0]},{WAVE[0] + 2:.4f}"]
    series = read_series(write(lines))
    assert series.values[0] == pytest.approx(WAVE[0] + 1, abs=1e-4)
    np.testing.assert_allclose(series.values[1:], WAVE[1:], atol=1e-4)
    assert any("sorted" in note for note in series.notes)
    assert any("averaged" in note for note in series.notes)


def test_a_column_of_names_is_not_parsed_as_dates(write, monkeypatch):
    parsed, original = [], series_file.parse_dates
    monkeypatch.setattr(
        series_file, "parse_dates", lambda words: [parsed.append(len(words)), original(words)][1]
    )
    lines = [f"site {k},2024-{1 + k // 28:02}-{1 + k % 28:02},{k}.5" for k in range(56)]
    assert read_series(write(lines, "name,when,load")).times[0] == "2024-01-01"
    assert parsed == [1, 1, 56]


def test_irregular_times_are_reported(write):
    hours = np.arange(48.0)
    hours[[10, 30]] += 0.3
    series = read_series(write([f"{h},{v}" for h, v in zip(hours, WAVE, strict=True)], "time,load"))
    assert "2 times are irregular" in series.notes[0]


def test_weeks_days_and_working_days(write):
    days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    lines = [f"{day},{i % 7}.5" for i, day in enumerate(days)]
    assert read_series(write(lines, "date,load")).frequency == "day"
    weeks = [f"{day},{i}.5" for i, day in enumerate(days[::7])]
    assert read_series(write(weeks, "date,load")).frequency == "week"
    working = [line for line, day in zip(lines, days, strict=True) if np.is_busday(day)]
    series = read_series(write(working, "date,load"))
    assert (series.frequency, series.future_time(1), series.notes) == (
        "working day",
        "2024-03-01",
        [],
    )


@pytest.mark.parametrize(
    ("place", "line", "words"),
    [
        (7, f"{MONTHS[7]},many", ["sales", "'many'", "line 9"]),
        (7, f"{MONTHS[7]},inf", ["infinite", "line 9"]),
        (7, "sometime,3", ["month", "'sometime'", "line 9"]),
        (7, ",3", ["month", "no date", "line 9"]),
        (7, f"{MONTHS[7]},3,4", ["line 9", "3 cells"]),
    ],
)
def test_an_invalid_cell_is_named(write, place, line, words):
    lines = rows()
    lines[place] = line
    with pytest.raises(SeriesError) as error:
        read_series(write(lines), "sales")
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("lines", "header", "target", "words"),
    [
        (rows(), "month,sales", "price", "it has month, sales"),
        (rows(), "2009-12,3", "sales", "names of its columns"),
        (["2010-01,3"], "month,sales", "sales", "1 row"),
        ([f"{month},5" for month in MONTHS], "month,sales", "sales", "constant"),
        ([f"{m},{'' if i % 3 else i}" for i, m in enumerate(MONTHS)], "month,sales", None, "miss"),
        (rows(), "sales,sales", "sales", "2 columns named sales"),
        (["1,2"] * 5, "a,b", None, "one of a, b"),
    ],
)  # fmt: skip
def test_an_invalid_table_is_refused(write, lines, header, target, words):
    with pytest.raises(SeriesError, match=words):
        read_series(write(lines, header), target)


def test_an_empty_file_and_a_binary_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"")
    with pytest.raises(SeriesError, match="empty"):
        read_series(path, "a")
    path.write_bytes(b"a,b\n\x00,1\n")
    with pytest.raises(SeriesError, match="not a text file"):
        read_series(path, "a")


@pytest.mark.parametrize(
    ("name", "count", "step", "periods"),
    [
        ("sunspots", 309, "year", {10, 11}),
        ("co2", 526, "month", {12}),
        ("electricity", 4032, "30 minutes", {336}),
    ],
)
def test_sample_series(name, count, step, periods):
    series = sample_series(name)
    assert (len(series), series.frequency) == (count, step)
    assert find_seasonality(series.values, step).period in periods


def filtered(random, count, past):
    """Return an autoregression of one past value, without its first 200 values."""
    return lfilter([1.0], [1.0, -past], random.normal(size=count + 200))[200:]


@pytest.mark.parametrize("past", [0.0, 0.5, 0.9, 1.0, -0.5])
@pytest.mark.parametrize("step", ["month", "step"])
def test_autocorrelated_noise_and_a_random_walk_have_no_seasonality(past, step):
    random = np.random.default_rng(0)
    found = [find_seasonality(filtered(random, 200, past), step).period > 1 for _ in range(100)]
    # two tests at 0.01 and cycles beyond three errors; 6 of 100 has p = 0.02 at a rate of 0.02
    assert np.sum(found) < 6


def test_too_few_values_have_no_seasonality():
    assert find_seasonality(np.arange(5.0)).period == 1


@pytest.mark.parametrize("level", [0.0, 7.3, 1e150])
def test_a_constant_has_no_seasonality(level):
    assert find_seasonality(np.full(100, level)).period == 1


@pytest.mark.parametrize("size", [1e-120, 1.0, 1e149])
def test_the_amplitude_does_not_matter(size):
    noise = np.random.default_rng(0).normal(0, 0.3, 120)
    values = np.sin(2 * np.pi * np.arange(120) / 12) + noise
    assert find_seasonality(values * size).period == 12


def test_el_nino_has_a_period_of_one_year_not_four():
    from statsmodels.datasets import elnino  # noqa: PLC0415 - takes a second

    months = elnino.load_pandas().data.iloc[:, 1:].to_numpy(float).ravel()
    assert find_seasonality(months, "month").period == 12
    assert find_seasonality(months).period == 12


@pytest.mark.parametrize("season", [4, 7, 12, 24])
@pytest.mark.parametrize("past", [0.0, 0.5, 1.0])
def test_the_period_and_no_multiple_of_it_is_detected(season, past):
    random = np.random.default_rng(season)
    right = []
    for _ in range(20):
        shape = random.normal(size=season)
        noise = filtered(random, 15 * season, past) * (0.4 if past == 1 else 0.8)
        right.append(find_seasonality(np.tile(shape / shape.std(), 15) + noise).period == season)
    assert np.mean(right) >= 0.9


@pytest.mark.parametrize(("weekly", "season"), [(0.0, 24), (0.6, 168)])
def test_a_multiple_is_chosen_if_it_fits_better(weekly, season):
    random, at = np.random.default_rng(3), np.arange(24 * 7 * 8)
    day, week = random.normal(size=24), random.normal(size=7) * weekly
    noise = filtered(random, len(at), 0.5) * 0.5
    assert find_seasonality(day[at % 24] + week[at // 24 % 7] + noise, "hour").period == season


@pytest.mark.parametrize(
    ("step", "periods"),
    [
        ("month", {12}),
        ("day", {7, 365}),
        ("30 minutes", {48, 336, 17532}),
        ("2 days", {183}),
        ("week", {52}),
        ("year", set()),
        ("step", set()),
    ],
)
def test_periods_of_the_calendar(step, periods):
    assert calendar_periods(step) == periods


def test_a_period_is_detected_below_trend_and_noise():
    at = np.arange(400)
    random = np.random.default_rng(1)
    values = np.sin(2 * np.pi * at / 23) + 0.05 * at + 1e-4 * at**2 + random.normal(0, 0.3, 400)
    assert find_seasonality(values).period == 23
    assert find_seasonality(values, "month").period == 23


def test_a_period_longer_than_half_is_refused():
    with pytest.raises(SeriesError, match="longer than half"):
        find_seasonality(WAVE, period=25)


@pytest.mark.parametrize(
    ("day", "step", "count"),
    [("D", 1, 120), ("D", 7, 104)],
)
@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d-%m-%Y 06:00", "%Y/%m/%d"])
def test_the_format_of_a_whole_column_is_detected(write, day, step, count, form):
    days = [date(2023, 1, 2) + timedelta(step * k) for k in range(count)]
    lines = [f"{one:{form}},{k}.5" for k, one in enumerate(days)]
    series = read_series(write(lines, "date,load"))
    np.testing.assert_array_equal(series.values, np.arange(count) + 0.5)
    assert series.times[0][:10] == "2023-01-02"
    assert series.times[-1][:10] == str(days[-1])
    assert series.notes == []


@pytest.mark.parametrize(
    ("step", "frequency", "last"),
    [
        (0.01, "0.01 s", "2024-05-06 07:08:00.990000"),
        (0.5, "0.5 s", "2024-05-06 07:08:49.500000"),
        (1, "1 s", "2024-05-06 07:09:39"),
        (90, "1.5 minutes", "2024-05-06 09:36:30"),
        (600, "10 minutes", "2024-05-06 23:38"),
    ],
)
def test_close_times_remain_different(write, step, frequency, last):
    times = [datetime(2024, 5, 6, 7, 8) + timedelta(seconds=step * k) for k in range(100)]
    series = read_series(write([f"{at.isoformat()},{k}.5" for k, at in enumerate(times)], "t,v"))
    np.testing.assert_array_equal(series.values, np.arange(100) + 0.5)
    assert (series.frequency, series.times[-1], series.notes) == (frequency, last, [])
    assert len({*series.times, *series.future_times}) == len(series.times) + len(
        series.future_times
    )


@pytest.mark.parametrize(("form", "which"), [("%d/%m/%Y", "first"), ("%m/%d/%Y", "second")])
def test_months_whose_day_never_changes_are_read_and_reported(write, form, which):
    days = [date(2010 + k // 12, 1 + k % 12, 1) for k in range(60)]
    series = read_series(write([f"{one:{form}},{k}.5" for k, one in enumerate(days)], "date,load"))
    assert (series.frequency, series.times[-1], len(series)) == ("month", "2014-12", 60)
    note = f"the {which} number in column date is taken for the day, because it never changes"
    assert series.notes == [note]


def test_years_are_read_whichever_number_is_the_month(write):
    series = read_series(write([f"01/02/{1950 + k},{k}.5" for k in range(40)], "date,load"))
    assert (series.frequency, series.times[-1], series.notes) == ("year", "1989", [])


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ([f"{1 + k // 24:02}/03/2024 {k % 24:02}:00" for k in range(240)], "no row shows"),
        (["01/02/2023", "02/03/2023", "03/04/2023"], "no row shows"),
        (["31/12/2023", "12/31/2023", "01/01/2024"], "in some rows"),
        (["13/01/2023", "2023-01-14", "15/01/2023"], "'2023-01-14' in line 3"),
        (["2023-01-01", "2023-13-01", "2023-01-03"], "'2023-13-01' in line 3"),
    ],
)
def test_ambiguous_dates_are_refused(write, dates, words):
    with pytest.raises(SeriesError, match=words):
        read_series(write([f"{d},{k}.5" for k, d in enumerate(dates)], "date,load"), "load")


def test_lines_are_those_of_the_file_although_cells_have_line_breaks(write):
    lines = rows()
    lines[3] = f'{MONTHS[3]},{WAVE[3]:.4f},"said\nin two lines"'
    lines.insert(5, "")
    assert len(read_series(write([*lines], "month,sales,note"), "sales")) == 48
    lines[20] = f"{MONTHS[19]},many"
    with pytest.raises(SeriesError, match="'many' in the column sales, line 23"):
        read_series(write(lines, "month,sales,note"), "sales")


def test_decimals_may_begin_with_a_comma_that_is_no_delimiter(tmp_path):
    rows = "".join(
        f"{day:02}.{month:02}.2023;{day},5\n" for month in (1, 2) for day in range(1, 29)
    )
    (tmp_path / "s.csv").write_text("Tag;Umsatz\n" + rows)
    series = read_series(tmp_path / "s.csv", "Umsatz")
    assert series.values[:3].tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("form", ["{}Q{}", "{}-Q{}", "{} q{}"])
def test_quarters(write, form):
    lines = [f"{form.format(2010 + k // 4, 1 + k % 4)},{k}.5" for k in range(40)]
    series = read_series(write(lines, "when,load"))
    assert (series.frequency, series.times[0], series.times[-1]) == ("quarter", "2010Q1", "2019Q4")


@pytest.mark.parametrize(
    ("offset", "first"), [("+01:00", "00:00"), ("-0530", "00:00"), ("Z", "00:00"), ("+02", "00:00")]
)
def test_the_local_time_of_a_file_is_kept(write, offset, first):
    rows = [f"2024-03-28T{k % 24:02}:00:00{offset},{k}" for k in range(24)]
    series = read_series(write(rows, header="date,y"))
    assert series.times[0] == f"2024-03-28 {first}"
    assert series.future_time(1) == "2024-03-29 00:00"
    assert not series.notes


def test_times_of_changing_offsets_are_in_utc_and_reported(write):
    rows = [f"2024-03-31T{k:02}:00:00+0{1 if k < 2 else 2}:00,{k}" for k in (0, 1, 3, 4, 5, 6)]
    series = read_series(write(rows, header="date,y"))
    assert series.times[:3] == ["2024-03-30 23:00", "2024-03-31 00:00", "2024-03-31 01:00"]
    assert "shown in UTC" in series.notes[0]


@pytest.mark.parametrize(("column", "by", "step"), [("year", 1, "year"), ("Jahr", 10, "10 years"),
                                                    ("place", 1, "step")])  # fmt: skip
def test_a_column_of_years_has_years(write, column, by, step):
    rows = [f"{1950 + by * k},{k % 7}" for k in range(20)]
    series = read_series(write(rows, header=f"{column},y"), "y", column)
    assert (series.frequency, series.times[0], series.future_time(1)) == (
        step,
        "1950",
        str(1950 + 20 * by),
    )
