"""Series from files: what is read, what is mended and said, what is refused in one sentence."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from scipy.signal import lfilter

from bowerbird.errors import SeriesError
from bowerbird.prediction.series import file as seriesfile
from bowerbird.prediction.series.file import known_series, read_series
from bowerbird.prediction.series.season import calendar_seasons, find_season, told_season

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
    assert (series.step, series.times[0], series.moment(1)) == ("month", "2010-01", "2014-01")
    assert series.notes == []


def test_the_only_column_of_numbers_needs_no_name(write):
    assert read_series(write(rows())).name == "sales"


def test_semicolons_and_no_dates(write):
    series = read_series(write([f"x;{v}" for v in WAVE], "kind;load"), "load")
    assert series.step == "step"
    assert "no column of dates" in series.notes[0]


def test_what_is_missing_in_the_middle_is_interpolated_and_said(write):
    lines = rows()
    lines[20], lines[21] = f"{MONTHS[20]},", f"{MONTHS[21]},NA"
    series = read_series(write(lines))
    assert series.notes == ["2 missing values were interpolated (longest gap: 2)"]
    step = (series.values[22] - series.values[19]) / 3
    np.testing.assert_allclose(series.values[20:22], series.values[19] + step * np.array([1, 2]))


def test_months_that_are_not_there_are_interpolated_and_said(write):
    lines = rows()
    del lines[20:23]
    series = read_series(write(lines))
    assert len(series) == 48
    assert any("3 moments are not in it" in note for note in series.notes)


def test_unsorted_and_twice_is_said(write):
    lines = rows()
    lines = [*reversed(lines), f"{MONTHS[0]},{WAVE[0] + 2:.4f}"]
    series = read_series(write(lines))
    assert series.values[0] == pytest.approx(WAVE[0] + 1, abs=1e-4)
    np.testing.assert_allclose(series.values[1:], WAVE[1:], atol=1e-4)
    assert any("sorted" in note for note in series.notes)
    assert any("mean" in note for note in series.notes)


def test_dates_are_not_looked_for_in_a_whole_column_of_names(write, monkeypatch):
    looked, real = [], seriesfile.dates_of
    monkeypatch.setattr(
        seriesfile, "dates_of", lambda words: [looked.append(len(words)), real(words)][1]
    )
    lines = [f"site {k},2024-{1 + k // 28:02}-{1 + k % 28:02},{k}.5" for k in range(56)]
    assert read_series(write(lines, "name,when,load")).times[0] == "2024-01-01"
    assert looked == [1, 1, 56]


def test_irregular_moments_are_said(write):
    hours = np.arange(48.0)
    hours[[10, 30]] += 0.3
    series = read_series(write([f"{h},{v}" for h, v in zip(hours, WAVE, strict=True)], "time,load"))
    assert "2 moments lie unevenly" in series.notes[0]


def test_weeks_days_and_working_days(write):
    days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    lines = [f"{day},{i % 7}.5" for i, day in enumerate(days)]
    assert read_series(write(lines, "date,load")).step == "day"
    weeks = [f"{day},{i}.5" for i, day in enumerate(days[::7])]
    assert read_series(write(weeks, "date,load")).step == "week"
    working = [line for line, day in zip(lines, days, strict=True) if np.is_busday(day)]
    series = read_series(write(working, "date,load"))
    assert (series.step, series.moment(1), series.notes) == ("working day", "2024-03-01", [])


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
def test_a_bad_cell_is_named(write, place, line, words):
    lines = rows()
    lines[place] = line
    with pytest.raises(SeriesError) as told:
        read_series(write(lines), "sales")
    assert all(word in str(told.value) for word in words)


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
def test_a_bad_table_is_refused(write, lines, header, target, words):
    with pytest.raises(SeriesError, match=words):
        read_series(write(lines, header), target)


def test_an_empty_file_and_one_that_is_no_text(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"")
    with pytest.raises(SeriesError, match="empty"):
        read_series(path, "a")
    path.write_bytes(b"a,b\n\x00,1\n")
    with pytest.raises(SeriesError, match="not a text file"):
        read_series(path, "a")


@pytest.mark.parametrize(
    ("name", "count", "step", "season"),
    [
        ("sunspots", 309, "year", {10, 11}),
        ("co2", 526, "month", {12}),
        ("electricity", 4032, "30 minutes", {336}),
    ],
)
def test_series_that_come_along(name, count, step, season):
    series = known_series(name)
    assert (len(series), series.step) == (count, step)
    assert find_season(series.values, step).steps in season


def filtered(random, count, past):
    """Autoregression of one past value, after 200 that are left out."""
    return lfilter([1.0], [1.0, -past], random.normal(size=count + 200))[200:]


@pytest.mark.parametrize("past", [0.0, 0.5, 0.9, 1.0, -0.5])
@pytest.mark.parametrize("step", ["month", "step"])
def test_no_season_in_noise_that_remembers_nor_in_a_random_walk(past, step):
    random = np.random.default_rng(0)
    found = [find_season(filtered(random, 200, past), step).steps > 1 for _ in range(100)]
    # two tests at 0.01 and cycles beyond three deviations; 6 of 100 has p = 0.02 at a rate of 0.02
    assert np.sum(found) < 6


def test_too_few_values_have_no_season():
    assert find_season(np.arange(5.0)).steps == 1


@pytest.mark.parametrize("level", [0.0, 7.3, 1e150])
def test_what_has_not_moved_yet_has_no_season(level):
    assert find_season(np.full(100, level)).steps == 1


@pytest.mark.parametrize("size", [1e-120, 1.0, 1e149])
def test_the_size_of_a_season_does_not_matter(size):
    noise = np.random.default_rng(0).normal(0, 0.3, 120)
    values = np.sin(2 * np.pi * np.arange(120) / 12) + noise
    assert find_season(values * size).steps == 12


def test_el_nino_has_a_year_and_not_four():
    from statsmodels.datasets import elnino  # noqa: PLC0415 - takes a second

    months = elnino.load_pandas().data.iloc[:, 1:].to_numpy(float).ravel()
    assert find_season(months, "month").steps == 12
    assert find_season(months).steps == 12


@pytest.mark.parametrize("season", [4, 7, 12, 24])
@pytest.mark.parametrize("past", [0.0, 0.5, 1.0])
def test_the_season_and_no_multiple_of_it_is_found(season, past):
    random = np.random.default_rng(season)
    right = []
    for _ in range(20):
        shape = random.normal(size=season)
        noise = filtered(random, 15 * season, past) * (0.4 if past == 1 else 0.8)
        right.append(find_season(np.tile(shape / shape.std(), 15) + noise).steps == season)
    assert np.mean(right) >= 0.9


@pytest.mark.parametrize(("weekly", "season"), [(0.0, 24), (0.6, 168)])
def test_a_multiple_is_taken_where_it_tells_more(weekly, season):
    random, at = np.random.default_rng(3), np.arange(24 * 7 * 8)
    day, week = random.normal(size=24), random.normal(size=7) * weekly
    noise = filtered(random, len(at), 0.5) * 0.5
    assert find_season(day[at % 24] + week[at // 24 % 7] + noise, "hour").steps == season


@pytest.mark.parametrize(
    ("step", "seasons"),
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
def test_seasons_of_the_calendar(step, seasons):
    assert calendar_seasons(step) == seasons


def test_a_season_is_found_below_trend_and_noise():
    at = np.arange(400)
    random = np.random.default_rng(1)
    values = np.sin(2 * np.pi * at / 23) + 0.05 * at + 1e-4 * at**2 + random.normal(0, 0.3, 400)
    assert find_season(values).steps == 23
    assert find_season(values, "month").steps == 23


def test_a_season_longer_than_half_is_refused():
    with pytest.raises(SeriesError, match="longer than half"):
        told_season(WAVE, 25)


@pytest.mark.parametrize(
    ("day", "step", "count"),
    [("D", 1, 120), ("D", 7, 104)],
)
@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d-%m-%Y 06:00", "%Y/%m/%d"])
def test_one_form_is_read_for_the_whole_column(write, day, step, count, form):
    days = [date(2023, 1, 2) + timedelta(step * k) for k in range(count)]
    lines = [f"{one:{form}},{k}.5" for k, one in enumerate(days)]
    series = read_series(write(lines, "date,load"))
    np.testing.assert_array_equal(series.values, np.arange(count) + 0.5)
    assert series.times[0][:10] == "2023-01-02"
    assert series.times[-1][:10] == str(days[-1])
    assert series.notes == []


@pytest.mark.parametrize(
    ("step", "said", "last"),
    [
        (0.01, "0.01 s", "2024-05-06 07:08:00.990000"),
        (0.5, "0.5 s", "2024-05-06 07:08:49.500000"),
        (1, "1 s", "2024-05-06 07:09:39"),
        (90, "1.5 minutes", "2024-05-06 09:36:30"),
        (600, "10 minutes", "2024-05-06 23:38"),
    ],
)
def test_moments_that_lie_near_each_other_stay_apart(write, step, said, last):
    moments = [datetime(2024, 5, 6, 7, 8) + timedelta(seconds=step * k) for k in range(100)]
    series = read_series(write([f"{at.isoformat()},{k}.5" for k, at in enumerate(moments)], "t,v"))
    np.testing.assert_array_equal(series.values, np.arange(100) + 0.5)
    assert (series.step, series.times[-1], series.notes) == (said, last, [])
    assert len({*series.times, *series.ahead}) == len(series.times) + len(series.ahead)


@pytest.mark.parametrize(("form", "which"), [("%d/%m/%Y", "first"), ("%m/%d/%Y", "second")])
def test_months_whose_day_never_changes_are_read_and_said(write, form, which):
    days = [date(2010 + k // 12, 1 + k % 12, 1) for k in range(60)]
    series = read_series(write([f"{one:{form}},{k}.5" for k, one in enumerate(days)], "date,load"))
    assert (series.step, series.times[-1], len(series)) == ("month", "2014-12", 60)
    note = f"the {which} number in column date is taken for the day, because it never changes"
    assert series.notes == [note]


def test_years_are_read_whichever_number_is_the_month(write):
    series = read_series(write([f"01/02/{1950 + k},{k}.5" for k in range(40)], "date,load"))
    assert (series.step, series.times[-1], series.notes) == ("year", "1989", [])


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
def test_dates_that_can_be_read_two_ways_are_refused(write, dates, words):
    with pytest.raises(SeriesError, match=words):
        read_series(write([f"{d},{k}.5" for k, d in enumerate(dates)], "date,load"), "load")


def test_rows_are_lines_of_the_file_and_cells_may_hold_line_breaks(write):
    lines = rows()
    lines[3] = f'{MONTHS[3]},{WAVE[3]:.4f},"said\nin two lines"'
    lines.insert(5, "")
    assert len(read_series(write([*lines], "month,sales,note"), "sales")) == 48
    lines[20] = f"{MONTHS[19]},many"
    with pytest.raises(SeriesError, match="'many' in the column sales, line 23"):
        read_series(write(lines, "month,sales,note"), "sales")


def test_decimals_may_begin_with_a_comma_where_it_parts_no_cells(tmp_path):
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
    assert (series.step, series.times[0], series.times[-1]) == ("quarter", "2010Q1", "2019Q4")


@pytest.mark.parametrize(
    ("offset", "first"), [("+01:00", "00:00"), ("-0530", "00:00"), ("Z", "00:00"), ("+02", "00:00")]
)
def test_the_clock_of_a_file_is_kept(write, offset, first):
    rows = [f"2024-03-28T{k % 24:02}:00:00{offset},{k}" for k in range(24)]
    found = read_series(write(rows, header="date,y"))
    assert found.times[0] == f"2024-03-28 {first}"
    assert found.moment(1) == "2024-03-29 00:00"
    assert not found.notes


def test_where_the_offset_changes_moments_are_utc_and_that_is_said(write):
    rows = [f"2024-03-31T{k:02}:00:00+0{1 if k < 2 else 2}:00,{k}" for k in (0, 1, 3, 4, 5, 6)]
    found = read_series(write(rows, header="date,y"))
    assert found.times[:3] == ["2024-03-30 23:00", "2024-03-31 00:00", "2024-03-31 01:00"]
    assert "told as UTC" in found.notes[0]


@pytest.mark.parametrize(("column", "by", "step"), [("year", 1, "year"), ("Jahr", 10, "10 years"),
                                                    ("place", 1, "step")])  # fmt: skip
def test_a_column_of_years_has_years(write, column, by, step):
    rows = [f"{1950 + by * k},{k % 7}" for k in range(20)]
    found = read_series(write(rows, header=f"{column},y"), "y", column)
    assert (found.step, found.times[0], found.moment(1)) == (step, "1950", str(1950 + 20 * by))
